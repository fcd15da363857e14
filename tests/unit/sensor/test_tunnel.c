/* SPDX-License-Identifier: Apache-2.0 */
/* What is a tunnel, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "common/records/flow_table.h"
#include "tests/unit/sensor/decoding.h"

enum { HOST_A = 0x0a000001, HOST_B = 0xc0000201, HOST_C = 0xc6336401, HOST_D = 0xcb007101 };

/* An IPv4 header that says the packet has `more` bytes than it will have. */
static void put_ipv4_longer(struct frame *f, unsigned more)
{
    size_t total_at = f->length + 2;
    put_ipv4(f, HOST_C, HOST_D, IPPROTO_UDP, 1, 0);
    put_udp(f, 5000, 53, 12);
    (void)frame_packet(f, LINK_RAW, 0); /* lengths now */
    f->bytes[total_at] = (uint8_t)((40 + more) >> 8);
    f->bytes[total_at + 1] = (uint8_t)(40 + more);
}

/* 68 bytes on the wire counted as 40,000 of an inner flow. */
static void test_inner_packet_longer_than_its_outer_counts_outside(void **state)
{
    (void)state;
    static const struct {
        unsigned protocol, port;
        const char *header;
        size_t length;
    } tunnels[] = {
        {IPPROTO_IPIP, 0, "", 0},
        {IPPROTO_GRE, 0, "\0\0\x08\0", 4},
        {IPPROTO_UDP, 4789, "\x08\0\0\0\0\0\x2a\0\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 22},
    };
    for (size_t i = 0; i < sizeof(tunnels) / sizeof(*tunnels); i++) {
        static const unsigned more[] = {0, 1, 39960};
        for (size_t k = 0; k < sizeof(more) / sizeof(*more); k++) {
            struct frame f = {0};
            struct decoded d;
            put_ipv4(&f, HOST_A, HOST_B, tunnels[i].protocol, 1, 0);
            if (tunnels[i].protocol == IPPROTO_UDP)
                put_udp(&f, 50000, tunnels[i].port, 0);
            put_bytes(&f, tunnels[i].header, tunnels[i].length);
            size_t fixes = f.fixes, at[2] = {f.fix[0], f.fix[1]}, from[2] = {f.fix_from[0], f.fix_from[1]};
            put_ipv4_longer(&f, more[k]);
            for (size_t n = 0; n < fixes; n++) { /* the outer lengths, which are right */
                f.bytes[at[n]] = (uint8_t)((f.length - from[n]) >> 8);
                f.bytes[at[n] + 1] = (uint8_t)(f.length - from[n]);
            }
            assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
            assert_int_equal(d.encapsulated, more[k] == 0);
            assert_int_equal(d.bytes, more[k] == 0 ? 40 : f.length);
            /* A packet that the snap length cut is no other one. */
            assert_int_equal(decode_cut(&f, LINK_RAW, f.length - 12, &d), DECODE_METERED);
            assert_int_equal(d.encapsulated, more[k] == 0);
            assert_int_equal(d.bytes, more[k] == 0 ? 40 : f.length);
        }
    }
}

static void test_inner_ipv6_longer_than_its_outer_counts_outside(void **state)
{
    (void)state;
    for (unsigned longer = 0; longer < 2; longer++) {
        struct frame f = {0};
        struct decoded d;
        put_ipv4(&f, HOST_A, HOST_B, IPPROTO_IPV6, 1, 0);
        put_ipv6(&f, 1, 2, IPPROTO_UDP);
        put_udp(&f, 5000, 53, 12);
        (void)frame_packet(&f, LINK_RAW, 0);
        f.bytes[20 + 5] = (uint8_t)(f.bytes[20 + 5] + longer);
        assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
        assert_int_equal(d.encapsulated, !longer);
        assert_int_equal(d.bytes, longer ? 80 : 60);
    }
}

/* A switch that mirrors only the beginnings of packets says so in the T bit. */
static void test_erspan_says_that_it_truncated(void **state)
{
    (void)state;
    for (unsigned truncated = 0; truncated < 2; truncated++) {
        struct frame f = {0};
        struct decoded d;
        put_bytes(&f, "\x45\0\0\0\0\1\0\0\x40\x2f\0\0\1\1\1\1\2\2\2\2", 20);
        put_bytes(&f, "\x10\0\x88\xbe\0\0\0\1", 8);
        put_u16(&f, 0x1000);
        put_u16(&f, (truncated ? 0x400 : 0) | 5);
        put_u32(&f, 0);
        put_ethernet(&f, 0x0800);
        put_ipv4_longer(&f, 1000);
        assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
        assert_int_equal(d.encapsulated, truncated);
        if (truncated) {
            assert_int_equal(d.bytes, 1040);
            assert_int_equal(d.outer.id, 5);
        }
    }
}

/* Type III, bits of the third word: P, frame type (5), hardware, direction, granularity, O. */
static void test_erspan_iii_frame_type(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct frame f = {0};
        struct decoded d;
        unsigned type = i & 1 ? 2 : 0, padded = i >> 1 & 1, specific = i >> 2;
        put_ipv4(&f, HOST_A, HOST_B, IPPROTO_GRE, 1, 0);
        put_bytes(&f, "\x10\0\x22\xeb\0\0\0\1\x20\0\0\x07\0\0\0\0\0\0", 18);
        put_u16(&f, padded << 15 | type << 10 | 3u << 4 | specific);
        put_bytes(&f, "platform", 8 * specific);
        if (type == 0)
            put_ethernet(&f, 0x0800);
        put_ipv4(&f, HOST_C, HOST_D, IPPROTO_UDP, 1, 0);
        put_udp(&f, 5000, 53, 12);
        assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
        assert_true(d.encapsulated);
        assert_int_equal(d.outer.id, 7);
        assert_int_equal(d.dst_port, 53);
    }
}

/* RFC 2637: version 1 is PPTP's, and PPP its alone. */
static void test_gre_version_1_is_pptp(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t length;
        bool opened;
    } cases[] = {
        {"\x30\1\x88\x0b\0\x2c\0\7\0\0\0\1\xff\3\0\x21", 16, true},
        {"\x30\0\x88\x0b\0\x2c\0\7\0\0\0\1\xff\3\0\x21", 16, false},
        {"\0\0\x08\0", 4, true},
        {"\x20\1\x08\0\0\x28\0\7", 8, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct frame f = {0};
        struct decoded d;
        put_ipv4(&f, HOST_A, HOST_B, IPPROTO_GRE, 1, 0);
        put_bytes(&f, cases[i].header, cases[i].length);
        put_ipv4(&f, HOST_C, HOST_D, IPPROTO_UDP, 1, 0);
        put_udp(&f, 5000, 53, 12);
        assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
        assert_int_equal(d.encapsulated, cases[i].opened);
    }
}

static void put_to_teredo(struct frame *f)
{
    put_ipv4(f, HOST_A, HOST_B, IPPROTO_UDP, 1, 0);
    put_udp(f, 443, 3544, 0);
}

/* A client may have port 3544 for anything. */
static void test_port_3544_is_not_always_teredo(void **state)
{
    (void)state;
    for (unsigned extra = 0; extra < 2; extra++) {
        struct frame f = {0};
        struct decoded d;
        put_to_teredo(&f);
        put_ipv6(&f, 1, 2, 99);
        size_t inner = f.length;
        put_bytes(&f, "any protocol decodes", 20);
        (void)frame_packet(&f, LINK_RAW, 0);
        if (extra > 0) /* not filled, not overfilled */
            f.bytes[inner - 40 + 5] = 19;
        assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
        assert_int_equal(d.encapsulated, extra == 0);
        assert_int_equal(d.protocol, extra == 0 ? 99 : IPPROTO_UDP);
    }
    for (unsigned first = 0x60; first < 0x70; first++) {
        struct frame f = {0};
        struct decoded d;
        put_to_teredo(&f);
        put_u8(&f, first);
        for (unsigned i = 0; i < 200; i++)
            put_u8(&f, i * 37 + first);
        assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
        assert_false(d.encapsulated);
        assert_int_equal(d.dst_port, 3544);
    }
}

/* RFC 6081: bubbles may have trailers. */
static void test_teredo_bubbles(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    put_to_teredo(&f);
    put_ipv6(&f, 1, 2, IPPROTO_NONE);
    (void)frame_packet(&f, LINK_RAW, 0);
    assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
    assert_true(d.encapsulated);
    assert_int_equal(d.bytes, 40);
    put_bytes(&f, "\1\4nonc", 6);
    f.bytes[3] = (uint8_t)(f.bytes[3] + 6);
    f.bytes[25] = (uint8_t)(f.bytes[25] + 6);
    assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
    assert_true(d.encapsulated);
    assert_int_equal(d.bytes, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner_packet_longer_than_its_outer_counts_outside),
        cmocka_unit_test(test_inner_ipv6_longer_than_its_outer_counts_outside),
        cmocka_unit_test(test_erspan_says_that_it_truncated),
        cmocka_unit_test(test_erspan_iii_frame_type),
        cmocka_unit_test(test_gre_version_1_is_pptp),
        cmocka_unit_test(test_port_3544_is_not_always_teredo),
        cmocka_unit_test(test_teredo_bubbles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
