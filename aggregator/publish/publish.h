/* SPDX-License-Identifier: Apache-2.0 */
/* Publish: what was committed, to whoever subscribes. Topics "flow", "link", "loss", "status".
 *
 * A thread with an XPUB socket. The committer hands over what it has committed and never waits: when the hand-over
 * queue (PUBLISH_QUEUE_BYTES) is full the set is not published, and a subscriber too slow for its own queue
 * (PUBLISH_SUBSCRIBER_MESSAGES) loses messages there. Both see it, because a message names the position before it on
 * its topic, and both are served from the store by the answer door (Replay). */
#ifndef PAVO_AGGREGATOR_PUBLISH_H
#define PAVO_AGGREGATOR_PUBLISH_H

#include "aggregator/correlate/correlate.h"
#include "aggregator/receive/receive.h"
#include "aggregator/store/store.h"
#include "common/keys.h"
#include "common/result.h"

#define PUBLISH_QUEUE_BYTES         (128ull << 20)
#define PUBLISH_SUBSCRIBER_MESSAGES 1000
#define PUBLISH_LINKS_MAX           4096u /* links in one message; more go as several of one position */

/* A committed set: batches with their places in the stream, and the links. Owns everything. */
struct published {
    struct intake_batch **batches;
    struct store_batch *places; /* as store_commit filled them, one a batch */
    size_t batch_count;
    struct link *links;
    size_t link_count;
    uint64_t link_position, previous_link;
};
void published_destroy(struct published **published);

struct publisher;
MUST_CHECK enum result publisher_start(void *zmq_context, const char *endpoint, const struct keys *keys,
                                       struct publisher **ret_publisher, struct error *err);
const char *publisher_endpoint(const struct publisher *publisher);

/* Takes *published (sets it NULL), published or not. */
void publisher_submit(struct publisher *publisher, struct published **published);
struct publisher_counts {
    uint64_t messages;    /* handed to ZeroMQ */
    uint64_t unpublished; /* sets given up because the queue was full */
    uint64_t subscriptions;
};
void publisher_counts_get(struct publisher *publisher, struct publisher_counts *ret_counts);
/* Publishes what is queued, then ends. */
void publisher_stop(struct publisher **publisher);

/* Links as messages that borrow from `links`. Also for the answer door. */
struct publish_links {
    struct link_message *messages; /* owned */
    Pavo__Link **pointers;         /* owned */
};
MUST_CHECK enum result publish_links_init(const struct link *links, size_t count, struct publish_links *ret_links,
                                          struct error *err);
void publish_links_fini(struct publish_links *links);

#endif
