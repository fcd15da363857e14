/* SPDX-License-Identifier: Apache-2.0 */
/* Packed bytes come out as they went in, in exactly the size that was said, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "common/pack.h"

static struct error err;
static uint64_t seed = 1;

static uint64_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
}

/* Bytes that pack well, or not at all. */
static uint8_t *some_bytes(size_t length, unsigned values)
{
    uint8_t *bytes = malloc(length + (length == 0));
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(draw() % values);
    return bytes;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 2, 100, 65535, 65536, 1000003};
    for (unsigned i = 0; i < 2 * sizeof(lengths) / sizeof(*lengths); i++) {
        size_t length = lengths[i / 2];
        uint8_t *plain = some_bytes(length, i % 2 == 0 ? 3 : 256);
        struct bytes packed, back;
        assert_int_equal(pack(plain, length, &packed, &err), RESULT_OK);
        assert_int_equal(unpack(packed.data, packed.length, length, &back, &err), RESULT_OK);
        assert_int_equal(back.length, length);
        assert_memory_equal(back.data, plain, length);
        bytes_free(&back);
        bytes_free(&packed);
        assert_null(packed.data);
        free(plain);
    }
}

/* Any zlib reads what is written, and what any zlib writes is read. */
static void test_everybody_reads_it(void **state)
{
    (void)state;
    enum { LENGTH = 50000 };
    uint8_t *plain = some_bytes(LENGTH, 20), *other = malloc(LENGTH);
    struct bytes packed, back;
    uLongf length = LENGTH;
    assert_int_equal(pack(plain, LENGTH, &packed, &err), RESULT_OK);
    assert_int_equal(uncompress(other, &length, packed.data, packed.length), Z_OK);
    assert_int_equal(length, LENGTH);
    assert_memory_equal(other, plain, LENGTH);
    bytes_free(&packed);
    uint8_t theirs[LENGTH + 1000];
    uLongf size = sizeof(theirs);
    assert_int_equal(compress2(theirs, &size, plain, LENGTH, 9), Z_OK);
    assert_int_equal(unpack(theirs, size, LENGTH, &back, &err), RESULT_OK);
    assert_memory_equal(back.data, plain, LENGTH);
    bytes_free(&back);
    free(other);
    free(plain);
}

/* One more or one fewer, either way, is refused. */
static void test_sizes_are_exact(void **state)
{
    (void)state;
    enum { LENGTH = 1000 };
    uint8_t *plain = some_bytes(LENGTH, 10);
    struct bytes packed, back;
    assert_int_equal(pack(plain, LENGTH, &packed, &err), RESULT_OK);
    static const size_t sizes[] = {0, 1, LENGTH - 1, LENGTH + 1, 2 * LENGTH};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        assert_int_equal(unpack(packed.data, packed.length, sizes[i], &back, &err), RESULT_REJECT);
    uint8_t *longer = calloc(1, packed.length + 1);
    memcpy(longer, packed.data, packed.length);
    assert_int_equal(unpack(longer, packed.length + 1, LENGTH, &back, &err), RESULT_REJECT);
    for (size_t length = 0; length < packed.length; length++) {
        uint8_t *cut = malloc(length + (length == 0)); /* exact: the sanitizer sees every byte read past the end */
        memcpy(cut, packed.data, length);
        assert_int_equal(unpack(cut, length, LENGTH, &back, &err), RESULT_REJECT);
        free(cut);
    }
    assert_int_equal(unpack(packed.data, packed.length, LENGTH, &back, &err), RESULT_OK);
    bytes_free(&back);
    free(longer);
    bytes_free(&packed);
    free(plain);
}

/* A checksum of 32 bits goes with them: it finds what happens, and is no proof. So the journal and the seal have their
 * own, and what passes here has the size that was said. */
static void test_damaged_bytes_are_refused(void **state)
{
    (void)state;
    enum { LENGTH = 2000 };
    uint8_t *plain = some_bytes(LENGTH, 10);
    struct bytes packed, back;
    size_t passed = 0;
    assert_int_equal(pack(plain, LENGTH, &packed, &err), RESULT_OK);
    for (size_t bit = 0; bit < packed.length * 8; bit++) {
        packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum result r = unpack(packed.data, packed.length, LENGTH, &back, &err);
        assert_true(r == RESULT_OK || r == RESULT_REJECT);
        if (r == RESULT_OK) {
            assert_int_equal(back.length, LENGTH);
            passed++;
            bytes_free(&back);
        }
        packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(passed < packed.length * 8 / 100);
    bytes_free(&packed);
    free(plain);
}

/* A few bytes that would become many: no more is taken than what was said. */
static void test_a_bomb_does_not_go_off(void **state)
{
    (void)state;
    enum { LENGTH = 200 << 20 };
    uint8_t *zeros = calloc(1, LENGTH);
    struct bytes packed, back;
    assert_non_null(zeros);
    assert_int_equal(pack(zeros, LENGTH, &packed, &err), RESULT_OK);
    free(zeros);
    assert_true(packed.length < (1u << 20));
    assert_int_equal(unpack(packed.data, packed.length, 1000, &back, &err), RESULT_REJECT);
    assert_int_equal(unpack(packed.data, packed.length, 0, &back, &err), RESULT_REJECT);
    bytes_free(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_everybody_reads_it),
                                       cmocka_unit_test(test_sizes_are_exact),
                                       cmocka_unit_test(test_damaged_bytes_are_refused),
                                       cmocka_unit_test(test_a_bomb_does_not_go_off)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
