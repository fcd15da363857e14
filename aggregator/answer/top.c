/* SPDX-License-Identifier: Apache-2.0 */
/* top: who or what had the most. */
#include "aggregator/answer/counts.h"

enum { TOP_FILTER, TOP_FROM, TOP_TO, TOP_BY, TOP_SORT, TOP_LIMIT, TOP_PARAMETER_COUNT };

static const struct parameter parameters[] = {
    [TOP_FILTER] = {.name = "filter",
                    .type = PARAMETER_FILTER,
                    .help = "of which flows; without one, of all",
                    .positional = true,
                    .kind = RECORD_FLOW},
    [TOP_FROM] = {.name = "from", .type = PARAMETER_TIME, .help = "of records that began then or later"},
    [TOP_TO] = {.name = "to", .type = PARAMETER_TIME, .help = "of records that began before", .not_before = "from"},
    [TOP_BY] = {.name = "by", .type = PARAMETER_TEXT, .help = TALLY_BY_HELP, .fallback = "host"},
    [TOP_SORT] = {.name = "sort",
                  .type = PARAMETER_TEXT,
                  .help = "the most of what; with commas between also further columns: " TALLY_MEASURE_HELP,
                  .fallback = "bytes"},
    [TOP_LIMIT] = {.name = "limit",
                   .type = PARAMETER_NUMBER,
                   .help = "at most so many; 0: as many as the aggregator answers, 1,000,000",
                   .fallback = "10"}};

static const struct record_kind *columns(void)
{
    static struct tally_plan plan;
    return counts_columns(&plan, &(struct tally_texts){"top", "host", "bytes", 0});
}

static enum result begin(struct work *work, struct error *err)
{
    const struct tally_texts texts = {"top", work_argument(work, TOP_BY)->text, work_argument(work, TOP_SORT)->text, 0};
    return counts_begin(work, &texts, TOP_BY, TOP_SORT, err);
}

static enum result run(struct work *work, struct error *err)
{
    const struct counts_query query = {.filter = work_argument(work, TOP_FILTER)->filter,
                                       .from_ns = work_argument(work, TOP_FROM)->time,
                                       .to_ns = work_argument(work, TOP_TO)->time};
    return counts_run(work, &query, work_argument(work, TOP_LIMIT)->number, err);
}

const struct question question_top = {
    .name = "top",
    .summary = "Top: who, or what, had the most of a measure, by each sensor's view. Keys and measures are columns.",
    .examples = "pavo top --from -1d\n"
                "pavo top --by src --sort 'distinct dst' --from -1h 'state S0 or state REJ'\n"
                "pavo top --by src/24,service --sort flows --limit 20 'dst net 10.0.0.0/8'\n"
                "pavo top --by host,peer --sort bps,packets 'not port 443'",
    .parameters = parameters,
    .parameter_count = TOP_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = columns,
    .begin = begin,
    .end = counts_end,
    .run = run};
