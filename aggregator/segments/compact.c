/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be merged: twelve of a tier become one of the next; days that are over are put together; evidence that is
 * too old is left out. Pure. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/segments/internal.h"
#include "common/clock.h"

#define DAY_NS   (86400 * NS_PER_S)
#define QUIET_NS (6 * 3600 * NS_PER_S) /* what comes of a day later than this after its end comes late */
/* One that is larger stays as it is, so that two always fit one file. */
#define FULL_ROWS ((uint64_t)SEGMENT_GROUP_MOST * SEGMENT_GROUPS_MAX / 2)

/* Of each file that is read there is a row group in memory: of all together so many rows. */
#define READ_ROWS (MERGE_MOST * SEGMENT_GROUP_LEAST)

/* Files that are taken together. */
struct load {
    uint64_t rows, read_rows;
};

static bool load_add(struct load *load, const struct segment *s)
{
    const struct load more = {load->rows + s->rows,
                              load->read_rows + (s->rows < s->group_rows ? s->rows : s->group_rows)};
    if (more.rows > 2 * FULL_ROWS || more.read_rows > READ_ROWS)
        return false;
    *load = more;
    return true;
}

static int order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Those that may become one stand together: by what they hold, and its day. */
static int by_contents(const struct segment *x, const struct segment *y)
{
    int o = order(x->kind, y->kind);
    if (o == 0)
        o = order(x->fields, y->fields);
    return o != 0 ? o : order((uint32_t)x->day, (uint32_t)y->day);
}

static int by_tier(const void *a, const void *b)
{
    const struct segment *x = &(*(struct held_segment *const *)a)->segment;
    const struct segment *y = &(*(struct held_segment *const *)b)->segment;
    int o = order(x->level, y->level);
    if (o == 0)
        o = by_contents(x, y);
    return o != 0 ? o : order(x->id, y->id);
}

static int by_size(const void *a, const void *b)
{
    const struct segment *x = &(*(struct held_segment *const *)a)->segment;
    const struct segment *y = &(*(struct held_segment *const *)b)->segment;
    int o = order(x->level == 0, y->level == 0); /* not yet of a day: behind */
    if (o == 0)
        o = by_contents(x, y);
    if (o == 0)
        o = order(x->rows, y->rows);
    return o != 0 ? o : order(x->id, y->id);
}

/* The oldest of a tier that has enough, as many as fit one file. */
static void choose_tier(struct held_segment **list, size_t count, struct merge_plan *plan)
{
    qsort(list, count, sizeof(*list), by_tier);
    for (size_t first = 0, end; first < count; first = end) {
        const struct segment *s = &list[first]->segment;
        for (end = first;
             end < count && list[end]->segment.level == s->level && by_contents(&list[end]->segment, s) == 0;)
            end++;
        if (end - first < MERGE_MOST)
            continue;
        struct load load = {0};
        while (plan->count < MERGE_MOST && load_add(&load, &list[first]->segment))
            plan->inputs[plan->count++] = list[first++];
        plan->level = plan->inputs[0]->segment.level + 1;
        return;
    }
}

/* The smaller ones of a day that is over, as long as each is at most as large as all before it together: what comes
 * late does not have the whole day written again. */
static void choose_rest(struct held_segment **list, size_t count, int64_t now_ns, struct merge_plan *plan)
{
    qsort(list, count, sizeof(*list), by_size);
    for (size_t first = 0, end; first < count; first = end) {
        const struct segment *s = &list[first]->segment;
        struct load load = {0};
        for (end = first; end < count && list[end]->segment.level > 0 && by_contents(&list[end]->segment, s) == 0;)
            end++;
        end += end == first;
        if (s->level == 0 || s->day == SEGMENT_DAYS || now_ns - QUIET_NS < ((int64_t)s->day + 1) * DAY_NS)
            continue;
        for (size_t i = first; i < end && i - first < MERGE_MOST; i++) {
            if (!load_add(&load, &list[i]->segment))
                break;
            if (i > first && list[i]->segment.rows <= load.rows / 2)
                plan->count = i - first + 1;
        }
        for (size_t i = 0; i < plan->count; i++) {
            plan->inputs[i] = list[first + i];
            plan->level = plan->inputs[i]->segment.level > plan->level ? plan->inputs[i]->segment.level : plan->level;
        }
        if (plan->count > 0)
            return;
    }
}

enum result merge_choose(struct held_segment *const *all, size_t count, int64_t now_ns, int64_t evidence_before_ns,
                         struct merge_plan *ret_plan, struct error *err)
{
    struct merge_plan plan = {0};
    struct held_segment **list = malloc((count + 1) * sizeof(*list));
    size_t smaller = 0;
    if (list == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    for (size_t i = 0; i < count; i++) {
        if (!all[i]->stays && all[i]->segment.rows <= FULL_ROWS)
            list[smaller++] = all[i];
    }
    choose_tier(list, smaller, &plan);
    for (size_t i = 0; plan.count == 0 && i < count; i++) {
        const struct segment *s = &all[i]->segment;
        if (all[i]->stays || s->kind != RECORD_FLOW || s->without_evidence || s->last_ns >= evidence_before_ns)
            continue;
        plan = (struct merge_plan){.inputs = {all[i]}, .count = 1, .level = s->level, .without_evidence = true};
    }
    if (plan.count == 0)
        choose_rest(list, smaller, now_ns, &plan);
    plan.level += plan.level == 0; /* whatever has been written twice is of its days */
    free(list);
    *ret_plan = plan;
    return RESULT_OK;
}
