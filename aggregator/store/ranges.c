/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges in an ascending array. */
#include "aggregator/store/ranges.h"

#include <stdlib.h>
#include <string.h>

void ranges_fini(struct ranges *r)
{
    free(r->list);
    *r = (struct ranges){0};
}

/* Index of the first range that ends at or behind `number`; count when there is none. */
static size_t range_at(const struct ranges *r, int64_t number)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->list[middle].last < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ranges_has(const struct ranges *r, int64_t number)
{
    return ranges_meet(r, number, number);
}

bool ranges_meet(const struct ranges *r, int64_t first, int64_t last)
{
    size_t at = range_at(r, first);
    return at < r->count && r->list[at].first <= last;
}

enum result ranges_reserve(struct ranges *r, size_t more)
{
    size_t wanted = r->count + more;
    if (wanted <= r->capacity)
        return RESULT_OK;
    size_t capacity = r->capacity * 2 > wanted ? r->capacity * 2 : wanted;
    struct range *grown = realloc(r->list, capacity * sizeof(*grown));
    if (grown == NULL)
        return RESULT_FULL;
    r->list = grown;
    r->capacity = capacity;
    return RESULT_OK;
}

static int64_t less(int64_t number, int64_t by)
{
    return number < INT64_MIN + by ? INT64_MIN : number - by;
}

static int64_t plus(int64_t number, int64_t by)
{
    return number > INT64_MAX - by ? INT64_MAX : number + by;
}

enum result ranges_add(struct ranges *r, int64_t first, int64_t last, int64_t gap)
{
    size_t at = range_at(r, less(first, gap)), end = at;
    while (end < r->count && r->list[end].first <= plus(last, gap))
        end++;
    if (end > at) { /* becomes one with those of at .. end - 1 */
        r->list[at].first = r->list[at].first < first ? r->list[at].first : first;
        r->list[at].last = r->list[end - 1].last > last ? r->list[end - 1].last : last;
        memmove(r->list + at + 1, r->list + end, (r->count - end) * sizeof(*r->list));
        r->count -= end - at - 1;
        return RESULT_OK;
    }
    if (ranges_reserve(r, 1) != RESULT_OK)
        return RESULT_FULL;
    memmove(r->list + at + 1, r->list + at, (r->count - at) * sizeof(*r->list));
    r->list[at] = (struct range){first, last};
    r->count++;
    return RESULT_OK;
}

void ranges_thin(struct ranges *r, size_t most)
{
    while (r->count > most) {
        size_t closest = 1;
        for (size_t i = 2; i < r->count; i++) {
            uint64_t here = (uint64_t)r->list[i].first - (uint64_t)r->list[i - 1].last;
            if (here < (uint64_t)r->list[closest].first - (uint64_t)r->list[closest - 1].last)
                closest = i;
        }
        r->list[closest - 1].last = r->list[closest].last;
        memmove(r->list + closest, r->list + closest + 1, (r->count - closest - 1) * sizeof(*r->list));
        r->count--;
    }
}
