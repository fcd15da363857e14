/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: link layers, IP, transports, and what is said of packets that are cut or wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "common/records/flow_table.h"
#include "tests/unit/sensor/decoding.h"

enum { HOST_A = 0x0a000001, HOST_B = 0xc0000201, ACK = TCP_ACK };

static void put_tcp_packet(struct frame *f)
{
    put_ipv4(f, HOST_A, HOST_B, IPPROTO_TCP, 77, 0);
    put_tcp(f, 40000, 80, 1000, 2000, ACK | TCP_PSH, 10);
}

static void assert_is_tcp_packet(const struct decoded *d)
{
    assert_true(address_equal(d->src, address_from_ipv4(HOST_A)));
    assert_true(address_equal(d->dst, address_from_ipv4(HOST_B)));
    assert_int_equal(d->kind, DECODED_TCP);
    assert_int_equal(d->src_port, 40000);
    assert_int_equal(d->dst_port, 80);
    assert_int_equal(d->sequence, 1000);
    assert_int_equal(d->acknowledgement, 2000);
    assert_int_equal(d->tcp_flags, ACK | TCP_PSH);
    assert_int_equal(d->bytes, 50);
    assert_int_equal(d->payload, 10);
    assert_int_equal(d->content_length, 10);
    assert_int_equal(d->content_captured, 10);
    assert_int_equal(d->ip_id, 77);
    assert_int_equal(d->ttl, 64);
}

static void test_ethernet_padding_is_not_counted(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    put_ethernet(&f, 0x0800);
    put_tcp_packet(&f);
    (void)frame_packet(&f, LINK_ETHERNET, 0); /* lengths before the padding */
    put_bytes(&f, "\0\0\0\0\0\0\0", 7);
    assert_int_equal(decode_frame(&f, LINK_ETHERNET, &d), DECODE_METERED);
    assert_is_tcp_packet(&d);
}

static void test_every_link_layer(void **state)
{
    (void)state;
    static const struct {
        unsigned link_type;
        const char *header;
        size_t length;
    } links[] = {
        {LINK_RAW, "", 0},
        {LINK_IPV4, "", 0},
        {LINK_NULL, "\x02\0\0\0", 4},
        {LINK_NULL, "\0\0\0\x02", 4},
        {LINK_LOOP, "\0\0\0\x02", 4},
        {LINK_PPP, "\xff\x03\0\x21", 4},
        {LINK_PPP, "\x21", 1},
        {LINK_PPP_HDLC, "\xff\x03\0\x21", 4},
        {LINK_PPP_HDLC, "\x0f\0\x08\0", 4},
        {LINK_PPP_HDLC, "\x8f\0\x08\0", 4},
        {LINK_PPP_PPPD, "\x01\x03\0\x21", 4},
        {LINK_PPP_WITH_DIR, "\x01\xff\x03\0\x21", 5},
        {LINK_PPP_WITH_DIR, "\0\x21", 2},
        {LINK_RAW_BSD, "", 0},
        {LINK_RAW_OPENBSD, "", 0},
        {LINK_PPPOE, "\x11\0\0\x01\0\x34\0\x21", 8},
        {LINK_CHDLC, "\x0f\0\x08\0", 4},
        {LINK_LINUX_SLL, "\0\0\0\1\0\6\x02\0\0\0\0\1\0\0\x08\0", 16},
        {LINK_LINUX_SLL2, "\x08\0\0\0\0\0\0\2\0\1\0\6\x02\0\0\0\0\1\0\0", 20},
        {LINK_ETHERNET, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x81\0\x20\x0c\x08\0", 18},
        {LINK_ETHERNET, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xa8\0\x0c\x81\0\0\x07\x08\0", 22},
        {LINK_ETHERNET, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x91\0\0\x0c\x81\0\0\x07\x08\0", 22},
        {LINK_ETHERNET, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\x47\0\x01\x20\x40\0\0\x21\x40", 22},
        {LINK_ETHERNET, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\x64\x11\0\0\x01\0\x34\0\x21", 22},
        {LINK_ETHERNET, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\0\x3a\xaa\xaa\x03\0\0\0\x08\0", 22},
        {LINK_ETHERNET, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\0\x3a\xaa\xaa\x03\0\0\xf8\x08\0", 22},
    };
    for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
        struct frame f = {0};
        struct decoded d;
        put_bytes(&f, links[i].header, links[i].length);
        put_tcp_packet(&f);
        if (decode_frame(&f, links[i].link_type, &d) != DECODE_METERED)
            fail_msg("link %zu", i);
        assert_is_tcp_packet(&d);
    }
}

static void test_tags_and_labels_are_kept(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    put_ethernet(&f, 0x88a8);
    put_u16(&f, 0x2000 | 12);
    put_u16(&f, 0x8100);
    put_u16(&f, 7);
    put_u16(&f, 0x8847);
    put_u32(&f, 18u << 12 | 64);
    put_u32(&f, 33u << 12 | 0x100 | 64);
    put_tcp_packet(&f);
    assert_int_equal(decode_frame(&f, LINK_ETHERNET, &d), DECODE_METERED);
    assert_is_tcp_packet(&d);
    assert_int_equal(d.vlan, 12);
    assert_int_equal(d.inner_vlan, 7);
    assert_int_equal(d.mpls_label, 18);
}

static void test_ipv6_extension_headers(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    put_ethernet(&f, 0x86dd);
    put_ipv6(&f, 1, 2, IPPROTO_HOPOPTS);
    put_bytes(&f, "\x2b\0\x01\x04\0\0\0\0", 8);                /* then routing */
    put_bytes(&f, "\x3c\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16); /* then destination options */
    put_bytes(&f, "\x11\0\x01\x04\0\0\0\0", 8);                /* then UDP */
    put_udp(&f, 5000, 53, 20);
    assert_int_equal(decode_frame(&f, LINK_ETHERNET, &d), DECODE_METERED);
    assert_int_equal(d.kind, DECODED_PORTS);
    assert_int_equal(d.protocol, IPPROTO_UDP);
    assert_int_equal(d.dst_port, 53);
    assert_int_equal(d.bytes, 40 + 32 + 28);
    assert_int_equal(d.payload, 20);
    assert_int_equal(d.src.hi, 0x20010db800000000);
    assert_int_equal(d.dst.lo, 2);
}

static void test_echo_request_and_reply_share_the_discriminator(void **state)
{
    (void)state;
    static const struct {
        unsigned request, reply;
    } pairs[] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        struct decoded request, reply;
        for (unsigned answer = 0; answer < 2; answer++) {
            struct frame f = {0};
            put_ipv4(&f, HOST_A, HOST_B, IPPROTO_ICMP, 1, 0);
            put_icmp(&f, answer ? pairs[i].reply : pairs[i].request, 0, 99, 3, 16);
            assert_int_equal(decode_frame(&f, LINK_RAW, answer ? &reply : &request), DECODE_METERED);
        }
        assert_int_equal(request.kind, DECODED_ECHO);
        assert_int_equal(reply.kind, DECODED_ECHO);
        assert_int_equal(request.discriminator, reply.discriminator);
        assert_int_equal(request.discriminator & 0xffff, 99);
        assert_false(request.answers);
        assert_true(reply.answers);
        assert_int_equal(request.icmp_sequence, 3);
    }
}

static void test_error_quotes_its_flow(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    put_ipv4(&f, HOST_B, HOST_A, IPPROTO_ICMP, 1, 0);
    put_icmp(&f, 3, 3, 0, 0, 0);
    put_ipv4(&f, HOST_A, HOST_B, IPPROTO_UDP, 2, 0);
    put_udp(&f, 5353, 161, 4);
    assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
    assert_int_equal(d.kind, DECODED_ICMP_ERROR);
    assert_int_equal(d.icmp_type_code, 0x0303);
    assert_true(d.quotes);
    assert_int_equal(d.quoted.src_port, 5353);
    assert_int_equal(d.quoted.dst_port, 161);
    assert_int_equal(d.quoted.protocol, IPPROTO_UDP);
    assert_true(address_equal(d.quoted.src, address_from_ipv4(HOST_A)));
}

static void test_fragments(void **state)
{
    (void)state;
    struct frame first = {0}, later = {0}, beyond = {0};
    struct decoded d;
    put_ipv4(&first, HOST_A, HOST_B, IPPROTO_UDP, 9, 0x2000);
    put_bytes(&first, "\x13\x88\0\x35\x03\xe8\0\0payload of a thousand bytes", 34); /* UDP length 1000 */
    assert_int_equal(decode_frame(&first, LINK_RAW, &d), DECODE_METERED);
    assert_true(d.fragment);
    assert_int_equal(d.fragment_offset, 0);
    assert_int_equal(d.src_port, 5000);
    assert_int_equal(d.payload, 26);
    assert_int_equal(d.content_length, 64);
    put_ipv4(&later, HOST_A, HOST_B, IPPROTO_UDP, 9, 100);
    put_bytes(&later, "more", 4);
    assert_int_equal(decode_frame(&later, LINK_RAW, &d), DECODE_METERED);
    assert_int_equal(d.fragment_offset, 800);
    assert_int_equal(d.src_port, 0);
    assert_int_equal(d.payload, 4);
    put_ipv4(&beyond, HOST_A, HOST_B, IPPROTO_UDP, 9, 0x1fff);
    put_bytes(&beyond, "0123456789", 10);
    assert_int_equal(decode_frame(&beyond, LINK_RAW, &d), DECODE_MALFORMED_FRAGMENT);
}

static void test_tunnels_show_the_inner_packet(void **state)
{
    (void)state;
    static const struct {
        unsigned protocol, port;
        const char *header;
        size_t length;
        enum flow_tunnel tunnel;
        uint32_t id;
    } tunnels[] = {
        {IPPROTO_IPIP, 0, "", 0, FLOW_TUNNEL_IPIP, 0},
        {IPPROTO_GRE, 0, "\0\0\x08\0", 4, FLOW_TUNNEL_GRE, 0},
        {IPPROTO_GRE, 0, "\x20\0\x08\0\0\0\0\x07", 8, FLOW_TUNNEL_GRE, 7},
        {IPPROTO_GRE, 0, "\xb0\0\x65\x58\0\0\0\0\0\0\0\x07\0\0\0\x01\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 30,
         FLOW_TUNNEL_GRE, 7},
        {IPPROTO_GRE, 0, "\x30\x81\x88\x0b\0\x38\0\x09\0\0\0\1\0\0\0\1\xff\x03\0\x21", 20, FLOW_TUNNEL_GRE, 9},
        {IPPROTO_GRE, 0, "\x10\0\x88\xbe\0\0\0\1\x10\x0c\x00\x05\0\0\0\0\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 30,
         FLOW_TUNNEL_ERSPAN, 5},
        {IPPROTO_GRE, 0, "\x10\0\x22\xeb\0\0\0\1\x20\x0c\x00\x05\0\0\0\0\0\0\0\0\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0",
         34, FLOW_TUNNEL_ERSPAN, 5},
        {IPPROTO_UDP, 4789, "\x08\0\0\0\0\0\x2a\0\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 22, FLOW_TUNNEL_VXLAN, 42},
        {IPPROTO_UDP, 6081, "\x01\0\x65\x58\0\0\x2a\0\0\0\0\0\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 26,
         FLOW_TUNNEL_GENEVE, 42},
        {IPPROTO_UDP, 2152, "\x30\xff\0\x32\0\0\x30\x39", 8, FLOW_TUNNEL_GTPU, 12345},
        {IPPROTO_UDP, 2152, "\x34\xff\0\x3a\0\0\x30\x39\0\0\0\x85\x01\x10\x01\0", 16, FLOW_TUNNEL_GTPU, 12345},
    };
    for (size_t i = 0; i < sizeof(tunnels) / sizeof(*tunnels); i++) {
        struct frame f = {0};
        struct decoded d;
        struct packet packet;
        put_ipv4(&f, 0x01010101, 0x02020202, tunnels[i].protocol, 1, 0);
        if (tunnels[i].protocol == IPPROTO_UDP)
            put_udp(&f, 50000, tunnels[i].port, 0);
        put_bytes(&f, tunnels[i].header, tunnels[i].length);
        put_tcp_packet(&f);
        if (decode_frame(&f, LINK_RAW, &d) != DECODE_METERED || !d.encapsulated)
            fail_msg("tunnel %zu", i);
        assert_is_tcp_packet(&d);
        assert_int_equal(d.outer.tunnel, tunnels[i].tunnel);
        assert_int_equal(d.outer.id, tunnels[i].id);
        assert_true(address_equal(d.outer.src, address_from_ipv4(0x01010101)));
        /* and when it is not to be opened, the outer one */
        packet = frame_packet(&f, LINK_RAW, 0);
        assert_int_equal(decode(&(struct decode_options){.outer = true}, &packet, &d), DECODE_METERED);
        assert_false(d.encapsulated);
        assert_int_equal(d.protocol, tunnels[i].protocol);
        assert_int_equal(d.bytes, f.length);
    }
}

static void test_teredo(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    put_ipv4(&f, HOST_A, HOST_B, IPPROTO_UDP, 1, 0);
    put_udp(&f, 50000, 3544, 0);
    put_bytes(&f, "\0\0\x12\x34\x01\x02\x03\x04", 8); /* origin indication */
    put_ipv6(&f, 1, 2, IPPROTO_ICMPV6);
    put_icmp(&f, 128, 0, 5, 6, 8);
    assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
    assert_true(d.encapsulated);
    assert_int_equal(d.outer.tunnel, FLOW_TUNNEL_TEREDO);
    assert_int_equal(d.kind, DECODED_ECHO);
}

static void test_tunnel_that_does_not_decode_counts_outside(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    put_ipv4(&f, HOST_A, HOST_B, IPPROTO_UDP, 1, 0);
    put_udp(&f, 50000, 4789, 0);
    put_bytes(&f, "\x08\0\0\0\0\0\x2a\0 not an Ethernet frame", 29);
    assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
    assert_false(d.encapsulated);
    assert_int_equal(d.dst_port, 4789);
    assert_int_equal(d.bytes, f.length);
}

static void test_tunnels_end_at_the_stated_depth(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    for (unsigned i = 0; i < DECODE_TUNNELS_MAX + 2; i++)
        put_ipv4(&f, HOST_A + i, HOST_B, IPPROTO_IPIP, 1, 0);
    put_ipv4(&f, HOST_A + 99, HOST_B, IPPROTO_TCP, 1, 0);
    put_tcp(&f, 1, 2, 3, 4, ACK, 0);
    assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
    assert_int_equal(d.protocol, IPPROTO_IPIP);
    assert_true(address_equal(d.src, address_from_ipv4(HOST_A + DECODE_TUNNELS_MAX)));
}

static void test_arp(void **state)
{
    (void)state;
    struct frame f = {0}, g = {0};
    struct decoded d;
    put_ethernet(&f, 0x0806);
    put_bytes(&f, "\0\1\x08\0\6\4\0\2\x02\0\0\0\0\1\x0a\0\0\1\x02\0\0\0\0\2\x0a\0\0\2", 28);
    assert_int_equal(decode_frame(&f, LINK_ETHERNET, &d), DECODE_METERED);
    assert_int_equal(d.kind, DECODED_ARP);
    assert_true(d.answers);
    assert_true(address_equal(d.src, address_from_ipv4(0x0a000001)));
    put_ethernet(&g, 0x0806);
    put_bytes(&g, "\0\1\x08\0\6\4\0\2", 8);
    assert_int_equal(decode_frame(&g, LINK_ETHERNET, &d), DECODE_MALFORMED_ARP);
}

static void test_each_malformed_case_has_its_outcome(void **state)
{
    (void)state;
    static const struct {
        enum decode_outcome outcome;
        unsigned link_type;
        const char *bytes;
        size_t length;
    } cases[] = {
        {DECODE_UNSUPPORTED_LINK, 147, "xyz", 3},
        {DECODE_MALFORMED_LINK, LINK_ETHERNET, "short", 5},
        {DECODE_IGNORED_ETHERTYPE, LINK_ETHERNET, "\1\x80\xc2\0\0\0\x02\0\0\0\0\x01\x88\xcc\0\0", 16},
        {DECODE_MALFORMED_LINK, LINK_PPP_PPPD, "\0", 1},
        {DECODE_MALFORMED_LINK, LINK_PPP_WITH_DIR, "\0", 1},
        {DECODE_MALFORMED_IPV4, LINK_IPV4, "\x45\0\0\x14", 4},
        {DECODE_MALFORMED_IPV4, LINK_IPV4, "\x44\0\0\x14\0\0\0\0\x40\x06\0\0\1\1\1\1\2\2\2\2", 20},
        {DECODE_MALFORMED_IPV4_LENGTH, LINK_IPV4, "\x45\0\0\x13\0\0\0\0\x40\x06\0\0\1\1\1\1\2\2\2\2", 20},
        {DECODE_MALFORMED_IPV6, LINK_IPV6, "\x60\0\0\0\0\0\x3b\x40", 8},
        {DECODE_MALFORMED_TCP, LINK_IPV4, "\x45\0\0\x18\0\0\0\0\x40\x06\0\0\1\1\1\1\2\2\2\2\0\1\0\2", 24},
        {DECODE_MALFORMED_TCP, LINK_IPV4,
         "\x45\0\0\x28\0\0\0\0\x40\x06\0\0\1\1\1\1\2\2\2\2\0\1\0\2\0\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0", 40},
        {DECODE_MALFORMED_UDP, LINK_IPV4, "\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\1\1\1\1\2\2\2\2\0\1\0\2\0\7\0\0", 28},
        {DECODE_MALFORMED_ICMP, LINK_IPV4, "\x45\0\0\x18\0\0\0\0\x40\x01\0\0\1\1\1\1\2\2\2\2\x08\0\0\0", 24},
        {DECODE_MALFORMED_TRANSPORT, LINK_IPV4, "\x45\0\0\x18\0\0\0\0\x40\x32\0\0\1\1\1\1\2\2\2\2\x08\0\0\0", 24},
        {DECODE_MALFORMED_IPV6_EXTENSION, LINK_IPV6,
         "\x60\0\0\0\0\x08\0\x40"
         "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb"
         "\x06\x09\0\0\0\0\0\0",
         48},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct frame f = {0};
        struct decoded d;
        put_bytes(&f, cases[i].bytes, cases[i].length);
        enum decode_outcome outcome = decode_frame(&f, cases[i].link_type, &d);
        if (outcome != cases[i].outcome)
            fail_msg("case %zu: %s", i, decode_outcome_name(outcome));
    }
}

/* Cut at any byte, a good packet is metered with its true length as soon as its addresses are there. */
static void test_snap_length_cuts_anywhere(void **state)
{
    (void)state;
    struct frame f = {0};
    put_ethernet(&f, 0x8100);
    put_u16(&f, 5);
    put_u16(&f, 0x0800);
    put_tcp_packet(&f);
    struct packet whole = frame_packet(&f, LINK_ETHERNET, 0);
    for (uint32_t captured = 0; captured <= whole.length; captured++) {
        struct decoded d;
        uint8_t *copy = malloc(captured + 1);
        assert_non_null(copy);
        memcpy(copy, whole.data, captured);
        struct packet cut = whole;
        cut.data = copy;
        cut.captured = captured;
        enum decode_outcome outcome = decode(&plain, &cut, &d);
        free(copy);
        assert_int_equal(outcome, captured < 18 + 20 ? DECODE_TRUNCATED : DECODE_METERED);
        if (outcome != DECODE_METERED)
            continue;
        assert_int_equal(d.bytes, 50);
        assert_int_equal(d.payload, 10);
        assert_int_equal(d.src_port, captured >= 18 + 24 ? 40000 : 0);
        assert_int_equal(d.tcp_header, captured >= 18 + 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ethernet_padding_is_not_counted),
        cmocka_unit_test(test_every_link_layer),
        cmocka_unit_test(test_tags_and_labels_are_kept),
        cmocka_unit_test(test_ipv6_extension_headers),
        cmocka_unit_test(test_echo_request_and_reply_share_the_discriminator),
        cmocka_unit_test(test_error_quotes_its_flow),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_tunnels_show_the_inner_packet),
        cmocka_unit_test(test_teredo),
        cmocka_unit_test(test_tunnel_that_does_not_decode_counts_outside),
        cmocka_unit_test(test_tunnels_end_at_the_stated_depth),
        cmocka_unit_test(test_arp),
        cmocka_unit_test(test_each_malformed_case_has_its_outcome),
        cmocka_unit_test(test_snap_length_cuts_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
