/* SPDX-License-Identifier: Apache-2.0 */
/* The subscriber library through its public header, against real sockets that speak the protocol under CURVE: what
 * comes live, what is missing and fetched, what is missing for good, and who is not let in. */
#include <pavo.h>

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/authenticator.h"
#include "common/bus.h"
#include "common/clock.h"
#include "proto/codec.h"

#define PATIENCE_MS 20000 /* bound of every wait; none is expected to come near */
#define LOG_MAX     64

/* ---------------------------------------------------------------- an aggregator's doors */

struct logged {
    char topic[16];
    uint64_t position;
    uint8_t *bytes;
    size_t size;
};

static struct {
    char directory[64], key[128], stranger[128], sensor_key[128];
    void *zmq, *publish, *answer;
    char publish_at[128], answer_at[128];
    struct authenticator *authenticator;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the log, error and stop */
    struct logged log[LOG_MAX];
    unsigned log_count;
    const char *error; /* what Replay is answered with; NULL: the log */
    unsigned busy;     /* so many Replay queries are answered with "busy" */
    bool stop;
} door;

static void send_reply(const uint8_t *peer, size_t peer_size, const Pavo__Reply *reply)
{
    size_t size = pavo__reply__get_packed_size(reply);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    pavo__reply__pack(reply, bytes);
    zmq_send(door.answer, peer, peer_size, ZMQ_SNDMORE);
    zmq_send(door.answer, bytes, size, 0);
    free(bytes);
}

static void answer(const uint8_t *peer, size_t peer_size, const Pavo__Query *query)
{
    const Pavo__Replay *replay = query->replay;
    pthread_mutex_lock(&door.lock);
    const char *error = door.busy > 0 ? "busy" : door.error;
    door.busy -= door.busy > 0;
    for (unsigned i = 0; i < door.log_count && error == NULL; i++) {
        const struct logged *entry = &door.log[i];
        if (strcmp(entry->topic, replay->topic) != 0 || entry->position <= replay->after ||
            (replay->through != 0 && entry->position > replay->through))
            continue;
        Pavo__Reply reply = PAVO__REPLY__INIT;
        reply.version = 1;
        reply.id = query->id;
        reply.more = true;
        reply.published = pavo__published__unpack(NULL, entry->size, entry->bytes);
        if (reply.published != NULL)
            send_reply(peer, peer_size, &reply);
        pavo__published__free_unpacked(reply.published, NULL);
    }
    Pavo__Reply last = PAVO__REPLY__INIT;
    last.version = 1;
    last.id = query->id;
    if (error != NULL)
        last.error = (char *)error;
    pthread_mutex_unlock(&door.lock);
    send_reply(peer, peer_size, &last);
}

static void *answer_thread(void *context)
{
    (void)context;
    for (;;) {
        uint8_t peer[256], query[4096];
        int peer_size = zmq_recv(door.answer, peer, sizeof(peer), 0);
        if (peer_size < 0) {
            pthread_mutex_lock(&door.lock);
            bool stop = door.stop;
            pthread_mutex_unlock(&door.lock);
            if (stop)
                return NULL;
            continue;
        }
        int size = zmq_recv(door.answer, query, sizeof(query), 0);
        Pavo__Query *unpacked =
            size < 0 || size > (int)sizeof(query) ? NULL : pavo__query__unpack(NULL, (size_t)size, query);
        if (unpacked != NULL && unpacked->body_case == PAVO__QUERY__BODY_REPLAY)
            answer(peer, (size_t)peer_size, unpacked);
        if (unpacked != NULL)
            pavo__query__free_unpacked(unpacked, NULL);
    }
}

static void last_endpoint(void *socket, char *text, size_t size)
{
    assert_int_equal(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size), 0);
}

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

static int open_doors(void **state)
{
    (void)state;
    struct keys aggregator;
    struct enrolled *enrolled;
    struct error err = {""};
    int receive_timeout = 100, verbose = 1;
    strcpy(door.directory, "/tmp/pavo-test-libpavo-XXXXXX");
    assert_non_null(mkdtemp(door.directory));
    assert_int_equal(keys_make_aggregator(&aggregator, &err), RESULT_OK);
    write_key(&aggregator, KEY_ROLE_READER, "analyst", true, door.key, sizeof(door.key));
    write_key(&aggregator, KEY_ROLE_READER, "stranger", false, door.stranger, sizeof(door.stranger));
    write_key(&aggregator, KEY_ROLE_SENSOR, "inner", true, door.sensor_key, sizeof(door.sensor_key));
    assert_int_equal(enrolled_read(door.directory, &enrolled, &err), RESULT_OK);
    door.zmq = zmq_ctx_new();
    assert_int_equal(authenticator_start(door.zmq, &enrolled, NULL, NULL, &door.authenticator, &err), RESULT_OK);
    assert_int_equal(
        bus_bind(door.zmq, ZMQ_XPUB, "tcp://127.0.0.1:*", 0, &aggregator, "reader", 1000, 1 << 20, &door.publish, &err),
        RESULT_OK);
    assert_int_equal(bus_bind(door.zmq, ZMQ_ROUTER, "tcp://127.0.0.1:*", 0, &aggregator, "reader", 1000, 1 << 20,
                              &door.answer, &err),
                     RESULT_OK);
    keys_clear(&aggregator);
    last_endpoint(door.publish, door.publish_at, sizeof(door.publish_at));
    last_endpoint(door.answer, door.answer_at, sizeof(door.answer_at));
    /* Every subscription is told, also of a topic that the test before is not yet rid of. */
    zmq_setsockopt(door.publish, ZMQ_XPUB_VERBOSE, &verbose, sizeof(verbose));
    zmq_setsockopt(door.answer, ZMQ_RCVTIMEO, &receive_timeout, sizeof(receive_timeout));
    pthread_mutex_init(&door.lock, NULL);
    return pthread_create(&door.thread, NULL, answer_thread, NULL);
}

static int close_doors(void **state)
{
    (void)state;
    char command[128];
    pthread_mutex_lock(&door.lock);
    door.stop = true;
    pthread_mutex_unlock(&door.lock);
    pthread_join(door.thread, NULL);
    zmq_close(door.publish);
    zmq_close(door.answer);
    authenticator_stop(&door.authenticator);
    zmq_ctx_term(door.zmq);
    for (unsigned i = 0; i < door.log_count; i++)
        free(door.log[i].bytes);
    snprintf(command, sizeof(command), "rm -r %s", door.directory);
    return system(command);
}

/* Each test begins with an empty store. */
static int forget(void **state)
{
    (void)state;
    pthread_mutex_lock(&door.lock);
    for (unsigned i = 0; i < door.log_count; i++)
        free(door.log[i].bytes);
    door.log_count = 0;
    door.error = NULL;
    door.busy = 0;
    pthread_mutex_unlock(&door.lock);
    return 0;
}

/* ---------------------------------------------------------------- publishing */

enum { SENT = 1, STORED = 2 };

static void publish(const char *topic, Pavo__Published *message, uint64_t position, uint64_t previous, int how)
{
    message->version = 1;
    message->position = position;
    message->previous = previous;
    size_t size = pavo__published__get_packed_size(message);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    pavo__published__pack(message, bytes);
    if (how & SENT) {
        zmq_send(door.publish, topic, strlen(topic), ZMQ_SNDMORE);
        zmq_send(door.publish, bytes, size, 0);
    }
    if (how & STORED) {
        pthread_mutex_lock(&door.lock);
        struct logged *entry = &door.log[door.log_count++];
        assert_true(door.log_count <= LOG_MAX);
        *entry = (struct logged){.position = position, .bytes = bytes, .size = size};
        snprintf(entry->topic, sizeof(entry->topic), "%s", topic);
        pthread_mutex_unlock(&door.lock);
    } else {
        free(bytes);
    }
}

/* A message of two flows: numbers 10 * position and one more; to ports 22 and 443. */
static void publish_flows(uint64_t position, uint64_t previous, int how)
{
    struct flow_batch *batch = flow_batch_new(2);
    struct flow_columns_view view;
    struct address src, dst;
    uint16_t index;
    assert_int_equal(address_parse("10.0.1.17", &src), RESULT_OK);
    assert_int_equal(address_parse("2001:db8::9", &dst), RESULT_OK);
    assert_int_equal(flow_batch_observer(batch, &(struct observer){.sensor = "inner", .epoch = 77}, &index), RESULT_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct flow flow = {.flow = 10 * position + i,
                            .src_hi = src.hi,
                            .src_lo = src.lo,
                            .dst_hi = dst.hi,
                            .dst_lo = dst.lo,
                            .src_port = 51544,
                            .dst_port = i == 0 ? 22 : 443,
                            .protocol = 6,
                            .state = FLOW_STATE_SF,
                            .src_bytes = 1500,
                            .first_time = 1700000000000000000};
        assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    }
    assert_int_equal(flow_columns_view_init(&view, batch, NULL), RESULT_OK);
    Pavo__Published message = PAVO__PUBLISHED__INIT;
    message.flows = &view.message;
    publish("flow", &message, position, previous, how);
    flow_columns_view_fini(&view);
    flow_batch_destroy(&batch);
}

/* ---------------------------------------------------------------- subscribing */

static pavo_options *make_options(unsigned topics)
{
    pavo_options *options = pavo_options_new();
    assert_non_null(options);
    pavo_options_set_doors(options, door.publish_at, door.answer_at);
    pavo_options_set_key_file(options, door.key);
    pavo_options_set_topics(options, topics);
    return options;
}

/* The subscriber, when the publish door has heard of all its topics; options are used up. */
static pavo_subscriber *begin(pavo_options *options, unsigned topics)
{
    char error[PAVO_ERROR_MAX] = "";
    pavo_subscriber *subscriber = pavo_subscriber_new(options, error);
    assert_string_equal(error, "");
    assert_non_null(subscriber);
    pavo_options_destroy(&options);
    int timeout = PATIENCE_MS;
    zmq_setsockopt(door.publish, ZMQ_RCVTIMEO, &timeout, sizeof(timeout));
    for (int wanted = __builtin_popcount(topics); wanted > 0;) {
        uint8_t frame[64];
        int size = zmq_recv(door.publish, frame, sizeof(frame), 0);
        assert_true(size > 0);
        wanted -= frame[0] == 1; /* 0: an earlier test's subscriber went away */
    }
    return subscriber;
}

static const pavo_event *next(pavo_subscriber *subscriber)
{
    const pavo_event *event = NULL;
    int result = pavo_subscriber_next(subscriber, PATIENCE_MS, &event);
    if (result != PAVO_OK)
        print_message("no event (%d): %s\n", result, pavo_subscriber_error(subscriber));
    assert_int_equal(result, PAVO_OK);
    return event;
}

static void expect_flow(pavo_subscriber *subscriber, uint64_t number)
{
    const pavo_event *event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_FLOW);
    assert_int_equal(pavo_flow_number(event, PAVO_FLOW), number);
}

static void expect_gap(pavo_subscriber *subscriber, uint64_t after, uint64_t through, const char *why)
{
    const pavo_event *event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_GAP);
    assert_int_equal(pavo_gap_after(event), after);
    assert_int_equal(pavo_event_position(event), through);
    assert_non_null(strstr(pavo_gap_reason(event), why));
    assert_non_null(strstr(pavo_event_json(event), "\"event\":\"gap\""));
}

static void expect_nothing(pavo_subscriber *subscriber)
{
    const pavo_event *event;
    assert_int_equal(pavo_subscriber_next(subscriber, 0, &event), PAVO_TIMEOUT);
}

/* ---------------------------------------------------------------- tests */

static void test_live(void **state)
{
    (void)state;
    pavo_options *options = make_options(PAVO_TOPIC_FLOWS);
    pavo_options_set_filter(options, "dst port 22");
    pavo_subscriber *subscriber = begin(options, PAVO_TOPIC_FLOWS);
    assert_true(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOWS) == PAVO_START_NOW);
    publish_flows(5, 4, SENT); /* what came before us is not missing */
    const pavo_event *event = next(subscriber);
    uint8_t address[16];
    size_t size;
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_FLOW);
    assert_int_equal(pavo_event_topic(event), PAVO_TOPIC_FLOWS);
    assert_int_equal(pavo_event_position(event), 5);
    assert_int_equal(pavo_flow_number(event, PAVO_FLOW), 50);
    assert_int_equal(pavo_flow_number(event, PAVO_DST_PORT), 22);
    assert_int_equal(pavo_flow_number(event, pavo_field_by_name("src_bytes")), 1500);
    assert_int_equal(pavo_flow_number(event, PAVO_FIRST_TIME), 1700000000000000000);
    assert_int_equal(pavo_flow_number(event, 9999), 0);
    assert_int_equal(pavo_field_by_name("nonsense"), 0);
    assert_string_equal(pavo_flow_address_text(event, PAVO_SRC), "10.0.1.17");
    assert_string_equal(pavo_flow_address_text(event, PAVO_DST), "2001:db8::9");
    assert_int_equal(pavo_flow_address(event, PAVO_SRC, address), 1);
    assert_memory_equal(address, ((uint8_t[]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 1, 17}), 16);
    assert_string_equal(pavo_flow_state(event), "SF");
    assert_string_equal(pavo_event_sensor(event), "inner");
    assert_int_equal(pavo_event_epoch(event), 77);
    assert_non_null(strstr(pavo_event_json(event), "{\"event\":\"flow\",\"position\":5,"));
    assert_non_null(strstr(pavo_event_json(event), "\"sensor\":\"inner\""));
    assert_null(pavo_link_boundary(event));
    Pavo__Published *message =
        pavo__published__unpack(NULL, (pavo_event_message(event, &size), size), pavo_event_message(event, NULL));
    assert_non_null(message);
    assert_int_equal(message->flows->rows, 2);
    pavo__published__free_unpacked(message, NULL);
    assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOWS), 5);
    expect_nothing(subscriber); /* the other flow is not for port 22 */
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_FLOWS), 2);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_FLOWS_CHOSEN), 1);
    /* Both doors are open, the answer door perhaps in a moment. */
    for (int64_t end = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS; pavo_subscriber_error(subscriber) != NULL;) {
        assert_true(clock_monotonic_ns() < end);
        assert_int_equal(pavo_subscriber_next(subscriber, 10, &event), PAVO_TIMEOUT);
    }
    pavo_subscriber_destroy(&subscriber);
    assert_null(subscriber);
}

static void test_gap_is_filled(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = begin(make_options(PAVO_TOPIC_FLOWS), PAVO_TOPIC_FLOWS);
    publish_flows(1, 0, SENT | STORED);
    publish_flows(2, 1, STORED);
    publish_flows(4, 2, STORED); /* 3 was on another topic */
    publish_flows(5, 4, SENT | STORED);
    publish_flows(6, 5, SENT | STORED);
    pthread_mutex_lock(&door.lock);
    door.busy = 1; /* is asked again */
    pthread_mutex_unlock(&door.lock);
    for (uint64_t position = 1; position <= 6; position++) {
        if (position == 3)
            continue;
        expect_flow(subscriber, 10 * position);
        expect_flow(subscriber, 10 * position + 1);
        assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOWS), position);
    }
    expect_nothing(subscriber);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_GAPS), 1);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_REPLAYED), 2);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_GAPS_LOST), 0);
    pavo_subscriber_destroy(&subscriber);
}

static void test_gap_is_told(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = begin(make_options(PAVO_TOPIC_FLOWS), PAVO_TOPIC_FLOWS);
    publish_flows(1, 0, SENT);
    publish_flows(4, 3, SENT); /* 2 and 3 are nowhere */
    expect_flow(subscriber, 10);
    expect_flow(subscriber, 11);
    expect_gap(subscriber, 1, 3, "no longer in the store");
    expect_flow(subscriber, 40);
    expect_flow(subscriber, 41);
    /* The store has the end of the next gap only. */
    publish_flows(6, 5, STORED);
    publish_flows(7, 6, SENT);
    expect_gap(subscriber, 4, 5, "no longer in the store");
    expect_flow(subscriber, 60);
    expect_flow(subscriber, 61);
    expect_flow(subscriber, 70);
    expect_flow(subscriber, 71);
    /* And of the last only the beginning; then the aggregator says why. */
    publish_flows(8, 7, STORED);
    publish_flows(10, 9, SENT);
    expect_flow(subscriber, 80);
    expect_flow(subscriber, 81);
    expect_gap(subscriber, 8, 9, "no longer in the store");
    expect_flow(subscriber, 100);
    expect_flow(subscriber, 101);
    pthread_mutex_lock(&door.lock);
    door.error = "the disk is on fire";
    pthread_mutex_unlock(&door.lock);
    publish_flows(12, 11, SENT);
    expect_gap(subscriber, 10, 11, "on fire");
    expect_flow(subscriber, 120);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_GAPS_LOST), 4);
    pavo_subscriber_destroy(&subscriber);
}

static void test_start(void **state)
{
    (void)state;
    publish_flows(3, 2, STORED); /* 1 and 2 have expired */
    publish_flows(4, 3, STORED);
    publish_flows(5, 4, STORED);
    pavo_options *options = make_options(PAVO_TOPIC_FLOWS);
    pavo_options_set_start(options, PAVO_TOPIC_FLOWS, PAVO_START_OLDEST);
    pavo_subscriber *subscriber = begin(options, PAVO_TOPIC_FLOWS);
    publish_flows(5, 4, SENT); /* published while the replay has it too */
    publish_flows(6, 5, SENT);
    for (uint64_t position = 3; position <= 6; position++) {
        expect_flow(subscriber, 10 * position);
        expect_flow(subscriber, 10 * position + 1);
    }
    expect_nothing(subscriber);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_DUPLICATES), 1);
    pavo_subscriber_destroy(&subscriber);

    options = make_options(PAVO_TOPIC_FLOWS);
    pavo_options_set_start(options, PAVO_TOPIC_FLOWS, 4);
    subscriber = begin(options, PAVO_TOPIC_FLOWS);
    expect_flow(subscriber, 50);
    assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOWS), 4); /* the other flow of 5 is to come */
    expect_flow(subscriber, 51);
    pavo_subscriber_destroy(&subscriber);

    options = make_options(PAVO_TOPIC_FLOWS); /* from where the store has nothing any more */
    pavo_options_set_start(options, PAVO_TOPIC_FLOWS, 1);
    subscriber = begin(options, PAVO_TOPIC_FLOWS);
    expect_gap(subscriber, 1, 2, "no longer in the store");
    expect_flow(subscriber, 30);
    pavo_subscriber_destroy(&subscriber);
}

static void test_garbled(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = begin(make_options(PAVO_TOPIC_FLOWS), PAVO_TOPIC_FLOWS);
    publish_flows(1, 0, SENT);
    publish_flows(2, 1, STORED);
    zmq_send(door.publish, "flow", 4, ZMQ_SNDMORE);
    zmq_send(door.publish, "\xff\xff garbled", 10, 0);
    zmq_send(door.publish, "flow", 4, 0); /* a frame too few */
    zmq_send(door.publish, "flowers", 7, ZMQ_SNDMORE);
    zmq_send(door.publish, "", 0, 0); /* a topic that only begins like ours */
    publish_flows(3, 2, SENT);
    for (uint64_t position = 1; position <= 3; position++) {
        expect_flow(subscriber, 10 * position);
        expect_flow(subscriber, 10 * position + 1);
    }
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_MALFORMED), 3);
    pavo_subscriber_destroy(&subscriber);
}

static Pavo__Endpoint *endpoint(Pavo__Endpoint *e, uint8_t bytes[16], const char *text, uint32_t port)
{
    struct address address;
    assert_int_equal(address_parse(text, &address), RESULT_OK);
    address_to_bytes(address, bytes);
    pavo__endpoint__init(e);
    e->address = (ProtobufCBinaryData){.len = 16, .data = bytes};
    e->port = port;
    return e;
}

/* A link of a connection through a NAT. */
static void publish_link(uint64_t position, uint64_t previous, uint64_t flow)
{
    uint8_t bytes[3][16];
    Pavo__Endpoint ends[3];
    Pavo__NatBinding binding = PAVO__NAT_BINDING__INIT;
    Pavo__FlowName inside = PAVO__FLOW_NAME__INIT, outside = PAVO__FLOW_NAME__INIT;
    Pavo__Link link = PAVO__LINK__INIT, *links[] = {&link};
    Pavo__Published message = PAVO__PUBLISHED__INIT;
    binding.event = PAVO__NAT_BINDING__EVENT__SNAT;
    binding.source = endpoint(&ends[0], bytes[0], "10.0.1.17", 51544);
    binding.destination = binding.post_nat_destination = endpoint(&ends[1], bytes[1], "198.51.100.9", 443);
    binding.post_nat_source = endpoint(&ends[2], bytes[2], "203.0.113.5", 40312);
    binding.first_ns = 1700000000123456789;
    inside.sensor = (char *)"inner";
    inside.flow = flow;
    outside.sensor = (char *)"outer";
    outside.epoch = 78;
    link.boundary = (char *)"nat";
    link.inside = &inside;
    link.outside = &outside;
    link.method = PAVO__LINK__METHOD__SEQUENCE_NUMBERS;
    link.confidence = 100;
    link.evidence = LINK_SRC_ISN | LINK_DST_ISN;
    link.binding = &binding;
    message.links = links;
    message.n_links = 1;
    publish("link", &message, position, previous, SENT);
}

static void test_links(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = begin(make_options(PAVO_TOPIC_LINKS), PAVO_TOPIC_LINKS);
    uint8_t address[16];
    uint16_t port = 0;
    publish_link(7, 3, 17);
    const pavo_event *event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_LINK);
    assert_string_equal(pavo_link_boundary(event), "nat");
    assert_int_equal(pavo_link_confidence(event), 100);
    assert_string_equal(pavo_link_sensor(event, PAVO_OUTSIDE), "outer");
    assert_int_equal(pavo_link_epoch(event, PAVO_OUTSIDE), 78);
    assert_int_equal(pavo_link_flow(event, PAVO_INSIDE), 17);
    assert_int_equal(pavo_link_address(event, PAVO_OUTSIDE, PAVO_SRC, address, &port), 1);
    assert_int_equal(port, 40312);
    assert_memory_equal(address + 12, ((uint8_t[]){203, 0, 113, 5}), 4);
    assert_int_equal(pavo_flow_number(event, PAVO_FLOW), 0);
    assert_null(pavo_flow_state(event));
    const char *json = pavo_event_json(event);
    assert_non_null(strstr(json, "\"method\":\"sequence_numbers\""));
    assert_non_null(strstr(json, "\"evidence\":[\"src_isn\",\"dst_isn\"]"));
    assert_non_null(strstr(json, "\"first\":\"2023-11-14T22:13:20.123456789Z\""));
    assert_non_null(strstr(json, "\"post_nat_source\":{\"address\":\"203.0.113.5\",\"port\":40312}"));
    /* Many links of one position come in parts; the same parts a second time do not. */
    publish_link(9, 7, 1);
    publish_link(9, 9, 2);
    publish_link(9, 7, 1);
    publish_link(9, 9, 2);
    publish_link(10, 9, 3);
    for (uint64_t flow = 1; flow <= 3; flow++)
        assert_int_equal(pavo_link_flow(next(subscriber), PAVO_INSIDE), flow);
    expect_nothing(subscriber);
    pavo_subscriber_destroy(&subscriber);
}

static void test_losses_and_status(void **state)
{
    (void)state;
    unsigned topics = PAVO_TOPIC_LOSSES | PAVO_TOPIC_STATUS;
    pavo_subscriber *subscriber = begin(make_options(topics), topics);
    Pavo__Observer observer = PAVO__OBSERVER__INIT;
    Pavo__Loss loss = PAVO__LOSS__INIT, *losses[] = {&loss};
    Pavo__Published message = PAVO__PUBLISHED__INIT;
    observer.sensor = (char *)"inner";
    observer.epoch = 77;
    loss.kind = PAVO__LOSS__KIND__PACKETS_KERNEL;
    loss.count = 12;
    message.losses = losses;
    message.n_losses = 1;
    message.observer = &observer;
    publish("loss", &message, 3, 1, SENT);
    const pavo_event *event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_LOSS);
    assert_string_equal(pavo_event_sensor(event), "inner");
    assert_int_equal(pavo_event_epoch(event), 77);
    assert_non_null(strstr(pavo_event_json(event), "\"kind\":\"packets_kernel\""));
    assert_non_null(strstr(pavo_event_json(event), "\"count\":12"));

    Pavo__SensorStatus status = PAVO__SENSOR_STATUS__INIT;
    Pavo__InterfaceStatus interface = PAVO__INTERFACE_STATUS__INIT, *interfaces[] = {&interface};
    Pavo__Counter counter = PAVO__COUNTER__INIT, *counters[] = {&counter};
    message = (Pavo__Published)PAVO__PUBLISHED__INIT;
    counter.name = (char *)"kernel";
    counter.value = 5;
    interface.dropped = counters;
    interface.n_dropped = 1;
    status.interfaces = interfaces;
    status.n_interfaces = 1;
    status.clock_offset_ns = -3;
    message.status = &status;
    message.observer = &observer;
    publish("status", &message, 4, 2, SENT);
    event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_STATUS);
    assert_non_null(strstr(pavo_event_json(event), "\"dropped\":{\"kernel\":5}"));
    assert_non_null(strstr(pavo_event_json(event), "\"clock_offset_ns\":-3"));
    assert_non_null(strstr(pavo_event_json(event), "\"records_made\":0"));
    pavo_subscriber_destroy(&subscriber);
}

static void test_refused(void **state)
{
    (void)state;
    pavo_options *options = make_options(PAVO_TOPIC_FLOWS);
    pavo_options_set_key_file(options, door.stranger);
    pavo_subscriber *subscriber = pavo_subscriber_new(options, NULL);
    const pavo_event *event;
    assert_non_null(subscriber);
    pavo_options_destroy(&options);
    assert_int_equal(pavo_subscriber_next(subscriber, PATIENCE_MS, &event), PAVO_REFUSED);
    assert_non_null(strstr(pavo_subscriber_error(subscriber), "refuses the key 'stranger'"));
    assert_int_equal(pavo_subscriber_next(subscriber, 0, &event), PAVO_REFUSED); /* and goes on trying */
    pavo_subscriber_destroy(&subscriber);
}

static void test_not_there(void **state)
{
    (void)state;
    pavo_options *options = make_options(PAVO_TOPIC_FLOWS);
    const pavo_event *event;
    pavo_options_set_doors(options, "ipc:///nonexistent/publish", "ipc:///nonexistent/answer");
    pavo_subscriber *subscriber = pavo_subscriber_new(options, NULL);
    pavo_options_destroy(&options);
    assert_non_null(subscriber);
    assert_int_equal(pavo_subscriber_next(subscriber, 10, &event), PAVO_TIMEOUT);
    assert_non_null(strstr(pavo_subscriber_error(subscriber), "cannot be reached"));
    pavo_subscriber_destroy(&subscriber);
}

static void expect_no_subscriber(pavo_options *options, const char *why)
{
    char error[PAVO_ERROR_MAX] = "";
    assert_null(pavo_subscriber_new(options, error));
    if (strstr(error, why) == NULL)
        print_message("%s\n", error);
    assert_non_null(strstr(error, why));
    pavo_options_destroy(&options);
}

static void test_bad_options(void **state)
{
    (void)state;
    expect_no_subscriber(pavo_options_new(), "no key file was given");
    pavo_options *options = make_options(PAVO_TOPIC_FLOWS);
    pavo_options_set_key_file(options, "/nonexistent/reader.key");
    expect_no_subscriber(options, "/nonexistent/reader.key");
    options = make_options(PAVO_TOPIC_FLOWS);
    pavo_options_set_key_file(options, door.sensor_key);
    expect_no_subscriber(options, "is the key of a sensor");
    options = make_options(PAVO_TOPIC_FLOWS);
    pavo_options_set_filter(options, "port eighty");
    expect_no_subscriber(options, "'eighty' is not a port");
    options = make_options(PAVO_TOPIC_FLOWS);
    pavo_options_set_doors(options, NULL, NULL);
    pavo_options_set_aggregator(options, "host:99999");
    expect_no_subscriber(options, "host:99999");
}

static void test_fd(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = begin(make_options(PAVO_TOPIC_FLOWS), PAVO_TOPIC_FLOWS);
    const pavo_event *event;
    unsigned flows = 0;
    publish_flows(1, 0, SENT);
    publish_flows(3, 2, SENT);
    publish_flows(2, 1, STORED);
    int64_t end = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (flows < 6) {
        assert_true(clock_monotonic_ns() < end);
        int result = pavo_subscriber_next(subscriber, 0, &event);
        if (result == PAVO_OK) {
            assert_int_equal(pavo_event_kind(event), PAVO_EVENT_FLOW);
            flows++;
            continue;
        }
        assert_int_equal(result, PAVO_TIMEOUT);
        struct pollfd item = {.fd = pavo_subscriber_fd(subscriber), .events = POLLIN};
        assert_true(poll(&item, 1, 1000) >= 0);
    }
    pavo_subscriber_destroy(&subscriber);
}

/* ---------------------------------------------------------------- the header and the symbols */

static void test_field_numbers(void **state)
{
    (void)state;
    char path[4096], header[65536];
    snprintf(path, sizeof(path), "%s/common/libpavo/pavo.h", getenv("PAVO_SOURCE"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    header[fread(header, 1, sizeof(header) - 1, file)] = '\0';
    fclose(file);
    for (int i = 0; i < FLOW_FIELD_COUNT; i++) {
        char line[128];
        const char *name = flow_fields[i].name;
        assert_int_equal(pavo_field_by_name(name), flow_fields[i].number);
        if (strstr(name, "_hi") != NULL || strstr(name, "_lo") != NULL || strcmp(name, "observer") == 0)
            continue; /* addresses and sensors have functions */
        snprintf(line, sizeof(line), "    PAVO_%s = %u", name, flow_fields[i].number);
        for (char *at = line; *at != '\0' && *at != '='; at++)
            *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at;
        if (strstr(header, line) == NULL)
            print_message("pavo.h has no line '%s'\n", line);
        assert_non_null(strstr(header, line));
    }
}

static void test_exports(void **state)
{
    (void)state;
    char command[4096], line[1024];
    unsigned exported = 0;
    assert_non_null(getenv("PAVO_LIBRARY"));
    snprintf(command, sizeof(command), "nm -D --defined-only '%s'", getenv("PAVO_LIBRARY"));
    FILE *nm = popen(command, "r");
    assert_non_null(nm);
    while (fgets(line, sizeof(line), nm) != NULL) {
        char type;
        char name[512];
        assert_int_equal(sscanf(line, "%*s %c %511s", &type, name), 2);
        if (type == 'A')
            continue; /* the version's own name */
        if (strncmp(name, "pavo_", 5) != 0 || strncmp(name, "pavo__", 6) == 0)
            print_message("exported: %s\n", name);
        assert_int_equal(strncmp(name, "pavo_", 5), 0);
        assert_int_not_equal(strncmp(name, "pavo__", 6), 0);
        assert_non_null(strstr(name, "@@PAVO_0"));
        exported++;
    }
    assert_int_equal(pclose(nm), 0);
    assert_true(exported > 30);
}

static void test_cplusplus(void **state)
{
    (void)state;
    char command[4096];
    if (system("c++ --version >/dev/null 2>&1") != 0) {
        print_message("skipped: no c++\n");
        skip();
    }
    snprintf(command, sizeof(command),
             "c++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only -x c++ '%s/common/libpavo/pavo.h' 2>&1",
             getenv("PAVO_SOURCE"));
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_live, forget),
        cmocka_unit_test_setup(test_gap_is_filled, forget),
        cmocka_unit_test_setup(test_gap_is_told, forget),
        cmocka_unit_test_setup(test_start, forget),
        cmocka_unit_test_setup(test_garbled, forget),
        cmocka_unit_test_setup(test_links, forget),
        cmocka_unit_test_setup(test_losses_and_status, forget),
        cmocka_unit_test_setup(test_refused, forget),
        cmocka_unit_test_setup(test_not_there, forget),
        cmocka_unit_test_setup(test_bad_options, forget),
        cmocka_unit_test_setup(test_fd, forget),
        cmocka_unit_test(test_field_numbers),
        cmocka_unit_test(test_exports),
        cmocka_unit_test(test_cplusplus),
    };
    return cmocka_run_group_tests(tests, open_doors, close_doors);
}
