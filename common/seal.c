/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: deflate, then crypto_box_seal. */
#include "common/seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <zlib.h>

/* Columns of like values compress well at once; higher levels cost several times the time for little (docs/decisions).
 */
#define SEAL_ZLIB_LEVEL 1

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

enum result seal(const void *plain, size_t length, const uint8_t seal_public[static KEY_BYTES],
                 struct bytes *ret_sealed, struct error *err)
{
    if (length > SEAL_PLAIN_MAX)
        return error_set(err, RESULT_FULL, "a batch of %zu bytes; %u are allowed", length, SEAL_PLAIN_MAX);
    if (sodium_init() < 0)
        return error_set(err, RESULT_FATAL, "libsodium does not start: no source of random numbers");
    uLongf packed_length = compressBound((uLong)length);
    uint8_t *packed = malloc(packed_length);
    if (packed == NULL || compress2(packed, &packed_length, plain, (uLong)length, SEAL_ZLIB_LEVEL) != Z_OK) {
        free(packed);
        return error_set(err, RESULT_FATAL, "out of memory compressing a batch of %zu bytes", length);
    }
    size_t sealed_length = packed_length + crypto_box_SEALBYTES;
    if (sealed_length > SEAL_SEALED_MAX) {
        free(packed);
        return error_set(err, RESULT_FULL, "a batch of %zu bytes sealed; %u are allowed", sealed_length,
                         SEAL_SEALED_MAX);
    }
    uint8_t *sealed = malloc(sealed_length);
    if (sealed == NULL || crypto_box_seal(sealed, packed, packed_length, seal_public) != 0) {
        free(sealed);
        free(packed);
        return error_set(err, RESULT_FATAL,
                         sealed == NULL ? "out of memory sealing a batch" : "the sealing key is no key");
    }
    free(packed);
    *ret_sealed = (struct bytes){sealed, sealed_length};
    return RESULT_OK;
}

/* Exactly `expected` bytes must come out of exactly `length`. */
static enum result inflate_exactly(const uint8_t *packed, size_t length, size_t expected, struct bytes *ret_plain,
                                   struct error *err)
{
    z_stream stream = {.next_in = (Bytef *)packed, .avail_in = (uInt)length, .avail_out = (uInt)expected};
    uint8_t *plain = malloc(expected + (expected == 0));
    stream.next_out = plain;
    if (plain == NULL || inflateInit(&stream) != Z_OK) {
        free(plain);
        return error_set(err, RESULT_FATAL, "out of memory opening a batch of %zu bytes", expected);
    }
    int r = inflate(&stream, Z_FINISH);
    bool exact = r == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
    inflateEnd(&stream);
    if (!exact) {
        free(plain);
        return error_set(err, RESULT_REJECT, r == Z_DATA_ERROR ? "the compressed data is damaged" : "size");
    }
    *ret_plain = (struct bytes){plain, expected};
    return RESULT_OK;
}

enum result unseal(const void *sealed, size_t length, size_t expected, const uint8_t seal_public[static KEY_BYTES],
                   const uint8_t seal_secret[static KEY_BYTES], struct bytes *ret_plain, struct error *err)
{
    if (length > SEAL_SEALED_MAX || expected > SEAL_PLAIN_MAX)
        return error_set(err, RESULT_REJECT, "size");
    if (sodium_init() < 0)
        return error_set(err, RESULT_FATAL, "libsodium does not start: no source of random numbers");
    if (length < crypto_box_SEALBYTES)
        return error_set(err, RESULT_REJECT, "unsealing failed");
    size_t packed_length = length - crypto_box_SEALBYTES;
    uint8_t *packed = malloc(packed_length + 1);
    if (packed == NULL)
        return error_set(err, RESULT_FATAL, "out of memory opening a batch of %zu bytes", length);
    enum result r = RESULT_OK;
    if (crypto_box_seal_open(packed, sealed, length, seal_public, seal_secret) != 0)
        r = error_set(err, RESULT_REJECT, "unsealing failed");
    if (r == RESULT_OK)
        r = inflate_exactly(packed, packed_length, expected, ret_plain, err);
    free(packed);
    return r;
}
