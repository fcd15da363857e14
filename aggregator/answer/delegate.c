/* SPDX-License-Identifier: Apache-2.0 */
/* challenge, delegate: how a gateway comes to a session of a reader's. */
#include <sodium.h>

#include "aggregator/answer/columns.h"
#include "aggregator/answer/work.h"
#include "common/clock.h"
#include "common/log.h"

static struct session_time now(void)
{
    return (struct session_time){clock_wall_ns(), clock_monotonic_ns()};
}

/* ---- challenge */

enum { CHALLENGE_READER, CHALLENGE_PARAMETER_COUNT };
static const struct parameter challenge_parameters[] = {[CHALLENGE_READER] = {.name = "reader",
                                                                              .type = PARAMETER_TEXT,
                                                                              .help = "the reader that is to sign it",
                                                                              .positional = true,
                                                                              .required = true}};

#define CHALLENGE_TABLE(X)                                                                                             \
    X(challenge, TEXT, TEXT, NONE, "CHALLENGE", "what the reader signs on its own machine")                            \
    X(expires, TIME, TIME, NONE, "EXPIRES", "when it is of no more use")
struct challenge_row {
    CHALLENGE_TABLE(ANSWER_ROW_MEMBER)
};

static const struct record_kind *challenge_columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(challenge_row, 0, __VA_ARGS__)
        CHALLENGE_TABLE(X)
#undef X
    };
    static struct answer_columns table = {.name = "challenge",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct challenge_row)};
    return answer_columns_kind(&table);
}

static enum result challenge_run(struct work *work, struct error *err)
{
    char text[DELEGATION_CHALLENGE_MAX];
    struct challenge_row row = {.challenge = text};
    enum result r = sessions_challenge(work->sessions, work->asker, work_argument(work, CHALLENGE_READER)->text, now(),
                                       text, &row.expires, err);
    return r == RESULT_OK ? work_add(work, &row, err) : work_blame(work, CHALLENGE_READER, r);
}

const struct question question_challenge = {
    .name = "challenge",
    .summary = "A challenge for a reader to sign, so that a gateway may ask in its place.",
    .parameters = challenge_parameters,
    .parameter_count = CHALLENGE_PARAMETER_COUNT,
    .access = QUESTION_GATEWAYS,
    .columns = challenge_columns,
    .run = challenge_run};

/* ---- delegate */

enum { DELEGATE_READER, DELEGATE_CHALLENGE, DELEGATE_SIGNATURE, DELEGATE_PARAMETER_COUNT };
static const struct parameter delegate_parameters[] = {
    [DELEGATE_READER] = {.name = "reader", .type = PARAMETER_TEXT, .help = "the reader that signed", .required = true},
    [DELEGATE_CHALLENGE] = {.name = "challenge",
                            .type = PARAMETER_TEXT,
                            .help = "as 'challenge' answered it to this gateway; good for one attempt",
                            .required = true},
    [DELEGATE_SIGNATURE] = {.name = "signature",
                            .type = PARAMETER_TEXT,
                            .help = "the reader's over it, which also says for how long",
                            .required = true}};

#define DELEGATE_TABLE(X)                                                                                              \
    X(session, TEXT, TEXT, NONE, "SESSION", "goes as it is with every question asked in the reader's place")           \
    X(reader, TEXT, TEXT, NONE, "READER", "in whose place")                                                            \
    X(expires, TIME, TIME, NONE, "EXPIRES", "when it ends, if the reader is not revoked before")
struct delegate_row {
    DELEGATE_TABLE(ANSWER_ROW_MEMBER)
};

static const struct record_kind *delegate_columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(delegate_row, 0, __VA_ARGS__)
        DELEGATE_TABLE(X)
#undef X
    };
    static struct answer_columns table = {.name = "delegate",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct delegate_row)};
    return answer_columns_kind(&table);
}

static enum result delegate_run(struct work *work, struct error *err)
{
    const char *reader = work_argument(work, DELEGATE_READER)->text;
    char session[SESSION_SIZE], until[TIME_TEXT_MAX];
    struct delegate_row row = {.session = session, .reader = reader};
    enum result r =
        sessions_delegate(work->sessions, work->asker, reader, work_argument(work, DELEGATE_CHALLENGE)->text,
                          work_argument(work, DELEGATE_SIGNATURE)->text, now(), session, &row.expires, err);
    if (r != RESULT_OK) {
        log_debug("gateway %s may not ask for reader %s: %s", work->asker->name, reader, err->text);
        return r;
    }
    log_notice("gateway %s asks for reader %s until %s", work->asker->name, reader,
               time_text(row.expires, true, until));
    r = work_add(work, &row, err);
    sodium_memzero(session, sizeof(session));
    return r;
}

const struct question question_delegate = {.name = "delegate",
                                           .summary = "Opens a session in which a gateway asks in a reader's place.",
                                           .parameters = delegate_parameters,
                                           .parameter_count = DELEGATE_PARAMETER_COUNT,
                                           .access = QUESTION_GATEWAYS,
                                           .columns = delegate_columns,
                                           .run = delegate_run};
