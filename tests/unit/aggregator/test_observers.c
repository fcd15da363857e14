/* SPDX-License-Identifier: Apache-2.0 */
/* Observers by number: what is added is found under its number. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/store/observers.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
