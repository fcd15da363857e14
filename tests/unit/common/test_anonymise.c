/* SPDX-License-Identifier: Apache-2.0 */
/* anonymise.c: shared prefixes are kept to the bit, nothing becomes the same, and only the key says what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/anonymise.h"

static struct anonymiser anonymiser;

static int setup(void **state)
{
    (void)state;
    uint8_t key[ANONYMISE_KEY_BYTES];
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    anonymiser_init(&anonymiser, key);
    return 0;
}

static uint64_t random_state = 41;

static uint64_t next(void)
{
    uint64_t x = random_state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Bits from the front in which the two agree. */
static unsigned shared(struct address a, struct address b)
{
    uint64_t hi = a.hi ^ b.hi, lo = a.lo ^ b.lo;
    return hi != 0 ? (unsigned)__builtin_clzll(hi) : lo != 0 ? 64 + (unsigned)__builtin_clzll(lo) : 128;
}

/* An address that agrees with `a` in exactly `length` bits. */
static struct address neighbour(struct address a, unsigned length)
{
    struct address mask = address_prefix_mask(length), random = {next(), next()};
    struct address b = {(a.hi & mask.hi) | (random.hi & ~mask.hi), (a.lo & mask.lo) | (random.lo & ~mask.lo)};
    if (shared(a, b) > length && length < 64)
        b.hi ^= UINT64_C(1) << (63 - length);
    else if (shared(a, b) > length)
        b.lo ^= UINT64_C(1) << (127 - length);
    return b;
}

static void test_shared_prefixes_are_kept(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        bool ipv4 = round % 2 == 0;
        struct address a = ipv4 ? address_from_ipv4((uint32_t)next()) : (struct address){next(), next()};
        unsigned length = ipv4 ? 96 + (unsigned)(next() % 33) : (unsigned)(next() % 129);
        struct address b = length == 128 ? a : neighbour(a, length);
        assert_int_equal(shared(a, b), length);
        struct address x = anonymise(&anonymiser, a), y = anonymise(&anonymiser, b);
        assert_int_equal(shared(x, y), length);
        assert_true(!ipv4 || (address_is_ipv4(x) && address_is_ipv4(y)));
    }
}

/* Over all that share 16 bits: another of those for each. */
static void test_one_to_one(void **state)
{
    (void)state;
    uint8_t *seen = calloc(1, 65536);
    struct address first = anonymise(&anonymiser, address_from_ipv4(0x0a010000u));
    for (uint32_t host = 0; host < 65536; host++) {
        struct address a = anonymise(&anonymiser, address_from_ipv4(0x0a010000u | host));
        assert_int_equal(a.lo >> 16, first.lo >> 16);
        assert_int_equal(seen[a.lo & 0xffff]++, 0);
    }
    free(seen);
}

static void assert_becomes(const char *address, const char *wanted)
{
    struct address a;
    char text[ADDRESS_TEXT_MAX];
    assert_int_equal(address_parse(address, &a), RESULT_OK);
    assert_string_equal(address_text(anonymise(&anonymiser, a), text), wanted);
}

/* What was exported with a key stays comparable with what will be: these may never change. */
static void test_the_same_for_ever(void **state)
{
    (void)state;
    assert_becomes("10.0.1.17", "132.88.71.132");
    assert_becomes("0.0.0.0", "142.210.59.137");
    assert_becomes("2001:db8::1", "6c74:a61c:8e8b:18ac:ecef:c958:5ce2:ead2");
}

static void test_another_key(void **state)
{
    (void)state;
    uint8_t key[ANONYMISE_KEY_BYTES] = {1};
    struct anonymiser other;
    unsigned same = 0;
    anonymiser_init(&other, key);
    for (unsigned i = 0; i < 1000; i++) {
        struct address a = address_from_ipv4((uint32_t)next());
        same += address_equal(anonymise(&anonymiser, a), anonymise(&other, a));
    }
    assert_true(same < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared_prefixes_are_kept),
                                       cmocka_unit_test(test_one_to_one), cmocka_unit_test(test_the_same_for_ever),
                                       cmocka_unit_test(test_another_key)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
