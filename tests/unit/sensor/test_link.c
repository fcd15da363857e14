/* SPDX-License-Identifier: Apache-2.0 */
/* Link layers: what is below what, where the headers do not say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/sensor/decoding.h"

enum { HOST_A = 0x0a000001, HOST_B = 0xc0000201, BOTTOM = 0x100 };

static void put_udp_packet(struct frame *f)
{
    put_ipv4(f, HOST_A, HOST_B, IPPROTO_UDP, 77, 0);
    put_udp(f, 40000, 53, 20);
}

static void assert_is_udp_packet(const struct decoded *d)
{
    assert_true(address_equal(d->src, address_from_ipv4(HOST_A)));
    assert_int_equal(d->dst_port, 53);
    assert_int_equal(d->bytes, 48);
}

static void put_label(struct frame *f, unsigned label, bool bottom)
{
    put_u32(f, label << 12 | (bottom ? BOTTOM : 0) | 64);
}

/* Pseudowires in pseudowires: a level of the stack each, and a packet may have 16 MiB of them. */
static void test_pseudowires_nest_to_the_stated_depth(void **state)
{
    (void)state;
    enum { LEVEL = 22, LENGTH = 1 << 20 };
    uint8_t *bytes = calloc(1, LENGTH);
    assert_non_null(bytes);
    for (size_t at = 12; at + LEVEL <= LENGTH; at += LEVEL) /* MACs, then: type, label, control word */
        memcpy(bytes + at, "\x88\x47\0\x01\x01\x40\0\0\0\0", 10);
    struct packet packet = {.data = bytes, .captured = LENGTH, .length = LENGTH, .link_type = LINK_ETHERNET};
    struct decoded d;
    assert_int_equal(decode(&plain, &packet, &d), DECODE_MALFORMED_LINK);
    free(bytes);
    for (unsigned wires = DECODE_LABELS_MAX; wires <= DECODE_LABELS_MAX + 1; wires++) {
        struct frame f = {0};
        for (unsigned i = 0; i < wires; i++) {
            put_ethernet(&f, 0x8847);
            put_label(&f, 16 + i, true);
            put_u32(&f, 0);
        }
        put_ethernet(&f, 0x0800);
        put_udp_packet(&f);
        assert_int_equal(decode_frame(&f, LINK_ETHERNET, &d),
                         wires == DECODE_LABELS_MAX ? DECODE_METERED : DECODE_MALFORMED_LINK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pseudowires_nest_to_the_stated_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
