/* SPDX-License-Identifier: Apache-2.0 */
/* Whole flows by name. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/answer/flows.h"

static struct error err;

static void add(struct flow_set *set, const char *sensor, uint64_t number, uint32_t report, int64_t at)
{
    struct flow flow = test_flow(number, at);
    const struct flow_name name = {test_observer(sensor, 5), number};
    flow.report = report;
    assert_ok(flow_set_add(set, &name, &flow, &err), err);
}

static const struct flow *get(const struct flow_set *set, const char *sensor, uint64_t number)
{
    const struct flow_name name = {test_observer(sensor, 5), number};
    const struct whole_flow *whole = flow_set_get(set, &name);
    return whole == NULL ? NULL : &whole->flow;
}

static void test_reports_become_one(void **state)
{
    (void)state;
    struct flow_set set = {0};
    add(&set, "inner", 1, 1, TEST_NOW + 10 * NS_PER_S); /* in any order */
    add(&set, "inner", 1, 0, TEST_NOW);
    add(&set, "inner", 2, 0, TEST_NOW);
    add(&set, "outer", 1, 0, TEST_NOW);
    assert_int_equal(set.count, 3);
    assert_int_equal(get(&set, "inner", 1)->src_packets, 10);
    assert_int_equal(get(&set, "inner", 1)->first_time, TEST_NOW);
    assert_int_equal(get(&set, "inner", 1)->last_time, TEST_NOW + 11 * NS_PER_S);
    assert_int_equal(get(&set, "outer", 1)->src_packets, 5);
    assert_null(get(&set, "outer", 2));
    flow_set_fini(&set);
}

static void test_keep(void **state)
{
    (void)state;
    struct flow_set set = {0};
    const uint32_t which[] = {700, 3};
    for (uint64_t i = 0; i < 1000; i++)
        add(&set, "inner", i, 0, TEST_NOW);
    assert_ok(flow_set_keep(&set, which, 2, &err), err);
    assert_int_equal(set.count, 2);
    assert_int_equal(set.flows[0].name.flow, 700);
    assert_non_null(get(&set, "inner", 3));
    assert_null(get(&set, "inner", 4));
    add(&set, "inner", 4, 0, TEST_NOW); /* and it goes on */
    add(&set, "inner", 3, 1, TEST_NOW + NS_PER_S);
    assert_int_equal(set.count, 3);
    assert_int_equal(get(&set, "inner", 3)->src_packets, 10);
    assert_ok(flow_set_keep(&set, NULL, 0, &err), err);
    assert_int_equal(set.count, 0);
    flow_set_fini(&set);
}

/* What it takes is charged, and given back; beyond it a sentence, and the set stays as it is. */
static void test_budget(void **state)
{
    (void)state;
    enum { LEFT = 1000000 };
    struct budget budget = {.left = LEFT};
    struct flow_set set = flow_set_new(&budget);
    const uint32_t which[] = {5};
    struct flow_name name = {test_observer("inner", 5), 0};
    struct flow flow = test_flow(0, TEST_NOW);
    while (flow_set_add(&set, &name, &flow, &err) == RESULT_OK)
        name.flow++;
    assert_non_null(strstr(err.text, "more memory than one may have"));
    assert_in_range(set.count, 500, LEFT / sizeof(struct whole_flow));
    assert_int_equal(set.count, name.flow);
    assert_non_null(get(&set, "inner", name.flow - 1));
    assert_ok(flow_set_keep(&set, which, 1, &err), err);
    assert_true(budget.left > LEFT - 10000);
    flow_set_fini(&set);
    assert_int_equal(budget.left, LEFT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reports_become_one), cmocka_unit_test(test_keep),
                                       cmocka_unit_test(test_budget)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
