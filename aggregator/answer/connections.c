/* SPDX-License-Identifier: Apache-2.0 */
/* From flow records to connections. */
#include "aggregator/answer/connections.h"

#include <stdlib.h>

#include "aggregator/commit.h"

/* A flow of the page: one that a record matched of. */
struct page_flow {
    struct flow_name name;
    struct flow record; /* the first that was met */
    bool single;        /* which is all there is of it */
    bool given;
};
#define PAGE_BYTES ((CONNECTIONS_PAGE_MAX + 0u) * sizeof(struct page_flow))

enum result connections_init(struct connections *connections, struct work *work, bool views, const struct filter *rest,
                             uint64_t limit, struct error *err)
{
    struct committer_boundary boundary;
    *connections = (struct connections){.work = work,
                                        .views = views,
                                        .limit = limit,
                                        .rest = rest,
                                        .tells = !views || rest != NULL || connection_tells(work->columns),
                                        .page_rows = CONNECTIONS_PAGE_MIN,
                                        .done = {.budget = &work->memory},
                                        .places = {.budget = &work->memory},
                                        .flows = flow_set_new(&work->memory),
                                        .fates = fates_new(&work->memory)};
    /* Where there is one boundary nothing crosses two. Of a folder alone it is not known how many there were. */
    connections->boundaries = committer_boundary(work->options->committer, 0, &boundary) &&
                                      !committer_boundary(work->options->committer, 1, &boundary)
                                  ? 1
                                  : FATE_VIEWS_MAX - 1;
    connection_rests(work->columns, connections->fields);
    sought_rests(connections->fields);
    if (!budget_take(&work->memory, PAGE_BYTES))
        return budget_exceeded(err);
    connections->page = malloc(PAGE_BYTES);
    connections->probe = rest == NULL ? NULL : records_new(connection_columns(), 1);
    if (connections->page != NULL && (rest == NULL || connections->probe != NULL))
        return RESULT_OK;
    records_free(&connections->probe);
    free(connections->page);
    connections->page = NULL;
    budget_give(&work->memory, PAGE_BYTES);
    return budget_exceeded(err);
}

static void page_clear(struct connections *c)
{
    c->page_count = 0;
    index_fini(&c->places);
    flow_set_fini(&c->flows);
    fates_fini(&c->fates);
}

void connections_fini(struct connections *c)
{
    page_clear(c);
    index_fini(&c->done);
    records_free(&c->probe);
    if (c->page != NULL)
        budget_give(&c->work->memory, PAGE_BYTES);
    free(c->page);
}

/* ---- which flows */

static enum result page_add(struct connections *c, const struct flow_batch *batch, uint32_t row, struct error *err)
{
    const struct flow_name name = {batch->observers[batch->observer[row]], batch->flow[row]};
    struct index_key key = index_key_of_flow(&name);
    uint32_t ignored;
    if (index_get(&c->done, key, &ignored) || index_get(&c->places, key, &ignored))
        return RESULT_OK;
    if (index_put(&c->places, key, c->page_count) != RESULT_OK)
        return budget_exceeded(err);
    struct page_flow *flow = &c->page[c->page_count++];
    *flow = (struct page_flow){.name = name};
    flow_batch_get(batch, row, &flow->record);
    flow->single = flow_is_whole(&flow->record);
    return RESULT_OK;
}

/* Makes the page's flows whole. Those that are found no more (the store has let go of them since) are what was met. */
static enum result complete(struct connections *c, struct error *err)
{
    struct sought_flow *sought = calloc(c->page_count + 1u, sizeof(*sought));
    enum result r = sought == NULL ? budget_exceeded(err) : RESULT_OK;
    size_t count = 0;
    for (uint32_t i = 0; i < c->page_count && r == RESULT_OK; i++) {
        const struct page_flow *flow = &c->page[i];
        if (!flow->single)
            sought[count++] = (struct sought_flow){.name = flow->name,
                                                   .address = flow_src(&flow->record),
                                                   .first_ns = flow->record.first_time,
                                                   .last_ns = flow->record.last_time,
                                                   .begun = flow->record.report == 0,
                                                   .ended = flow->record.end_reason != FLOW_END_ACTIVE};
    }
    if (r == RESULT_OK && count > 0)
        r = sought_find(&c->flows, c->work->second, c->fields, sought, count, err);
    for (uint32_t i = 0; i < c->page_count && r == RESULT_OK; i++) {
        const struct page_flow *flow = &c->page[i];
        if (flow->single || flow_set_get(&c->flows, &flow->name) == NULL)
            r = flow_set_add(&c->flows, &flow->name, &flow->record, err);
    }
    free(sought);
    return r;
}

/* ---- what became of them */

static enum result tell(struct connections *c, struct error *err)
{
    struct seen_flow *seen = calloc(c->flows.count + 1u, sizeof(*seen));
    enum result r = seen == NULL ? budget_exceeded(err) : RESULT_OK;
    for (uint32_t i = 0; i < c->flows.count && r == RESULT_OK; i++) {
        const struct whole_flow *whole = &c->flows.flows[i];
        /* A verdict's first packet is that of the views, whenever it was revised. */
        seen[i] = (struct seen_flow){whole->name, whole->flow.first_time,
                                     whole->begun ? whole->flow.first_time : whole->flow.last_time, whole->begun};
    }
    if (r == RESULT_OK)
        r = fates_find(&c->fates, c->work->second, seen, c->flows.count, c->views ? 1 : c->boundaries, err);
    free(seen);
    return r;
}

/* The view that a row shows: the one inside. */
static const struct flow_name *shown_of(const struct connections *c, const struct page_flow *flow,
                                        struct fate_path *ret_path)
{
    fate_path_of(&c->fates, &flow->name, ret_path);
    return ret_path->views[0];
}

/* Those of the views inside that are not here, because only the one outside matched or is in this page. */
static enum result find_inside(struct connections *c, struct error *err)
{
    struct index wanted = {.budget = c->flows.budget};
    struct sought_flow *sought = calloc(c->page_count + 1u, sizeof(*sought));
    enum result r = sought == NULL ? budget_exceeded(err) : RESULT_OK;
    size_t count = 0;
    for (uint32_t i = 0; i < c->page_count && r == RESULT_OK; i++) {
        struct fate_path path;
        uint32_t ignored;
        const struct flow_name *name = shown_of(c, &c->page[i], &path);
        struct index_key key = index_key_of_flow(name);
        if (path.count == 1 || flow_set_get(&c->flows, name) != NULL || index_get(&wanted, key, &ignored))
            continue;
        if (index_put(&wanted, key, 0) != RESULT_OK)
            r = budget_exceeded(err);
        const struct verdict *v = &path.links[0]->verdict;
        sought[count++] = (struct sought_flow){.name = *name,
                                               .address = {v->src_hi, v->src_lo},
                                               .first_ns = v->first_time - VERDICT_REACH_NS,
                                               .last_ns = v->last_time,
                                               .begun = true};
    }
    if (r == RESULT_OK && count > 0)
        r = sought_find(&c->flows, c->work->second, c->fields, sought, count, err);
    index_fini(&wanted);
    free(sought);
    return r;
}

/* ---- rows */

static bool is_given(const struct connections *c, const struct flow_name *name)
{
    struct index_key key = index_key_of_flow(name);
    uint32_t at;
    return index_get(&c->places, key, &at) ? c->page[at].given : index_get(&c->done, key, &at);
}

/* What has one record, which was met, is not met again. */
static bool remember(struct connections *c, const struct flow_name *name)
{
    struct index_key key = index_key_of_flow(name);
    uint32_t at;
    if (index_get(&c->places, key, &at)) {
        c->page[at].given = true;
        if (c->page[at].single && !c->again)
            return true;
    }
    return index_put(&c->done, key, 0) == RESULT_OK;
}

static enum result add_row(struct connections *c, const struct flow_name *name, struct connection *row,
                           const struct flow_name *partner, struct error *err)
{
    uint16_t observer, other = 0;
    enum result r = work_room(c->work, err);
    if (r != RESULT_OK)
        return r;
    if (records_observer(c->work->page, &name->observer, &observer) != RESULT_OK ||
        (partner != NULL && records_observer(c->work->page, &partner->observer, &other) != RESULT_OK))
        return budget_exceeded(err);
    row->flow.observer = observer;
    row->flow.flow = name->flow;
    row->partner_observer = other;
    row->partner_flow = partner == NULL ? 0 : partner->flow;
    return work_add(c->work, row, err);
}

/* Is it one that was asked for, as far as that is known only here? */
static bool is_wanted(struct connections *c, const struct connection *row)
{
    if (c->rest == NULL)
        return true;
    records_clear(c->probe);
    return records_add(c->probe, row) == RESULT_OK && filter_match(c->rest, c->probe, 0);
}

/* The row of a page's flow, unless its connection was given. */
static enum result give(struct connections *c, const struct page_flow *flow, struct error *err)
{
    char text[FATE_TEXT_MAX];
    struct fate_path path = {.views = {&flow->name}, .count = 1};
    struct connection row = {0};
    const struct flow_name *name = c->views ? &flow->name : shown_of(c, flow, &path);
    bool again = flow->given;
    for (unsigned i = 0; i < path.count; i++)
        again = again || is_given(c, path.views[i]);
    const struct whole_flow *whole = flow_set_get(&c->flows, name);
    for (unsigned i = 1; whole == NULL && i < path.count; i++)
        whole = flow_set_get(&c->flows, path.views[i]);
    if (whole == NULL)
        whole = flow_set_get(&c->flows, &flow->name);
    row.flow = whole->flow;
    const struct flow_name *partner =
        c->views ? fate_of_view(&c->fates, &flow->name, &row, text) : fate_of_path(&c->fates, &path, &row, text);
    bool wanted = !again && is_wanted(c, &row);
    if (wanted && c->given == c->limit) {
        c->more = true;
        return RESULT_END;
    }
    c->full = !remember(c, &flow->name);
    for (unsigned i = 0; i < path.count; i++)
        c->full = !remember(c, path.views[i]) || c->full;
    if (!wanted)
        return c->full ? RESULT_END : RESULT_OK;
    c->given++;
    enum result r = add_row(c, &whole->name, &row, partner, err);
    return r == RESULT_OK && c->full ? RESULT_END : r;
}

static enum result page_end(struct connections *c, struct error *err)
{
    enum result r = complete(c, err);
    if (r == RESULT_OK && c->tells)
        r = tell(c, err);
    if (r == RESULT_OK && !c->views)
        r = find_inside(c, err);
    for (uint32_t i = 0; i < c->page_count && r == RESULT_OK; i++)
        r = give(c, &c->page[i], err);
    page_clear(c);
    c->page_rows = c->page_rows * 4 < CONNECTIONS_PAGE_MAX ? c->page_rows * 4 : CONNECTIONS_PAGE_MAX;
    return r;
}

/* Two views for each connection that is wanted, and one that tells that there are more. */
static bool page_is_full(const struct connections *c)
{
    return c->page_count >= c->page_rows || c->page_count >= 2 * (c->limit - c->given) + 1;
}

enum result connections_take(struct connections *c, const struct records *flows, struct error *err)
{
    enum result r = RESULT_OK;
    for (uint32_t i = 0; i < flows->rows && r == RESULT_OK; i++) {
        r = page_add(c, flow_batch_of(flows), i, err);
        if (r == RESULT_OK && page_is_full(c))
            r = page_end(c, err);
    }
    return r;
}

enum result connections_end(struct connections *c, struct error *err)
{
    return c->page_count > 0 ? page_end(c, err) : RESULT_OK;
}
