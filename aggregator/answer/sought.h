/* SPDX-License-Identifier: Apache-2.0 */
/* All records of flows of which one is at hand. One thread. */
#ifndef PAVO_AGGREGATOR_ANSWER_SOUGHT_H
#define PAVO_AGGREGATOR_ANSWER_SOUGHT_H

#include "aggregator/answer/flows.h"

struct sought_flow {
    struct flow_name name;
    struct address address;    /* of one of its ends, by which it is looked for */
    int64_t first_ns, last_ns; /* when it was seen */
    bool begun, ended;         /* it has no records before that, none after */
};

/* A flow is silent for less than that between two of its records: a status interval is half an hour at most, and what
 * is silent for longer than the sensor's idle time is another flow. */
#define SOUGHT_REACH_NS (7200ll * 1000000000)

/* Has the record said all that there is of its flow? Then no other need be looked for. */
static inline bool flow_is_whole(const struct flow *record)
{
    return record->report == 0 && record->end_reason != FLOW_END_ACTIVE;
}

/* Sets, of flows' stored fields, those that are always read: `fields` has them. */
void sought_rests(bool *fields);

/* Adds the flows, whole, as far as the store has them: SOUGHT_REACH_NS around what was seen of each, and farther where
 * records found there say that there are more. Each name once, up to STORE_NAMES_MAX; changes them. */
MUST_CHECK enum result sought_find(struct flow_set *set, struct store_reader *reader, const bool *fields,
                                   struct sought_flow *sought, size_t count, struct error *err);

#endif
