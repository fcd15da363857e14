/* SPDX-License-Identifier: Apache-2.0 */
/* In place of an aggregator: its doors, and a store of published messages. */
#include "stand_in.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/authenticator.h"
#include "common/bus.h"
#include "common/records/page.h"
#include "common/records/wire.h"

#define LOG_MAX 64

struct stand_in door;

struct logged {
    const char *topic;
    uint64_t position;
    uint8_t *bytes;
    size_t size;
};

static struct {
    struct keys aggregator;
    struct authenticator *authenticator;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all that follows */
    struct logged log[LOG_MAX];
    unsigned log_count;
    const char *error, *gap;
    unsigned busy, most;
    uint64_t position;
    stand_in_handler *handler;
    bool stop;
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---------------------------------------------------------------- answers */

void stand_in_reply_bytes(const struct peer *peer, const void *bytes, size_t size)
{
    zmq_send(door.answer, peer->id, peer->size, ZMQ_SNDMORE);
    zmq_send(door.answer, bytes, size, 0);
}

void stand_in_reply(const struct peer *peer, const Pavo__Query *query, Pavo__Reply *reply)
{
    reply->version = reply->version == 0 ? 1 : reply->version;
    reply->id = query->id;
    size_t size = pavo__reply__get_packed_size(reply);
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL)
        abort();
    pavo__reply__pack(reply, bytes);
    stand_in_reply_bytes(peer, bytes, size);
    free(bytes);
}

void stand_in_reply_head(const struct peer *peer, const Pavo__Query *query, const struct record_kind *kind,
                         const char *command)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    struct page_head head;
    if (page_head_init(&head, kind, query->question, command, NULL) != RESULT_OK)
        abort();
    reply.more = true;
    reply.head = &head.message;
    stand_in_reply(peer, query, &reply);
    page_head_fini(&head);
}

void stand_in_reply_page(const struct peer *peer, const Pavo__Query *query, const struct records *records,
                         uint32_t first, uint32_t count)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    struct page_view view;
    if (page_view_init(&view, records, first, count, NULL) != RESULT_OK)
        abort();
    reply.more = true;
    reply.page = &view.message;
    stand_in_reply(peer, query, &reply);
    page_view_fini(&view);
}

void stand_in_reply_end(const struct peer *peer, const Pavo__Query *query, uint64_t rows)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    Pavo__Coverage coverage = PAVO__COVERAGE__INIT;
    coverage.rows = rows;
    reply.coverage = &coverage;
    stand_in_reply(peer, query, &reply);
}

static const char *argument(const Pavo__Query *query, const char *name)
{
    for (size_t i = 0; i < query->n_arguments; i++) {
        if (strcmp(query->arguments[i]->name, name) == 0)
            return query->arguments[i]->value;
    }
    return "";
}

static void send_logged(const struct peer *peer, const Pavo__Query *query, const struct logged *entry)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    reply.more = true;
    reply.published = pavo__published__unpack(NULL, entry->size, entry->bytes);
    if (reply.published != NULL)
        stand_in_reply(peer, query, &reply);
    pavo__published__free_unpacked(reply.published, NULL);
}

/* With the lock held. */
static void replay(const struct peer *peer, const Pavo__Query *query)
{
    uint64_t after = strtoull(argument(query, "after"), NULL, 10);
    uint64_t through = strtoull(argument(query, "through"), NULL, 10);
    uint64_t reached = own.position;
    unsigned sent = 0;
    for (unsigned i = 0; i < own.log_count; i++) {
        const struct logged *entry = &own.log[i];
        if (own.position == 0 && reached < entry->position)
            reached = entry->position;
        if (strcmp(entry->topic, argument(query, "topic")) != 0 || entry->position <= after ||
            (through != 0 && entry->position > through))
            continue;
        send_logged(peer, query, entry);
        if (++sent == own.most) {
            reached = entry->position;
            break;
        }
    }
    Pavo__Reply last = PAVO__REPLY__INIT;
    Pavo__Coverage coverage = PAVO__COVERAGE__INIT;
    Pavo__Gap loss = PAVO__GAP__INIT, damage = PAVO__GAP__INIT, *gaps[] = {&loss, &damage};
    loss.kind = PAVO__GAP__KIND__LOSS; /* says nothing of messages */
    loss.reason = (char *)"the kernel's buffer was full";
    damage.kind = PAVO__GAP__KIND__DAMAGED;
    damage.reason = (char *)own.gap;
    coverage.gaps = gaps;
    coverage.n_gaps = own.gap == NULL ? 1 : 2;
    coverage.position = through != 0 && (own.most == 0 || sent < own.most) ? through : reached;
    last.coverage = &coverage;
    stand_in_reply(peer, query, &last);
}

static void answer(const struct peer *peer, const Pavo__Query *query)
{
    pthread_mutex_lock(&own.lock);
    stand_in_handler *handler = own.handler;
    bool replays = strcmp(query->question, "replay") == 0;
    const char *error = replays && own.busy > 0 ? "busy" : replays ? own.error : NULL;
    own.busy -= replays && own.busy > 0;
    if (error != NULL) {
        Pavo__Reply reply = PAVO__REPLY__INIT;
        reply.error = (char *)error;
        stand_in_reply(peer, query, &reply);
    } else if (replays) {
        replay(peer, query);
    }
    pthread_mutex_unlock(&own.lock);
    if (!replays && handler != NULL)
        handler(peer, query);
}

static void *answer_thread(void *context)
{
    (void)context;
    for (;;) {
        struct peer peer;
        uint8_t bytes[4096];
        int peer_size = zmq_recv(door.answer, peer.id, sizeof(peer.id), 0);
        pthread_mutex_lock(&own.lock);
        bool stop = own.stop;
        pthread_mutex_unlock(&own.lock);
        if (stop)
            return NULL;
        if (peer_size < 0)
            continue;
        peer.size = (size_t)peer_size;
        int size = zmq_recv(door.answer, bytes, sizeof(bytes), 0);
        Pavo__Query *query =
            size < 0 || size > (int)sizeof(bytes) ? NULL : pavo__query__unpack(NULL, (size_t)size, bytes);
        if (query != NULL) {
            answer(&peer, query);
            pavo__query__free_unpacked(query, NULL);
        }
    }
}

void stand_in_set_handler(stand_in_handler *handler)
{
    pthread_mutex_lock(&own.lock);
    own.handler = handler;
    pthread_mutex_unlock(&own.lock);
}

void stand_in_set_replay(unsigned busy, const char *error, uint64_t position, const char *gap)
{
    pthread_mutex_lock(&own.lock);
    own.busy = busy;
    own.error = error;
    own.position = position;
    own.gap = gap;
    pthread_mutex_unlock(&own.lock);
}

void stand_in_set_replay_most(unsigned messages)
{
    pthread_mutex_lock(&own.lock);
    own.most = messages;
    pthread_mutex_unlock(&own.lock);
}

/* ---------------------------------------------------------------- opening and closing */

static void write_key(const struct keys *aggregator, enum key_role role, const char *name, bool enrol, char *path,
                      size_t size)
{
    struct keys keys;
    struct error err = {""};
    snprintf(path, size, "%s/%s.key", door.directory, name);
    assert_int_equal(keys_make(aggregator, role, name, &keys, &err), RESULT_OK);
    assert_int_equal(keys_write(path, &keys, &err), RESULT_OK);
    if (enrol)
        assert_int_equal(enrolled_add(door.directory, &keys, &err), RESULT_OK);
    keys_clear(&keys);
}

/* A port is given back some time after a close. */
static void open_door(int type, const char *where, enum key_door which, void **socket, char at[static 128])
{
    struct error err = {""};
    size_t size = 128;
    enum result r;
    for (int attempt = 0; attempt < 200; attempt++) {
        r = bus_bind(door.zmq, type, where, 0, &own.aggregator, which, 1000, 1 << 20, socket, NULL, &err);
        if (r != RESULT_REJECT)
            break;
        usleep(50000);
    }
    assert_int_equal(r, RESULT_OK);
    assert_int_equal(zmq_getsockopt(*socket, ZMQ_LAST_ENDPOINT, at, &size), 0);
}

int stand_in_open(void **state)
{
    (void)state;
    struct enrolled *enrolled;
    struct error err = {""};
    int receive_timeout = 100;
    strcpy(door.directory, "/tmp/pavo-test-libpavo-XXXXXX");
    assert_non_null(mkdtemp(door.directory));
    assert_int_equal(keys_make_aggregator(&own.aggregator, &err), RESULT_OK);
    write_key(&own.aggregator, KEY_ROLE_READER, "analyst", true, door.reader_key, sizeof(door.reader_key));
    write_key(&own.aggregator, KEY_ROLE_GATEWAY, "console", true, door.gateway_key, sizeof(door.gateway_key));
    write_key(&own.aggregator, KEY_ROLE_READER, "stranger", false, door.stranger_key, sizeof(door.stranger_key));
    write_key(&own.aggregator, KEY_ROLE_SENSOR, "inner", true, door.sensor_key, sizeof(door.sensor_key));
    assert_int_equal(enrolled_read(door.directory, &enrolled, &err), RESULT_OK);
    door.zmq = zmq_ctx_new();
    assert_int_equal(authenticator_start(door.zmq, &enrolled, NULL, NULL, &own.authenticator, &err), RESULT_OK);
    open_door(ZMQ_ROUTER, "tcp://127.0.0.1:*", DOOR_PUBLISH, &door.publish, door.publish_at);
    open_door(ZMQ_ROUTER, "tcp://127.0.0.1:*", DOOR_ANSWER, &door.answer, door.answer_at);
    zmq_setsockopt(door.answer, ZMQ_RCVTIMEO, &receive_timeout, sizeof(receive_timeout));
    return pthread_create(&own.thread, NULL, answer_thread, NULL);
}

int stand_in_forget(void **state)
{
    (void)state;
    pthread_mutex_lock(&own.lock);
    for (unsigned i = 0; i < own.log_count; i++)
        free(own.log[i].bytes);
    own.log_count = 0;
    own.handler = NULL;
    pthread_mutex_unlock(&own.lock);
    stand_in_set_replay(0, NULL, 0, NULL);
    stand_in_set_replay_most(0);
    return 0;
}

void stand_in_open_publish_door_anew(void)
{
    char at[128];
    strcpy(at, door.publish_at);
    zmq_close(door.publish);
    open_door(ZMQ_ROUTER, at, DOOR_PUBLISH, &door.publish, door.publish_at);
}

void stand_in_close_answer_door(void)
{
    pthread_mutex_lock(&own.lock);
    bool stopped = own.stop;
    own.stop = true;
    pthread_mutex_unlock(&own.lock);
    if (!stopped) {
        pthread_join(own.thread, NULL);
        zmq_close(door.answer);
    }
}

int stand_in_close(void **state)
{
    char command[128];
    (void)stand_in_forget(state);
    stand_in_close_answer_door();
    zmq_close(door.publish);
    authenticator_stop(&own.authenticator);
    zmq_ctx_term(door.zmq);
    keys_clear(&own.aggregator);
    snprintf(command, sizeof(command), "rm -r %s", door.directory);
    return system(command);
}

/* ---------------------------------------------------------------- publishing */

/* Who subscribed last, and to what: all tests have one subscriber at a time. */
static struct peer subscriber_peer;
static char subscriber_topics[128];

/* What is no topic at all is sent too. */
static bool is_subscribed(const char *topic)
{
    char quoted[64];
    snprintf(quoted, sizeof(quoted), " %s ", topic);
    return record_kind_by_name(topic) == NULL || strstr(subscriber_topics, quoted) != NULL;
}

void stand_in_send(const char *topic, const void *bytes, size_t size)
{
    if (subscriber_peer.size == 0 || !is_subscribed(topic))
        return;
    zmq_send(door.publish, subscriber_peer.id, subscriber_peer.size, ZMQ_SNDMORE);
    zmq_send(door.publish, topic, strlen(topic), bytes == NULL ? 0 : ZMQ_SNDMORE);
    if (bytes != NULL)
        zmq_send(door.publish, bytes, size, 0);
}

void stand_in_publish(const struct records *records, uint64_t position, uint64_t previous, int how)
{
    Pavo__Published message = PAVO__PUBLISHED__INIT;
    struct wire_view view;
    assert_int_equal(wire_view_init(&view, records, NULL), RESULT_OK);
    message.version = 1;
    message.position = position;
    message.previous = previous;
    *wire_member(&message.base, records->kind) = view.message;
    size_t size = pavo__published__get_packed_size(&message);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    pavo__published__pack(&message, bytes);
    wire_view_fini(&view);
    if (how & SENT)
        stand_in_send(records->kind->name, bytes, size);
    if ((how & STORED) == 0) {
        free(bytes);
        return;
    }
    pthread_mutex_lock(&own.lock);
    assert_true(own.log_count < LOG_MAX);
    own.log[own.log_count++] =
        (struct logged){.topic = records->kind->name, .position = position, .bytes = bytes, .size = size};
    pthread_mutex_unlock(&own.lock);
}

/* ---------------------------------------------------------------- subscribing */

pavo_options *stand_in_options(unsigned topics)
{
    pavo_options *options = pavo_options_new();
    assert_non_null(options);
    pavo_options_set_doors(options, door.publish_at, door.answer_at);
    pavo_options_set_key_file(options, door.reader_key);
    pavo_options_set_topics(options, topics);
    return options;
}

void stand_in_hear_subscribe(unsigned topics)
{
    uint8_t frame[512];
    int size = zmq_recv(door.publish, subscriber_peer.id, sizeof(subscriber_peer.id), 0);
    assert_true(size > 0);
    subscriber_peer.size = (size_t)size;
    size = zmq_recv(door.publish, frame, sizeof(frame), 0);
    assert_true(size > 0);
    Pavo__Subscribe *message = pavo__subscribe__unpack(NULL, (size_t)size, frame);
    assert_non_null(message);
    assert_int_equal(message->version, 1);
    assert_int_equal(message->n_topics, topics);
    strcpy(subscriber_topics, " ");
    for (size_t i = 0; i < message->n_topics; i++) {
        strcat(subscriber_topics, message->topics[i]);
        strcat(subscriber_topics, " ");
    }
    pavo__subscribe__free_unpacked(message, NULL);
}

pavo_subscriber *stand_in_subscribe(pavo_options *options, unsigned topics)
{
    char error[PAVO_ERROR_MAX] = "";
    pavo_subscriber *subscriber = pavo_subscriber_new(options, error);
    assert_string_equal(error, "");
    assert_non_null(subscriber);
    pavo_options_destroy(&options);
    int timeout = PATIENCE_MS;
    zmq_setsockopt(door.publish, ZMQ_RCVTIMEO, &timeout, sizeof(timeout));
    stand_in_hear_subscribe((unsigned)__builtin_popcount(topics));
    return subscriber;
}
