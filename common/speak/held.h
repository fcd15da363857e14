/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed batches that are not acknowledged yet, in the order of their sequence. Bounded in bytes; pure: time is
 * what the caller says (monotonic nanoseconds); one thread.
 *
 * Batches with records count against the limit. Those without (a status, losses) do not: they are small, and at most
 * one of them that was never sent is kept (held_supersede). */
#ifndef PAVO_COMMON_SPEAK_HELD_H
#define PAVO_COMMON_SPEAK_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/result.h"
#include "common/seal.h"
#include "common/speak/losses.h"

struct held_batch {
    uint64_t sequence;
    struct bytes frame;          /* owned: FromSensor as it goes out */
    uint64_t records;            /* inside, statuses and losses not counted; 0: nothing else */
    int64_t from_time, to_time;  /* of the records */
    struct pending_loss *losses; /* owned: those told of inside, should the batch be given up */
    size_t loss_count;
    uint64_t loss_sequence;  /* of an earlier life: the name for the batch that tells of this one's loss; else 0 */
    bool ever_sent;          /* it may be committed already */
    bool in_flight;          /* sent over this connection */
    int64_t due_ns, wait_ns; /* in flight: when to send again, and the wait that ends then */
    TAILQ_ENTRY(held_batch) link;
};
void held_batch_destroy(struct held_batch **batch);

struct held;
/* A batch unacknowledged for resend_ns is sent again, and the wait doubles up to resend_max_ns. NULL: out of memory. */
struct held *held_new(uint64_t bytes_max, int64_t resend_ns, int64_t resend_max_ns);
void held_destroy(struct held **held);

/* Takes the batch, to its place by its sequence. RESULT_FULL: it does not fit now, and stays the caller's.
 * RESULT_REJECT: it never will. */
MUST_CHECK enum result held_add(struct held *held, struct held_batch **batch);

/* Takes a batch out, for the caller to destroy: by its sequence; or the one that is given up first, the oldest never
 * sent, else the oldest. NULL: there is none. */
struct held_batch *held_remove(struct held *held, uint64_t sequence);
struct held_batch *held_give_up(struct held *held);

/* Takes out a batch without records that was never sent, because a newer one says as much. NULL: there is none. */
struct held_batch *held_supersede(struct held *held);

/* The oldest batch to be sent now, of the `credit` oldest. NULL: none, and *ret_due is when one will be (INT64_MAX:
 * never by time alone). */
struct held_batch *held_next(struct held *held, uint32_t credit, int64_t now, int64_t *ret_due);
void held_sent(const struct held *held, struct held_batch *batch, int64_t now);

/* The connection is gone: whatever was in flight is to be sent again. */
void held_connection_lost(struct held *held);

/* The batch behind `batch` (NULL: the first). NULL: there is none. */
struct held_batch *held_after(const struct held *held, const struct held_batch *batch);

uint64_t held_records(const struct held *held);
uint64_t held_count(const struct held *held);
uint64_t held_bytes(const struct held *held);

#endif
