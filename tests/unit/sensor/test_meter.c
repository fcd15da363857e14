/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a flow, under virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "sensor/meter/evidence.h"
#include "tests/unit/sensor/conversation.h"

static void test_reports_are_deltas_of_one_flow(void **state)
{
    struct bench *b = *state;
    for (unsigned second = 0; second < 150; second++) {
        datagram(b, CLIENT, 5000, SERVER, 53, 10);
        datagram(b, SERVER, 53, CLIENT, 5000, 20);
        b->now += SECOND;
    }
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 3);
    uint64_t packets = 0;
    for (unsigned i = 0; i < 3; i++) {
        const struct flow *f = &b->records.flows[i];
        assert_int_equal(f->flow, b->records.flows[0].flow);
        assert_int_equal(f->report, i);
        assert_int_equal(f->end_reason, i < 2 ? FLOW_END_ACTIVE : FLOW_END_FORCED);
        assert_int_equal(f->src_packets, f->dst_packets);
        assert_int_equal(f->first_time, START + 60 * i * SECOND);
        assert_int_equal(f->src_gap_mean, 1000000);
        assert_int_equal(f->src_gap_deviation, 0);
        packets += f->src_packets;
    }
    assert_int_equal(packets, 150);
}

/* The wheel reports and ends flows that no packet reminds it of; the last record may be empty. */
static void test_silent_flow_is_reported_then_ended(void **state)
{
    struct bench *b = *state;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    b->now += 20 * SECOND;
    datagram(b, SERVER, 53, CLIENT, 5000, 10);
    meter_advance(b->meter, START + 61 * SECOND);
    assert_int_equal(b->records.count, 1);
    assert_int_equal(b->records.flows[0].end_reason, FLOW_END_ACTIVE);
    meter_advance(b->meter, START + 79 * SECOND);
    assert_int_equal(b->records.count, 1);
    meter_advance(b->meter, START + 81 * SECOND);
    assert_int_equal(b->records.count, 2);
    assert_int_equal(b->records.flows[1].end_reason, FLOW_END_IDLE);
    assert_int_equal(b->records.flows[1].src_packets + b->records.flows[1].dst_packets, 0);
    assert_int_equal(b->records.flows[1].state, FLOW_STATE_SF);
    assert_int_equal(b->records.flows[1].first_time, START + 20 * SECOND);
    assert_int_equal(b->records.flows[1].last_time, START + 20 * SECOND);
}

static void test_unanswered_flow_ends_sooner(void **state)
{
    struct bench *b = *state;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    b->now += 31 * SECOND;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    assert_int_equal(b->records.flows[0].end_reason, FLOW_END_IDLE);
    assert_int_equal(b->records.flows[0].state, FLOW_STATE_S0);
}

/* To the nanosecond: a packet when the time-out is up is another flow's. */
static void test_time_out_that_is_just_up(void **state)
{
    struct bench *b = *state;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    b->now += 30 * SECOND;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    assert_int_equal(b->records.count, 1);
    assert_int_equal(b->records.flows[0].end_reason, FLOW_END_IDLE);
    meter_advance(b->meter, START + 60 * SECOND);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    assert_int_equal(b->records.flows[1].end_reason, FLOW_END_IDLE);
}

static void test_report_that_is_due_as_the_flow_ends(void **state)
{
    struct bench *b = *state;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    datagram(b, SERVER, 53, CLIENT, 5000, 10);
    meter_advance(b->meter, START + 61 * SECOND);
    assert_int_equal(b->records.count, 2);
    assert_int_equal(b->records.flows[0].end_reason, FLOW_END_ACTIVE);
    assert_int_equal(b->records.flows[0].src_packets, 1);
    assert_int_equal(b->records.flows[1].end_reason, FLOW_END_IDLE);
    assert_int_equal(b->records.flows[1].src_packets, 0);
}

static void test_full_table_gives_up_the_oldest_unanswered(void **state)
{
    (void)state;
    struct meter_options options = meter_options_default();
    options.flows_max = METER_FLOWS_MIN;
    struct bench b = {.now = START};
    b.meter = kept_meter(&b.records, &options);
    /* The first flow is answered and must survive. */
    datagram(&b, CLIENT, 1, SERVER, 1, 0);
    datagram(&b, SERVER, 1, CLIENT, 1, 0);
    for (unsigned i = 0; i < 1000; i++) {
        b.now += 1000;
        datagram(&b, CLIENT + 1 + i, 5000, SERVER, 53, 10);
    }
    struct meter_counts counts;
    meter_counts_get(b.meter, &counts);
    assert_int_equal(counts.flows_active, METER_FLOWS_MIN);
    assert_int_equal(counts.flows_evicted, 1001 - METER_FLOWS_MIN);
    assert_int_equal(b.records.count, counts.flows_evicted);
    for (size_t i = 0; i < b.records.count; i++) {
        assert_int_equal(b.records.flows[i].end_reason, FLOW_END_RESOURCES);
        assert_int_equal(b.records.flows[i].src_lo & 0xffffffff, CLIENT + 1 + i); /* oldest first */
    }
    meter_flush(b.meter);
    uint64_t packets = 0;
    for (size_t i = 0; i < b.records.count; i++)
        packets += b.records.flows[i].src_packets + b.records.flows[i].dst_packets;
    assert_int_equal(packets, 1002);
    meter_destroy(&b.meter);
    kept_free(&b.records);
}

static void test_table_full_of_answered_flows_still_takes_new_ones(void **state)
{
    (void)state;
    struct meter_options options = meter_options_default();
    options.flows_max = METER_FLOWS_MIN;
    struct bench b = {.now = START};
    b.meter = kept_meter(&b.records, &options);
    for (unsigned i = 0; i < 200; i++) {
        b.now += SECOND / 100;
        datagram(&b, CLIENT + i, 5000, SERVER, 53, 10);
        datagram(&b, SERVER, 53, CLIENT + i, 5000, 10);
    }
    assert_int_equal(b.records.count, 200 - METER_FLOWS_MIN);
    for (size_t i = 0; i < b.records.count; i++)
        assert_int_equal(b.records.flows[i].src_lo & 0xffffffff, CLIENT + i);
    meter_destroy(&b.meter);
    kept_free(&b.records);
}

static void numbered_datagram(struct bench *b, unsigned id, size_t payload)
{
    struct frame f = {0};
    put_ipv4(&f, CLIENT, SERVER, IPPROTO_UDP, id, 0);
    put_udp(&f, 5000, 53, payload);
    meter_frame(b->meter, &f, b->now);
}

/* The same identification is not enough: some hosts give all their packets one. */
static void test_datagram_seen_twice(void **state)
{
    struct bench *b = *state;
    numbered_datagram(b, 7, 10);
    numbered_datagram(b, 7, 10); /* this one alone */
    numbered_datagram(b, 7, 20);
    b->now += 2 * MILLISECOND;
    numbered_datagram(b, 7, 20);
    numbered_datagram(b, 0, 20);
    numbered_datagram(b, 0, 20);
    assert_int_equal(only_record(b)->src_duplicates, 1);
}

static void test_duplicates_do_not_end_a_record(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i < 400; i++)
        numbered_datagram(b, 9, 10);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_packets, 400);
    assert_int_equal(f->src_duplicates, UINT8_MAX);
}

static void echo(struct bench *b, unsigned type, unsigned identifier, unsigned sequence)
{
    struct frame f = {0};
    bool reply = type == 0;
    put_ipv4(&f, reply ? SERVER : CLIENT, reply ? CLIENT : SERVER, IPPROTO_ICMP, 0, 0);
    put_icmp(&f, type, 0, identifier, sequence, 32);
    meter_frame(b->meter, &f, b->now);
}

/* The last datagram, the last echo: each protocol's own patience, and nobody's before it was answered. */
static void test_protocols_have_time_outs_of_their_own(void **state)
{
    (void)state;
    struct meter_options options = meter_options_default();
    options.udp_ns = 20 * SECOND;
    options.icmp_ns = 40 * SECOND;
    struct bench b = {.now = START};
    b.meter = kept_meter(&b.records, &options);
    datagram(&b, CLIENT, 5000, SERVER, 53, 10);
    datagram(&b, SERVER, 53, CLIENT, 5000, 10);
    datagram(&b, CLIENT, 5001, SERVER, 53, 10);
    echo(&b, 8, 7, 1);
    echo(&b, 0, 7, 1);
    static const struct {
        unsigned second, ended, protocol;
    } steps[] = {{19, 0, 0},           {21, 1, IPPROTO_UDP}, {29, 1, IPPROTO_UDP},
                 {31, 2, IPPROTO_UDP}, {39, 2, IPPROTO_UDP}, {41, 3, IPPROTO_ICMP}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        meter_advance(b.meter, START + steps[i].second * SECOND);
        assert_int_equal(b.records.count, steps[i].ended);
        if (steps[i].ended > 0)
            assert_int_equal(b.records.flows[steps[i].ended - 1].protocol, steps[i].protocol);
    }
    meter_destroy(&b.meter);
    kept_free(&b.records);
}

static void test_echo_is_paired_by_identifier(void **state)
{
    struct bench *b = *state;
    echo(b, 8, 7, 1);
    echo(b, 8, 9, 1);
    echo(b, 0, 7, 1);
    echo(b, 8, 7, 2);
    echo(b, 0, 7, 2);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct flow *f = &b->records.flows[i];
        if (f->src_port == 7) {
            assert_int_equal(f->state, FLOW_STATE_SF);
            assert_int_equal(f->src_packets, 2);
            assert_int_equal(f->dst_packets, 2);
        } else {
            assert_int_equal(f->src_port, 9);
            assert_int_equal(f->state, FLOW_STATE_S0);
        }
        assert_int_equal(f->dst_port, 0);
        assert_int_equal(f->direction, FLOW_DIRECTION_REQUEST);
        assert_true(f->evidence & FLOW_HAS_ICMP_SEQUENCE);
        assert_int_equal(f->icmp_sequence, 1);
        assert_true(f->evidence & FLOW_HAS_SRC_DIGEST);
    }
}

/* Both hosts ask at once, with the same identifier, or about each other's addresses. */
static void test_questions_both_ways_are_two_flows(void **state)
{
    struct bench *b = *state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (unsigned n = 0; n < 4; n++) {
            struct frame f = {0};
            bool answer = n >= 2, swap = n == 1 || n == 2;
            if (v6)
                put_ipv6(&f, swap ? 2 : 1, swap ? 1 : 2, IPPROTO_ICMPV6);
            else
                put_ipv4(&f, swap ? SERVER : CLIENT, swap ? CLIENT : SERVER, IPPROTO_ICMP, 0, 0);
            /* a neighbour's answer has flags where an echo has its identifier */
            put_icmp(&f, v6 ? (answer ? 136 : 135) : (answer ? 0 : 8), 0, v6 ? (answer ? 0x6000 : 0) : 7, 0, 16);
            meter_frame(b->meter, &f, b->now);
        }
    }
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(b->records.flows[i].src_packets, 1);
        assert_int_equal(b->records.flows[i].dst_packets, 1);
        assert_int_equal(b->records.flows[i].direction, FLOW_DIRECTION_REQUEST);
    }
}

static void test_reply_seen_first_is_still_the_responders(void **state)
{
    struct bench *b = *state;
    echo(b, 0, 7, 1);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_lo & 0xffffffff, CLIENT);
    assert_int_equal(f->dst_packets, 1);
}

static void test_host_that_pings_itself(void **state)
{
    struct bench *b = *state;
    struct frame f = {0};
    for (unsigned type = 8;; type = 0) {
        put_ipv4(&f, CLIENT, CLIENT, IPPROTO_ICMP, 0, 0);
        put_icmp(&f, type, 0, 7, 1, 32);
        meter_frame(b->meter, &f, b->now);
        if (type == 0)
            break;
    }
    const struct flow *flow = only_record(b);
    assert_int_equal(flow->src_packets, 1);
    assert_int_equal(flow->dst_packets, 1);
}

/* The server's, about the client's datagram to port 161. */
static void port_unreachable(struct bench *b)
{
    struct frame f = {0};
    put_ipv4(&f, SERVER, CLIENT, IPPROTO_ICMP, 0, 0);
    put_icmp(&f, 3, 3, 0, 0, 0);
    put_ipv4(&f, CLIENT, SERVER, IPPROTO_UDP, 0, 0);
    put_udp(&f, 5000, 161, 10);
    meter_frame(b->meter, &f, b->now);
}

static void test_icmp_error_is_attached_and_counted(void **state)
{
    struct bench *b = *state;
    datagram(b, CLIENT, 5000, SERVER, 161, 10);
    port_unreachable(b);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    const struct flow *udp = &b->records.flows[b->records.flows[0].protocol == IPPROTO_UDP ? 0 : 1];
    const struct flow *error = &b->records.flows[b->records.flows[0].protocol == IPPROTO_UDP ? 1 : 0];
    assert_int_equal(udp->icmp_errors, 1);
    assert_int_equal(udp->icmp_error_type_code, 0x0303);
    assert_int_equal(udp->dst_packets, 0);
    assert_int_equal(error->protocol, IPPROTO_ICMP);
    assert_int_equal(error->icmp_type_code, 0x0303);
    assert_int_equal(error->src_packets, 1);
}

static void test_icmp_errors_are_of_the_report(void **state)
{
    struct bench *b = *state;
    datagram(b, CLIENT, 5000, SERVER, 161, 10);
    datagram(b, SERVER, 161, CLIENT, 5000, 10);
    port_unreachable(b);
    b->now += 50 * SECOND;
    datagram(b, CLIENT, 5000, SERVER, 161, 10);
    b->now += 50 * SECOND;
    datagram(b, CLIENT, 5000, SERVER, 161, 10);
    meter_flush(b->meter);
    unsigned reports = 0;
    for (size_t i = 0; i < b->records.count; i++) {
        const struct flow *f = &b->records.flows[i];
        if (f->protocol == IPPROTO_UDP)
            assert_int_equal(f->icmp_errors, reports++ == 0);
    }
    assert_int_equal(reports, 2);
}

static void test_icmp_errors_are_reported_before_they_overflow(void **state)
{
    struct bench *b = *state;
    datagram(b, CLIENT, 5000, SERVER, 161, 10);
    for (unsigned i = 0; i < UINT16_MAX; i++)
        port_unreachable(b);
    datagram(b, CLIENT, 5000, SERVER, 161, 10);
    assert_int_equal(b->records.count, 1);
    assert_int_equal(b->records.flows[0].icmp_errors, UINT16_MAX);
    assert_int_equal(b->records.flows[0].end_reason, FLOW_END_ACTIVE);
}

static void fragment(struct bench *b, unsigned id, unsigned part)
{
    struct frame f = {0};
    put_ipv4(&f, CLIENT, SERVER, IPPROTO_UDP, id, part == 0 ? 0x2000 : part == 1 ? 0x2000 | 4 : 8);
    if (part == 0)
        put_bytes(&f, "\x13\x88\0\x35\0\x50\0\0twenty-four bytes of it.", 32);
    else
        put_bytes(&f, "thirty-two more bytes, the same.", 32);
    meter_frame(b->meter, &f, b->now);
}

static void test_fragments_follow_their_first(void **state)
{
    struct bench *b = *state;
    fragment(b, 1, 0); /* in order */
    fragment(b, 1, 1);
    fragment(b, 1, 2);
    fragment(b, 2, 2); /* last first */
    fragment(b, 2, 1);
    struct meter_counts counts;
    meter_counts_get(b->meter, &counts);
    assert_int_equal(counts.fragments_waiting, 2);
    assert_int_equal(counts.packets, 5);
    fragment(b, 2, 0);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_packets, 6);
    assert_int_equal(f->src_bytes, 6 * 20 + 6 * 32);
    assert_int_equal(f->src_payload, 2 * 24 + 4 * 32);
    assert_int_equal(f->dst_port, 53);
}

static void test_fragment_without_first_counts_by_address(void **state)
{
    struct bench *b = *state;
    fragment(b, 3, 1);
    meter_advance(b->meter, b->now + 6 * SECOND);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_packets, 1);
    assert_int_equal(f->src_port, 0);
    assert_int_equal(f->protocol, IPPROTO_UDP);
}

static void test_fragments_waiting_are_bounded(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i < 3000; i++)
        fragment(b, i, 1);
    struct meter_counts counts;
    meter_counts_get(b->meter, &counts);
    assert_int_equal(counts.fragments_waiting, 1024);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_packets, 3000);
}

static void test_clock_set_back_ends_all_flows(void **state)
{
    struct bench *b = *state;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    b->now -= 3600 * SECOND;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    struct meter_counts counts;
    meter_counts_get(b->meter, &counts);
    assert_int_equal(counts.clock_steps, 1);
    assert_int_equal(b->records.flows[1].first_time, START - 3600 * SECOND);
}

static void test_slight_disorder_of_time_is_no_step(void **state)
{
    struct bench *b = *state;
    b->now += 500 * 1000;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    b->now -= 500 * 1000;
    datagram(b, SERVER, 53, CLIENT, 5000, 10);
    const struct flow *f = only_record(b);
    assert_int_equal(f->first_time, START);
    assert_int_equal(f->last_time, START + 500 * 1000);
}

static void test_file_that_spans_days(void **state)
{
    struct bench *b = *state;
    for (unsigned day = 0; day < 5; day++) {
        datagram(b, CLIENT, 5000, SERVER, 53, 10);
        b->now += 86400 * SECOND;
    }
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 5);
}

/* A flow of terabytes: reports come before a counter of 32 bits is full. */
static void test_counters_do_not_overflow(void **state)
{
    struct bench *b = *state;
    struct decoded d = {.src = address_from_ipv4(CLIENT),
                        .dst = address_from_ipv4(SERVER),
                        .protocol = IPPROTO_UDP,
                        .kind = DECODED_PORTS,
                        .src_port = 1,
                        .dst_port = 2,
                        .bytes = 1u << 24,
                        .payload = (1u << 24) - 28,
                        .time_ns = START};
    for (unsigned i = 0; i < 100000; i++)
        meter_add(b->meter, &d, 1);
    meter_flush(b->meter);
    uint64_t bytes = 0, payload = 0;
    for (size_t i = 0; i < b->records.count; i++) {
        bytes += b->records.flows[i].src_bytes;
        payload += b->records.flows[i].src_payload;
        assert_int_equal(b->records.flows[i].flow, b->records.flows[0].flow);
    }
    assert_int_equal(bytes, (uint64_t)100000 << 24);
    assert_int_equal(payload, ((uint64_t)100000 << 24) - 2800000);
}

static void test_digest_is_the_same_behind_a_nat(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK, 1001, 5001, 100);
    meter_flush(b->meter);
    /* The same payload: other addresses, ports and sequence numbers. */
    for (unsigned i = 0; i < 3; i++) {
        struct frame f = {0};
        put_ipv4(&f, i == 1 ? SERVER : 0xcb007105, i == 1 ? 0xcb007105 : SERVER, IPPROTO_TCP, 1, 0);
        uint8_t payload[100];
        for (unsigned n = 0; n < sizeof(payload); n++)
            payload[n] = (uint8_t)(1001 + n);
        put_tcp(&f, i == 1 ? SERVER_PORT : 60000, i == 1 ? 60000 : SERVER_PORT, i == 1 ? 5000 : 9000 + (i > 0), 9001,
                i == 0   ? SYN
                : i == 1 ? SYN | ACK
                         : ACK,
                0);
        if (i == 2) /* cut elsewhere by segmentation offload */
            put_bytes(&f, payload, 80);
        meter_frame(b->meter, &f, b->now);
    }
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    assert_true(b->records.flows[0].evidence & FLOW_HAS_SRC_DIGEST);
    assert_true(b->records.flows[1].evidence & FLOW_HAS_SRC_DIGEST);
    assert_int_equal(b->records.flows[0].src_digest, b->records.flows[1].src_digest);
    assert_int_not_equal(b->records.flows[0].src_digest, 0);
    assert_false(b->records.flows[0].evidence & FLOW_HAS_DST_DIGEST);
}

static void test_no_digest_of_what_was_not_captured(void **state)
{
    struct bench *b = *state;
    static const struct decode_options plain;
    struct frame f = {0};
    struct decoded d;
    put_ipv4(&f, CLIENT, SERVER, IPPROTO_UDP, 0, 0);
    put_udp(&f, 5000, 53, 100);
    struct packet packet = frame_packet(&f, LINK_RAW, START);
    packet.captured -= 50;
    assert_int_equal(decode(&plain, &packet, &d), DECODE_METERED);
    meter_add(b->meter, &d, 1);
    const struct flow *flow = only_record(b);
    assert_false(flow->evidence & FLOW_HAS_SRC_DIGEST);
    assert_int_equal(flow->src_payload, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reports_are_deltas_of_one_flow),
        TEST(silent_flow_is_reported_then_ended),
        TEST(unanswered_flow_ends_sooner),
        TEST(time_out_that_is_just_up),
        TEST(report_that_is_due_as_the_flow_ends),
        TEST(full_table_gives_up_the_oldest_unanswered),
        TEST(table_full_of_answered_flows_still_takes_new_ones),
        TEST(datagram_seen_twice),
        TEST(duplicates_do_not_end_a_record),
        TEST(protocols_have_time_outs_of_their_own),
        TEST(echo_is_paired_by_identifier),
        TEST(questions_both_ways_are_two_flows),
        TEST(reply_seen_first_is_still_the_responders),
        TEST(host_that_pings_itself),
        TEST(icmp_error_is_attached_and_counted),
        TEST(icmp_errors_are_of_the_report),
        TEST(icmp_errors_are_reported_before_they_overflow),
        TEST(fragments_follow_their_first),
        TEST(fragment_without_first_counts_by_address),
        TEST(fragments_waiting_are_bounded),
        TEST(clock_set_back_ends_all_flows),
        TEST(slight_disorder_of_time_is_no_step),
        TEST(file_that_spans_days),
        TEST(counters_do_not_overflow),
        TEST(digest_is_the_same_behind_a_nat),
        TEST(no_digest_of_what_was_not_captured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
