/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP: who asks and who answers, and what an error is about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/sensor/decoding.h"
#include "tests/unit/sensor/meter_bench.h"

enum { HOST_A = 0x0a000001, HOST_B = 0xc0000201, ROUTER = 0xc6336401, ALL_SYSTEMS = 0xe0000001 };

/* A message without identifier; to ff02::dst, if to a group. */
static void message6(struct bench *b, unsigned type, uint32_t src, bool group, uint32_t dst)
{
    struct frame f = {0};
    put_ipv6(&f, src, dst, IPPROTO_ICMPV6);
    if (group)
        memcpy(f.bytes + 24, "\xff\x02\0\0", 4);
    put_icmp(&f, type, 0, 0, 0, 16);
    meter_frame(b->meter, &f, b->now);
    b->now += SECOND / 1000;
}

/* Router advertisements, listener reports and neighbour advertisements that nobody asked for had the group as their
 * source. */
static void test_what_is_told_to_a_group_is_the_senders(void **state)
{
    struct bench *b = *state;
    static const unsigned types[] = {131, 134, 136};
    for (unsigned i = 0; i < 3; i++) {
        b->records.count = 0;
        message6(b, types[i], 7, true, 1);
        message6(b, types[i], 7, true, 1);
        meter_flush(b->meter);
        assert_int_equal(b->records.count, 1);
        const struct flow *flow = b->records.flows;
        assert_int_equal(flow->src_lo, 7);
        assert_int_equal(flow->dst_hi >> 56, 0xff);
        assert_int_equal(flow->src_packets, 2);
        assert_int_equal(flow->state, FLOW_STATE_S0);
        assert_int_equal(flow->direction, FLOW_DIRECTION_FIRST);
        assert_int_equal(flow->icmp_type_code, types[i] << 8);
    }
    static const uint32_t groups[] = {ALL_SYSTEMS, UINT32_MAX};
    for (unsigned i = 0; i < 2; i++) { /* RFC 1256 allows both */
        struct frame f = {0};
        b->records.count = 0;
        put_ipv4(&f, ROUTER, groups[i], IPPROTO_ICMP, 1, 0);
        put_icmp(&f, 9, 0, 0, 0, 8);
        meter_frame(b->meter, &f, b->now);
        meter_flush(b->meter);
        assert_int_equal(b->records.count, 1);
        assert_int_equal(b->records.flows[0].src_lo & UINT32_MAX, ROUTER);
    }
}

/* Neighbour discovery goes by the addresses of its packets: resolution asks a group, and one host answers. */
static void test_neighbour_discovery(void **state)
{
    struct bench *b = *state;
    message6(b, 135, 1, false, 2); /* is it still there? */
    message6(b, 136, 2, false, 1);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 1);
    assert_int_equal(b->records.flows[0].src_lo, 1);
    assert_int_equal(b->records.flows[0].dst_packets, 1);
    b->records.count = 0;
    message6(b, 135, 1, true, 0xff000002); /* who has ::2? */
    message6(b, 136, 2, false, 1);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    for (unsigned i = 0; i < 2; i++) { /* A asked, both times */
        const struct flow *flow = &b->records.flows[i];
        assert_int_equal(flow->src_lo, 1);
        assert_int_equal(flow->dst_lo & 0xffff, 2);
        assert_int_equal(flow->state, flow->dst_hi >> 56 == 0xff ? FLOW_STATE_S0 : FLOW_STATE_OTH);
    }
}

/* RFC 8335, "PROBE". */
static void test_extended_echo_is_a_pair(void **state)
{
    struct bench *b = *state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        b->records.count = 0;
        for (unsigned answer = 0; answer < 2; answer++) {
            struct frame f = {0};
            if (v6)
                put_ipv6(&f, 1 + answer, 2 - answer, IPPROTO_ICMPV6);
            else
                put_ipv4(&f, answer ? HOST_B : HOST_A, answer ? HOST_A : HOST_B, IPPROTO_ICMP, 1, 0);
            put_icmp(&f, (v6 ? 160 : 42) + answer, 0, 77, 0x0501, 8);
            meter_frame(b->meter, &f, b->now);
        }
        meter_flush(b->meter);
        assert_int_equal(b->records.count, 1);
        assert_int_equal(b->records.flows[0].dst_packets, 1);
        assert_int_equal(b->records.flows[0].src_port, 77);
    }
}

/* A packet, and an ICMP error with its first bytes. The packet's flow must have counted the error. */
static void assert_error_is_attached(struct bench *b, struct frame *about, size_t quoted, bool expected)
{
    struct frame f = {0}, error = {0};
    struct packet packet = frame_packet(about, LINK_RAW, 0);
    put_bytes(&f, packet.data, packet.length);
    meter_frame(b->meter, &f, b->now);
    if (packet.data[0] >> 4 == 4) {
        put_ipv4(&error, ROUTER, HOST_A, IPPROTO_ICMP, 9, 0);
        put_icmp(&error, 3, 4, 0, 0, 0);
    } else {
        put_ipv6(&error, 99, 1, IPPROTO_ICMPV6);
        put_icmp(&error, 2, 0, 0, 0, 0);
    }
    put_bytes(&error, packet.data, quoted);
    meter_frame(b->meter, &error, b->now);
    b->records.count = 0;
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    const struct flow *flow = b->records.flows;
    if (flow->protocol == IPPROTO_ICMP || flow->protocol == IPPROTO_ICMPV6)
        flow++;
    assert_int_equal(flow->icmp_errors, expected);
}

static void test_errors_about_ipsec(void **state)
{
    struct bench *b = *state;
    for (unsigned header = 0; header < 2; header++) {
        struct frame f = {0};
        put_ipv4(&f, HOST_A, HOST_B, header ? IPPROTO_AH : IPPROTO_ESP, 1, 0);
        if (header)
            put_bytes(&f, "\x11\4\0\0", 4);
        put_u32(&f, 0xdeadbeef);
        put_bytes(&f, "sequence, and then ciphertext", 29);
        assert_error_is_attached(b, &f, 28, true);
    }
}

/* RFC 792 has errors quote eight bytes; four of them name a flow. */
static void test_errors_that_quote_the_ports_alone(void **state)
{
    struct bench *b = *state;
    for (unsigned quoted = 23; quoted < 28; quoted++) {
        struct frame f = {0};
        put_ipv4(&f, HOST_A, HOST_B, IPPROTO_UDP, 1, 0);
        put_udp(&f, 5000, 161, 8);
        assert_error_is_attached(b, &f, quoted, quoted >= 24);
    }
}

/* Packet too big, above all. */
static void test_errors_about_ipv6_with_extension_headers(void **state)
{
    struct bench *b = *state;
    static const struct {
        unsigned next;
        const char *bytes;
        size_t length;
    } headers[] = {
        {IPPROTO_HOPOPTS, "\x11\0\1\4\0\0\0\0", 8},
        {IPPROTO_DSTOPTS, "\x2b\0\1\4\0\0\0\0\x11\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24},
        {IPPROTO_FRAGMENT, "\x11\0\0\1\0\0\0\5", 8},
    };
    for (unsigned i = 0; i < 3; i++) {
        struct frame f = {0}, again = {0};
        put_ipv6(&f, 1, 2, headers[i].next);
        put_bytes(&f, headers[i].bytes, headers[i].length);
        put_udp(&f, 5000, 161, 8);
        again = f;
        assert_error_is_attached(b, &f, 40 + headers[i].length + 4, true);
        assert_error_is_attached(b, &again, 40 + headers[i].length + 3, false);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_told_to_a_group_is_the_senders),
        TEST(neighbour_discovery),
        TEST(extended_echo_is_a_pair),
        TEST(errors_about_ipsec),
        TEST(errors_that_quote_the_ports_alone),
        TEST(errors_about_ipv6_with_extension_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
