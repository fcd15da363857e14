/* SPDX-License-Identifier: Apache-2.0 */
/* Publish: what was committed, to whoever subscribes. The topic is the kind of record: "flow", "verdict" ...
 *
 * A thread with a ROUTER socket: a subscriber says which topics it wants (Subscribe), and that is all that is kept of
 * it. The committer hands over what it has committed and never waits: when the hand-over queue (PUBLISH_QUEUE_BYTES) is
 * full the batch is not published. Bytes in ZeroMQ are counted until they are written to the connection: a subscriber
 * has at most PUBLISH_SUBSCRIBER_BYTES waiting, all together PUBLISH_WAITING_BYTES (the more subscribers, the smaller
 * the share of each), and always room for one message; what is more does not reach it, and is counted. A subscriber
 * sees either loss, because a message names the position before it on its topic, and is served from the store by the
 * answer door (question "replay").
 *
 * A name has at most PUBLISH_KEY_CONNECTIONS subscribers, the door PUBLISH_CONNECTIONS_MAX. Whether they are still
 * enrolled is looked at every PUBLISH_RECHECK_NS. */
#ifndef PAVO_AGGREGATOR_PUBLISH_H
#define PAVO_AGGREGATOR_PUBLISH_H

#include "aggregator/batch.h"
#include "common/authenticator.h"
#include "common/keys.h"
#include "common/result.h"

#define PUBLISH_QUEUE_BYTES         (128ull << 20)
#define PUBLISH_SUBSCRIBER_BYTES    (16u << 20)
#define PUBLISH_WAITING_BYTES       (64u << 20)
#define PUBLISH_SUBSCRIBER_MESSAGES 1000
#define PUBLISH_KEY_CONNECTIONS     16u
#define PUBLISH_CONNECTIONS_MAX     256u
#define PUBLISH_RECHECK_NS          (500ll * 1000000)
/* Rows in one message; more go as several of one position, of which all but the first have it as `previous` too.
 * Records with what a newer contract added go whole: its columns cannot be cut. */
#define PUBLISH_ROWS_MAX 16384u

struct publisher;
/* `keys` and `authenticator` stay the caller's until publisher_stop. */
MUST_CHECK enum result publisher_start(void *zmq_context, const char *endpoint, const struct keys *keys,
                                       struct authenticator *authenticator, struct publisher **ret_publisher,
                                       struct error *err);
const char *publisher_endpoint(const struct publisher *publisher);

/* Takes *batch (sets it NULL), with its positions as store_commit gave them: a message for each kind of record in it.
 * Batches must come by position. */
void publisher_submit(struct publisher *publisher, struct batch **batch);

struct publisher_counts {
    uint64_t messages;      /* that somebody wanted */
    uint64_t unpublished;   /* batches or messages given up: the queue was full, or memory */
    uint64_t undelivered;   /* messages that did not reach one subscriber: he takes them too slowly, or memory */
    uint64_t subscriptions; /* now; a topic each */
    uint64_t refused;       /* names that are no topics, and what was no Subscribe or from one too many */
};
void publisher_counts_get(struct publisher *publisher, struct publisher_counts *ret_counts);
/* Publishes what is queued, then ends. */
void publisher_stop(struct publisher **publisher);

#endif
