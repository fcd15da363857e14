/* SPDX-License-Identifier: Apache-2.0 */
/* top: who or what had the most. */
#include "aggregator/answer/tally.h"

enum { TOP_FILTER, TOP_FROM, TOP_TO, TOP_BY, TOP_SORT, TOP_LIMIT, TOP_PARAMETER_COUNT };

static const char *const measures[] = {"bytes", "packets", "flows"};
static const enum tally_order orders[] = {TALLY_BY_BYTES, TALLY_BY_PACKETS, TALLY_BY_FLOWS};

static const struct parameter parameters[] = {
    [TOP_FILTER] = {.name = "filter",
                    .type = PARAMETER_FILTER,
                    .help = "of which flows; without one, of all",
                    .positional = true,
                    .kind = RECORD_FLOW},
    [TOP_FROM] = {.name = "from", .type = PARAMETER_TIME, .help = "of records that began then or later"},
    [TOP_TO] = {.name = "to", .type = PARAMETER_TIME, .help = "of records that began before", .not_before = "from"},
    [TOP_BY] = {.name = "by",
                .type = PARAMETER_WORD,
                .help = TALLY_HELP,
                .fallback = "host",
                .words = tally_words,
                .word_count = TALLY_BY_COUNT},
    [TOP_SORT] = {.name = "sort",
                  .type = PARAMETER_WORD,
                  .help = "the most of what",
                  .fallback = "bytes",
                  .words = measures,
                  .word_count = sizeof(measures) / sizeof(*measures)},
    [TOP_LIMIT] = {.name = "limit",
                   .type = PARAMETER_NUMBER,
                   .help = "at most so many; 0: as many as the aggregator answers, 1,000,000",
                   .fallback = "10"}};

static const struct record_kind *columns(void)
{
    return tally_columns(false);
}

static enum result sum_up(struct work *work, struct tally *tally, struct error *err)
{
    work->coverage.from_ns = work_argument(work, TOP_FROM)->time;
    work->coverage.to_ns = work_argument(work, TOP_TO)->time;
    const struct store_query query = {.kind = RECORD_FLOW,
                                      .fields = tally_flow_fields,
                                      .filter = work_argument(work, TOP_FILTER)->filter,
                                      .from_ns = work->coverage.from_ns,
                                      .to_ns = work->coverage.to_ns};
    struct records *flows;
    enum result r = store_find(work->reader, &query, err);
    while (r == RESULT_OK && (r = store_next(work->reader, &flows, NULL, err)) == RESULT_OK) {
        r = tally_add_flows(tally, flows, query.from_ns, query.to_ns, 0, err);
        records_free(&flows);
    }
    return r == RESULT_END ? RESULT_OK : r;
}

static enum result run(struct work *work, struct error *err)
{
    uint64_t limit = work_argument(work, TOP_LIMIT)->number;
    struct tally *tally = tally_new((enum tally_by)work_argument(work, TOP_BY)->number, &work->memory);
    if (tally == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = sum_up(work, tally, err);
    if (r == RESULT_OK)
        r = tally_send(tally, work, orders[work_argument(work, TOP_SORT)->number],
                       limit == 0 || limit > ANSWER_ROWS_MAX ? ANSWER_ROWS_MAX : limit, err);
    tally_free(&tally);
    return r;
}

const struct question question_top = {
    .name = "top",
    .summary = "Top: who, or which service, had the most bytes, packets or flows, by each sensor's view.",
    .parameters = parameters,
    .parameter_count = TOP_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = columns,
    .run = run};
