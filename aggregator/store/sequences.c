/* SPDX-License-Identifier: Apache-2.0 */
/* Committed sequence numbers as ascending ranges. */
#include "aggregator/store/sequences.h"

#include <stdlib.h>
#include <string.h>

void sequences_fini(struct sequences *sequences)
{
    free(sequences->ranges);
    *sequences = (struct sequences){0};
}

/* Index of the first range that ends at or behind `sequence`; count when there is none. */
static size_t range_at(const struct sequences *s, uint64_t sequence)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->ranges[middle].last < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool sequences_has(const struct sequences *s, uint64_t sequence)
{
    size_t at = range_at(s, sequence);
    return at < s->count && s->ranges[at].first <= sequence;
}

enum result sequences_reserve(struct sequences *s, size_t more)
{
    size_t wanted = s->count + more;
    if (wanted <= s->capacity)
        return RESULT_OK;
    if (wanted > SEQUENCES_RANGES_MAX)
        return RESULT_FULL;
    size_t capacity = s->capacity * 2 > wanted ? s->capacity * 2 : wanted;
    struct sequence_range *grown = realloc(s->ranges, capacity * sizeof(*grown));
    if (grown == NULL)
        return RESULT_FULL;
    s->ranges = grown;
    s->capacity = capacity;
    return RESULT_OK;
}

enum result sequences_add(struct sequences *s, uint64_t sequence)
{
    size_t at = range_at(s, sequence);
    if (at < s->count && s->ranges[at].first <= sequence)
        return RESULT_OK;
    bool joins_left = at > 0 && s->ranges[at - 1].last + 1 == sequence;
    bool joins_right = at < s->count && s->ranges[at].first - 1 == sequence;
    if (joins_left && joins_right) {
        s->ranges[at - 1].last = s->ranges[at].last;
        memmove(s->ranges + at, s->ranges + at + 1, (s->count - at - 1) * sizeof(*s->ranges));
        s->count--;
        return RESULT_OK;
    }
    if (joins_left) {
        s->ranges[at - 1].last = sequence;
        return RESULT_OK;
    }
    if (joins_right) {
        s->ranges[at].first = sequence;
        return RESULT_OK;
    }
    if (sequences_reserve(s, 1) != RESULT_OK)
        return RESULT_FULL;
    memmove(s->ranges + at + 1, s->ranges + at, (s->count - at) * sizeof(*s->ranges));
    s->ranges[at] = (struct sequence_range){sequence, sequence};
    s->count++;
    return RESULT_OK;
}
