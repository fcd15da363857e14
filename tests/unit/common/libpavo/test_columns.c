/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: what is known and what is not, lists, whole columns, copies, and that an event's and an answer's are the
 * same. */
#include "common/libpavo/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/flow.h"
#include "sample.h"

static pavo_columns *columns_of(struct records *records)
{
    struct shape *shape;
    assert_int_equal(shape_of_kind(records->kind, &shape, NULL), RESULT_OK);
    pavo_columns *columns = columns_new(shape, records);
    shape_drop(&shape);
    assert_non_null(columns);
    return columns;
}

/* The same as an answer brings them. */
static pavo_columns *paged(const struct records *records)
{
    struct page_head head;
    struct page_view view;
    struct shape *shape;
    struct records *read;
    struct error err = {""};
    assert_int_equal(page_head_init(&head, records->kind, "find", "pavo find", &err), RESULT_OK);
    assert_int_equal(page_view_init(&view, records, 0, records->rows, &err), RESULT_OK);
    assert_int_equal(shape_of_head(&head.message, &shape, &err), RESULT_OK);
    assert_int_equal(page_read(shape_page_kind(shape), &view.message, &read, &err), RESULT_OK);
    pavo_columns *columns = columns_new(shape, read);
    shape_drop(&shape);
    page_view_fini(&view);
    page_head_fini(&head);
    assert_non_null(columns);
    return columns;
}

static void expect_text(const pavo_columns *columns, size_t row, const char *field, const char *text)
{
    const char *found = pavo_columns_text(columns, row, pavo_columns_field(columns, field));
    if (text == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, text);
    }
}

static void test_values(void **state)
{
    (void)state;
    pavo_columns *columns = columns_of(sample_flows(5));
    uint8_t address[16];
    uint64_t number = 1;
    int64_t time = 1;
    assert_int_equal(pavo_columns_rows(columns), 2);
    assert_int_equal(pavo_columns_number(columns, 1, pavo_columns_field(columns, "flow"), &number), 1);
    assert_int_equal(number, 51);
    assert_int_equal(pavo_columns_signed(columns, 0, pavo_columns_field(columns, "first_time"), &time), 1);
    assert_int_equal(time, SAMPLE_TIME);
    assert_int_equal(pavo_columns_number(columns, 0, pavo_columns_field(columns, "duration"), &number), 1);
    assert_int_equal(number, 2500);
    assert_int_equal(pavo_columns_address(columns, 0, pavo_columns_field(columns, "src"), address), 1);
    assert_memory_equal(address, ((uint8_t[]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 1, 17}), 16);
    expect_text(columns, 0, "src", "10.0.1.17");
    expect_text(columns, 0, "dst", "2001:db8::9");
    expect_text(columns, 0, "state", "SF");
    expect_text(columns, 0, "first_time", "2023-11-14T22:13:20.123456789Z");
    expect_text(columns, 0, "sensor", "inner");
    expect_text(columns, 0, "epoch", "77");
    expect_text(columns, 0, "src_bytes", "1500");
    assert_string_equal(pavo_columns_show(columns, 0, pavo_columns_field(columns, "src_bytes"), 1), "1.5 kB");
    assert_string_equal(pavo_columns_show(columns, 0, pavo_columns_field(columns, "protocol"), 1), "tcp");
    assert_string_equal(pavo_columns_show(columns, 0, pavo_columns_field(columns, "first_time"), 1),
                        "2023-11-14T22:13:20.123456Z");
    assert_non_null(strstr(pavo_columns_json(columns, 1), "\"flow\":51,"));
    assert_int_equal(pavo_columns_json(columns, 1)[0], '{');
    pavo_columns_destroy(&columns);
    assert_null(columns);
}

/* Of every value that is not known nothing is said, and zero that is known is zero. */
static void test_absent_is_not_zero(void **state)
{
    (void)state;
    pavo_columns *columns = columns_of(sample_flows(5));
    uint8_t address[16] = {42};
    uint64_t number = 42;
    int64_t time = 42;
    static const char *const unknown[] = {"src_mac", "dst_ttl", "tunnel_id", "client_rtt", "icmp_type_code"};
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
        int field = pavo_columns_field(columns, unknown[i]);
        assert_true(field >= 0);
        assert_int_equal(pavo_columns_number(columns, 0, field, &number), 0);
        assert_int_equal(pavo_columns_signed(columns, 0, field, &time), 0);
        assert_null(pavo_columns_text(columns, 0, field));
        assert_null(pavo_columns_show(columns, 0, field, 0));
        assert_int_equal(pavo_columns_known(columns, field)[0], 0);
    }
    assert_int_equal(pavo_columns_address(columns, 0, pavo_columns_field(columns, "tunnel_src"), address), 0);
    assert_int_equal(number, 42);
    assert_int_equal(time, 42);
    assert_int_equal(address[0], 42);
    assert_int_equal(pavo_columns_number(columns, 0, pavo_columns_field(columns, "dst_bytes"), &number), 1);
    assert_int_equal(number, 0);
    expect_text(columns, 0, "dst_bytes", "0");
    assert_null(strstr(pavo_columns_json(columns, 0), "src_mac"));
    assert_non_null(strstr(pavo_columns_json(columns, 0), "\"dst_bytes\":0"));
    pavo_columns_destroy(&columns);
}

/* A TTL that the exporter cannot know, whatever the column says. */
static void test_what_an_observer_cannot_know(void **state)
{
    (void)state;
    struct records *records = sample_flows(5);
    unsigned number = flow_fields[FLOW_FIELD_src_ttl].number;
    records->observers[0].unknown[number / 64] |= 1ull << number % 64;
    ((uint32_t *)records_column(records, FLOW_FIELD_observer))[1] = 1;
    pavo_columns *columns = columns_of(records);
    int field = pavo_columns_field(columns, "src_ttl");
    expect_text(columns, 0, "src_ttl", NULL);
    expect_text(columns, 1, "src_ttl", "64");
    assert_int_equal(pavo_columns_known(columns, field)[0], 0);
    assert_int_equal(pavo_columns_known(columns, field)[1], 1);
    assert_int_equal(pavo_columns_u32(columns, field)[0], 0);
    assert_int_equal(pavo_columns_u32(columns, field)[1], 64);
    pavo_columns_destroy(&columns);
}

static void test_forms(void **state)
{
    (void)state;
    struct records *records = sample_verdict(17, true);
    pavo_columns *columns = columns_of(records);
    int offset = pavo_columns_field(columns, "offset");
    uint64_t number = 42;
    int64_t negative = 0;
    assert_int_equal(pavo_columns_signed(columns, 0, offset, &negative), 1);
    assert_int_equal(negative, -1500);
    assert_int_equal(pavo_columns_number(columns, 0, offset, &number), 0); /* is known, but is no unsigned number */
    assert_int_equal(pavo_columns_number(columns, 0, pavo_columns_field(columns, "boundary"), &number), 0);
    assert_int_equal(pavo_columns_number(columns, 0, pavo_columns_field(columns, "src"), &number), 0);
    assert_int_equal(number, 42);
    uint8_t address[16];
    assert_int_equal(pavo_columns_address(columns, 0, pavo_columns_field(columns, "src_port"), address), 0);
    expect_text(columns, 0, "odds", "30.000");
    expect_text(columns, 0, "confidence", "0.999");
    expect_text(columns, 0, "verdict", "translated");
    expect_text(columns, 0, "partner_sensor", "outer");
    expect_text(columns, 0, "partner_epoch", "78");
    pavo_columns_destroy(&columns);
    columns = columns_of(sample_verdict(17, false));
    expect_text(columns, 0, "partner_sensor", NULL);
    expect_text(columns, 0, "partner_epoch", NULL);
    expect_text(columns, 0, "confidence", NULL);
    expect_text(columns, 0, "post_nat_src", NULL);
    pavo_columns_destroy(&columns);
}

static void test_lists(void **state)
{
    (void)state;
    pavo_columns *columns = columns_of(sample_verdict(17, true));
    int terms = pavo_columns_field(columns, "terms"), kind = pavo_columns_field(columns, "term_kind");
    int64_t weight, odds, sum = 0;
    assert_int_equal(pavo_columns_kind(columns, terms), PAVO_KIND_LIST);
    assert_null(pavo_columns_list(columns, terms));
    assert_string_equal(pavo_columns_list(columns, kind), "terms");
    assert_int_equal(pavo_columns_items(columns, 0, terms), 2);
    for (size_t i = 0; i < 2; i++) {
        size_t item = pavo_columns_item(columns, 0, terms, i);
        assert_int_equal(pavo_columns_signed(columns, item, pavo_columns_field(columns, "term_weight"), &weight), 1);
        sum += weight;
    }
    assert_int_equal(pavo_columns_signed(columns, 0, pavo_columns_field(columns, "odds"), &odds), 1);
    assert_int_equal(sum, odds);
    expect_text(columns, pavo_columns_item(columns, 0, terms, 1), "term_kind", "src_isn");
    expect_text(columns, pavo_columns_item(columns, 0, terms, 1), "term_outcome", "agrees");
    assert_true(pavo_columns_item(columns, 0, terms, 2) == SIZE_MAX);
    expect_text(columns, pavo_columns_item(columns, 0, terms, 2), "term_kind", NULL);
    assert_int_equal(pavo_columns_items(columns, 0, kind), 0); /* is no list */
    assert_int_equal(pavo_columns_items(columns, 1, terms), 0);
    assert_int_equal(pavo_columns_i64(columns, pavo_columns_field(columns, "term_weight"))[1], 32000);
    assert_non_null(strstr(pavo_columns_json(columns, 0),
                           "\"terms\":[{\"kind\":\"prior\",\"outcome\":\"unknown\",\"inside\":\"0000000000000000\""));
    pavo_columns_destroy(&columns);
    columns = columns_of(sample_verdict(17, false));
    assert_int_equal(pavo_columns_items(columns, 0, pavo_columns_field(columns, "terms")), 0);
    assert_null(pavo_columns_i64(columns, pavo_columns_field(columns, "term_weight")));
    pavo_columns_destroy(&columns);
}

static void test_whole_columns(void **state)
{
    (void)state;
    pavo_columns *columns = columns_of(sample_flows(5));
    assert_int_equal(pavo_columns_u64(columns, pavo_columns_field(columns, "flow"))[1], 51);
    assert_int_equal(pavo_columns_u32(columns, pavo_columns_field(columns, "dst_port"))[1], 443);
    assert_int_equal(pavo_columns_i64(columns, pavo_columns_field(columns, "first_time"))[0], SAMPLE_TIME);
    assert_int_equal(pavo_columns_i64(columns, pavo_columns_field(columns, "duration"))[0], 2500); /* computed */
    assert_int_equal(pavo_columns_u64(columns, pavo_columns_field(columns, "epoch"))[0], SAMPLE_EPOCH);
    assert_null(pavo_columns_u32(columns, pavo_columns_field(columns, "flow"))); /* of another type */
    assert_null(pavo_columns_u64(columns, pavo_columns_field(columns, "first_time")));
    assert_null(pavo_columns_u64(columns, pavo_columns_field(columns, "src")));
    assert_null(pavo_columns_u32(columns, pavo_columns_field(columns, "sensor")));
    pavo_columns_destroy(&columns);
    columns = columns_of(sample_verdict(17, true));
    assert_int_equal(pavo_columns_i64(columns, pavo_columns_field(columns, "odds"))[0], 30000); /* widened */
    assert_int_equal(pavo_columns_u64(columns, pavo_columns_field(columns, "partner_epoch"))[0], SAMPLE_EPOCH + 1);
    pavo_columns_destroy(&columns);
}

static void test_used_wrongly(void **state)
{
    (void)state;
    pavo_columns *columns = columns_of(sample_flows(5)), *none = NULL;
    uint8_t address[16];
    uint64_t number;
    int64_t time;
    assert_int_equal(pavo_columns_field(columns, "nonsense"), -1);
    assert_int_equal(pavo_columns_field(columns, NULL), -1);
    assert_int_equal(pavo_columns_field(columns, "src_hi"), -1);
    assert_int_equal(pavo_columns_field(columns, "observer"), -1);
    assert_null(pavo_columns_json(columns, 2));
    const pavo_columns *wrong[] = {columns, NULL};
    const int fields[] = {-1, INT32_MIN, pavo_columns_count(columns), INT32_MAX};
    for (unsigned c = 0; c < 2; c++) {
        for (unsigned f = 0; f < 4; f++) {
            assert_null(pavo_columns_name(wrong[c], fields[f]));
            assert_null(pavo_columns_heading(wrong[c], fields[f]));
            assert_null(pavo_columns_help(wrong[c], fields[f]));
            assert_null(pavo_columns_list(wrong[c], fields[f]));
            assert_int_equal(pavo_columns_kind(wrong[c], fields[f]), 0);
            assert_int_equal(pavo_columns_number(wrong[c], 0, fields[f], &number), 0);
            assert_int_equal(pavo_columns_signed(wrong[c], 0, fields[f], &time), 0);
            assert_int_equal(pavo_columns_address(wrong[c], 0, fields[f], address), 0);
            assert_null(pavo_columns_text(wrong[c], 0, fields[f]));
            assert_int_equal(pavo_columns_items(wrong[c], 0, fields[f]), 0);
            assert_null(pavo_columns_u32(wrong[c], fields[f]));
            assert_null(pavo_columns_known(wrong[c], fields[f]));
        }
    }
    for (int f = 0; f < pavo_columns_count(columns); f++) {
        assert_null(pavo_columns_text(columns, 2, f));
        assert_null(pavo_columns_text(columns, SIZE_MAX, f));
        assert_int_equal(pavo_columns_number(columns, 0, f, NULL), 0);
        assert_int_equal(pavo_columns_address(columns, 0, f, NULL), 0);
    }
    assert_int_equal(pavo_columns_rows(NULL), 0);
    assert_null(pavo_columns_json(NULL, 0));
    assert_null(pavo_columns_copy(NULL));
    pavo_columns_destroy(NULL);
    pavo_columns_destroy(&none);
    pavo_columns_destroy(&columns);
}

static void test_texts_stay_a_while(void **state)
{
    (void)state;
    pavo_columns *columns = columns_of(sample_flows(5));
    const char *texts[8];
    static const char *const names[] = {"src",        "dst",       "src_port", "dst_port",
                                        "first_time", "src_bytes", "flow",     "epoch"};
    static const char *const wanted[] = {"10.0.1.17", "2001:db8::9", "51544", "22", "2023-11-14T22:13:20.123456789Z",
                                         "1500",      "50",          "77"};
    for (unsigned i = 0; i < 8; i++)
        texts[i] = pavo_columns_text(columns, 0, pavo_columns_field(columns, names[i]));
    for (unsigned i = 0; i < 8; i++)
        assert_string_equal(texts[i], wanted[i]);
    pavo_columns_destroy(&columns);
}

static void same_rows(const pavo_columns *a, const pavo_columns *b)
{
    assert_int_equal(pavo_columns_rows(a), pavo_columns_rows(b));
    for (size_t row = 0; row < pavo_columns_rows(a); row++) {
        assert_string_equal(pavo_columns_json(a, row), pavo_columns_json(b, row));
        for (int f = 0; f < pavo_columns_count(a); f++) {
            const char *text = pavo_columns_text(a, row, f);
            if (text == NULL)
                assert_null(pavo_columns_text(b, row, f));
            else
                assert_string_equal(text, pavo_columns_text(b, row, f));
            assert_int_equal(pavo_columns_items(a, row, f), pavo_columns_items(b, row, f));
        }
    }
}

static void same_columns(const pavo_columns *a, const pavo_columns *b, int f)
{
    uint32_t rows = (uint32_t)pavo_columns_rows(a);
    if (pavo_columns_list(a, f) != NULL)
        return;
    assert_memory_equal(pavo_columns_known(a, f), pavo_columns_known(b, f), rows);
    assert_int_equal(pavo_columns_u32(a, f) != NULL, pavo_columns_u32(b, f) != NULL);
    assert_int_equal(pavo_columns_u64(a, f) != NULL, pavo_columns_u64(b, f) != NULL);
    assert_int_equal(pavo_columns_i64(a, f) != NULL, pavo_columns_i64(b, f) != NULL);
    if (pavo_columns_u32(a, f) != NULL)
        assert_memory_equal(pavo_columns_u32(a, f), pavo_columns_u32(b, f), rows * sizeof(uint32_t));
    if (pavo_columns_u64(a, f) != NULL)
        assert_memory_equal(pavo_columns_u64(a, f), pavo_columns_u64(b, f), rows * sizeof(uint64_t));
    if (pavo_columns_i64(a, f) != NULL)
        assert_memory_equal(pavo_columns_i64(a, f), pavo_columns_i64(b, f), rows * sizeof(int64_t));
}

/* A record that comes as an event and one that stands in an answer read the same, field by field. */
static void test_events_and_answers_agree(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        struct records *records = sample_random(record_kinds[kind], 40, kind + 1);
        pavo_columns *page = paged(records), *columns = columns_of(records);
        assert_int_equal(pavo_columns_count(columns), pavo_columns_count(page));
        for (int f = 0; f < pavo_columns_count(columns); f++) {
            assert_string_equal(pavo_columns_name(columns, f), pavo_columns_name(page, f));
            assert_int_equal(pavo_columns_field(page, pavo_columns_name(columns, f)), f);
            assert_int_equal(pavo_columns_kind(columns, f), pavo_columns_kind(page, f));
            assert_string_equal(pavo_columns_help(columns, f), pavo_columns_help(page, f));
            same_columns(columns, page, f);
        }
        same_rows(columns, page);
        pavo_columns_destroy(&page);
        pavo_columns_destroy(&columns);
    }
}

/* What is not known stays so in a copy, of an event's columns and of an answer's. */
static void test_copies(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        struct records *records = sample_random(record_kinds[kind], 40, kind + 100);
        pavo_columns *page = paged(records), *columns = columns_of(records);
        pavo_columns *copies[] = {pavo_columns_copy(columns), pavo_columns_copy(page)};
        same_rows(columns, copies[0]);
        same_rows(page, copies[1]);
        pavo_columns_destroy(&page);
        assert_string_equal(pavo_columns_json(copies[1], 7), pavo_columns_json(columns, 7));
        pavo_columns *row = columns_copy_row(copies[1], 7);
        pavo_columns_destroy(&copies[1]);
        assert_int_equal(pavo_columns_rows(row), 1);
        assert_string_equal(pavo_columns_json(row, 0), pavo_columns_json(columns, 7));
        pavo_columns_destroy(&row);
        pavo_columns_destroy(&copies[0]);
        pavo_columns_destroy(&columns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_absent_is_not_zero),
        cmocka_unit_test(test_what_an_observer_cannot_know),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_whole_columns),
        cmocka_unit_test(test_used_wrongly),
        cmocka_unit_test(test_texts_stay_a_while),
        cmocka_unit_test(test_events_and_answers_agree),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
