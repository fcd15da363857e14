/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a set of addresses; what is one is asked, and packed and unpacked once more it is the same. */
#include <stdint.h>
#include <stdlib.h>

#include "common/address_set.h"

#define SIZE_MAX_HERE (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct address_set *one, const struct address_set *other)
{
    if (address_set_ranges(one) != address_set_ranges(other) || address_set_size(one) != address_set_size(other))
        abort();
    for (uint64_t i = 0; i < 64; i++) {
        struct address v4 = address_from_ipv4((uint32_t)(i * 0x04104104)), v6 = {i << 58, ~i};
        if (address_set_has(one, v4) != address_set_has(other, v4) ||
            address_set_has(one, v6) != address_set_has(other, v6))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address_set *set, *again;
    struct bytes packed;
    struct error err = {""};
    if (address_set_unpack(data, size, SIZE_MAX_HERE, &set, &err) != RESULT_OK) {
        if (err.text[0] == '\0')
            abort();
        return 0;
    }
    if (address_set_pack(set, &packed, &err) != RESULT_OK ||
        address_set_unpack(packed.data, packed.length, SIZE_MAX_HERE, &again, &err) != RESULT_OK)
        abort();
    compare(set, again);
    bytes_free(&packed);
    address_set_unref(&set);
    address_set_unref(&again);
    return 0;
}
