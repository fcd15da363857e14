/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: packing, then libsodium's crypto_box_seal to the aggregator's key. Only the aggregator can open;
 * not the sensor itself afterwards, nor who steals its disk, nor a relay. Pure; any thread. */
#ifndef PAVO_COMMON_SEAL_H
#define PAVO_COMMON_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "common/keys.h"
#include "common/pack.h"
#include "common/result.h"

/* Largest Batch before compression, and largest sealed batch; either end refuses more. The latter is what a connection
 * without a key can make the intake door hold (docs/decisions/0023), so larger ones are cut (common/speak/shipper.c).
 */
#define SEAL_PLAIN_MAX  (32u << 20)
#define SEAL_SEALED_MAX (1u << 20)

/* RESULT_FULL: larger than SEAL_PLAIN_MAX, or than SEAL_SEALED_MAX once sealed. */
MUST_CHECK enum result seal(const void *plain, size_t length, const uint8_t seal_public[static KEY_BYTES],
                            struct bytes *ret_sealed, struct error *err);

/* `expected` is SealedBatch.size: exactly so many bytes must be in it. *ret_packed (may be NULL): those that were
 * sealed, which unpack() makes the plain ones of. */
MUST_CHECK enum result unseal(const void *sealed, size_t length, size_t expected,
                              const uint8_t seal_public[static KEY_BYTES], const uint8_t seal_secret[static KEY_BYTES],
                              struct bytes *ret_packed, struct bytes *ret_plain, struct error *err);

#endif
