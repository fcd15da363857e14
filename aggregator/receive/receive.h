/* SPDX-License-Identifier: Apache-2.0 */
/* Receive: the door for sensors. A frame that passes every check becomes an intake batch in the queue to the
 * committer; one that does not is rejected with a reason and counted, and everything else goes on.
 *
 * The thread owns the ROUTER socket. It answers Hello with Welcome, acknowledges at once what is committed already,
 * ignores what is queued already, and sends the acknowledgements of what the committer reports back.
 * Bounds: RECEIVE_QUEUE_BYTES of decoded batches wait for the committer; behind them RECEIVE_HELD_BYTES of sealed ones;
 * beyond that batches are dropped unacknowledged (`deferred`; the sensor sends again). Credit is the option's, shared
 * by the connected sensors, and 0 while intake is paused. */
#ifndef PAVO_AGGREGATOR_RECEIVE_H
#define PAVO_AGGREGATOR_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregator/queue.h"
#include "aggregator/store/store.h"
#include "common/authenticator.h"
#include "common/flow.h"
#include "common/keys.h"
#include "common/result.h"
#include "pavo.pb-c.h"

#define RECEIVE_QUEUE_BYTES    (256ull << 20)
#define RECEIVE_HELD_BYTES     (64ull << 20)
#define RECEIVE_BATCHES_MAX    1024u /* held, queued or being committed */
#define RECEIVE_LOSSES_MAX     4096u /* losses in a batch */
#define RECEIVE_TEXT_MAX       255u  /* bytes of a text in a loss or status */
#define RECEIVE_INTERFACES_MAX 1024u
#define RECEIVE_COUNTERS_MAX   256u
#define RECEIVE_TIME_MAX                                                                                               \
    4500000000000000000ll     /* nanoseconds either side of 1970: what a capture file can say, and no sum overflows */
#define RECEIVE_PEER_MAX 255u /* bytes of a ROUTER's routing id */

/* A checked batch on its way to the store. */
struct intake_batch {
    struct observer observer;
    uint64_t sequence;
    int64_t received_ns;
    struct flow_batch *flows;       /* owned; NULL without */
    Pavo__Batch *message;           /* owned: losses and status; its flows are taken out */
    uint8_t peer[RECEIVE_PEER_MAX]; /* where the acknowledgement goes */
    uint8_t peer_length;
    enum result outcome; /* the committer's: RESULT_OK when committed */
};
void intake_batch_destroy(struct intake_batch **batch);
uint64_t intake_batch_weight(const struct intake_batch *batch);

/* Why batches are refused; names appear in `pavo sensors`. */
#define RECEIVE_REASONS(X)                                                                                             \
    X(GARBLED, "garbled frame")                                                                                        \
    X(VERSION, "unknown version")                                                                                      \
    X(NAME, "name is not the key's")                                                                                   \
    X(REVOKED, "key no longer enrolled")                                                                               \
    X(SIZE, "size")                                                                                                    \
    X(UNSEALING, "unsealing failed")                                                                                   \
    X(CONTENT, "not a batch")                                                                                          \
    X(INNER_NAME, "name inside the seal differs")                                                                      \
    X(COLUMNS, "columns disagree")                                                                                     \
    X(TIMES, "times out of range")                                                                                     \
    X(OBSERVER, "flows of another observer")                                                                           \
    X(WORDS, "losses or status out of bounds")                                                                         \
    X(LIMIT, "too many gaps or lives")
enum receive_reason {
#define X(name, text) RECEIVE_##name,
    RECEIVE_REASONS(X)
#undef X
        RECEIVE_REASON_COUNT
};
const char *receive_reason_name(enum receive_reason reason);

/* The bytes of a Batch, as they come out of the seal, against the name on the outside. Pure; foreign bytes go in.
 * RESULT_REJECT: *ret_reason and the sentence say why; nothing else is set. */
MUST_CHECK enum result receive_decode(const uint8_t *plain, size_t length, const struct observer *observer,
                                      uint64_t sequence, struct intake_batch **ret_batch,
                                      enum receive_reason *ret_reason, struct error *err);

struct receiver;

struct receiver_options {
    void *zmq_context;
    const char *endpoint;
    const struct keys *keys; /* borrowed while the receiver lives */
    struct authenticator *authenticator;
    const struct store *store; /* asked for names only */
    uint32_t credit;
    struct queue *intake;   /* checked batches go here (weight: intake_batch_weight) */
    struct queue *outcomes; /* and come back here, outcome set, to be acknowledged and freed */
};
MUST_CHECK enum result receiver_start(const struct receiver_options *options, struct receiver **ret_receiver,
                                      struct error *err);
/* Any thread. Where the door is bound. */
const char *receiver_endpoint(const struct receiver *receiver);
/* Any thread. Credit 0 to all while paused; told to the sensors at once. `reason` is copied. */
void receiver_pause(struct receiver *receiver, bool paused, const char *reason);
/* No new batch is taken; acknowledgements still go out. */
void receiver_refuse(struct receiver *receiver);
/* Sends the acknowledgements in `outcomes`, then ends. */
void receiver_stop(struct receiver **receiver);

/* A sensor as the door knows it. */
struct receiver_sensor {
    char name[SENSOR_NAME_MAX];
    uint64_t epoch; /* the newest heard */
    int64_t last_heard_ns;
    bool connected; /* heard in the last RECEIVE_CONNECTED_NS */
    uint64_t duplicates;
    uint64_t rejected[RECEIVE_REASON_COUNT];
};
#define RECEIVE_CONNECTED_NS (16ll * 1000000000) /* three Hellos */
struct receiver_report {
    struct receiver_sensor *sensors; /* owned: free */
    size_t count;
    bool paused;
    char reason[256];
    uint64_t batches, deferred, frames_garbled;
    uint64_t batches_waiting; /* taken, not yet committed */
};
/* Any thread. */
MUST_CHECK enum result receiver_report(struct receiver *receiver, struct receiver_report *ret_report,
                                       struct error *err);

#endif
