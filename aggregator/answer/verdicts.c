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

static enum result read_all(struct verdict_set *set, struct store_reader *reader, const struct flow_name *names,
                            size_t count, struct error *err)
{
    const struct store_query query = {
        .kind = RECORD_VERDICT, .names = names, .name_count = count, .limit = VERDICTS_READ_MAX};
    struct records *records;
    uint64_t rows = 0;
    enum result r = count == 0 ? RESULT_END : store_find(reader, &query, err);
    while (r == RESULT_OK && (r = store_next(reader, &records, NULL, err)) == RESULT_OK) {
        for (uint32_t i = 0; i < records->rows && r == RESULT_OK; i++)
            r = verdict_set_add(set, records, i, err);
        rows += records->rows;
        records_free(&records);
    }
    set->cut = set->cut || rows >= VERDICTS_READ_MAX;
    return r == RESULT_END ? RESULT_OK : r;
}

/* What names a view only as a partner may have been revised since to name another: the verdicts about the views that
 * were not asked for themselves tell. */
enum result verdict_set_find(struct verdict_set *set, struct store_reader *reader, const struct flow_name *names,
                             size_t count, struct error *err)
{
    uint32_t from = set->count;
    struct index asked = {0};
    struct flow_name *others = NULL;
    size_t other_count = 0;
    enum result r = read_all(set, reader, names, count, err);
    if (r == RESULT_OK)
        others = calloc(set->count - from + 1u, sizeof(*others));
    if (r == RESULT_OK && others == NULL)
        r = budget_exceeded(err);
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        if (index_put(&asked, index_key_of_flow(&names[i]), 0) != RESULT_OK)
            r = budget_exceeded(err);
    }
    for (uint32_t i = from; i < set->count && r == RESULT_OK; i++) {
        uint32_t ignored;
        if (!index_get(&asked, index_key_of_flow(&set->verdicts[i].view), &ignored))
            others[other_count++] = set->verdicts[i].view;
    }
    for (size_t at = 0; at < other_count && r == RESULT_OK; at += STORE_NAMES_MAX)
        r = read_all(set, reader, others + at, other_count - at < STORE_NAMES_MAX ? other_count - at : STORE_NAMES_MAX,
                     err);
    free(others);
    index_fini(&asked);
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
