/* SPDX-License-Identifier: Apache-2.0 */
/* Losses are merged, never forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/speak/losses.h"

static uint64_t sum(const struct losses *losses)
{
    uint64_t total = 0;
    for (size_t i = 0; i < losses->count; i++)
        total += losses->items[i].count;
    return total;
}

static struct pending_loss make(enum loss_kind kind, const char *interface, const char *reason, uint64_t n)
{
    struct pending_loss loss = {
        .loss = (uint8_t)kind, .from_time = (int64_t)n * 10, .to_time = (int64_t)n * 10 + 5, .count = n, .sequence = n};
    snprintf(loss.interface, sizeof(loss.interface), "%s", interface);
    snprintf(loss.reason, sizeof(loss.reason), "%s", reason);
    return loss;
}

static void test_apart_while_there_is_room(void **state)
{
    (void)state;
    struct losses losses = {.count = 0};
    for (uint64_t i = 1; i <= LOSSES_MAX; i++) {
        struct pending_loss loss = make(LOSS_RECORDS_SPOOL, "", "full", i);
        losses_add(&losses, &loss);
    }
    assert_int_equal(losses.count, LOSSES_MAX);
    assert_int_equal(losses.items[7].sequence, 8);
}

static void test_neighbours_merge(void **state)
{
    (void)state;
    static struct losses losses;
    uint64_t total = 0;
    losses.count = 0;
    for (uint64_t i = 1; i <= LOSSES_MAX + 100; i++) {
        struct pending_loss loss = make(LOSS_RECORDS_SPOOL, "", "full", i);
        losses_add(&losses, &loss);
        total += i;
    }
    assert_int_equal(losses.count, LOSSES_MAX);
    assert_int_equal(sum(&losses), total);
    const struct pending_loss *last = &losses.items[LOSSES_MAX - 1];
    assert_int_equal(last->from_time, LOSSES_MAX * 10);
    assert_int_equal(last->to_time, (LOSSES_MAX + 100) * 10 + 5);
    assert_int_equal(last->sequence, LOSSES_MAX + 100);
    assert_string_equal(last->reason, "full");
    assert_int_equal(losses.items[0].count, 1); /* the old ones stay as sharp as they were */
}

static void test_kinds_never_mix(void **state)
{
    (void)state;
    static struct losses losses;
    uint64_t packets = 0, records = 0;
    losses.count = 0;
    for (uint64_t i = 1; i <= 1000; i++) { /* every one from another interface: nothing is alike */
        char interface[16];
        snprintf(interface, sizeof(interface), "eth%d", (int)i);
        struct pending_loss loss = make(LOSS_PACKETS_KERNEL, interface, "kernel", i);
        losses_add(&losses, &loss);
        packets += i;
    }
    for (uint64_t i = 1; i <= 10; i++) { /* the first of these finds the table full of the other kind */
        struct pending_loss loss = make(LOSS_RECORDS_SPOOL, "", i % 2 ? "full" : "behind", i);
        losses_add(&losses, &loss);
        records += i;
    }
    uint64_t packets_told = 0, records_told = 0;
    for (size_t i = 0; i < losses.count; i++) {
        if (losses.items[i].loss == LOSS_PACKETS_KERNEL)
            packets_told += losses.items[i].count;
        else
            records_told += losses.items[i].count;
    }
    assert_int_equal(losses.count, LOSSES_MAX);
    assert_int_equal(packets_told, packets);
    assert_int_equal(records_told, records);
}

static void test_records_and_back(void **state)
{
    (void)state;
    static struct losses losses;
    struct observer speaker = {.sensor = "inner", .epoch = 7};
    losses.count = 0;
    struct pending_loss told[] = {make(LOSS_PACKETS_INTERFACE, "eth0", "driver", 3),
                                  make(LOSS_RECORDS_SPOOL, "", "full", 5)};
    losses_add_all(&losses, told, 2);
    struct records *records = losses_records(&losses, &speaker);
    assert_non_null(records);
    assert_int_equal(records->rows, 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct loss row;
        records_get(records, i, &row);
        assert_string_equal(records->observers[row.observer].sensor, "inner");
        assert_int_equal(records->observers[row.observer].epoch, 7);
        struct pending_loss back = loss_pending(&row);
        assert_memory_equal(&back, &told[i], sizeof(back));
    }
    records_free(&records);
    losses.count = 0;
    assert_null(losses_records(&losses, &speaker));
}

static void test_long_texts_are_cut(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct pending_loss loss = loss_pending(&(struct loss){.interface = text, .reason = text});
    assert_int_equal(strlen(loss.interface), LOSS_INTERFACE_MAX - 1);
    assert_int_equal(strlen(loss.reason), LOSS_REASON_MAX - 1);
    loss = loss_pending(&(struct loss){.count = 1}); /* none is empty */
    assert_string_equal(loss.reason, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apart_while_there_is_room), cmocka_unit_test(test_neighbours_merge),
        cmocka_unit_test(test_kinds_never_mix),           cmocka_unit_test(test_records_and_back),
        cmocka_unit_test(test_long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
