/* SPDX-License-Identifier: Apache-2.0 */
/* The thread behind the publish door. */
#include "aggregator/publish/publish.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "aggregator/queue.h"
#include "common/bus.h"
#include "common/log.h"
#include "common/records/wire.h"
#include "pavo.pb-c.h"

#define TICK_MS          250
#define REOPEN_WARN      100   /* attempts before somebody should know */
#define REOPEN_US        50000 /* between two attempts to have the port again */
#define SUBSCRIPTION_MAX 256   /* bytes of a subscription frame */
/* libzmq measures the commands of CURVE's handshake by it too: INITIATE takes 300 and more. */
#define MESSAGE_MAX 4096

struct publisher {
    void *zmq;
    const struct keys *keys;
    void *socket;
    char endpoint[BUS_ENDPOINT_MAX];
    pthread_t thread;
    struct queue *queue; /* of struct batch */
    atomic_bool stopping, admit_anew;
    atomic_uint_fast64_t messages, unpublished, subscriptions;
};

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
    publish(p, rows->kind->name, &message);
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
        if (batch_rows(batch, (enum record_kind_number)kind) > 0)
            publish_records(p, batch->records[kind], batch->position, batch->previous[kind]);
    }
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
    struct batch *batch;
    while ((batch = queue_pop(p->queue)) != NULL) {
        read_subscriptions(p);
        if (atomic_load(&p->subscriptions) > 0)
            publish_batch(p, batch);
        batch_destroy(&batch);
    }
}

static enum result open_door(struct publisher *p, const char *endpoint, struct error *err)
{
    return bus_bind(p->zmq, ZMQ_XPUB, endpoint, BUS_PUBLISH_PORT, p->keys, DOOR_PUBLISH, PUBLISH_SUBSCRIBER_MESSAGES,
                    MESSAGE_MAX, &p->socket, err);
}

/* libzmq gives the port back some time after the close; until then batches wait in the queue. */
static void open_again(struct publisher *p)
{
    struct error err;
    zmq_close(p->socket);
    p->socket = NULL;
    atomic_store(&p->subscriptions, 0);
    for (unsigned attempt = 0; p->socket == NULL && !atomic_load(&p->stopping); attempt++) {
        if (open_door(p, p->endpoint, &err) == RESULT_OK)
            break;
        if (attempt == REOPEN_WARN)
            log_warning("the publish door cannot be opened again; trying on: %s", err.text);
        usleep(REOPEN_US);
    }
}

static void *publisher_run(void *argument)
{
    struct publisher *p = argument;
    while (!atomic_load(&p->stopping)) {
        if (atomic_exchange(&p->admit_anew, false)) {
            open_again(p);
            continue;
        }
        zmq_pollitem_t items[2] = {{.socket = p->socket, .events = ZMQ_POLLIN},
                                   {.fd = queue_descriptor(p->queue), .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, TICK_MS);
        read_subscriptions(p);
        publish_queued(p);
    }
    if (p->socket != NULL)
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
    p->zmq = zmq_context;
    p->keys = keys;
    enum result r = queue_new(PUBLISH_QUEUE_BYTES, &p->queue, err);
    if (r == RESULT_OK)
        r = open_door(p, endpoint, err);
    if (r != RESULT_OK) {
        queue_destroy(&p->queue);
        free(p);
        return r;
    }
    bus_endpoint(p->socket, p->endpoint);
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

void publisher_submit(struct publisher *publisher, struct batch **batch)
{
    if (queue_push(publisher->queue, *batch, batch_weight(*batch)) == RESULT_OK) {
        *batch = NULL;
        return;
    }
    atomic_fetch_add(&publisher->unpublished, 1);
    batch_destroy(batch);
}

void publisher_admit_anew(struct publisher *publisher)
{
    atomic_store(&publisher->admit_anew, true);
    queue_wake(publisher->queue);
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
    struct batch *batch;
    while ((batch = queue_pop(p->queue)) != NULL)
        batch_destroy(&batch);
    if (p->socket != NULL)
        zmq_close(p->socket);
    queue_destroy(&p->queue);
    free(p);
    *publisher_pointer = NULL;
}
