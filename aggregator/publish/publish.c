/* SPDX-License-Identifier: Apache-2.0 */
/* The thread behind the publish door. */
#include "aggregator/publish/publish.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "aggregator/peers.h"
#include "aggregator/queue.h"
#include "common/bus.h"
#include "common/clock.h"
#include "common/message.h"
#include "common/records/wire.h"
#include "pavo.pb-c.h"

#define TICK_MS 250
/* Of a Subscribe. libzmq measures the commands of CURVE's handshake by it too: INITIATE takes 300 and more. */
#define MESSAGE_MAX 4096

struct publisher {
    const struct keys *keys;
    void *socket;
    struct peers peers; /* `own` is a struct subscriber; NULL: it has said nothing that is right yet */
    unsigned subscribers;
    int64_t rechecked_ns;
    char endpoint[BUS_ENDPOINT_MAX];
    pthread_t thread;
    struct queue *queue; /* of struct batch */
    atomic_bool stopping;
    atomic_uint_fast64_t messages, unpublished, undelivered, subscriptions, refused;
};

/* Bytes that wait in ZeroMQ for one subscriber. Outlives him until the last of them is gone. */
struct outlet {
    atomic_uint references;
    atomic_size_t bytes;
};

/* A message, once for all who want it. */
struct payload {
    atomic_uint references;
    size_t length;
    uint8_t bytes[];
};

/* It, on its way to one of them. */
struct parcel {
    struct payload *payload;
    struct outlet *outlet;
};

struct subscriber {
    unsigned topics; /* bits by enum record_kind_number */
    struct outlet *outlet;
};

/* ---- sending; nothing here waits */

static void outlet_release(struct outlet *outlet)
{
    if (atomic_fetch_sub(&outlet->references, 1) == 1)
        free(outlet);
}

static void payload_release(struct payload *payload)
{
    if (atomic_fetch_sub(&payload->references, 1) == 1)
        free(payload);
}

/* ZeroMQ has written it, or dropped it with its connection. On one of its threads. */
static void parcel_gone(void *data, void *hint)
{
    struct parcel *parcel = hint;
    (void)data;
    atomic_fetch_sub(&parcel->outlet->bytes, parcel->payload->length);
    outlet_release(parcel->outlet);
    payload_release(parcel->payload);
    free(parcel);
}

static bool parcel_make(struct payload *payload, struct outlet *outlet, zmq_msg_t *ret_frame)
{
    struct parcel *parcel = malloc(sizeof(*parcel));
    if (parcel == NULL || zmq_msg_init_data(ret_frame, payload->bytes, payload->length, parcel_gone, parcel) != 0) {
        free(parcel);
        return false;
    }
    *parcel = (struct parcel){payload, outlet};
    atomic_fetch_add(&payload->references, 1);
    atomic_fetch_add(&outlet->references, 1);
    atomic_fetch_add(&outlet->bytes, payload->length);
    return true;
}

static bool has_room(const struct publisher *p, const struct outlet *outlet, size_t length)
{
    size_t waiting = atomic_load(&outlet->bytes), share = PUBLISH_WAITING_BYTES / p->subscribers;
    return waiting == 0 || waiting + length <= (share < PUBLISH_SUBSCRIBER_BYTES ? share : PUBLISH_SUBSCRIBER_BYTES);
}

/* False: it does not reach him. */
static bool deliver(struct publisher *p, const struct peer *peer, const char *topic, struct payload *payload)
{
    const struct subscriber *subscriber = peer->own;
    zmq_msg_t frame;
    if (!has_room(p, subscriber->outlet, payload->length) || !parcel_make(payload, subscriber->outlet, &frame))
        return false;
    if (bus_send(p->socket, peer->id, peer->id_length, true) == RESULT_OK &&
        bus_send(p->socket, topic, strlen(topic), true) == RESULT_OK && zmq_msg_send(&frame, p->socket, 0) >= 0)
        return true;
    zmq_msg_close(&frame);
    return false;
}

static bool wants(const struct peer *peer, unsigned topic)
{
    const struct subscriber *subscriber = peer->own;
    return subscriber != NULL && (subscriber->topics & topic) != 0;
}

static bool is_wanted(const struct publisher *p, unsigned topic)
{
    const struct peer *peer = p->peers.first;
    while (peer != NULL && !wants(peer, topic))
        peer = peer->next;
    return peer != NULL;
}

static void publish(struct publisher *p, const struct record_kind *kind, const Pavo__Published *message)
{
    size_t length = pavo__published__get_packed_size(message);
    struct payload *payload = malloc(sizeof(*payload) + length);
    if (payload == NULL) {
        atomic_fetch_add(&p->unpublished, 1);
        return;
    }
    atomic_init(&payload->references, 1);
    payload->length = length;
    pavo__published__pack(message, payload->bytes);
    for (const struct peer *peer = p->peers.first; peer != NULL; peer = peer->next) {
        if (wants(peer, 1u << record_kind_number(kind)) && !deliver(p, peer, kind->name, payload))
            atomic_fetch_add(&p->undelivered, 1);
    }
    payload_release(payload);
    atomic_fetch_add(&p->messages, 1);
}

/* The rows as one message. */
static void publish_rows(struct publisher *p, const struct records *rows, uint64_t position, uint64_t previous)
{
    Pavo__Published message = PAVO__PUBLISHED__INIT;
    struct wire_view view;
    message.version = 1;
    message.position = position;
    message.previous = previous;
    if (wire_view_init(&view, rows, NULL) != RESULT_OK) {
        atomic_fetch_add(&p->unpublished, 1);
        return;
    }
    *wire_member(&message.base, rows->kind) = view.message;
    publish(p, rows->kind, &message);
    wire_view_fini(&view);
}

static void publish_records(struct publisher *p, const struct records *records, uint64_t position, uint64_t previous)
{
    if (records->rows <= PUBLISH_ROWS_MAX || records->unknown.count > 0) {
        publish_rows(p, records, position, previous);
        return;
    }
    for (uint32_t at = 0; at < records->rows; at += PUBLISH_ROWS_MAX) {
        uint32_t left = records->rows - at;
        struct records *part = records_copy(records, NULL, at, left < PUBLISH_ROWS_MAX ? left : PUBLISH_ROWS_MAX);
        if (part == NULL)
            atomic_fetch_add(&p->unpublished, 1);
        else
            publish_rows(p, part, position, at == 0 ? previous : position);
        records_free(&part);
    }
}

static void publish_batch(struct publisher *p, const struct batch *batch)
{
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        if (batch_rows(batch, (enum record_kind_number)kind) > 0 && is_wanted(p, 1u << kind))
            publish_records(p, batch->records[kind], batch->position, batch->previous[kind]);
    }
}

/* ---- subscribers */

static void forget(void *context, struct peer *peer)
{
    struct publisher *p = context;
    struct subscriber *subscriber = peer->own;
    if (subscriber == NULL)
        return;
    p->subscribers--;
    atomic_fetch_sub(&p->subscriptions, (unsigned)__builtin_popcount(subscriber->topics));
    outlet_release(subscriber->outlet);
    free(subscriber);
}

/* NULL: out of memory. */
static struct subscriber *subscriber_of(struct publisher *p, struct peer *peer)
{
    struct subscriber *subscriber = peer->own;
    if (subscriber != NULL)
        return subscriber;
    subscriber = calloc(1, sizeof(*subscriber));
    struct outlet *outlet = calloc(1, sizeof(*outlet));
    if (subscriber == NULL || outlet == NULL) {
        free(subscriber);
        free(outlet);
        return NULL;
    }
    atomic_init(&outlet->references, 1);
    subscriber->outlet = outlet;
    peer->own = subscriber;
    p->subscribers++;
    return subscriber;
}

/* The topics in place of those before; a name that is none is counted. */
static void subscribe(struct publisher *p, struct subscriber *subscriber, const Pavo__Subscribe *message)
{
    unsigned topics = 0;
    for (size_t i = 0; i < message->n_topics; i++) {
        const struct record_kind *kind = record_kind_by_name(message->topics[i]);
        if (kind == NULL)
            atomic_fetch_add(&p->refused, 1);
        else
            topics |= 1u << record_kind_number(kind);
    }
    atomic_fetch_add(&p->subscriptions, (unsigned)__builtin_popcount(topics));
    atomic_fetch_sub(&p->subscriptions, (unsigned)__builtin_popcount(subscriber->topics));
    subscriber->topics = topics;
}

/* False: it is none that is right, or from somebody who may not. */
static bool subscribe_came(struct publisher *p, const uint8_t *id, uint8_t id_length, zmq_msg_t *frame)
{
    const char *refusal;
    struct peer *peer = peers_meet(&p->peers, id, id_length, frame, &refusal);
    struct error ignored;
    Pavo__Subscribe *message =
        peer == NULL ? NULL
                     : (Pavo__Subscribe *)message_unpack(&pavo__subscribe__descriptor, zmq_msg_data(frame),
                                                         zmq_msg_size(frame), MESSAGE_MEMORY_SMALL, &ignored);
    struct subscriber *subscriber = message == NULL || message->version != 1 ? NULL : subscriber_of(p, peer);
    if (subscriber != NULL)
        subscribe(p, subscriber, message);
    pavo__subscribe__free_unpacked(message, NULL);
    return subscriber != NULL;
}

static void read_subscriptions(struct publisher *p)
{
    uint8_t id[BUS_ID_MAX], id_length;
    zmq_msg_t frame;
    enum result r;
    while ((r = bus_receive(p->socket, id, &id_length, &frame)) != RESULT_AGAIN) {
        bool right = r == RESULT_OK && subscribe_came(p, id, id_length, &frame);
        if (r == RESULT_OK)
            zmq_msg_close(&frame);
        atomic_fetch_add(&p->refused, !right);
    }
}

/* Who is revoked hears no more. */
static void recheck(struct publisher *p)
{
    int64_t now = clock_monotonic_ns();
    if (now - p->rechecked_ns < PUBLISH_RECHECK_NS)
        return;
    p->rechecked_ns = now;
    for (struct peer *peer = p->peers.first, *next; peer != NULL; peer = next) {
        next = peer->next;
        if (!peers_admit(&p->peers, &peer->asker))
            peers_drop(&p->peers, peer);
    }
}

static void look_around(struct publisher *p)
{
    read_subscriptions(p);
    peers_sweep(&p->peers);
    recheck(p);
}

static void publish_queued(struct publisher *p)
{
    struct batch *batch;
    while ((batch = queue_pop(p->queue)) != NULL) {
        look_around(p);
        publish_batch(p, batch);
        batch_destroy(&batch);
    }
}

static void *publisher_run(void *argument)
{
    struct publisher *p = argument;
    while (!atomic_load(&p->stopping)) {
        zmq_pollitem_t items[3] = {{.socket = p->socket, .events = ZMQ_POLLIN},
                                   {.socket = p->peers.watch, .events = ZMQ_POLLIN},
                                   {.fd = queue_descriptor(p->queue), .events = ZMQ_POLLIN}};
        zmq_poll(items, 3, TICK_MS);
        look_around(p);
        publish_queued(p);
    }
    publish_queued(p);
    return NULL;
}

/* ---- from outside */

static enum result open_door(struct publisher *p, void *zmq_context, const char *endpoint, struct error *err)
{
    enum result r = bus_bind(zmq_context, ZMQ_ROUTER, endpoint, BUS_PUBLISH_PORT, p->keys, DOOR_PUBLISH,
                             PUBLISH_SUBSCRIBER_MESSAGES, MESSAGE_MAX, &p->socket, &p->peers.watch, err);
    if (r != RESULT_OK)
        return r;
    /* A subscriber that is gone or full is told apart, instead of its messages falling away uncounted. */
    zmq_setsockopt(p->socket, ZMQ_ROUTER_MANDATORY, &(int){1}, sizeof(int));
    bus_endpoint(p->socket, p->endpoint);
    return RESULT_OK;
}

static void publisher_free(struct publisher *p)
{
    peers_clear(&p->peers);
    bus_close(&p->socket, &p->peers.watch);
    queue_destroy(&p->queue);
    free(p);
}

enum result publisher_start(void *zmq_context, const char *endpoint, const struct keys *keys,
                            struct authenticator *authenticator, struct publisher **ret_publisher, struct error *err)
{
    struct publisher *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    p->keys = keys;
    p->peers = (struct peers){.authenticator = authenticator,
                              .door = DOOR_PUBLISH,
                              .of_name_max = PUBLISH_KEY_CONNECTIONS,
                              .all_max = PUBLISH_CONNECTIONS_MAX,
                              .gone = forget,
                              .context = p};
    enum result r = queue_new(PUBLISH_QUEUE_BYTES, &p->queue, err);
    if (r == RESULT_OK)
        r = open_door(p, zmq_context, endpoint, err);
    if (r == RESULT_OK && pthread_create(&p->thread, NULL, publisher_run, p) != 0)
        r = error_set(err, RESULT_FATAL, "no thread for the publish door");
    if (r != RESULT_OK) {
        publisher_free(p);
        return r;
    }
    *ret_publisher = p;
    return RESULT_OK;
}

const char *publisher_endpoint(const struct publisher *publisher)
{
    return publisher->endpoint;
}

void publisher_submit(struct publisher *publisher, struct batch **batch)
{
    if (queue_push(publisher->queue, *batch, batch_weight(*batch)) == RESULT_OK) {
        *batch = NULL;
        return;
    }
    atomic_fetch_add(&publisher->unpublished, 1);
    batch_destroy(batch);
}

void publisher_counts_get(struct publisher *publisher, struct publisher_counts *ret_counts)
{
    *ret_counts = (struct publisher_counts){0};
    if (publisher == NULL)
        return;
    *ret_counts = (struct publisher_counts){.messages = atomic_load(&publisher->messages),
                                            .unpublished = atomic_load(&publisher->unpublished),
                                            .undelivered = atomic_load(&publisher->undelivered),
                                            .subscriptions = atomic_load(&publisher->subscriptions),
                                            .refused = atomic_load(&publisher->refused)};
}

void publisher_stop(struct publisher **publisher_pointer)
{
    struct publisher *p = *publisher_pointer;
    if (p == NULL)
        return;
    atomic_store(&p->stopping, true);
    queue_wake(p->queue);
    pthread_join(p->thread, NULL);
    struct batch *batch;
    while ((batch = queue_pop(p->queue)) != NULL)
        batch_destroy(&batch);
    publisher_free(p);
    *publisher_pointer = NULL;
}
