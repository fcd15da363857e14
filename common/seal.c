/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: packing, then crypto_box_seal. */
#include "common/seal.h"

#include <sodium.h>
#include <stdlib.h>

enum result seal(const void *plain, size_t length, const uint8_t seal_public[static KEY_BYTES],
                 struct bytes *ret_sealed, struct error *err)
{
    if (length > SEAL_PLAIN_MAX)
        return error_set(err, RESULT_FULL, "a batch of %zu bytes; %u are allowed", length, SEAL_PLAIN_MAX);
    if (sodium_init() < 0)
        return error_set(err, RESULT_FATAL, "libsodium does not start: no source of random numbers");
    struct bytes packed;
    enum result r = pack(plain, length, &packed, err);
    if (r != RESULT_OK)
        return r;
    size_t sealed_length = packed.length + crypto_box_SEALBYTES;
    if (sealed_length > SEAL_SEALED_MAX) {
        bytes_free(&packed);
        return error_set(err, RESULT_FULL, "a batch of %zu bytes sealed; %u are allowed", sealed_length,
                         SEAL_SEALED_MAX);
    }
    uint8_t *sealed = malloc(sealed_length);
    if (sealed == NULL || crypto_box_seal(sealed, packed.data, packed.length, seal_public) != 0) {
        free(sealed);
        bytes_free(&packed);
        return error_set(err, RESULT_FATAL,
                         sealed == NULL ? "out of memory sealing a batch" : "the sealing key is no key");
    }
    bytes_free(&packed);
    *ret_sealed = (struct bytes){sealed, sealed_length};
    return RESULT_OK;
}

static enum result open_box(const void *sealed, size_t length, const uint8_t seal_public[static KEY_BYTES],
                            const uint8_t seal_secret[static KEY_BYTES], struct bytes *ret_packed, struct error *err)
{
    if (length < crypto_box_SEALBYTES)
        return error_set(err, RESULT_REJECT, "unsealing failed");
    struct bytes packed = {.length = length - crypto_box_SEALBYTES};
    packed.data = malloc(packed.length + 1);
    if (packed.data == NULL)
        return error_set(err, RESULT_FATAL, "out of memory opening a batch of %zu bytes", length);
    if (crypto_box_seal_open(packed.data, sealed, length, seal_public, seal_secret) != 0) {
        bytes_free(&packed);
        return error_set(err, RESULT_REJECT, "unsealing failed");
    }
    *ret_packed = packed;
    return RESULT_OK;
}

enum result unseal(const void *sealed, size_t length, size_t expected, const uint8_t seal_public[static KEY_BYTES],
                   const uint8_t seal_secret[static KEY_BYTES], struct bytes *ret_packed, struct bytes *ret_plain,
                   struct error *err)
{
    struct bytes packed;
    if (length > SEAL_SEALED_MAX || expected > SEAL_PLAIN_MAX)
        return error_set(err, RESULT_REJECT, "size");
    if (sodium_init() < 0)
        return error_set(err, RESULT_FATAL, "libsodium does not start: no source of random numbers");
    enum result r = open_box(sealed, length, seal_public, seal_secret, &packed, err);
    if (r != RESULT_OK)
        return r;
    r = unpack(packed.data, packed.length, expected, ret_plain, err);
    if (r == RESULT_OK && ret_packed != NULL)
        *ret_packed = packed;
    else
        bytes_free(&packed);
    return r;
}
