/* SPDX-License-Identifier: Apache-2.0 */
/* What became of views at boundaries. */
#include "aggregator/answer/fate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* Without the evidence. */
static const bool fields_read[VERDICT_FIELD_COUNT] = {
#define READ(field) [VERDICT_FIELD_##field] = true
    READ(side),
    READ(translated),
    READ(odds),
    READ(method),
    READ(src_hi),
    READ(src_lo),
    READ(protocol),
    READ(post_nat_src_hi),
    READ(post_nat_src_lo),
    READ(post_nat_src_port),
    READ(post_nat_dst_hi),
    READ(post_nat_dst_lo),
    READ(post_nat_dst_port)
#undef READ
};

struct fates fates_new(struct budget *budget)
{
    struct fates fates = {
        .verdicts = verdict_set_new(budget), .as_view = {.budget = budget}, .as_partner = {.budget = budget}};
    fates.verdicts.fields = fields_read;
    return fates;
}

void fates_fini(struct fates *fates)
{
    struct budget *budget = fates->as_view.budget;
    verdict_set_fini(&fates->verdicts);
    index_fini(&fates->as_view);
    index_fini(&fates->as_partner);
    free(fates->next_view);
    free(fates->next_partner);
    *fates = fates_new(budget);
}

/* ---- looking up */

static enum result chain(struct index *heads, uint32_t *next, const struct flow_name *name, uint32_t verdict)
{
    struct index_key key = index_key_of_flow(name);
    if (!index_get(heads, key, &next[verdict]))
        next[verdict] = NONE;
    return index_put(heads, key, verdict);
}

static enum result chain_all(struct fates *fates, struct error *err)
{
    const struct verdict_set *set = &fates->verdicts;
    fates->next_view = calloc(set->count + 1u, sizeof(*fates->next_view));
    fates->next_partner = calloc(set->count + 1u, sizeof(*fates->next_partner));
    if (fates->next_view == NULL || fates->next_partner == NULL)
        return budget_exceeded(err);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct known_verdict *known = &set->verdicts[i];
        bool linked = verdict_is_linked(known->verdict.verdict);
        if (chain(&fates->as_view, fates->next_view, &known->view, i) != RESULT_OK ||
            (linked && chain(&fates->as_partner, fates->next_partner, &known->partner, i) != RESULT_OK))
            return budget_exceeded(err);
    }
    return RESULT_OK;
}

/* Flows that were not asked for yet. */
struct asking {
    struct index asked;
    struct seen_flow *flows; /* owned */
    size_t count;
};

static enum result ask_for(struct asking *asking, const struct flow_name *name, const struct known_verdict *link,
                           struct error *err)
{
    struct index_key key = index_key_of_flow(name);
    uint32_t ignored;
    if (asking->count == STORE_NAMES_MAX || index_get(&asking->asked, key, &ignored))
        return RESULT_OK;
    asking->flows[asking->count++] =
        (struct seen_flow){*name, link->verdict.first_time, link->verdict.first_time, true};
    return index_put(&asking->asked, key, 0) == RESULT_OK ? RESULT_OK : budget_exceeded(err);
}

/* The flows on the other sides, and so on over the next boundaries. */
static enum result find_farther(struct fates *fates, struct store_reader *reader, struct asking *asking,
                                unsigned boundaries, struct error *err)
{
    enum result r = RESULT_OK;
    uint32_t from = 0;
    for (unsigned hop = 1; hop < boundaries && hop < FATE_VIEWS_MAX && r == RESULT_OK; hop++) {
        uint32_t count = fates->verdicts.count;
        asking->count = 0;
        for (; from < count && r == RESULT_OK; from++) {
            const struct known_verdict *known = &fates->verdicts.verdicts[from];
            if (!verdict_is_linked(known->verdict.verdict))
                continue;
            r = ask_for(asking, &known->view, known, err);
            if (r == RESULT_OK)
                r = ask_for(asking, &known->partner, known, err);
        }
        if (r != RESULT_OK || asking->count == 0)
            break;
        r = verdict_set_find(&fates->verdicts, reader, asking->flows, asking->count, err);
    }
    return r;
}

enum result fates_find(struct fates *fates, struct store_reader *reader, const struct seen_flow *flows, size_t count,
                       unsigned boundaries, struct error *err)
{
    struct asking asking = {.flows = calloc(STORE_NAMES_MAX, sizeof(*asking.flows))};
    enum result r = asking.flows == NULL ? budget_exceeded(err) : RESULT_OK;
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        if (index_put(&asking.asked, index_key_of_flow(&flows[i].name), 0) != RESULT_OK)
            r = budget_exceeded(err);
    }
    if (r == RESULT_OK)
        r = verdict_set_find(&fates->verdicts, reader, flows, count, err);
    if (r == RESULT_OK)
        r = find_farther(fates, reader, &asking, boundaries, err);
    index_fini(&asking.asked);
    free(asking.flows);
    return r == RESULT_OK ? chain_all(fates, err) : r;
}

/* ---- paths */

static uint32_t first_of(const struct index *heads, const struct flow_name *name)
{
    uint32_t at;
    return index_get(heads, index_key_of_flow(name), &at) ? at : NONE;
}

/* The link that leads from a view outwards. A view has one at a boundary; of those at several the first by name, so
 * that it is the same however they were found. */
static const struct known_verdict *link_out(const struct fates *fates, const struct flow_name *view)
{
    const struct known_verdict *found = NULL;
    for (uint32_t i = first_of(&fates->as_view, view); i != NONE; i = fates->next_view[i]) {
        const struct known_verdict *known = &fates->verdicts.verdicts[i];
        if (verdict_is_linked(known->verdict.verdict) &&
            (found == NULL || strcmp(known->boundary, found->boundary) < 0))
            found = known;
    }
    return found;
}

static const struct known_verdict *link_in(const struct fates *fates, const struct flow_name *partner)
{
    const struct known_verdict *found = NULL;
    for (uint32_t i = first_of(&fates->as_partner, partner); i != NONE; i = fates->next_partner[i]) {
        const struct known_verdict *known = &fates->verdicts.verdicts[i];
        if (found == NULL || strcmp(known->boundary, found->boundary) < 0)
            found = known;
    }
    return found;
}

void fate_path_of(const struct fates *fates, const struct flow_name *view, struct fate_path *ret_path)
{
    struct fate_path path = {.views = {view}, .count = 1};
    const struct known_verdict *link;
    for (unsigned hop = 1; hop < FATE_VIEWS_MAX && (link = link_in(fates, path.views[0])) != NULL; hop++)
        path.views[0] = &link->view;
    while (path.count < FATE_VIEWS_MAX && (link = link_out(fates, path.views[path.count - 1])) != NULL) {
        path.links[path.count - 1] = link;
        path.views[path.count++] = &link->partner;
    }
    *ret_path = path;
}

/* ---- what a row says */

/* Of verdicts that link nothing, at several boundaries, the one that says most. */
static unsigned tells(unsigned verdict)
{
    static const uint8_t order[VERDICT_COUNT] = {
        [VERDICT_BLOCKED] = 8,    [VERDICT_LOCAL] = 7,   [VERDICT_BLOCKED_OR_LOCAL] = 6, [VERDICT_AMBIGUOUS] = 5,
        [VERDICT_NO_PARTNER] = 4, [VERDICT_WAITING] = 3, [VERDICT_NOT_OBSERVABLE] = 2,   [VERDICT_EVICTED] = 1};
    return verdict < VERDICT_COUNT ? order[verdict] : 0;
}

static const struct known_verdict *alone(const struct fates *fates, const struct flow_name *view)
{
    const struct known_verdict *found = NULL;
    for (uint32_t i = first_of(&fates->as_view, view); i != NONE; i = fates->next_view[i]) {
        const struct known_verdict *known = &fates->verdicts.verdicts[i];
        unsigned more = tells(known->verdict.verdict), has = found == NULL ? 0 : tells(found->verdict.verdict);
        if (found == NULL || more > has || (more == has && strcmp(known->boundary, found->boundary) < 0))
            found = known;
    }
    return found;
}

static void say_alone(const struct known_verdict *known, struct connection *row)
{
    row->boundary = known->boundary;
    row->verdict = known->verdict.verdict;
    row->side = known->verdict.side == VERDICT_OUTSIDE ? CONNECTION_OUTSIDE : CONNECTION_INSIDE;
}

/* The last of several links says what the ends are outside. */
static void say_link(const struct known_verdict *known, struct connection *row)
{
    const struct verdict *v = &known->verdict;
    row->verdict = v->verdict;
    row->translated = v->translated;
    row->post_nat_src_hi = v->post_nat_src_hi;
    row->post_nat_src_lo = v->post_nat_src_lo;
    row->post_nat_src_port = v->post_nat_src_port;
    row->post_nat_dst_hi = v->post_nat_dst_hi;
    row->post_nat_dst_lo = v->post_nat_dst_lo;
    row->post_nat_dst_port = v->post_nat_dst_port;
    row->method = v->method;
    row->odds = v->odds;
    row->partner_flow = known->partner.flow;
}

/* Names with commas between; where they stand in `text`. */
static const char *join(char *text, size_t *used, const char *const *names, unsigned count)
{
    char *begin = text + *used;
    for (unsigned i = 0; i < count; i++)
        *used += (size_t)snprintf(text + *used, FATE_TEXT_MAX - *used, "%s%s", i == 0 ? "" : ",", names[i]);
    (*used)++;
    return begin;
}

static unsigned stronger(unsigned a, unsigned b)
{
    return a == VERDICT_FORWARDED ? b : b == VERDICT_FORWARDED || a == b ? a : VERDICT_TRANSLATED;
}

const struct flow_name *fate_of_path(const struct fates *fates, const struct fate_path *path, struct connection *row,
                                     char text[static FATE_TEXT_MAX])
{
    const char *sensors[FATE_VIEWS_MAX], *boundaries[FATE_VIEWS_MAX];
    size_t used = 0;
    for (unsigned i = 0; i < path->count; i++)
        sensors[i] = path->views[i]->observer.sensor;
    row->sensors = join(text, &used, sensors, path->count);
    if (path->count == 1) {
        const struct known_verdict *known = alone(fates, path->views[0]);
        if (known != NULL)
            say_alone(known, row);
        return NULL;
    }
    for (unsigned i = 0; i + 1 < path->count; i++) {
        const struct connection before = *row;
        boundaries[i] = path->links[i]->boundary;
        say_link(path->links[i], row);
        if (i == 0)
            continue;
        row->verdict = (uint8_t)stronger(before.verdict, row->verdict);
        row->translated |= before.translated; /* source and destination are bits of both */
        if (before.odds < row->odds) {
            row->odds = before.odds;
            row->method = before.method;
        }
    }
    row->boundary = join(text, &used, boundaries, path->count - 1);
    row->side = CONNECTION_INSIDE;
    return path->views[path->count - 1];
}

const struct flow_name *fate_of_view(const struct fates *fates, const struct flow_name *view, struct connection *row,
                                     char text[static FATE_TEXT_MAX])
{
    const struct known_verdict *out = link_out(fates, view), *in = link_in(fates, view), *known = alone(fates, view);
    size_t used = 0;
    row->sensors = join(text, &used, (const char *const[]){view->observer.sensor}, 1);
    if (out != NULL || in != NULL) {
        say_link(out != NULL ? out : in, row);
        row->boundary = out != NULL ? out->boundary : in->boundary;
        row->side = out != NULL ? CONNECTION_INSIDE : CONNECTION_OUTSIDE;
        if (out == NULL)
            row->partner_flow = in->view.flow;
        return out != NULL ? &out->partner : &in->view;
    }
    if (known != NULL)
        say_alone(known, row);
    return NULL;
}
