/* SPDX-License-Identifier: Apache-2.0 */
/* What a query reads of a store of several row groups: all that is asked for, and not much else. */
#include "tests/unit/aggregator/store_support.h"

#include "common/filter/filter.h"
#include "common/records/flow.h"

#define GROUPS     10u
#define GROUP_ROWS 20480u /* as few as a row group has */
#define RARE       0xffffc6336463ull

/* One segment of ten row groups, hosts in order, either end's addresses all over the range; in every other group two
 * flows with a rare host. */
static struct store *ten_groups(void)
{
    struct store *store = store_start();
    for (uint32_t b = 0; b < GROUPS; b++) {
        struct batch *batch = test_batch("inner", b + 1, TEST_NOW);
        for (uint32_t i = 0; i < GROUP_ROWS; i++) {
            uint32_t number = b * GROUP_ROWS + i;
            struct flow flow = test_flow(number, TEST_NOW + number);
            uint64_t host = 0xffff0a000000u + number, remote = 0xffff01000000u + number * 2654435761u % 0xfa000000u;
            bool rare = b % 2 == 0 && (i == 5000 || i == 15001);
            remote = rare ? RARE : remote == RARE ? RARE + 1 : remote;
            flow.src_lo = i % 2 == 0 ? host : remote;
            flow.dst_lo = i % 2 == 0 ? remote : host;
            assert_ok(records_append(test_records(batch, RECORD_FLOW), &flow), err);
        }
        assert_ok(commit_batch(store, batch), err);
    }
    store_options.seal_rows = GROUPS * GROUP_ROWS;
    store_options.seal_age_ns = 1;
    store = store_again(store);
    store_settle(store);
    seal_nothing();
    return store_again(store);
}

/* A streamed UNION ALL of DuckDB's ended where its first branch did. */
static void test_a_host_in_row_groups_apart(void **state)
{
    (void)state;
    static const struct endpoint end = {{0, RARE}, 0};
    struct store *store = ten_groups();
    struct filter *filter;
    assert_ok(filter_parse(record_kinds[RECORD_FLOW], "host 198.51.100.99", &filter, NULL, &err), err);
    const struct store_query queries[] = {
        {.endpoint = &end}, {.filter = filter}, {.endpoint = &end, .limit = 100}, {.filter = filter, .limit = 30000}};
    for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++)
        assert_int_equal(count_rows(store, &queries[i]), GROUPS);
    filter_destroy(&filter);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_host_in_row_groups_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
