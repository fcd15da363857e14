/* SPDX-License-Identifier: Apache-2.0 */
/* What is sealed opens unchanged, and nothing else opens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>
#include <zlib.h>

#include "common/seal.h"

static uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES];
static const char plain[] = "flows flows flows flows flows flows flows flows and a marker 203.0.113.77";
static struct bytes sealed;

static int setup(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    crypto_box_keypair(public_key, secret_key);
    assert_int_equal(seal(plain, sizeof(plain), public_key, &sealed, NULL), RESULT_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bytes_free(&sealed);
    return 0;
}

static enum result open_it(const void *bytes, size_t length, size_t expected, struct bytes *ret_plain,
                           struct error *err)
{
    return unseal(bytes, length, expected, public_key, secret_key, NULL, ret_plain, err);
}

static void refused(const void *bytes, size_t length, size_t expected, const char *reason)
{
    struct error err = {""};
    struct bytes opened = {NULL, 7};
    assert_int_equal(open_it(bytes, length, expected, &opened, &err), RESULT_REJECT);
    assert_string_equal(err.text, reason);
    assert_null(opened.data);
    assert_int_equal(opened.length, 7);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct bytes opened;
    assert_int_equal(open_it(sealed.data, sealed.length, sizeof(plain), &opened, NULL), RESULT_OK);
    assert_int_equal(opened.length, sizeof(plain));
    assert_memory_equal(opened.data, plain, sizeof(plain));
    bytes_free(&opened);
    assert_null(memmem(sealed.data, sealed.length, "203.0.113.77", 12));
}

static void test_empty(void **state)
{
    (void)state;
    struct bytes empty, opened;
    assert_int_equal(seal("", 0, public_key, &empty, NULL), RESULT_OK);
    assert_int_equal(open_it(empty.data, empty.length, 0, &opened, NULL), RESULT_OK);
    assert_int_equal(opened.length, 0);
    bytes_free(&opened);
    bytes_free(&empty);
}

static void test_every_bit_counts(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < sealed.length * 8; bit++) {
        sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused(sealed.data, sealed.length, sizeof(plain), "unsealing failed");
        sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void test_truncated(void **state)
{
    (void)state;
    for (size_t length = 0; length < sealed.length; length++) {
        uint8_t *exact = malloc(length + (length == 0)); /* a heap block of its own: reading past it is seen */
        memcpy(exact, sealed.data, length);
        refused(exact, length, sizeof(plain), "unsealing failed");
        free(exact);
    }
}

static void test_another_key(void **state)
{
    (void)state;
    struct bytes opened;
    uint8_t other_public[KEY_BYTES], other_secret[KEY_BYTES];
    crypto_box_keypair(other_public, other_secret);
    assert_int_equal(unseal(sealed.data, sealed.length, sizeof(plain), other_public, other_secret, NULL, &opened, NULL),
                     RESULT_REJECT);
}

static void test_size_must_be_as_said(void **state)
{
    (void)state;
    refused(sealed.data, sealed.length, sizeof(plain) - 1, "size");
    refused(sealed.data, sealed.length, sizeof(plain) + 1, "size");
    refused(sealed.data, sealed.length, 0, "size");
    refused(sealed.data, sealed.length, SEAL_PLAIN_MAX + 1ull, "size");
    refused(sealed.data, SEAL_SEALED_MAX + 1ull, sizeof(plain), "size");
}

/* Whoever has the public key can seal anything; `packed` sealed as it is. */
static struct bytes seal_raw(const void *packed, size_t length)
{
    struct bytes raw = {malloc(length + crypto_box_SEALBYTES), length + crypto_box_SEALBYTES};
    assert_int_equal(crypto_box_seal(raw.data, packed, length, public_key), 0);
    return raw;
}

static void test_bomb(void **state)
{
    (void)state;
    /* 256 MiB of zeros in about 260 kB, said to be 1 kB. */
    size_t chunk = 1 << 20;
    uint8_t *zeros = calloc(1, chunk), *packed = malloc(1 << 20);
    z_stream stream = {.next_out = packed, .avail_out = 1 << 20};
    assert_int_equal(deflateInit(&stream, 9), Z_OK);
    for (int i = 0; i < 256; i++) {
        stream.next_in = zeros;
        stream.avail_in = (uInt)chunk;
        assert_int_equal(deflate(&stream, i == 255 ? Z_FINISH : Z_NO_FLUSH), i == 255 ? Z_STREAM_END : Z_OK);
    }
    struct bytes bomb = seal_raw(packed, stream.total_out);
    deflateEnd(&stream);
    refused(bomb.data, bomb.length, 1024, "size");
    refused(bomb.data, bomb.length, SEAL_PLAIN_MAX, "size");
    bytes_free(&bomb);
    free(packed);
    free(zeros);
}

static void test_damaged_inside_the_seal(void **state)
{
    (void)state;
    static const char garbage[] = "this was never deflated";
    struct bytes raw = seal_raw(garbage, sizeof(garbage));
    refused(raw.data, raw.length, 100, "the compressed data is damaged");
    bytes_free(&raw);
    /* A good stream with more behind it. */
    uint8_t packed[256];
    uLongf length = sizeof(packed) - 4;
    assert_int_equal(compress(packed, &length, (const Bytef *)plain, sizeof(plain)), Z_OK);
    raw = seal_raw(packed, length + 4);
    refused(raw.data, raw.length, sizeof(plain), "size");
    bytes_free(&raw);
    /* A stream cut off. */
    raw = seal_raw(packed, length - 3);
    refused(raw.data, raw.length, sizeof(plain), "the compressed data is damaged");
    bytes_free(&raw);
    raw = seal_raw("", 0);
    refused(raw.data, raw.length, sizeof(plain), "the compressed data is damaged");
    bytes_free(&raw);
}

static void test_oversize(void **state)
{
    (void)state;
    struct error err = {""};
    struct bytes result = {NULL, 7};
    size_t length = SEAL_PLAIN_MAX + 1ull;
    uint8_t *large = calloc(1, length);
    assert_int_equal(seal(large, length, public_key, &result, &err), RESULT_REJECT);
    /* What does not compress is too large sealed, although not before. */
    randombytes_buf(large, SEAL_SEALED_MAX);
    assert_int_equal(seal(large, SEAL_SEALED_MAX, public_key, &result, &err), RESULT_REJECT);
    assert_null(result.data);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_bit_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size_must_be_as_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bomb, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_inside_the_seal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oversize, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
