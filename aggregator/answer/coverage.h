/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer rests on, as its last reply says it. One place for all questions. */
#ifndef PAVO_AGGREGATOR_ANSWER_COVERAGE_H
#define PAVO_AGGREGATOR_ANSWER_COVERAGE_H

#include "aggregator/lost.h"
#include "aggregator/store/store.h"
#include "pavo.pb-c.h"

#define COVERAGE_LOSSES_MAX 1000u /* listed; that there are more is a gap of its own */
#define COVERAGE_GAPS_MAX   4096u

struct work;

struct coverage_gap {
    Pavo__Gap__Kind kind;
    char sensor[OBSERVER_NAME_MAX]; /* "": no one's */
    int64_t from_ns, to_ns;
    uint64_t at_most;
    const char *unit; /* static; "": none */
    char reason[320];
    bool noted; /* nothing is missing that was asked for: it is told, and the answer is as whole as without it */
};

struct coverage {
    int64_t from_ns, to_ns; /* what was asked about; 0: unbounded. The question sets them */
    uint64_t position;      /* at the beginning; a replay sets where it went */
    uint64_t rows;
    struct coverage_gap *gaps; /* owned */
    size_t gap_count, gap_capacity;
    bool more_gaps; /* than COVERAGE_GAPS_MAX, or than there was memory for */
};

void coverage_begin(struct coverage *coverage, struct store *store);
void coverage_fini(struct coverage *coverage);

/* Something is missing; `gap` is copied. Never fails: a gap too many is told by one that says so. */
void coverage_gap(struct coverage *coverage, const struct coverage_gap *gap);
/* The limit of `limit` rows cut the answer. */
void coverage_cut(struct coverage *coverage, uint64_t limit);
/* There are more than were asked for. */
void coverage_limited(struct coverage *coverage, uint64_t limit);

/* More rows would need more memory than a question may have. */
void coverage_full(struct coverage *coverage);

/* A life that is not heard, and of which something is neither here nor declared lost: see lost_pending. Of time outside
 * what was asked about nothing is said. */
void coverage_pending(struct coverage *coverage, const struct store_life *lives, size_t count, size_t which,
                      enum lost_fate fate, int64_t now_ns);

/* Nothing new is taken in at the moment. */
void coverage_paused(struct coverage *coverage, const char *reason);

/* What is known to be missing of [from, to), in a sentence; "": nothing. For a step of an answer: its own coverage
 * stays as it is. */
MUST_CHECK enum result coverage_sentence(struct work *work, int64_t from_ns, int64_t to_ns, char *text, size_t size,
                                         struct error *err);

/* Sends it, with the losses and silence of the time asked about that the question's basis makes gaps, and through what
 * time each sensor has reported. */
MUST_CHECK enum result coverage_send(struct work *work, struct error *err);

#endif
