/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the answer stage: one question being answered on a worker. Not for other stages.
 *
 * work_answer sends the head, lets the question run, and sends what it left of the last page and the coverage. A
 * question adds rows one by one (work_add and what follows it) or sends records as they are (work_send), says what of
 * its own is missing (coverage_gap), and in which time it looked (work->coverage.from_ns, to_ns). */
#ifndef PAVO_AGGREGATOR_ANSWER_WORK_H
#define PAVO_AGGREGATOR_ANSWER_WORK_H

#include <stdatomic.h>

#include "aggregator/answer/answer.h"
#include "aggregator/answer/arguments.h"
#include "aggregator/answer/budget.h"
#include "aggregator/answer/coverage.h"
#include "aggregator/answer/enclosed.h"
#include "aggregator/answer/sessions.h"
#include "aggregator/store/store.h"

/* Of the door, since its start. */
struct answer_counts {
    atomic_uint_fast64_t answered, failed; /* queries that ended with a coverage, with an error */
    atomic_uint_fast64_t given_up;         /* whose client went, stalled or cancelled */
    atomic_uint_fast64_t refused;          /* not taken at all */
    atomic_uint_fast64_t garbled;          /* messages of another number of frames */
};

#define WORK_PAGE_ROWS 2048u /* of one reply, at most; fewer where they would be more than ANSWER_REPLY_BYTES */

struct work {
    const struct answer_options *options;
    struct answer_counts *counts;
    struct sessions *sessions;
    struct store_reader *reader; /* streams */
    struct store_reader *second; /* looks up beside the stream */
    const struct asker *asker;   /* at the other end of the connection */
    const Pavo__Query *query;
    const struct enclosed *enclosed; /* with it; NULL: nothing */
    int64_t started_ns;              /* monotonic */
    struct budget memory;            /* what it may still hold */
    /* Sends one reply (id and version are filled in). RESULT_AGAIN: the client is gone or too slow, stop. */
    enum result (*reply)(void *context, Pavo__Reply *reply);
    void *context;

    /* Of work_answer, for the question. */
    struct arguments arguments;
    const struct record_kind *columns; /* the question's, or of those the ones that are wanted; NULL: none */
    struct record_kind narrowed;       /* what it points to then */
    bool fields[RECORDS_FIELDS_MAX];   /* by stored field: what they are made from, of records as they are */
    void *own;                         /* the question's, between its begin and its end */
    struct coverage coverage;
    struct records *page;        /* rows not sent yet, of the question's columns; owned */
    struct argument_error error; /* which argument a failure is about */
};

/* Sends all replies of an answer. On failure the caller sends the error, with what work->error says of it. */
MUST_CHECK enum result work_answer(struct work *work, struct error *err);

/* ---- for questions */

/* The value of a parameter by its number in the question's table. */
static inline const struct argument *work_argument(const struct work *work, unsigned parameter)
{
    return &work->arguments.values[parameter];
}

/* A failure is about that argument. Returns `r`. */
enum result work_blame(struct work *work, unsigned parameter, enum result r);
/* The same, and where in its text; `err` begins with its name then. */
enum result work_blame_at(struct work *work, unsigned parameter, size_t offset, enum result r, struct error *err);

/* Room in work->page for a row with two observers; a full page goes out. */
MUST_CHECK enum result work_room(struct work *work, struct error *err);
/* A row struct of the question's columns. */
MUST_CHECK enum result work_add(struct work *work, const void *row, struct error *err);
/* Of the row added last: an item of its list, and a column that it does not know. */
MUST_CHECK enum result work_add_item(struct work *work, unsigned list, const void *item, struct error *err);
MUST_CHECK enum result work_unknown(struct work *work, unsigned column, struct error *err);
/* The first `rows` of records of a kind, in pages. */
MUST_CHECK enum result work_send(struct work *work, const struct records *records, uint32_t rows, struct error *err);

#endif
