/* SPDX-License-Identifier: Apache-2.0 */
/* nat: who was behind an end at a moment, or where did it come out; over how many boundaries, how that is known, and
 * what was seen on one side only. */
#include "aggregator/answer/nat.h"

#include <stdlib.h>

#include "common/clock.h"

#define NAT_LIMIT_MAX   1000u  /* rows answered */
#define NAT_KEPT_MIN    100u   /* flows followed for a row at least, for what they have to be seen */
#define NAT_REPORTS_MAX 20000u /* read for one look-up */
#define NAT_FLOWS_MAX   20000u /* held, the other ends of links included */
#define NAT_HOPS_MAX    4      /* boundaries in a row */
/* A flow may be silent between two of its reports so long that neither touches the moment asked for; reports this far
 * off are looked at when a port is given. */
#define NAT_REACH_NS (3600ll * 1000000000)

enum { NAT_END, NAT_AT, NAT_SLACK, NAT_PROTOCOL, NAT_LIMIT, NAT_PARAMETER_COUNT };
static const struct parameter parameters[] = {
    [NAT_END] = {.name = "end",
                 .type = PARAMETER_END,
                 .help = "the address, and the port where it is known; on either side of any boundary",
                 .positional = true,
                 .required = true},
    [NAT_AT] = {.name = "at",
                .type = PARAMETER_MOMENT,
                .help = "at that moment, which is as long as it was written: 20:36 is a minute; without one, at any, "
                        "the newest first"},
    [NAT_SLACK] = {.name = "slack",
                   .type = PARAMETER_SPAN,
                   .help = "how far from that moment a connection may lie",
                   .fallback = "5s"},
    [NAT_PROTOCOL] = {.name = "protocol", .type = PARAMETER_PROTOCOL, .help = "of that protocol; without one, of any"},
    [NAT_LIMIT] = {.name = "limit",
                   .type = PARAMETER_NUMBER,
                   .help = "at most so many, the nearest; 0: as many as the aggregator answers, 1,000",
                   .fallback = "20"},
};

/* What is read of a flow. */
static const bool flow_fields_read[FLOW_FIELD_COUNT] = {
#define READ(field) [FLOW_FIELD_##field] = true
    READ(flow),      READ(report),      READ(observer),  READ(src_hi),    READ(src_lo),     READ(dst_hi),
    READ(dst_lo),    READ(src_port),    READ(dst_port),  READ(protocol),  READ(state),      READ(first_time),
    READ(last_time), READ(src_packets), READ(src_bytes), READ(dst_bytes), READ(dst_packets)
#undef READ
};

/* ---- the flows of the end */

struct near {
    int64_t away, first;
    uint32_t which;
};

static int nearest_first(const void *left, const void *right)
{
    const struct near *a = left, *b = right;
    if (a->away != b->away)
        return a->away < b->away ? -1 : 1;
    return a->first > b->first ? -1 : a->first < b->first;
}

/* Keeps the flows near the moment, the nearest (of several, and without a moment, the newest) `most` of them. */
static enum result keep_near(struct nat *nat, uint32_t most, struct error *err)
{
    uint32_t count = 0;
    struct near *near = calloc(nat->flows.count + 1u, sizeof(*near));
    uint32_t *which = calloc(nat->flows.count + 1u, sizeof(*which));
    enum result r = near == NULL || which == NULL ? budget_exceeded(err) : RESULT_OK;
    for (uint32_t i = 0; r == RESULT_OK && i < nat->flows.count; i++) {
        const struct flow *flow = &nat->flows.flows[i].flow;
        int64_t away = nat_distance(nat, flow->first_time, flow->last_time);
        if (away <= nat->slack_ns)
            near[count++] = (struct near){away, flow->first_time, i};
    }
    if (r == RESULT_OK) {
        qsort(near, count, sizeof(*near), nearest_first);
        nat->cut = nat->cut || count > most;
        count = count < most ? count : most;
        for (uint32_t i = 0; i < count; i++)
            which[i] = near[i].which;
        r = flow_set_keep(&nat->flows, which, count, err);
    }
    free(near);
    free(which);
    return r;
}

static enum result find_flows(struct nat *nat, struct error *err)
{
    int64_t reach = nat->slack_ns + (nat->end.port != 0 ? NAT_REACH_NS : 0);
    const struct store_query query = {.fields = flow_fields_read,
                                      .endpoint = &nat->end,
                                      .protocol = (uint8_t)work_argument(nat->work, NAT_PROTOCOL)->number,
                                      .from_ns = nat->at_ns == 0 ? 0 : nat->at_ns - reach,
                                      .to_ns = nat->at_ns == 0 ? 0 : nat->at_end_ns + reach,
                                      .limit = NAT_REPORTS_MAX};
    uint64_t reports = 0;
    enum result r = flow_set_find(&nat->flows, nat->work->reader, &query, &reports, err);
    nat->cut = reports >= NAT_REPORTS_MAX;
    /* Twice as many as are answered: both views of a pair may have the end, an untranslated peer's. And never few: what
     * has a partner is told first, and that is known only later. */
    return r == RESULT_OK ? keep_near(nat, 2 * (nat->limit < NAT_KEPT_MIN ? NAT_KEPT_MIN : nat->limit), err) : r;
}

/* ---- the other sides */

/* Views that are not here, and an address of each. */
struct wanted {
    struct flow_name *names;   /* owned */
    struct address *addresses; /* owned */
    size_t count;
};

static void want(const struct nat *nat, const struct flow_name *name, struct address address, struct wanted *wanted)
{
    if (flow_set_get(&nat->flows, name) != NULL)
        return;
    wanted->addresses[wanted->count] = address;
    wanted->names[wanted->count++] = *name;
}

/* Is one of a link's views among the flows? One that was revised may be about others than those looked up. */
static bool is_here(const struct nat *nat, const struct known_verdict *link)
{
    return flow_set_get(&nat->flows, &link->view) != NULL || flow_set_get(&nat->flows, &link->partner) != NULL;
}

/* The views of the links from `from` on that are not here yet. */
static enum result find_partners(struct nat *nat, uint32_t from, struct error *err)
{
    struct verdict_set *set = &nat->verdicts;
    size_t most = 2 * (set->count - from) + 1u;
    struct wanted wanted = {calloc(most, sizeof(*wanted.names)), calloc(most, sizeof(*wanted.addresses)), 0};
    int64_t first = INT64_MAX, last = INT64_MIN;
    enum result r = wanted.names == NULL || wanted.addresses == NULL ? budget_exceeded(err) : RESULT_OK;
    for (uint32_t i = from; i < set->count && r == RESULT_OK; i++) {
        const struct known_verdict *known = &set->verdicts[i];
        const struct verdict *v = &known->verdict;
        if (!verdict_is_linked(v->verdict) || !is_here(nat, known))
            continue;
        want(nat, &known->view, (struct address){v->src_hi, v->src_lo}, &wanted);
        want(nat, &known->partner, (struct address){v->post_nat_src_hi, v->post_nat_src_lo}, &wanted);
        first = known->verdict.first_time < first ? known->verdict.first_time : first;
        last = known->verdict.last_time > last ? known->verdict.last_time : last;
    }
    for (uint32_t i = 0; i < nat->flows.count; i++)
        last = nat->flows.flows[i].flow.last_time > last ? nat->flows.flows[i].flow.last_time : last;
    for (size_t at = 0; r == RESULT_OK && at < wanted.count; at += STORE_NAMES_MAX) {
        size_t some = wanted.count - at < STORE_NAMES_MAX ? wanted.count - at : STORE_NAMES_MAX;
        uint64_t reports = 0;
        if (nat->flows.count > NAT_FLOWS_MAX) {
            nat->cut = true;
            break;
        }
        const struct store_query query = {.fields = flow_fields_read,
                                          .names = wanted.names + at,
                                          .name_count = some,
                                          .addresses = wanted.addresses + at,
                                          .address_count = some,
                                          .from_ns = first - NAT_REACH_NS,
                                          .to_ns = last + NAT_REACH_NS,
                                          .limit = NAT_REPORTS_MAX};
        r = flow_set_find(&nat->flows, nat->work->reader, &query, &reports, err);
        nat->cut = nat->cut || reports >= NAT_REPORTS_MAX;
    }
    free(wanted.names);
    free(wanted.addresses);
    return r;
}

/* What became of the flows from `from` on, and the other views of those that are linked. */
static enum result follow(struct nat *nat, uint32_t from, struct error *err)
{
    uint32_t count = nat->flows.count, verdicts = nat->verdicts.count;
    struct seen_flow *flows = calloc(count - from + 1u, sizeof(*flows));
    enum result r = flows == NULL ? budget_exceeded(err) : RESULT_OK;
    for (uint32_t i = from; r == RESULT_OK && i < count; i++) {
        const struct whole_flow *whole = &nat->flows.flows[i];
        flows[i - from] = (struct seen_flow){whole->name, whole->flow.first_time, whole->flow.last_time, whole->begun};
    }
    for (uint32_t at = 0; r == RESULT_OK && at < count - from; at += STORE_NAMES_MAX) {
        uint32_t some = count - from - at < STORE_NAMES_MAX ? count - from - at : STORE_NAMES_MAX;
        r = verdict_set_find(&nat->verdicts, nat->work->second, flows + at, some, err);
    }
    free(flows);
    nat->cut = nat->cut || nat->verdicts.cut;
    return r == RESULT_OK ? find_partners(nat, verdicts, err) : r;
}

static enum result follow_all(struct nat *nat, struct error *err)
{
    enum result r = RESULT_OK;
    for (int hop = 0;
         hop < NAT_HOPS_MAX && nat->flows.count <= NAT_FLOWS_MAX && r == RESULT_OK && nat->followed < nat->flows.count;
         hop++) {
        uint32_t now = nat->flows.count;
        r = follow(nat, nat->followed, err);
        nat->followed = now;
    }
    nat->cut = nat->cut || nat->followed < nat->flows.count;
    return r;
}

static enum result run(struct work *work, struct error *err)
{
    uint64_t limit = work_argument(work, NAT_LIMIT)->number;
    struct nat nat = {.work = work,
                      .end = work_argument(work, NAT_END)->end,
                      .flows = flow_set_new(&work->memory),
                      .verdicts = verdict_set_new(&work->memory),
                      .at_ns = work_argument(work, NAT_AT)->time,
                      .at_end_ns = work_argument(work, NAT_AT)->time_end,
                      .slack_ns = work_argument(work, NAT_SLACK)->time,
                      .limit = limit == 0 || limit > NAT_LIMIT_MAX ? NAT_LIMIT_MAX : (uint32_t)limit};
    if (nat.at_ns != 0) {
        work->coverage.from_ns = nat.at_ns - nat.slack_ns;
        work->coverage.to_ns = nat.at_end_ns + nat.slack_ns;
    }
    enum result r = find_flows(&nat, err);
    if (r == RESULT_OK)
        r = follow_all(&nat, err);
    if (r == RESULT_OK)
        r = nat_answer(&nat, err);
    if (nat.cut)
        coverage_cut(&work->coverage, nat.limit);
    flow_set_fini(&nat.flows);
    verdict_set_fini(&nat.verdicts);
    return r;
}

const struct question question_nat = {
    .name = "nat",
    .summary = "Who was behind an end that a boundary gave out, or where an end came out; either direction.",
    .parameters = parameters,
    .parameter_count = NAT_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = nat_columns,
    .run = run};
