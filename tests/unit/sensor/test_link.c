/* SPDX-License-Identifier: Apache-2.0 */
/* Link layers: what is below what, where the headers do not say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "sensor/capture/backend.h"
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

/* Without a control word, Ethernet begins with a MAC, whose first nibble may be 0, 4 or 6 as well. */
static void test_pseudowire_without_control_word(void **state)
{
    (void)state;
    static const uint8_t firsts[] = {0x00, 0x02, 0x0a, 0x1c, 0x40, 0x45, 0x48,
                                     0x4c, 0x60, 0x64, 0x68, 0x6c, 0x90, 0xf4};
    for (size_t i = 0; i < sizeof(firsts); i++) {
        for (unsigned control = 0; control < 2; control++) {
            struct frame f = {0};
            struct decoded d;
            put_ethernet(&f, 0x8847);
            put_label(&f, 18, false);
            put_label(&f, 1000, true);
            if (control)
                put_u32(&f, 7);
            size_t mac = f.length;
            put_ethernet(&f, 0x0800);
            memcpy(f.bytes + mac, (uint8_t[]){firsts[i], 0x1b, 0, 42, 4, 5, 0x00, 0x50, 0x56, 9, 9, 9}, 12);
            put_udp_packet(&f);
            if (decode_frame(&f, LINK_ETHERNET, &d) != DECODE_METERED)
                fail_msg("MAC %02x, control word %u", firsts[i], control);
            assert_is_udp_packet(&d);
        }
    }
}

/* IP stays IP, whatever its addresses look like, whole or cut. */
static void test_ip_below_labels_is_no_pseudowire(void **state)
{
    (void)state;
    for (unsigned checksum = 0; checksum < 2; checksum++) {
        struct frame f = {0};
        struct decoded d;
        put_ethernet(&f, 0x8847);
        put_label(&f, 18, true);
        put_ipv4(&f, 0x08000001, HOST_B, IPPROTO_UDP, 77, 0); /* 8.0.0.1: a type, if this was Ethernet */
        put_udp(&f, 40000, 53, 20);
        if (checksum)
            put_bytes(&f, "trailer", 7);
        (void)frame_packet(&f, LINK_ETHERNET, 0);
        if (checksum) {
            f.bytes[18 + 3] = 48;
            memcpy(f.bytes + 28, "\xb0\x6e", 2);
        }
        assert_int_equal(decode_frame(&f, LINK_ETHERNET, &d), DECODE_METERED);
        assert_int_equal(d.src.lo & UINT32_MAX, 0x08000001);
        assert_int_equal(decode_cut(&f, LINK_ETHERNET, 18 + 20, &d), DECODE_METERED);
        assert_int_equal(d.src.lo & UINT32_MAX, 0x08000001);
        assert_int_equal(d.bytes, 48);
    }
    struct frame f = {0};
    struct decoded d;
    put_ethernet(&f, 0x8847);
    put_label(&f, 18, true);
    put_ipv6(&f, 1, 2, IPPROTO_UDP);
    memcpy(f.bytes + 18 + 12, "\x08", 2); /* 2001:db8:800::1 */
    put_udp(&f, 40000, 53, 20);
    assert_int_equal(decode_frame(&f, LINK_ETHERNET, &d), DECODE_METERED);
    assert_int_equal(d.bytes, 68);
    assert_int_equal(d.src.lo, 1);
}

/* Linux's cooked headers have one address, the sender's, and its length. */
static void test_cooked_captures_have_the_senders_mac(void **state)
{
    (void)state;
    static const struct {
        unsigned link_type;
        const char *header;
        size_t length;
        bool mac;
    } links[] = {
        {LINK_LINUX_SLL, "\0\0\0\1\0\6\2\1\1\1\1\3\0\0\x08\0", 16, true},
        {LINK_LINUX_SLL, "\0\0\x02\0\0\0\2\1\1\1\1\3\0\0\x08\0", 16, false},
        {LINK_LINUX_SLL, "\0\0\0\1\0\x08\2\1\1\1\1\3\4\4\x08\0", 16, false},
        {LINK_LINUX_SLL2, "\x08\0\0\0\0\0\0\2\0\1\0\6\2\1\1\1\1\3\0\0", 20, true},
        {LINK_LINUX_SLL2, "\x08\0\0\0\0\0\0\2\0\1\4\6\2\1\1\1\1\3\0\0", 20, true},
        {LINK_LINUX_SLL2, "\x08\0\0\0\0\0\0\2\2\0\0\0\2\1\1\1\1\3\0\0", 20, false},
    };
    for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
        struct frame f = {0};
        struct decoded d;
        put_bytes(&f, links[i].header, links[i].length);
        put_udp_packet(&f);
        struct packet packet = frame_packet(&f, links[i].link_type, 0);
        assert_int_equal(decode(&plain, &packet, &d), DECODE_METERED);
        assert_int_equal(d.src_mac != NULL, links[i].mac);
        if (links[i].mac)
            assert_memory_equal(d.src_mac, "\2\1\1\1\1\3", 6);
    }
}

/* Cisco's protocol 0x0800 need not be IP. */
static void test_snap_of_another_organisation_is_not_read(void **state)
{
    (void)state;
    static const char *const organisations[] = {"\0\0\x0c", "\0\x80\xc2", "\x08\0\x07"};
    for (size_t i = 0; i < 3; i++) {
        struct frame f = {0};
        struct decoded d;
        put_ethernet(&f, 8 + 48);
        put_bytes(&f, "\xaa\xaa\x03", 3);
        put_bytes(&f, organisations[i], 3);
        put_u16(&f, 0x0800);
        put_udp_packet(&f);
        assert_int_equal(decode_frame(&f, LINK_ETHERNET, &d), DECODE_IGNORED_ETHERTYPE);
    }
}

/* PPPoE says more than a whole frame has: what is missing was not cut by the snap length. */
static void test_pppoe_longer_than_its_frame(void **state)
{
    (void)state;
    struct frame f = {0};
    struct decoded d;
    put_ethernet(&f, 0x8864);
    put_bytes(&f, "\x11\0\0\1\x03\xe8\0\x21\x45\0\0\x30", 12);
    assert_int_equal(decode_frame(&f, LINK_ETHERNET, &d), DECODE_MALFORMED_IPV4);
    assert_int_equal(decode_cut(&f, LINK_ETHERNET, f.length - 2, &d), DECODE_TRUNCATED);
}

/* libpcap cannot compile a filter for what it does not know. */
static void test_filters_know_all_raw_ip(void **state)
{
    (void)state;
    assert_int_equal(link_type_dlt(LINK_RAW_BSD), link_type_dlt(LINK_RAW));
    assert_int_equal(link_type_dlt(LINK_RAW_OPENBSD), link_type_dlt(LINK_RAW));
    assert_int_equal(link_type_of_dlt(link_type_dlt(LINK_RAW)), LINK_RAW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pseudowires_nest_to_the_stated_depth),
        cmocka_unit_test(test_pseudowire_without_control_word),
        cmocka_unit_test(test_ip_below_labels_is_no_pseudowire),
        cmocka_unit_test(test_cooked_captures_have_the_senders_mac),
        cmocka_unit_test(test_snap_of_another_organisation_is_not_read),
        cmocka_unit_test(test_pppoe_longer_than_its_frame),
        cmocka_unit_test(test_filters_know_all_raw_ip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
