/* SPDX-License-Identifier: Apache-2.0 */
/* The thread behind the sensors' door. */
#include "aggregator/receive/receive.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/seal.h"

#define SOFTWARE        "pavo-aggregator " PAVO_VERSION
#define SOCKET_MESSAGES 1000 /* per sensor, in ZeroMQ */
#define TICK_MS         250
#define MESSAGE_MAX     (SEAL_SEALED_MAX + 4096)

/* A name that is held, queued or being committed. */
struct flight {
    struct observer observer;
    uint64_t sequence;
};

struct peer {
    uint8_t id[RECEIVE_PEER_MAX];
    uint8_t length;
};

/* A frame that waits for room in the queue, still sealed. */
struct held {
    struct held *next;
    struct peer peer;
    Pavo__FromSensor *frame; /* owned */
    int64_t received_ns;
    size_t size;
};

struct sensor {
    struct receiver_sensor public;
    struct peer peer; /* of the last frame */
    struct log_gate gate;
};

struct receiver {
    struct receiver_options options;
    void *socket;
    char endpoint[256];
    pthread_t thread;
    atomic_bool refusing, stopping;

    pthread_mutex_t lock; /* guards all below against receiver_report and receiver_pause */
    struct sensor *sensors;
    size_t sensor_count;
    bool paused, pause_changed;
    char reason[256];
    uint64_t batches, deferred, garbled;

    /* The thread's own. */
    struct flight flights[RECEIVE_BATCHES_MAX];
    atomic_size_t flight_count;
    struct held *held_first, **held_end;
    uint64_t held_bytes;
};

/* ---- who speaks */

static struct sensor *sensor_get(struct receiver *r, const char *name)
{
    for (size_t i = 0; i < r->sensor_count; i++) {
        if (strcmp(r->sensors[i].public.name, name) == 0)
            return &r->sensors[i];
    }
    /* Bounded by ENROLLED_MAX: only enrolled names come this far. */
    struct sensor *grown = realloc(r->sensors, (r->sensor_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    r->sensors = grown;
    struct sensor *made = &grown[r->sensor_count++];
    *made = (struct sensor){0};
    snprintf(made->public.name, sizeof(made->public.name), "%s", name);
    return made;
}

/* Notes under the lock that the named sensor was refused something; logs once a minute. */
static void count_rejection(struct receiver *r, const char *name, enum receive_reason reason, const char *sentence)
{
    uint64_t suppressed = 0;
    bool speak = false;
    pthread_mutex_lock(&r->lock);
    struct sensor *sensor = sensor_get(r, name);
    if (sensor != NULL) {
        sensor->public.rejected[reason]++;
        speak = log_gate_pass(&sensor->gate, clock_monotonic_ns(), 60 * NS_PER_S, &suppressed);
    }
    pthread_mutex_unlock(&r->lock);
    if (speak)
        log_warning("sensor %s: a batch is refused: %s (%" PRIu64 " more since the last such line)", name, sentence,
                    suppressed);
}

static void note_heard(struct receiver *r, const char *name, const struct peer *peer, uint64_t epoch)
{
    pthread_mutex_lock(&r->lock);
    struct sensor *sensor = sensor_get(r, name);
    bool first = false;
    if (sensor != NULL) {
        int64_t now = clock_wall_ns();
        first = now - sensor->public.last_heard_ns > RECEIVE_CONNECTED_NS || epoch > sensor->public.epoch;
        sensor->public.last_heard_ns = now;
        if (epoch >= sensor->public.epoch) {
            sensor->public.epoch = epoch;
            sensor->peer = *peer;
        }
    }
    pthread_mutex_unlock(&r->lock);
    if (first)
        log_notice("sensor %s is here (epoch %" PRIu64 ")", name, epoch);
}

/* Each sensor's share of what may be under way. */
static uint32_t credit(struct receiver *r)
{
    uint32_t connected = 0;
    int64_t now = clock_wall_ns();
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->sensor_count; i++)
        connected += now - r->sensors[i].public.last_heard_ns <= RECEIVE_CONNECTED_NS;
    bool paused = r->paused;
    pthread_mutex_unlock(&r->lock);
    uint32_t share = RECEIVE_BATCHES_MAX / 2 / (connected == 0 ? 1 : connected);
    share = share == 0 ? 1 : share;
    return paused || atomic_load(&r->refusing) ? 0 : share < r->options.credit ? share : r->options.credit;
}

/* ---- sending */

/* A peer that is gone or whose queue is full gets nothing: it asks again. */
static void send_to(struct receiver *r, const struct peer *peer, const Pavo__ToSensor *message)
{
    size_t length = pavo__to_sensor__get_packed_size(message);
    uint8_t *packed = malloc(length + 1);
    if (packed == NULL)
        return;
    pavo__to_sensor__pack(message, packed);
    if (bus_send(r->socket, peer->id, peer->length, true) == RESULT_OK &&
        bus_send(r->socket, packed, length, false) != RESULT_OK)
        log_debug("an answer to a sensor could not be sent");
    free(packed);
}

static void send_acknowledgement(struct receiver *r, const struct peer *peer, uint64_t epoch, uint64_t *sequences,
                                 size_t count, Pavo__Rejection *rejection)
{
    Pavo__Acknowledgement ack = PAVO__ACKNOWLEDGEMENT__INIT;
    ack.epoch = epoch;
    ack.sequences = sequences;
    ack.n_sequences = count;
    ack.credit = credit(r);
    if (rejection != NULL) {
        ack.rejected = &rejection;
        ack.n_rejected = 1;
    }
    Pavo__ToSensor message = PAVO__TO_SENSOR__INIT;
    message.version = 1;
    message.body_case = PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT;
    message.acknowledgement = &ack;
    send_to(r, peer, &message);
}

static void reject(struct receiver *r, const struct peer *peer, const char *name, uint64_t epoch, uint64_t sequence,
                   enum receive_reason reason, const char *sentence)
{
    count_rejection(r, name, reason, sentence);
    Pavo__Rejection rejection = PAVO__REJECTION__INIT;
    rejection.sequence = sequence;
    rejection.reason = (char *)sentence;
    send_acknowledgement(r, peer, epoch, NULL, 0, &rejection);
}

static void welcome(struct receiver *r, const struct peer *peer, const Pavo__Hello *hello, int64_t received_ns)
{
    Pavo__Welcome w = PAVO__WELCOME__INIT;
    w.hello_sent_ns = hello->sent_ns;
    w.received_ns = (uint64_t)received_ns;
    w.credit = credit(r);
    w.software = SOFTWARE;
    w.sent_ns = (uint64_t)clock_wall_ns();
    Pavo__ToSensor message = PAVO__TO_SENSOR__INIT;
    message.version = 1;
    message.body_case = PAVO__TO_SENSOR__BODY_WELCOME;
    message.welcome = &w;
    send_to(r, peer, &message);
}

/* ---- batches */

static struct flight *flight_find(struct receiver *r, const struct observer *observer, uint64_t sequence)
{
    for (size_t i = 0; i < r->flight_count; i++) {
        if (r->flights[i].sequence == sequence && observer_equal(&r->flights[i].observer, observer))
            return &r->flights[i];
    }
    return NULL;
}

static void flight_end(struct receiver *r, const struct observer *observer, uint64_t sequence)
{
    struct flight *flight = flight_find(r, observer, sequence);
    if (flight != NULL)
        *flight = r->flights[--r->flight_count];
}

static struct observer batch_observer(const Pavo__SealedBatch *sealed)
{
    struct observer observer = {.epoch = sealed->epoch};
    snprintf(observer.sensor, sizeof(observer.sensor), "%s", sealed->sensor);
    return observer;
}

/* Opens, checks and hands over one batch whose name is under way. */
static void take(struct receiver *r, const struct peer *peer, const Pavo__SealedBatch *sealed, int64_t received_ns)
{
    struct observer observer = batch_observer(sealed);
    struct bytes plain = {0};
    struct intake_batch *batch = NULL;
    enum receive_reason reason = RECEIVE_UNSEALING;
    struct error err;
    enum result result = unseal(sealed->sealed.data, sealed->sealed.len, sealed->size, r->options.keys->seal_public,
                                r->options.keys->seal_secret, &plain, &err);
    if (result == RESULT_OK)
        result = receive_decode(plain.data, plain.length, &observer, sealed->sequence, &batch, &reason, &err);
    bytes_free(&plain);
    if (result == RESULT_OK) {
        batch->received_ns = received_ns;
        memcpy(batch->peer, peer->id, peer->length);
        batch->peer_length = peer->length;
        result = queue_push(r->options.intake, batch, intake_batch_weight(batch));
    }
    if (result == RESULT_OK)
        return;
    intake_batch_destroy(&batch);
    flight_end(r, &observer, sealed->sequence);
    if (result == RESULT_REJECT) {
        reject(r, peer, observer.sensor, observer.epoch, sealed->sequence, reason, err.text);
        return;
    }
    pthread_mutex_lock(&r->lock);
    r->deferred++; /* no room, no memory: the sensor sends it again */
    pthread_mutex_unlock(&r->lock);
}

static void hold(struct receiver *r, const struct peer *peer, Pavo__FromSensor **frame, int64_t received_ns)
{
    const Pavo__SealedBatch *sealed = (*frame)->batch;
    struct held *held = r->held_bytes + sealed->sealed.len > RECEIVE_HELD_BYTES ? NULL : malloc(sizeof(*held));
    if (held == NULL) {
        struct observer observer = batch_observer(sealed);
        flight_end(r, &observer, sealed->sequence);
        pthread_mutex_lock(&r->lock);
        r->deferred++;
        pthread_mutex_unlock(&r->lock);
        return;
    }
    *held = (struct held){.peer = *peer, .frame = *frame, .received_ns = received_ns, .size = sealed->sealed.len};
    *frame = NULL;
    *r->held_end = held;
    r->held_end = &held->next;
    r->held_bytes += held->size;
}

static void take_held(struct receiver *r)
{
    while (r->held_first != NULL && !queue_is_full(r->options.intake)) {
        struct held *held = r->held_first;
        r->held_first = held->next;
        if (r->held_first == NULL)
            r->held_end = &r->held_first;
        r->held_bytes -= held->size;
        take(r, &held->peer, held->frame->batch, held->received_ns);
        pavo__from_sensor__free_unpacked(held->frame, NULL);
        free(held);
    }
}

/* A batch whose name is the key's: known already, refused, under way, or new. Takes *frame when it keeps it. */
static void batch_came(struct receiver *r, const struct peer *peer, Pavo__FromSensor **frame, int64_t received_ns)
{
    Pavo__SealedBatch *sealed = (*frame)->batch;
    struct observer observer = batch_observer(sealed);
    pthread_mutex_lock(&r->lock);
    r->batches++;
    pthread_mutex_unlock(&r->lock);
    if (sealed->size == 0 || sealed->size > SEAL_PLAIN_MAX || sealed->sealed.len > SEAL_SEALED_MAX ||
        sealed->sequence == 0) {
        reject(r, peer, observer.sensor, sealed->epoch, sealed->sequence, RECEIVE_SIZE, "size");
        return;
    }
    enum store_name known = store_name(r->options.store, &observer, sealed->sequence);
    if (known != STORE_NAME_NEW) {
        if (known == STORE_NAME_REFUSED) {
            reject(r, peer, observer.sensor, sealed->epoch, sealed->sequence, RECEIVE_LIMIT,
                   receive_reason_name(RECEIVE_LIMIT));
            return;
        }
        pthread_mutex_lock(&r->lock);
        struct sensor *sensor = sensor_get(r, observer.sensor);
        if (sensor != NULL)
            sensor->public.duplicates++;
        pthread_mutex_unlock(&r->lock);
        send_acknowledgement(r, peer, sealed->epoch, &sealed->sequence, 1, NULL);
        return;
    }
    if (atomic_load(&r->refusing) || flight_find(r, &observer, sealed->sequence) != NULL)
        return;
    if (r->flight_count == RECEIVE_BATCHES_MAX) {
        pthread_mutex_lock(&r->lock);
        r->deferred++;
        pthread_mutex_unlock(&r->lock);
        return;
    }
    r->flights[r->flight_count++] = (struct flight){observer, sealed->sequence};
    if (r->held_first != NULL || queue_is_full(r->options.intake))
        hold(r, peer, frame, received_ns);
    else
        take(r, peer, sealed, received_ns);
}

/* ---- frames */

static void frame_came(struct receiver *r, const struct peer *peer, zmq_msg_t *message, int64_t received_ns)
{
    const char *user = zmq_msg_gets(message, "User-Id");
    char name[SENSOR_NAME_MAX];
    snprintf(name, sizeof(name), "%s", user == NULL ? "" : user);
    if (name[0] == '\0' || !authenticator_admits(r->options.authenticator, KEY_ROLE_SENSOR, message)) {
        if (name[0] != '\0')
            count_rejection(r, name, RECEIVE_REVOKED, receive_reason_name(RECEIVE_REVOKED));
        return;
    }
    Pavo__FromSensor *frame = pavo__from_sensor__unpack(NULL, zmq_msg_size(message), zmq_msg_data(message));
    const char *said = NULL;
    uint64_t epoch = 0;
    enum receive_reason reason = RECEIVE_GARBLED;
    if (frame != NULL && frame->version != 1)
        reason = RECEIVE_VERSION;
    else if (frame != NULL && frame->body_case == PAVO__FROM_SENSOR__BODY_HELLO)
        said = frame->hello->sensor, epoch = frame->hello->epoch;
    else if (frame != NULL && frame->body_case == PAVO__FROM_SENSOR__BODY_BATCH)
        said = frame->batch->sensor, epoch = frame->batch->epoch;
    if (said != NULL && strcmp(said, name) != 0) {
        said = NULL;
        reason = RECEIVE_NAME;
    }
    if (said == NULL) {
        count_rejection(r, name, reason, receive_reason_name(reason));
    } else {
        note_heard(r, name, peer, epoch);
        if (frame->body_case == PAVO__FROM_SENSOR__BODY_HELLO)
            welcome(r, peer, frame->hello, received_ns);
        else
            batch_came(r, peer, &frame, received_ns);
    }
    if (frame != NULL)
        pavo__from_sensor__free_unpacked(frame, NULL);
}

/* One message of two frames, routing id and payload; anything else is read away and counted. False: none was there. */
static bool receive_one(struct receiver *r)
{
    zmq_msg_t id, payload;
    zmq_msg_init(&id);
    zmq_msg_init(&payload);
    if (zmq_msg_recv(&id, r->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&id);
        zmq_msg_close(&payload);
        return false;
    }
    struct peer peer = {.length = (uint8_t)zmq_msg_size(&id)};
    memcpy(peer.id, zmq_msg_data(&id), peer.length);
    unsigned frames = 0;
    bool more = zmq_msg_more(&id);
    while (more && zmq_msg_recv(&payload, r->socket, ZMQ_DONTWAIT) >= 0) {
        frames++;
        more = zmq_msg_more(&payload);
    }
    if (frames == 1) {
        frame_came(r, &peer, &payload, clock_wall_ns());
    } else {
        pthread_mutex_lock(&r->lock);
        r->garbled++;
        pthread_mutex_unlock(&r->lock);
    }
    zmq_msg_close(&id);
    zmq_msg_close(&payload);
    return true;
}

/* ---- what the committer says */

/* Acknowledges runs of batches of one sensor with one message each. */
static void send_outcomes(struct receiver *r)
{
    enum { RUN = 256 };
    uint64_t sequences[RUN];
    size_t count = 0;
    struct peer peer = {0};
    uint64_t epoch = 0;
    struct intake_batch *batch;
    while ((batch = queue_pop(r->options.outcomes)) != NULL) {
        bool same = count > 0 && count < RUN && epoch == batch->observer.epoch && peer.length == batch->peer_length &&
                    memcmp(peer.id, batch->peer, peer.length) == 0;
        if (count > 0 && !same) {
            send_acknowledgement(r, &peer, epoch, sequences, count, NULL);
            count = 0;
        }
        flight_end(r, &batch->observer, batch->sequence);
        if (batch->outcome == RESULT_OK) {
            peer.length = batch->peer_length;
            memcpy(peer.id, batch->peer, peer.length);
            epoch = batch->observer.epoch;
            sequences[count++] = batch->sequence;
        }
        intake_batch_destroy(&batch);
    }
    if (count > 0)
        send_acknowledgement(r, &peer, epoch, sequences, count, NULL);
}

/* Everybody learns of a pause, and of its end, without having to ask. */
static void tell_pause(struct receiver *r)
{
    pthread_mutex_lock(&r->lock);
    bool changed = r->pause_changed;
    r->pause_changed = false;
    size_t count = r->sensor_count;
    struct sensor *sensors = changed && count > 0 ? malloc(count * sizeof(*sensors)) : NULL;
    if (sensors != NULL)
        memcpy(sensors, r->sensors, count * sizeof(*sensors));
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; sensors != NULL && i < count; i++) {
        if (sensors[i].peer.length > 0)
            send_acknowledgement(r, &sensors[i].peer, sensors[i].public.epoch, NULL, 0, NULL);
    }
    free(sensors);
}

static void *receiver_run(void *argument)
{
    struct receiver *r = argument;
    enum { BURST = 64 }; /* frames before outcomes are looked at again */
    while (!atomic_load(&r->stopping)) {
        zmq_pollitem_t items[2] = {{.socket = r->socket, .events = ZMQ_POLLIN},
                                   {.fd = queue_descriptor(r->options.outcomes), .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, TICK_MS);
        for (int i = 0; i < BURST && receive_one(r); i++)
            continue;
        send_outcomes(r);
        take_held(r);
        tell_pause(r);
    }
    send_outcomes(r);
    return NULL;
}

/* ---- from outside */

enum result receiver_start(const struct receiver_options *options, struct receiver **ret_receiver, struct error *err)
{
    struct receiver *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    r->options = *options;
    r->held_end = &r->held_first;
    enum result result = bus_bind(options->zmq_context, ZMQ_ROUTER, options->endpoint, BUS_INTAKE_PORT, options->keys,
                                  "sensor", SOCKET_MESSAGES, MESSAGE_MAX, &r->socket, err);
    if (result != RESULT_OK) {
        free(r);
        return result;
    }
    size_t length = sizeof(r->endpoint);
    zmq_getsockopt(r->socket, ZMQ_LAST_ENDPOINT, r->endpoint, &length);
    pthread_mutex_init(&r->lock, NULL);
    if (pthread_create(&r->thread, NULL, receiver_run, r) != 0) {
        zmq_close(r->socket);
        pthread_mutex_destroy(&r->lock);
        free(r);
        return error_set(err, RESULT_FATAL, "no thread for the intake door");
    }
    *ret_receiver = r;
    return RESULT_OK;
}

const char *receiver_endpoint(const struct receiver *receiver)
{
    return receiver->endpoint;
}

void receiver_pause(struct receiver *receiver, bool paused, const char *reason)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->pause_changed = receiver->pause_changed || receiver->paused != paused;
    receiver->paused = paused;
    snprintf(receiver->reason, sizeof(receiver->reason), "%s", reason == NULL ? "" : reason);
    pthread_mutex_unlock(&receiver->lock);
    queue_wake(receiver->options.outcomes);
}

void receiver_refuse(struct receiver *receiver)
{
    atomic_store(&receiver->refusing, true);
}

void receiver_stop(struct receiver **receiver_pointer)
{
    struct receiver *r = *receiver_pointer;
    if (r == NULL)
        return;
    atomic_store(&r->stopping, true);
    queue_wake(r->options.outcomes);
    pthread_join(r->thread, NULL);
    zmq_close(r->socket);
    while (r->held_first != NULL) {
        struct held *held = r->held_first;
        r->held_first = held->next;
        pavo__from_sensor__free_unpacked(held->frame, NULL);
        free(held);
    }
    pthread_mutex_destroy(&r->lock);
    free(r->sensors);
    free(r);
    *receiver_pointer = NULL;
}

enum result receiver_report(struct receiver *r, struct receiver_report *ret_report, struct error *err)
{
    struct receiver_report report = {0};
    int64_t now = clock_wall_ns();
    pthread_mutex_lock(&r->lock);
    report.sensors = calloc(r->sensor_count + 1, sizeof(*report.sensors));
    if (report.sensors != NULL) {
        report.count = r->sensor_count;
        for (size_t i = 0; i < report.count; i++) {
            report.sensors[i] = r->sensors[i].public;
            report.sensors[i].connected = now - report.sensors[i].last_heard_ns <= RECEIVE_CONNECTED_NS;
        }
        report.paused = r->paused;
        memcpy(report.reason, r->reason, sizeof(report.reason));
        report.batches = r->batches;
        report.deferred = r->deferred;
        report.frames_garbled = r->garbled;
        report.batches_waiting = r->flight_count;
    }
    pthread_mutex_unlock(&r->lock);
    if (report.sensors == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    *ret_report = report;
    return RESULT_OK;
}
