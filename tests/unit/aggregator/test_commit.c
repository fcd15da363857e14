/* SPDX-License-Identifier: Apache-2.0 */
/* The committing thread over a real store: what goes in is in the store with what follows from it, and told back. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/commit.h"
#include "aggregator/store/store.h"
#include "common/records/loss.h"
#include "common/records/status.h"

static struct error err;
static struct store *store;
static struct queue *intake, *receipts;
static struct committer *committer;
static const struct boundary border = {
    .name = "border", .inside = "inner", .outside = "outer", .window_ns = 120 * NS_PER_S, .tolerance_ns = 2 * NS_PER_S};

static int setup(void **state)
{
    if (directory_setup(state) != 0)
        return 1;
    const struct store_options options = {.directory = test_directory};
    assert_ok(store_open(&options, &store, &err), err);
    assert_ok(queue_new(UINT64_MAX, &intake, &err), err);
    assert_ok(queue_new(UINT64_MAX, &receipts, &err), err);
    return 0;
}

static int teardown(void **state)
{
    struct receipt *receipt;
    committer_stop(&committer);
    while ((receipt = queue_pop(receipts)) != NULL)
        free(receipt);
    queue_destroy(&intake);
    queue_destroy(&receipts);
    store_close(&store);
    return directory_teardown(state);
}

static void start(void)
{
    const struct committer_options options = {.store = store, .intake = intake, .receipts = receipts};
    assert_ok(committer_start(&options, &border, 1, &committer, &err), err);
}

static void push(struct batch *batch)
{
    assert_int_equal(queue_push(intake, batch, batch_weight(batch)), RESULT_OK);
}

/* Everything that is queued goes in. */
static void commit_all(void)
{
    start();
    committer_stop(&committer);
    assert_null(committer);
}

/* A TCP connection with sequence numbers, or the same behind masquerading. */
static struct flow tcp(uint64_t number, bool inside)
{
    struct flow flow = test_flow(number, TEST_NOW);
    flow.src_isn = (uint32_t)(0x9e3779b9u * (number + 1));
    flow.dst_isn = (uint32_t)(0x85ebca6bu * (number + 7));
    flow.evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN;
    flow.direction = FLOW_DIRECTION_HANDSHAKE;
    if (!inside) {
        flow.src_lo = 0xffffcb007105u;
        flow.src_port = (uint16_t)(number % 60000);
    }
    return flow;
}

static struct batch *tcp_batch(uint64_t sequence, uint64_t first, uint32_t rows, bool inside)
{
    struct batch *batch = test_batch(inside ? "inner" : "outer", sequence, TEST_NOW);
    for (uint32_t i = 0; i < rows; i++) {
        struct flow flow = tcp(first + i, inside);
        assert_int_equal(records_append(test_records(batch, RECORD_FLOW), &flow), RESULT_OK);
    }
    return batch;
}

static struct records *stored(enum record_kind_number kind)
{
    struct store_reader *reader;
    struct records *records = NULL;
    const struct store_query query = {.kind = kind};
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_collect(reader, &query, &records, &err), err);
    store_reader_close(&reader);
    return records;
}

static void test_what_has_a_name_is_told_back(void **state)
{
    (void)state;
    struct receipt *receipt;
    struct loss loss = {.loss = 1, .from_time = TEST_NOW, .to_time = TEST_NOW, .count = 3};
    struct batch *losses = test_batch("outer", 9, TEST_NOW);
    assert_int_equal(records_append(test_records(losses, RECORD_LOSS), &loss), RESULT_OK);
    losses->route = (struct route){.peer = "way", .length = 3};
    push(tcp_batch(1, 1, 10, true));
    push(losses);
    push(test_batch("inner", 2, TEST_NOW)); /* of nothing: its name is taken all the same */
    commit_all();
    receipt = queue_pop(receipts);
    assert_string_equal(receipt->observer.sensor, "inner");
    assert_int_equal(receipt->observer.epoch, 7);
    assert_int_equal(receipt->sequence, 1);
    free(receipt);
    receipt = queue_pop(receipts);
    assert_string_equal(receipt->observer.sensor, "outer");
    assert_int_equal(receipt->sequence, 9);
    assert_int_equal(receipt->route.length, 3);
    assert_memory_equal(receipt->route.peer, "way", 3);
    free(receipt);
    receipt = queue_pop(receipts);
    assert_int_equal(receipt->sequence, 2);
    free(receipt);
    assert_null(queue_pop(receipts));
    uint64_t digest;
    struct observer inner = test_observer("inner", 7), outer = test_observer("outer", 7);
    assert_int_equal(store_name(store, &inner, 1, &digest), STORE_NAME_COMMITTED);
    assert_int_equal(store_name(store, &inner, 2, &digest), STORE_NAME_COMMITTED);
    assert_int_equal(store_name(store, &outer, 9, &digest), STORE_NAME_COMMITTED);
    assert_int_equal(store_name(store, &inner, 3, &digest), STORE_NAME_NEW);
    struct records *records = stored(RECORD_LOSS);
    assert_int_equal(records->rows, 1);
    records_free(&records);
}

/* What the correlator concludes goes in with the flows, without a name: nobody is told of it. */
static void test_conclusions_go_in_with_the_flows(void **state)
{
    (void)state;
    push(tcp_batch(1, 1, 5, true));
    push(tcp_batch(1, 1, 5, false));
    commit_all();
    for (int i = 0; i < 2; i++) {
        struct receipt *receipt = queue_pop(receipts);
        assert_non_null(receipt);
        free(receipt);
    }
    assert_null(queue_pop(receipts));
    struct records *verdicts = stored(RECORD_VERDICT), *bindings = stored(RECORD_BINDING);
    assert_int_equal(verdicts->rows, 5);
    assert_int_equal(bindings->rows, 5);
    const struct verdict_columns *v = verdict_columns(verdicts);
    for (uint32_t row = 0; row < 5; row++) {
        uint32_t first, count = records_items(verdicts, VERDICT_TERMS, row, &first);
        int32_t sum = 0;
        for (uint32_t i = first; i < first + count; i++)
            sum += v->term_weight[i];
        assert_int_equal(v->verdict[row], VERDICT_TRANSLATED);
        assert_int_equal(v->flow[row], v->partner_flow[row]);
        assert_int_equal(sum, v->odds[row]);
        assert_true(sum > 0);
    }
    records_free(&verdicts);
    records_free(&bindings);
    struct store_summary summary;
    store_summarise(store, &summary);
    assert_int_equal(summary.last[RECORD_VERDICT], summary.position); /* behind what they are about */
    assert_int_equal(summary.last[RECORD_BINDING], summary.position);
    assert_true(summary.last[RECORD_FLOW] < summary.position);
}

/* A batch has a bound of rows, conclusions have none: they are cut into several. */
static void test_many_conclusions_are_several_batches(void **state)
{
    (void)state;
    enum { PART = 40000, ALL = 2 * PART };
    for (unsigned i = 0; i < 4; i++)
        push(tcp_batch(1 + i % 2, i % 2 * PART, PART, i < 2));
    commit_all();
    struct store_reader *reader;
    const struct store_query query = {.kind = RECORD_VERDICT, .by_position = true};
    uint32_t rows = 0, batches = 0;
    uint64_t position = 0, before = 0;
    struct records *records;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, &query, &err), err);
    while (store_next(reader, &records, &position, &err) == RESULT_OK) {
        assert_true(position > before);
        assert_true(records->rows <= RECORDS_ROWS_MAX);
        before = position;
        rows += records->rows;
        batches++;
        records_free(&records);
    }
    store_reader_close(&reader);
    assert_int_equal(rows, ALL);
    assert_int_equal(batches, 2);
}

/* A view that waits when the program ends is waiting again when it starts. */
static void test_waiting_views_are_restored(void **state)
{
    (void)state;
    struct batch *status = test_batch("inner", 2, TEST_NOW);
    struct status said = {.time = TEST_NOW, .started = TEST_NOW};
    assert_int_equal(records_append(test_records(status, RECORD_STATUS), &said), RESULT_OK);
    push(tcp_batch(1, 1, 3, true));
    push(status);
    commit_all();
    start();
    struct committer_boundary shown;
    assert_true(committer_boundary(committer, 0, &shown));
    assert_string_equal(shown.name, "border");
    assert_string_equal(shown.outside, "outer");
    assert_false(committer_boundary(committer, 1, &shown));
    committer_stop(&committer);
    push(tcp_batch(1, 1, 3, false));
    commit_all();
    struct records *verdicts = stored(RECORD_VERDICT);
    assert_int_equal(verdicts->rows, 3);
    records_free(&verdicts);
    /* And linked ones are not taken up once more. */
    push(tcp_batch(2, 1, 3, false));
    commit_all();
    verdicts = stored(RECORD_VERDICT);
    assert_int_equal(verdicts->rows, 3);
    records_free(&verdicts);
}

/* What the sensors say of themselves settles what payloads alone suggest, without waiting for the window. */
static void test_statuses_settle(void **state)
{
    (void)state;
    for (unsigned side = 0; side < 2; side++) {
        struct batch *batch = test_batch(side == 0 ? "inner" : "outer", 1, TEST_NOW);
        struct flow flow = test_flow(1, TEST_NOW);
        struct status said = {.time = TEST_NOW, .last = 1};
        flow.protocol = 17;
        flow.src_digest = 77, flow.dst_digest = 78;
        flow.evidence = FLOW_HAS_SRC_DIGEST | FLOW_HAS_DST_DIGEST;
        flow.src_port = (uint16_t)(flow.src_port + side);
        assert_int_equal(records_append(test_records(batch, RECORD_FLOW), &flow), RESULT_OK);
        assert_int_equal(records_append(test_records(batch, RECORD_STATUS), &said), RESULT_OK);
        push(batch);
    }
    start();
    struct store_summary summary = {0};
    int64_t until = clock_monotonic_ns() + 20 * NS_PER_S;
    while (summary.last[RECORD_VERDICT] == 0 && clock_monotonic_ns() < until) {
        usleep(20000);
        store_summarise(store, &summary);
    }
    committer_stop(&committer);
    struct records *verdicts = stored(RECORD_VERDICT);
    assert_int_equal(verdicts->rows, 1);
    assert_int_equal(verdict_columns(verdicts)->method[0], METHOD_DIGESTS);
    records_free(&verdicts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_has_a_name_is_told_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_conclusions_go_in_with_the_flows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_conclusions_are_several_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting_views_are_restored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_statuses_settle, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
