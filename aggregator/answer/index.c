/* SPDX-License-Identifier: Apache-2.0 */
/* The table of names. */
#include "aggregator/answer/index.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define CAPACITY_MIN 64u

void index_fini(struct index *index)
{
    free(index->entries);
    budget_give(index->budget, index->capacity * sizeof(*index->entries));
    *index = (struct index){.budget = index->budget};
}

static struct index_key hash(const void *bytes, size_t length)
{
    XXH128_hash_t h = XXH3_128bits(bytes, length);
    return (struct index_key){h.low64, h.high64};
}

/* Epoch, flow, sensor and what comes behind it, each text with its NUL: no two names have the same bytes. */
static size_t name_bytes(const struct flow_name *name, char *to)
{
    size_t length = strlen(name->observer.sensor) + 1;
    memcpy(to, &name->observer.epoch, sizeof(uint64_t));
    memcpy(to + sizeof(uint64_t), &name->flow, sizeof(uint64_t));
    memcpy(to + 2 * sizeof(uint64_t), name->observer.sensor, length);
    return 2 * sizeof(uint64_t) + length;
}

struct index_key index_key_of_flow(const struct flow_name *name)
{
    char bytes[2 * sizeof(uint64_t) + OBSERVER_NAME_MAX];
    return hash(bytes, name_bytes(name, bytes));
}

struct index_key index_key_of_view(const char *boundary, const struct flow_name *view)
{
    char bytes[2 * sizeof(uint64_t) + OBSERVER_NAME_MAX + SENSOR_NAME_MAX];
    size_t length = name_bytes(view, bytes);
    size_t more = strnlen(boundary, SENSOR_NAME_MAX);
    memcpy(bytes + length, boundary, more);
    return hash(bytes, length + more);
}

/* Where the key stands, or the free place where it would. */
static struct index_entry *place(const struct index *index, struct index_key key)
{
    size_t mask = index->capacity - 1, at = key.low & mask;
    while (index->entries[at].value_and_one != 0 &&
           (index->entries[at].key.low != key.low || index->entries[at].key.high != key.high))
        at = (at + 1) & mask;
    return &index->entries[at];
}

bool index_get(const struct index *index, struct index_key key, uint32_t *ret_value)
{
    const struct index_entry *entry = index->capacity == 0 ? NULL : place(index, key);
    if (entry == NULL || entry->value_and_one == 0)
        return false;
    *ret_value = entry->value_and_one - 1;
    return true;
}

/* At most half full. */
static bool grow(struct index *index)
{
    if (index->count < index->capacity / 2)
        return true;
    struct index grown = {.capacity = index->capacity == 0 ? CAPACITY_MIN : index->capacity * 2,
                          .count = index->count,
                          .budget = index->budget};
    if (!budget_take(index->budget, grown.capacity * sizeof(*grown.entries)))
        return false;
    grown.entries = calloc(grown.capacity, sizeof(*grown.entries));
    if (grown.entries == NULL) {
        budget_give(index->budget, grown.capacity * sizeof(*grown.entries));
        return false;
    }
    for (size_t i = 0; i < index->capacity; i++) {
        if (index->entries[i].value_and_one != 0)
            *place(&grown, index->entries[i].key) = index->entries[i];
    }
    free(index->entries);
    budget_give(index->budget, index->capacity * sizeof(*index->entries));
    *index = grown;
    return true;
}

enum result index_put(struct index *index, struct index_key key, uint32_t value)
{
    if (!grow(index))
        return RESULT_FULL;
    struct index_entry *entry = place(index, key);
    index->count += entry->value_and_one == 0;
    *entry = (struct index_entry){key, value + 1};
    return RESULT_OK;
}
