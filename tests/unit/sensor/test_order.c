/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of several interfaces, in the order of their times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sensor/capture/order.h"

enum { NOW = 1000 };
static struct order_queue queues[3];
static struct packet packets[CAPTURE_BATCH];

/* Times end with 0. */
static void fill(unsigned number, bool open, int64_t settled_ns, const int64_t *times)
{
    struct order_queue *q = &queues[number];
    *q = (struct order_queue){.open = open, .settled_ns = settled_ns};
    for (; times[q->count] != 0; q->count++)
        q->packets[q->count] = (struct packet){.time_ns = times[q->count], .interface = (uint16_t)number};
}
#define FILL(number, open, settled_ns, ...) fill(number, open, settled_ns, (const int64_t[]){__VA_ARGS__ 0})

static void assert_taken(size_t count, const int64_t *times)
{
    size_t taken = order_take(queues, count, NOW, packets), wanted = 0;
    for (; times[wanted] != 0; wanted++) {
        assert_true(wanted < taken);
        assert_int_equal(packets[wanted].time_ns, times[wanted]);
    }
    assert_int_equal(taken, wanted);
}
#define ASSERT_TAKEN(count, ...) assert_taken(count, (const int64_t[]){__VA_ARGS__ 0})

/* Each direction of a link on an interface of its own: answers came before questions. */
static void test_two_directions_in_order(void **state)
{
    (void)state;
    FILL(0, true, 500, 600, 620, 640, );
    FILL(1, true, 500, 610, 630, 650, );
    ASSERT_TAKEN(2, 600, 610, 620, 630, 640, );
    assert_int_equal(order_earliest(queues, 2), 650); /* the first may yet get something from 645 */
    FILL(0, true, 500, 645, );
    ASSERT_TAKEN(2, 645, );
}

static void test_silent_interface_holds_up_until_settled(void **state)
{
    (void)state;
    FILL(0, true, 500, 400, 499, 500, 501, );
    FILL(1, true, 500, );
    ASSERT_TAKEN(2, 400, 499, );
    FILL(1, true, 501, );
    ASSERT_TAKEN(2, 500, );
}

/* It has more than its queue took, of whatever age: that has to come first. */
static void test_queue_with_more_behind_it_is_waited_for(void **state)
{
    (void)state;
    FILL(0, true, INT64_MIN, 100, );
    FILL(1, true, 500, 110, 1200, );
    ASSERT_TAKEN(2, 100, );
    FILL(0, true, 500, 105, );
    ASSERT_TAKEN(2, 105, 110, 1200, );
}

static void test_interface_that_is_down_is_not_waited_for(void **state)
{
    (void)state;
    FILL(0, true, 500, 600, );
    FILL(1, false, 0, 590, );
    FILL(2, false, 0, );
    ASSERT_TAKEN(3, 590, 600, );
    assert_true(order_earliest(queues, 3) == INT64_MAX);
}

/* The clock went back: packets of the future are not kept until it has caught up. */
static void test_clock_set_back_holds_nothing_up(void **state)
{
    (void)state;
    FILL(0, true, 500, 5000, 5010, );
    FILL(1, true, 500, );
    ASSERT_TAKEN(2, 5000, 5010, );
}

static void test_no_more_than_a_batch(void **state)
{
    (void)state;
    for (unsigned number = 0; number < 2; number++) {
        queues[number] = (struct order_queue){.count = CAPTURE_BATCH, .open = true};
        for (unsigned i = 0; i < CAPTURE_BATCH; i++)
            queues[number].packets[i].time_ns = 10 + i;
    }
    assert_int_equal(order_take(queues, 2, NOW, packets), CAPTURE_BATCH);
    for (unsigned i = 0; i < CAPTURE_BATCH; i++)
        assert_int_equal(packets[i].time_ns, 10 + i / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_directions_in_order),
        cmocka_unit_test(test_silent_interface_holds_up_until_settled),
        cmocka_unit_test(test_queue_with_more_behind_it_is_waited_for),
        cmocka_unit_test(test_interface_that_is_down_is_not_waited_for),
        cmocka_unit_test(test_clock_set_back_holds_nothing_up),
        cmocka_unit_test(test_no_more_than_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
