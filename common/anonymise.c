/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto-PAn's construction over SipHash. */
#include "common/anonymise.h"

#include <sodium.h>
#include <string.h>

_Static_assert(crypto_shorthash_KEYBYTES == 16 && crypto_shorthash_BYTES == 8, "SipHash-2-4 of libsodium");

void anonymiser_init(struct anonymiser *anonymiser, const uint8_t key[static ANONYMISE_KEY_BYTES])
{
    static const char for_ipv4[] = "pavo anonymise IPv4", for_ipv6[] = "pavo anonymise IPv6";
    crypto_generichash(anonymiser->ipv4, sizeof(anonymiser->ipv4), (const uint8_t *)for_ipv4, sizeof(for_ipv4), key,
                       ANONYMISE_KEY_BYTES);
    crypto_generichash(anonymiser->ipv6, sizeof(anonymiser->ipv6), (const uint8_t *)for_ipv6, sizeof(for_ipv6), key,
                       ANONYMISE_KEY_BYTES);
}

/* Whether the bit behind the first `length` bits of the address is flipped: 0 or 1. */
static uint64_t flip(const uint8_t key[static 16], struct address address, unsigned length)
{
    struct address mask = address_prefix_mask(length);
    uint8_t prefix[17], hash[crypto_shorthash_BYTES];
    address_to_bytes((struct address){address.hi & mask.hi, address.lo & mask.lo}, prefix);
    prefix[16] = (uint8_t)length;
    crypto_shorthash(hash, prefix, sizeof(prefix), key);
    return hash[0] & 1;
}

struct address anonymise(const struct anonymiser *anonymiser, struct address address)
{
    bool ipv4 = address_is_ipv4(address);
    const uint8_t *key = ipv4 ? anonymiser->ipv4 : anonymiser->ipv6;
    struct address flips = {0, 0};
    for (unsigned bit = ipv4 ? 96 : 0; bit < 128; bit++) {
        uint64_t one = flip(key, address, bit);
        if (bit < 64)
            flips.hi |= one << (63 - bit);
        else
            flips.lo |= one << (127 - bit);
    }
    return (struct address){address.hi ^ flips.hi, address.lo ^ flips.lo};
}
