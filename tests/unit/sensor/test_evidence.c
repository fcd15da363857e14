/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence: TCP options, and the payload digest with a value any second implementation can check itself against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "sensor/meter/evidence.h"

static void make_key(struct evidence_key *key)
{
    uint8_t digest_key[KEY_BYTES];
    for (unsigned i = 0; i < KEY_BYTES; i++)
        digest_key[i] = (uint8_t)i;
    evidence_key_make(digest_key, key);
}

static void test_digest_vector(void **state)
{
    (void)state;
    struct evidence_key key;
    make_key(&key);
    assert_int_equal(evidence_digest(&key, IPPROTO_TCP, (const uint8_t *)"GET / HTTP/1.1\r\n", 16),
                     UINT64_C(0x013ed2bcf85762b2));
}

static void test_digest_depends_on_all_it_should(void **state)
{
    (void)state;
    struct evidence_key key, other;
    uint8_t another[KEY_BYTES] = {9};
    const uint8_t *text = (const uint8_t *)"SSH-2.0-OpenSSH_9.2";
    make_key(&key);
    evidence_key_make(another, &other);
    uint64_t digest = evidence_digest(&key, IPPROTO_TCP, text, 19);
    assert_int_not_equal(digest, evidence_digest(&key, IPPROTO_TCP, text, 18));
    assert_int_not_equal(digest, evidence_digest(&key, IPPROTO_UDP, text, 19));
    assert_int_not_equal(digest, evidence_digest(&other, IPPROTO_TCP, text, 19));
    /* NAT64 turns one into the other */
    assert_int_equal(evidence_digest(&key, IPPROTO_ICMP, text, 19), evidence_digest(&key, IPPROTO_ICMPV6, text, 19));
}

static void test_tcp_options(void **state)
{
    (void)state;
    static const uint8_t linux_syn[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0x12, 0x34, 0, 0, 0, 0, 1, 3, 3, 7};
    struct tcp_options o;
    evidence_tcp_options(linux_syn, sizeof(linux_syn), &o);
    assert_int_equal(o.mss, 1460);
    assert_true(o.has_timestamp);
    assert_int_equal(o.timestamp, 0x1234);
    assert_int_equal(o.kinds, 0x0301080402);
}

static void test_broken_tcp_options_end_the_list(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        unsigned length;
        uint64_t kinds;
    } cases[] = {
        {"", 0, 0},
        {"\1\1\1\1\1\1\1\1\1\1", 10, 0x0101010101010101},
        {"\0\2\4\5\xb4", 5, 0},
        {"\2\0\1\1", 4, 2}, /* a length of 0 would never end */
        {"\2\1\1\1", 4, 2},
        {"\x08\x0a\0\0", 4, 8},
        {"\2", 1, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tcp_options o;
        evidence_tcp_options((const uint8_t *)cases[i].bytes, cases[i].length, &o);
        assert_int_equal(o.kinds, cases[i].kinds);
        assert_int_equal(o.mss, 0);
        assert_false(o.has_timestamp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_vector),
        cmocka_unit_test(test_digest_depends_on_all_it_should),
        cmocka_unit_test(test_tcp_options),
        cmocka_unit_test(test_broken_tcp_options_end_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
