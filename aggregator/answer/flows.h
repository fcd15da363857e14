/* SPDX-License-Identifier: Apache-2.0 */
/* Whole flows by name: however many reports there are of one, it is one. One thread. Zeros are an empty set;
 * flow_set_new makes one that is charged to a budget. */
#ifndef PAVO_AGGREGATOR_ANSWER_FLOWS_H
#define PAVO_AGGREGATOR_ANSWER_FLOWS_H

#include "aggregator/answer/index.h"
#include "aggregator/store/store.h"

struct whole_flow {
    struct flow_name name;
    struct flow flow; /* its `observer` means nothing */
    bool begun;       /* the first of its reports is in it */
};

struct flow_set {
    struct whole_flow *flows; /* owned */
    uint32_t count, capacity;
    struct budget *budget; /* charged; NULL: there is none */
    struct index index;    /* by name: where in `flows` */
};
static inline struct flow_set flow_set_new(struct budget *budget)
{
    return (struct flow_set){.budget = budget, .index = {.budget = budget}};
}
/* Empties it; the budget stays. */
void flow_set_fini(struct flow_set *set);

/* NULL: it is not in there. */
const struct whole_flow *flow_set_get(const struct flow_set *set, const struct flow_name *name);

/* Adds a report, merging (common/records/merge.h). RESULT_AGAIN: out of memory. */
MUST_CHECK enum result flow_set_add(struct flow_set *set, const struct flow_name *name, const struct flow *report,
                                    struct error *err);

/* Adds all that a query finds. *ret_rows (may be NULL) reports were read. */
MUST_CHECK enum result flow_set_find(struct flow_set *set, struct store_reader *reader, const struct store_query *query,
                                     uint64_t *ret_rows, struct error *err);

/* Which of them are kept, in this order. RESULT_AGAIN: out of memory; unchanged then. */
MUST_CHECK enum result flow_set_keep(struct flow_set *set, const uint32_t *which, uint32_t count, struct error *err);

#endif
