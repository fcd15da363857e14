/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of addresses: what lines mean, that asking agrees with a plain search, and that they travel. */
#include "common/address_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum result read_text(const char *text, struct address_set **ret_set, struct error *err)
{
    FILE *file = fmemopen((void *)text, strlen(text), "r");
    assert_non_null(file);
    enum result r = address_set_read(file, ret_set, err);
    fclose(file);
    return r;
}

static struct address_set *set_of(const char *text)
{
    struct address_set *set = NULL;
    struct error err = {""};
    if (read_text(text, &set, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    return set;
}

static bool has(const struct address_set *set, const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, &address), RESULT_OK);
    return address_set_has(set, address);
}

static void test_lines(void **state)
{
    (void)state;
    struct address_set *set = set_of("# bad hosts\n"
                                     "\n"
                                     "10.0.0.1\r\n"
                                     "  192.0.2.0/24   ; a network\n"
                                     "203.0.113.5-203.0.113.9,seen 2026-11-26\n"
                                     "2001:db8::/32 # documentation\n"
                                     "2001:db9::1-2001:db9::f\n"
                                     "255.255.255.255\n"
                                     "0.0.0.0");
    static const char *const inside[] = {"10.0.0.1",    "192.0.2.0",       "192.0.2.255",      "203.0.113.5",
                                         "203.0.113.9", "2001:db8::",      "2001:db8:ffff::1", "2001:db9::1",
                                         "2001:db9::f", "255.255.255.255", "0.0.0.0"};
    static const char *const outside[] = {"10.0.0.0",     "10.0.0.2",    "192.0.3.0",      "203.0.113.4",
                                          "203.0.113.10", "2001:db7::1", "2001:db9::",     "2001:db9::10",
                                          "::",           "0.0.0.1",     "255.255.255.254"};
    for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++)
        assert_true(has(set, inside[i]));
    for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++)
        assert_false(has(set, outside[i]));
    assert_int_equal(address_set_ranges(set), 7);
    address_set_unref(&set);
    assert_null(set);
}

static void test_what_touches_is_one(void **state)
{
    (void)state;
    struct address_set *set = set_of("10.0.1.0/24\n10.0.0.0/24\n10.0.0.7\n10.0.2.0-10.0.3.255\n");
    assert_int_equal(address_set_ranges(set), 1);
    assert_true(has(set, "10.0.0.0") && has(set, "10.0.3.255"));
    assert_false(has(set, "10.0.4.0") || has(set, "9.255.255.255"));
    address_set_unref(&set);
    set = set_of("");
    assert_int_equal(address_set_ranges(set), 0);
    assert_false(has(set, "0.0.0.0") || has(set, "::"));
    address_set_unref(&set);
}

/* ::/0 is every address, those of IPv4 as well. */
static void test_all_there_is(void **state)
{
    (void)state;
    struct address_set *set = set_of("::/0\n10.0.0.1\nffff::1\n");
    static const char *const inside[] = {
        "::", "0.0.0.0", "255.255.255.255", "::fffe:ffff:ffff", "::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++)
        assert_true(has(set, inside[i]));
    assert_int_equal(address_set_ranges(set), 3);
    address_set_unref(&set);
}

static void test_what_is_no_line(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"10.0.0.1\nexample.org\n", "line 2: 'example.org' is no address"},
                                           {"10.0.0.1/24", "line 1: '10.0.0.1/24' is no address"},
                                           {"10.0.0.9-10.0.0.1", "line 1:"},
                                           {"10.0.0.1-2001:db8::1", "line 1:"},
                                           {"10.0.0.1-", "line 1:"},
                                           {"10.0.0", "line 1:"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct address_set *set = (void *)&set;
        struct error err = {""};
        assert_int_equal(read_text(wrong[i][0], &set, &err), RESULT_REJECT);
        if (strstr(err.text, wrong[i][1]) == NULL)
            fail_msg("%s", err.text);
        assert_ptr_equal(set, &set);
    }
}

/* A line longer than is read at once is one line. */
static void test_a_long_line(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof(text));
    memcpy(text, "10.0.0.1 ", 9);
    memcpy(text + sizeof(text) - 12, "\n10.0.0.2x\n", 12);
    struct address_set *set;
    struct error err = {""};
    assert_int_equal(read_text(text, &set, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "line 2: '10.0.0.2x'"));
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Against a search through all lines, before and after a journey. */
static void test_agrees_with_a_plain_search(void **state)
{
    (void)state;
    enum { LINES = 300 };
    static uint32_t firsts[LINES], lasts[LINES];
    static char text[LINES * 40];
    uint64_t random = 1;
    size_t used = 0;
    for (unsigned i = 0; i < LINES; i++) {
        firsts[i] = (uint32_t)next_random(&random) & 0x0003ffff;
        lasts[i] = firsts[i] + (uint32_t)(next_random(&random) % 200);
        char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX];
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s-%s\n", address_text(address_from_ipv4(firsts[i]), a),
                             address_text(address_from_ipv4(lasts[i]), b));
    }
    struct address_set *set = set_of(text), *arrived;
    struct bytes packed;
    struct error err;
    assert_int_equal(address_set_pack(set, &packed, &err), RESULT_OK);
    assert_int_equal(address_set_unpack(packed.data, packed.length, 1 << 20, &arrived, &err), RESULT_OK);
    assert_int_equal(address_set_ranges(arrived), address_set_ranges(set));
    for (uint32_t address = 0; address < 0x00040200; address += 7) {
        bool expected = false;
        for (unsigned i = 0; i < LINES && !expected; i++)
            expected = firsts[i] <= address && address <= lasts[i];
        assert_int_equal(address_set_has(set, address_from_ipv4(address)), expected);
        assert_int_equal(address_set_has(arrived, address_from_ipv4(address)), expected);
    }
    address_set_unref(&set);
    address_set_unref(&arrived);
    bytes_free(&packed);
}

/* Whatever the bytes are, they become a set or a sentence; and never more than may be. */
static void test_bytes_that_are_no_set(void **state)
{
    (void)state;
    struct address_set *set = set_of("10.0.0.0/8\n192.0.2.1\n2001:db8::/32\n2001:db9::1\n"), *arrived = NULL;
    struct bytes packed;
    struct error err = {""};
    assert_int_equal(address_set_pack(set, &packed, &err), RESULT_OK);
    for (size_t length = 0; length < packed.length; length++)
        assert_int_equal(address_set_unpack(packed.data, length, 1 << 20, &arrived, &err), RESULT_REJECT);
    for (size_t at = 0; at < packed.length; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            packed.data[at] ^= (uint8_t)(1u << bit);
            if (address_set_unpack(packed.data, packed.length, 1 << 20, &arrived, &err) == RESULT_OK)
                address_set_unref(&arrived);
            packed.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    assert_int_equal(address_set_unpack(packed.data, packed.length, 1000, &arrived, &err), RESULT_REJECT);
    address_set_unref(&set);
    bytes_free(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_what_touches_is_one),
        cmocka_unit_test(test_all_there_is),
        cmocka_unit_test(test_what_is_no_line),
        cmocka_unit_test(test_a_long_line),
        cmocka_unit_test(test_agrees_with_a_plain_search),
        cmocka_unit_test(test_bytes_that_are_no_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
