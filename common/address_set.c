/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of addresses as sorted ranges. */
#include "common/address_set.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"

#define BUCKETS      65536u /* of IPv4 ranges, by the upper half of their first address */
#define LINE_SIZE    512
#define HEADER_BYTES 16

struct range {
    struct address first, last;
};

struct range4 {
    uint32_t first, last;
};

struct address_set {
    atomic_uint references;
    uint32_t count4, count6;
    struct range4 *ranges4; /* ascending, apart */
    struct range *ranges6;  /* the same, of all other addresses */
    uint32_t *buckets;      /* bucket b: from buckets[b] to buckets[b + 1] */
};

static int compare(struct address a, struct address b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    return a.lo < b.lo ? -1 : a.lo > b.lo;
}

static int compare_ranges(const void *a, const void *b)
{
    return compare(((const struct range *)a)->first, ((const struct range *)b)->first);
}

static struct address next_of(struct address a)
{
    a.lo++;
    a.hi += a.lo == 0;
    return a;
}

static struct address previous_of(struct address a)
{
    a.hi -= a.lo == 0;
    a.lo--;
    return a;
}

/* ---- birth and death */

static struct address_set *set_new(size_t count4, size_t count6)
{
    struct address_set *set = calloc(1, sizeof(*set));
    if (set == NULL)
        return NULL;
    atomic_init(&set->references, 1);
    set->ranges4 = calloc(count4 + 1, sizeof(*set->ranges4));
    set->ranges6 = calloc(count6 + 1, sizeof(*set->ranges6));
    set->buckets = calloc(BUCKETS + 1, sizeof(*set->buckets));
    if (set->ranges4 == NULL || set->ranges6 == NULL || set->buckets == NULL)
        address_set_unref(&set);
    return set;
}

struct address_set *address_set_ref(struct address_set *set)
{
    atomic_fetch_add(&set->references, 1);
    return set;
}

void address_set_unref(struct address_set **set)
{
    struct address_set *s = *set;
    *set = NULL;
    if (s == NULL || atomic_fetch_sub(&s->references, 1) != 1)
        return;
    free(s->ranges4);
    free(s->ranges6);
    free(s->buckets);
    free(s);
}

static void fill_buckets(struct address_set *set)
{
    uint32_t at = 0;
    for (uint32_t bucket = 0; bucket <= BUCKETS; bucket++) {
        while (at < set->count4 && set->ranges4[at].first >> 16 < bucket)
            at++;
        set->buckets[bucket] = at;
    }
}

/* ---- asking */

static bool has4(const struct address_set *set, uint32_t address)
{
    /* The last range that begins at or before it; it may begin in an earlier bucket. */
    uint32_t low = set->buckets[address >> 16], high = set->buckets[(address >> 16) + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->ranges4[middle].first <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && address <= set->ranges4[low - 1].last;
}

bool address_set_has(const struct address_set *set, struct address address)
{
    if (address_is_ipv4(address))
        return has4(set, (uint32_t)address.lo);
    uint32_t low = 0, high = set->count6;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(set->ranges6[middle].first, address) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && compare(address, set->ranges6[low - 1].last) <= 0;
}

size_t address_set_ranges(const struct address_set *set)
{
    return (size_t)set->count4 + set->count6;
}

static size_t size_of(size_t count4, size_t count6)
{
    return sizeof(struct address_set) + (BUCKETS + 1) * sizeof(uint32_t) + (count4 + 1) * sizeof(struct range4) +
           (count6 + 1) * sizeof(struct range);
}

size_t address_set_size(const struct address_set *set)
{
    return size_of(set->count4, set->count6);
}

/* ---- from a file */

/* The ranges as they stand in the file. */
struct gathering {
    struct range *ranges; /* owned */
    size_t count, capacity;
};

static enum result gather(struct gathering *g, struct range range, struct error *err)
{
    if (g->count == ADDRESS_SET_RANGES_MAX)
        return error_set(err, RESULT_REJECT, "more than %u addresses and networks", ADDRESS_SET_RANGES_MAX);
    if (g->count == g->capacity) {
        size_t capacity = g->capacity == 0 ? 1024 : 2 * g->capacity;
        struct range *grown = realloc(g->ranges, capacity * sizeof(*grown));
        if (grown == NULL)
            return error_set(err, RESULT_FATAL, "out of memory");
        g->ranges = grown;
        g->capacity = capacity;
    }
    g->ranges[g->count++] = range;
    return RESULT_OK;
}

static bool range_parse(char *text, struct range *ret_range)
{
    struct address_prefix prefix;
    char *dash = strchr(text, '-');
    if (dash != NULL) {
        *dash = '\0';
        return address_parse(text, &ret_range->first) == RESULT_OK &&
               address_parse(dash + 1, &ret_range->last) == RESULT_OK &&
               address_is_ipv4(ret_range->first) == address_is_ipv4(ret_range->last) &&
               compare(ret_range->first, ret_range->last) <= 0;
    }
    if (address_prefix_parse(text, &prefix) != RESULT_OK)
        return false;
    struct address mask = address_prefix_mask(prefix.length);
    ret_range->first = prefix.address;
    ret_range->last = (struct address){prefix.address.hi | ~mask.hi, prefix.address.lo | ~mask.lo};
    return true;
}

/* Ascending, and those that touch are one. */
static void join_ranges(struct gathering *g)
{
    size_t kept = 0;
    if (g->count > 0)
        qsort(g->ranges, g->count, sizeof(*g->ranges), compare_ranges);
    for (size_t i = 0; i < g->count; i++) {
        struct range *last = kept == 0 ? NULL : &g->ranges[kept - 1];
        struct address behind = last == NULL ? (struct address){0, 0} : next_of(last->last);
        bool end = last != NULL && behind.hi == 0 && behind.lo == 0; /* it reaches to the last address there is */
        if (last == NULL || (!end && compare(g->ranges[i].first, behind) > 0))
            g->ranges[kept++] = g->ranges[i];
        else if (compare(g->ranges[i].last, last->last) > 0)
            last->last = g->ranges[i].last;
    }
    g->count = kept;
}

/* A range cut where IPv4's addresses begin and end. */
static void put_range(struct address_set *set, struct range range)
{
    const struct address first = address_from_ipv4(0), last = address_from_ipv4(UINT32_MAX);
    if (compare(range.first, first) < 0)
        set->ranges6[set->count6++] =
            (struct range){range.first, compare(range.last, first) < 0 ? range.last : previous_of(first)};
    if (compare(range.first, last) <= 0 && compare(range.last, first) >= 0)
        set->ranges4[set->count4++] =
            (struct range4){compare(range.first, first) < 0 ? 0 : (uint32_t)range.first.lo,
                            compare(range.last, last) > 0 ? UINT32_MAX : (uint32_t)range.last.lo};
    if (compare(range.last, last) > 0)
        set->ranges6[set->count6++] =
            (struct range){compare(range.first, last) > 0 ? range.first : next_of(last), range.last};
}

static enum result finish(struct gathering *g, struct address_set **ret_set, struct error *err)
{
    join_ranges(g);
    /* One range may reach over all of IPv4, and so be two beside it. */
    struct address_set *set = set_new(g->count, g->count + 1);
    if (set == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    for (size_t i = 0; i < g->count; i++)
        put_range(set, g->ranges[i]);
    fill_buckets(set);
    *ret_set = set;
    return RESULT_OK;
}

static enum result gather_lines(FILE *file, struct gathering *g, struct error *err)
{
    char line[LINE_SIZE];
    unsigned long number = 0;
    bool whole = true; /* the line before ended within the buffer */
    while (fgets(line, sizeof(line), file) != NULL) {
        bool begins = whole;
        whole = strchr(line, '\n') != NULL;
        if (!begins)
            continue;
        number++;
        char *text = line + strspn(line, " \t\r\n");
        struct range range;
        text[strcspn(text, " \t\r\n,;#")] = '\0';
        if (text[0] == '\0')
            continue;
        struct error why;
        enum result r = range_parse(text, &range)
                            ? gather(g, range, &why)
                            : error_set(&why, RESULT_REJECT, "'%.64s' is no address, network or range", text);
        if (r != RESULT_OK)
            return error_set(err, r, "line %lu: %s", number, why.text);
    }
    return ferror(file) ? error_set(err, RESULT_FATAL, "it cannot be read") : RESULT_OK;
}

enum result address_set_read(FILE *file, struct address_set **ret_set, struct error *err)
{
    struct gathering g = {.ranges = NULL};
    enum result r = gather_lines(file, &g, err);
    if (r == RESULT_OK)
        r = finish(&g, ret_set, err);
    free(g.ranges);
    return r;
}

/* ---- as it travels: the numbers of ranges and how long the rest is unpacked (4 bytes, 4, 8), then packed: of each
 * IPv4 range how far it lies behind the one before and how long it is, of each other its ends */

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        *at++ = (uint8_t)(value | 128);
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

static uint8_t *put_ranges(const struct address_set *set, uint8_t *at)
{
    uint64_t next = 0;
    for (uint32_t i = 0; i < set->count4; i++) {
        at = put_varint(at, set->ranges4[i].first - next);
        at = put_varint(at, set->ranges4[i].last - set->ranges4[i].first);
        next = (uint64_t)set->ranges4[i].last + 1;
    }
    for (uint32_t i = 0; i < set->count6; i++) {
        address_to_bytes(set->ranges6[i].first, at);
        address_to_bytes(set->ranges6[i].last, at + 16);
        at += 32;
    }
    return at;
}

enum result address_set_pack(const struct address_set *set, struct bytes *ret_packed, struct error *err)
{
    struct bytes packed = {NULL, 0};
    uint8_t *plain = malloc((size_t)set->count4 * 10 + (size_t)set->count6 * 32 + 1);
    if (plain == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    uint64_t length = (uint64_t)(put_ranges(set, plain) - plain);
    enum result r = pack(plain, length, &packed, err);
    free(plain);
    uint8_t *whole = r == RESULT_OK ? malloc(HEADER_BYTES + packed.length) : NULL;
    if (whole != NULL) {
        uint8_t *at = put_bytes(whole, &(uint32_t){htole32(set->count4)}, 4);
        at = put_bytes(at, &(uint32_t){htole32(set->count6)}, 4);
        at = put_bytes(at, &(uint64_t){htole64(length)}, 8);
        put_bytes(at, packed.data, packed.length);
        *ret_packed = (struct bytes){whole, HEADER_BYTES + packed.length};
    } else if (r == RESULT_OK) {
        r = error_set(err, RESULT_FATAL, "out of memory");
    }
    bytes_free(&packed);
    return r;
}

/* Ascending and apart, as a search needs them. */
static bool take_ranges(struct cursor *c, struct address_set *set, uint32_t count4, uint32_t count6)
{
    uint64_t next = 0;
    for (; set->count4 < count4; set->count4++) {
        uint64_t gap = cursor_varint(c), more = cursor_varint(c);
        if (c->failed || gap > UINT32_MAX || more > UINT32_MAX || next + gap + more > UINT32_MAX)
            return false;
        uint64_t first = next + gap, last = first + more;
        set->ranges4[set->count4] = (struct range4){(uint32_t)first, (uint32_t)last};
        next = last + 1;
    }
    for (; set->count6 < count6; set->count6++) {
        const uint8_t *bytes = cursor_take(c, 32);
        if (bytes == NULL)
            return false;
        struct range range = {address_from_bytes(bytes), address_from_bytes(bytes + 16)};
        if (compare(range.first, range.last) > 0 ||
            (set->count6 > 0 && compare(range.first, set->ranges6[set->count6 - 1].last) <= 0))
            return false;
        set->ranges6[set->count6] = range;
    }
    return c->left == 0;
}

enum result address_set_unpack(const void *packed, size_t length, size_t size_max, struct address_set **ret_set,
                               struct error *err)
{
    struct cursor c = cursor_make(packed, length);
    uint32_t count4 = cursor_le32(&c), count6 = cursor_le32(&c);
    uint64_t plain_length = cursor_le64(&c);
    struct bytes plain = {NULL, 0};
    if (c.failed || (size_t)count4 + count6 > 2 * ADDRESS_SET_RANGES_MAX ||
        plain_length > 10ull * count4 + 32ull * count6)
        return error_set(err, RESULT_REJECT, "the bytes are no set of addresses");
    if (size_of(count4, count6) + plain_length > size_max)
        return error_set(err, RESULT_REJECT, "a set of %zu addresses and networks takes more than %zu MB",
                         (size_t)count4 + count6, size_max >> 20);
    enum result r = unpack(c.at, c.left, plain_length, &plain, err);
    if (r != RESULT_OK)
        return r;
    struct address_set *set = set_new(count4, count6);
    struct cursor ranges = cursor_make(plain.data, plain.length);
    if (set == NULL)
        r = error_set(err, RESULT_FATAL, "out of memory");
    else if (!take_ranges(&ranges, set, count4, count6))
        r = error_set(err, RESULT_REJECT, "the bytes are no set of addresses");
    bytes_free(&plain);
    if (r != RESULT_OK) {
        address_set_unref(&set);
        return r;
    }
    fill_buckets(set);
    *ret_set = set;
    return RESULT_OK;
}
