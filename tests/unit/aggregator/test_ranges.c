/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of numbers as ranges, against a plain set. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/store/ranges.h"

enum { NUMBERS = 3000 };
static uint64_t seed;

static uint64_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
}

/* They ascend, and more than `gap` lies between one and the next. */
static void assert_apart(const struct ranges *ranges, int64_t gap)
{
    for (size_t i = 0; i < ranges->count; i++) {
        assert_true(ranges->list[i].first <= ranges->list[i].last);
        assert_true(i == 0 || ranges->list[i].first - ranges->list[i - 1].last > gap);
    }
}

static void assert_same(const struct ranges *ranges, const bool set[NUMBERS + 2])
{
    size_t count = 0;
    for (int64_t number = 0; number < NUMBERS + 2; number++) {
        assert_int_equal(ranges_has(ranges, number), set[number]);
        count += number > 0 && set[number] && !set[number - 1];
    }
    assert_int_equal(ranges->count, count);
}

static void test_against_a_set(void **state)
{
    (void)state;
    for (seed = 0; seed < 20;) {
        bool set[NUMBERS + 2] = {false};
        struct ranges ranges = {0};
        uint64_t round = seed;
        for (int step = 0; step < 600; step++) {
            int64_t first = 1 + (int64_t)(draw() % NUMBERS), last = first + (int64_t)(draw() % (1 + round * 3));
            last = last > NUMBERS ? NUMBERS : last;
            assert_int_equal(ranges_add(&ranges, first, last, 1), RESULT_OK);
            memset(set + first, true, (size_t)(last - first + 1));
            if (step % 100 == 0)
                assert_same(&ranges, set);
        }
        assert_same(&ranges, set);
        assert_apart(&ranges, 1);
        for (int i = 0; i < 2000; i++) {
            int64_t first = (int64_t)(draw() % NUMBERS), last = first + (int64_t)(draw() % 20);
            last = last > NUMBERS ? NUMBERS : last;
            assert_int_equal(ranges_meet(&ranges, first, last),
                             memchr(set + first, true, (size_t)(last - first + 1)) != NULL);
        }
        ranges_fini(&ranges);
        seed = round + 1;
    }
}

/* With a gap: each number between two that lie so close is in it, and no other. */
static void test_what_lies_close_becomes_one(void **state)
{
    (void)state;
    static const int64_t gap = 7;
    bool set[NUMBERS + 2] = {false};
    struct ranges ranges = {0};
    seed = 7;
    for (int step = 0; step < 200; step++) {
        int64_t number = 1 + (int64_t)(draw() % NUMBERS);
        assert_int_equal(ranges_add(&ranges, number, number, gap), RESULT_OK);
        set[number] = true;
    }
    int64_t before = -gap - 1;
    for (int64_t number = 0; number < NUMBERS + 2; number++) {
        if (!set[number])
            continue;
        for (int64_t between = before + 1; between < number; between++)
            assert_int_equal(ranges_has(&ranges, between), between >= 0 && number - before <= gap);
        before = number;
    }
    assert_apart(&ranges, gap);
    ranges_fini(&ranges);
}

static void test_order_makes_one_range(void **state)
{
    (void)state;
    struct ranges ranges = {0};
    for (int64_t number = 1; number <= 1000000; number++)
        assert_int_equal(ranges_add(&ranges, number, number, 1), RESULT_OK);
    assert_int_equal(ranges.count, 1);
    assert_false(ranges_has(&ranges, 0));
    assert_false(ranges_has(&ranges, 1000001));
    ranges_fini(&ranges);
}

/* Nothing wraps around at either end. */
static void test_ends_of_the_numbers(void **state)
{
    (void)state;
    struct ranges ranges = {0};
    assert_int_equal(ranges_add(&ranges, INT64_MAX, INT64_MAX, 10), RESULT_OK);
    assert_int_equal(ranges_add(&ranges, INT64_MIN, INT64_MIN, 10), RESULT_OK);
    assert_int_equal(ranges.count, 2);
    assert_true(ranges_has(&ranges, INT64_MIN) && ranges_has(&ranges, INT64_MAX));
    assert_false(ranges_has(&ranges, 0));
    assert_true(ranges_meet(&ranges, INT64_MIN, INT64_MAX));
    assert_false(ranges_meet(&ranges, INT64_MIN + 1, INT64_MAX - 1));
    ranges_thin(&ranges, 1);
    assert_int_equal(ranges.count, 1);
    assert_true(ranges_has(&ranges, 0));
    ranges_fini(&ranges);
}

/* What is reserved needs no memory any more: the list stays where it is. */
static void test_reserved_room_is_there(void **state)
{
    (void)state;
    struct ranges ranges = {0};
    assert_int_equal(ranges_add(&ranges, 1, 1, 1), RESULT_OK);
    assert_int_equal(ranges_reserve(&ranges, 1000), RESULT_OK);
    const struct range *list = ranges.list;
    for (int64_t i = 1; i <= 1000; i++)
        assert_int_equal(ranges_add(&ranges, i * 10, i * 10, 1), RESULT_OK);
    assert_ptr_equal(ranges.list, list);
    assert_int_equal(ranges.count, 1001);
    ranges_fini(&ranges);
}

/* The closest go together first; nothing that was in it goes. */
static void test_thinning_loses_nothing(void **state)
{
    (void)state;
    struct ranges ranges = {0};
    static const int64_t firsts[] = {0, 10, 100, 105, 1000, 1200};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(ranges_add(&ranges, firsts[i], firsts[i] + 1, 1), RESULT_OK);
    ranges_thin(&ranges, 6);
    assert_int_equal(ranges.count, 6);
    ranges_thin(&ranges, 3);
    assert_int_equal(ranges.count, 3);
    assert_int_equal(ranges.list[0].first, 0);
    assert_int_equal(ranges.list[0].last, 106);
    assert_int_equal(ranges.list[1].first, 1000);
    assert_int_equal(ranges.list[1].last, 1001);
    for (size_t i = 0; i < 6; i++)
        assert_true(ranges_has(&ranges, firsts[i]) && ranges_has(&ranges, firsts[i] + 1));
    assert_false(ranges_has(&ranges, 107));
    ranges_fini(&ranges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_set),          cmocka_unit_test(test_what_lies_close_becomes_one),
        cmocka_unit_test(test_order_makes_one_range),  cmocka_unit_test(test_ends_of_the_numbers),
        cmocka_unit_test(test_reserved_room_is_there), cmocka_unit_test(test_thinning_loses_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
