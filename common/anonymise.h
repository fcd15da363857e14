/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that nobody knows again, but whoever has the key: prefix-preserving, as Crypto-PAn's (Xu, Fan, Ammar,
 * Moon: Prefix-preserving IP address anonymization, 2002). Two addresses that agree in their first n bits, and no more,
 * agree in exactly n afterwards; with one key an address always becomes the same one, and no two the same.
 *
 * Each bit is flipped or not by a keyed function of those before it: SipHash-2-4, with a key of its own for each
 * family. An IPv4 address stays one, and so does an IPv6 address (but for one in 2^96). Pure; any thread.
 *
 * What it does not hide: who talks much, and prefixes whose structure is known. Somebody who can put packets of his own
 * into the traffic learns what his addresses, and prefixes they share with others, became. */
#ifndef PAVO_COMMON_ANONYMISE_H
#define PAVO_COMMON_ANONYMISE_H

#include <stdint.h>

#include "common/address.h"

#define ANONYMISE_KEY_BYTES 32

struct anonymiser {
    uint8_t ipv4[16], ipv6[16]; /* secret */
};

void anonymiser_init(struct anonymiser *anonymiser, const uint8_t key[static ANONYMISE_KEY_BYTES]);
struct address anonymise(const struct anonymiser *anonymiser, struct address address);

#endif
