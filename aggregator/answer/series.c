/* SPDX-License-Identifier: Apache-2.0 */
/* series: sums over time. Whole hours of services come from what the store has summed up, all else from flows. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/tally.h"
#include "common/records/hour.h"

enum { SERIES_FILTER, SERIES_FROM, SERIES_TO, SERIES_STEP, SERIES_BY, SERIES_PARAMETER_COUNT };

static const struct parameter parameters[] = {
    [SERIES_FILTER] = {.name = "filter",
                       .type = PARAMETER_FILTER,
                       .help = "of which flows; without one, of all. One of protocol, dst port and sensor alone is "
                               "answered, by whole hours, from sums that are kept longer than flows",
                       .positional = true,
                       .kind = RECORD_FLOW},
    [SERIES_FROM] = {.name = "from", .type = PARAMETER_TIME, .help = "of records that began then or later"},
    [SERIES_TO] = {.name = "to", .type = PARAMETER_TIME, .help = "of records that began before", .not_before = "from"},
    [SERIES_STEP] = {.name = "step",
                     .type = PARAMETER_SPAN,
                     .help =
                         "of time between two rows, counted from 1970 UTC. Of a long flow in segments that were merged "
                         "a record is an hour, and counts where it begins",
                     .fallback = "1h"},
    [SERIES_BY] = {.name = "by",
                   .type = PARAMETER_WORD,
                   .help = TALLY_HELP,
                   .fallback = "sensor",
                   .words = tally_words,
                   .word_count = TALLY_BY_COUNT}};

static const struct record_kind *columns(void)
{
    return tally_columns(true);
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

/* Flows that have of each hour what a filter of services asks for. NULL: out of memory. */
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
    memcpy(f->observer, h->observer, h->rows * sizeof(*h->observer));
    memcpy(f->protocol, h->protocol, h->rows * sizeof(*h->protocol));
    memcpy(f->dst_port, h->dst_port, h->rows * sizeof(*h->dst_port));
    flows->rows = hours->rows;
    return flows;
}

static enum result add_hour(struct tally *tally, const struct hour_columns *h, uint32_t row, int64_t step_ns,
                            struct error *err)
{
    const struct tally_key key = {.time = floor_ns(h->time[row], step_ns),
                                  .sensor = h->observers[h->observer[row]].sensor,
                                  .protocol = (uint8_t)h->protocol[row],
                                  .dst_port = (uint16_t)h->dst_port[row]};
    const struct tally_sums sums = {h->flows[row], h->src_packets[row], h->dst_packets[row], h->src_bytes[row],
                                    h->dst_bytes[row]};
    return tally_add(tally, &key, &sums, err);
}

static enum result add_hours(struct tally *tally, const struct records *hours, const struct filter *filter,
                             int64_t step_ns, struct error *err)
{
    struct records *flows = filter == NULL ? NULL : flows_of_hours(hours);
    uint32_t *rows = malloc((hours->rows + 1u) * sizeof(*rows));
    enum result r =
        rows == NULL || (filter != NULL && flows == NULL) ? error_set(err, RESULT_AGAIN, "out of memory") : RESULT_OK;
    uint32_t count = r == RESULT_OK && filter != NULL ? filter_select(filter, flows, rows) : hours->rows;
    for (uint32_t i = 0; i < count && r == RESULT_OK; i++)
        r = add_hour(tally, hour_columns(hours), filter == NULL ? i : rows[i], step_ns, err);
    records_free(&flows);
    free(rows);
    return r;
}

/* ---- from the store */

struct span {
    int64_t from_ns, to_ns; /* 0: unbounded */
};

static enum result sum_up(struct work *work, struct tally *tally, enum record_kind_number kind, struct span span,
                          struct error *err)
{
    const struct filter *filter = work_argument(work, SERIES_FILTER)->filter;
    int64_t step_ns = work_argument(work, SERIES_STEP)->time;
    const struct store_query query = {.kind = kind,
                                      .fields = kind == RECORD_FLOW ? tally_flow_fields : NULL,
                                      .filter = kind == RECORD_FLOW ? filter : NULL,
                                      .from_ns = span.from_ns,
                                      .to_ns = span.to_ns};
    struct records *records;
    enum result r = store_find(work->reader, &query, err);
    while (r == RESULT_OK && (r = store_next(work->reader, &records, NULL, err)) == RESULT_OK) {
        r = kind == RECORD_FLOW ? tally_add_flows(tally, records, span.from_ns, span.to_ns, step_ns, err)
                                : add_hours(tally, records, filter, step_ns, err);
        records_free(&records);
    }
    return r == RESULT_END ? RESULT_OK : r;
}

static bool hours_will_do(const struct work *work)
{
    const struct filter *filter = work_argument(work, SERIES_FILTER)->filter;
    return work_argument(work, SERIES_STEP)->time % HOUR_NS == 0 &&
           work_argument(work, SERIES_BY)->number <= TALLY_SERVICE &&
           (filter == NULL || is_of_services(filter_root(filter)));
}

/* What lies before the first whole hour and behind the last comes from flows. */
static enum result sum_up_hours(struct work *work, struct tally *tally, struct span span, struct error *err)
{
    const struct span hours = {span.from_ns == 0 ? 0 : hour_of(span.from_ns - 1) + HOUR_NS,
                               span.to_ns == 0 ? 0 : hour_of(span.to_ns)};
    if (hours.from_ns != 0 && hours.to_ns != 0 && hours.from_ns >= hours.to_ns)
        return sum_up(work, tally, RECORD_FLOW, span, err);
    enum result r = sum_up(work, tally, RECORD_HOUR, hours, err);
    if (r == RESULT_OK && span.from_ns != hours.from_ns)
        r = sum_up(work, tally, RECORD_FLOW, (struct span){span.from_ns, hours.from_ns}, err);
    if (r == RESULT_OK && span.to_ns != hours.to_ns)
        r = sum_up(work, tally, RECORD_FLOW, (struct span){hours.to_ns, span.to_ns}, err);
    return r;
}

static enum result run(struct work *work, struct error *err)
{
    const struct span span = {work_argument(work, SERIES_FROM)->time, work_argument(work, SERIES_TO)->time};
    if (work_argument(work, SERIES_STEP)->time <= 0)
        return work_blame(work, SERIES_STEP, error_set(err, RESULT_REJECT, "step: it must be longer than nothing"));
    work->coverage.from_ns = span.from_ns;
    work->coverage.to_ns = span.to_ns;
    struct tally *tally = tally_new((enum tally_by)work_argument(work, SERIES_BY)->number, &work->memory);
    if (tally == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r =
        hours_will_do(work) ? sum_up_hours(work, tally, span, err) : sum_up(work, tally, RECORD_FLOW, span, err);
    if (r == RESULT_OK)
        r = tally_send(tally, work, TALLY_BY_TIME, ANSWER_ROWS_MAX, err);
    tally_free(&tally);
    return r;
}

const struct question question_series = {
    .name = "series",
    .summary = "Series: flows, packets and bytes over time, by each sensor's view, whole or by a key.",
    .parameters = parameters,
    .parameter_count = SERIES_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = columns,
    .run = run};
