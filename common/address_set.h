/* SPDX-License-Identifier: Apache-2.0 */
/* A set of addresses, of millions: made of lines of a file, asked of every row, sent packed. Sorted ranges that do not
 * touch: 8 bytes an IPv4 range, 32 an IPv6 one. Pure; a finished set is read-only and may be shared between threads. */
#ifndef PAVO_COMMON_ADDRESS_SET_H
#define PAVO_COMMON_ADDRESS_SET_H

#include <stdio.h>

#include "common/address.h"
#include "common/pack.h"

#define ADDRESS_SET_RANGES_MAX (4u << 20)

struct address_set;

/* Lines of ADDR, ADDR/LENGTH or ADDR-ADDR, which end at a blank, a comma or a semicolon; empty ones and what stands
 * behind # count for nothing. RESULT_REJECT, with the line's number: it is none of these, or there are too many.
 * RESULT_FATAL: out of memory, or reading failed. The set has one reference, the caller's. */
MUST_CHECK enum result address_set_read(FILE *file, struct address_set **ret_set, struct error *err);

struct address_set *address_set_ref(struct address_set *set);
/* The last reference frees it. NULL is nothing. */
void address_set_unref(struct address_set **set);

bool address_set_has(const struct address_set *set, struct address address);
/* Ranges that do not touch. */
size_t address_set_ranges(const struct address_set *set);
/* Bytes it holds. */
size_t address_set_size(const struct address_set *set);

/* As it travels (docs/protocol.md). RESULT_FATAL: out of memory. */
MUST_CHECK enum result address_set_pack(const struct address_set *set, struct bytes *ret_packed, struct error *err);
/* RESULT_REJECT: the bytes are none, or become a set of more than `size_max` bytes. */
MUST_CHECK enum result address_set_unpack(const void *packed, size_t length, size_t size_max,
                                          struct address_set **ret_set, struct error *err);

#endif
