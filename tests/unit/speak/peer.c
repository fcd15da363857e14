/* SPDX-License-Identifier: Apache-2.0 */
/* The intake door of a test. */
#include "peer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "common/authenticator.h"
#include "common/bus.h"
#include "common/clock.h"
#include "common/records/loss.h"
#include "common/records/status.h"
#include "common/records/wire.h"
#include "common/seal.h"
#include "pavo.pb-c.h"

#define SEQUENCES_MAX 100000
#define LIVES_MAX     4 /* of the sensor, with consecutive epochs */

struct peer {
    char directory[64];
    struct keys aggregator, sensor;
    unsigned port;

    void *context, *socket;
    struct authenticator *authenticator;
    pthread_t thread;
    int stop;

    pthread_mutex_t lock; /* of what follows */
    struct peer_behaviour behaviour;
    struct peer_seen seen;
    uint8_t committed[LIVES_MAX][SEQUENCES_MAX]; /* by epoch and sequence: 1 committed, 2 rejected */
    uint64_t fresh;                              /* new batches, ever */
    struct records *latest[RECORD_KIND_COUNT];
};

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "peer: %s\n", what);
        abort();
    }
}
#define CHECK(condition) check(condition, #condition)

struct peer *peer_new(uint32_t credit)
{
    struct peer *p = calloc(1, sizeof(*p));
    CHECK(p != NULL);
    strcpy(p->directory, "/tmp/pavo-test-peer-XXXXXX");
    CHECK(mkdtemp(p->directory) != NULL);
    CHECK(keys_make_aggregator(&p->aggregator, NULL) == RESULT_OK);
    CHECK(keys_make(&p->aggregator, KEY_ROLE_SENSOR, "inner", &p->sensor, NULL) == RESULT_OK);
    CHECK(enrolled_add(p->directory, &p->sensor, NULL) == RESULT_OK);
    pthread_mutex_init(&p->lock, NULL);
    p->behaviour.credit = credit;
    return p;
}

void peer_destroy(struct peer **peer)
{
    char command[128];
    peer_close(*peer);
    snprintf(command, sizeof(command), "rm -r %s", (*peer)->directory);
    CHECK(system(command) == 0);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        records_free(&(*peer)->latest[kind]);
    pthread_mutex_destroy(&(*peer)->lock);
    free(*peer);
    *peer = NULL;
}

const struct keys *peer_sensor_keys(const struct peer *p)
{
    return &p->sensor;
}

unsigned peer_port(const struct peer *p)
{
    return p->port;
}

void peer_behave(struct peer *p, struct peer_behaviour behaviour)
{
    pthread_mutex_lock(&p->lock);
    p->behaviour = behaviour;
    pthread_mutex_unlock(&p->lock);
}

struct peer_seen peer_seen(struct peer *p)
{
    pthread_mutex_lock(&p->lock);
    struct peer_seen seen = p->seen;
    pthread_mutex_unlock(&p->lock);
    return seen;
}

struct records *peer_records(struct peer *p, enum record_kind_number kind)
{
    pthread_mutex_lock(&p->lock);
    struct records *records = p->latest[kind];
    p->latest[kind] = NULL;
    pthread_mutex_unlock(&p->lock);
    return records;
}

static void say(struct peer *p, zmq_msg_t *id, const Pavo__ToSensor *to)
{
    uint8_t frame[4096];
    size_t length = pavo__to_sensor__pack(to, frame);
    CHECK(length <= sizeof(frame));
    if (bus_send(p->socket, zmq_msg_data(id), zmq_msg_size(id), true) == RESULT_OK)
        CHECK(bus_send(p->socket, frame, length, false) == RESULT_OK);
}

static void answer_hello(struct peer *p, zmq_msg_t *id, const Pavo__Hello *hello)
{
    Pavo__Welcome welcome = PAVO__WELCOME__INIT;
    welcome.hello_sent_ns = hello->sent_ns;
    welcome.received_ns = welcome.sent_ns = clock_wall_ns() + 2 * NS_PER_S; /* two seconds ahead */
    welcome.credit = p->behaviour.credit;
    Pavo__ToSensor to = PAVO__TO_SENSOR__INIT;
    to.version = 1;
    to.body_case = PAVO__TO_SENSOR__BODY_WELCOME;
    to.welcome = &welcome;
    p->seen.hellos++;
    if (!p->behaviour.silent)
        say(p, id, &to);
}

static void book_losses(struct peer *p, const struct loss_columns *losses)
{
    for (uint32_t i = 0; i < losses->rows; i++) {
        if (loss_kind_is_of_records(losses->loss[i]))
            p->seen.losses += losses->count[i];
    }
}

static void book_status(struct peer *p, const struct status_columns *status)
{
    p->seen.statuses++;
    p->seen.made = status->records_made[0];
    p->seen.acknowledged = status->records_acknowledged[0];
    p->seen.lost = status->records_lost[0];
    p->seen.held = status->records_held[0];
}

/* Books what is in the batch. */
static void commit(struct peer *p, Pavo__Batch *batch)
{
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        const ProtobufCMessage *message = *wire_member(&batch->base, record_kinds[kind]);
        struct records *records;
        if (message == NULL)
            continue;
        if (wire_read(record_kinds[kind], message, &records, NULL) != RESULT_OK) {
            p->seen.wrong = true;
            continue;
        }
        if (kind == RECORD_LOSS)
            book_losses(p, loss_columns(records));
        else if (kind == RECORD_STATUS)
            book_status(p, status_columns(records));
        else
            p->seen.records += records->rows;
        records_free(&p->latest[kind]);
        p->latest[kind] = records;
    }
}

/* Opens it. NULL: it is not what it says. */
static Pavo__Batch *open_batch(struct peer *p, const Pavo__SealedBatch *sealed)
{
    struct bytes plain;
    if (unseal(sealed->sealed.data, sealed->sealed.len, sealed->size, p->aggregator.seal_public,
               p->aggregator.seal_secret, NULL, &plain, NULL) != RESULT_OK)
        return NULL;
    Pavo__Batch *batch = pavo__batch__unpack(NULL, plain.length, plain.data);
    bytes_free(&plain);
    if (batch != NULL && (batch->sequence != sealed->sequence || batch->epoch != sealed->epoch ||
                          strcmp(batch->sensor, sealed->sensor) != 0)) {
        pavo__batch__free_unpacked(batch, NULL);
        return NULL;
    }
    return batch;
}

static void take_batch(struct peer *p, zmq_msg_t *id, const Pavo__SealedBatch *sealed)
{
    Pavo__Batch *batch = open_batch(p, sealed);
    if (batch == NULL || sealed->sequence >= SEQUENCES_MAX) {
        p->seen.wrong = true;
        return;
    }
    uint64_t sequence = sealed->sequence;
    uint8_t *state = &p->committed[sealed->epoch % LIVES_MAX][sequence];
    if (*state != 0) {
        p->seen.duplicates++;
    } else if (p->behaviour.reject_every != 0 && ++p->fresh % p->behaviour.reject_every == 0) {
        *state = 2;
        p->seen.rejected_records += batch->flows == NULL ? 0 : batch->flows->rows;
    } else {
        *state = 1;
        p->seen.batches++;
        commit(p, batch);
    }
    pavo__batch__free_unpacked(batch, NULL);
    if (p->behaviour.silent)
        return;
    if (p->behaviour.drop_acks > 0) {
        p->behaviour.drop_acks--;
        return;
    }
    Pavo__Rejection rejection = PAVO__REJECTION__INIT;
    Pavo__Rejection *rejections[] = {&rejection};
    Pavo__Acknowledgement a = PAVO__ACKNOWLEDGEMENT__INIT;
    a.sensor = p->behaviour.says_for != NULL ? (char *)p->behaviour.says_for : sealed->sensor;
    a.epoch = sealed->epoch;
    a.credit = p->behaviour.credit;
    if (*state == 1) {
        a.sequences = &sequence;
        a.n_sequences = 1;
    } else {
        rejection.sequence = sequence;
        rejection.reason = "columns disagree";
        a.rejected = rejections;
        a.n_rejected = 1;
    }
    Pavo__ToSensor to = PAVO__TO_SENSOR__INIT;
    to.version = 1;
    to.body_case = PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT;
    to.acknowledgement = &a;
    say(p, id, &to);
}

static void take_message(struct peer *p)
{
    zmq_msg_t id, frame;
    zmq_msg_init(&id);
    zmq_msg_init(&frame);
    CHECK(zmq_msg_recv(&id, p->socket, 0) >= 0 && zmq_msg_more(&id));
    CHECK(zmq_msg_recv(&frame, p->socket, 0) >= 0);
    const char *user = zmq_msg_gets(&frame, "User-Id");
    Pavo__FromSensor *from = pavo__from_sensor__unpack(NULL, zmq_msg_size(&frame), zmq_msg_data(&frame));
    pthread_mutex_lock(&p->lock);
    if (from == NULL || from->version != 1 || user == NULL || strcmp(user, "inner") != 0)
        p->seen.wrong = true;
    else if (from->body_case == PAVO__FROM_SENSOR__BODY_HELLO)
        answer_hello(p, &id, from->hello);
    else if (from->body_case == PAVO__FROM_SENSOR__BODY_BATCH)
        take_batch(p, &id, from->batch);
    pthread_mutex_unlock(&p->lock);
    if (from != NULL)
        pavo__from_sensor__free_unpacked(from, NULL);
    zmq_msg_close(&id);
    zmq_msg_close(&frame);
}

static void *run(void *argument)
{
    struct peer *p = argument;
    zmq_pollitem_t items[] = {{.socket = p->socket, .events = ZMQ_POLLIN}, {.fd = p->stop, .events = ZMQ_POLLIN}};
    while (zmq_poll(items, 2, -1) >= 0 && items[1].revents == 0) {
        if (items[0].revents != 0)
            take_message(p);
    }
    return NULL;
}

void peer_open(struct peer *p)
{
    char endpoint[64] = "127.0.0.1:*";
    size_t size = sizeof(endpoint);
    struct error err = {""};
    struct enrolled *enrolled;
    CHECK(enrolled_read(p->directory, &enrolled, &err) == RESULT_OK);
    p->context = zmq_ctx_new();
    CHECK(authenticator_start(p->context, &enrolled, NULL, NULL, &p->authenticator, &err) == RESULT_OK);
    if (p->port != 0)
        snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", p->port);
    check(bus_bind(p->context, ZMQ_ROUTER, endpoint, 0, &p->aggregator, DOOR_INTAKE, 1000, 64 << 20, &p->socket, NULL,
                   &err) == RESULT_OK,
          err.text);
    CHECK(zmq_getsockopt(p->socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    p->port = (unsigned)atoi(strrchr(endpoint, ':') + 1);
    p->stop = eventfd(0, EFD_CLOEXEC);
    CHECK(pthread_create(&p->thread, NULL, run, p) == 0);
}

void peer_close(struct peer *p)
{
    uint64_t one = 1;
    int linger = 0;
    if (p->context == NULL)
        return;
    CHECK(write(p->stop, &one, sizeof(one)) == sizeof(one));
    pthread_join(p->thread, NULL);
    close(p->stop);
    zmq_setsockopt(p->socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_close(p->socket);
    authenticator_stop(&p->authenticator);
    zmq_ctx_term(p->context);
    p->context = NULL;
}
