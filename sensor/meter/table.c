/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table of flows. */
#include "sensor/meter/table.h"

#include <sys/mman.h>

void *table_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    /* Look-ups go anywhere: with small pages each would miss the TLB as well. Advice; refusal does no harm. */
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

void table_memory_free(void *memory, size_t bytes)
{
    if (memory != NULL)
        munmap(memory, bytes);
}

enum result table_init(struct table *t, uint32_t flows_max, uint64_t seed, const struct entry *entries)
{
    *t = (struct table){.count = flows_max / BUCKET_LOAD + 1, .entries = entries};
    /* splitmix64: five unrelated numbers from one */
    for (unsigned i = 0; i < 5; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        t->secret[i] = z ^ z >> 31;
    }
    t->buckets = table_memory(t->count * sizeof(*t->buckets));
    return t->buckets == NULL ? RESULT_FATAL : RESULT_OK;
}

void table_fini(struct table *t)
{
    table_memory_free(t->buckets, t->count * sizeof(*t->buckets));
    t->buckets = NULL;
}

static struct bucket *next_bucket(const struct table *t, struct bucket *b)
{
    return b + 1 == t->buckets + t->count ? t->buckets : b + 1;
}

static bool is_it(const struct table *t, const struct bucket *b, unsigned slot, const struct flow_key *key)
{
    return b->index[slot] != 0 && key_equal(&t->entries[b->index[slot] - 1].head.key, key);
}

/* Among equal tags, the one with the equal key. */
static uint32_t find_here(const struct table *t, const struct bucket *b, const struct flow_key *key, uint16_t tag)
{
    for (unsigned base = 0; base < 8; base += 4) {
        for (uint64_t lanes = table_lanes(b->tag + base, tag); lanes != 0; lanes &= lanes - 1) {
            unsigned slot = base + (unsigned)__builtin_ctzll(lanes) / 16;
            if (is_it(t, b, slot, key))
                return b->index[slot] - 1;
        }
    }
    for (unsigned slot = 8; slot < BUCKET_SLOTS; slot++) {
        if (b->tag[slot] == tag && is_it(t, b, slot, key))
            return b->index[slot] - 1;
    }
    return ENTRY_NONE;
}

uint32_t table_find(const struct table *t, const struct flow_key *key, uint64_t hash)
{
    struct bucket *b = table_bucket(t, hash);
    for (unsigned probe = 0; probe < BUCKET_PROBES_MAX; probe++, b = next_bucket(t, b)) {
        uint32_t found = find_here(t, b, key, table_tag(hash));
        if (found != ENTRY_NONE || b->overflow == 0)
            return found;
    }
    return ENTRY_NONE;
}

enum result table_insert(struct table *t, uint64_t hash, uint32_t index)
{
    struct bucket *home = table_bucket(t, hash), *b = home;
    for (unsigned probe = 0; probe < BUCKET_PROBES_MAX; probe++, b = next_bucket(t, b)) {
        for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++) {
            if (b->index[slot] != 0)
                continue;
            b->index[slot] = index + 1;
            b->tag[slot] = table_tag(hash);
            for (struct bucket *passed = home; passed != b; passed = next_bucket(t, passed))
                passed->overflow++; /* at most BUCKET_PROBES_MAX * BUCKET_SLOTS */
            return RESULT_OK;
        }
    }
    return RESULT_FULL;
}

void table_remove(struct table *t, uint64_t hash, uint32_t index)
{
    struct bucket *home = table_bucket(t, hash), *b = home;
    for (unsigned probe = 0; probe < BUCKET_PROBES_MAX; probe++, b = next_bucket(t, b)) {
        for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++) {
            if (b->index[slot] != index + 1)
                continue;
            b->index[slot] = 0;
            b->tag[slot] = 0;
            for (struct bucket *passed = home; passed != b; passed = next_bucket(t, passed))
                passed->overflow--;
            return;
        }
    }
}
