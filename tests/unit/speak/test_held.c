/* SPDX-License-Identifier: Apache-2.0 */
/* The store of unacknowledged batches, under virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/speak/held.h"

#define BYTES 1000u /* of a frame here */
#define LIMIT (4 * (BYTES + sizeof(struct held_batch)))

static struct held *held;

static int setup(void **state)
{
    (void)state;
    held = held_new(LIMIT, 5 * NS_PER_S, 60 * NS_PER_S);
    return held == NULL;
}

static int teardown(void **state)
{
    (void)state;
    held_destroy(&held);
    return 0;
}

static struct held_batch *batch(uint64_t sequence, uint64_t records, size_t bytes)
{
    struct held_batch *b = calloc(1, sizeof(*b));
    b->sequence = sequence;
    b->records = records;
    b->frame = (struct bytes){malloc(bytes), bytes};
    return b;
}

static void add(uint64_t sequence, uint64_t records)
{
    struct held_batch *b = batch(sequence, records, BYTES);
    assert_int_equal(held_add(held, &b), RESULT_OK);
    assert_null(b);
}

/* Sends what is due at `now`; its sequence, or 0. */
static uint64_t send_one(uint32_t credit, int64_t now)
{
    int64_t due = 0;
    struct held_batch *b = held_next(held, credit, now, &due);
    if (b == NULL)
        return 0;
    held_sent(held, b, now);
    return b->sequence;
}

static void destroy(struct held_batch *b)
{
    assert_non_null(b);
    held_batch_destroy(&b);
}

static void test_limit(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 4; i++)
        add(i, 10);
    assert_int_equal(held_bytes(held), LIMIT);
    assert_int_equal(held_records(held), 40);
    struct held_batch *b = batch(5, 10, BYTES);
    assert_int_equal(held_add(held, &b), RESULT_FULL);
    assert_non_null(b);
    destroy(held_remove(held, 2));
    assert_int_equal(held_add(held, &b), RESULT_OK);
    b = batch(6, 10, LIMIT);
    assert_int_equal(held_add(held, &b), RESULT_REJECT); /* not even alone */
    destroy(b);
    add(7, 0); /* says something, holds no records: not limited */
    assert_int_equal(held_count(held), 5);
    assert_int_equal(held_records(held), 40);
}

static void test_in_order_within_credit(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 4; i++)
        add(i, 10);
    assert_int_equal(send_one(0, 0), 0);
    assert_int_equal(send_one(2, 0), 1);
    assert_int_equal(send_one(2, 0), 2);
    assert_int_equal(send_one(2, 0), 0);
    destroy(held_remove(held, 2)); /* out of order */
    assert_null(held_remove(held, 2));
    assert_null(held_remove(held, 99));
    assert_int_equal(send_one(2, 0), 3);
    assert_int_equal(send_one(2, 0), 0);
    assert_int_equal(send_one(UINT32_MAX, 0), 4);
}

/* What tells of a batch given up has a later name than what stands behind that batch. */
static void test_any_order_comes_in(void **state)
{
    (void)state;
    add(5, 0);
    add(9, 0);
    add(1, 0);
    add(7, 0);
    const uint64_t order[] = {1, 5, 7, 9};
    const struct held_batch *b = NULL;
    for (size_t i = 0; i < 4; i++) {
        b = held_after(held, b);
        assert_int_equal(b->sequence, order[i]);
    }
    assert_null(held_after(held, b));
    destroy(held_remove(held, 9));
    destroy(held_remove(held, 1));
}

static void test_resend_doubles(void **state)
{
    (void)state;
    int64_t now = 1000, due, waits[] = {5, 10, 20, 40, 60, 60};
    add(1, 10);
    assert_int_equal(send_one(8, now), 1);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        assert_null(held_next(held, 8, now + waits[i] * NS_PER_S - 1, &due));
        now += waits[i] * NS_PER_S;
        assert_int_equal(due, now);
        assert_int_equal(send_one(0, now), 0); /* paused: no resending either */
        assert_int_equal(send_one(8, now), 1);
    }
    held_connection_lost(held);
    assert_int_equal(send_one(8, now), 1); /* at once */
    assert_null(held_next(held, 8, now + 5 * NS_PER_S - 1, &due));
    assert_int_equal(due, now + 5 * NS_PER_S); /* and patient again */
}

static void test_who_is_given_up(void **state)
{
    (void)state;
    add(1, 0);
    for (uint64_t i = 2; i <= 5; i++)
        add(i, 10);
    assert_int_equal(send_one(3, 0), 1);
    assert_int_equal(send_one(3, 0), 2);
    assert_int_equal(send_one(3, 0), 3);
    held_connection_lost(held); /* 2 and 3 may be committed all the same */
    static const uint64_t order[] = {4, 5, 2, 3};
    for (size_t i = 0; i < 4; i++) {
        struct held_batch *b = held_give_up(held);
        assert_non_null(b);
        assert_int_equal(b->sequence, order[i]);
        destroy(b);
    }
    assert_null(held_give_up(held)); /* the status stays */
    assert_int_equal(held_count(held), 1);
}

static void test_superseded(void **state)
{
    (void)state;
    add(1, 0);
    assert_int_equal(send_one(8, 0), 1);
    held_connection_lost(held);
    add(2, 10);
    add(3, 0);
    add(4, 10);
    struct held_batch *b = held_supersede(held);
    assert_non_null(b);
    assert_int_equal(b->sequence, 3);
    destroy(b);
    assert_null(held_supersede(held)); /* 1 was sent: it may be committed with what it tells of */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_order_within_credit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_order_comes_in, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resend_doubles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_superseded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
