/* SPDX-License-Identifier: Apache-2.0 */
/* The timing wheels: entries come up in order, and can be taken out from anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sensor/meter/entry.h"
#include "sensor/meter/wheel.h"

#define TICK (INT64_C(1) << WHEEL_TICK_BITS)

static int setup(void **state)
{
    static struct wheels w;
    assert_int_equal(wheels_init(&w, 100), RESULT_OK);
    wheels_restart(&w, 5000 * TICK);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    wheels_fini(*state);
    return 0;
}

static void test_slots_are_queues(void **state)
{
    struct wheels *w = *state;
    for (uint32_t i = 0; i < 5; i++)
        wheel_put(w, WHEEL_ANSWERED, i, 5010 * TICK + i);
    assert_int_equal(wheel_first(w, WHEEL_ANSWERED, 5010), 0);
    assert_int_equal(wheel_last(w, WHEEL_ANSWERED, 5010), 4);
    assert_int_equal(wheel_after(w, 3), 4);
    assert_int_equal(wheel_after(w, 4), ENTRY_NONE);
    assert_int_equal(wheel_first(w, WHEEL_UNANSWERED, 5010), ENTRY_NONE);
    wheel_take(w, 2);
    assert_int_equal(wheel_after(w, 1), 3);
    wheel_take(w, 0);
    assert_int_equal(wheel_first(w, WHEEL_ANSWERED, 5010), 1);
    wheel_take(w, 4);
    assert_int_equal(wheel_last(w, WHEEL_ANSWERED, 5010), 3);
}

static void test_oldest_is_the_one_due_first(void **state)
{
    struct wheels *w = *state;
    assert_int_equal(wheel_oldest(w, WHEEL_ANSWERED), ENTRY_NONE);
    wheel_put(w, WHEEL_ANSWERED, 7, 5500 * TICK);
    assert_int_equal(wheel_oldest(w, WHEEL_ANSWERED), 7);
    wheel_put(w, WHEEL_ANSWERED, 8, 5100 * TICK);
    assert_int_equal(wheel_oldest(w, WHEEL_ANSWERED), 8);
    wheel_take(w, 8);
    assert_int_equal(wheel_oldest(w, WHEEL_ANSWERED), 7);
    wheel_put(w, WHEEL_ANSWERED, 9, 5001 * TICK);
    assert_int_equal(wheel_oldest(w, WHEEL_ANSWERED), 9);
}

static void test_times_out_of_the_span_wait_at_its_edges(void **state)
{
    struct wheels *w = *state;
    wheel_put(w, WHEEL_ANSWERED, 1, 100 * TICK);
    assert_int_equal(wheel_first(w, WHEEL_ANSWERED, 5000), 1);
    wheel_put(w, WHEEL_ANSWERED, 2, 900000 * TICK);
    assert_int_equal(wheel_first(w, WHEEL_ANSWERED, 5000 + WHEEL_SLOTS - 1), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(slots_are_queues), TEST(oldest_is_the_one_due_first),
                                       TEST(times_out_of_the_span_wait_at_its_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
