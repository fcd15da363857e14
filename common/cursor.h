/* SPDX-License-Identifier: Apache-2.0 */
/* The one way to read foreign bytes: bounds-checked, with a sticky error (after Knot's wire_ctx).
 *
 * A read past the end returns zero, moves nothing and sets `failed`; every later read then fails
 * too, so a parser may read a whole header and check once. Lengths are compared, never pointers;
 * multi-byte values are copied, never cast, so alignment does not matter. */
#ifndef PAVO_COMMON_CURSOR_H
#define PAVO_COMMON_CURSOR_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *at; /* next unread byte; borrowed */
    size_t left;       /* bytes from there to the end */
    bool failed;       /* a read went past the end */
};

static inline struct cursor cursor_make(const void *bytes, size_t length)
{
    return (struct cursor){.at = bytes, .left = length};
}

/* Borrowed pointer to the next `length` bytes, which are passed over; NULL when they are not there. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t length)
{
    if (__builtin_expect(c->failed || c->left < length, 0)) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *taken = c->at;
    c->at += length;
    c->left -= length;
    return taken;
}

static inline void cursor_skip(struct cursor *c, size_t length)
{
    (void)cursor_take(c, length);
}

/* Shortens what can be read to at most `length` more bytes (a length field inside the data). */
static inline void cursor_limit(struct cursor *c, size_t length)
{
    if (c->left > length)
        c->left = length;
}

static inline bool cursor_copy(struct cursor *c, void *to, size_t length)
{
    const uint8_t *from = cursor_take(c, length);
    if (from == NULL)
        return false;
    memcpy(to, from, length);
    return true;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 1);
    return p == NULL ? 0 : *p;
}

/* A number of up to 64 bits, seven a byte, lowest first, the eighth set where more follow (LEB128: protobuf's and
 * Thrift's). Bits above the 64th are passed over; more than ten bytes fail. */
static inline uint64_t cursor_varint(struct cursor *c)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = cursor_u8(c);
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if (byte < 0x80)
            return value;
    }
    c->failed = true;
    return 0;
}

#define CURSOR_READ(name, type, convert)                                                                               \
    static inline type cursor_##name(struct cursor *c)                                                                 \
    {                                                                                                                  \
        type value = 0;                                                                                                \
        return cursor_copy(c, &value, sizeof(value)) ? convert(value) : 0;                                             \
    }
CURSOR_READ(be16, uint16_t, be16toh)
CURSOR_READ(be32, uint32_t, be32toh)
CURSOR_READ(be64, uint64_t, be64toh)
CURSOR_READ(le16, uint16_t, le16toh)
CURSOR_READ(le32, uint32_t, le32toh)
CURSOR_READ(le64, uint64_t, le64toh)
#undef CURSOR_READ

static inline uint32_t cursor_be24(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 3);
    return p == NULL ? 0 : (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

#endif
