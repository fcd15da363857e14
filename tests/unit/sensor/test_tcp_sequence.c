/* SPDX-License-Identifier: Apache-2.0 */
/* TCP segments in the stream: sent again, out of order, seen twice; windows; what a report starts anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/sensor/conversation.h"

static void test_retransmission_disorder_and_duplicates(void **state)
{
    struct bench *b = *state;
    struct frame f = {0};
    handshake(b, 1000, 5000);
    segment(b, true, ACK, 1001, 5001, 100);
    segment(b, true, ACK, 1001, 5001, 100); /* again */
    segment(b, true, ACK, 1201, 5001, 100); /* one is missing */
    segment(b, true, ACK, 1101, 5001, 100); /* here it is */
    segment(b, true, ACK, 1101, 5001, 100); /* and again */
    for (unsigned i = 0; i < 2; i++) {      /* one packet seen twice: the same identification */
        put_ipv4(&f, CLIENT, SERVER, IPPROTO_TCP, 0xfff0, 0);
        put_tcp(&f, CLIENT_PORT, SERVER_PORT, 1301, 5001, ACK, 50);
        meter_frame(b->meter, &f, b->now);
    }
    const struct flow *flow = only_record(b);
    assert_int_equal(flow->src_retransmits, 2);
    assert_int_equal(flow->src_out_of_order, 1);
    assert_int_equal(flow->src_duplicates, 1);
    assert_int_equal(flow->src_packets, 9);
    assert_history(flow, "ShADT");
}

/* Behind the furthest segment, and only up to the end of the gap before it, is what was missing. */
static void test_what_follows_the_gap_is_sent_again(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK, 1001, 5001, 100);
    segment(b, true, ACK, 1201, 5001, 100);
    segment(b, true, ACK, 1301, 5001, 100);
    segment(b, true, ACK, 1201, 5001, 100);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_retransmits, 1);
    assert_int_equal(f->src_out_of_order, 0);
}

static void test_gap_filled_in_part_is_smaller(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK, 1201, 5001, 100); /* 1001 to 1200 are missing */
    segment(b, true, ACK, 1001, 5001, 100);
    segment(b, true, ACK, 1101, 5001, 100);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_retransmits, 0);
    assert_int_equal(f->src_out_of_order, 2);
}

static void test_sent_again_with_more_behind_it(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK, 1001, 5001, 100);
    segment(b, true, ACK, 1051, 5001, 100);
    segment(b, true, ACK, 1151, 5001, 100); /* follows */
    segment(b, true, ACK, 1101, 5001, 50);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_retransmits, 2);
    assert_int_equal(f->src_out_of_order, 0);
}

static void test_keep_alive_is_no_retransmission(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK, 1001, 5001, 100);
    b->now += 20 * SECOND;
    segment(b, true, ACK, 1100, 5001, 1);
    segment(b, true, ACK, 1100, 5001, 0);
    assert_int_equal(only_record(b)->src_retransmits, 0);
}

static void test_number_of_a_reset_is_not_believed(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, RST, 900000, 0, 0);
    segment(b, true, ACK, 1001, 5001, 100);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_retransmits + f->src_out_of_order, 0);
}

static void test_sequence_numbers_wrap(void **state)
{
    struct bench *b = *state;
    handshake(b, 0xfffffffa, 5000);
    segment(b, true, ACK, 5, 5001, 10); /* ten bytes are missing */
    segment(b, true, ACK, 0xfffffffb, 5001, 10);
    segment(b, true, ACK, 15, 5001, 10);
    segment(b, true, ACK, 0xfffffffb, 5001, 10);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_out_of_order, 1);
    assert_int_equal(f->src_retransmits, 1);
}

/* Linux leaves SYN-ACKs without identification; IPv6 has none. */
static void test_tap_is_told_from_the_host_without_identification(void **state)
{
    struct bench *b = *state;
    struct segment s = {.flags = ACK, .sequence = 1001, .acknowledgement = 5001, .payload = 100, .no_ip_id = true};
    handshake(b, 1000, 5000);
    send_segment(b, &s);
    b->now -= MILLISECOND / 2;
    send_segment(b, &s); /* half a millisecond later: no host is so impatient */
    b->now += 200 * MILLISECOND;
    send_segment(b, &s);
    s.payload = 0;
    s.sequence = 1101;
    for (unsigned i = 0; i < 3; i++) {
        b->now -= MILLISECOND;
        send_segment(b, &s); /* acknowledgements may well come together */
    }
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_duplicates, 1);
    assert_int_equal(f->src_retransmits, 1);
}

static void test_fixed_identification_is_no_duplicate(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    b->now += SECOND;
    for (unsigned i = 0; i < 10; i++) {
        send_segment(b, &(struct segment){.flags = ACK, .sequence = 1001, .acknowledgement = 5001 + i, .ip_id = 7});
        b->now += 2 * MILLISECOND;
    }
    assert_int_equal(only_record(b)->src_duplicates, 0);
}

static void test_duplicates_saturate(void **state)
{
    struct bench *b = *state;
    struct segment s = {.flags = ACK, .sequence = 1001, .acknowledgement = 5001, .payload = 10, .ip_id = 0xfff0};
    handshake(b, 1000, 5000);
    for (unsigned i = 0; i < 400; i++) {
        send_segment(b, &s);
        b->now -= MILLISECOND;
    }
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_duplicates, UINT8_MAX);
    assert_int_equal(f->src_packets, 402);
}

static void test_zero_windows(void **state)
{
    struct bench *b = *state;
    struct segment s = {
        .from_server = true, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .zero_window = true};
    handshake(b, 1000, 5000);
    send_segment(b, &s);
    send_segment(b, &s);
    s.from_server = false;
    s.flags = RST;
    send_segment(b, &s); /* the window of a RST means nothing */
    s.flags = ACK;
    send_segment(b, &s);
    const struct flow *f = only_record(b);
    assert_int_equal(f->dst_zero_windows, 2);
    assert_int_equal(f->src_zero_windows, 0);
    assert_history(f, "ShAawR");
}

static void test_zero_windows_after_the_peers_fin_mean_nothing(void **state)
{
    struct bench *b = *state;
    struct segment s = {
        .from_server = true, .flags = ACK, .sequence = 5001, .acknowledgement = 1002, .zero_window = true};
    handshake(b, 1000, 5000);
    segment(b, true, FIN | ACK, 1001, 5001, 0);
    send_segment(b, &s);
    const struct flow *f = only_record(b);
    assert_int_equal(f->dst_zero_windows, 0);
    assert_history(f, "ShAFa");
}

/* Counters of a record that would overflow end it. */
static void test_zero_windows_are_reported_before_they_overflow(void **state)
{
    struct bench *b = *state;
    struct segment s = {
        .from_server = true, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .zero_window = true};
    handshake(b, 1000, 5000);
    for (unsigned i = 0; i < 600; i++)
        send_segment(b, &s);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 3);
    assert_int_equal(b->records.flows[0].dst_zero_windows, UINT8_MAX);
    assert_int_equal(b->records.flows[1].dst_zero_windows, UINT8_MAX);
    assert_int_equal(b->records.flows[2].dst_zero_windows, 600 - 2 * UINT8_MAX);
}

static void test_retransmits_are_reported_before_they_overflow(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK, 1001, 5001, 100);
    for (unsigned i = 0; i < 70000; i++) {
        segment(b, true, ACK, 1001, 5001, 2);
        b->now -= MILLISECOND * 9 / 10;
    }
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    assert_int_equal(b->records.flows[0].src_retransmits, UINT16_MAX - 1);
    assert_int_equal(b->records.flows[1].src_retransmits, 70000 - (UINT16_MAX - 1));
}

static void test_report_starts_all_counters_anew(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK | TCP_PSH, 1001, 5001, 100);
    segment(b, true, ACK | TCP_PSH, 1001, 5001, 100);
    segment(b, true, ACK | TCP_PSH, 1201, 5001, 100);
    segment(b, true, ACK | TCP_PSH, 1101, 5001, 100);
    send_segment(b, &(struct segment){.flags = ACK, .sequence = 1301, .acknowledgement = 5001, .zero_window = true});
    b->now += 60 * SECOND;
    segment(b, true, ACK, 1301, 5001, 10);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    const struct flow *first = &b->records.flows[0], *second = &b->records.flows[1];
    assert_int_equal(first->src_retransmits, 1);
    assert_int_equal(first->src_out_of_order, 1);
    assert_int_equal(first->src_zero_windows, 1);
    assert_int_equal(first->src_size_max, 140);
    assert_int_equal(first->src_tcp_flags, SYN | ACK | TCP_PSH);
    assert_int_equal(second->src_packets, 1);
    assert_int_equal(second->src_retransmits + second->src_out_of_order + second->src_zero_windows, 0);
    assert_int_equal(second->src_size_min, 50);
    assert_int_equal(second->src_size_max, 50);
    assert_int_equal(second->src_tcp_flags, ACK);
    assert_int_equal(second->src_gap_mean, 0);
    assert_int_equal(second->dst_tcp_flags, 0);
    assert_int_equal(second->dst_size_max, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(retransmission_disorder_and_duplicates),
        TEST(what_follows_the_gap_is_sent_again),
        TEST(gap_filled_in_part_is_smaller),
        TEST(sent_again_with_more_behind_it),
        TEST(keep_alive_is_no_retransmission),
        TEST(number_of_a_reset_is_not_believed),
        TEST(sequence_numbers_wrap),
        TEST(tap_is_told_from_the_host_without_identification),
        TEST(fixed_identification_is_no_duplicate),
        TEST(duplicates_saturate),
        TEST(zero_windows),
        TEST(zero_windows_after_the_peers_fin_mean_nothing),
        TEST(zero_windows_are_reported_before_they_overflow),
        TEST(retransmits_are_reported_before_they_overflow),
        TEST(report_starts_all_counters_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
