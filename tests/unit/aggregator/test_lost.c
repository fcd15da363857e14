/* SPDX-License-Identifier: Apache-2.0 */
/* What lives that died took with them: which died, what is declared of them, and that it is said once. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/lost.h"
#include "common/records/loss.h"
#include "common/records/status.h"

#define LATER (TEST_NOW + 100 * NS_PER_S)

static struct error err;

/* A life of "inner" that was heard last at `heard`, with `committed` records. */
static struct store_life life(uint64_t epoch, int64_t heard, uint64_t committed)
{
    return (struct store_life){
        .observer = test_observer("inner", epoch), .records = committed, .batches = 1, .last_received_ns = heard};
}

/* Says of itself that it made `made` records, and whether it ends. */
static struct store_life with_status(struct store_life life, uint64_t made, bool last)
{
    const struct status status = {.time = life.last_received_ns,
                                  .started = life.last_received_ns - 60 * NS_PER_S,
                                  .records_made = made,
                                  .records_acknowledged = life.records,
                                  .records_held = made - life.records,
                                  .packets_in_table = 77,
                                  .reported_through = life.last_received_ns - 20 * NS_PER_S,
                                  .last = last};
    uint16_t index;
    life.status = records_new(record_kinds[RECORD_STATUS], 1);
    assert_non_null(life.status);
    assert_int_equal(records_observer(life.status, &life.observer, &index), RESULT_OK);
    assert_int_equal(records_add(life.status, &status), RESULT_OK);
    return life;
}

static void forget(struct store_life *lives, size_t count)
{
    for (size_t i = 0; i < count; i++)
        records_free(&lives[i].status);
}

/* What is declared of them at `now`: noted, as the store does. How many. */
static uint32_t declare(struct store_life *lives, size_t count, int64_t now, struct loss *ret_first, char *ret_reason,
                        bool *ret_later)
{
    struct records *losses;
    assert_ok(lost_declare(lives, count, now, LOST_QUIET_NS, &losses, ret_later, &err), err);
    uint32_t rows = losses == NULL ? 0 : losses->rows;
    for (uint32_t row = rows; row-- > 0;) {
        const struct observer *observer = &losses->observers[loss_columns(losses)->observer[row]];
        records_get(losses, row, ret_first);
        snprintf(ret_reason, LOST_REASON_MAX, "%s", ret_first->reason);
        for (size_t i = 0; i < count; i++) {
            if (!observer_equal(&lives[i].observer, observer))
                continue;
            lives[i].died = true;
            lives[i].records_died += ret_first->count;
        }
    }
    records_free(&losses);
    return rows;
}

static void expect_books(const struct store_life *lives, size_t count, size_t which, uint64_t lost, uint64_t held)
{
    struct lost_books books = lost_books(&lives[which], lost_fate(lives, count, which, false, false));
    assert_int_equal(books.lost, lost);
    assert_int_equal(books.held, held);
    assert_int_equal(books.made, lives[which].records + books.lost + books.held);
}

static void test_a_life_that_died_is_declared_once(void **state)
{
    (void)state;
    struct store_life lives[] = {with_status(life(5, TEST_NOW, 90), 100, false),
                                 with_status(life(6, LATER, 3), 3, false)};
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    assert_int_equal(lost_fate(lives, 1, 0, true, false), LOST_SPEAKS);
    assert_int_equal(lost_fate(lives, 1, 0, false, false), LOST_AWAY);
    assert_int_equal(lost_fate(lives, 1, 0, true, true), LOST_DIED);
    assert_int_equal(declare(lives, 1, LATER + LOST_QUIET_NS, &loss, reason, &later), 0); /* away: it may come back */
    assert_false(later);
    assert_int_equal(lost_fate(lives, 2, 0, true, false), LOST_DIED);
    assert_int_equal(lost_fate(lives, 2, 1, true, false), LOST_SPEAKS);
    expect_books(lives, 2, 0, 0, 10);
    assert_true(lost_pending(lives, 2, 0, LOST_DIED, LATER, &loss, reason));
    assert_int_equal(declare(lives, 2, LATER + LOST_QUIET_NS, &loss, reason, &later), 1);
    assert_int_equal(loss.loss, LOSS_RECORDS_DIED);
    assert_int_equal(loss.count, 10);
    assert_int_equal(loss.from_time, TEST_NOW - 20 * NS_PER_S);
    assert_int_equal(loss.to_time, LATER - 60 * NS_PER_S);
    assert_string_equal(reason, "life 5: records unknown, at least 10; packets unknown, at least 77 in its flow table");
    expect_books(lives, 2, 0, 10, 0);
    assert_false(lost_pending(lives, 2, 0, LOST_DIED, LATER, &loss, reason));
    assert_false(lost_came(&lives[0]));
    assert_int_equal(declare(lives, 2, LATER + 2 * LOST_QUIET_NS, &loss, reason, &later), 0);
    assert_false(later);
    forget(lives, 2);
}

/* What its next life found on disk comes under its old name: that is waited for. */
static void test_what_still_comes_is_waited_for(void **state)
{
    (void)state;
    struct store_life lives[] = {with_status(life(5, TEST_NOW, 90), 100, false), life(6, TEST_NOW + NS_PER_S, 3)};
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    assert_int_equal(declare(lives, 2, TEST_NOW + 2 * NS_PER_S, &loss, reason, &later), 0);
    assert_true(later);
    lives[0].records = 97;
    lives[0].last_received_ns = TEST_NOW + 3 * NS_PER_S; /* by now the last to speak: nobody follows it */
    assert_int_equal(declare(lives, 2, TEST_NOW + 60 * NS_PER_S, &loss, reason, &later), 0);
    lives[1].last_received_ns = TEST_NOW + 60 * NS_PER_S;
    assert_int_equal(declare(lives, 2, TEST_NOW + 60 * NS_PER_S, &loss, reason, &later), 1);
    assert_int_equal(loss.count, 3);
    forget(lives, 2);
}

/* It was declared, and everything came all the same: nothing is lost. */
static void test_what_comes_after_all_is_not_lost(void **state)
{
    (void)state;
    struct store_life lives[] = {with_status(life(5, TEST_NOW, 90), 100, false), life(6, LATER, 3)};
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    assert_int_equal(declare(lives, 2, LATER, &loss, reason, &later), 1);
    lives[0].records = 99;
    expect_books(lives, 2, 0, 1, 0);
    forget(lives, 1);
    lives[0].records = 120;
    lives[0] = with_status(lives[0], 120, true);
    assert_true(lost_came(&lives[0]));
    expect_books(lives, 2, 0, 0, 0);
    assert_int_equal(lost_fate(lives, 2, 0, false, false), LOST_ENDED);
    assert_int_equal(declare(lives, 2, LATER, &loss, reason, &later), 0);
    forget(lives, 2);
}

/* Declared too early; it went on, and died with more. Only that is said then. */
static void test_more_than_was_declared_is_declared(void **state)
{
    (void)state;
    struct store_life lives[] = {with_status(life(5, TEST_NOW, 90), 100, false), life(6, LATER, 3)};
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    assert_int_equal(declare(lives, 2, LATER, &loss, reason, &later), 1);
    forget(lives, 1);
    lives[0] = with_status(lives[0], 150, false);
    expect_books(lives, 2, 0, 10, 50);
    assert_int_equal(declare(lives, 2, LATER, &loss, reason, &later), 1);
    assert_int_equal(loss.count, 50);
    expect_books(lives, 2, 0, 60, 0);
    assert_int_equal(declare(lives, 2, LATER, &loss, reason, &later), 0);
    forget(lives, 2);
}

static void test_a_life_that_ended_lost_nothing(void **state)
{
    (void)state;
    struct store_life lives[] = {with_status(life(5, TEST_NOW, 100), 100, true), life(6, LATER, 3)};
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    assert_int_equal(lost_fate(lives, 2, 0, false, false), LOST_ENDED);
    assert_int_equal(declare(lives, 2, LATER, &loss, reason, &later), 0);
    assert_false(later);
    assert_false(lost_pending(lives, 2, 0, LOST_ENDED, LATER, &loss, reason));
    expect_books(lives, 2, 0, 0, 0);
    lives[0].records_lost = 7; /* it declared these itself */
    lives[0].records = 93;
    assert_int_equal(declare(lives, 2, LATER, &loss, reason, &later), 0);
    expect_books(lives, 2, 0, 7, 0);
    lives[0].records = 91; /* and of these nobody heard */
    assert_int_equal(declare(lives, 2, LATER, &loss, reason, &later), 1);
    assert_int_equal(loss.count, 2);
    assert_int_equal(loss.from_time, TEST_NOW - 60 * NS_PER_S);
    assert_int_equal(loss.to_time, TEST_NOW);
    assert_string_equal(reason, "life 5 ended, and 2 records that it had made never came");
    expect_books(lives, 2, 0, 9, 0);
    forget(lives, 2);
}

/* Without a status nobody knows how much: it is declared all the same. */
static void test_a_life_that_said_nothing_of_itself(void **state)
{
    (void)state;
    struct store_life lives[] = {life(5, TEST_NOW, 90), life(6, LATER, 3)};
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    assert_int_equal(declare(lives, 2, LATER + LOST_QUIET_NS, &loss, reason, &later), 1);
    assert_int_equal(loss.count, 0);
    assert_int_equal(loss.from_time, TEST_NOW);
    assert_int_equal(loss.to_time, LATER);
    assert_string_equal(reason, "life 5: records unknown; packets unknown");
    assert_int_equal(declare(lives, 2, LATER + LOST_QUIET_NS, &loss, reason, &later), 0);
}

/* Each of a chain until its next; nobody's is another's; who never said anything is nobody. */
static void test_each_of_several(void **state)
{
    (void)state;
    struct store_life lives[] = {life(5, TEST_NOW, 1), life(6, TEST_NOW + NS_PER_S, 1), life(7, LATER, 1),
                                 life(3, TEST_NOW, 1), life(9, TEST_NOW, 0)};
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    strcpy(lives[3].observer.sensor, "outer");
    strcpy(lives[4].observer.sensor, "outer");
    lives[4].batches = 0;
    lives[4].last_received_ns = 0;
    assert_int_equal(declare(lives, 5, LATER, &loss, reason, &later), 2);
    assert_true(lives[0].died && lives[1].died);
    assert_false(lives[2].died || lives[3].died || lives[4].died);
    assert_int_equal(loss.to_time, TEST_NOW + NS_PER_S);
}

/* A status that promises nothing yet is no reason to miss what was before the life began. */
static void test_a_life_loses_nothing_of_before_its_start(void **state)
{
    (void)state;
    struct store_life lives[] = {with_status(life(5, TEST_NOW, 90), 100, false), life(6, LATER, 3)};
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    status_columns(lives[0].status)->reported_through[0] = TEST_NOW - 300 * NS_PER_S;
    assert_int_equal(declare(lives, 2, LATER, &loss, reason, &later), 1);
    assert_int_equal(loss.from_time, TEST_NOW - 60 * NS_PER_S);
    forget(lives, 2);
}

/* Clocks set back by years: the range is one, and what was heard in the future is not heard now. */
static void test_clocks_set_back(void **state)
{
    (void)state;
    struct store_life lives[] = {with_status(life(5, TEST_NOW, 90), 100, false),
                                 with_status(life(6, TEST_NOW + 1, 3), 3, false)};
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    status_columns(lives[1].status)->started[0] = TEST_NOW - 86400 * NS_PER_S;
    assert_int_equal(declare(lives, 2, TEST_NOW - 86400 * NS_PER_S, &loss, reason, &later), 1);
    assert_true(loss.from_time < loss.to_time);
    assert_int_equal(loss.from_time, TEST_NOW - 86400 * NS_PER_S);
    forget(lives, 2);
}

/* A batch has room for so many observers; the rest is said in the next one. */
static void test_many_deaths_are_several_batches(void **state)
{
    (void)state;
    enum { ALL = RECORDS_OBSERVERS_MAX + 10 };
    static struct store_life lives[ALL];
    struct loss loss;
    char reason[LOST_REASON_MAX];
    bool later;
    for (unsigned i = 0; i < ALL; i++)
        lives[i] = life(1 + i, TEST_NOW, 1);
    assert_int_equal(declare(lives, ALL, LATER, &loss, reason, &later), RECORDS_OBSERVERS_MAX);
    assert_true(later);
    assert_int_equal(declare(lives, ALL, LATER, &loss, reason, &later), 9); /* the newest may live */
    assert_false(later);
}

static void test_when_to_look(void **state)
{
    (void)state;
    struct lost lost;
    struct observer inner = test_observer("inner", 5), outer = test_observer("outer", 5);
    lost_init(&lost, 0, LOST_QUIET_NS);
    assert_false(lost_due(&lost, LOST_QUIET_NS - 1));
    assert_true(lost_due(&lost, LOST_QUIET_NS)); /* what was not declared before the start */
    lost_looked(&lost, true, LOST_QUIET_NS);
    assert_false(lost_due(&lost, LOST_QUIET_NS));
    assert_true(lost_due(&lost, 2 * LOST_QUIET_NS));
    lost_looked(&lost, false, 0);
    assert_false(lost_due(&lost, INT64_MAX - 1));
    lost_heard(&lost, &inner, 0);
    lost_heard(&lost, &outer, 0);
    lost_looked(&lost, false, 0);
    for (unsigned i = 0; i < 3; i++) {
        lost_heard(&lost, &inner, 0);
        lost_heard(&lost, &outer, 0);
    }
    assert_false(lost_due(&lost, INT64_MAX - 1)); /* nobody began another life */
    inner.epoch++;
    lost_heard(&lost, &inner, 7);
    assert_false(lost_due(&lost, LOST_QUIET_NS + 6));
    assert_true(lost_due(&lost, LOST_QUIET_NS + 7));
    lost_fini(&lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life_that_died_is_declared_once),
        cmocka_unit_test(test_what_still_comes_is_waited_for),
        cmocka_unit_test(test_what_comes_after_all_is_not_lost),
        cmocka_unit_test(test_more_than_was_declared_is_declared),
        cmocka_unit_test(test_a_life_that_ended_lost_nothing),
        cmocka_unit_test(test_a_life_that_said_nothing_of_itself),
        cmocka_unit_test(test_each_of_several),
        cmocka_unit_test(test_a_life_loses_nothing_of_before_its_start),
        cmocka_unit_test(test_clocks_set_back),
        cmocka_unit_test(test_many_deaths_are_several_batches),
        cmocka_unit_test(test_when_to_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
