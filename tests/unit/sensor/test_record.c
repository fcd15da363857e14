/* SPDX-License-Identifier: Apache-2.0 */
/* What a record tells of the two senders, and of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/sensor/conversation.h"

/* A SYN or its answer behind two VLAN tags, with all that differs between hosts. */
static void syn_with_attributes(struct bench *b, bool answer)
{
    static const struct decode_options plain;
    struct frame f = {0};
    struct decoded d;
    put_bytes(&f, answer ? "\x02\0\0\0\0\x02\xaa\xbb\xcc\xdd\xee\xff" : "\xaa\xbb\xcc\xdd\xee\xff\x02\0\0\0\0\x02", 12);
    put_u16(&f, 0x88a8);
    put_u16(&f, 100);
    put_u16(&f, 0x8100);
    put_u16(&f, 200);
    put_u16(&f, 0x0800);
    size_t ip = f.length;
    put_ipv4(&f, answer ? SERVER : CLIENT, answer ? CLIENT : SERVER, IPPROTO_TCP, answer ? 0x222 : 0x111, 0);
    f.bytes[ip + 1] = answer ? 0x20 : 0xb8; /* DSCP 8, 46 */
    f.bytes[ip + 8] = answer ? 55 : 63;
    size_t tcp = f.length;
    put_tcp(&f, answer ? SERVER_PORT : CLIENT_PORT, answer ? CLIENT_PORT : SERVER_PORT, answer ? 5000 : 1000,
            answer ? 1001 : 0, answer ? SYN | ACK : SYN, 0);
    f.bytes[tcp + 12] = answer ? 0x60 : 0x90;
    put_u32(&f, answer ? 0x02040578 : 0x020405b4); /* MSS 1400, 1460 */
    if (!answer) {
        put_bytes(&f, "\x01\x01\x08\x0a", 4);
        put_u32(&f, 0xdeadbeef);
        put_u32(&f, 0);
    }
    struct packet packet = frame_packet(&f, LINK_ETHERNET, b->now);
    packet.interface = 3;
    assert_int_equal(decode(&plain, &packet, &d), DECODE_METERED);
    meter_add(b->meter, &d, 1);
}

static void test_each_sender_by_its_own_first_packet(void **state)
{
    struct bench *b = *state;
    syn_with_attributes(b, false);
    syn_with_attributes(b, true);
    segment(b, true, ACK, 1001, 5001, 0); /* TTL 64, DSCP 0: not the first */
    segment(b, false, ACK, 5001, 1001, 0);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_ttl, 63);
    assert_int_equal(f->dst_ttl, 55);
    assert_int_equal(f->src_dscp, 46);
    assert_int_equal(f->dst_dscp, 8);
    assert_int_equal(f->src_mac, 0x020000000002);
    assert_int_equal(f->dst_mac, 0xaabbccddeeff);
    assert_int_equal(f->src_mss, 1460);
    assert_int_equal(f->dst_mss, 1400);
    assert_int_equal(f->src_tcp_options, 0x08010102);
    assert_int_equal(f->dst_tcp_options, 0x02);
    assert_int_equal(f->src_timestamp_origin, 0xdeadbeef);
    assert_true(f->evidence & FLOW_HAS_SRC_TIMESTAMP);
    assert_int_equal(f->dst_timestamp_origin, 0);
    assert_false(f->evidence & FLOW_HAS_DST_TIMESTAMP);
    assert_int_equal(f->src_ip_id, 0x111);
    assert_int_equal(f->dst_ip_id, 0x222);
    assert_int_equal(f->vlan, 100);
    assert_int_equal(f->inner_vlan, 200);
    assert_int_equal(f->interface, 3);
}

static void test_who_asks_for_an_address_is_the_source(void **state)
{
    static const struct decode_options plain;
    struct bench *b = *state;
    struct frame f = {0};
    struct decoded d;
    put_ethernet(&f, 0x0806);
    put_bytes(&f, "\0\x01\x08\0\x06\x04\0\x02", 8); /* an answer */
    put_bytes(&f, "\x02\0\0\0\0\x01", 6);
    put_u32(&f, SERVER);
    put_bytes(&f, "\x02\0\0\0\0\x02", 6);
    put_u32(&f, CLIENT);
    struct packet packet = frame_packet(&f, LINK_ETHERNET, b->now);
    assert_int_equal(decode(&plain, &packet, &d), DECODE_METERED);
    meter_add(b->meter, &d, 1);
    const struct flow *flow = only_record(b);
    assert_int_equal(flow->direction, FLOW_DIRECTION_REQUEST);
    assert_int_equal(flow->src_lo & 0xffffffff, CLIENT);
    assert_int_equal(flow->dst_packets, 1);
}

/* A packet from before the first moves all times of the record. */
static void test_gaps_with_an_older_packet_in_between(void **state)
{
    struct bench *b = *state;
    b->now = START + 500 * MILLISECOND;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    b->now = START + 700 * MILLISECOND;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    b->now = START;
    datagram(b, SERVER, 53, CLIENT, 5000, 10);
    const struct flow *f = only_record(b);
    assert_int_equal(f->first_time, START);
    assert_int_equal(f->src_gap_mean, 200000);
}

/* Gaps have three digits, rounded: what is behind them is noise that would be kept for good. */
static void test_gaps_are_rounded(void **state)
{
    struct bench *b = *state;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    b->now += 100001 * MILLISECOND / 1000;
    datagram(b, CLIENT, 5000, SERVER, 53, 10);
    datagram(b, SERVER, 53, CLIENT, 5000, 10);
    b->now += 1005 * MILLISECOND / 1000;
    datagram(b, SERVER, 53, CLIENT, 5000, 10);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_gap_mean, 100000);
    assert_int_equal(f->dst_gap_mean, 1010);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_sender_by_its_own_first_packet),
        TEST(who_asks_for_an_address_is_the_source),
        TEST(gaps_are_rounded),
        TEST(gaps_with_an_older_packet_in_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
