/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed batches that are not acknowledged yet, in the order of their sequence. Bounded in bytes; pure: time is
 * what the caller says (monotonic nanoseconds); one thread.
 *
 * Batches with records count against the limit. Those without (a status, losses) do not: they are small, and at most
 * one of them that was never sent is kept (held_supersede). */
#ifndef PAVO_SENSOR_SHIP_HELD_H
#define PAVO_SENSOR_SHIP_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/result.h"
#include "common/seal.h"
#include "sensor/ship/losses.h"

#define HELD_RESEND_NS     (5 * NS_PER_S)  /* unacknowledged after this: sent again, and the wait doubled ... */
#define HELD_RESEND_MAX_NS (60 * NS_PER_S) /* ... up to this */

struct held_batch {
    uint64_t sequence;
    struct bytes frame;      /* owned: FromSensor as it goes out */
    uint64_t records;        /* flow records inside; 0: status or losses only */
    uint64_t from_ns, to_ns; /* of the records */
    struct loss *losses;     /* owned: those told of inside, should the batch be given up */
    size_t loss_count;
    bool ever_sent;          /* it may be committed already */
    bool in_flight;          /* sent over this connection */
    int64_t due_ns, wait_ns; /* in flight: when to send again, and the wait that ends then */
    TAILQ_ENTRY(held_batch) link;
};
void held_batch_destroy(struct held_batch **batch);

struct held;
struct held *held_new(uint64_t bytes_max); /* NULL: out of memory */
void held_destroy(struct held **held);

/* Takes the batch; sequences must grow. RESULT_FULL: it does not fit now, and stays the caller's.
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
void held_sent(struct held_batch *batch, int64_t now);

/* The connection is gone: whatever was in flight is to be sent again. */
void held_connection_lost(struct held *held);

uint64_t held_records(const struct held *held);
uint64_t held_count(const struct held *held);
uint64_t held_bytes(const struct held *held);

#endif
