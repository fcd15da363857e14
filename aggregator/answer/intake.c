/* SPDX-License-Identifier: Apache-2.0 */
/* intake: counters of the three doors, and whether records are taken. */
#include <stdlib.h>

#include "aggregator/answer/columns.h"
#include "aggregator/answer/work.h"
#include "aggregator/publish/publish.h"
#include "aggregator/receive/receive.h"
#include "common/authenticator.h"

#define INTAKE_TABLE(X)                                                                                                \
    X(counter, TEXT, TEXT, NONE, "COUNTER", "what is counted, since the aggregator's start")                           \
    X(value, U64, COUNT, NONE, "VALUE", "how many")
struct intake_row {
    INTAKE_TABLE(ANSWER_ROW_MEMBER)
};

static const struct record_kind *columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(intake_row, 0, __VA_ARGS__)
        INTAKE_TABLE(X)
#undef X
    };
    static struct answer_columns table = {.name = "intake",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct intake_row)};
    return answer_columns_kind(&table);
}

static enum result add_all(struct work *work, const struct receiver_report *doors, struct error *err)
{
    struct authenticator_counts keys;
    struct publisher_counts published;
    authenticator_counts_get(work->options->authenticator, &keys);
    publisher_counts_get(work->options->publisher, &published);
    const struct intake_row rows[] = {
        {"connections accepted", keys.accepted},
        {"connections refused, unknown key", keys.refused_unknown},
        {"connections refused, key of another role", keys.refused_role},
        {"connections refused, malformed", keys.refused_malformed},
        {"batches received", doors->batches},
        {"batches waiting", doors->batches_waiting},
        {"batches deferred, no room", doors->deferred},
        {"frames garbled", doors->frames_garbled},
        {"messages published", published.messages},
        {"sets not published, no room", published.unpublished},
        {"messages not delivered, subscriber too slow", published.undelivered},
        {"subscriptions", published.subscriptions},
        {"subscriptions refused", published.refused},
        {"queries answered", atomic_load(&work->counts->answered)},
        {"queries failed", atomic_load(&work->counts->failed)},
        {"queries given up, client gone or cancelled", atomic_load(&work->counts->given_up)},
        {"queries refused", atomic_load(&work->counts->refused)},
        {"queries garbled", atomic_load(&work->counts->garbled)},
        {"stream position", work->coverage.position},
    };
    enum result r = RESULT_OK;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && r == RESULT_OK; i++)
        r = work_add(work, &rows[i], err);
    return r;
}

static enum result run(struct work *work, struct error *err)
{
    struct receiver_report doors = {0};
    enum result r = receiver_report(work->options->receiver, &doors, err);
    if (r != RESULT_OK)
        return r;
    if (doors.paused)
        coverage_paused(&work->coverage, doors.reason);
    r = add_all(work, &doors, err);
    free(doors.sensors);
    return r;
}

const struct question question_intake = {
    .name = "intake",
    .summary = "Intake: what came through the doors, was refused and was published; paused, it is a gap.",
    .columns = columns,
    .run = run};
