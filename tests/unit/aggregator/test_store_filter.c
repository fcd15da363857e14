/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language means the same to the store's SQL as to filter_select: random filters over random rows. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/store/store.h"
#include "tests/unit/common/filter_generator.h"

#define ROWS    3000u
#define FILTERS 250

static struct error err;

static void test_sql_selects_the_same_rows(void **state)
{
    (void)state;
    struct filter_random random = {.state = 20261123};
    struct store *store;
    struct store_options options = {.directory = test_directory};
    assert_ok(store_open(&options, TEST_NOW, &store, &err), err);
    struct flow_batch *rows = filter_generate_batch(&random, ROWS);
    struct store_batch batch = {.observer = rows->observers[0], .sequence = 1, .received_ns = TEST_NOW, .flows = rows};
    assert_ok(store_commit(store, TEST_NOW, &(struct store_commit_set){.batches = &batch, .batch_count = 1}, &err),
              err);
    struct store_reader *reader;
    assert_ok(store_reader_open(store, &reader, &err), err);

    uint32_t *wanted = calloc(ROWS, sizeof(*wanted));
    bool *found = calloc(ROWS, sizeof(*found));
    for (int i = 0; i < FILTERS; i++) {
        char text[FILTER_TEXT_MAX];
        struct filter *filter;
        struct flow_batch *part;
        filter_generate_text(&random, text, sizeof(text));
        assert_ok(filter_parse(text, &filter, NULL, &err), err);
        uint32_t count = filter_select(filter, rows, wanted), got = 0;
        assert_ok(store_find(reader, &(struct store_query){.filter = filter, .by_position = i % 8 == 0}, &err), err);
        memset(found, 0, ROWS * sizeof(*found));
        enum result r;
        while ((r = store_next(reader, &part, NULL, &err)) == RESULT_OK) {
            for (uint32_t row = 0; row < part->rows; row++) {
                assert_false(found[part->flow[row]]); /* two arms, no row twice */
                found[part->flow[row]] = true;
                got++;
            }
            flow_batch_destroy(&part);
        }
        if (r != RESULT_END)
            fail_msg("%s: %s", text, err.text);
        if (got != count)
            fail_msg("%s: the store finds %u rows, filter_select %u", text, got, count);
        for (uint32_t w = 0; w < count; w++) {
            if (!found[wanted[w]])
                fail_msg("%s: row %u is missing", text, wanted[w]);
        }
        filter_destroy(&filter);
    }
    free(wanted);
    free(found);
    store_reader_close(&reader);
    flow_batch_destroy(&rows);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sql_selects_the_same_rows, directory_setup, directory_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
