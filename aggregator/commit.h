/* SPDX-License-Identifier: Apache-2.0 */
/* Commit: the thread between the doors. It gathers batches, lets the correlator conclude from them, adds the
 * conclusions, and what lives that died took with them (aggregator/lost.h), as batches of its own (without a name),
 * commits all of them at once, and only then has them acknowledged and published.
 *
 * When a commit fails (disk full, I/O error), nothing of it was written: intake is paused with the reason, the
 * very same set is tried again (COMMIT_RETRY_NS, doubling up to COMMIT_RETRY_MAX_NS) until it goes in, and intake
 * resumes by itself. The correlator is not asked again for a set, so it is never ahead of the store by more than that
 * one. */
#ifndef PAVO_AGGREGATOR_COMMIT_H
#define PAVO_AGGREGATOR_COMMIT_H

#include "aggregator/correlate/correlate.h"
#include "aggregator/queue.h"

#define COMMIT_ROWS_MAX     131072u /* what has queued up behind a slow commit goes in together, so far */
#define COMMIT_BATCHES_MAX  1024u
#define COMMIT_RETRY_NS     (500ll * 1000000)
#define COMMIT_RETRY_MAX_NS (10ll * 1000000000)
#define COMMIT_FINAL_TRIES  3 /* at the end of the program */

struct committer;
struct publisher;
struct receiver;
struct store;

struct committer_options {
    struct store *store;
    struct receiver *receiver;       /* paused and resumed; NULL: none (tests) */
    struct publisher *publisher;     /* NULL: none (tests) */
    struct queue *intake, *receipts; /* the receiver's */
    int64_t lost_quiet_ns;           /* LOST_QUIET_NS */
};

/* The correlator starts with the views the store holds unlinked. */
MUST_CHECK enum result committer_start(const struct committer_options *options, const struct boundary *boundaries,
                                       size_t boundary_count, struct committer **ret_committer, struct error *err);
/* Any thread: boundaries from now on. */
MUST_CHECK enum result committer_configure(struct committer *committer, const struct boundary *boundaries, size_t count,
                                           struct error *err);
/* Any thread: a boundary's waiting views; false when there is no such boundary number. */
struct committer_boundary {
    char name[BOUNDARY_NAME_MAX];
    char inside[SENSOR_NAME_MAX], outside[SENSOR_NAME_MAX];
    uint64_t waiting;
};
bool committer_boundary(struct committer *committer, size_t number, struct committer_boundary *ret_boundary);
/* True once the store is of no more use: the program must end (nothing acknowledged is lost). */
bool committer_failed(struct committer *committer, struct error *ret_error);
/* Commits what is queued, then ends. What cannot be committed is given back unacknowledged. */
void committer_stop(struct committer **committer);

#endif
