/* SPDX-License-Identifier: Apache-2.0 */
/* Frames for the sensor's tests, written layer by layer from the outside in; lengths are filled in at the end. */
#ifndef PAVO_TESTS_FRAMES_H
#define PAVO_TESTS_FRAMES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "sensor/capture/packet.h"

struct frame {
    uint8_t bytes[2048];
    size_t length;
    size_t fix[8];      /* where a length field stands */
    size_t fix_from[8]; /* it counts from here */
    unsigned fixes;
};

static inline void put_bytes(struct frame *f, const void *bytes, size_t length)
{
    memcpy(f->bytes + f->length, bytes, length);
    f->length += length;
}

static inline void put_u8(struct frame *f, unsigned value)
{
    f->bytes[f->length++] = (uint8_t)value;
}

static inline void put_u16(struct frame *f, unsigned value)
{
    put_u8(f, value >> 8);
    put_u8(f, value);
}

static inline void put_u32(struct frame *f, uint32_t value)
{
    put_u16(f, value >> 16);
    put_u16(f, value & 0xffff);
}

/* A two-byte length, of everything from `from` to the end of the frame. */
static inline void put_length(struct frame *f, size_t from)
{
    f->fix[f->fixes] = f->length;
    f->fix_from[f->fixes++] = from;
    put_u16(f, 0);
}

static inline void put_ethernet(struct frame *f, unsigned type)
{
    put_bytes(f, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
    put_u16(f, type);
}

static inline void put_ipv4(struct frame *f, uint32_t src, uint32_t dst, unsigned protocol, unsigned id,
                            unsigned fragment)
{
    size_t start = f->length;
    put_u16(f, 0x4500);
    put_length(f, start);
    put_u16(f, id);
    put_u16(f, fragment);
    put_u8(f, 64);
    put_u8(f, protocol);
    put_u16(f, 0);
    put_u32(f, src);
    put_u32(f, dst);
}

/* 2001:db8::src to 2001:db8::dst */
static inline void put_ipv6(struct frame *f, uint32_t src, uint32_t dst, unsigned protocol)
{
    size_t start = f->length;
    put_u32(f, 0x60000000);
    put_length(f, start + 40);
    put_u8(f, protocol);
    put_u8(f, 64);
    for (unsigned i = 0; i < 2; i++) {
        put_u32(f, 0x20010db8);
        put_u32(f, 0);
        put_u32(f, 0);
        put_u32(f, i == 0 ? src : dst);
    }
}

static inline void put_tcp(struct frame *f, unsigned src_port, unsigned dst_port, uint32_t sequence,
                           uint32_t acknowledgement, unsigned flags, size_t payload)
{
    put_u16(f, src_port);
    put_u16(f, dst_port);
    put_u32(f, sequence);
    put_u32(f, acknowledgement);
    put_u16(f, 0x5000 | flags);
    put_u16(f, 1024);
    put_u32(f, 0);
    for (size_t i = 0; i < payload; i++)
        put_u8(f, (unsigned)(sequence + i));
}

static inline void put_udp(struct frame *f, unsigned src_port, unsigned dst_port, size_t payload)
{
    size_t start = f->length;
    put_u16(f, src_port);
    put_u16(f, dst_port);
    put_length(f, start);
    put_u16(f, 0);
    for (size_t i = 0; i < payload; i++)
        put_u8(f, (unsigned)i);
}

static inline void put_icmp(struct frame *f, unsigned type, unsigned code, unsigned identifier, unsigned sequence,
                            size_t payload)
{
    put_u8(f, type);
    put_u8(f, code);
    put_u16(f, 0);
    put_u16(f, identifier);
    put_u16(f, sequence);
    for (size_t i = 0; i < payload; i++)
        put_u8(f, (unsigned)(i + sequence));
}

/* The finished frame as a packet, captured whole. */
static inline struct packet frame_packet(struct frame *f, unsigned link_type, int64_t time_ns)
{
    for (unsigned i = 0; i < f->fixes; i++) {
        size_t length = f->length - f->fix_from[i];
        f->bytes[f->fix[i]] = (uint8_t)(length >> 8);
        f->bytes[f->fix[i] + 1] = (uint8_t)length;
    }
    f->fixes = 0;
    return (struct packet){
        .data = f->bytes,
        .captured = (uint32_t)f->length,
        .length = (uint32_t)f->length,
        .time_ns = time_ns,
        .link_type = (uint16_t)link_type,
    };
}

#endif
