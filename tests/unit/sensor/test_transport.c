/* SPDX-License-Identifier: Apache-2.0 */
/* Transports: where their headers end, and which are no headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/sensor/decoding.h"

enum { HOST_A = 0x0a000001, HOST_B = 0xc0000201 };

/* The header's first bytes, then zeros up to `length` bytes above IPv4. */
static enum decode_outcome decode_transport(unsigned protocol, const char *bytes, size_t count, size_t length,
                                            struct decoded *d)
{
    struct frame f = {0};
    put_ipv4(&f, HOST_A, HOST_B, protocol, 1, 0);
    put_bytes(&f, bytes, count);
    while (f.length < 20 + length)
        put_u8(&f, 0);
    return decode_frame(&f, LINK_RAW, d);
}

/* DCCP's options and AH's check value belong to the header. */
static void test_sized_headers_are_no_payload(void **state)
{
    (void)state;
    struct decoded d;
    assert_int_equal(decode_transport(IPPROTO_DCCP, "\x13\x88\0\x35\x06", 5, 34, &d), DECODE_METERED);
    assert_int_equal(d.payload, 10);
    assert_int_equal(d.dst_port, 53);
    assert_int_equal(decode_transport(IPPROTO_AH, "\x11\4\0\0\0\0\0\7", 8, 34, &d), DECODE_METERED);
    assert_int_equal(d.payload, 10);
    assert_int_equal(d.kind, DECODED_SPI);
    assert_int_equal(d.discriminator, 7);
}

static void test_sized_headers_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        unsigned protocol;
        const char *bytes;
        size_t count;
    } cases[] = {
        {IPPROTO_DCCP, "\x13\x88\0\x35\x02", 5},
        {IPPROTO_DCCP, "\x13\x88\0\x35\0", 5},
        {IPPROTO_DCCP, "\x13\x88\0\x35\x08", 5},
        {IPPROTO_AH, "\x11\0", 2},
        {IPPROTO_AH, "\x11\x06", 2},
        {IPPROTO_AH, "\x11\xff", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct decoded d;
        if (decode_transport(cases[i].protocol, cases[i].bytes, cases[i].count, 28, &d) != DECODE_MALFORMED_TRANSPORT)
            fail_msg("case %zu", i);
    }
}

static void test_short_udp_lite_is_malformed_transport(void **state)
{
    (void)state;
    struct decoded d;
    assert_int_equal(decode_transport(IPPROTO_UDPLITE, "\x13\x88\0\x35", 4, 7, &d), DECODE_MALFORMED_TRANSPORT);
    assert_int_equal(decode_transport(IPPROTO_UDP, "\x13\x88\0\x35", 4, 7, &d), DECODE_MALFORMED_UDP);
    assert_int_equal(decode_transport(IPPROTO_UDPLITE, "\x13\x88\0\x35\0\x08", 6, 20, &d), DECODE_METERED);
    assert_int_equal(d.payload, 12);
}

/* Mobility, HIP and Shim6 are written as extension headers, but are all there is of a message: 59 follows. */
static void test_messages_in_extension_headers_keep_their_number(void **state)
{
    (void)state;
    static const unsigned protocols[] = {IPPROTO_MH, 139, 140};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned behind = 0; behind < 2; behind++) {
            struct frame f = {0};
            struct decoded d;
            put_ipv6(&f, 1, 2, protocols[i]);
            put_u8(&f, behind ? IPPROTO_UDP : IPPROTO_NONE);
            put_bytes(&f, "\0\0\0\0\0\0", 7);
            put_udp(&f, 5000, 53, 8);
            assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
            assert_int_equal(d.protocol, behind ? IPPROTO_UDP : protocols[i]);
            assert_int_equal(d.payload, behind ? 8 : 24);
        }
    }
}

/* Protocol 0 is ARP's in records: IP packets with it were shown as ARP. */
static void test_protocol_0_of_ip_is_not_arps(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    assert_int_equal(decode_transport(IPPROTO_HOPOPTS, "abcd", 4, 4, &d), DECODE_METERED);
    assert_int_equal(d.protocol, 255);
    put_ipv4(&f, HOST_A, HOST_B, IPPROTO_HOPOPTS, 1, 3); /* a later fragment */
    assert_int_equal(decode_frame(&f, LINK_RAW, &d), DECODE_METERED);
    assert_int_equal(d.protocol, 255);
    f.length = 0;
    put_ipv6(&f, 1, 2, IPPROTO_HOPOPTS);
    put_bytes(&f, "\x11\0\1\4\0\0\0\0", 8);
    put_udp(&f, 5000, 53, 8);
    assert_int_equal(decode_cut(&f, LINK_RAW, 44, &d), DECODE_METERED);
    assert_int_equal(d.protocol, 255);
    assert_int_equal(d.bytes, 64);
    assert_int_equal(decode_cut(&f, LINK_RAW, 48, &d), DECODE_METERED);
    assert_int_equal(d.protocol, IPPROTO_UDP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sized_headers_are_no_payload),
        cmocka_unit_test(test_sized_headers_that_cannot_be),
        cmocka_unit_test(test_short_udp_lite_is_malformed_transport),
        cmocka_unit_test(test_messages_in_extension_headers_keep_their_number),
        cmocka_unit_test(test_protocol_0_of_ip_is_not_arps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
