/* SPDX-License-Identifier: Apache-2.0 */
/* pcap and pcapng from bytes: both byte orders, time resolutions, broken files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/capture/format.h"
#include "tests/unit/sensor/capture_writer.h"

/* Feeds the bytes piece by piece, as few at a time as will do, and says how it ended. */
static enum result read_all(const struct writer *w, struct packet *packets, size_t *ret_count, struct error *err)
{
    struct format f;
    size_t begin = 0, have = 0, count = 0;
    enum result result;
    format_init(&f);
    for (;;) {
        size_t used = 0, need = 0;
        struct packet packet;
        result = format_next(&f, w->bytes + begin, have, &used, &need, &packet, err);
        if (result == RESULT_REJECT)
            break;
        begin += used;
        have -= used;
        if (result == RESULT_OK) {
            packets[count++] = packet;
            continue;
        }
        assert_true(need > have);
        if (begin + need > w->length) {
            result = begin == w->length ? RESULT_END : RESULT_AGAIN;
            break;
        }
        have = need;
    }
    format_fini(&f);
    *ret_count = count;
    return result;
}

static void test_pcap_in_every_form(void **state)
{
    (void)state;
    static const struct {
        uint32_t magic;
        bool big;
        int64_t unit;
    } forms[] = {{0xa1b2c3d4, false, 1000}, {0xa1b2c3d4, true, 1000}, {0xa1b23c4d, false, 1}, {0xa1b23c4d, true, 1}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        struct writer w = {.big = forms[i].big};
        struct packet packets[4];
        struct error err;
        size_t count;
        w_pcap_header(&w, forms[i].magic, LINK_RAW);
        w_record(&w, 1700000000, 123456, "abcd", 100);
        w_record(&w, 1700000001, 0, "", 0);
        assert_int_equal(read_all(&w, packets, &count, &err), RESULT_END);
        assert_int_equal(count, 2);
        assert_int_equal(packets[0].time_ns, 1700000000000000000 + 123456 * forms[i].unit);
        assert_int_equal(packets[0].captured, 4);
        assert_int_equal(packets[0].length, 100);
        assert_memory_equal(packets[0].data, "abcd", 4);
        assert_int_equal(packets[1].link_type, LINK_RAW);
    }
}

static void test_modified_pcap_has_longer_headers(void **state)
{
    (void)state;
    struct writer w = {0};
    struct packet packets[4];
    struct error err;
    size_t count;
    w_pcap_header(&w, 0xa1b2cd34, LINK_ETHERNET);
    w32(&w, 1);
    w32(&w, 2);
    w32(&w, 3);
    w32(&w, 3);
    w32(&w, 0xffffffff); /* interface, protocol, packet type */
    w32(&w, 0xffffffff);
    memcpy(w.bytes + w.length, "abc", 3);
    w.length += 3;
    assert_int_equal(read_all(&w, packets, &count, &err), RESULT_END);
    assert_int_equal(count, 1);
    assert_memory_equal(packets[0].data, "abc", 3);
}

static void test_pcapng_interfaces_differ(void **state)
{
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        struct writer w = {.big = big};
        struct packet packets[4];
        struct error err;
        size_t count;
        w_section(&w);
        w_interface(&w, LINK_ETHERNET, 9, NULL);
        w_interface(&w, LINK_RAW, 0x80 | 10, NULL);
        w_packet(&w, 0, 1700000000000000007, "ether", 60);
        w_packet(&w, 1, (UINT64_C(1700000000) << 10) + 512, "rawip", 5);
        w_simple(&w, "abc");
        block_end(&w, block_begin(&w, 5)); /* statistics: passed over */
        assert_int_equal(read_all(&w, packets, &count, &err), RESULT_END);
        assert_int_equal(count, 3);
        assert_int_equal(packets[0].time_ns, 1700000000000000007);
        assert_int_equal(packets[0].link_type, LINK_ETHERNET);
        assert_int_equal(packets[0].length, 60);
        assert_int_equal(packets[1].time_ns, 1700000000500000000);
        assert_int_equal(packets[1].link_type, LINK_RAW);
        assert_int_equal(packets[1].interface, 1);
        assert_int_equal(packets[2].captured, 3);
    }
}

static void test_simple_packet_has_the_time_of_the_one_before(void **state)
{
    (void)state;
    struct writer w = {0};
    struct packet packets[4];
    struct error err;
    size_t count;
    w_section(&w);
    w_interface(&w, LINK_ETHERNET, 9, NULL);
    w_packet(&w, 0, 1700000000000000007, "one", 3);
    w_simple(&w, "two");
    w_packet(&w, 0, 1700000000000000009, "three", 5);
    assert_int_equal(read_all(&w, packets, &count, &err), RESULT_END);
    assert_int_equal(count, 3);
    assert_int_equal(packets[1].time_ns, 1700000000000000007);
}

/* Of an interface that there is, of none that there is, too short, and of a section that is over. */
static void test_statistics_tell_of_drops(void **state)
{
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        struct writer w = {.big = big};
        struct format f;
        struct packet packet;
        struct error err;
        size_t used, need;
        w_section(&w);
        w_interface(&w, LINK_ETHERNET, 6, "eth0");
        w_interface(&w, LINK_ETHERNET, 6, "a b\n");
        w_statistics(&w, 1, 40, 2);
        w_statistics(&w, 1, 42, 7);
        w_statistics(&w, 2, 1000, 1000);
        block_end(&w, block_begin(&w, 5));
        size_t first_section = w.length;
        w_section(&w);
        w_interface(&w, LINK_ETHERNET, 6, NULL);
        w_statistics(&w, 0, UINT64_MAX, 3);
        format_init(&f);
        assert_int_equal(format_next(&f, w.bytes, first_section, &used, &need, &packet, &err), RESULT_AGAIN);
        assert_int_equal(f.interface_count, 2);
        assert_string_equal(f.interfaces[0].name, "eth0");
        assert_string_equal(f.interfaces[1].name, "a?b?");
        assert_int_equal(f.interfaces[0].drops.interface, 0);
        assert_int_equal(f.interfaces[1].drops.interface, 42);
        assert_int_equal(f.interfaces[1].drops.kernel, 7);
        assert_int_equal(format_next(&f, w.bytes + used, w.length - used, &used, &need, &packet, &err), RESULT_AGAIN);
        assert_int_equal(f.drops_before.interface, 42);
        assert_int_equal(f.drops_before.kernel, 7);
        assert_int_equal(f.interfaces[0].drops.kernel, 3);
        assert_true(f.interfaces[0].drops.interface < UINT64_MAX / 1024);
        format_fini(&f);
    }
}

static void test_sections_of_both_byte_orders(void **state)
{
    (void)state;
    struct writer w = {0};
    struct packet packets[4];
    struct error err;
    size_t count;
    for (unsigned section = 0; section < 2; section++) {
        w.big = section;
        w_section(&w);
        w_interface(&w, section == 0 ? LINK_ETHERNET : LINK_RAW, 6, NULL);
        w_packet(&w, 0, 1700000000000000, "abcd", 4);
    }
    assert_int_equal(read_all(&w, packets, &count, &err), RESULT_END);
    assert_int_equal(count, 2);
    assert_int_equal(packets[0].time_ns, packets[1].time_ns);
    assert_int_equal(packets[1].link_type, LINK_RAW);
}

static void test_broken_files_are_rejected_where_they_break(void **state)
{
    (void)state;
    struct packet packets[4];
    struct error err;
    size_t count;
    struct writer nothing = {.bytes = "this is not a capture file", .length = 26};
    assert_int_equal(read_all(&nothing, packets, &count, &err), RESULT_REJECT);

    struct writer huge = {0};
    w_pcap_header(&huge, 0xa1b2c3d4, 1);
    w_record(&huge, 1, 1, "good", 4);
    w32(&huge, 1);
    w32(&huge, 1);
    w32(&huge, 0x7fffffff);
    w32(&huge, 0x7fffffff);
    assert_int_equal(read_all(&huge, packets, &count, &err), RESULT_REJECT);
    assert_int_equal(count, 1);

    struct writer cut = {0};
    w_pcap_header(&cut, 0xa1b2c3d4, 1);
    w_record(&cut, 1, 1, "good", 4);
    w_record(&cut, 1, 1, "not all of it", 13);
    cut.length -= 5;
    assert_int_equal(read_all(&cut, packets, &count, &err), RESULT_AGAIN);
    assert_int_equal(count, 1);

    struct writer unknown = {0};
    w_section(&unknown);
    w_interface(&unknown, 1, 6, NULL);
    w_packet(&unknown, 0, 5, "good", 4);
    w_packet(&unknown, 1, 5, "interface 1 was never described", 31);
    assert_int_equal(read_all(&unknown, packets, &count, &err), RESULT_REJECT);
    assert_int_equal(count, 1);

    struct writer lengths = {0};
    w_section(&lengths);
    w_interface(&lengths, 1, 6, NULL);
    w_packet(&lengths, 0, 5, "good", 4);
    w_packet(&lengths, 0, 5, "bad", 3);
    lengths.bytes[lengths.length - 4] ^= 4;
    assert_int_equal(read_all(&lengths, packets, &count, &err), RESULT_REJECT);
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pcap_in_every_form),
        cmocka_unit_test(test_modified_pcap_has_longer_headers),
        cmocka_unit_test(test_pcapng_interfaces_differ),
        cmocka_unit_test(test_simple_packet_has_the_time_of_the_one_before),
        cmocka_unit_test(test_statistics_tell_of_drops),
        cmocka_unit_test(test_sections_of_both_byte_orders),
        cmocka_unit_test(test_broken_files_are_rejected_where_they_break),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
