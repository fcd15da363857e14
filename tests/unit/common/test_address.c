/* SPDX-License-Identifier: Apache-2.0 */
/* address.c: text in, text out, and nothing half-right accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/address.h"

static void test_text_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {"10.0.1.17", "0.0.0.0", "255.255.255.255", "2001:db8::1",
                                        "::",        "::1",     "fe80::1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct address a;
        char text[ADDRESS_TEXT_MAX];
        assert_int_equal(address_parse(texts[i], &a), RESULT_OK);
        assert_string_equal(address_text(a, text), texts[i]);
        uint8_t bytes[16];
        address_to_bytes(a, bytes);
        assert_true(address_equal(address_from_bytes(bytes), a));
    }
}

static void test_mapped_is_ipv4(void **state)
{
    (void)state;
    struct address a, b;
    assert_int_equal(address_parse("::ffff:10.0.1.17", &a), RESULT_OK);
    assert_int_equal(address_parse("10.0.1.17", &b), RESULT_OK);
    assert_true(address_equal(a, b) && address_is_ipv4(a));
}

static void test_ports(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint16_t port;
    } good[] = {{"10.0.1.17:80", 80},
                {"10.0.1.17", 0},
                {"[2001:db8::1]:65535", 65535},
                {"[2001:db8::1]", 0},
                {"2001:db8::1", 0}};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct address a;
        uint16_t port;
        assert_int_equal(address_port_parse(good[i].text, &a, &port), RESULT_OK);
        assert_int_equal(port, good[i].port);
    }
    static const char *const bad[] = {
        "",      "10.0.1.17:",    "10.0.1.17:65536", "10.0.1.17:-1", "10.0.1.17:8x", "10.0.1:80",
        "[::1",  "[::1]80",       "[::1]:",          "host:80",      ":80",          "10.0.1.17:80:90",
        "[]:80", "10.0.1.17: 80", "10.0.1.17:000080"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct address a = {1, 2};
        uint16_t port = 3;
        if (address_port_parse(bad[i], &a, &port) != RESULT_REJECT)
            fail_msg("'%s' was accepted", bad[i]);
        assert_true(a.hi == 1 && a.lo == 2 && port == 3); /* untouched */
    }
}

static void test_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *inside, *outside;
    } cases[] = {{"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
                 {"0.0.0.0/0", "203.0.113.5", "2001:db8::1"},
                 {"10.0.1.17", "10.0.1.17", "10.0.1.16"},
                 {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
                 {"::/0", "10.0.0.1", NULL},
                 {"2001:db8::1/128", "2001:db8::1", "2001:db8::"},
                 {"2001:db8:0:0:8000::/65", "2001:db8:0:0:ffff::", "2001:db8:0:0:7fff::"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct address_prefix prefix;
        struct address a;
        assert_int_equal(address_prefix_parse(cases[i].prefix, &prefix), RESULT_OK);
        assert_int_equal(address_parse(cases[i].inside, &a), RESULT_OK);
        assert_true(address_in_prefix(a, &prefix));
        if (cases[i].outside != NULL) {
            assert_int_equal(address_parse(cases[i].outside, &a), RESULT_OK);
            assert_false(address_in_prefix(a, &prefix));
        }
    }
    static const char *const bad[] = {"10.0.0.1/8", "10.0.0.0/33",  "10.0.0.0/",  "2001:db8::/129",
                                      "/8",         "10.0.0.0/8/8", "10.0.0.0/-1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct address_prefix prefix;
        if (address_prefix_parse(bad[i], &prefix) != RESULT_REJECT)
            fail_msg("'%s' was accepted", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_round_trip),
        cmocka_unit_test(test_mapped_is_ipv4),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
