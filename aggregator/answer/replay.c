/* SPDX-License-Identifier: Apache-2.0 */
/* replay: what was published on a topic, again, as it was published. */
#include "aggregator/answer/work.h"
#include "aggregator/publish/publish.h"
#include "common/records/wire.h"

enum { REPLAY_TOPIC, REPLAY_AFTER, REPLAY_THROUGH, REPLAY_FILTER, REPLAY_PARAMETER_COUNT };
static const struct parameter parameters[] = {
    [REPLAY_TOPIC] = {.name = "topic", .type = PARAMETER_TOPIC, .help = "which kind of record", .required = true},
    [REPLAY_AFTER] = {.name = "after",
                      .type = PARAMETER_NUMBER,
                      .help = "messages behind this position of the stream",
                      .fallback = "0"},
    [REPLAY_THROUGH] = {.name = "through",
                        .type = PARAMETER_NUMBER,
                        .help = "up to this position; 0: as far as the stream goes now",
                        .fallback = "0"},
    [REPLAY_FILTER] = {.name = "filter",
                       .type = PARAMETER_FILTER,
                       .help = "records of the topic; messages without one are left out",
                       .positional = true,
                       .kind_from = "topic"},
};

static enum result send_part(struct work *work, const struct records *records, uint64_t position, uint64_t previous,
                             struct error *err)
{
    struct wire_view view;
    enum result r = wire_view_init(&view, records, err);
    if (r != RESULT_OK)
        return r;
    Pavo__Published published = PAVO__PUBLISHED__INIT;
    published.version = 1;
    published.position = position;
    published.previous = previous;
    *wire_member(&published.base, records->kind) = view.message;
    Pavo__Reply reply = PAVO__REPLY__INIT;
    reply.more = true;
    reply.published = &published;
    r = work->reply(work->context, &reply);
    wire_view_fini(&view);
    work->coverage.rows += records->rows;
    return r;
}

/* What belongs to one position, in parts as they were published: the later ones name the position as their previous. */
static enum result send_position(struct work *work, const struct records *records, uint64_t position, uint64_t previous,
                                 struct error *err)
{
    enum result r = RESULT_OK;
    if (records->rows <= PUBLISH_ROWS_MAX || records->unknown.count > 0)
        return send_part(work, records, position, previous, err);
    for (uint32_t at = 0; at < records->rows && r == RESULT_OK; at += PUBLISH_ROWS_MAX) {
        uint32_t count = records->rows - at < PUBLISH_ROWS_MAX ? records->rows - at : PUBLISH_ROWS_MAX;
        struct records *part = records_copy(records, NULL, at, count);
        if (part == NULL)
            return error_set(err, RESULT_AGAIN, "out of memory");
        r = send_part(work, part, position, at == 0 ? previous : position, err);
        records_free(&part);
    }
    return r;
}

/* `previous` is the position sent before (with a filter that is not the one published before), or a later one that the
 * store has lost: the subscriber then knows that something is missing. */
static enum result run(struct work *work, struct error *err)
{
    uint64_t through = work_argument(work, REPLAY_THROUGH)->number, position = 0;
    uint64_t previous = work_argument(work, REPLAY_AFTER)->number;
    if (through != 0 && through < work->coverage.position)
        work->coverage.position = through;
    const struct store_query query = {.kind = (enum record_kind_number)work_argument(work, REPLAY_TOPIC)->number,
                                      .filter = work_argument(work, REPLAY_FILTER)->filter,
                                      .after = previous,
                                      .through = work->coverage.position,
                                      .by_position = true};
    struct records *records;
    enum result r = work->coverage.position <= previous ? RESULT_END : store_find(work->reader, &query, err);
    while (r == RESULT_OK && (r = store_next(work->reader, &records, &position, err)) == RESULT_OK) {
        uint64_t missing = store_missing_before(work->options->store, position);
        r = send_position(work, records, position, missing > previous ? missing : previous, err);
        previous = position;
        records_free(&records);
    }
    return r == RESULT_END ? RESULT_OK : r;
}

const struct question question_replay = {
    .name = "replay",
    .summary = "Replay: the messages of a topic as they were published, for a subscriber that missed them.",
    .parameters = parameters,
    .parameter_count = REPLAY_PARAMETER_COUNT,
    .basis = QUESTION_OF_SPEECH,
    .time_max_ns = ANSWER_REPLAY_NS,
    .run = run};
