/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: handed on when full, when old, when told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sensor/batch/batch.h"

struct taken {
    uint32_t batches, rows;
    bool keep; /* take the batch for good */
};

static void take(void *context, struct flow_batch **batch)
{
    struct taken *t = context;
    t->batches++;
    for (uint32_t row = 0; row < (*batch)->rows; row++) {
        struct flow flow;
        flow_batch_get(*batch, row, &flow);
        assert_int_equal(flow.flow, t->rows + row + 1);
        assert_string_equal((*batch)->observers[flow.observer].sensor, "inner");
    }
    t->rows += (*batch)->rows;
    if (t->keep)
        flow_batch_destroy(batch);
}

static struct batcher *make(struct taken *t)
{
    struct batcher_options options = {
        .observer = {.sensor = "inner", .epoch = 1}, .rows = 10, .age_ns = 1000, .submit = take, .context = t};
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
    struct batcher_options options = {.rows = 0, .submit = take};
    assert_int_equal(batcher_new(&options, &b, NULL), RESULT_REJECT);
    options.rows = FLOW_BATCH_ROWS_MAX + 1;
    assert_int_equal(batcher_new(&options, &b, NULL), RESULT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_batches_are_handed_on),
        cmocka_unit_test(test_old_batches_are_handed_on),
        cmocka_unit_test(test_rows_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
