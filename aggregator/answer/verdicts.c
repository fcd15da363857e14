/* SPDX-License-Identifier: Apache-2.0 */
/* The latest verdicts about views. */
#include "aggregator/answer/verdicts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t terms_size(const struct known_verdict *known)
{
    return (known->verdict.terms + 1u) * sizeof(*known->terms);
}

void verdict_set_drop_last(struct verdict_set *set)
{
    struct known_verdict *last = &set->verdicts[--set->count];
    if (last->terms != NULL) /* not moved away */
        budget_give(set->budget, terms_size(last));
    free(last->terms);
}

void verdict_set_clear(struct verdict_set *set)
{
    while (set->count > 0)
        verdict_set_drop_last(set);
    index_fini(&set->index);
}

void verdict_set_fini(struct verdict_set *set)
{
    verdict_set_clear(set);
    free(set->verdicts);
    budget_give(set->budget, set->capacity * sizeof(*set->verdicts));
    *set = verdict_set_new(set->budget);
}

const struct known_verdict *verdict_set_get(const struct verdict_set *set, const char *boundary,
                                            const struct flow_name *view)
{
    uint32_t at;
    return index_get(&set->index, index_key_of_view(boundary, view), &at) ? &set->verdicts[at] : NULL;
}

static bool grow(struct verdict_set *set)
{
    if (set->count < set->capacity)
        return true;
    uint32_t capacity = set->capacity == 0 ? 64 : set->capacity * 2;
    size_t more = (capacity - set->capacity) * sizeof(*set->verdicts);
    if (!budget_take(set->budget, more))
        return false;
    struct known_verdict *grown = realloc(set->verdicts, capacity * sizeof(*grown));
    if (grown == NULL) {
        budget_give(set->budget, more);
        return false;
    }
    set->verdicts = grown;
    set->capacity = capacity;
    return true;
}

/* False: out of memory. */
static bool take(struct budget *budget, struct known_verdict *known, const struct records *records, uint32_t row)
{
    const struct verdict_columns *v = verdict_columns(records);
    *known = (struct known_verdict){0};
    records_get(records, row, &known->verdict);
    snprintf(known->boundary, sizeof(known->boundary), "%s", known->verdict.boundary);
    known->verdict.boundary = NULL; /* the set may move: known_verdict_append sets it */
    known->view = (struct flow_name){v->observers[v->observer[row]], v->flow[row]};
    if (verdict_is_linked(known->verdict.verdict))
        known->partner = (struct flow_name){v->observers[v->partner_observer[row]], v->partner_flow[row]};
    uint32_t first, count = records_items(records, VERDICT_TERMS, row, &first);
    known->verdict.terms = (uint16_t)count;
    if (!budget_take(budget, terms_size(known)))
        return false;
    known->terms = calloc(count + 1u, sizeof(*known->terms));
    if (known->terms == NULL)
        budget_give(budget, terms_size(known));
    for (uint32_t i = 0; known->terms != NULL && i < count; i++)
        records_item_get(records, VERDICT_TERMS, first + i, &known->terms[i]);
    return known->terms != NULL;
}

enum result verdict_set_add(struct verdict_set *set, const struct records *records, uint32_t row, struct error *err)
{
    const struct verdict_columns *v = verdict_columns(records);
    const struct flow_name view = {v->observers[v->observer[row]], v->flow[row]};
    struct index_key key = index_key_of_view(v->boundary[row] == NULL ? "" : v->boundary[row], &view);
    struct known_verdict made;
    uint32_t at = set->count;
    bool known = index_get(&set->index, key, &at);
    if (known && set->verdicts[at].verdict.revision >= v->revision[row])
        return RESULT_OK;
    if (!take(set->budget, &made, records, row))
        return budget_exceeded(err);
    if (!grow(set) || index_put(&set->index, key, at) != RESULT_OK) {
        budget_give(set->budget, terms_size(&made));
        free(made.terms);
        return budget_exceeded(err);
    }
    if (known) {
        budget_give(set->budget, terms_size(&set->verdicts[at]));
        free(set->verdicts[at].terms);
    } else {
        set->count++;
    }
    set->verdicts[at] = made;
    return RESULT_OK;
}

enum result verdict_set_move(struct verdict_set *set, struct known_verdict *known, struct error *err)
{
    if (!grow(set))
        return budget_exceeded(err);
    set->verdicts[set->count++] = *known;
    known->terms = NULL;
    return RESULT_OK;
}

/* ---- looking up */

/* Names that are looked up in [from, to). */
struct look_up {
    struct flow_name *names; /* owned */
    size_t count;
    bool any; /* at all times: the two below are 0 */
    int64_t from_ns, to_ns;
};

/* Widens the time by one flow's. */
static void add_name(struct look_up *l, const struct flow_name *name, int64_t first_ns, int64_t last_ns)
{
    int64_t from_ns = first_ns - VERDICT_REACH_NS, to_ns = last_ns + VERDICT_REACH_NS;
    l->any |= first_ns == 0 && last_ns == 0;
    l->from_ns = l->any ? 0 : l->count == 0 || from_ns < l->from_ns ? from_ns : l->from_ns;
    l->to_ns = l->any ? 0 : l->count == 0 || to_ns > l->to_ns ? to_ns : l->to_ns;
    l->names[l->count++] = *name;
}

/* What says which verdict it is, and is so read in any case. */
static void wanted_fields(const struct verdict_set *set, bool *fields)
{
    static const unsigned always[] = {
        VERDICT_FIELD_observer,         VERDICT_FIELD_flow,         VERDICT_FIELD_boundary,
        VERDICT_FIELD_verdict,          VERDICT_FIELD_revision,     VERDICT_FIELD_first_time,
        VERDICT_FIELD_partner_observer, VERDICT_FIELD_partner_flow, VERDICT_FIELD_last_time};
    for (unsigned f = 0; f < VERDICT_FIELD_COUNT; f++)
        fields[f] = set->fields == NULL || set->fields[f];
    for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
        fields[always[i]] = true;
}

static enum result read_some(struct verdict_set *set, struct store_reader *reader, const struct look_up *l, size_t at,
                             struct error *err)
{
    bool fields[RECORDS_FIELDS_MAX];
    wanted_fields(set, fields);
    const struct store_query query = {.kind = RECORD_VERDICT,
                                      .fields = fields,
                                      .names = l->names + at,
                                      .name_count = l->count - at < STORE_NAMES_MAX ? l->count - at : STORE_NAMES_MAX,
                                      .from_ns = l->from_ns,
                                      .to_ns = l->to_ns,
                                      .limit = VERDICTS_READ_MAX};
    struct records *records;
    uint64_t rows = 0;
    enum result r = store_find(reader, &query, err);
    while (r == RESULT_OK && (r = store_next(reader, &records, NULL, err)) == RESULT_OK) {
        for (uint32_t i = 0; i < records->rows && r == RESULT_OK; i++)
            r = verdict_set_add(set, records, i, err);
        rows += records->rows;
        records_free(&records);
    }
    set->cut = set->cut || rows >= VERDICTS_READ_MAX;
    return r == RESULT_END ? RESULT_OK : r;
}

static enum result read_all(struct verdict_set *set, struct store_reader *reader, const struct look_up *l,
                            struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t at = 0; at < l->count && r == RESULT_OK; at += STORE_NAMES_MAX)
        r = read_some(set, reader, l, at, err);
    return r;
}

/* Flows in the time they were seen in. */
static enum result find_near(struct verdict_set *set, struct store_reader *reader, const struct seen_flow *flows,
                             size_t count, struct look_up *l, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        add_name(l, &flows[i].name, flows[i].first_ns, flows[i].last_ns);
    return read_all(set, reader, l, err);
}

/* Flows that nothing was found of, and that were there before: a verdict is as old as the first that was seen of it. */
static enum result find_before(struct verdict_set *set, struct store_reader *reader, const struct seen_flow *flows,
                               size_t count, struct look_up *l, struct error *err)
{
    struct index told = {0};
    enum result r = RESULT_OK;
    uint32_t ignored;
    for (uint32_t i = 0; i < set->count && r == RESULT_OK; i++) {
        const struct known_verdict *known = &set->verdicts[i];
        if (index_put(&told, index_key_of_flow(&known->view), 0) != RESULT_OK ||
            index_put(&told, index_key_of_flow(&known->partner), 0) != RESULT_OK)
            r = budget_exceeded(err);
    }
    const int64_t looked_from_ns = l->from_ns;
    const bool looked_at_all = l->any;
    l->count = 0;
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        if (!flows[i].begun && !index_get(&told, index_key_of_flow(&flows[i].name), &ignored))
            add_name(l, &flows[i].name, flows[i].first_ns, flows[i].last_ns);
    }
    index_fini(&told);
    l->from_ns = 0;
    l->to_ns = looked_from_ns;
    return r == RESULT_OK && !looked_at_all ? read_all(set, reader, l, err) : r;
}

/* What names a view only as a partner may have been revised since to name another: the verdicts about the views that
 * were not asked for themselves tell. */
static enum result find_others(struct verdict_set *set, struct store_reader *reader, const struct seen_flow *flows,
                               size_t count, uint32_t from, struct look_up *l, struct error *err)
{
    struct index asked = {0};
    enum result r = RESULT_OK;
    free(l->names);
    *l = (struct look_up){.names = calloc(set->count - from + 1u, sizeof(*l->names))};
    if (l->names == NULL)
        return budget_exceeded(err);
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        if (index_put(&asked, index_key_of_flow(&flows[i].name), 0) != RESULT_OK)
            r = budget_exceeded(err);
    }
    for (uint32_t i = from; i < set->count && r == RESULT_OK; i++) {
        const struct known_verdict *known = &set->verdicts[i];
        uint32_t ignored;
        if (!index_get(&asked, index_key_of_flow(&known->view), &ignored))
            add_name(l, &known->view, known->verdict.first_time, known->verdict.last_time);
    }
    index_fini(&asked);
    return r == RESULT_OK ? read_all(set, reader, l, err) : r;
}

enum result verdict_set_find(struct verdict_set *set, struct store_reader *reader, const struct seen_flow *flows,
                             size_t count, struct error *err)
{
    uint32_t from = set->count;
    struct look_up l = {.names = calloc(count + 1u, sizeof(*l.names))};
    enum result r = l.names == NULL ? budget_exceeded(err) : find_near(set, reader, flows, count, &l, err);
    if (r == RESULT_OK)
        r = find_before(set, reader, flows, count, &l, err);
    if (r == RESULT_OK)
        r = find_others(set, reader, flows, count, from, &l, err);
    free(l.names);
    return r;
}

enum result known_verdict_append(const struct known_verdict *known, struct records *records)
{
    struct verdict row = known->verdict;
    uint16_t observer, partner = 0;
    row.boundary = known->boundary;
    enum result r = records_observer(records, &known->view.observer, &observer);
    if (r == RESULT_OK && known->partner.observer.sensor[0] != '\0')
        r = records_observer(records, &known->partner.observer, &partner);
    if (r != RESULT_OK)
        return r;
    row.observer = observer;
    row.partner_observer = partner;
    r = records_add(records, &row);
    for (unsigned i = 0; i < known->verdict.terms && r == RESULT_OK; i++)
        r = records_add_item(records, VERDICT_TERMS, &known->terms[i]);
    return r;
}
