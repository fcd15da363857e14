/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language means the same to the store's SQL as to filter_select: random filters over random rows of every
 * kind. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/store/store.h"
#include "tests/unit/common/filter/filter_generator.h"

#define ROWS         3000u
#define FILTERS      150
#define FILTERS_FLOW 300

static struct error err;

/* The number a row was generated with. */
static uint32_t row_number(const struct records *records, uint32_t row)
{
    unsigned name = generator_name(records->kind);
    char scratch[FIELD_TEXT_MAX];
    uint64_t number = records_value(records, row, name, scratch).number;
    return (uint32_t)(records->kind->fields[name].kind == KIND_TIME ? number - (uint64_t)GENERATOR_BASE_NS : number);
}

/* Marks what the store finds; two arms, no row twice. */
static uint32_t find(struct store_reader *reader, const struct store_query *query, const char *text, bool *found)
{
    struct records *part;
    uint32_t count = 0;
    enum result r = store_find(reader, query, &err);
    while (r == RESULT_OK && (r = store_next(reader, &part, NULL, &err)) == RESULT_OK) {
        for (uint32_t row = 0; row < part->rows; row++) {
            uint32_t number = row_number(part, row);
            assert_in_range(number, 0, ROWS - 1);
            assert_false(found[number]);
            found[number] = true;
            count++;
        }
        records_free(&part);
    }
    if (r != RESULT_END)
        fail_msg("%s: %s", text, err.text);
    return count;
}

static void check_filter(struct store_reader *reader, const struct records *rows, const char *text, bool by_position)
{
    static uint32_t wanted[ROWS];
    static bool found[ROWS];
    struct filter *filter;
    assert_ok(filter_parse(rows->kind, text, &filter, NULL, &err), err);
    const struct store_query query = {
        .kind = record_kind_number(rows->kind), .filter = filter, .by_position = by_position};
    memset(found, 0, sizeof(found));
    uint32_t count = filter_select(filter, rows, wanted), got = find(reader, &query, text, found);
    for (uint32_t w = 0; w < count; w++) {
        if (!found[row_number(rows, wanted[w])])
            fail_msg("%s %s: row %u is missing%s", rows->kind->name, text, wanted[w],
                     by_position ? " by position" : "");
    }
    if (got != count)
        fail_msg("%s %s: the store finds %u rows, filter_select %u", rows->kind->name, text, got, count);
    filter_destroy(&filter);
}

static void test_sql_selects_the_same_rows(void **state)
{
    (void)state;
    struct filter_random random = {.state = 20261123};
    struct store *store;
    struct store_options options = {.directory = test_directory};
    assert_ok(store_open(&options, &store, &err), err);
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        batch->records[kind] = filter_generate_records(&random, record_kinds[kind], ROWS);
    assert_ok(store_commit(store, &batch, 1, &err), err);
    struct store_reader *reader;
    assert_ok(store_reader_open(store, &reader, &err), err);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        for (int i = 0; i < (kind == RECORD_FLOW ? FILTERS_FLOW : FILTERS); i++) {
            char text[FILTER_TEXT_MAX];
            filter_generate_text(&random, record_kinds[kind], text, sizeof(text));
            check_filter(reader, batch->records[kind], text, i % 8 == 0);
        }
    }
    store_reader_close(&reader);
    batch_destroy(&batch);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sql_selects_the_same_rows, directory_setup, directory_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
