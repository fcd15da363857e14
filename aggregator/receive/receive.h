/* SPDX-License-Identifier: Apache-2.0 */
/* Receive: the door for all that speak: sensors, collectors, witnesses and detectors. A frame that passes every check
 * becomes a batch in the queue to the committer; one that does not is rejected with a reason and counted, and
 * everything else goes on.
 *
 * The thread owns the ROUTER socket. It answers Hello with Welcome, acknowledges at once what is committed already,
 * ignores what is queued already, and sends the acknowledgements of what the committer reports back.
 * Bounds: RECEIVE_QUEUE_BYTES of decoded batches wait for the committer; behind them RECEIVE_HELD_BYTES of sealed ones;
 * beyond that, and while a limit that all sensors share is reached, batches are dropped unacknowledged (`deferred`; the
 * sensor sends again). Only what is a sensor's own fault is rejected, which is final. Credit is the option's, shared
 * by the connected sensors, and 0 while intake is paused. */
#ifndef PAVO_AGGREGATOR_RECEIVE_H
#define PAVO_AGGREGATOR_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregator/batch.h"
#include "aggregator/queue.h"
#include "common/authenticator.h"
#include "common/keys.h"
#include "common/result.h"

#define RECEIVE_QUEUE_BYTES  (256ull << 20)
#define RECEIVE_HELD_BYTES   (64ull << 20)
#define RECEIVE_BATCHES_MAX  1024u     /* held, queued or being committed */
#define RECEIVE_SEQUENCE_MAX EPOCH_MAX /* of a batch, as of its epoch: what JSON's readers keep exactly */
/* Nanoseconds either side of 1970: what a capture file can say, and no sum overflows. */
#define RECEIVE_TIME_MAX 4500000000000000000ll

/* Why batches are refused; names appear in `pavo sensors`. */
#define RECEIVE_REASONS(X)                                                                                             \
    X(GARBLED, "garbled frame")                                                                                        \
    X(VERSION, "unknown version")                                                                                      \
    X(NAME, "name is not the key's")                                                                                   \
    X(REVOKED, "key no longer enrolled")                                                                               \
    X(NUMBERS, "epoch or sequence out of bounds")                                                                      \
    X(SIZE, "size")                                                                                                    \
    X(CHAIN, "digest or signature of another length")                                                                  \
    X(UNSEALING, "unsealing failed")                                                                                   \
    X(CONTENT, "not a batch")                                                                                          \
    X(INNER_NAME, "name inside the seal differs")                                                                      \
    X(ROLE, "not for this role")                                                                                       \
    X(COLUMNS, "columns disagree")                                                                                     \
    X(OBSERVER, "records of another observer")                                                                         \
    X(TIMES, "times out of range")                                                                                     \
    X(LIMIT, "too many gaps or lives")                                                                                 \
    X(CONTENTS, "other contents under a name that is committed")
enum receive_reason {
#define X(name, text) RECEIVE_##name,
    RECEIVE_REASONS(X)
#undef X
        RECEIVE_REASON_COUNT
};
const char *receive_reason_name(enum receive_reason reason);

/* The bytes of a Batch, as they come out of the seal, against the name on the outside and what its speaker's role may
 * say. Pure; foreign bytes go in. RESULT_REJECT: *ret_reason and the sentence say why. RESULT_FATAL: out of memory; the
 * batch may be good. Nothing else is set then. */
MUST_CHECK enum result receive_decode(const uint8_t *plain, size_t length, enum key_role role,
                                      const struct observer *observer, uint64_t sequence, struct batch **ret_batch,
                                      enum receive_reason *ret_reason, struct error *err);

struct receiver;
struct store; /* asked for names only */

struct receiver_options {
    void *zmq_context;
    const char *endpoint;
    const struct keys *keys; /* borrowed while the receiver lives */
    struct authenticator *authenticator;
    struct store *store;
    uint32_t credit;
    struct queue *intake;   /* of struct batch: those checked go here (weight: batch_weight) */
    struct queue *receipts; /* of struct receipt: those committed come back here, to be acknowledged and freed */
};
MUST_CHECK enum result receiver_start(const struct receiver_options *options, struct receiver **ret_receiver,
                                      struct error *err);
/* Any thread. Where the door is bound. */
const char *receiver_endpoint(const struct receiver *receiver);
/* Any thread. Credit 0 to all while paused; told to the sensors at once. `reason` is copied. */
void receiver_pause(struct receiver *receiver, bool paused, const char *reason);
/* No new batch is taken; acknowledgements still go out. */
void receiver_refuse(struct receiver *receiver);
/* Sends the acknowledgements in `receipts`, then ends. */
void receiver_stop(struct receiver **receiver);

/* A sensor, or who else speaks, as the door knows it. */
struct receiver_sensor {
    char name[SENSOR_NAME_MAX];
    enum key_role role;
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
/* NULL: the door has not heard of it since its start. */
const struct receiver_sensor *receiver_report_find(const struct receiver_report *report, const char *name);

#endif
