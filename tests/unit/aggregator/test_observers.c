/* SPDX-License-Identifier: Apache-2.0 */
/* Observers by number: what is added is found under its number. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/observers.h"

/* Names, epochs and unknown fields that differ in one thing each. */
static struct observer numbered(uint32_t number)
{
    struct observer observer = test_observer(number % 2 == 0 ? "inner" : "inner/exporter", number / 8);
    observer.unknown[0] = number / 2 % 2;
    observer.unknown[1] = number / 4 % 2;
    return observer;
}

static void test_numbers_stay(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct observers observers = {0};
    struct observer none = test_observer("outer", 1);
    assert_int_equal(observers_find(&observers, &none), UINT32_MAX);
    for (int twice = 0; twice < 2; twice++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            struct observer observer = numbered(i);
            assert_int_equal(observers_add(&observers, &observer), RESULT_OK);
        }
    }
    assert_int_equal(observers.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct observer observer = numbered(i);
        assert_int_equal(observers_find(&observers, &observer), i);
        assert_true(observer_equal(&observers.list[i], &observer));
    }
    assert_int_equal(observers_find(&observers, &none), UINT32_MAX);
    observers_fini(&observers);
}

/* One of which other fields are unknown is another, and so is one of another life. */
static void test_what_tells_observers_apart(void **state)
{
    (void)state;
    struct observers observers = {0};
    struct observer all[4] = {test_observer("inner", 1), test_observer("inner", 2), test_observer("inner", 1),
                              test_observer("inner", 1)};
    all[2].unknown[0] = 1;
    all[3].unknown[1] = 1;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(observers_find(&observers, &all[i]), UINT32_MAX);
        assert_int_equal(observers_add(&observers, &all[i]), RESULT_OK);
        assert_int_equal(observers_find(&observers, &all[i]), i);
    }
    assert_int_equal(observers.count, 4);
    observers_fini(&observers);
    assert_int_equal(observers_find(&observers, &all[0]), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers_stay),
                                       cmocka_unit_test(test_what_tells_observers_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
