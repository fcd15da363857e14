/* SPDX-License-Identifier: Apache-2.0 */
/* Names to numbers, against a plain list. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/answer/index.h"

static struct flow_name name(const char *sensor, uint64_t epoch, uint64_t flow)
{
    return (struct flow_name){test_observer(sensor, epoch), flow};
}

static void test_many(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct index index = {0};
    uint32_t value;
    struct flow_name first = name("inner", 5, 0);
    assert_false(index_get(&index, index_key_of_flow(&first), &value));
    for (uint32_t i = 0; i < COUNT; i++) {
        struct flow_name n = name(i % 2 == 0 ? "inner" : "outer", 5 + i % 3, i / 6);
        assert_int_equal(index_put(&index, index_key_of_flow(&n), i), RESULT_OK);
    }
    assert_int_equal(index.count, COUNT);
    assert_true(index.capacity <= 4 * COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct flow_name n = name(i % 2 == 0 ? "inner" : "outer", 5 + i % 3, i / 6);
        value = UINT32_MAX;
        assert_true(index_get(&index, index_key_of_flow(&n), &value));
        assert_int_equal(value, i);
    }
    struct flow_name absent = name("inner", 5, COUNT);
    assert_false(index_get(&index, index_key_of_flow(&absent), &value));
    assert_int_equal(index_put(&index, index_key_of_flow(&first), 4711), RESULT_OK);
    assert_true(index_get(&index, index_key_of_flow(&first), &value));
    assert_int_equal(value, 4711);
    assert_int_equal(index.count, COUNT);
    index_fini(&index);
    assert_false(index_get(&index, index_key_of_flow(&first), &value));
}

static bool same(struct index_key a, struct index_key b)
{
    return a.low == b.low && a.high == b.high;
}

/* What lies side by side in a key does not run together. */
static void test_keys(void **state)
{
    (void)state;
    struct flow_name a = name("in", 5, 1), b = name("inner", 5, 1), c = name("in", 1, 5);
    assert_false(same(index_key_of_flow(&a), index_key_of_flow(&b)));
    assert_false(same(index_key_of_flow(&a), index_key_of_flow(&c)));
    assert_false(same(index_key_of_view("ner", &a), index_key_of_view("", &b)));
    assert_false(same(index_key_of_view("border", &a), index_key_of_view("bordes", &a)));
    assert_true(same(index_key_of_view("border", &a), index_key_of_view("border", &a)));
    struct flow_name again = a; /* what an observer cannot know is no part of its name */
    again.observer.unknown[0] = 1;
    assert_true(same(index_key_of_flow(&a), index_key_of_flow(&again)));
}

/* What it takes is charged, and given back; without a budget for more it stays as it is. */
static void test_budget(void **state)
{
    (void)state;
    enum { LEFT = 100000 };
    struct budget budget = {.left = LEFT};
    struct index index = {.budget = &budget};
    uint32_t count = 0, value;
    struct flow_name n = name("inner", 5, 0);
    while (index_put(&index, index_key_of_flow(&n), count) == RESULT_OK)
        n.flow = ++count;
    assert_in_range(count, 500, LEFT / sizeof(struct index_entry));
    assert_int_equal(index.count, count);
    n.flow = count - 1;
    assert_true(index_get(&index, index_key_of_flow(&n), &value));
    assert_int_equal(budget.left, LEFT - index.capacity * sizeof(struct index_entry));
    index_fini(&index);
    assert_int_equal(budget.left, LEFT);
    assert_int_equal(index_put(&index, index_key_of_flow(&n), 1), RESULT_OK);
    index_fini(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many), cmocka_unit_test(test_keys),
                                       cmocka_unit_test(test_budget)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
