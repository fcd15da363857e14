/* SPDX-License-Identifier: Apache-2.0 */
/* The thread behind the intake door. */
#include "aggregator/receive/receive.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zmq.h>

#include "aggregator/store/store.h"
#include "common/bus.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/message.h"
#include "common/seal.h"
#include "pavo.pb-c.h"

#define SOFTWARE        "pavo-aggregator " PAVO_VERSION
#define SOCKET_MESSAGES 1000 /* per sensor, in ZeroMQ */
#define TICK_MS         250
#define MESSAGE_MAX     (SEAL_SEALED_MAX + 4096)
#define PREVIOUS_BYTES  32 /* of a batch's predecessor's digest, where there is one; */
#define SIGNATURE_BYTES 64 /* of its signature */

/* A name that is held, queued or being committed. */
struct flight {
    struct observer observer;
    uint64_t sequence;
};

/* What a batch may be sealed to. */
struct seal_pair {
    uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES];
};
#define SEAL_PAIRS 2 /* the key of now, and the one before while that is kept */

/* Who sent a frame. */
struct speaker {
    struct route route;
    enum key_role role;
};

/* A frame that waits for room in the queue, still sealed. */
struct held {
    struct held *next;
    struct speaker speaker;
    Pavo__FromSensor *frame; /* owned */
    int64_t received_ns;
    size_t size;
};

struct sensor {
    struct receiver_sensor public;
    struct route route; /* of the last frame */
    struct log_gate gate, here_gate;
};

struct receiver {
    struct receiver_options options;
    void *socket;
    char endpoint[BUS_ENDPOINT_MAX];
    pthread_t thread;
    atomic_bool refusing, stopping;

    pthread_mutex_t lock; /* guards all below against receiver_report and receiver_pause */
    struct sensor *sensors;
    size_t sensor_count;
    bool paused, pause_changed;
    char reason[256];
    uint64_t batches, deferred, garbled;
    struct seal_pair pairs[SEAL_PAIRS];
    size_t pair_count;

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
        log_warning("%s: a batch is refused: %s (%" PRIu64 " more since the last such line)", name, sentence,
                    suppressed);
}

static void note_heard(struct receiver *r, const char *name, const struct speaker *speaker, uint64_t epoch)
{
    pthread_mutex_lock(&r->lock);
    struct sensor *sensor = sensor_get(r, name);
    bool first = false;
    uint64_t suppressed = 0;
    if (sensor != NULL) {
        int64_t now = clock_wall_ns();
        first = now - sensor->public.last_heard_ns > RECEIVE_CONNECTED_NS || epoch > sensor->public.epoch;
        sensor->public.last_heard_ns = now;
        sensor->public.role = speaker->role;
        if (epoch >= sensor->public.epoch) {
            sensor->public.epoch = epoch;
            sensor->route = speaker->route;
        }
        /* Epochs are the peer's to choose: one that starts over and over, or says so, has a line a minute. */
        first = first && log_gate_pass(&sensor->here_gate, clock_monotonic_ns(), 60 * NS_PER_S, &suppressed);
    }
    pthread_mutex_unlock(&r->lock);
    if (first && suppressed == 0)
        log_notice("%s %s is here (epoch %" PRIu64 ")", key_role_name(speaker->role), name, epoch);
    else if (first)
        log_notice("%s %s is here (epoch %" PRIu64 "; it came %" PRIu64 " more times since the last such line)",
                   key_role_name(speaker->role), name, epoch, suppressed);
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
static void send_to(struct receiver *r, const struct route *route, const Pavo__ToSensor *message)
{
    size_t length = pavo__to_sensor__get_packed_size(message);
    uint8_t *packed = malloc(length + 1);
    if (packed == NULL)
        return;
    pavo__to_sensor__pack(message, packed);
    if (bus_send(r->socket, route->peer, route->length, true) == RESULT_OK &&
        bus_send(r->socket, packed, length, false) != RESULT_OK)
        log_debug("an answer to a sensor could not be sent");
    free(packed);
}

static void send_acknowledgement(struct receiver *r, const struct route *route, const struct observer *observer,
                                 uint64_t *sequences, size_t count, Pavo__Rejection *rejection)
{
    Pavo__Acknowledgement ack = PAVO__ACKNOWLEDGEMENT__INIT;
    ack.sensor = (char *)observer->sensor;
    ack.epoch = observer->epoch;
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
    send_to(r, route, &message);
}

static void reject(struct receiver *r, const struct route *route, const struct observer *observer, uint64_t sequence,
                   enum receive_reason reason, const char *sentence)
{
    count_rejection(r, observer->sensor, reason, sentence);
    Pavo__Rejection rejection = PAVO__REJECTION__INIT;
    rejection.sequence = sequence;
    rejection.reason = (char *)sentence;
    send_acknowledgement(r, route, observer, NULL, 0, &rejection);
}

static void welcome(struct receiver *r, const struct route *route, const Pavo__Hello *hello, int64_t received_ns)
{
    Pavo__Welcome w = PAVO__WELCOME__INIT;
    w.hello_sent_ns = hello->sent_ns;
    w.received_ns = received_ns;
    w.credit = credit(r);
    w.software = SOFTWARE;
    w.sent_ns = clock_wall_ns();
    Pavo__ToSensor message = PAVO__TO_SENSOR__INIT;
    message.version = 1;
    message.body_case = PAVO__TO_SENSOR__BODY_WELCOME;
    message.welcome = &w;
    send_to(r, route, &message);
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

static void count_deferred(struct receiver *r)
{
    pthread_mutex_lock(&r->lock);
    r->deferred++;
    pthread_mutex_unlock(&r->lock);
}

/* A limit that this sensor is not to blame for: somebody must know, since it does not go away by itself. */
static void warn_deferred(struct receiver *r, const char *name, const char *sentence)
{
    uint64_t suppressed = 0;
    pthread_mutex_lock(&r->lock);
    struct sensor *sensor = sensor_get(r, name);
    bool speak = sensor != NULL && log_gate_pass(&sensor->gate, clock_monotonic_ns(), 60 * NS_PER_S, &suppressed);
    pthread_mutex_unlock(&r->lock);
    if (speak)
        log_warning("%s: a batch must wait: %s (%" PRIu64 " more since the last such line)", name, sentence,
                    suppressed);
}

static enum result unseal_any(struct receiver *r, const Pavo__SealedBatch *sealed, struct bytes *ret_packed,
                              struct bytes *ret_plain, struct error *err)
{
    struct seal_pair pairs[SEAL_PAIRS];
    pthread_mutex_lock(&r->lock);
    size_t count = r->pair_count;
    memcpy(pairs, r->pairs, sizeof(pairs));
    pthread_mutex_unlock(&r->lock);
    enum result result = RESULT_REJECT;
    for (size_t i = 0; i < count && result == RESULT_REJECT; i++)
        result = unseal(sealed->sealed.data, sealed->sealed.len, sealed->size, pairs[i].public_key, pairs[i].secret_key,
                        ret_packed, ret_plain, err);
    sodium_memzero(pairs, sizeof(pairs));
    return result;
}

/* Opens, checks and hands over one batch whose name is under way. */
static void take(struct receiver *r, const struct speaker *speaker, const Pavo__SealedBatch *sealed,
                 int64_t received_ns)
{
    struct observer observer = batch_observer(sealed);
    struct bytes packed = {0}, plain = {0};
    struct batch *batch = NULL;
    enum receive_reason reason = RECEIVE_UNSEALING;
    struct error err;
    enum result result = unseal_any(r, sealed, &packed, &plain, &err);
    if (result == RESULT_OK)
        result =
            receive_decode(plain.data, plain.length, speaker->role, &observer, sealed->sequence, &batch, &reason, &err);
    bytes_free(&plain);
    if (result == RESULT_OK) {
        batch->packed = packed;
        batch->plain_size = sealed->size;
        packed = (struct bytes){0};
        batch->received_ns = received_ns;
        batch->route = speaker->route;
        result = queue_push(r->options.intake, batch, batch_weight(batch));
    }
    bytes_free(&packed);
    if (result == RESULT_OK)
        return;
    batch_destroy(&batch);
    flight_end(r, &observer, sealed->sequence);
    if (result == RESULT_REJECT) {
        text_clean(err.text); /* it may have been cut inside a character */
        reject(r, &speaker->route, &observer, sealed->sequence, reason, err.text);
        return;
    }
    count_deferred(r); /* no room, no memory: the sensor sends it again */
}

static void hold(struct receiver *r, const struct speaker *speaker, Pavo__FromSensor **frame, int64_t received_ns)
{
    const Pavo__SealedBatch *sealed = (*frame)->batch;
    struct held *held = r->held_bytes + sealed->sealed.len > RECEIVE_HELD_BYTES ? NULL : malloc(sizeof(*held));
    if (held == NULL) {
        struct observer observer = batch_observer(sealed);
        flight_end(r, &observer, sealed->sequence);
        count_deferred(r);
        return;
    }
    *held = (struct held){.speaker = *speaker, .frame = *frame, .received_ns = received_ns, .size = sealed->sealed.len};
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
        take(r, &held->speaker, held->frame->batch, held->received_ns);
        pavo__from_sensor__free_unpacked(held->frame, NULL);
        free(held);
    }
}

static bool number_fits(uint64_t number, uint64_t most)
{
    return number >= 1 && number <= most;
}

/* What can be seen of a batch from outside. RECEIVE_REASON_COUNT: nothing is wrong. */
static enum receive_reason wrong_outside(const Pavo__SealedBatch *sealed)
{
    if (!number_fits(sealed->epoch, EPOCH_MAX) || !number_fits(sealed->sequence, RECEIVE_SEQUENCE_MAX))
        return RECEIVE_NUMBERS;
    if (sealed->size == 0 || sealed->size > SEAL_PLAIN_MAX || sealed->sealed.len > SEAL_SEALED_MAX)
        return RECEIVE_SIZE;
    if ((sealed->previous.len != 0 && sealed->previous.len != PREVIOUS_BYTES) ||
        (sealed->signature.len != 0 && sealed->signature.len != SIGNATURE_BYTES))
        return RECEIVE_CHAIN;
    return RECEIVE_REASON_COUNT;
}

static void count_duplicate(struct receiver *r, const char *name)
{
    pthread_mutex_lock(&r->lock);
    struct sensor *sensor = sensor_get(r, name);
    if (sensor != NULL)
        sensor->public.duplicates++;
    pthread_mutex_unlock(&r->lock);
}

/* A name that is committed comes again: with the same contents it is acknowledged again. With others it is not the same
 * batch (a frozen clock, a restored snapshot), and its sensor must not believe that those are stored. */
static void came_again(struct receiver *r, const struct speaker *speaker, const Pavo__SealedBatch *sealed,
                       uint64_t digest)
{
    struct observer observer = batch_observer(sealed);
    struct bytes packed = {0}, plain = {0};
    uint64_t sequence = sealed->sequence;
    count_duplicate(r, observer.sensor);
    bool same = digest == 0 /* too long ago to tell */ || unseal_any(r, sealed, &packed, &plain, NULL) != RESULT_OK ||
                XXH3_64bits(packed.data, packed.length) == digest;
    bytes_free(&packed);
    bytes_free(&plain);
    if (same)
        send_acknowledgement(r, &speaker->route, &observer, &sequence, 1, NULL);
    else
        reject(r, &speaker->route, &observer, sealed->sequence, RECEIVE_CONTENTS,
               receive_reason_name(RECEIVE_CONTENTS));
}

/* A batch whose name is the key's: known already, refused, under way, or new. Takes *frame when it keeps it. */
static void batch_came(struct receiver *r, const struct speaker *speaker, Pavo__FromSensor **frame, int64_t received_ns)
{
    Pavo__SealedBatch *sealed = (*frame)->batch;
    struct observer observer = batch_observer(sealed);
    enum receive_reason reason = wrong_outside(sealed);
    uint64_t digest = 0;
    pthread_mutex_lock(&r->lock);
    r->batches++;
    pthread_mutex_unlock(&r->lock);
    enum store_name known = STORE_NAME_REFUSED;
    if (reason == RECEIVE_REASON_COUNT) {
        known = store_name(r->options.store, &observer, sealed->sequence, &digest);
        reason = RECEIVE_LIMIT;
    }
    switch (known) {
    case STORE_NAME_REFUSED:
        reject(r, &speaker->route, &observer, sealed->sequence, reason, receive_reason_name(reason));
        return;
    case STORE_NAME_LATER:
        warn_deferred(r, observer.sensor, "what the store knows of this sensor cannot be read");
        count_deferred(r);
        return;
    case STORE_NAME_COMMITTED:
        came_again(r, speaker, sealed, digest);
        return;
    case STORE_NAME_NEW:
        break;
    }
    if (atomic_load(&r->refusing) || flight_find(r, &observer, sealed->sequence) != NULL)
        return;
    if (r->flight_count == RECEIVE_BATCHES_MAX) {
        count_deferred(r);
        return;
    }
    r->flights[r->flight_count++] = (struct flight){observer, sealed->sequence};
    if (r->held_first != NULL || queue_is_full(r->options.intake))
        hold(r, speaker, frame, received_ns);
    else
        take(r, speaker, sealed, received_ns);
}

/* ---- frames */

/* The reason a frame is not this speaker's to say; RECEIVE_REASON_COUNT: it is, and *ret_epoch the life it speaks of.
 */
static enum receive_reason wrong_frame(const Pavo__FromSensor *frame, const char *name, uint64_t *ret_epoch)
{
    const char *said;
    if (frame == NULL)
        return RECEIVE_GARBLED;
    if (frame->version != 1)
        return RECEIVE_VERSION;
    if (frame->body_case == PAVO__FROM_SENSOR__BODY_HELLO)
        said = frame->hello->sensor, *ret_epoch = frame->hello->epoch;
    else if (frame->body_case == PAVO__FROM_SENSOR__BODY_BATCH)
        said = frame->batch->sensor, *ret_epoch = frame->batch->epoch;
    else
        return RECEIVE_GARBLED;
    if (strcmp(said, name) != 0)
        return RECEIVE_NAME;
    bool hello = frame->body_case == PAVO__FROM_SENSOR__BODY_HELLO;
    return hello && !number_fits(*ret_epoch, EPOCH_MAX) ? RECEIVE_NUMBERS : RECEIVE_REASON_COUNT;
}

static void frame_came(struct receiver *r, struct speaker *speaker, zmq_msg_t *message, int64_t received_ns)
{
    const char *user = zmq_msg_gets(message, "User-Id");
    char name[SENSOR_NAME_MAX];
    snprintf(name, sizeof(name), "%s", user == NULL ? "" : user);
    if (!authenticator_admits(r->options.authenticator, DOOR_INTAKE, message, &speaker->role)) {
        if (name[0] != '\0')
            count_rejection(r, name, RECEIVE_REVOKED, receive_reason_name(RECEIVE_REVOKED));
        return;
    }
    Pavo__FromSensor *frame = (Pavo__FromSensor *)message_unpack(&pavo__from_sensor__descriptor, zmq_msg_data(message),
                                                                 zmq_msg_size(message), MESSAGE_MEMORY_RECORDS, NULL);
    uint64_t epoch = 0;
    enum receive_reason wrong = wrong_frame(frame, name, &epoch);
    if (wrong != RECEIVE_REASON_COUNT) {
        count_rejection(r, name, wrong, receive_reason_name(wrong));
    } else {
        if (number_fits(epoch, EPOCH_MAX))
            note_heard(r, name, speaker, epoch);
        if (frame->body_case == PAVO__FROM_SENSOR__BODY_HELLO)
            welcome(r, &speaker->route, frame->hello, received_ns);
        else
            batch_came(r, speaker, &frame, received_ns);
    }
    if (frame != NULL)
        pavo__from_sensor__free_unpacked(frame, NULL);
}

/* False: none was there. */
static bool receive_one(struct receiver *r)
{
    struct speaker speaker = {0};
    zmq_msg_t payload;
    enum result result = bus_receive(r->socket, speaker.route.peer, &speaker.route.length, &payload);
    if (result == RESULT_AGAIN)
        return false;
    if (result == RESULT_OK) {
        frame_came(r, &speaker, &payload, clock_wall_ns());
        zmq_msg_close(&payload);
    } else {
        pthread_mutex_lock(&r->lock);
        r->garbled++;
        pthread_mutex_unlock(&r->lock);
    }
    return true;
}

/* ---- what the committer says */

static bool same_way(const struct receipt *a, const struct receipt *b)
{
    return observer_equal(&a->observer, &b->observer) && a->route.length == b->route.length &&
           memcmp(a->route.peer, b->route.peer, a->route.length) == 0;
}

/* Acknowledges runs of batches of one sensor with one message each. */
static void send_receipts(struct receiver *r)
{
    enum { RUN = 256 };
    uint64_t sequences[RUN];
    size_t count = 0;
    struct receipt run;
    struct receipt *receipt;
    while ((receipt = queue_pop(r->options.receipts)) != NULL) {
        if (count == RUN || (count > 0 && !same_way(&run, receipt))) {
            send_acknowledgement(r, &run.route, &run.observer, sequences, count, NULL);
            count = 0;
        }
        flight_end(r, &receipt->observer, receipt->sequence);
        if (count == 0)
            run = *receipt;
        sequences[count++] = receipt->sequence;
        free(receipt);
    }
    if (count > 0)
        send_acknowledgement(r, &run.route, &run.observer, sequences, count, NULL);
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
        struct observer observer = {.epoch = sensors[i].public.epoch};
        memcpy(observer.sensor, sensors[i].public.name, sizeof(observer.sensor));
        if (sensors[i].route.length > 0)
            send_acknowledgement(r, &sensors[i].route, &observer, NULL, 0, NULL);
    }
    free(sensors);
}

static void *receiver_run(void *argument)
{
    struct receiver *r = argument;
    enum { BURST = 64 }; /* frames before receipts are looked at again */
    while (!atomic_load(&r->stopping)) {
        zmq_pollitem_t items[2] = {{.socket = r->socket, .events = ZMQ_POLLIN},
                                   {.fd = queue_descriptor(r->options.receipts), .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, TICK_MS);
        for (int i = 0; i < BURST && receive_one(r); i++)
            continue;
        send_receipts(r);
        take_held(r);
        tell_pause(r);
    }
    send_receipts(r);
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
                                  DOOR_INTAKE, SOCKET_MESSAGES, MESSAGE_MAX, &r->socket, NULL, err);
    if (result != RESULT_OK) {
        free(r);
        return result;
    }
    bus_endpoint(r->socket, r->endpoint);
    pthread_mutex_init(&r->lock, NULL);
    receiver_unseal_with(r, options->keys, NULL);
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
    queue_wake(receiver->options.receipts);
}

void receiver_unseal_with(struct receiver *receiver, const struct keys *keys, const struct keys *old)
{
    const struct keys *of[SEAL_PAIRS] = {keys, old};
    pthread_mutex_lock(&receiver->lock);
    sodium_memzero(receiver->pairs, sizeof(receiver->pairs));
    receiver->pair_count = 0;
    for (size_t i = 0; i < SEAL_PAIRS && of[i] != NULL; i++) {
        struct seal_pair *pair = &receiver->pairs[receiver->pair_count++];
        memcpy(pair->public_key, of[i]->seal_public, KEY_BYTES);
        memcpy(pair->secret_key, of[i]->seal_secret, KEY_BYTES);
    }
    pthread_mutex_unlock(&receiver->lock);
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
    queue_wake(r->options.receipts);
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
    sodium_memzero(r->pairs, sizeof(r->pairs));
    free(r);
    *receiver_pointer = NULL;
}

enum result receiver_report(struct receiver *r, struct receiver_report *ret_report, struct error *err)
{
    struct receiver_report report = {0};
    int64_t now = clock_wall_ns();
    if (r == NULL) {
        *ret_report = report;
        return RESULT_OK;
    }
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

const struct receiver_sensor *receiver_report_find(const struct receiver_report *report, const char *name)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->sensors[i].name, name) == 0)
            return &report->sensors[i];
    }
    return NULL;
}
