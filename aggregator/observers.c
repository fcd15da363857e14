/* SPDX-License-Identifier: Apache-2.0 */
/* Observers by number, and an open table of their numbers. */
#include "aggregator/observers.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void observers_fini(struct observers *o)
{
    free(o->list);
    free(o->slots);
    *o = (struct observers){0};
}

static uint64_t hash_of(const struct observer *observer)
{
    return XXH3_64bits_withSeed(observer->sensor, strlen(observer->sensor), observer->epoch) ^ observer->unknown[0] ^
           observer->unknown[1] << 32;
}

static bool same(const struct observer *a, const struct observer *b)
{
    return observer_equal(a, b) && a->unknown[0] == b->unknown[0] && a->unknown[1] == b->unknown[1];
}

/* The slot that has the observer, or the free one where it would be. There is always a free one. */
static uint32_t *slot_of(const struct observers *o, const struct observer *observer)
{
    uint32_t at = (uint32_t)hash_of(observer) & (o->slot_count - 1);
    while (o->slots[at] != 0 && !same(&o->list[o->slots[at] - 1], observer))
        at = (at + 1) & (o->slot_count - 1);
    return &o->slots[at];
}

uint32_t observers_find(const struct observers *o, const struct observer *observer)
{
    return o->slot_count == 0 ? UINT32_MAX : *slot_of(o, observer) - 1; /* a free slot is 0 */
}

static void fill_slots(struct observers *o)
{
    memset(o->slots, 0, o->slot_count * sizeof(*o->slots));
    for (uint32_t i = 0; i < o->count; i++)
        *slot_of(o, &o->list[i]) = i + 1;
}

static bool grow(struct observers *o)
{
    uint32_t capacity = o->capacity == 0 ? 16 : o->capacity * 2;
    struct observer *list = realloc(o->list, capacity * sizeof(*list));
    if (list == NULL)
        return false;
    o->list = list;
    uint32_t *slots = realloc(o->slots, capacity * 2 * sizeof(*slots));
    if (slots == NULL)
        return false;
    o->slots = slots;
    o->capacity = capacity;
    o->slot_count = capacity * 2; /* at most half full */
    fill_slots(o);
    return true;
}

enum result observers_add(struct observers *o, const struct observer *observer)
{
    if (observers_find(o, observer) != UINT32_MAX)
        return RESULT_OK;
    if (o->count == o->capacity && !grow(o))
        return RESULT_FULL;
    o->list[o->count] = *observer;
    *slot_of(o, observer) = o->count + 1;
    o->count++;
    return RESULT_OK;
}
