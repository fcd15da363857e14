/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of addresses in order, in blocks that each have a checksum. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "aggregator/segments/internal.h"

#define BLOCK_BYTES   4096u
#define BLOCK_ENTRIES ((BLOCK_BYTES - 2 * sizeof(uint64_t)) / sizeof(struct index_entry))

struct block {
    uint64_t check; /* of all behind, and of which block it is */
    uint64_t count;
    struct index_entry entries[BLOCK_ENTRIES];
};
_Static_assert(sizeof(struct block) == BLOCK_BYTES, "no padding");

uint64_t index_hash(uint64_t high, uint64_t low)
{
    const uint64_t address[2] = {high, low};
    return XXH3_64bits(address, sizeof(address));
}

static uint64_t check_of(const struct block *block, uint64_t id, uint64_t number)
{
    return XXH3_64bits_withSeed(&block->count, sizeof(*block) - sizeof(block->check),
                                id * 0x9e3779b97f4a7c15u + number);
}

static int by_hash(const void *a, const void *b)
{
    const struct index_entry *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

enum result index_write(const struct segments *segments, uint64_t id, struct index_entry *entries, size_t count,
                        uint64_t *ret_bytes, struct error *err)
{
    size_t distinct = 0;
    if (count > 0)
        qsort(entries, count, sizeof(*entries), by_hash);
    for (size_t i = 0; i < count; i++) {
        if (distinct > 0 && entries[distinct - 1].hash == entries[i].hash)
            entries[distinct - 1].groups |= entries[i].groups;
        else
            entries[distinct++] = entries[i];
    }
    size_t blocks = (distinct + BLOCK_ENTRIES - 1) / BLOCK_ENTRIES;
    struct block *all = calloc(blocks + 1, sizeof(*all));
    if (all == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    for (size_t b = 0; b < blocks; b++) {
        size_t left = distinct - b * BLOCK_ENTRIES;
        all[b].count = left < BLOCK_ENTRIES ? left : BLOCK_ENTRIES;
        memcpy(all[b].entries, entries + b * BLOCK_ENTRIES, all[b].count * sizeof(*entries));
        all[b].check = check_of(&all[b], id, b);
    }
    *ret_bytes = blocks * BLOCK_BYTES;
    enum result r = part_write(segments, id, "index", all, blocks * BLOCK_BYTES, err);
    free(all);
    return r;
}

/* ---- looking */

struct reading {
    char path[SEGMENT_PATH_MAX];
    int file;
    uint64_t id;
    struct block block;
};

static enum result open_index(const struct segments *segments, const struct segment *segment, struct reading *reading,
                              struct error *err)
{
    uint64_t size;
    reading->id = segment->id;
    segments_path(segments, segment->id, "index", reading->path);
    enum result r = part_open(reading->path, &reading->file, &size, err);
    if (r == RESULT_OK && size != segment->index_bytes) {
        close(reading->file);
        r = error_set(err, RESULT_REJECT, "%s is damaged: it has another size than it had", reading->path);
    }
    return r;
}

static enum result read_block(struct reading *reading, uint64_t number, struct error *err)
{
    struct block *block = &reading->block;
    enum result r = part_read(reading->file, reading->path, block, sizeof(*block), number * BLOCK_BYTES, err);
    if (r == RESULT_OK &&
        (check_of(block, reading->id, number) != block->check || block->count == 0 || block->count > BLOCK_ENTRIES))
        r = error_set(err, RESULT_REJECT, "%s is damaged: the checksum of block %llu is another", reading->path,
                      (unsigned long long)number);
    return r;
}

/* Reads the block that would have the hash; false in *ret_found: none. */
static enum result find_block(struct reading *reading, uint64_t blocks, uint64_t hash, bool *ret_found,
                              struct error *err)
{
    uint64_t low = 0, high = blocks; /* it is in a block of low .. high - 1, or nowhere */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        enum result r = read_block(reading, middle, err);
        if (r != RESULT_OK)
            return r;
        const struct block *block = &reading->block;
        if (hash < block->entries[0].hash) {
            high = middle;
        } else if (hash > block->entries[block->count - 1].hash) {
            low = middle + 1;
        } else {
            *ret_found = true;
            return RESULT_OK;
        }
    }
    *ret_found = false;
    return RESULT_OK;
}

enum result index_look(const struct segments *segments, const struct segment *segment, uint64_t hash,
                       uint64_t *ret_groups, struct error *err)
{
    struct reading reading;
    bool found = false;
    enum result r = open_index(segments, segment, &reading, err);
    if (r != RESULT_OK)
        return r;
    r = find_block(&reading, segment->index_bytes / BLOCK_BYTES, hash, &found, err);
    close(reading.file);
    if (r != RESULT_OK)
        return r;
    const struct index_entry *entry = found ? bsearch(&(struct index_entry){.hash = hash}, reading.block.entries,
                                                      reading.block.count, sizeof(struct index_entry), by_hash)
                                            : NULL;
    if (entry == NULL)
        return RESULT_END;
    *ret_groups = entry->groups;
    return RESULT_OK;
}

enum result index_check(const struct segments *segments, const struct segment *segment, struct error *err)
{
    struct reading reading;
    enum result r = open_index(segments, segment, &reading, err);
    if (r != RESULT_OK)
        return r;
    for (uint64_t b = 0; b < segment->index_bytes / BLOCK_BYTES && r == RESULT_OK; b++)
        r = read_block(&reading, b, err);
    close(reading.file);
    return r;
}
