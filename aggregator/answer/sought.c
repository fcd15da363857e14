/* SPDX-License-Identifier: Apache-2.0 */
/* All records of flows of which one is at hand. */
#include "aggregator/answer/sought.h"

#include <stdlib.h>

/* Each looks eight times as far as the one before: over 42 days. */
#define ROUNDS 4

/* What merging rests on. */
static const unsigned always[] = {FLOW_FIELD_flow,       FLOW_FIELD_report,    FLOW_FIELD_observer,
                                  FLOW_FIELD_src_hi,     FLOW_FIELD_src_lo,    FLOW_FIELD_dst_hi,
                                  FLOW_FIELD_dst_lo,     FLOW_FIELD_src_port,  FLOW_FIELD_dst_port,
                                  FLOW_FIELD_first_time, FLOW_FIELD_last_time, FLOW_FIELD_end_reason};

void sought_rests(bool *fields)
{
    for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
        fields[always[i]] = true;
}

/* One round's question. */
struct look {
    struct flow_name *names;   /* owned */
    struct address *addresses; /* owned */
    int64_t from_ns, to_ns;
};

static void aim(struct look *look, const struct sought_flow *sought, size_t count, int64_t reach)
{
    look->from_ns = INT64_MAX;
    look->to_ns = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        int64_t from = sought[i].first_ns - (sought[i].begun ? 0 : reach);
        int64_t to = sought[i].last_ns + (sought[i].ended ? 0 : reach) + 1;
        look->from_ns = from < look->from_ns ? from : look->from_ns;
        look->to_ns = to > look->to_ns ? to : look->to_ns;
        look->names[i] = sought[i].name;
        look->addresses[i] = sought[i].address;
    }
}

/* Is there no more of it than was found there? */
static bool is_all(const struct whole_flow *found, const struct look *look)
{
    const struct flow *flow = &found->flow;
    return (found->begun || flow->first_time - look->from_ns >= SOUGHT_REACH_NS) &&
           (flow->end_reason != FLOW_END_ACTIVE || look->to_ns - flow->last_time > SOUGHT_REACH_NS);
}

/* Takes what was found; what may not be all of its flow stays in `sought`. */
static enum result take(struct flow_set *set, const struct flow_set *found, const struct look *look, bool last,
                        struct sought_flow *sought, size_t *count, struct error *err)
{
    enum result r = RESULT_OK;
    size_t left = 0;
    for (size_t i = 0; i < *count && r == RESULT_OK; i++) {
        const struct whole_flow *whole = flow_set_get(found, &sought[i].name);
        if (whole == NULL)
            continue;
        if (last || is_all(whole, look)) {
            r = flow_set_add(set, &whole->name, &whole->flow, err);
            continue;
        }
        sought[left] = sought[i];
        sought[left].first_ns = whole->flow.first_time;
        sought[left].last_ns = whole->flow.last_time;
        sought[left].begun = whole->begun;
        sought[left++].ended = whole->flow.end_reason != FLOW_END_ACTIVE;
    }
    *count = left;
    return r;
}

static enum result look_once(struct flow_set *set, struct store_reader *reader, const bool *fields, struct look *look,
                             bool last, struct sought_flow *sought, size_t *count, struct error *err)
{
    struct flow_set found = flow_set_new(set->budget);
    const struct store_query query = {.fields = fields,
                                      .names = look->names,
                                      .name_count = *count,
                                      .addresses = look->addresses,
                                      .address_count = *count,
                                      .from_ns = look->from_ns,
                                      .to_ns = look->to_ns};
    enum result r = flow_set_find(&found, reader, &query, NULL, err);
    if (r == RESULT_OK)
        r = take(set, &found, look, last, sought, count, err);
    flow_set_fini(&found);
    return r;
}

enum result sought_find(struct flow_set *set, struct store_reader *reader, const bool *fields,
                        struct sought_flow *sought, size_t count, struct error *err)
{
    int64_t reach = SOUGHT_REACH_NS;
    struct look look = {.names = calloc(count + 1, sizeof(*look.names)),
                        .addresses = calloc(count + 1, sizeof(*look.addresses))};
    enum result r = look.names == NULL || look.addresses == NULL ? budget_exceeded(err) : RESULT_OK;
    for (int round = 1; round <= ROUNDS && count > 0 && r == RESULT_OK; round++, reach *= 8) {
        aim(&look, sought, count, reach);
        r = look_once(set, reader, fields, &look, round == ROUNDS, sought, &count, err);
    }
    free(look.names);
    free(look.addresses);
    return r;
}
