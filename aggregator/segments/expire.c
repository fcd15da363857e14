/* SPDX-License-Identifier: Apache-2.0 */
/* Letting go: what is older than it is kept, and the oldest of what is more than there is room for. */
#include <stdlib.h>

#include "aggregator/segments/internal.h"

static int by_age(const void *a, const void *b)
{
    const struct segment *x = &(*(struct held_segment *const *)a)->segment;
    const struct segment *y = &(*(struct held_segment *const *)b)->segment;
    return x->last_ns != y->last_ns ? (x->last_ns < y->last_ns ? -1 : 1) : x->id < y->id ? -1 : x->id > y->id;
}

enum result segments_expire(struct segments *segments, const struct segments_keep *keep, struct error *err)
{
    size_t count = segments->count, gone = 0;
    struct held_segment **list = malloc((count + 1) * sizeof(*list));
    uint64_t *ids = malloc((count + 1) * sizeof(*ids)), bytes = 0;
    enum result r = list == NULL || ids == NULL ? error_set(err, RESULT_AGAIN, "out of memory") : RESULT_OK;
    for (size_t i = 0; r == RESULT_OK && i < count; i++) {
        list[i] = segments->list[i];
        bytes += list[i]->segment.bytes + list[i]->segment.index_bytes;
    }
    if (r == RESULT_OK && count > 0)
        qsort(list, count, sizeof(*list), by_age);
    for (size_t i = 0; r == RESULT_OK && i < count; i++) {
        const struct segment *s = &list[i]->segment;
        bool sums = s->kind == RECORD_HOUR;
        int64_t before_ns = sums ? keep->hours_before_ns : keep->flows_before_ns;
        bool old = before_ns != 0 && s->last_ns < before_ns;
        if (!old && (sums || keep->bytes == 0 || bytes <= keep->bytes))
            continue;
        ids[gone++] = s->id;
        bytes -= s->bytes + s->index_bytes;
    }
    if (r == RESULT_OK && gone > 0)
        r = segments_replace(segments, NULL, 0, ids, gone, 0, NULL, NULL, err);
    free(list);
    free(ids);
    return r;
}
