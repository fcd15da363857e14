/* SPDX-License-Identifier: Apache-2.0 */
/* links: the linked pairs among flows. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/stored.h"
#include "aggregator/answer/verdicts.h"

/* Pairs that are held to be sorted: with a limit of up to so many the newest are answered, newest first; beyond that
 * runs of so many go out as they are found. */
#define LINKS_SORTED_MAX 20000u
#define LINKS_HELD_MAX   28000u /* before they are sorted */
/* Flows that are looked through. */
#define LINKS_FLOWS_MAX ANSWER_ROWS_MAX

struct links {
    struct work *work;
    uint64_t limit, answered;
    struct index seen;       /* pairs answered or held, by boundary and view */
    struct verdict_set held; /* to be sorted */
    bool cut;
};

static int newest_first(const void *left, const void *right)
{
    const struct known_verdict *a = left, *b = right;
    return a->verdict.first_time > b->verdict.first_time ? -1 : a->verdict.first_time < b->verdict.first_time;
}

/* Sorted, those beyond the limit forgotten. */
static void sort(struct links *links)
{
    struct verdict_set *held = &links->held;
    if (held->count > 1)
        qsort(held->verdicts, held->count, sizeof(*held->verdicts), newest_first);
    while (held->count > links->limit - links->answered) {
        verdict_set_drop_last(held);
        links->cut = true;
    }
}

static enum result answer_held(struct links *links, struct error *err)
{
    enum result r = RESULT_OK;
    sort(links);
    for (uint32_t i = 0; i < links->held.count && r == RESULT_OK; i++) {
        r = work_room(links->work, err);
        if (r == RESULT_OK && known_verdict_append(&links->held.verdicts[i], links->work->page) != RESULT_OK)
            r = budget_exceeded(err);
        links->answered++;
    }
    verdict_set_clear(&links->held);
    return r;
}

/* The pairs of one look-up that are new. */
static enum result hold(struct links *links, struct verdict_set *found, struct error *err)
{
    for (uint32_t i = 0; i < found->count; i++) {
        struct known_verdict *verdict = &found->verdicts[i];
        struct index_key key = index_key_of_view(verdict->boundary, &verdict->view);
        uint32_t ignored;
        if (!verdict_is_linked(verdict->verdict.verdict) || index_get(&links->seen, key, &ignored))
            continue;
        if (index_put(&links->seen, key, 0) != RESULT_OK)
            return budget_exceeded(err);
        enum result r = verdict_set_move(&links->held, verdict, err);
        if (r != RESULT_OK)
            return r;
    }
    if (links->held.count < LINKS_HELD_MAX)
        return RESULT_OK;
    if (links->limit > LINKS_SORTED_MAX)
        return answer_held(links, err);
    sort(links);
    return RESULT_OK;
}

/* One more than the limit: it tells that there are more. */
static bool is_enough(const struct links *links)
{
    return links->answered + links->held.count > links->limit;
}

/* Flows in one look-up: where few pairs are wanted, few flows have them. */
static uint32_t names_at_once(const struct links *links)
{
    return links->limit < STORE_NAMES_MAX / 4 ? 4 * (uint32_t)links->limit : STORE_NAMES_MAX;
}

/* `newest`: the flows are the newest there are, in order, so that nothing newer comes once there are enough. */
static enum result look_up(struct links *links, const struct flow_batch *flows, bool newest, struct error *err)
{
    struct verdict_set found = verdict_set_new(&links->work->memory);
    struct seen_flow *seen = calloc(STORE_NAMES_MAX, sizeof(*seen));
    enum result r = seen == NULL ? budget_exceeded(err) : RESULT_OK;
    uint32_t most = newest ? names_at_once(links) : STORE_NAMES_MAX, count;
    found.fields = links->work->fields;
    for (uint32_t from = 0; from < flows->rows && r == RESULT_OK && !(newest && is_enough(links)); from += count) {
        count = flows->rows - from < most ? flows->rows - from : most;
        for (uint32_t i = 0; i < count; i++)
            seen[i] = (struct seen_flow){{flows->observers[flows->observer[from + i]], flows->flow[from + i]},
                                         flows->first_time[from + i],
                                         flows->last_time[from + i],
                                         flows->report[from + i] == 0};
        r = verdict_set_find(&found, links->work->second, seen, count, err);
        if (r == RESULT_OK)
            r = hold(links, &found, err);
        verdict_set_clear(&found);
    }
    links->cut = links->cut || found.cut;
    verdict_set_fini(&found);
    free(seen);
    return r;
}

/* Until there are enough, or RESULT_END. */
static enum result look_through(struct links *links, const struct store_query *query, bool newest, uint64_t *ret_flows,
                                struct error *err)
{
    struct records *records;
    uint64_t flows = 0;
    enum result r = store_find(links->work->reader, query, err);
    while (r == RESULT_OK && (r = store_next(links->work->reader, &records, NULL, err)) == RESULT_OK) {
        flows += records->rows;
        r = look_up(links, flow_batch_of(records), newest, err);
        records_free(&records);
        if (r == RESULT_OK && (newest ? is_enough(links) : links->answered >= links->limit)) {
            links->cut = true; /* and the rest of the flows is not looked through */
            r = RESULT_END;
        }
    }
    *ret_flows = flows;
    return r;
}

/* The newest flows first: with a limit that is mostly all. Then all of them, as they stand. */
static enum result run(struct work *work, struct error *err)
{
    static const bool fields[FLOW_FIELD_COUNT] = {[FLOW_FIELD_flow] = true,
                                                  [FLOW_FIELD_report] = true,
                                                  [FLOW_FIELD_observer] = true,
                                                  [FLOW_FIELD_first_time] = true,
                                                  [FLOW_FIELD_last_time] = true};
    struct links links = {.work = work,
                          .limit = stored_limit(work),
                          .seen = {.budget = &work->memory},
                          .held = verdict_set_new(&work->memory)};
    struct store_query query = stored_query(work);
    uint64_t flows = 0;
    query.fields = fields;
    query.limit = STORE_SORTED_MAX;
    enum result r = look_through(&links, &query, true, &flows, err);
    if (r == RESULT_END && !is_enough(&links) && flows == STORE_SORTED_MAX) {
        query.limit = LINKS_FLOWS_MAX;
        r = look_through(&links, &query, false, &flows, err);
    }
    if (r == RESULT_END)
        r = answer_held(&links, err);
    if (links.cut)
        stored_cut(work, links.limit);
    if (flows >= LINKS_FLOWS_MAX)
        coverage_cut(&work->coverage, links.limit);
    index_fini(&links.seen);
    verdict_set_fini(&links.held);
    return r == RESULT_OK ? stored_sensors(work, err) : r;
}

static const struct parameter parameters[] = STORED_PARAMETERS(RECORD_FLOW, "flows");

static const struct record_kind *columns(void)
{
    return answer_columns_of(RECORD_VERDICT);
}

const struct question question_links = {
    .name = "links",
    .summary = "Links: connections seen on both sides of a boundary, of the flows that match a filter.",
    .parameters = parameters,
    .parameter_count = STORED_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = columns,
    .run = run};
