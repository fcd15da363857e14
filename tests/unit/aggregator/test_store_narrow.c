/* SPDX-License-Identifier: Apache-2.0 */
/* What a query reads of a store of several row groups: all that is asked for, and not much else. */
#include "tests/unit/aggregator/store_support.h"

#include <fcntl.h>
#include <unistd.h>

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

static uint64_t sum_of(struct store *store, const struct store_query *query, unsigned field, uint64_t *ret_rows)
{
    struct records *records = collect(store, query);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < records->rows; i++)
        sum += ((const uint64_t *)records_column(records, field))[i];
    *ret_rows = records->rows;
    records_free(&records);
    return sum;
}

/* Hot and sealed: what is wanted is there, what is not stays zero, and conditions may be about either. */
static void test_only_the_fields_that_are_wanted(void **state)
{
    (void)state;
    static const bool fields[FLOW_FIELD_COUNT] = {[FLOW_FIELD_src_bytes] = true};
    struct store *store = store_start();
    struct filter *filter;
    assert_ok(filter_parse(record_kinds[RECORD_FLOW], "src port != 0 and host 198.51.100.1", &filter, NULL, &err), err);
    assert_int_equal(commit_one(store, TEST_NOW, "inner", 1, 40), RESULT_OK);
    for (int sealed = 0; sealed < 2; sealed++) {
        const struct store_query all = {.filter = filter}, some = {.filter = filter, .fields = fields},
                                 sorted = {.filter = filter, .fields = fields, .limit = 1000};
        uint64_t rows, wanted = sum_of(store, &all, FLOW_FIELD_src_bytes, &rows);
        assert_int_equal(rows, 40);
        assert_true(wanted > 0);
        assert_true(sum_of(store, &all, FLOW_FIELD_dst_lo, &rows) > 0);
        assert_true(sum_of(store, &all, FLOW_FIELD_last_time, &rows) > 0);
        assert_int_equal(sum_of(store, &some, FLOW_FIELD_src_bytes, &rows), wanted);
        assert_int_equal(rows, 40);
        assert_int_equal(sum_of(store, &sorted, FLOW_FIELD_src_bytes, &rows), wanted);
        assert_int_equal(sum_of(store, &some, FLOW_FIELD_dst_lo, &rows), 0);
        assert_int_equal(sum_of(store, &some, FLOW_FIELD_last_time, &rows), 0);
        struct records *records = collect(store, &some);
        assert_string_equal(records->observers[flow_batch_of(records)->observer[0]].sensor, "inner");
        assert_true(flow_batch_of(records)->first_time[0] > 0);
        records_free(&records);
        store = store_sealed(store);
    }
    filter_destroy(&filter);
    store_close(&store);
}

/* Of a segment in the order of time, row groups of another time are not read: that they are damaged is not met. */
static void test_row_groups_of_another_time_are_not_read(void **state)
{
    (void)state;
    struct store *store = store_start();
    for (uint32_t b = 0; b < 5; b++) {
        struct batch *batch = test_conclusions(TEST_NOW);
        batch->records[RECORD_VERDICT] = test_verdicts();
        for (uint32_t i = 0; i < GROUP_ROWS; i++) {
            uint32_t number = b * GROUP_ROWS + i;
            struct verdict verdict = test_verdict(number, number);
            verdict.first_time = verdict.last_time = TEST_NOW + number * NS_PER_S;
            assert_ok(records_append(&batch->records[RECORD_VERDICT], &verdict), err);
        }
        assert_ok(commit_batch(store, batch), err);
    }
    store = store_sealed(store);
    char path[4096];
    snprintf(path, sizeof(path), "%s/segments/0000000000000001.parquet", test_directory);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, "damaged", 7, 64), 7); /* in the first row group */
    close(file);
    for (uint32_t number = 0; number < 5 * GROUP_ROWS; number += GROUP_ROWS / 2) {
        const struct flow_name name = {test_observer("inner", 7), number};
        int64_t at = TEST_NOW + number * NS_PER_S;
        const struct store_query query = {.kind = RECORD_VERDICT,
                                          .names = &name,
                                          .name_count = 1,
                                          .from_ns = at - 60 * NS_PER_S,
                                          .to_ns = at + 60 * NS_PER_S};
        if (number > GROUP_ROWS)
            assert_int_equal(count_rows(store, &query), 1);
    }
    struct store_damage *damages;
    size_t count;
    assert_ok(store_damaged(store, &damages, &count, &err), err);
    free(damages);
    assert_int_equal(count, 0);
    assert_int_equal(count_rows(store, &(struct store_query){.kind = RECORD_VERDICT}), 0); /* named, no answer */
    assert_ok(store_damaged(store, &damages, &count, &err), err);
    free(damages);
    assert_int_equal(count, 1);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_host_in_row_groups_apart),
        STORE_TEST(test_only_the_fields_that_are_wanted),
        STORE_TEST(test_row_groups_of_another_time_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
