/* SPDX-License-Identifier: Apache-2.0 */
/* flow.c: rows and columns are the same thing twice; names of values; and cursor.h's promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/cursor.h"
#include "common/records/flow.h"

static void test_row_column_round_trip(void **state)
{
    (void)state;
    struct flow flow, back;
    memset(&flow, 0xff, sizeof(flow)); /* the largest value of every field */
    memset(&back, 0, sizeof(back));
    struct flow_batch *batch = flow_batch_new(2);
    assert_int_equal(flow_batch_add(batch, &(struct flow){0}), RESULT_OK);
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    flow_batch_get(batch, 1, &back);
    for (int i = 0; i < FLOW_FIELD_COUNT; i++)
        assert_memory_equal((char *)&back + flow_fields[i].offset, (char *)&flow + flow_fields[i].offset,
                            flow_fields[i].size);
    flow_batch_get(batch, 0, &back);
    const struct flow nothing = {0};
    for (int i = 0; i < FLOW_FIELD_COUNT; i++)
        assert_memory_equal((char *)&back + flow_fields[i].offset, (const char *)&nothing + flow_fields[i].offset,
                            flow_fields[i].size);
    flow_batch_destroy(&batch);
    assert_null(batch);
    assert_null(flow_batch_new(0));
}

static void test_the_typed_and_the_general_way_agree(void **state)
{
    (void)state;
    struct flow flow = {.flow = 7, .src_port = 40000, .first_time = -5, .dst_digest = UINT64_MAX}, typed, general;
    struct flow_batch *batch = flow_batch_new(2);
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    assert_int_equal(records_add(flow_records(batch), &flow), RESULT_OK);
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_FULL);
    flow_batch_get(batch, 1, &typed);
    records_get(flow_records(batch), 0, &general);
    for (int i = 0; i < FLOW_FIELD_COUNT; i++) {
        assert_memory_equal((char *)&typed + flow_fields[i].offset, (char *)&general + flow_fields[i].offset,
                            flow_fields[i].size);
        assert_ptr_equal(flow_batch_column(batch, i), records_column(flow_records(batch), i));
    }
    assert_ptr_equal(batch->src_port, records_column(flow_records(batch), FLOW_FIELD_src_port));
    flow_batch_destroy(&batch);
}

static void test_history(void **state)
{
    (void)state;
    char text[FLOW_HISTORY_MAX + 1];
    uint64_t history = 0;
    assert_string_equal(flow_history_text(history, text), "");
    for (const char *c = "ShADadFfRr^Iextra"; *c != '\0'; c++)
        history = flow_history_add(history, *c);
    assert_string_equal(flow_history_text(history, text), "ShADadFfRr^I"); /* the thirteenth does not fit */
    assert_int_equal(flow_history_add(0, 'x'), 0);
}

static void test_value_names(void **state)
{
    (void)state;
    for (unsigned s = 0; s < FLOW_STATE_COUNT; s++)
        assert_int_equal(field_word_find(&flow_fields[FLOW_FIELD_state], flow_state_name(s)), s);
    assert_string_equal(flow_state_name(200), "?");
    assert_string_equal(flow_end_reason_name(FLOW_END_RESOURCES), "resources");
    assert_string_equal(flow_end_reason_name(99), "?");
    char text[9];
    assert_string_equal(tcp_flags_text(0x1b, text), "FSPA");
    assert_string_equal(tcp_flags_text(0, text), ".");
    assert_string_equal(tcp_flags_text(0xff, text), "FSRPAUEC");
}

static void test_cursor_is_sticky(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct cursor c = cursor_make(bytes, sizeof(bytes));
    assert_int_equal(cursor_be16(&c), 0x0102);
    assert_int_equal(cursor_be24(&c), 0x030405);
    assert_int_equal(cursor_le32(&c), 0x09080706);
    assert_int_equal(c.left, 0);
    assert_false(c.failed);
    assert_int_equal(cursor_u8(&c), 0);
    assert_true(c.failed);
    c.left = 9; /* a failed cursor stays failed */
    assert_null(cursor_take(&c, 1));
    c = cursor_make(bytes, sizeof(bytes));
    assert_null(cursor_take(&c, SIZE_MAX));
    c = cursor_make(bytes, sizeof(bytes));
    cursor_limit(&c, 2);
    assert_int_equal(cursor_be32(&c), 0);
    assert_true(c.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_column_round_trip),
        cmocka_unit_test(test_the_typed_and_the_general_way_agree),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_value_names),
        cmocka_unit_test(test_cursor_is_sticky),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
