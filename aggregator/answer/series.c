/* SPDX-License-Identifier: Apache-2.0 */
/* series: sums over time. */
#include "aggregator/answer/counts.h"
#include "common/records/hour.h"

enum { SERIES_FILTER, SERIES_FROM, SERIES_TO, SERIES_STEP, SERIES_BY, SERIES_MEASURE, SERIES_PARAMETER_COUNT };

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
    [SERIES_BY] = {.name = "by", .type = PARAMETER_TEXT, .help = TALLY_BY_HELP, .fallback = "sensor"},
    [SERIES_MEASURE] = {.name = "measure",
                        .type = PARAMETER_TEXT,
                        .help = "what is drawn, and with commas between further columns: " TALLY_MEASURE_HELP,
                        .fallback = "bytes"}};

static const struct record_kind *columns(void)
{
    static struct tally_plan plan;
    return counts_columns(&plan, &(struct tally_texts){"series", "sensor", "bytes", HOUR_NS});
}

static enum result begin(struct work *work, struct error *err)
{
    const struct tally_texts texts = {"series", work_argument(work, SERIES_BY)->text,
                                      work_argument(work, SERIES_MEASURE)->text,
                                      work_argument(work, SERIES_STEP)->time};
    if (texts.step_ns <= 0)
        return work_blame(work, SERIES_STEP, error_set(err, RESULT_REJECT, "step: it must be longer than nothing"));
    return counts_begin(work, &texts, SERIES_BY, SERIES_MEASURE, err);
}

static enum result run(struct work *work, struct error *err)
{
    const struct counts_query query = {.filter = work_argument(work, SERIES_FILTER)->filter,
                                       .from_ns = work_argument(work, SERIES_FROM)->time,
                                       .to_ns = work_argument(work, SERIES_TO)->time};
    return counts_run(work, &query, 0, err);
}

const struct question question_series = {
    .name = "series",
    .summary = "Series: flows, packets, bytes and other measures over time, by each sensor's view, whole or by a key.",
    .examples = "pavo series --from -1d --by protocol\n"
                "pavo series --from today --measure flows 'dst port 22' -o ssh.svg\n"
                "pavo series --from -1h --step 1m --table 'host 10.0.1.17'\n"
                "pavo series --by service --step 1d --from -30d 'dst port 22'\n"
                "pavo series --by dst/24 --measure 'distinct src' --step 5m --from -2h",
    .parameters = parameters,
    .parameter_count = SERIES_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = columns,
    .begin = begin,
    .end = counts_end,
    .run = run};
