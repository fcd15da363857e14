/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language means the same to the store's SQL as to filter_select: random filters over random rows of every
 * kind. */
#include "tests/unit/aggregator/store_support.h"

#include "tests/unit/common/filter/filter_generator.h"

#define ROWS         3000u
#define FILTERS      30
#define FILTERS_FLOW 100

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
    struct filter_set set = generator_set();
    assert_ok(filter_parse_with(rows->kind, text, &set, 1, &filter, NULL, &err), err);
    address_set_unref(&set.set);
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

/* Some of the rows as a batch of their own. */
static void commit_part(struct store *store, struct records *const rows[RECORD_KIND_COUNT], uint32_t first,
                        uint32_t count, uint64_t sequence)
{
    struct batch *batch = test_batch("inner", sequence, TEST_NOW);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        assert_non_null(batch->records[kind] = records_copy(rows[kind], NULL, first, count));
    assert_ok(commit_batch(store, batch), err);
}

/* Half of the rows is in segments, half is hot. */
static void test_sql_selects_the_same_rows(void **state)
{
    (void)state;
    struct filter_random random = {.state = 20261123};
    struct records *rows[RECORD_KIND_COUNT];
    struct store_health health;
    struct store *store = store_start();
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        rows[kind] = filter_generate_records(&random, record_kinds[kind], ROWS);
    for (uint32_t quarter = 0; quarter < 4; quarter++) {
        commit_part(store, rows, quarter * ROWS / 4, ROWS / 4, quarter + 1);
        if (quarter == 1)
            store = store_sealed(store);
    }
    store_health(store, &health);
    assert_int_equal(health.segments, STORED_KIND_COUNT); /* hours come with the flows */
    assert_int_equal(health.hot_rows, ROWS / 2 * RECORD_KIND_COUNT);
    struct store_reader *reader;
    assert_ok(store_reader_open(store, &reader, &err), err);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        for (int i = 0; i < (kind == RECORD_FLOW ? FILTERS_FLOW : FILTERS); i++) {
            char text[FILTER_TEXT_MAX];
            filter_generate_text(&random, record_kinds[kind], text, sizeof(text));
            check_filter(reader, rows[kind], text, i % 8 == 0);
        }
    }
    store_reader_close(&reader);
    store_close(&store);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        records_free(&rows[kind]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {STORE_TEST(test_sql_selects_the_same_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
