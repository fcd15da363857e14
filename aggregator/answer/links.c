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

static enum result look_up(struct links *links, const struct flow_batch *flows, struct error *err)
{
    struct verdict_set found = verdict_set_new(&links->work->memory);
    struct flow_name *names = calloc(STORE_NAMES_MAX, sizeof(*names));
    enum result r = names == NULL ? budget_exceeded(err) : RESULT_OK;
    for (uint32_t from = 0; from < flows->rows && r == RESULT_OK; from += STORE_NAMES_MAX) {
        uint32_t count = flows->rows - from < STORE_NAMES_MAX ? flows->rows - from : STORE_NAMES_MAX;
        for (uint32_t i = 0; i < count; i++)
            names[i] = (struct flow_name){flows->observers[flows->observer[from + i]], flows->flow[from + i]};
        r = verdict_set_find(&found, links->work->second, names, count, err);
        if (r == RESULT_OK)
            r = hold(links, &found, err);
        verdict_set_clear(&found);
    }
    links->cut = links->cut || found.cut;
    verdict_set_fini(&found);
    free(names);
    return r;
}

static enum result run(struct work *work, struct error *err)
{
    struct links links = {.work = work,
                          .limit = stored_limit(work),
                          .seen = {.budget = &work->memory},
                          .held = verdict_set_new(&work->memory)};
    struct store_query query = stored_query(work);
    struct records *records;
    uint64_t flows = 0;
    query.limit = LINKS_FLOWS_MAX;
    enum result r = store_find(work->reader, &query, err);
    while (r == RESULT_OK && (r = store_next(work->reader, &records, NULL, err)) == RESULT_OK) {
        flows += records->rows;
        r = look_up(&links, flow_batch_of(records), err);
        records_free(&records);
        if (r == RESULT_OK && links.answered >= links.limit) {
            links.cut = true; /* and the rest of the flows is not looked through */
            r = RESULT_END;
        }
    }
    if (r == RESULT_END)
        r = answer_held(&links, err);
    if (links.cut || flows >= LINKS_FLOWS_MAX)
        coverage_cut(&work->coverage, links.limit);
    index_fini(&links.seen);
    verdict_set_fini(&links.held);
    return r;
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
