/* SPDX-License-Identifier: Apache-2.0 */
/* The queue between threads: order, weight, waking. */
#include "tests/unit/aggregator/support.h"

#include <poll.h>
#include <pthread.h>

#include "aggregator/queue.h"

static void test_order_and_weight(void **state)
{
    (void)state;
    struct queue *queue;
    struct error err;
    int items[100];
    assert_ok(queue_new(10, &queue, &err), err);
    assert_null(queue_pop(queue));
    assert_int_equal(queue_push(queue, &items[0], 1000), RESULT_OK); /* one always fits */
    assert_true(queue_is_full(queue));
    assert_int_equal(queue_push(queue, &items[1], 1), RESULT_FULL);
    assert_ptr_equal(queue_pop(queue), &items[0]);
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 10; i++)
            assert_int_equal(queue_push(queue, &items[i], 1), RESULT_OK);
        assert_int_equal(queue_push(queue, &items[10], 1), RESULT_FULL);
        struct pollfd readable = {.fd = queue_descriptor(queue), .events = POLLIN};
        assert_int_equal(poll(&readable, 1, 0), 1);
        for (int i = 0; i < 10; i++)
            assert_ptr_equal(queue_pop(queue), &items[i]);
        assert_int_equal(poll(&readable, 1, 0), 0);
    }
    queue_wake(queue);
    queue_wait(queue, 3600 * NS_PER_S); /* returns at once */
    assert_null(queue_pop(queue));
    queue_destroy(&queue);
}

enum { PUSHERS = 4, EACH = 20000 };

static void *push_all(void *argument)
{
    static int item;
    for (int i = 0; i < EACH;) {
        if (queue_push(argument, &item, 1) == RESULT_OK)
            i++;
        else
            sched_yield();
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct queue *queue;
    struct error err;
    pthread_t threads[PUSHERS];
    assert_ok(queue_new(64, &queue, &err), err);
    for (int i = 0; i < PUSHERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, push_all, queue), 0);
    for (int popped = 0; popped < PUSHERS * EACH;) {
        queue_wait(queue, 10 * NS_PER_S);
        while (queue_pop(queue) != NULL)
            popped++;
    }
    for (int i = 0; i < PUSHERS; i++)
        pthread_join(threads[i], NULL);
    assert_null(queue_pop(queue));
    queue_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order_and_weight), cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
