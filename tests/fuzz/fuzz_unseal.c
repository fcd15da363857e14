/* SPDX-License-Identifier: Apache-2.0 */
/* What anyone with the public key can have sealed. The first two bytes are the size said; bit 15 of them asks for the
 * rest to be sealed here first, since no fuzzer guesses a seal and what lies behind it would never be reached. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES];
    static const uint8_t seed[crypto_box_SEEDBYTES] = {1};
    if (public_key[0] == 0 && (sodium_init() < 0 || crypto_box_seed_keypair(public_key, secret_key, seed) != 0))
        abort();
    struct cursor in = cursor_make(data, size);
    uint16_t head = cursor_be16(&in);
    size_t expected = head & 0x7fff, length = in.left;
    struct bytes sealed = {malloc(length + crypto_box_SEALBYTES), length}, plain;
    if (sealed.data == NULL)
        return 0;
    if (head & 0x8000) {
        if (crypto_box_seal(sealed.data, in.at, length, public_key) != 0)
            abort();
        sealed.length += crypto_box_SEALBYTES;
    } else {
        cursor_copy(&in, sealed.data, length);
    }
    struct error err;
    if (unseal(sealed.data, sealed.length, expected, public_key, secret_key, NULL, &plain, &err) == RESULT_OK) {
        if (plain.length != expected)
            abort();
        bytes_free(&plain);
    }
    bytes_free(&sealed);
    return 0;
}
