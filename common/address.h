/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: always 128 bits in two host-order halves, IPv4 mapped (::ffff:a.b.c.d, RFC 4291 2.5.5.2). */
#ifndef PAVO_COMMON_ADDRESS_H
#define PAVO_COMMON_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

struct address {
    uint64_t hi; /* the first eight bytes of network order, as a number */
    uint64_t lo;
};

struct address_prefix {
    struct address address;
    unsigned length; /* 0 .. 128, of the 128-bit form: 10.0.0.0/8 has 104 */
};

/* "[2001:db8::1]:65535" and its NUL fit. */
#define ADDRESS_TEXT_MAX 64

static inline struct address address_from_ipv4(uint32_t host_order)
{
    return (struct address){.hi = 0, .lo = 0x0000ffff00000000u | host_order};
}

static inline bool address_is_ipv4(struct address a)
{
    return a.hi == 0 && a.lo >> 32 == 0xffff;
}

static inline bool address_equal(struct address a, struct address b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/* 16 bytes, network order. */
struct address address_from_bytes(const uint8_t bytes[static 16]);
void address_to_bytes(struct address a, uint8_t ret_bytes[static 16]);

/* "10.0.0.1" or "2001:db8::1" as RFC 5952 writes it. Returns `text`. */
const char *address_text(struct address a, char text[static ADDRESS_TEXT_MAX]);

/* "10.0.0.1:80", "[2001:db8::1]:80"; port 0 leaves the port out. Returns `text`. */
const char *address_port_text(struct address a, uint16_t port, char text[static ADDRESS_TEXT_MAX]);

/* Either family's usual text. */
MUST_CHECK enum result address_parse(const char *text, struct address *ret_address);

/* ADDR, ADDR:PORT, [ADDR]:PORT; ret_port is 0 where there is none. */
MUST_CHECK enum result address_port_parse(const char *text, struct address *ret_address, uint16_t *ret_port);

/* ADDR or ADDR/LENGTH in the family's own length; bits behind the prefix must be zero. */
MUST_CHECK enum result address_prefix_parse(const char *text, struct address_prefix *ret_prefix);

/* The bits a prefix of `length` (0 .. 128) fixes. */
struct address address_prefix_mask(unsigned length);

bool address_in_prefix(struct address a, const struct address_prefix *prefix);

#endif
