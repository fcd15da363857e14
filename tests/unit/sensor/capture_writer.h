/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files made by hand, in both byte orders. */
#ifndef PAVO_TESTS_CAPTURE_WRITER_H
#define PAVO_TESTS_CAPTURE_WRITER_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
    uint8_t bytes[4096];
    size_t length;
    bool big;
};

static void w16(struct writer *w, unsigned value)
{
    uint8_t little[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    w->bytes[w->length++] = little[w->big];
    w->bytes[w->length++] = little[!w->big];
}

static void w32(struct writer *w, uint32_t value)
{
    w16(w, w->big ? value >> 16 : value & 0xffff);
    w16(w, w->big ? value & 0xffff : value >> 16);
}

static inline void w_pcap_header(struct writer *w, uint32_t magic, uint32_t link_type)
{
    w32(w, magic);
    w16(w, 2);
    w16(w, 4);
    w32(w, 0);
    w32(w, 0);
    w32(w, 65535);
    w32(w, link_type);
}

static inline void w_record(struct writer *w, uint32_t seconds, uint32_t fraction, const char *data, uint32_t length)
{
    w32(w, seconds);
    w32(w, fraction);
    w32(w, (uint32_t)strlen(data));
    w32(w, length);
    memcpy(w->bytes + w->length, data, strlen(data));
    w->length += strlen(data);
}

static size_t block_begin(struct writer *w, uint32_t type)
{
    w32(w, type);
    w32(w, 0);
    return w->length - 8;
}

static void block_end(struct writer *w, size_t begin)
{
    while (w->length % 4 != 0)
        w->bytes[w->length++] = 0;
    uint32_t size = (uint32_t)(w->length + 4 - begin);
    size_t end = w->length;
    w->length = begin + 4;
    w32(w, size);
    w->length = end;
    w32(w, size);
}

static inline void w_section(struct writer *w)
{
    size_t begin = block_begin(w, 0x0a0d0d0a);
    w32(w, 0x1a2b3c4d);
    w16(w, 1);
    w16(w, 0);
    w32(w, UINT32_MAX);
    w32(w, UINT32_MAX);
    block_end(w, begin);
}

static void w_option(struct writer *w, unsigned code, const void *value, size_t length)
{
    w16(w, code);
    w16(w, (unsigned)length);
    memcpy(w->bytes + w->length, value, length);
    w->length += length;
    while (w->length % 4 != 0)
        w->bytes[w->length++] = 0;
}

/* `name` may be NULL. */
static inline void w_interface(struct writer *w, unsigned link_type, unsigned resolution, const char *name)
{
    size_t begin = block_begin(w, 1);
    w16(w, link_type);
    w16(w, 0);
    w32(w, 0);
    if (name != NULL)
        w_option(w, 2, name, strlen(name));
    w_option(w, 9, (uint8_t[]){(uint8_t)resolution}, 1);
    w32(w, 0);
    block_end(w, begin);
}

static inline void w_statistics(struct writer *w, uint32_t interface, uint64_t interface_drops, uint64_t kernel_drops)
{
    const struct {
        unsigned code;
        uint64_t value;
    } options[] = {{5, interface_drops}, {7, kernel_drops}};
    size_t begin = block_begin(w, 5);
    w32(w, interface);
    w32(w, 0);
    w32(w, 0);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t value = w->big ? htobe64(options[i].value) : htole64(options[i].value);
        w_option(w, options[i].code, &value, sizeof(value));
    }
    w32(w, 0);
    block_end(w, begin);
}

static inline void w_simple(struct writer *w, const char *data)
{
    size_t begin = block_begin(w, 3);
    w32(w, (uint32_t)strlen(data));
    memcpy(w->bytes + w->length, data, strlen(data));
    w->length += strlen(data);
    block_end(w, begin);
}

static inline void w_packet(struct writer *w, uint32_t interface, uint64_t units, const char *data, uint32_t length)
{
    size_t begin = block_begin(w, 6);
    w32(w, interface);
    w32(w, (uint32_t)(units >> 32));
    w32(w, (uint32_t)units);
    w32(w, (uint32_t)strlen(data));
    w32(w, length);
    memcpy(w->bytes + w->length, data, strlen(data));
    w->length += strlen(data);
    block_end(w, begin);
}

#endif
