/* SPDX-License-Identifier: Apache-2.0 */
/* What answers say of lives that died or are away, before and after it is declared. */
#include "tests/unit/aggregator/stage.h"

#include "aggregator/lost.h"
#include "common/records/loss.h"
#include "common/records/status.h"

#define SECOND(n) (TEST_NOW + (n)*NS_PER_S)

static struct store *open_store(void)
{
    const struct store_options options = {.directory = config.data};
    struct store *store = NULL;
    aggregator_stop(&aggregator);
    assert_ok(store_open(&options, &store, &err), err);
    return store;
}

static void close_store(struct store *store)
{
    store_close(&store);
    start();
}

/* Five flows, and a status by which `made` records were made; as life `epoch` of inner, heard at `second`. */
static void put_life(struct store *store, uint64_t epoch, int second, uint64_t made, bool last)
{
    struct batch *batch = test_batch("inner", last ? 2 : 1, SECOND(second));
    batch->observer.epoch = epoch;
    for (unsigned i = 0; i < 5; i++) {
        struct flow flow = test_flow(i + 1, SECOND(second - 8));
        assert_int_equal(records_append(test_records(batch, RECORD_FLOW), &flow), RESULT_OK);
    }
    const struct status status = {.time = SECOND(second),
                                  .started = SECOND(second - 9),
                                  .records_made = made,
                                  .records_held = made,
                                  .reported_through = SECOND(second - 3),
                                  .last = last};
    assert_int_equal(records_append(test_records(batch, RECORD_STATUS), &status), RESULT_OK);
    assert_ok(store_commit(store, &batch, 1, &err), err);
    batch_destroy(&batch);
}

/* What the committer does when it is due. */
static void declare(struct store *store)
{
    struct store_life *lives = NULL;
    size_t count = 0;
    bool later;
    struct batch *batch = test_conclusions(SECOND(1000));
    assert_ok(store_lives(store, false, &lives, &count, &err), err);
    assert_int_equal(count, 2); /* in the order they came, which is that of their epochs */
    assert_ok(lost_declare(lives, count, SECOND(1000), LOST_QUIET_NS, &batch->records[RECORD_LOSS], &later, &err), err);
    assert_non_null(batch->records[RECORD_LOSS]);
    assert_ok(store_commit(store, &batch, 1, &err), err);
    batch_destroy(&batch);
    store_lives_free(&lives, count);
}

static void expect_sums(const struct answer *sensors, uint64_t row, const char *state, uint64_t lost, uint64_t held)
{
    assert_string_equal(text_of(sensors, row, "state"), state);
    assert_int_equal(number_of(sensors, row, "lost"), lost);
    assert_int_equal(number_of(sensors, row, "held"), held);
    assert_int_equal(number_of(sensors, row, "made"), number_of(sensors, row, "committed") + lost + held);
    assert_string_equal(text_of(sensors, row, "trouble"), "");
}

static const char *seconds(int from)
{
    static char texts[4][32];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    snprintf(text, sizeof(texts[0]), "%lld", (long long)SECOND(from));
    return text;
}

static const struct answer *find(int from, int to)
{
    return ask("flows", "from", seconds(from), "to", seconds(to));
}

static void test_a_sensor_that_is_away_is_named(void **state)
{
    (void)state;
    struct store *store = open_store();
    put_life(store, 5, 100, 12, false);
    close_store(store);
    const struct answer *a = find(90, 110);
    assert_int_equal(a->rows, 5);
    assert_int_equal(a->end->coverage->state, PAVO__COVERAGE__STATE__PARTIAL);
    assert_int_equal(a->end->coverage->n_gaps, 1);
    const Pavo__Gap *gap = a->end->coverage->gaps[0];
    assert_int_equal(gap->kind, PAVO__GAP__KIND__STATE);
    assert_string_equal(gap->sensor, "inner");
    assert_int_equal(gap->from_ns, SECOND(97));
    assert_int_equal(gap->at_most, 0);
    assert_non_null(strstr(gap->reason, "away"));
    assert_non_null(strstr(gap->reason, "records unknown, at least 7"));
    assert_int_equal(find(90, 97)->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE); /* that much it reported */
    const struct answer *sensors = ask("sensors");
    assert_string_equal(text_of(sensors, 0, "state"), "away");
    assert_int_equal(number_of(sensors, 0, "held"), 12); /* as it said itself */
    assert_int_equal(gap_count(sensors, PAVO__GAP__KIND__STATE), 1);
}

/* It speaks again: in the very life that was away, so nothing is missing. */
static void test_a_sensor_that_comes_back_is_whole(void **state)
{
    (void)state;
    struct store *store = open_store();
    put_life(store, 5, 100, 12, false);
    close_store(store);
    void *socket = sensor_socket(&inner_keys);
    say_hello(socket, "inner", 5);
    pavo__to_sensor__free_unpacked(next_to_sensor(socket), NULL);
    assert_int_equal(find(90, 110)->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE);
    /* A newer life says no more than hello: the old one will not come back. */
    say_hello(socket, "inner", 6);
    pavo__to_sensor__free_unpacked(next_to_sensor(socket), NULL);
    const struct answer *a = find(90, 110);
    assert_int_equal(gap_count(a, PAVO__GAP__KIND__STATE), 1);
    assert_non_null(strstr(a->end->coverage->gaps[0]->reason, "died"));
    const struct answer *sensors = ask("sensors");
    assert_int_equal(sensors->rows, 2);
    expect_sums(sensors, 0, "died", 0, 7);
    close_socket(socket);
}

static void test_a_sensor_that_died_is_named(void **state)
{
    (void)state;
    struct store *store = open_store();
    put_life(store, 5, 100, 12, false);
    put_life(store, 6, 200, 5, true);
    close_store(store);
    const struct answer *before = find(90, 205);
    assert_int_equal(before->end->coverage->n_gaps, 1);
    assert_int_equal(before->end->coverage->gaps[0]->kind, PAVO__GAP__KIND__STATE);
    assert_int_equal(before->end->coverage->gaps[0]->to_ns, SECOND(191));
    expect_sums(ask("sensors"), 0, "died", 0, 7);

    store = open_store();
    declare(store);
    close_store(store);
    const struct answer *a = find(90, 205);
    assert_int_equal(a->end->coverage->state, PAVO__COVERAGE__STATE__PARTIAL);
    assert_int_equal(a->end->coverage->n_gaps, 1);
    const Pavo__Gap *gap = a->end->coverage->gaps[0];
    assert_int_equal(gap->kind, PAVO__GAP__KIND__LOSS);
    assert_string_equal(gap->sensor, "inner");
    assert_int_equal(gap->from_ns, SECOND(97));
    assert_int_equal(gap->to_ns, SECOND(191));
    assert_int_equal(gap->at_most, 0);
    assert_string_equal(gap->unit, "records");
    assert_non_null(strstr(gap->reason, "records unknown, at least 7; packets unknown"));
    assert_int_equal(find(192, 205)->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE);
    const struct answer *sensors = ask("sensors");
    expect_sums(sensors, 0, "died", 7, 0);
    expect_sums(sensors, 1, "ended", 0, 0);
    assert_int_equal(sensors->end->coverage->n_gaps, 1);
    const struct answer *losses = ask("losses");
    assert_int_equal(losses->rows, 1);
    assert_string_equal(text_of(losses, 0, "loss"), "records_died");
    assert_string_equal(text_of(losses, 0, "sensor"), "inner");
    assert_int_equal(number_of(losses, 0, "epoch"), 5);
}

/* It was declared, and then everything came: nothing is missing. */
static void test_what_came_after_all_is_not_missing(void **state)
{
    (void)state;
    struct store *store = open_store();
    put_life(store, 5, 100, 12, false);
    put_life(store, 6, 200, 5, true);
    declare(store);
    put_life(store, 5, 110, 10, true);
    close_store(store);
    const struct answer *a = find(90, 205);
    assert_int_equal(a->rows, 15);
    assert_int_equal(a->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE);
    const struct answer *sensors = ask("sensors");
    expect_sums(sensors, 0, "ended", 0, 0);
    assert_int_equal(sensors->end->coverage->n_gaps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_a_sensor_that_is_away_is_named),
        STAGE_TEST(test_a_sensor_that_comes_back_is_whole),
        STAGE_TEST(test_a_sensor_that_died_is_named),
        STAGE_TEST(test_what_came_after_all_is_not_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
