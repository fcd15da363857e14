/* SPDX-License-Identifier: Apache-2.0 */
/* The latest verdicts about views, over a real store. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/answer/verdicts.h"

static struct error err;
static struct store *store;
static struct store_reader *reader;

static int setup(void **state)
{
    if (directory_setup(state) != 0)
        return 1;
    const struct store_options options = {.directory = test_directory};
    assert_ok(store_open(&options, &store, &err), err);
    assert_ok(store_reader_open(store, &reader, &err), err);
    return 0;
}

static int teardown(void **state)
{
    store_reader_close(&reader);
    store_close(&store);
    return directory_teardown(state);
}

static struct flow_name inside(uint64_t flow)
{
    return (struct flow_name){test_observer("inner", 7), flow};
}

static struct flow_name outside(uint64_t flow)
{
    return (struct flow_name){test_observer("outer", 7), flow};
}

/* A verdict about the inside view `view`, linked with `partner` outside (0: ambiguous), with two terms. */
static void commit(uint64_t view, uint64_t partner, uint32_t revision)
{
    struct batch *batch = test_conclusions(TEST_NOW);
    struct records *records = test_verdicts();
    struct verdict verdict = test_verdict(view, partner);
    const struct verdict_term terms[] = {{TERM_SRC_ISN, OUTCOME_AGREES, 1, 1, 15000},
                                         {TERM_TIME, OUTCOME_AGREES, 2, 3, 5000}};
    verdict.revision = revision;
    if (partner == 0)
        verdict.verdict = VERDICT_AMBIGUOUS;
    assert_int_equal(records_append(&records, &verdict), RESULT_OK);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(records_add_item(records, VERDICT_TERMS, &terms[i]), RESULT_OK);
    batch->records[RECORD_VERDICT] = records;
    assert_ok(store_commit(store, &batch, 1, &err), err);
    batch_destroy(&batch);
}

static void find(struct verdict_set *set, struct flow_name name)
{
    verdict_set_fini(set);
    assert_ok(verdict_set_find(set, reader, &(struct seen_flow){.name = name}, 1, &err), err);
}

static void test_as_view_and_as_partner(void **state)
{
    (void)state;
    struct verdict_set set = {0};
    const struct flow_name view = inside(1), partner = outside(9);
    commit(1, 9, 0);
    commit(2, 8, 0);
    for (int side = 0; side < 2; side++) {
        find(&set, side == 0 ? view : partner);
        assert_int_equal(set.count, 1);
        const struct known_verdict *known = verdict_set_get(&set, "border", &view);
        assert_non_null(known);
        assert_int_equal(known->partner.flow, 9);
        assert_string_equal(known->partner.observer.sensor, "outer");
        assert_int_equal(known->verdict.terms, 2);
        assert_int_equal(known->terms[1].term_outside, 3);
        assert_null(verdict_set_get(&set, "elsewhere", &view));
        assert_false(set.cut);
    }
    find(&set, inside(77));
    assert_int_equal(set.count, 0);
    verdict_set_fini(&set);
}

/* Late evidence gave the view another partner, and then none: who asks for the first partner must not hear of a link.
 */
static void test_the_latest_revision_counts(void **state)
{
    (void)state;
    struct verdict_set set = {0};
    const struct flow_name view = inside(1);
    commit(1, 9, 0);
    commit(1, 8, 1);
    find(&set, outside(9));
    assert_int_equal(verdict_set_get(&set, "border", &view)->partner.flow, 8);
    commit(1, 0, 2);
    find(&set, outside(9));
    assert_int_equal(verdict_set_get(&set, "border", &view)->verdict.verdict, VERDICT_AMBIGUOUS);
    assert_string_equal(verdict_set_get(&set, "border", &view)->partner.observer.sensor, "");
    verdict_set_fini(&set);
}

static void test_append(void **state)
{
    (void)state;
    struct verdict_set set = {0}, moved = {0};
    struct records *records = records_new(record_kinds[RECORD_VERDICT], 2);
    commit(1, 9, 0);
    find(&set, inside(1));
    assert_ok(verdict_set_move(&moved, &set.verdicts[0], &err), err);
    verdict_set_fini(&set);
    assert_ok(known_verdict_append(&moved.verdicts[0], records), err);
    const struct verdict_columns *v = verdict_columns(records);
    assert_int_equal(v->flow[0], 1);
    assert_string_equal(v->boundary[0], "border");
    assert_string_equal(v->observers[v->observer[0]].sensor, "inner");
    assert_string_equal(v->observers[v->partner_observer[0]].sensor, "outer");
    assert_int_equal(v->terms[0], 2);
    assert_int_equal(v->term_weight[0] + v->term_weight[1], v->odds[0]);
    records_free(&records);
    verdict_set_fini(&moved);
}

/* At `at_ns`, and nothing else than commit's. */
static void commit_at(uint64_t view, uint64_t partner, uint32_t revision, int64_t at_ns)
{
    struct batch *batch = test_conclusions(TEST_NOW);
    struct verdict verdict = test_verdict(view, partner);
    verdict.first_time = verdict.last_time = at_ns;
    verdict.revision = revision;
    batch->records[RECORD_VERDICT] = test_verdicts();
    assert_int_equal(records_append(&batch->records[RECORD_VERDICT], &verdict), RESULT_OK);
    assert_ok(store_commit(store, &batch, 1, &err), err);
    batch_destroy(&batch);
}

/* Of a flow that was there before what was seen of it the verdict may be as old as the flow. It is looked for only
 * then, and only if there is none in the time in which it was seen. */
static void test_before_what_was_seen(void **state)
{
    (void)state;
    const int64_t day = 86400 * NS_PER_S, reach = VERDICT_REACH_NS;
    struct verdict_set set = {0};
    const struct flow_name old = inside(1), new = inside(2), both = inside(3);
    commit_at(1, 9, 0, TEST_NOW - day);
    commit_at(2, 8, 0, TEST_NOW - day);
    commit_at(3, 7, 5, TEST_NOW - day);
    commit_at(3, 6, 0, TEST_NOW + reach - 1);
    const struct seen_flow seen[] = {
        {old, TEST_NOW, TEST_NOW, false}, {new, TEST_NOW, TEST_NOW, true}, {both, TEST_NOW, TEST_NOW, false}};
    assert_ok(verdict_set_find(&set, reader, seen, 3, &err), err);
    assert_int_equal(set.count, 2);
    assert_int_equal(verdict_set_get(&set, "border", &old)->partner.flow, 9);
    assert_null(verdict_set_get(&set, "border", &new));
    assert_int_equal(verdict_set_get(&set, "border", &both)->partner.flow, 6);
    verdict_set_fini(&set);
    const struct seen_flow partner = {outside(9), TEST_NOW, TEST_NOW, false}; /* named as a partner alone */
    assert_ok(verdict_set_find(&set, reader, &partner, 1, &err), err);
    assert_int_equal(set.count, 1);
    assert_int_equal(verdict_set_get(&set, "border", &old)->partner.flow, 9);
    verdict_set_fini(&set);
}

/* What is known is charged, wherever it is moved, and given back. */
static void test_budget(void **state)
{
    (void)state;
    enum { LEFT = 300000 };
    struct budget budget = {.left = LEFT}, small = {.left = 100};
    struct verdict_set set = verdict_set_new(&budget), moved = verdict_set_new(&budget);
    struct verdict_set poor = verdict_set_new(&small);
    struct seen_flow view = {.name = inside(1)};
    commit(1, 9, 0);
    commit(1, 8, 1); /* takes the first one's place */
    commit(2, 7, 0);
    assert_ok(verdict_set_find(&set, reader, &view, 1, &err), err);
    view.name = inside(2);
    assert_ok(verdict_set_find(&set, reader, &view, 1, &err), err);
    assert_int_equal(set.count, 2);
    assert_true(budget.left < LEFT);
    assert_ok(verdict_set_move(&moved, &set.verdicts[0], &err), err);
    verdict_set_clear(&set);
    verdict_set_fini(&set);
    verdict_set_drop_last(&moved);
    verdict_set_fini(&moved);
    assert_int_equal(budget.left, LEFT);
    assert_int_equal(verdict_set_find(&poor, reader, &view, 1, &err), RESULT_AGAIN);
    assert_non_null(strstr(err.text, "more memory than one may have"));
    verdict_set_fini(&poor);
    assert_int_equal(small.left, 100);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_as_view_and_as_partner),
        STORE_TEST(test_the_latest_revision_counts),
        STORE_TEST(test_before_what_was_seen),
        STORE_TEST(test_append),
        STORE_TEST(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
