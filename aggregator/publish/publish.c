/* SPDX-License-Identifier: Apache-2.0 */
/* The thread behind the publish door. */
#include "aggregator/publish/publish.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/bus.h"
#include "proto/codec.h"

#define TICK_MS          250
#define SUBSCRIPTION_MAX 256 /* bytes of a subscription frame */
/* libzmq measures the commands of CURVE's handshake by it too: INITIATE takes 300 and more. */
#define MESSAGE_MAX 4096

struct publisher {
    void *socket;
    char endpoint[256];
    pthread_t thread;
    struct queue *queue; /* struct published * */
    atomic_bool stopping;
    atomic_uint_fast64_t messages, unpublished, subscriptions;
};

void published_destroy(struct published **published)
{
    struct published *p = *published;
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->batch_count; i++)
        intake_batch_destroy(&p->batches[i]);
    free(p->batches);
    free(p->places);
    free(p->links);
    free(p);
    *published = NULL;
}

enum result publish_links_init(const struct link *links, size_t count, struct publish_links *ret_links,
                               struct error *err)
{
    struct publish_links made = {.messages = calloc(count + 1, sizeof(*made.messages)),
                                 .pointers = calloc(count + 1, sizeof(*made.pointers))};
    if (made.messages == NULL || made.pointers == NULL) {
        publish_links_fini(&made);
        return error_set(err, RESULT_AGAIN, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        link_message_init(&made.messages[i], &links[i]);
        made.pointers[i] = &made.messages[i].message;
    }
    *ret_links = made;
    return RESULT_OK;
}

void publish_links_fini(struct publish_links *links)
{
    free(links->messages);
    free(links->pointers);
    *links = (struct publish_links){0};
}

/* ---- sending; nothing here waits */

static void free_packed(void *data, void *hint)
{
    (void)hint;
    free(data);
}

static void publish(struct publisher *p, const char *topic, const Pavo__Published *message)
{
    size_t length = pavo__published__get_packed_size(message);
    uint8_t *packed = malloc(length + 1);
    if (packed == NULL) {
        atomic_fetch_add(&p->unpublished, 1);
        return;
    }
    pavo__published__pack(message, packed);
    zmq_msg_t frame;
    if (zmq_msg_init_data(&frame, packed, length, free_packed, NULL) != 0) {
        free(packed);
        atomic_fetch_add(&p->unpublished, 1);
        return;
    }
    /* XPUB drops for a subscriber whose queue is full, and never blocks. */
    if (bus_send(p->socket, topic, strlen(topic), true) != RESULT_OK ||
        zmq_msg_send(&frame, p->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&frame);
        atomic_fetch_add(&p->unpublished, 1);
        return;
    }
    atomic_fetch_add(&p->messages, 1);
}

static Pavo__Published message_at(uint64_t position, uint64_t previous)
{
    Pavo__Published message = PAVO__PUBLISHED__INIT;
    message.version = 1;
    message.position = position;
    message.previous = previous;
    return message;
}

static void publish_batch(struct publisher *p, const struct intake_batch *batch, const struct store_batch *place)
{
    Pavo__Observer observer = PAVO__OBSERVER__INIT;
    observer.sensor = (char *)batch->observer.sensor;
    observer.epoch = batch->observer.epoch;
    if (batch->flows != NULL && batch->flows->rows > 0) {
        Pavo__Published message = message_at(place->position, place->previous_flow);
        struct flow_columns_view view;
        if (flow_columns_view_init(&view, batch->flows, NULL) == RESULT_OK) {
            message.flows = &view.message;
            publish(p, "flow", &message);
            flow_columns_view_fini(&view);
        } else {
            atomic_fetch_add(&p->unpublished, 1);
        }
    }
    if (batch->message->n_losses > 0) {
        Pavo__Published message = message_at(place->position, place->previous_loss);
        for (size_t i = 0; i < batch->message->n_losses; i++) {
            Pavo__Loss *loss = batch->message->losses[i];
            if (loss->sensor[0] == '\0') /* protobuf-c's shared empty text, not owned */
                loss->sensor = strdup(batch->observer.sensor);
            if (loss->sensor == NULL)
                loss->sensor = (char *)protobuf_c_empty_string;
        }
        message.losses = batch->message->losses;
        message.n_losses = batch->message->n_losses;
        message.observer = &observer;
        publish(p, "loss", &message);
    }
    if (batch->message->status != NULL) {
        Pavo__Published message = message_at(place->position, place->previous_status);
        message.status = batch->message->status;
        message.observer = &observer;
        publish(p, "status", &message);
    }
}

static void publish_links(struct publisher *p, const struct published *set)
{
    struct publish_links links;
    if (publish_links_init(set->links, set->link_count, &links, NULL) != RESULT_OK) {
        atomic_fetch_add(&p->unpublished, 1);
        return;
    }
    for (size_t at = 0; at < set->link_count; at += PUBLISH_LINKS_MAX) {
        size_t left = set->link_count - at;
        Pavo__Published message = message_at(set->link_position, at == 0 ? set->previous_link : set->link_position);
        message.links = links.pointers + at;
        message.n_links = left < PUBLISH_LINKS_MAX ? left : PUBLISH_LINKS_MAX;
        publish(p, "link", &message);
    }
    publish_links_fini(&links);
}

/* Subscriptions must be read, or they pile up in the socket. */
static void read_subscriptions(struct publisher *p)
{
    uint8_t frame[SUBSCRIPTION_MAX];
    int length;
    while ((length = zmq_recv(p->socket, frame, sizeof(frame), ZMQ_DONTWAIT)) >= 0) {
        if (length > 0 && frame[0] == 1)
            atomic_fetch_add(&p->subscriptions, 1);
        else if (length > 0 && frame[0] == 0 && atomic_load(&p->subscriptions) > 0)
            atomic_fetch_sub(&p->subscriptions, 1);
    }
}

static void publish_queued(struct publisher *p)
{
    struct published *set;
    while ((set = queue_pop(p->queue)) != NULL) {
        read_subscriptions(p);
        if (atomic_load(&p->subscriptions) > 0) {
            for (size_t i = 0; i < set->batch_count; i++)
                publish_batch(p, set->batches[i], &set->places[i]);
            if (set->link_count > 0)
                publish_links(p, set);
        }
        published_destroy(&set);
    }
}

static void *publisher_run(void *argument)
{
    struct publisher *p = argument;
    while (!atomic_load(&p->stopping)) {
        zmq_pollitem_t items[2] = {{.socket = p->socket, .events = ZMQ_POLLIN},
                                   {.fd = queue_descriptor(p->queue), .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, TICK_MS);
        read_subscriptions(p);
        publish_queued(p);
    }
    publish_queued(p);
    return NULL;
}

/* ---- from outside */

enum result publisher_start(void *zmq_context, const char *endpoint, const struct keys *keys,
                            struct publisher **ret_publisher, struct error *err)
{
    struct publisher *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    enum result r = queue_new(PUBLISH_QUEUE_BYTES, &p->queue, err);
    if (r == RESULT_OK)
        r = bus_bind(zmq_context, ZMQ_XPUB, endpoint, BUS_PUBLISH_PORT, keys, "reader", PUBLISH_SUBSCRIBER_MESSAGES,
                     MESSAGE_MAX, &p->socket, err);
    if (r != RESULT_OK) {
        queue_destroy(&p->queue);
        free(p);
        return r;
    }
    size_t length = sizeof(p->endpoint);
    zmq_getsockopt(p->socket, ZMQ_LAST_ENDPOINT, p->endpoint, &length);
    if (pthread_create(&p->thread, NULL, publisher_run, p) != 0) {
        zmq_close(p->socket);
        queue_destroy(&p->queue);
        free(p);
        return error_set(err, RESULT_FATAL, "no thread for the publish door");
    }
    *ret_publisher = p;
    return RESULT_OK;
}

const char *publisher_endpoint(const struct publisher *publisher)
{
    return publisher->endpoint;
}

void publisher_submit(struct publisher *publisher, struct published **published)
{
    uint64_t weight = sizeof(**published) + (*published)->link_count * sizeof(struct link);
    for (size_t i = 0; i < (*published)->batch_count; i++)
        weight += intake_batch_weight((*published)->batches[i]);
    if (queue_push(publisher->queue, *published, weight) == RESULT_OK) {
        *published = NULL;
        return;
    }
    atomic_fetch_add(&publisher->unpublished, 1);
    published_destroy(published);
}

void publisher_counts_get(struct publisher *publisher, struct publisher_counts *ret_counts)
{
    *ret_counts = (struct publisher_counts){.messages = atomic_load(&publisher->messages),
                                            .unpublished = atomic_load(&publisher->unpublished),
                                            .subscriptions = atomic_load(&publisher->subscriptions)};
}

void publisher_stop(struct publisher **publisher_pointer)
{
    struct publisher *p = *publisher_pointer;
    if (p == NULL)
        return;
    atomic_store(&p->stopping, true);
    queue_wake(p->queue);
    pthread_join(p->thread, NULL);
    struct published *set;
    while ((set = queue_pop(p->queue)) != NULL)
        published_destroy(&set);
    zmq_close(p->socket);
    queue_destroy(&p->queue);
    free(p);
    *publisher_pointer = NULL;
}
