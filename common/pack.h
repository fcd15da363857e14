/* SPDX-License-Identifier: Apache-2.0 */
/* Packing: a message's bytes as a zlib stream (RFC 1950), which everybody can read, written and read by libdeflate.
 * Pure; any thread. */
#ifndef PAVO_COMMON_PACK_H
#define PAVO_COMMON_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

/* Owned bytes. */
struct bytes {
    uint8_t *data;
    size_t length;
};
void bytes_free(struct bytes *bytes);

/* RESULT_FATAL: out of memory. */
MUST_CHECK enum result pack(const void *plain, size_t length, struct bytes *ret_packed, struct error *err);

/* Exactly `expected` bytes must come out of exactly `length`; no more memory than for those is taken, whatever the
 * bytes say. RESULT_REJECT: they are damaged, or become more or fewer. */
MUST_CHECK enum result unpack(const void *packed, size_t length, size_t expected, struct bytes *ret_plain,
                              struct error *err);

#endif
