/* SPDX-License-Identifier: Apache-2.0 */
/* Whole flows by name. */
#include "aggregator/answer/flows.h"

#include <stdlib.h>

#include "common/records/merge.h"

void flow_set_fini(struct flow_set *set)
{
    free(set->flows);
    budget_give(set->budget, set->capacity * sizeof(*set->flows));
    index_fini(&set->index);
    *set = flow_set_new(set->budget);
}

const struct whole_flow *flow_set_get(const struct flow_set *set, const struct flow_name *name)
{
    uint32_t at;
    return index_get(&set->index, index_key_of_flow(name), &at) ? &set->flows[at] : NULL;
}

static bool grow(struct flow_set *set)
{
    if (set->count < set->capacity)
        return true;
    uint32_t capacity = set->capacity == 0 ? 64 : set->capacity * 2;
    size_t more = (capacity - set->capacity) * sizeof(*set->flows);
    if (!budget_take(set->budget, more))
        return false;
    struct whole_flow *grown = realloc(set->flows, capacity * sizeof(*grown));
    if (grown == NULL) {
        budget_give(set->budget, more);
        return false;
    }
    set->flows = grown;
    set->capacity = capacity;
    return true;
}

enum result flow_set_add(struct flow_set *set, const struct flow_name *name, const struct flow *report,
                         struct error *err)
{
    struct index_key key = index_key_of_flow(name);
    uint32_t at;
    if (index_get(&set->index, key, &at)) {
        flow_merge(&set->flows[at].flow, report);
        set->flows[at].begun |= report->report == 0;
        return RESULT_OK;
    }
    if (!grow(set) || index_put(&set->index, key, set->count) != RESULT_OK)
        return budget_exceeded(err);
    set->flows[set->count++] = (struct whole_flow){*name, *report, report->report == 0};
    return RESULT_OK;
}

enum result flow_set_find(struct flow_set *set, struct store_reader *reader, const struct store_query *query,
                          uint64_t *ret_rows, struct error *err)
{
    struct records *records;
    uint64_t rows = 0;
    enum result r = store_find(reader, query, err);
    while (r == RESULT_OK && (r = store_next(reader, &records, NULL, err)) == RESULT_OK) {
        const struct flow_batch *batch = flow_batch_of(records);
        for (uint32_t i = 0; i < batch->rows && r == RESULT_OK; i++) {
            struct flow flow;
            flow_batch_get(batch, i, &flow);
            const struct flow_name name = {batch->observers[batch->observer[i]], flow.flow};
            r = flow_set_add(set, &name, &flow, err);
        }
        rows += records->rows;
        records_free(&records);
    }
    if (r == RESULT_END && ret_rows != NULL)
        *ret_rows = rows;
    return r == RESULT_END ? RESULT_OK : r;
}

enum result flow_set_keep(struct flow_set *set, const uint32_t *which, uint32_t count, struct error *err)
{
    struct flow_set kept = flow_set_new(set->budget);
    bool made = budget_take(kept.budget, (count + 1u) * sizeof(*kept.flows));
    if (made) {
        kept.capacity = count + 1u;
        kept.flows = calloc(kept.capacity, sizeof(*kept.flows));
        made = kept.flows != NULL;
    }
    for (uint32_t i = 0; made && i < count; i++) {
        kept.flows[i] = set->flows[which[i]];
        made = index_put(&kept.index, index_key_of_flow(&kept.flows[i].name), i) == RESULT_OK;
        kept.count = i + 1;
    }
    if (!made) {
        flow_set_fini(&kept);
        return budget_exceeded(err);
    }
    flow_set_fini(set);
    *set = kept;
    return RESULT_OK;
}
