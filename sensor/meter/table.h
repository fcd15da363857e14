/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the meter: from a key to an entry, in one cache line most of the time.
 *
 * Buckets of ten slots, each a 16-bit tag and an entry's index; a full bucket overflows into the next, and counts how
 * many did so that a search knows where to stop. Of fixed size: nothing is ever moved or rehashed. */
#ifndef PAVO_SENSOR_METER_TABLE_H
#define PAVO_SENSOR_METER_TABLE_H

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "common/result.h"
#include "sensor/meter/entry.h"

enum { BUCKET_SLOTS = 10, BUCKET_LOAD = 6, BUCKET_PROBES_MAX = 64 };

struct bucket {
    uint16_t tag[BUCKET_SLOTS];
    uint16_t overflow; /* entries that found no room here and went on */
    uint16_t unused;
    uint32_t index[BUCKET_SLOTS]; /* of the entry, plus one; 0: free */
} __attribute__((aligned(64)));

struct table {
    struct bucket *buckets;
    uint64_t count;
    uint64_t secret[5];
    const struct entry *entries; /* borrowed: where the keys are */
};

/* Multiplying to 128 bits and folding mixes every bit of both into every bit of the result (as in wyhash). */
static inline uint64_t table_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t table_hash(const struct table *t, const struct flow_key *k)
{
    uint64_t low = table_fold(k->low_hi ^ t->secret[0], k->low_lo ^ t->secret[1]);
    uint64_t high = table_fold(k->high_hi ^ t->secret[2], k->high_lo ^ t->secret[3]);
    return table_fold(low ^ k->transport, (high << 1 | high >> 63) ^ t->secret[4]);
}

static inline struct bucket *table_bucket(const struct table *t, uint64_t hash)
{
    return &t->buckets[(hash >> 32) * t->count >> 32];
}

static inline uint16_t table_tag(uint64_t hash)
{
    return (uint16_t)hash;
}

static inline bool key_equal(const struct flow_key *a, const struct flow_key *b)
{
    return ((a->low_lo ^ b->low_lo) | (a->high_lo ^ b->high_lo) | (a->transport ^ b->transport) |
            (a->low_hi ^ b->low_hi) | (a->high_hi ^ b->high_hi)) == 0;
}

/* Bit 16 * n + 15 is set where lane n of `word` equals `tag`; a lane above an equal one may be set wrongly. */
static inline uint64_t table_lanes(const uint16_t *tags, uint16_t tag)
{
    uint64_t word;
    memcpy(&word, tags, sizeof(word));
    word = le64toh(word) ^ tag * 0x0001000100010001u;
    return (word - 0x0001000100010001u) & ~word & 0x8000800080008000u;
}

/* The entry in this bucket that is likely the one: its tag agrees. ENTRY_NONE: surely not in this bucket. */
static inline uint32_t table_likely(const struct bucket *b, uint16_t tag)
{
    uint64_t lanes = table_lanes(b->tag, tag);
    if (lanes != 0)
        return b->index[__builtin_ctzll(lanes) / 16] - 1;
    lanes = table_lanes(b->tag + 4, tag);
    if (lanes != 0)
        return b->index[4 + __builtin_ctzll(lanes) / 16] - 1;
    for (unsigned slot = 8; slot < BUCKET_SLOTS; slot++) {
        if (b->tag[slot] == tag)
            return b->index[slot] - 1;
    }
    return ENTRY_NONE;
}

MUST_CHECK enum result table_init(struct table *t, uint32_t flows_max, uint64_t seed, const struct entry *entries);
void table_fini(struct table *t);

/* The entry with this key, or ENTRY_NONE. */
uint32_t table_find(const struct table *t, const struct flow_key *key, uint64_t hash);

/* RESULT_FULL: no room within BUCKET_PROBES_MAX buckets. The key must not be there yet. */
MUST_CHECK enum result table_insert(struct table *t, uint64_t hash, uint32_t index);

/* `index` must be there under this hash. */
void table_remove(struct table *t, uint64_t hash, uint32_t index);

/* Zeroed memory that costs nothing until it is touched; in huge pages where the kernel has them to spare. NULL: none.
 */
void *table_memory(size_t bytes);
void table_memory_free(void *memory, size_t bytes);

#endif
