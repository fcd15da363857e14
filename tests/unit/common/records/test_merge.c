/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of a flow as one: in any order, with what each says, and turned round where the sensor learned better. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/merge.h"

static struct flow report(uint32_t number)
{
    return (struct flow){.flow = 9,
                         .report = number,
                         .protocol = 6,
                         .src_lo = 0x0000ffff0a000001,
                         .dst_lo = 0x0000ffffc0000201,
                         .src_port = 40000,
                         .dst_port = 80,
                         .first_time = 1000 + 100 * (int64_t)number,
                         .last_time = 1050 + 100 * (int64_t)number,
                         .src_packets = 2,
                         .src_bytes = 100 + number,
                         .src_size_min = 50 - number,
                         .src_size_max = 50 + number,
                         .src_ttl = 60 + (uint8_t)number,
                         .state = number == 0 ? FLOW_STATE_S1 : FLOW_STATE_SF,
                         .src_tcp_flags = (uint8_t)(1u << number)};
}

static void reports_add_up_in_any_order(void **state)
{
    (void)state;
    const struct flow first = report(0), second = report(1), third = report(2);
    struct flow a = first, b = third;
    flow_merge(&a, &second);
    flow_merge(&a, &third);
    flow_merge(&b, &first);
    flow_merge(&b, &second);
    const struct flow *both[] = {&a, &b};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(both[i]->report, 0);
        assert_int_equal(both[i]->src_packets, 6);
        assert_int_equal(both[i]->src_bytes, 303);
        assert_int_equal(both[i]->first_time, 1000);
        assert_int_equal(both[i]->last_time, 1250);
        assert_int_equal(both[i]->src_tcp_flags, 7);
        assert_int_equal(both[i]->src_size_min, 48);
        assert_int_equal(both[i]->src_size_max, 52);
        assert_int_equal(both[i]->state, FLOW_STATE_SF);
    }
    assert_int_equal(a.src_ttl, 60); /* of the first packet */
}

/* The side that was silent in one report says nothing there: its smallest packet is not 0 bytes. */
static void what_says_nothing_changes_nothing(void **state)
{
    (void)state;
    struct flow whole = report(0), more = report(1);
    more.dst_packets = 3;
    more.dst_size_min = 40;
    more.dst_ttl = 55;
    more.evidence = FLOW_HAS_DST_ISN;
    more.dst_isn = 0;
    whole.evidence = FLOW_HAS_SRC_ISN;
    whole.src_isn = 77;
    more.src_isn = 1; /* without its bit */
    more.vlan = 12;
    flow_merge(&whole, &more);
    assert_int_equal(whole.dst_size_min, 40);
    assert_int_equal(whole.dst_ttl, 55);
    assert_int_equal(whole.src_isn, 77);
    assert_int_equal(whole.evidence, FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN);
    assert_int_equal(whole.vlan, 12);
}

static void an_earlier_report_is_turned_round_where_the_sensor_learned_better(void **state)
{
    (void)state;
    struct flow early = report(0), late = report(1);
    early.src_lo = late.dst_lo;
    early.dst_lo = late.src_lo;
    early.src_port = 80;
    early.dst_port = 40000;
    early.src_packets = 5; /* sent by the server */
    early.dst_packets = 1;
    early.evidence = FLOW_HAS_SRC_DIGEST | FLOW_HAS_ICMP_SEQUENCE;
    early.src_digest = 99;
    late.dst_packets = 10;
    struct flow orders[2] = {early, late};
    flow_merge(&orders[0], &late);
    flow_merge(&orders[1], &early);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(orders[i].src_port, 40000);
        assert_int_equal(orders[i].dst_packets, 15);
        assert_int_equal(orders[i].src_packets, 3);
        assert_int_equal(orders[i].evidence, FLOW_HAS_DST_DIGEST | FLOW_HAS_ICMP_SEQUENCE);
        assert_int_equal(orders[i].dst_digest, 99);
    }
}

/* A whole has the number of its first report, and knows by time what came first and last. */
static void what_came_first_is_told_by_time(void **state)
{
    (void)state;
    const struct flow between = report(1), last = report(2);
    struct flow whole = report(0), other = between;
    flow_merge(&whole, &last);
    flow_merge(&other, &whole);
    flow_merge(&whole, &between);
    assert_int_equal(whole.src_ttl, 60);
    assert_int_equal(whole.report, 0);
    assert_int_equal(other.src_ttl, 60);
    assert_int_equal(other.report, 0);
}

/* A packet a report, as of a heartbeat each minute: the gap is between them, and not zero. */
static void single_packets_have_a_gap(void **state)
{
    (void)state;
    struct flow whole = report(0), more = report(1);
    whole.src_packets = more.src_packets = 1;
    whole.last_time = whole.first_time;
    more.first_time = more.last_time = whole.first_time + 60000000000;
    flow_merge(&whole, &more);
    assert_int_equal(whole.src_gap_mean, 60000000);
    assert_int_equal(whole.src_gap_deviation, 0);
    assert_int_equal(whole.dst_gap_mean, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_add_up_in_any_order),
        cmocka_unit_test(what_says_nothing_changes_nothing),
        cmocka_unit_test(what_came_first_is_told_by_time),
        cmocka_unit_test(single_packets_have_a_gap),
        cmocka_unit_test(an_earlier_report_is_turned_round_where_the_sensor_learned_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
