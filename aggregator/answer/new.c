/* SPDX-License-Identifier: Apache-2.0 */
/* new: what was seen in a time and not in the time before it. What was seen before strikes it out, so that memory holds
 * what may be new, and nothing of what came before. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/answer/counts.h"
#include "common/when.h"

#define NEW_ADDRESSES_MAX 512u /* up to so many are looked for by their addresses */

enum { NEW_WHAT, NEW_FROM, NEW_TO, NEW_BEFORE, NEW_FILTER, NEW_SORT, NEW_LIMIT, NEW_PARAMETER_COUNT };

enum { NEW_HOSTS, NEW_SERVICES, NEW_PAIRS, NEW_PORTS, NEW_WHAT_COUNT };
static const char *const whats[NEW_WHAT_COUNT] = {"hosts", "services", "pairs", "ports"};
static const char *const keys[NEW_WHAT_COUNT] = {"host", "dst,service", "pair", "service"};

#define NEW_SORTED "first_time"
static const struct parameter parameters[] = {
    [NEW_WHAT] = {.name = "what",
                  .type = PARAMETER_WORD,
                  .help = "hosts: addresses, whichever end they are; services: an address with protocol and port, that "
                          "answered and did not refuse; pairs: src and dst; ports: protocol and dst_port",
                  .fallback = "hosts",
                  .positional = true,
                  .words = whats,
                  .word_count = NEW_WHAT_COUNT},
    [NEW_FROM] = {.name = "from",
                  .type = PARAMETER_TIME,
                  .help = "seen in records that began then or later, and not before",
                  .required = true},
    [NEW_TO] = {.name = "to", .type = PARAMETER_TIME, .help = "and that began before that", .not_before = "from"},
    [NEW_BEFORE] = {.name = "before",
                    .type = PARAMETER_SPAN,
                    .help = "so long before `from` it was not seen",
                    .fallback = "30d"},
    [NEW_FILTER] = {.name = "filter",
                    .type = PARAMETER_FILTER,
                    .help = "of which flows, then and before; without one, of all",
                    .kind = RECORD_FLOW},
    [NEW_SORT] = {.name = "sort",
                  .type = PARAMETER_TEXT,
                  .help = "the most of what first; with commas between also further columns, as top has them",
                  .fallback = NEW_SORTED},
    [NEW_LIMIT] = {.name = "limit",
                   .type = PARAMETER_NUMBER,
                   .help = "at most so many; 0: as many as the aggregator answers, 1,000,000",
                   .fallback = "0"}};

static const struct record_kind *columns(void)
{
    static struct tally_plan plan;
    return counts_columns(&plan, &(struct tally_texts){"new", "host", NEW_SORTED, 0});
}

static enum result begin(struct work *work, struct error *err)
{
    uint64_t what = work_argument(work, NEW_WHAT)->number;
    const struct tally_texts texts = {"new", keys[what], work_argument(work, NEW_SORT)->text, 0};
    enum result r = counts_begin(work, &texts, NEW_SORT, NEW_SORT, err);
    if (r == RESULT_OK && what == NEW_SERVICES)
        tally_plan_offers_alone(counts_plan(work));
    return r;
}

/* The first time of what the history is read from; 0: there is nothing. */
static enum result history_begins(struct work *work, bool hours, int64_t *ret_ns, struct error *err)
{
    struct store_summary summary;
    struct store_part *parts = NULL;
    size_t count = 0;
    store_summarise(work->options->store, &summary);
    int64_t first_ns = summary.first_ns;
    enum result r = hours ? store_parts(work->options->store, &parts, &count, err) : RESULT_OK;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].kind == RECORD_HOUR && parts[i].files > 0 && (first_ns == 0 || parts[i].first_ns < first_ns))
            first_ns = parts[i].first_ns;
    }
    free(parts);
    *ret_ns = first_ns;
    return r;
}

/* Where the store does not reach back as far as was asked for. */
static enum result tell_reach(struct work *work, const struct counts_query *before, struct error *err)
{
    char text[WHEN_TEXT_MAX];
    int64_t first_ns = 0;
    bool hours;
    enum result r = counts_from_hours(work, before, &hours, err);
    if (r == RESULT_OK)
        r = history_begins(work, hours, &first_ns, err);
    if (r != RESULT_OK || (first_ns != 0 && first_ns <= before->from_ns))
        return r;
    int64_t until_ns = first_ns == 0 || first_ns > before->to_ns ? before->to_ns : first_ns;
    struct coverage_gap gap = {
        .kind = PAVO__GAP__KIND__STATE, .from_ns = before->from_ns, .to_ns = until_ns, .unit = ""};
    if (until_ns == before->to_ns)
        snprintf(gap.reason, sizeof(gap.reason), "nothing from before is in the store: all is new to it");
    else
        snprintf(gap.reason, sizeof(gap.reason),
                 "the store begins at %s: what was there before that and not since counts as new",
                 when_text(&(struct when){first_ns, first_ns + 1}, text));
    coverage_gap(&work->coverage, &gap);
    return RESULT_OK;
}

static enum result strike_out(struct work *work, struct tally *tally, struct counts_query *before, struct error *err)
{
    struct address *addresses = malloc(NEW_ADDRESSES_MAX * sizeof(*addresses));
    if (addresses == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = tell_reach(work, before, err);
    tally_strike(tally);
    before->addresses = addresses;
    before->address_count = tally_addresses(tally, addresses, NEW_ADDRESSES_MAX);
    if (r == RESULT_OK && tally_count(tally) > 0)
        r = counts_read(work, tally, before, err);
    free(addresses);
    return r;
}

static enum result run(struct work *work, struct error *err)
{
    uint64_t limit = work_argument(work, NEW_LIMIT)->number;
    const struct counts_query now = {.filter = work_argument(work, NEW_FILTER)->filter,
                                     .from_ns = work_argument(work, NEW_FROM)->time,
                                     .to_ns = work_argument(work, NEW_TO)->time};
    struct counts_query before = {.filter = now.filter,
                                  .from_ns = now.from_ns - work_argument(work, NEW_BEFORE)->time,
                                  .to_ns = now.from_ns,
                                  .key_alone = true};
    before.from_ns += before.from_ns == 0; /* 0 is "unbounded" */
    /* What was lost or not seen before may be taken for new. */
    work->coverage.from_ns = before.from_ns;
    work->coverage.to_ns = now.to_ns;
    struct tally *tally = tally_new(counts_plan(work), &work->memory);
    if (tally == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = counts_read(work, tally, &now, err);
    if (r == RESULT_OK)
        r = strike_out(work, tally, &before, err);
    if (r == RESULT_OK)
        r = tally_send(tally, work, limit == 0 || limit > ANSWER_ROWS_MAX ? ANSWER_ROWS_MAX : limit, err);
    tally_free(&tally);
    return r;
}

const struct question question_new = {
    .name = "new",
    .summary =
        "New: hosts, services, pairs or ports that were seen in a time and not before it, by each sensor's view.",
    .examples = "pavo new hosts --from -1h\n"
                "pavo new services --from -1d --before 7d --filter 'dst net 10.0.0.0/8'\n"
                "pavo new ports --from -1d",
    .parameters = parameters,
    .parameter_count = NEW_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = columns,
    .begin = begin,
    .end = counts_end,
    .run = run};
