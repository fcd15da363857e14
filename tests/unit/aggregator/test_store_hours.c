/* SPDX-License-Identifier: Apache-2.0 */
/* Hours: of flows by chance they sum up what a plain reading does; the same hot, sealed and merged; and they stay when
 * flows are let go. */
#include "tests/unit/aggregator/random_records.h"
#include "tests/unit/aggregator/store_support.h"

#include <errno.h>
#include <fcntl.h>

#include "aggregator/store/hours.h"

/* ---- of one batch */

static void assert_hour(const struct flow_batch *f, const struct hour_columns *h, uint32_t row)
{
    struct hour sums = {0};
    for (uint32_t i = 0; i < f->rows; i++) {
        uint16_t port = protocol_has_ports(f->protocol[i]) ? (uint16_t)f->dst_port[i] : 0;
        if (f->observer[i] != h->observer[row] || hour_of(f->first_time[i]) != h->time[row] ||
            f->protocol[i] != h->protocol[row] || port != h->dst_port[row])
            continue;
        sums.flows += f->report[i] == 0;
        sums.src_packets += f->src_packets[i];
        sums.dst_packets += f->dst_packets[i];
        sums.src_bytes += f->src_bytes[i];
        sums.dst_bytes += f->dst_bytes[i];
    }
    assert_int_equal(sums.flows, h->flows[row]);
    assert_int_equal(sums.src_packets, h->src_packets[row]);
    assert_int_equal(sums.dst_packets, h->dst_packets[row]);
    assert_int_equal(sums.src_bytes, h->src_bytes[row]);
    assert_int_equal(sums.dst_bytes, h->dst_bytes[row]);
}

static void narrow(struct flow_batch *f)
{
    static const uint32_t protocols[] = {1, 6, 17, 47};
    for (uint32_t i = 0; i < f->rows; i++) {
        f->protocol[i] = protocols[draw() % 4];
        f->dst_port[i] = (uint32_t)(draw() % 5);
        f->report[i] = (uint32_t)(draw() % 3);
        f->first_time[i] = TEST_NOW + (int64_t)(draw() % 7) * HOUR_NS / 2;
    }
}

static void test_hours_of_random_flows(void **state)
{
    (void)state;
    static const uint32_t rows[] = {1, 2, 63, 64, 65, 3000};
    for (unsigned n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
        struct records *flows = random_records(record_kinds[RECORD_FLOW], rows[n], 3);
        narrow(flow_batch_of(flows));
        struct records *hours = hours_of_flows(flows);
        assert_non_null(hours);
        const struct hour_columns *h = hour_columns(hours);
        assert_int_equal(hours->observer_count, flows->observer_count);
        assert_memory_equal(hours->observers, flows->observers, flows->observer_count * sizeof(struct observer));
        uint64_t packets = 0, wanted = 0;
        for (uint32_t row = 0; row < hours->rows; row++) {
            assert_hour(flow_batch_of(flows), h, row);
            packets += h->src_packets[row];
            for (uint32_t other = 0; other < row; other++)
                assert_false(h->observer[row] == h->observer[other] && h->time[row] == h->time[other] &&
                             h->protocol[row] == h->protocol[other] && h->dst_port[row] == h->dst_port[other]);
        }
        for (uint32_t i = 0; i < flows->rows; i++)
            wanted += flow_batch_of(flows)->src_packets[i];
        assert_int_equal(packets, wanted);
        records_free(&hours);
        records_free(&flows);
    }
}

/* Added batch by batch they are the same as of all at once, and stand alone where the observers are too many. */
static void test_hours_of_many_batches(void **state)
{
    (void)state;
    struct hours sums = {0};
    struct records *all = NULL;
    for (unsigned n = 0; n < 30; n++) {
        struct records *flows = random_records(record_kinds[RECORD_FLOW], 1 + (uint32_t)(draw() % 300), 3);
        narrow(flow_batch_of(flows));
        assert_int_equal(hours_add(&sums, flows), RESULT_OK);
        if (all == NULL)
            all = records_copy(flows, NULL, 0, flows->rows);
        else
            assert_int_equal(records_join(&all, flows), RESULT_OK);
        records_free(&flows);
    }
    struct records *hours = hours_take(&sums), *wanted = hours_of_flows(all);
    assert_int_equal(hours->rows, wanted->rows);
    for (uint32_t row = 0; row < hours->rows; row++)
        assert_hour(flow_batch_of(all), hour_columns(hours), row);
    records_free(&wanted);
    records_free(&hours);
    records_free(&all);
}

static void test_too_many_observers_for_one(void **state)
{
    (void)state;
    struct hours sums = {0};
    for (uint64_t epoch = 1; epoch <= RECORDS_OBSERVERS_MAX; epoch++) {
        struct observer observer = test_observer("inner", epoch);
        struct records *flows = flow_records(test_flows(&observer, 1, 1, TEST_NOW));
        assert_int_equal(hours_add(&sums, flows), RESULT_OK);
        records_free(&flows);
    }
    struct observer observer = test_observer("outer", 1);
    struct records *flows = flow_records(test_flows(&observer, 1, 1, TEST_NOW)), *hours;
    assert_int_equal(hours_add(&sums, flows), RESULT_FULL);
    hours = hours_take(&sums);
    assert_int_equal(hours->rows, RECORDS_OBSERVERS_MAX);
    assert_int_equal(hours_add(&sums, flows), RESULT_OK);
    assert_int_equal(sums.sums->rows, 1);
    hours_fini(&sums);
    records_free(&hours);
    records_free(&flows);
}

static void test_odd_times(void **state)
{
    (void)state;
    assert_int_equal(hour_of(0), 0);
    assert_int_equal(hour_of(-1), -HOUR_NS);
    assert_int_equal(hour_of(HOUR_NS), HOUR_NS);
    assert_int_equal(hour_of(HOUR_NS - 1), 0);
    assert_int_equal(hour_of(INT64_MIN), INT64_MIN);
    assert_true(hour_of(INT64_MAX) > INT64_MAX - HOUR_NS);
}

/* ---- in the store */

struct totals {
    uint64_t rows, flows, packets, bytes;
};

static struct totals totals_of(struct store *store, int64_t from_ns, int64_t to_ns)
{
    struct store_reader *reader;
    struct records *hours;
    struct totals t = {0};
    const struct store_query query = {.kind = RECORD_HOUR, .from_ns = from_ns, .to_ns = to_ns};
    enum result r;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, &query, &err), err);
    while ((r = store_next(reader, &hours, NULL, &err)) == RESULT_OK) {
        const struct hour_columns *h = hour_columns(hours);
        for (uint32_t i = 0; i < hours->rows; i++, t.rows++) {
            assert_string_equal(h->observers[h->observer[i]].sensor, "inner");
            t.flows += h->flows[i];
            t.packets += h->src_packets[i] + h->dst_packets[i];
            t.bytes += h->src_bytes[i] + h->dst_bytes[i];
        }
        records_free(&hours);
    }
    assert_int_equal(r, RESULT_END);
    store_reader_close(&reader);
    return t;
}

static struct totals commit_hours(struct store *store, unsigned batches, int64_t begin_ns)
{
    struct totals t = {0};
    for (unsigned b = 0; b < batches; b++) {
        struct batch *batch = test_batch("inner", b + 1, TEST_NOW);
        add_flows(batch, 500, begin_ns + b * HOUR_NS);
        const struct flow_batch *f = flow_batch_of(batch->records[RECORD_FLOW]);
        for (uint32_t i = 0; i < f->rows; i++) {
            t.flows += f->report[i] == 0;
            t.packets += f->src_packets[i] + f->dst_packets[i];
            t.bytes += f->src_bytes[i] + f->dst_bytes[i];
        }
        assert_ok(store_commit(store, &batch, 1, &err), err);
        batch_destroy(&batch);
    }
    return t;
}

static void assert_totals(const struct totals *wanted, const struct totals *found)
{
    assert_int_equal(found->flows, wanted->flows);
    assert_int_equal(found->packets, wanted->packets);
    assert_int_equal(found->bytes, wanted->bytes);
}

static void test_hot_and_sealed_are_the_same(void **state)
{
    (void)state;
    const int64_t begin = hour_of(TEST_NOW);
    struct store *store = store_start();
    const struct totals wanted = commit_hours(store, 8, begin);
    struct totals hot = totals_of(store, 0, 0), part = totals_of(store, begin + 2 * HOUR_NS, begin + 4 * HOUR_NS);
    assert_totals(&wanted, &hot);
    assert_int_equal(hot.rows, part.rows * 4);
    assert_int_equal(hot.flows, part.flows * 4);
    store = store_sealed(store);
    struct totals sealed = totals_of(store, 0, 0);
    assert_int_equal(sealed.rows, hot.rows); /* each is of an hour of its own */
    struct totals again = totals_of(store, begin + 2 * HOUR_NS, begin + 4 * HOUR_NS);
    assert_totals(&wanted, &sealed);
    assert_totals(&part, &again);
    store_close(&store);
    assert_string_equal(last_notice, "");
}

/* Many small batches of one hour come to a row a service when they are sealed, and when what was sealed is merged. */
static void test_an_hour_is_one_row(void **state)
{
    (void)state;
    struct store *store = store_start();
    for (unsigned sealing = 0; sealing < 12; sealing++) {
        for (unsigned b = 0; b < 5; b++)
            assert_ok(commit_one(store, hour_of(TEST_NOW), "inner", sealing * 5 + b + 1, 10), err);
        seal_at_once(100000);
        store = store_again(store);
        store_settle(store);
        seal_nothing();
        if (sealing == 0) {
            assert_int_equal(totals_of(store, 0, 0).rows, 1);
            assert_int_equal(totals_of(store, 0, 0).flows, 50);
        }
    }
    int64_t until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    while (totals_of(store, 0, 0).rows > 1 && clock_monotonic_ns() < until)
        usleep(10000);
    assert_int_equal(totals_of(store, 0, 0).rows, 1);
    assert_int_equal(totals_of(store, 0, 0).flows, 600);
    store_close(&store);
}

/* A speaker that lists itself twice in a batch: what it says is sealed like everything else. */
static void test_an_observer_named_twice(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    add_flows(batch, 10, TEST_NOW);
    struct records *flows = batch->records[RECORD_FLOW];
    flows->observers = realloc(flows->observers, 2 * sizeof(*flows->observers));
    assert_non_null(flows->observers);
    flows->observers[flows->observer_count++] = flows->observers[0];
    for (uint32_t row = 0; row < flows->rows; row++)
        flow_batch_of(flows)->observer[row] = row % 2;
    assert_ok(commit_batch(store, batch), err);
    assert_int_equal(totals_of(store, 0, 0).flows, 10);
    store = store_sealed(store);
    assert_int_equal(totals_of(store, 0, 0).flows, 10);
    assert_int_equal(totals_of(store, 0, 0).rows, 1);
    store_close(&store);
}

static void test_hours_have_no_place_in_the_stream(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct store_reader *reader;
    const struct store_query query = {.kind = RECORD_HOUR, .by_position = true};
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_int_equal(store_find(reader, &query, &err), RESULT_REJECT);
    store_reader_close(&reader);
    store_close(&store);
}

/* Flows of ten days ago are let go, and what they summed up to is still there; until its own time has come. */
static void test_hours_outlive_flows(void **state)
{
    (void)state;
    const int64_t day = 24 * HOUR_NS, begin = hour_of(TEST_NOW - 10 * day);
    struct store *store = store_start();
    const struct totals old = commit_hours(store, 3, begin);
    store = store_sealed(store);
    assert_ok(commit_one(store, TEST_NOW, "inner", 100, 10), err);
    store = store_sealed(store);
    store_options.keep.flows_ns = 5 * day;
    store = store_again(store);
    int64_t until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    while (count_rows(store, &ALL) > 10 && clock_monotonic_ns() < until)
        usleep(10000);
    assert_int_equal(count_rows(store, &ALL), 10);
    struct totals found = totals_of(store, 0, begin + day);
    assert_totals(&old, &found);
    store_options.keep.rollups_ns = 8 * day;
    store = store_again(store);
    until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    while (totals_of(store, 0, begin + day).rows > 0 && clock_monotonic_ns() < until)
        usleep(10000);
    assert_int_equal(totals_of(store, 0, begin + day).rows, 0);
    assert_true(totals_of(store, 0, 0).rows > 0);
    store_close(&store);
}

/* As a full disk would have it, when a file of a segment gets its name. */
static bool disk_is_full;

int rename(const char *from, const char *to)
{
    if (!disk_is_full)
        return renameat(AT_FDCWD, from, AT_FDCWD, to);
    errno = ENOSPC;
    return -1;
}

/* Nothing can be sealed, for good: what is old is let go all the same, or a full disk would never have room again. */
static void test_old_records_go_while_none_can_be_sealed(void **state)
{
    (void)state;
    const int64_t day = 24 * HOUR_NS;
    struct store *store = store_start();
    struct store_health health;
    (void)commit_hours(store, 3, hour_of(TEST_NOW - 10 * day));
    store = store_sealed(store);
    assert_ok(commit_one(store, TEST_NOW, "inner", 100, 10), err);
    store = store_sealed(store);
    assert_ok(commit_one(store, TEST_NOW, "inner", 101, 10), err);
    store_close(&store);
    disk_is_full = true;
    seal_at_once(1);
    store_options.keep.flows_ns = 5 * day;
    store = store_start();
    int64_t until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    while (count_rows(store, &ALL) > 20 && clock_monotonic_ns() < until)
        usleep(10000);
    assert_int_equal(count_rows(store, &ALL), 20);
    do
        store_health(store, &health);
    while (health.trouble[0] == '\0' && clock_monotonic_ns() < until);
    assert_non_null(strstr(health.trouble, "records cannot be sealed"));
    disk_is_full = false;
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hours_of_random_flows), cmocka_unit_test(test_odd_times),
        cmocka_unit_test(test_hours_of_many_batches), cmocka_unit_test(test_too_many_observers_for_one),
        STORE_TEST(test_an_hour_is_one_row),          STORE_TEST(test_an_observer_named_twice),
        STORE_TEST(test_hot_and_sealed_are_the_same), STORE_TEST(test_hours_have_no_place_in_the_stream),
        STORE_TEST(test_hours_outlive_flows),         STORE_TEST(test_old_records_go_while_none_can_be_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
