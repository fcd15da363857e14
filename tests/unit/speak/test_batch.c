/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: handed on when full, when old, when told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/records/alert.h"
#include "common/records/binding.h"
#include "common/records/flow.h"
#include "common/speak/batch.h"

struct taken {
    uint32_t batches, rows;
    bool keep; /* take the batch for good */
};

static void take(void *context, struct records **records)
{
    struct taken *t = context;
    t->batches++;
    for (uint32_t row = 0; row < (*records)->rows; row++) {
        struct flow flow;
        flow_batch_get(flow_batch_of(*records), row, &flow);
        assert_int_equal(flow.flow, t->rows + row + 1);
        assert_string_equal((*records)->observers[flow.observer].sensor, "inner");
    }
    t->rows += (*records)->rows;
    if (t->keep)
        records_free(records);
}

static struct batcher *make(struct taken *t)
{
    struct batcher_options options = {.kind = record_kinds[RECORD_FLOW],
                                      .observer = {.sensor = "inner", .epoch = 1},
                                      .rows = 10,
                                      .age_ns = 1000,
                                      .submit = take,
                                      .context = t};
    struct batcher *b;
    assert_int_equal(batcher_new(&options, &b, NULL), RESULT_OK);
    return b;
}

static void add(struct batcher *b, unsigned from, unsigned through)
{
    for (unsigned n = from; n <= through; n++)
        batcher_add(b, &(struct flow){.flow = n});
}

static void test_full_batches_are_handed_on(void **state)
{
    (void)state;
    for (unsigned keep = 0; keep < 2; keep++) {
        struct taken t = {.keep = keep};
        struct batcher *b = make(&t);
        add(b, 1, 25);
        assert_int_equal(t.batches, 2);
        assert_int_equal(t.rows, 20);
        assert_int_equal(batcher_waiting(b), 5);
        batcher_flush(b);
        assert_int_equal(t.rows, 25);
        batcher_flush(b);
        assert_int_equal(t.batches, 3); /* no empty ones */
        batcher_destroy(&b);
    }
}

static void test_old_batches_are_handed_on(void **state)
{
    (void)state;
    struct taken t = {0};
    struct batcher *b = make(&t);
    batcher_tick(b, 5000);
    add(b, 1, 3);
    batcher_tick(b, 6000);
    batcher_tick(b, 6999);
    assert_int_equal(t.batches, 0);
    batcher_tick(b, 7000);
    assert_int_equal(t.rows, 3);
    add(b, 4, 4);
    batcher_tick(b, 7001);
    assert_int_equal(t.rows, 3);
    batcher_tick(b, 8001);
    assert_int_equal(t.rows, 4);
    batcher_destroy(&b);
}

static void test_rows_out_of_range_are_refused(void **state)
{
    (void)state;
    struct batcher *b;
    struct batcher_options options = {.kind = record_kinds[RECORD_FLOW], .rows = 0, .submit = take};
    assert_int_equal(batcher_new(&options, &b, NULL), RESULT_REJECT);
    options.rows = RECORDS_ROWS_MAX + 1;
    assert_int_equal(batcher_new(&options, &b, NULL), RESULT_REJECT);
}

static void keep(void *context, struct records **records)
{
    *(struct records **)context = *records;
    *records = NULL;
}

static struct batcher *make_of(enum record_kind_number kind, uint32_t rows, struct records **ret_records)
{
    struct batcher_options options = {.kind = record_kinds[kind],
                                      .observer = {.sensor = "inner", .epoch = 1},
                                      .rows = rows,
                                      .submit = keep,
                                      .context = ret_records};
    struct batcher *b;
    *ret_records = NULL;
    assert_int_equal(batcher_new(&options, &b, NULL), RESULT_OK);
    return b;
}

/* A witness has rows with texts; its observer is itself unless it says otherwise. */
static void test_bindings(void **state)
{
    (void)state;
    struct records *records;
    struct batcher *b = make_of(RECORD_BINDING, 2, &records);
    struct observer other = {.sensor = "witness/router", .epoch = 5};
    struct binding row = {.boundary = "border", .inside_port = 4000, .source = "a line"};
    batcher_add(b, &row);
    assert_int_equal(batcher_observer(b, &other, &row.observer), RESULT_OK);
    row.inside_port = 4001;
    row.boundary = "dmz";
    batcher_add(b, &row);
    assert_non_null(records);
    const struct binding_columns *c = binding_columns(records);
    assert_int_equal(records->rows, 2);
    assert_string_equal(c->boundary[0], "border");
    assert_string_equal(c->boundary[1], "dmz");
    assert_string_equal(c->source[0], "a line");
    assert_int_equal(c->inside_port[1], 4001);
    assert_string_equal(records->observers[c->observer[0]].sensor, "inner");
    assert_string_equal(records->observers[c->observer[1]].sensor, "witness/router");
    records_free(&records);
    batcher_destroy(&b);
}

/* A detector's rows have lists. */
static void test_alerts_with_their_flows(void **state)
{
    (void)state;
    struct records *records;
    struct batcher *b = make_of(RECORD_ALERT, 3, &records);
    struct alert row = {.detector = "scan", .subject = "10.0.0.1", .time = 77};
    struct alert_flow flows[] = {{.flow_number = 17}, {.flow_number = 18}};
    batcher_add_lists(b, &row, &(struct batcher_list){flows, 2});
    batcher_add(b, &row);
    batcher_add_lists(b, &row, &(struct batcher_list){flows + 1, 1});
    assert_non_null(records);
    const struct alert_columns *c = alert_columns(records);
    uint32_t first;
    assert_int_equal(records_items(records, ALERT_FLOWS, 0, &first), 2);
    assert_int_equal(c->flow_number[first + 1], 18);
    assert_int_equal(records_items(records, ALERT_FLOWS, 1, &first), 0);
    assert_int_equal(records_items(records, ALERT_FLOWS, 2, &first), 1);
    assert_int_equal(c->flow_number[first], 18);
    records_free(&records);
    batcher_destroy(&b);
}

/* A row is whole or none, and none is counted, with its time. */
static void test_what_does_not_fit_is_counted(void **state)
{
    (void)state;
    static struct alert_flow flows[ALERT_FLOWS_MAX + 1];
    struct records *records;
    struct batcher *b = make_of(RECORD_ALERT, 10, &records);
    struct alert row = {.detector = "scan", .time = 500};
    batcher_add_lists(b, &row, &(struct batcher_list){flows, 3});
    row.time = 900;
    batcher_add_lists(b, &row, &(struct batcher_list){flows, ALERT_FLOWS_MAX + 1});
    row.time = 700;
    batcher_add_lists(b, &row, &(struct batcher_list){flows, ALERT_FLOWS_MAX + 1});
    assert_int_equal(batcher_waiting(b), 1);
    struct batcher_lost lost = batcher_lost(b);
    assert_int_equal(lost.records, 2);
    assert_int_equal(lost.from_time, 700);
    assert_int_equal(lost.to_time, 900);
    row.time = 600;
    batcher_add_lists(b, &row, &(struct batcher_list){flows, 1});
    batcher_flush(b);
    assert_int_equal(records->rows, 2);
    assert_int_equal(records->items[ALERT_FLOWS], 4);
    records_free(&records);
    batcher_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_batches_are_handed_on),    cmocka_unit_test(test_old_batches_are_handed_on),
        cmocka_unit_test(test_rows_out_of_range_are_refused), cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_alerts_with_their_flows),       cmocka_unit_test(test_what_does_not_fit_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
