/* SPDX-License-Identifier: Apache-2.0 */
/* Publish: what was committed, to whoever subscribes. The topic is the kind of record: "flow", "verdict" ...
 *
 * A thread with an XPUB socket. The committer hands over what it has committed and never waits: when the hand-over
 * queue (PUBLISH_QUEUE_BYTES) is full the batch is not published, and a subscriber too slow for its own queue
 * (PUBLISH_SUBSCRIBER_MESSAGES) loses messages there. Both see it, because a message names the position before it on
 * its topic, and both are served from the store by the answer door (question "replay"). */
#ifndef PAVO_AGGREGATOR_PUBLISH_H
#define PAVO_AGGREGATOR_PUBLISH_H

#include "aggregator/batch.h"
#include "common/keys.h"
#include "common/result.h"

#define PUBLISH_QUEUE_BYTES         (128ull << 20)
#define PUBLISH_SUBSCRIBER_MESSAGES 1000
/* Rows in one message; more go as several of one position, of which all but the first have it as `previous` too.
 * Records with what a newer contract added go whole: its columns cannot be cut. */
#define PUBLISH_ROWS_MAX 16384u

struct publisher;
/* `keys` stay the caller's until publisher_stop. */
MUST_CHECK enum result publisher_start(void *zmq_context, const char *endpoint, const struct keys *keys,
                                       struct publisher **ret_publisher, struct error *err);
const char *publisher_endpoint(const struct publisher *publisher);

/* Takes *batch (sets it NULL), with its positions as store_commit gave them: a message for each kind of record in it.
 * Batches must come by position. */
void publisher_submit(struct publisher *publisher, struct batch **batch);
/* Closes every subscriber's connection and opens the door again: ZeroMQ asks who somebody is only when he comes in, so
 * this is how one whose key was revoked goes. The others come back by themselves and fetch what they missed. Any
 * thread; it happens a moment later. */
void publisher_admit_anew(struct publisher *publisher);

struct publisher_counts {
    uint64_t messages;    /* handed to ZeroMQ */
    uint64_t unpublished; /* batches or messages given up: the queue was full, or memory */
    uint64_t subscriptions;
};
void publisher_counts_get(struct publisher *publisher, struct publisher_counts *ret_counts);
/* Publishes what is queued, then ends. */
void publisher_stop(struct publisher **publisher);

#endif
