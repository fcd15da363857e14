/* SPDX-License-Identifier: Apache-2.0 */
/* peers: whom a host spoke with. services: what it offers, and what it uses. */
#include "aggregator/answer/counts.h"

enum { PEERS_HOST, PEERS_FROM, PEERS_TO, PEERS_FILTER, PEERS_SORT, PEERS_LIMIT, PEERS_PARAMETER_COUNT };

#define PARAMETERS(host, sorted)                                                                                       \
    {                                                                                                                  \
        [PEERS_HOST] = {.name = "host", .type = PARAMETER_END, .help = host, .positional = true, .required = true},    \
        [PEERS_FROM] = {.name = "from", .type = PARAMETER_TIME, .help = "of records that began then or later"},        \
        [PEERS_TO] = {.name = "to",                                                                                    \
                      .type = PARAMETER_TIME,                                                                          \
                      .help = "of records that began before",                                                          \
                      .not_before = "from"},                                                                           \
        [PEERS_FILTER] = {.name = "filter",                                                                            \
                          .type = PARAMETER_FILTER,                                                                    \
                          .help = "of which of its flows; without one, of all",                                        \
                          .kind = RECORD_FLOW},                                                                        \
        [PEERS_SORT] = {.name = "sort",                                                                                \
                        .type = PARAMETER_TEXT,                                                                        \
                        .help = "the most of what first; with commas between also further columns, as top has them",   \
                        .fallback = sorted},                                                                           \
        [PEERS_LIMIT] = {.name = "limit",                                                                              \
                         .type = PARAMETER_NUMBER,                                                                     \
                         .help = "at most so many; 0: as many as the aggregator answers, 1,000,000",                   \
                         .fallback = "0"},                                                                             \
    }

#define PEERS_SORTED    "bytes,distinct service,first_time,last_time"
#define SERVICES_SORTED "bytes,distinct peer,first_time,last_time"
static const struct parameter peers_parameters[] =
    PARAMETERS("whose: an address; with a port, what it did on that port alone", PEERS_SORTED);
static const struct parameter services_parameters[] =
    PARAMETERS("whose: an address; with a port, what it did on that port alone", SERVICES_SORTED);

static enum result begin_by(struct work *work, const char *by, struct error *err)
{
    const struct tally_texts texts = {work->arguments.question->name, by, work_argument(work, PEERS_SORT)->text, 0};
    enum result r = counts_begin(work, &texts, PEERS_SORT, PEERS_SORT, err);
    if (r == RESULT_OK)
        counts_plan(work)->only = work_argument(work, PEERS_HOST)->end.address;
    return r;
}

static enum result run(struct work *work, struct error *err)
{
    const struct counts_query query = {.filter = work_argument(work, PEERS_FILTER)->filter,
                                       .from_ns = work_argument(work, PEERS_FROM)->time,
                                       .to_ns = work_argument(work, PEERS_TO)->time,
                                       .endpoint = &work_argument(work, PEERS_HOST)->end};
    return counts_run(work, &query, work_argument(work, PEERS_LIMIT)->number, err);
}

static const struct record_kind *peers_columns(void)
{
    static struct tally_plan plan;
    return counts_columns(&plan, &(struct tally_texts){"peers", "peer", PEERS_SORTED, 0});
}

static enum result peers_begin(struct work *work, struct error *err)
{
    return begin_by(work, "peer", err);
}

const struct question question_peers = {
    .name = "peers",
    .summary =
        "Peers: whom a host spoke with, how much, of how many services, from when to when, by each sensor's view.",
    .examples = "pavo peers 10.0.1.17 --from -1d\n"
                "pavo peers 10.0.1.17 --sort flows,duration --filter 'not dst net 10.0.0.0/8'",
    .parameters = peers_parameters,
    .parameter_count = PEERS_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = peers_columns,
    .begin = peers_begin,
    .end = counts_end,
    .run = run};

static const struct record_kind *services_columns(void)
{
    static struct tally_plan plan;
    return counts_columns(&plan, &(struct tally_texts){"services", "role,service", SERVICES_SORTED, 0});
}

static enum result services_begin(struct work *work, struct error *err)
{
    return begin_by(work, "role,service", err);
}

const struct question question_services = {
    .name = "services",
    .summary =
        "Services: what a host offers (it answered, and did not refuse), what it was asked for without an answer, "
        "and what it uses of others, by each sensor's view.",
    .examples = "pavo services 10.0.1.17 --from -1d\n"
                "pavo services 10.0.1.17 --sort 'distinct peer,first_time'",
    .parameters = services_parameters,
    .parameter_count = PEERS_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = services_columns,
    .begin = services_begin,
    .end = counts_end,
    .run = run};
