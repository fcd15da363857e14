/* SPDX-License-Identifier: Apache-2.0 */
/* pcap and pcapng. */
#include "sensor/capture/format.h"

#include <stdlib.h>

#include "common/cursor.h"

enum {
    PCAP_HEADER = 24,
    PCAP_RECORD = 16,
    PCAP_RECORD_MODIFIED = 24,
    BLOCK_HEADER = 8,
    BLOCK_LEAST = 12,
    BLOCK_SECTION = 0x0a0d0d0a, /* the same in both byte orders */
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET_OLD = 2,
    BLOCK_PACKET_SIMPLE = 3,
    BLOCK_STATISTICS = 5,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    OPTION_IF_TSOFFSET = 14,
    OPTION_ISB_IFDROP = 5,
    OPTION_ISB_OSDROP = 7,
};
#define DROPS_MAX   UINT64_C(0xffffffffffff)    /* more is nonsense, and sums must not overflow */
#define TIME_MAX_NS INT64_C(0x3fffffffffffffff) /* the year 2116: later is nonsense, and sums must not overflow */

void format_init(struct format *f)
{
    *f = (struct format){.kind = FORMAT_UNKNOWN};
}

void format_fini(struct format *f)
{
    free(f->interfaces);
    f->interfaces = NULL;
    f->interface_count = 0;
}

static uint16_t take_u16(const struct format *f, struct cursor *c)
{
    return f->swapped ? cursor_be16(c) : cursor_le16(c);
}

static uint32_t take_u32(const struct format *f, struct cursor *c)
{
    return f->swapped ? cursor_be32(c) : cursor_le32(c);
}

static uint64_t take_u64(const struct format *f, struct cursor *c)
{
    return f->swapped ? cursor_be64(c) : cursor_le64(c);
}

static int64_t time_clamp(__int128 ns)
{
    return ns < 0 ? 0 : ns > TIME_MAX_NS ? TIME_MAX_NS : (int64_t)ns;
}

static enum result again(size_t need, size_t *ret_need)
{
    *ret_need = need;
    return RESULT_AGAIN;
}

/* Reads a pcap file header. False: it is none. */
static bool pcap_begin(struct format *f, struct cursor c)
{
    uint32_t magic = cursor_le32(&c);
    struct format made = {.kind = FORMAT_PCAP, .record_header = PCAP_RECORD};
    switch (magic) {
    case 0xa1b2c3d4:
        break;
    case 0xd4c3b2a1:
        made.swapped = true;
        break;
    case 0xa1b23c4d:
        made.nanoseconds = true;
        break;
    case 0x4d3cb2a1:
        made.swapped = made.nanoseconds = true;
        break;
    case 0xa1b2cd34:
        made.record_header = PCAP_RECORD_MODIFIED;
        break;
    case 0x34cdb2a1:
        made.swapped = true;
        made.record_header = PCAP_RECORD_MODIFIED;
        break;
    default:
        return false;
    }
    cursor_skip(&c, PCAP_HEADER - 8);
    made.link_type = (uint16_t)take_u32(&made, &c); /* the upper half tells of frame check sequences */
    *f = made;
    return true;
}

static enum result pcap_next(struct format *f, struct cursor c, size_t *ret_used, size_t *ret_need,
                             struct packet *ret_packet, struct error *err)
{
    struct cursor record = c;
    const uint8_t *header = cursor_take(&record, f->record_header);
    if (header == NULL)
        return again(f->record_header, ret_need);
    uint32_t field[4];
    memcpy(field, header, sizeof(field));
    for (unsigned i = 0; i < 4; i++)
        field[i] = f->swapped ? be32toh(field[i]) : le32toh(field[i]);
    uint32_t captured = field[2], length = field[3];
    if (captured > FORMAT_RECORD_MAX)
        return error_set(err, RESULT_REJECT, "a packet of %u bytes", captured);
    const uint8_t *data = cursor_take(&record, captured);
    if (data == NULL)
        return again(f->record_header + captured, ret_need);
    int64_t fraction = f->nanoseconds ? field[1] : (int64_t)field[1] * 1000;
    *ret_packet = (struct packet){
        .data = data,
        .captured = captured,
        .length = length < captured ? captured : length,
        .time_ns = (int64_t)field[0] * 1000000000 + fraction,
        .link_type = f->link_type,
    };
    *ret_used += f->record_header + captured;
    return RESULT_OK;
}

static int64_t block_time(const struct format_interface *i, uint32_t high, uint32_t low)
{
    __int128 units = (uint64_t)high << 32 | low, ns;
    if (i->binary) {
        ns = (units * 1000000000) >> i->exponent;
    } else {
        ns = units;
        for (unsigned e = i->exponent; e < 9; e++)
            ns *= 10;
        for (unsigned e = 9; e < i->exponent; e++)
            ns /= 10;
    }
    return time_clamp(ns + (__int128)i->offset_s * 1000000000);
}

/* The next option of a block; false: there are no more. */
static bool next_option(const struct format *f, struct cursor *options, unsigned *ret_code, struct cursor *ret_value)
{
    if (options->left < 4)
        return false;
    unsigned code = take_u16(f, options), size = take_u16(f, options);
    struct cursor value = cursor_make(options->at, size <= options->left ? size : options->left);
    cursor_skip(options, ((size_t)size + 3) / 4 * 4);
    *ret_code = code;
    *ret_value = value;
    return code != 0 && !options->failed;
}

/* Names go to terminals and logs: what is not plain becomes a question mark. */
static void take_name(struct cursor value, char name[static FORMAT_NAME_MAX])
{
    size_t length = value.left < FORMAT_NAME_MAX - 1 ? value.left : FORMAT_NAME_MAX - 1;
    for (size_t i = 0; i < length; i++)
        name[i] = value.at[i] > ' ' && value.at[i] < 127 ? (char)value.at[i] : '?';
    name[length] = '\0';
}

static enum result block_interface(struct format *f, struct cursor body, struct error *err)
{
    if (f->interface_count == FORMAT_INTERFACES_MAX)
        return error_set(err, RESULT_REJECT, "more than %u interfaces", FORMAT_INTERFACES_MAX);
    struct format_interface made = {.exponent = 6};
    made.link_type = take_u16(f, &body);
    cursor_skip(&body, 2);
    made.snaplen = take_u32(f, &body);
    if (body.failed)
        return error_set(err, RESULT_REJECT, "an interface block that is too short");
    unsigned code;
    struct cursor value;
    while (next_option(f, &body, &code, &value)) {
        if (code == OPTION_IF_TSRESOL && value.left == 1) {
            uint8_t resolution = cursor_u8(&value);
            made.binary = resolution & 0x80;
            made.exponent = resolution & 0x7f;
            if (made.exponent > (made.binary ? 63 : 19))
                return error_set(err, RESULT_REJECT, "an interface with a time resolution of 0x%02x", resolution);
        } else if (code == OPTION_IF_TSOFFSET && value.left == 8) {
            made.offset_s = (int64_t)take_u64(f, &value);
        } else if (code == OPTION_IF_NAME) {
            take_name(value, made.name);
        }
    }
    struct format_interface *grown = realloc(f->interfaces, (f->interface_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_set(err, RESULT_REJECT, "out of memory");
    f->interfaces = grown;
    f->interfaces[f->interface_count++] = made;
    return RESULT_OK;
}

/* Counters are of the whole capture so far: the last block of an interface counts. One of an interface that the section
 * does not have says nothing of packets, and is passed over. */
static void block_statistics(struct format *f, struct cursor body)
{
    uint32_t interface = take_u32(f, &body);
    cursor_skip(&body, 8); /* when */
    if (body.failed || interface >= f->interface_count)
        return;
    struct format_drops *drops = &f->interfaces[interface].drops;
    unsigned code;
    struct cursor value;
    while (next_option(f, &body, &code, &value)) {
        if (value.left != 8)
            continue;
        uint64_t count = take_u64(f, &value) & DROPS_MAX;
        if (code == OPTION_ISB_IFDROP)
            drops->interface = count;
        else if (code == OPTION_ISB_OSDROP)
            drops->kernel = count;
    }
}

/* The three blocks that hold a packet. */
static enum result block_packet(struct format *f, uint32_t type, struct cursor body, struct packet *ret_packet,
                                struct error *err)
{
    uint32_t interface = 0, high = 0, low = 0, captured = 0, length;
    if (type == BLOCK_PACKET) {
        interface = take_u32(f, &body);
    } else if (type == BLOCK_PACKET_OLD) {
        interface = take_u16(f, &body);
        cursor_skip(&body, 2); /* drops */
    }
    if (type == BLOCK_PACKET_SIMPLE) {
        length = captured = take_u32(f, &body);
    } else {
        high = take_u32(f, &body);
        low = take_u32(f, &body);
        captured = take_u32(f, &body);
        length = take_u32(f, &body);
    }
    if (body.failed || interface >= f->interface_count)
        return error_set(err, RESULT_REJECT,
                         body.failed ? "a packet block that is too short" : "a packet of an unknown interface");
    const struct format_interface *i = &f->interfaces[interface];
    if (type == BLOCK_PACKET_SIMPLE) {
        if (i->snaplen != 0 && captured > i->snaplen)
            captured = i->snaplen;
        if (captured > body.left)
            captured = (uint32_t)body.left;
    }
    const uint8_t *data = cursor_take(&body, captured);
    if (data == NULL)
        return error_set(err, RESULT_REJECT, "a packet longer than its block");
    *ret_packet = (struct packet){
        .data = data,
        .captured = captured,
        .length = length < captured ? captured : length,
        /* A simple block has no time: the packet came no sooner than the one before it. */
        .time_ns = type == BLOCK_PACKET_SIMPLE ? f->last_time_ns : block_time(i, high, low),
        .interface = (uint16_t)interface,
        .link_type = i->link_type,
    };
    f->link_type = i->link_type;
    return RESULT_OK;
}

static void add_drops(uint64_t *sum, uint64_t drops)
{
    *sum += drops;
    if (*sum > DROPS_MAX)
        *sum = DROPS_MAX;
}

/* A section begins: its byte order, and no interfaces yet. */
static enum result block_section(struct format *f, struct cursor block, struct error *err)
{
    cursor_skip(&block, BLOCK_HEADER);
    uint32_t magic = cursor_le32(&block);
    if (magic != BYTE_ORDER_MAGIC && magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
        return error_set(err, RESULT_REJECT, "a section of unknown byte order");
    f->swapped = magic != BYTE_ORDER_MAGIC;
    for (uint32_t i = 0; i < f->interface_count; i++) {
        add_drops(&f->drops_before.kernel, f->interfaces[i].drops.kernel);
        add_drops(&f->drops_before.interface, f->interfaces[i].drops.interface);
    }
    f->interface_count = 0;
    return RESULT_OK;
}

static enum result pcapng_next(struct format *f, struct cursor c, size_t *ret_used, size_t *ret_need,
                               struct packet *ret_packet, struct error *err)
{
    for (;;) {
        struct cursor block = c;
        if (c.left < BLOCK_LEAST)
            return again(BLOCK_LEAST, ret_need);
        uint32_t type = take_u32(f, &block);
        if (type == BLOCK_SECTION) {
            enum result result = block_section(f, c, err);
            if (result != RESULT_OK)
                return result;
        }
        uint32_t size = take_u32(f, &block);
        if (size < BLOCK_LEAST || size % 4 != 0 || size > FORMAT_RECORD_MAX)
            return error_set(err, RESULT_REJECT, "a block of %u bytes", size);
        const uint8_t *body = cursor_take(&block, size - BLOCK_LEAST);
        uint32_t size_again = take_u32(f, &block);
        if (block.failed)
            return again(size, ret_need);
        if (size_again != size)
            return error_set(err, RESULT_REJECT, "a block whose two lengths differ (%u and %u)", size, size_again);
        cursor_skip(&c, size);
        struct cursor inner = cursor_make(body, size - BLOCK_LEAST);
        enum result result = RESULT_AGAIN;
        if (type == BLOCK_PACKET || type == BLOCK_PACKET_OLD || type == BLOCK_PACKET_SIMPLE)
            result = block_packet(f, type, inner, ret_packet, err);
        else if (type == BLOCK_INTERFACE)
            result = block_interface(f, inner, err) == RESULT_OK ? RESULT_AGAIN : RESULT_REJECT;
        else if (type == BLOCK_STATISTICS)
            block_statistics(f, inner);
        if (result == RESULT_REJECT)
            return result;
        *ret_used += size;
        if (result == RESULT_OK)
            return result;
    }
}

enum result format_next(struct format *f, const uint8_t *bytes, size_t length, size_t *ret_used, size_t *ret_need,
                        struct packet *ret_packet, struct error *err)
{
    struct cursor c = cursor_make(bytes, length);
    size_t used = 0;
    enum result result;
    if (f->kind == FORMAT_UNKNOWN) {
        if (length < PCAP_HEADER)
            return *ret_used = 0, again(PCAP_HEADER, ret_need);
        struct cursor magic = c;
        if (cursor_le32(&magic) == BLOCK_SECTION) {
            f->kind = FORMAT_PCAPNG;
        } else if (pcap_begin(f, c)) {
            used = PCAP_HEADER;
            cursor_skip(&c, PCAP_HEADER);
        } else {
            return error_set(err, RESULT_REJECT, "neither pcap nor pcapng");
        }
    }
    result = f->kind == FORMAT_PCAP ? pcap_next(f, c, &used, ret_need, ret_packet, err)
                                    : pcapng_next(f, c, &used, ret_need, ret_packet, err);
    if (result != RESULT_REJECT)
        *ret_used = used;
    if (result == RESULT_OK) {
        if (f->packets++ == 0)
            f->first_time_ns = ret_packet->time_ns;
        f->last_time_ns = ret_packet->time_ns;
    }
    return result;
}
