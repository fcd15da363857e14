/* SPDX-License-Identifier: Apache-2.0 */
/* Counting: plans for questions, and what the store has for them. */
#include "aggregator/answer/counts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/records/hour.h"

/* ---- plans */

enum result counts_begin(struct work *work, const struct tally_texts *texts, unsigned by, unsigned sort,
                         struct error *err)
{
    enum tally_text which;
    size_t offset = 0;
    struct tally_texts all = *texts;
    struct tally_plan *plan = malloc(sizeof(*plan));
    if (plan == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    all.geo = work->options->geo;
    enum result r = tally_plan_init(plan, &all, &which, &offset, err);
    if (r != RESULT_OK) {
        free(plan);
        return work_blame_at(work, which == TALLY_TEXT_BY ? by : sort, offset, r, err);
    }
    work->own = plan;
    work->columns = &plan->kind;
    return RESULT_OK;
}

void counts_end(struct work *work)
{
    free(work->own);
    work->own = NULL;
}

const struct record_kind *counts_columns(struct tally_plan *plan, const struct tally_texts *texts)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    enum tally_text which;
    size_t offset;
    pthread_mutex_lock(&lock);
    if (plan->kind.fields == NULL && tally_plan_init(plan, texts, &which, &offset, NULL) != RESULT_OK)
        abort(); /* our own texts */
    pthread_mutex_unlock(&lock);
    return &plan->kind;
}

/* ---- from hours */

/* Does it ask only what an hour knows as well? */
static bool is_of_services(const struct filter_node *node)
{
    switch (node->op) {
    case FILTER_TRUE:
    case FILTER_SENSOR:
        return true;
    case FILTER_AND:
    case FILTER_OR:
        return is_of_services(node->left) && is_of_services(node->right);
    case FILTER_NOT:
        return is_of_services(node->left);
    case FILTER_COMPARE:
    case FILTER_MASK:
        return node->value_of == FILTER_VALUE_FIELD &&
               (node->field == FLOW_FIELD_protocol || (node->side == FILTER_DST && node->twin == FLOW_FIELD_dst_port));
    default:
        return false;
    }
}

/* Flows that have of each hour what a filter and a key of services ask for, and its sums. NULL: out of memory. */
static struct records *flows_of_hours(const struct records *hours)
{
    const struct hour_columns *h = hour_columns(hours);
    struct records *flows = records_new(record_kinds[RECORD_FLOW], hours->rows + 1);
    uint16_t index;
    bool done = flows != NULL;
    for (uint32_t o = 0; done && o < hours->observer_count; o++)
        done = records_observer(flows, &hours->observers[o], &index) == RESULT_OK && index == o;
    if (!done) {
        records_free(&flows);
        return NULL;
    }
    struct flow_batch *f = flow_batch_of(flows);
    size_t narrow = h->rows * sizeof(*h->protocol), wide = h->rows * sizeof(*h->src_bytes);
    memcpy(f->observer, h->observer, narrow);
    memcpy(f->protocol, h->protocol, narrow);
    memcpy(f->dst_port, h->dst_port, narrow);
    memcpy(f->first_time, h->time, wide);
    memcpy(f->src_packets, h->src_packets, wide);
    memcpy(f->dst_packets, h->dst_packets, wide);
    memcpy(f->src_bytes, h->src_bytes, wide);
    memcpy(f->dst_bytes, h->dst_bytes, wide);
    flows->rows = hours->rows;
    return flows;
}

/* Those of the hours that the filter takes. */
static enum result add_hours(struct tally *tally, const struct records *hours, const struct filter *filter,
                             struct error *err)
{
    struct records *flows = flows_of_hours(hours), *chosen = NULL;
    uint32_t *rows = malloc((hours->rows + 1u) * sizeof(*rows));
    uint64_t *counts = malloc((hours->rows + 1u) * sizeof(*counts));
    bool made = flows != NULL && rows != NULL && counts != NULL;
    uint32_t count = 0;
    if (made && filter != NULL)
        count = filter_select(filter, flows, rows);
    for (uint32_t i = 0; made && filter == NULL && i < hours->rows; i++)
        rows[count++] = i;
    for (uint32_t i = 0; i < count; i++)
        counts[i] = hour_columns(hours)->flows[rows[i]];
    chosen = made ? records_copy(flows, rows, 0, count) : NULL;
    enum result r = chosen == NULL ? error_set(err, RESULT_AGAIN, "out of memory")
                                   : tally_add(tally, &(struct tally_rows){.records = chosen, .flows = counts}, err);
    records_free(&chosen);
    records_free(&flows);
    free(rows);
    free(counts);
    return r;
}

/* ---- from the store */

struct span {
    int64_t from_ns, to_ns; /* 0: unbounded */
};

static enum result read_span(struct work *work, struct tally *tally, const struct counts_query *query,
                             enum record_kind_number kind, struct span span, struct error *err)
{
    bool flows = kind == RECORD_FLOW;
    const struct tally_plan *plan = counts_plan(work);
    const struct store_query wanted = {.kind = kind,
                                       .fields = !flows             ? NULL
                                                 : query->key_alone ? plan->key_fields
                                                                    : plan->fields,
                                       .filter = flows ? query->filter : NULL,
                                       .from_ns = span.from_ns,
                                       .to_ns = span.to_ns,
                                       .endpoint = query->endpoint,
                                       .addresses = query->addresses,
                                       .address_count = query->address_count};
    struct records *records;
    enum result r = store_find(work->reader, &wanted, err);
    while (r == RESULT_OK && (r = store_next(work->reader, &records, NULL, err)) == RESULT_OK) {
        const struct tally_rows rows = {.records = records, .from_ns = span.from_ns, .to_ns = span.to_ns};
        r = flows ? tally_add(tally, &rows, err) : add_hours(tally, records, query->filter, err);
        records_free(&records);
    }
    return r == RESULT_END ? RESULT_OK : r;
}

/* What lies before the first whole hour and behind the last comes from flows. */
static enum result read_hours(struct work *work, struct tally *tally, const struct counts_query *query,
                              struct span span, struct error *err)
{
    const struct span hours = {span.from_ns == 0 ? 0 : hour_of(span.from_ns - 1) + HOUR_NS,
                               span.to_ns == 0 ? 0 : hour_of(span.to_ns)};
    if (hours.from_ns != 0 && hours.to_ns != 0 && hours.from_ns >= hours.to_ns)
        return read_span(work, tally, query, RECORD_FLOW, span, err);
    enum result r = read_span(work, tally, query, RECORD_HOUR, hours, err);
    if (r == RESULT_OK && span.from_ns != hours.from_ns)
        r = read_span(work, tally, query, RECORD_FLOW, (struct span){span.from_ns, hours.from_ns}, err);
    if (r == RESULT_OK && span.to_ns != hours.to_ns)
        r = read_span(work, tally, query, RECORD_FLOW, (struct span){hours.to_ns, span.to_ns}, err);
    return r;
}

bool counts_hours_reach(const struct store_part *parts, size_t count, int64_t from_ns)
{
    int64_t flows_ns = INT64_MAX, hours_ns = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        int64_t *first = parts[i].kind == RECORD_FLOW ? &flows_ns : parts[i].kind == RECORD_HOUR ? &hours_ns : NULL;
        if (first != NULL && parts[i].files > 0 && parts[i].first_ns < *first)
            *first = parts[i].first_ns;
    }
    if (flows_ns == INT64_MAX) /* what is hot is summed up when it is asked for */
        return true;
    return hours_ns <= (from_ns != 0 && from_ns > flows_ns ? from_ns : flows_ns);
}

enum result counts_from_hours(const struct work *work, const struct counts_query *query, bool *ret_hours,
                              struct error *err)
{
    struct store_part *parts = NULL;
    size_t count = 0;
    *ret_hours = tally_plan_is_of_hours(counts_plan(work), query->key_alone) && query->endpoint == NULL &&
                 query->address_count == 0 && (query->filter == NULL || is_of_services(filter_root(query->filter)));
    if (!*ret_hours)
        return RESULT_OK;
    enum result r = store_parts(work->options->store, &parts, &count, err);
    *ret_hours = r == RESULT_OK && counts_hours_reach(parts, count, query->from_ns);
    free(parts);
    return r;
}

enum result counts_read(struct work *work, struct tally *tally, const struct counts_query *query, struct error *err)
{
    const struct span span = {query->from_ns, query->to_ns};
    bool hours;
    enum result r = counts_from_hours(work, query, &hours, err);
    if (r != RESULT_OK)
        return r;
    return hours ? read_hours(work, tally, query, span, err) : read_span(work, tally, query, RECORD_FLOW, span, err);
}

enum result counts_run(struct work *work, const struct counts_query *query, uint64_t limit, struct error *err)
{
    work->coverage.from_ns = query->from_ns;
    work->coverage.to_ns = query->to_ns;
    struct tally *tally = tally_new(counts_plan(work), &work->memory);
    if (tally == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = counts_read(work, tally, query, err);
    if (r == RESULT_OK)
        r = tally_send(tally, work, limit == 0 || limit > ANSWER_ROWS_MAX ? ANSWER_ROWS_MAX : limit, err);
    tally_free(&tally);
    return r;
}
