/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of investigate: what each must find, and what it must leave alone. */
#include "tests/unit/aggregator/support.h"

#include <stdlib.h>

#include "aggregator/answer/investigate/callbacks.h"
#include "aggregator/answer/investigate/fetches.h"
#include "aggregator/answer/investigate/logins.h"
#include "aggregator/answer/investigate/onset.h"
#include "aggregator/answer/investigate/touch.h"

#define S       1000000000ll
#define BEGIN   (1700000000ll * S)
#define DAY     (86400 * S)
#define ROOM    6000
#define PEER(n) address_from_ipv4(0xc0000000u + (uint32_t)(n))

static struct contact contacts[ROOM];
static size_t count;
static uint32_t dice;

static void begin(void)
{
    count = 0;
    dice = 1;
}

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1103515245u + 12345u;
    return (dice >> 16) % sides;
}

/* A contact `at` seconds after BEGIN. */
static struct contact *add(int64_t at_ns, uint32_t peer, unsigned port, bool outward, enum contact_outcome outcome)
{
    assert_true(count < ROOM);
    struct contact *c = &contacts[count++];
    *c = (struct contact){.first = BEGIN + at_ns,
                          .last = BEGIN + at_ns + S,
                          .peer = PEER(peer),
                          .sent = 600,
                          .received = 900,
                          .packets_sent = 6,
                          .packets_received = 5,
                          .flow = count,
                          .port = (uint16_t)port,
                          .src_port = (uint16_t)count,
                          .protocol = 6,
                          .outcome = (uint8_t)outcome,
                          .outward = outward};
    return c;
}

/* Pages of 300 servers through a day, of which `failing` in a hundred do not answer. */
static void ordinary(unsigned failing)
{
    for (int i = 0; i < 2000; i++)
        add((int64_t)roll(86400) * S, roll(300), 443, true, roll(100) < failing ? CONTACT_FAILED : CONTACT_ANSWERED);
}

static void settle(void)
{
    count = contacts_settle(contacts, count);
}

/* ---- contacts */

static void test_outcomes(void **state)
{
    (void)state;
    assert_int_equal(contact_outcome(6, FLOW_STATE_S0, 0x02), CONTACT_FAILED);
    assert_int_equal(contact_outcome(6, FLOW_STATE_S0, 0x12), CONTACT_UNCERTAIN); /* seen one way */
    assert_int_equal(contact_outcome(17, FLOW_STATE_S0, 0), CONTACT_UNCERTAIN);   /* need not answer */
    assert_int_equal(contact_outcome(1, FLOW_STATE_S0, 0), CONTACT_FAILED);
    assert_int_equal(contact_outcome(6, FLOW_STATE_REJ, 0x02), CONTACT_FAILED);
    assert_int_equal(contact_outcome(6, FLOW_STATE_SF, 0x1b), CONTACT_ANSWERED);
    assert_int_equal(contact_outcome(6, FLOW_STATE_OTH, 0x18), CONTACT_UNCERTAIN);
}

/* Two sensors saw one connection: it is one contact, and the view with more packets. */
static void test_views_are_one(void **state)
{
    (void)state;
    begin();
    add(5 * S, 2, 443, true, CONTACT_ANSWERED);
    struct contact *one = add(S, 1, 443, true, CONTACT_ANSWERED),
                   *other = add(S + 1000, 1, 443, true, CONTACT_ANSWERED);
    other->src_port = one->src_port;
    other->observer = 1;
    other->packets_sent = 9;
    settle();
    assert_int_equal(count, 2);
    assert_int_equal(contacts[0].packets_sent, 9);
    assert_true(contacts[0].first < contacts[1].first);
}

static void test_dispersion(void **state)
{
    (void)state;
    uint64_t same[] = {7, 7, 7}, spread[] = {100, 50, 150, 100, 400};
    assert_true(dispersion_of(same, 3) == 0);
    assert_true(dispersion_of(spread, 5) == 0.5);
}

/* ---- onset */

static size_t onsets(struct onset *ret)
{
    bool memory;
    settle();
    size_t found = onsets_find(contacts, count, BEGIN, BEGIN + DAY, ret, 4, &memory);
    assert_true(memory);
    return found;
}

static void test_onset(void **state)
{
    (void)state;
    struct onset found[4];
    begin();
    ordinary(6);
    int64_t at = 50000 * S + 123 * 1000000;
    for (uint32_t i = 0; i < 100; i++)
        add(at + i * 2 * S, 1000 + i, 22, true, i % 12 == 0 ? CONTACT_ANSWERED : CONTACT_FAILED);
    assert_int_equal(onsets(found), 1);
    assert_int_equal(found[0].kind, ONSET_SWEEP);
    assert_int_equal(found[0].port, 22);
    assert_true(found[0].at == BEGIN + at);
    assert_int_equal(found[0].contacts, 100);
    assert_int_equal(found[0].before, 0);
    assert_true(found[0].ratio > 100);
}

/* A contact of that kind an hour, and then the scan: it begins where it begins, and what was before is told. */
static void test_onset_after_some_of_the_same(void **state)
{
    (void)state;
    struct onset found[4];
    begin();
    for (uint32_t i = 0; i < 12; i++)
        add((int64_t)(i * 3600 + 100) * S, i, 22, true, CONTACT_ANSWERED);
    add((50000 - 200) * S, 500, 22, true, CONTACT_ANSWERED); /* in the same five minutes as the onset */
    for (uint32_t i = 0; i < 60; i++)
        add((int64_t)(50000 + i) * S, 1000 + i, 22, true, CONTACT_FAILED);
    assert_int_equal(onsets(found), 1);
    assert_true(found[0].at == BEGIN + 50000 * S);
    assert_int_equal(found[0].before, 13);
    assert_int_equal(found[0].before_hour, 1);
}

/* One every six minutes: no window loses it. */
static void test_slow_onset(void **state)
{
    (void)state;
    struct onset found[4];
    begin();
    ordinary(6);
    for (uint32_t i = 0; i < 40; i++)
        add((int64_t)(60000 + i * 360) * S, 1000 + i, 1433, true, CONTACT_FAILED);
    assert_int_equal(onsets(found), 1);
    assert_true(found[0].at == BEGIN + 60000 * S);
}

static void test_ports_of_one_host(void **state)
{
    (void)state;
    struct onset found[4];
    begin();
    ordinary(6);
    for (uint32_t i = 0; i < 200; i++)
        add(40000 * S + i * 50000000ll, 77, 1 + i, true, CONTACT_FAILED);
    assert_int_equal(onsets(found), 1);
    assert_int_equal(found[0].kind, ONSET_PORTS);
    assert_true(address_equal(found[0].peer, PEER(77)));
    assert_int_equal(found[0].contacts, 200);
}

/* A scan that is answered everywhere fails nowhere. */
static void test_answered_sweep(void **state)
{
    (void)state;
    struct onset found[4];
    begin();
    ordinary(6);
    for (uint32_t i = 0; i < 120; i++)
        add(40000 * S + i * S, 1000 + i, 8443, true, CONTACT_ANSWERED);
    assert_int_equal(onsets(found), 1);
    assert_int_equal(found[0].port, 8443);
}

static void test_no_onset(void **state)
{
    (void)state;
    struct onset found[4];
    for (unsigned failing = 0; failing <= 20; failing += 5) {
        begin();
        ordinary(failing);
        assert_int_equal(onsets(found), 0);
    }
    /* Retries of one that is dead. */
    begin();
    for (uint32_t i = 0; i < 500; i++)
        add(40000 * S + i * S, 5, 445, true, CONTACT_FAILED);
    assert_int_equal(onsets(found), 0);
    /* A monitor that asks the same for all the day. */
    begin();
    for (uint32_t i = 0; i < 4000; i++)
        add((int64_t)i * 20 * S, i % 40, 5666, true, CONTACT_ANSWERED);
    assert_int_equal(onsets(found), 0);
    /* Eight that fail. */
    begin();
    for (uint32_t i = 0; i < 8; i++)
        add(40000 * S + i * S, i, 22, true, CONTACT_FAILED);
    assert_int_equal(onsets(found), 0);
    /* What others did to the host. */
    begin();
    for (uint32_t i = 0; i < 200; i++)
        add(40000 * S + i * S, i, 22, false, CONTACT_FAILED);
    assert_int_equal(onsets(found), 0);
    begin();
    assert_int_equal(onsets(found), 0);
}

/* ---- logins */

static size_t logins(int64_t known_ns, int64_t moment_ns, struct login *ret)
{
    bool memory;
    settle();
    size_t found = logins_find(contacts, count, BEGIN + known_ns, BEGIN + moment_ns, ret, 3, &memory);
    assert_true(memory);
    return found;
}

static void typed(int64_t at_ns, uint32_t peer)
{
    struct contact *c = add(at_ns, peer, 22, false, CONTACT_ANSWERED);
    c->last = c->first + 400 * S;
    c->packets_sent = c->packets_received = 300;
    c->sent = c->received = 30000;
}

static void attempts(int64_t at_ns, uint32_t peer, uint32_t some)
{
    for (uint32_t i = 0; i < some; i++)
        add(at_ns + i * 5 * S, peer, 22, false, CONTACT_ANSWERED)->sent += roll(20);
}

static void test_login_after_attempts(void **state)
{
    (void)state;
    struct login found[3];
    begin();
    typed(-2 * DAY, 9); /* the administrator, as on every day */
    typed(30000 * S, 9);
    attempts(45000 * S, 66, 40);
    attempts(20000 * S, 67, 6); /* another, who gave up */
    typed(45300 * S, 66);
    assert_true(logins(-20 * DAY, 46000 * S, found) >= 1);
    assert_true(address_equal(found[0].contact.peer, PEER(66)));
    assert_true(found[0].contact.first == BEGIN + 45300 * S);
    assert_true(found[0].first_time && found[0].past_known && found[0].interactive && found[0].by_itself);
    assert_int_equal(found[0].attempts, 40);
    assert_true(found[0].score >= LOGIN_SCORE_TRACED);
    for (size_t i = 0; i < logins(-20 * DAY, 46000 * S, found); i++)
        assert_false(address_equal(found[i].contact.peer, PEER(9)));
}

/* The attempts of several at once do not hide whose they were. */
static void test_attempts_of_several(void **state)
{
    (void)state;
    struct login found[3];
    begin();
    attempts(45000 * S, 66, 15);
    attempts(45002 * S, 67, 60);
    typed(45400 * S, 66);
    assert_true(logins(-20 * DAY, 46000 * S, found) >= 1);
    assert_true(address_equal(found[0].contact.peer, PEER(66)));
    assert_int_equal(found[0].attempts, 15);
}

static void test_no_login(void **state)
{
    (void)state;
    struct login found[3];
    begin(); /* attempts alone */
    attempts(45000 * S, 66, 40);
    assert_int_equal(logins(-20 * DAY, 46000 * S, found), 0);
    begin(); /* who comes every day, half a day before */
    typed(-2 * DAY, 9);
    typed(5000 * S, 9);
    assert_int_equal(logins(-20 * DAY, 46000 * S, found), 0);
    begin(); /* after the moment */
    typed(47000 * S, 66);
    assert_int_equal(logins(-20 * DAY, 46000 * S, found), 0);
    begin(); /* a public server, to which everybody is new */
    for (uint32_t i = 0; i < 1000; i++)
        add((int64_t)i * 40 * S, 2000 + i, 443, false, CONTACT_ANSWERED);
    assert_int_equal(logins(-20 * DAY, 46000 * S, found), 0);
    begin();
    assert_int_equal(logins(-20 * DAY, 46000 * S, found), 0);
}

/* Of a store that began an hour ago nothing is said to be for the first time. */
static void test_short_past(void **state)
{
    (void)state;
    struct login found[3];
    begin();
    typed(45000 * S, 66);
    assert_int_equal(logins(42000 * S, 45300 * S, found), 1);
    assert_false(found[0].past_known || found[0].first_time);
    assert_int_equal(logins(-20 * DAY, 45300 * S, found), 1);
    assert_true(found[0].past_known && found[0].first_time);
}

/* ---- fetches */

static void test_fetches(void **state)
{
    (void)state;
    struct fetch found[4];
    bool memory;
    begin();
    add(100 * S, 5, 443, true, CONTACT_ANSWERED)->received = 900000; /* known since */
    add(5000 * S, 5, 443, true, CONTACT_ANSWERED)->received = 900000;
    add(5001 * S, 6, 80, true, CONTACT_ANSWERED)->received = 180000;
    add(5002 * S, 7, 443, true, CONTACT_ANSWERED)->received = 15000; /* in three, more than enough */
    add(5003 * S, 7, 443, true, CONTACT_ANSWERED)->received = 15000;
    add(5004 * S, 8, 443, true, CONTACT_ANSWERED)->received = 5000;    /* small */
    add(5005 * S, 9, 443, false, CONTACT_ANSWERED)->received = 900000; /* sent to it by others */
    add(9000 * S, 10, 443, true, CONTACT_ANSWERED)->received = 900000; /* later */
    settle();
    assert_int_equal(fetches_find(contacts, count, BEGIN + 4000 * S, BEGIN + 8000 * S, found, 4, &memory), 2);
    assert_true(memory && address_equal(found[0].peer, PEER(6)) && address_equal(found[1].peer, PEER(7)));
    assert_int_equal(found[0].port, 80);
    assert_int_equal(found[1].received, 30000);
    assert_int_equal(found[1].connections, 2);
    assert_int_equal(fetches_find(contacts, count, BEGIN + 4000 * S, BEGIN + 8000 * S, found, 1, &memory), 1);
    assert_true(address_equal(found[0].peer, PEER(6)));
}

/* ---- callbacks */

static size_t callbacks(int64_t since_ns, struct callback *ret)
{
    bool memory;
    settle();
    size_t found = callbacks_find(contacts, count, BEGIN + since_ns, ret, 4, &memory);
    assert_true(memory);
    return found;
}

static void test_callbacks(void **state)
{
    (void)state;
    struct callback found[4];
    begin();
    ordinary(6);
    for (int i = 0; i < 40; i++)
        add((int64_t)(50000 + i * 300 + (int)roll(20)) * S, 900, 443, true, CONTACT_ANSWERED);
    assert_int_equal(callbacks(49000 * S, found), 1);
    assert_true(address_equal(found[0].peer, PEER(900)));
    assert_int_equal(found[0].calls, 40);
    assert_in_range(found[0].gap_ns / S, 280, 320);
    assert_true(found[0].score > 0.9);
    /* It called so before. */
    assert_int_equal(callbacks(51000 * S, found), 0);
}

static void test_no_callbacks(void **state)
{
    (void)state;
    struct callback found[4];
    begin(); /* a person's pages at a new favourite */
    for (int i = 0; i < 40; i++) {
        struct contact *c = add((int64_t)(50000 + roll(20000)) * S, 900, 443, true, CONTACT_ANSWERED);
        c->received = 500 + roll(40000);
        c->sent = 300 + roll(2000);
    }
    assert_int_equal(callbacks(49000 * S, found), 0);
    begin(); /* too few, too short, unanswered */
    for (int i = 0; i < 5; i++)
        add((int64_t)(50000 + i * 300) * S, 900, 443, true, CONTACT_ANSWERED);
    for (int i = 0; i < 40; i++)
        add((int64_t)(50000 + i) * S, 901, 443, true, CONTACT_ANSWERED);
    for (int i = 0; i < 40; i++)
        add((int64_t)(50000 + i * 300) * S, 902, 443, true, CONTACT_FAILED);
    assert_int_equal(callbacks(49000 * S, found), 0);
}

/* ---- touches */

static struct touch touch(int64_t at_s, uint32_t remote, uint32_t host, uint16_t sensor, bool answered)
{
    begin();
    struct touch t = {.remote = PEER(remote),
                      .host = PEER(host),
                      .contact = *add(at_s * S, remote, 80, true, answered ? CONTACT_ANSWERED : CONTACT_FAILED)};
    t.contact.observer = sensor;
    return t;
}

static void test_known(void **state)
{
    (void)state;
    struct touch touches[20] = {touch(10, 1, 100, 0, true), touch(11, 1, 101, 0, true),  touch(12, 1, 101, 0, true),
                                touch(13, 1, 101, 1, true), touch(14, 1, 102, 0, false), touch(15, 2, 103, 0, true)};
    assert_int_equal(touches_known(touches, 6, PEER(1), PEER(100), 0), 2); /* behind another NAT it is another */
    assert_int_equal(touches_known(touches, 6, PEER(1), PEER(100), BEGIN + 13 * S), 1);
    assert_int_equal(touches_known(touches, 6, PEER(3), PEER(100), 0), 0);
    for (uint32_t i = 0; i < 20; i++)
        touches[i] = touch(i, 1, 200 + i, 0, true);
    assert_int_equal(touches_known(touches, 20, PEER(1), PEER(100), 0), TOUCH_KNOWN_MAX);
}

static void test_spread(void **state)
{
    (void)state;
    struct touch touches[] = {touch(9, 1, 100, 0, true),   touch(30, 1, 104, 0, false), touch(31, 2, 104, 0, false),
                              touch(20, 2, 105, 1, false), touch(25, 1, 105, 1, true),  touch(22, 1, 106, 0, true)};
    struct spread found[4];
    size_t hosts, tried;
    assert_int_equal(spreads_find(touches, 6, PEER(100), found, 4, &hosts, &tried), 3);
    assert_int_equal(hosts, 3);
    assert_int_equal(tried, 1);
    assert_true(address_equal(found[0].host, PEER(106)) && found[0].answered == 1);
    assert_true(address_equal(found[1].host, PEER(105)) && found[1].sensor == 1 && found[1].all == 2);
    assert_true(found[1].first == BEGIN + 25 * S && address_equal(found[1].remote, PEER(1)));
    assert_true(address_equal(found[2].host, PEER(104)) && found[2].answered == 0);
    assert_int_equal(spreads_find(touches, 0, PEER(100), found, 4, &hosts, &tried), 0);
}

static void test_entries(void **state)
{
    (void)state;
    struct contact found[4];
    begin();
    for (uint32_t i = 0; i < 20; i++)
        add((int64_t)(100 + i) * S, i, 22, true, i % 2 == 0 ? CONTACT_ANSWERED : CONTACT_FAILED);
    struct contact *in = add(130 * S, 77, 22, true, CONTACT_ANSWERED);
    in->sent = in->received = 9000;
    *add(50 * S, 78, 22, true, CONTACT_ANSWERED) = *in; /* before the scan */
    contacts[count - 1].first = BEGIN + 50 * S;
    add(140 * S, 79, 80, true, CONTACT_ANSWERED)->received = 90000; /* another port */
    settle();
    assert_int_equal(entries_find(contacts, count, 6, 22, BEGIN + 100 * S, found, 4), 1);
    assert_true(address_equal(found[0].peer, PEER(77)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_views_are_one),
        cmocka_unit_test(test_dispersion),
        cmocka_unit_test(test_onset),
        cmocka_unit_test(test_onset_after_some_of_the_same),
        cmocka_unit_test(test_slow_onset),
        cmocka_unit_test(test_ports_of_one_host),
        cmocka_unit_test(test_answered_sweep),
        cmocka_unit_test(test_no_onset),
        cmocka_unit_test(test_login_after_attempts),
        cmocka_unit_test(test_attempts_of_several),
        cmocka_unit_test(test_no_login),
        cmocka_unit_test(test_short_past),
        cmocka_unit_test(test_fetches),
        cmocka_unit_test(test_callbacks),
        cmocka_unit_test(test_no_callbacks),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
