/* SPDX-License-Identifier: Apache-2.0 */
/* The whole aggregator behind its three real doors: what sensors, subscribers and readers meet there. */
#include "tests/unit/aggregator/support.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <zmq.h>

#include "aggregator/aggregator.h"
#include "common/bus.h"
#include "common/keys.h"
#include "common/seal.h"
#include "pavo.pb-c.h"
#include "proto/codec.h"

#define WAIT_MS 20000 /* generous; a condition, not a time, ends each wait */

static struct error err;
static struct keys aggregator_keys, inner_keys, outer_keys, reader_keys, stranger_keys;
static struct config config;
static struct aggregator *aggregator;
static void *context;
static void *sockets[16]; /* open; a failed test leaves some */
enum { SEQUENCES = 1000 };
static enum { NOT_HEARD, COMMITTED, REJECTED } verdicts[SEQUENCES];

/* ---- the stage */

static void enrol(enum key_role role, const char *name, struct keys *ret_keys)
{
    assert_ok(keys_make(&aggregator_keys, role, name, ret_keys, &err), err);
    assert_ok(enrolled_add(config.keys, ret_keys, &err), err);
}

static void start(void)
{
    assert_ok(aggregator_start(&config, &aggregator, &err), err);
}

static int setup(void **state)
{
    char path[128];
    char window[] = "border inside=inner outside=outer window=5s";
    if (directory_setup(state) != 0)
        return 1;
    char *arguments[] = {"pavo-aggregator", "--intake",     "127.0.0.1:*", "--publish",  "127.0.0.1:*", "--answer",
                         "127.0.0.1:*",     "--commit-age", "20ms",        "--boundary", window,        NULL};
    assert_ok(config_read((int)(sizeof(arguments) / sizeof(arguments[0])) - 1, arguments, &config, &err), err);
    free(config.data);
    free(config.keys);
    snprintf(path, sizeof(path), "%s/data", test_directory);
    config.data = strdup(path);
    snprintf(path, sizeof(path), "%s/keys", test_directory);
    assert_int_equal(mkdir(path, 0700), 0);
    config.keys = strdup(path);
    assert_ok(keys_make_aggregator(&aggregator_keys, &err), err);
    snprintf(path, sizeof(path), "%s/keys/aggregator.key", test_directory);
    assert_ok(keys_write(path, &aggregator_keys, &err), err);
    enrol(KEY_ROLE_SENSOR, "inner", &inner_keys);
    enrol(KEY_ROLE_SENSOR, "outer", &outer_keys);
    enrol(KEY_ROLE_READER, "me", &reader_keys);
    assert_ok(keys_make(&aggregator_keys, KEY_ROLE_SENSOR, "inner", &stranger_keys, &err), err);
    memset(verdicts, 0, sizeof(verdicts));
    context = zmq_ctx_new();
    start();
    return 0;
}

static void *connect_queue(int type, const char *endpoint, const struct keys *keys, int queue)
{
    void **place = sockets;
    while (*place != NULL)
        place++;
    assert_true(place < sockets + sizeof(sockets) / sizeof(sockets[0]) - 1);
    assert_ok(bus_connect(context, type, endpoint, 0, keys, queue, place, &err), err);
    return *place;
}

static void *connect_to(int type, const char *endpoint, const struct keys *keys)
{
    return connect_queue(type, endpoint, keys, 1000);
}

static void close_socket(void *socket)
{
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
        if (sockets[i] == socket)
            sockets[i] = NULL;
    }
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_close(socket);
}

static int teardown(void **state)
{
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
        if (sockets[i] != NULL)
            close_socket(sockets[i]);
    }
    zmq_ctx_term(context);
    aggregator_stop(&aggregator);
    config_fini(&config);
    return directory_teardown(state);
}

static void send_bytes(void *socket, const void *bytes, size_t length)
{
    assert_int_equal(zmq_send(socket, bytes, length, 0), length);
}

/* The next frame within WAIT_MS, or false. */
static bool receive_frame(void *socket, zmq_msg_t *message, int wait_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, wait_ms) != 1)
        return false;
    zmq_msg_init(message);
    assert_true(zmq_msg_recv(message, socket, 0) >= 0);
    return true;
}

/* ---- a sensor */

static void say_hello(void *socket, const char *name, uint64_t epoch)
{
    Pavo__Hello hello = PAVO__HELLO__INIT;
    hello.sensor = (char *)name;
    hello.epoch = epoch;
    hello.sent_ns = 4711;
    Pavo__FromSensor frame = PAVO__FROM_SENSOR__INIT;
    frame.version = 1;
    frame.body_case = PAVO__FROM_SENSOR__BODY_HELLO;
    frame.hello = &hello;
    uint8_t bytes[512];
    send_bytes(socket, bytes, pavo__from_sensor__pack(&frame, bytes));
}

/* What can be wrong with a batch. */
enum fault {
    FAULT_NONE,
    FAULT_SEAL,
    FAULT_SIZE,
    FAULT_OUTER_NAME,
    FAULT_SEQUENCE_INSIDE,
    FAULT_COLUMNS,
    FAULT_OBSERVER,
    FAULT_CONTENT
};

static void send_batch(void *socket, const char *name, uint64_t epoch, uint64_t sequence, struct flow_batch *flows,
                       enum fault fault)
{
    struct flow_columns_view view;
    Pavo__Batch batch = PAVO__BATCH__INIT;
    batch.sensor = (char *)name;
    batch.epoch = epoch;
    batch.sequence = sequence + (fault == FAULT_SEQUENCE_INSIDE);
    assert_ok(flow_columns_view_init(&view, flows, &err), err);
    batch.flows = &view.message;
    view.message.rows += fault == FAULT_COLUMNS;
    size_t length = pavo__batch__get_packed_size(&batch);
    uint8_t *plain = malloc(length);
    pavo__batch__pack(&batch, plain);
    if (fault == FAULT_CONTENT)
        memset(plain, 0xff, length);
    flow_columns_view_fini(&view);
    struct bytes sealed;
    assert_ok(seal(plain, length, aggregator_keys.seal_public, &sealed, &err), err);
    if (fault == FAULT_SEAL)
        sealed.data[sealed.length / 2] ^= 1;
    Pavo__SealedBatch outer = PAVO__SEALED_BATCH__INIT;
    outer.sensor = fault == FAULT_OUTER_NAME ? "outer" : (char *)name;
    outer.epoch = epoch;
    outer.sequence = sequence;
    outer.size = (uint32_t)length - (fault == FAULT_SIZE);
    outer.sealed = (ProtobufCBinaryData){.data = sealed.data, .len = sealed.length};
    Pavo__FromSensor frame = PAVO__FROM_SENSOR__INIT;
    frame.version = 1;
    frame.body_case = PAVO__FROM_SENSOR__BODY_BATCH;
    frame.batch = &outer;
    size_t frame_length = pavo__from_sensor__get_packed_size(&frame);
    uint8_t *bytes = malloc(frame_length);
    pavo__from_sensor__pack(&frame, bytes);
    send_bytes(socket, bytes, frame_length);
    free(bytes);
    free(plain);
    bytes_free(&sealed);
}

static void send_flows(void *socket, const char *name, uint64_t epoch, uint64_t sequence, uint32_t rows,
                       enum fault fault)
{
    struct observer observer = test_observer(fault == FAULT_OBSERVER ? "other" : name, epoch);
    struct flow_batch *flows = test_batch(&observer, sequence * 1000, rows, clock_wall_ns());
    send_batch(socket, name, epoch, sequence, flows, fault);
    flow_batch_destroy(&flows);
}

static Pavo__ToSensor *next_to_sensor(void *socket)
{
    zmq_msg_t message;
    if (!receive_frame(socket, &message, WAIT_MS))
        fail_msg("the aggregator does not answer");
    Pavo__ToSensor *frame = pavo__to_sensor__unpack(NULL, zmq_msg_size(&message), zmq_msg_data(&message));
    zmq_msg_close(&message);
    assert_non_null(frame);
    return frame;
}

/* Waits for the acknowledgement of this sequence, or its rejection; others that come meanwhile are kept for later. */
static bool acknowledged(void *socket, uint64_t sequence, char ret_reason[static 128])
{
    while (verdicts[sequence] == NOT_HEARD) {
        Pavo__ToSensor *frame = next_to_sensor(socket);
        const Pavo__Acknowledgement *ack =
            frame->body_case == PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT ? frame->acknowledgement : NULL;
        for (size_t i = 0; ack != NULL && i < ack->n_sequences; i++) {
            assert_in_range(ack->sequences[i], 1, SEQUENCES - 1);
            verdicts[ack->sequences[i]] = COMMITTED;
        }
        for (size_t i = 0; ack != NULL && i < ack->n_rejected; i++) {
            assert_in_range(ack->rejected[i]->sequence, 1, SEQUENCES - 1);
            verdicts[ack->rejected[i]->sequence] = REJECTED;
            snprintf(ret_reason, 128, "%s", ack->rejected[i]->reason);
        }
        pavo__to_sensor__free_unpacked(frame, NULL);
    }
    bool committed = verdicts[sequence] == COMMITTED;
    verdicts[sequence] = NOT_HEARD;
    return committed;
}

/* ---- a reader */

/* Sends the query; each reply goes to `each` until the last. */
static void ask(Pavo__Query *query, void (*each)(Pavo__Reply *reply, void *to), void *to)
{
    void *socket = connect_to(ZMQ_DEALER, aggregator_endpoints(aggregator).answer, &reader_keys);
    query->version = 1;
    query->id = 77;
    uint8_t bytes[1024];
    send_bytes(socket, bytes, pavo__query__pack(query, bytes));
    bool more = true;
    while (more) {
        zmq_msg_t message;
        if (!receive_frame(socket, &message, WAIT_MS))
            fail_msg("no answer");
        Pavo__Reply *reply = pavo__reply__unpack(NULL, zmq_msg_size(&message), zmq_msg_data(&message));
        zmq_msg_close(&message);
        assert_non_null(reply);
        assert_int_equal(reply->id, 77);
        more = reply->more;
        each(reply, to);
        pavo__reply__free_unpacked(reply, NULL);
    }
    close_socket(socket);
}

struct sums {
    uint64_t rows, links, sensors, committed, duplicates, rejected, published, unlinked, linked, refused;
    bool truncated, coverage;
    char error[256];
};

static void sum(Pavo__Reply *reply, void *to)
{
    struct sums *s = to;
    s->rows += reply->flows == NULL ? 0 : reply->flows->rows;
    s->links += reply->n_links;
    s->unlinked += reply->n_unlinked;
    for (size_t i = 0; i < reply->n_sensors; i++) {
        s->sensors++;
        s->committed += reply->sensors[i]->records_committed;
        s->duplicates += reply->sensors[i]->duplicates;
        for (size_t r = 0; r < reply->sensors[i]->n_rejected; r++)
            s->rejected += reply->sensors[i]->rejected[r]->value;
    }
    for (size_t i = 0; i < reply->n_boundaries; i++)
        s->linked += reply->boundaries[i]->linked;
    for (size_t i = 0; reply->intake != NULL && i < reply->intake->n_counters; i++) {
        if (strstr(reply->intake->counters[i]->name, "refused") != NULL)
            s->refused += reply->intake->counters[i]->value;
    }
    s->published += reply->published != NULL;
    s->coverage = reply->coverage != NULL;
    s->truncated = reply->coverage != NULL && reply->coverage->truncated;
    if (reply->error[0] != '\0')
        snprintf(s->error, sizeof(s->error), "%s", reply->error);
}

static struct sums find(const char *filter, uint64_t limit)
{
    struct sums sums = {0};
    Pavo__Find body = PAVO__FIND__INIT;
    body.filter = (char *)filter;
    body.limit = limit;
    Pavo__Query query = PAVO__QUERY__INIT;
    query.body_case = PAVO__QUERY__BODY_FIND;
    query.find = &body;
    ask(&query, sum, &sums);
    return sums;
}

static struct sums sensors(void)
{
    struct sums sums = {0};
    Pavo__Sensors body = PAVO__SENSORS__INIT;
    Pavo__Query query = PAVO__QUERY__INIT;
    query.body_case = PAVO__QUERY__BODY_SENSORS;
    query.sensors = &body;
    ask(&query, sum, &sums);
    return sums;
}

static void *sensor_socket(const struct keys *keys)
{
    return connect_to(ZMQ_DEALER, aggregator_endpoints(aggregator).intake, keys);
}

/* ---- tests */

static void test_welcome(void **state)
{
    (void)state;
    void *socket = sensor_socket(&inner_keys);
    say_hello(socket, "inner", 5);
    Pavo__ToSensor *frame = next_to_sensor(socket);
    assert_int_equal(frame->body_case, PAVO__TO_SENSOR__BODY_WELCOME);
    assert_int_equal(frame->welcome->hello_sent_ns, 4711);
    assert_int_equal(frame->welcome->credit, 64);
    assert_true(frame->welcome->received_ns <= frame->welcome->sent_ns);
    pavo__to_sensor__free_unpacked(frame, NULL);
    close_socket(socket);
}

static void test_batches_are_committed_once(void **state)
{
    (void)state;
    char reason[128];
    void *socket = sensor_socket(&inner_keys);
    for (uint64_t sequence = 1; sequence <= 10; sequence++)
        send_flows(socket, "inner", 5, sequence, 100, FAULT_NONE);
    for (uint64_t sequence = 1; sequence <= 10; sequence++)
        assert_true(acknowledged(socket, sequence, reason));
    send_flows(socket, "inner", 5, 3, 100, FAULT_NONE);
    assert_true(acknowledged(socket, 3, reason));
    struct sums sums = find("", 0);
    assert_int_equal(sums.rows, 1000);
    assert_true(sums.coverage);
    assert_int_equal(find("src port 1024", 0).rows, find("dst port 80 and src port 1024", 0).rows);
    assert_int_equal(find("sensor outer", 0).rows, 0);
    sums = find("", 999);
    assert_int_equal(sums.rows, 999);
    assert_true(sums.truncated);
    assert_false(find("", 1000).truncated);
    assert_non_null(strstr(find("host nonsense!", 0).error, "nonsense"));
    sums = sensors();
    assert_int_equal(sums.committed, 1000);
    assert_int_equal(sums.duplicates, 1);

    /* A new start knows what was committed. */
    close_socket(socket);
    aggregator_stop(&aggregator);
    start();
    socket = sensor_socket(&inner_keys);
    send_flows(socket, "inner", 5, 10, 100, FAULT_NONE);
    assert_true(acknowledged(socket, 10, reason));
    assert_int_equal(find("", 0).rows, 1000);
    close_socket(socket);
}

static void test_bad_batches_are_refused_and_counted(void **state)
{
    (void)state;
    char reason[128];
    static const struct {
        enum fault fault;
        const char *reason;
    } faults[] = {{FAULT_SEAL, "unsealing failed"},       {FAULT_SIZE, "size"},
                  {FAULT_SEQUENCE_INSIDE, "name inside"}, {FAULT_COLUMNS, "columns disagree"},
                  {FAULT_OBSERVER, "another observer"},   {FAULT_CONTENT, "not a batch"}};
    void *socket = sensor_socket(&inner_keys);
    for (uint64_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        send_flows(socket, "inner", 5, i + 1, 10, faults[i].fault);
        assert_false(acknowledged(socket, i + 1, reason));
        if (strstr(reason, faults[i].reason) == NULL)
            fail_msg("%s, not %s", reason, faults[i].reason);
    }
    /* These get no answer; the connection goes on. */
    send_flows(socket, "inner", 5, 50, 10, FAULT_OUTER_NAME);
    send_bytes(socket, "garbage", 7);
    send_bytes(socket, "", 0);
    say_hello(socket, "outer", 5);
    zmq_send(socket, "two", 3, ZMQ_SNDMORE);
    send_bytes(socket, "frames", 6);
    send_flows(socket, "inner", 5, 100, 10, FAULT_NONE);
    assert_true(acknowledged(socket, 100, reason));
    assert_int_equal(find("", 0).rows, 10);
    assert_int_equal(sensors().rejected, 6 + 4);
    close_socket(socket);
}

/* An unknown key, and a reader's key at the sensors' door, come to nothing, and are counted. */
static void test_strangers(void **state)
{
    (void)state;
    void *strangers[2] = {sensor_socket(&stranger_keys), sensor_socket(&reader_keys)};
    say_hello(strangers[0], "inner", 5);
    say_hello(strangers[1], "me", 5);
    while (sensors().refused < 2)
        usleep(20000);
    zmq_pollitem_t items[2] = {{.socket = strangers[0], .events = ZMQ_POLLIN},
                               {.socket = strangers[1], .events = ZMQ_POLLIN}};
    assert_int_equal(zmq_poll(items, 2, 0), 0);
    close_socket(strangers[0]);
    close_socket(strangers[1]);
}

/* A revoked key is silenced on its open connection. */
static void test_revoked(void **state)
{
    (void)state;
    char reason[128], path[160];
    void *socket = sensor_socket(&inner_keys), *other = sensor_socket(&outer_keys);
    send_flows(socket, "inner", 5, 1, 10, FAULT_NONE);
    assert_true(acknowledged(socket, 1, reason));
    snprintf(path, sizeof(path), "%s/enrolled/sensor/inner.pub", config.keys);
    assert_int_equal(unlink(path), 0);
    assert_ok(aggregator_reload(aggregator, &config, &err), err);
    send_flows(socket, "inner", 5, 2, 10, FAULT_NONE);
    while (sensors().rejected == 0)
        usleep(20000);
    send_flows(other, "outer", 5, 1, 10, FAULT_NONE);
    assert_true(acknowledged(other, 1, reason));
    assert_int_equal(find("", 0).rows, 20);
    close_socket(socket);
    close_socket(other);
}

/* The two views of one connection, with sequence numbers. */
static void send_pair(void *inner, void *outer, uint64_t sequence, int64_t at)
{
    char reason[128];
    struct flow flow = test_flow(sequence, at);
    flow.src_isn = (uint32_t)(sequence * 0x9e3779b9u);
    flow.dst_isn = (uint32_t)(sequence * 0x85ebca6bu);
    flow.evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN;
    for (int side = 0; side < 2; side++) {
        const char *name = side == 0 ? "inner" : "outer";
        struct observer observer = test_observer(name, 5);
        struct flow_batch *batch = flow_batch_new(1);
        assert_int_equal(flow_batch_observer(batch, &observer, &flow.observer), RESULT_OK);
        if (side == 1) {
            flow.src_lo = 0xffffcb007105u;
            flow.src_port = 40312;
        }
        assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
        send_batch(side == 0 ? inner : outer, name, 5, sequence, batch, FAULT_NONE);
        assert_true(acknowledged(side == 0 ? inner : outer, sequence, reason));
        flow_batch_destroy(&batch);
    }
}

static struct sums ask_nat(uint64_t address_lo, uint16_t port, int64_t at)
{
    struct sums sums = {0};
    uint8_t address[16];
    address_to_bytes((struct address){0, address_lo}, address);
    Pavo__Endpoint endpoint = PAVO__ENDPOINT__INIT;
    endpoint.address = (ProtobufCBinaryData){.data = address, .len = 16};
    endpoint.port = port;
    Pavo__Nat body = PAVO__NAT__INIT;
    body.endpoint = &endpoint;
    body.at_ns = at;
    body.slack_ns = 5 * NS_PER_S;
    Pavo__Query query = PAVO__QUERY__INIT;
    query.body_case = PAVO__QUERY__BODY_NAT;
    query.nat = &body;
    ask(&query, sum, &sums);
    return sums;
}

static void test_nat(void **state)
{
    (void)state;
    void *inner = sensor_socket(&inner_keys), *outer = sensor_socket(&outer_keys);
    int64_t at = clock_wall_ns();
    send_pair(inner, outer, 1, at);
    struct sums sums = ask_nat(0xffffcb007105u, 40312, at);
    assert_int_equal(sums.rows, 2);
    assert_int_equal(sums.links, 1);
    assert_int_equal(sums.unlinked, 0);
    sums = ask_nat(0xffff0a000002u, 1025, at);
    assert_int_equal(sums.rows, 2);
    assert_int_equal(sums.links, 1);
    assert_int_equal(ask_nat(0xffff0a000002u, 1025, at - 100 * NS_PER_S).rows, 0);
    assert_int_equal(sensors().linked, 1);
    /* One side alone: the flow, and that it is waiting; later, why not. */
    char reason[128];
    send_flows(inner, "inner", 5, 2, 1, FAULT_NONE);
    assert_true(acknowledged(inner, 2, reason));
    sums = ask_nat(0xffff0a000001u, 1024 + 2000, 0);
    assert_int_equal(sums.rows, 1);
    assert_int_equal(sums.links, 0);
    assert_int_equal(sums.unlinked, 1);
    close_socket(inner);
    close_socket(outer);
}

struct last_published {
    uint64_t position, previous, count;
    uint8_t packed[4096];
    size_t length;
};

static void keep_published(Pavo__Reply *reply, void *to)
{
    struct last_published *last = to;
    if (reply->published == NULL)
        return;
    last->count++;
    last->position = reply->published->position;
    last->previous = reply->published->previous;
    last->length = pavo__published__pack(reply->published, last->packed);
}

/* A subscriber gets each topic with positions that chain, and the answer door gives the same messages again. */
static void test_publish_and_replay(void **state)
{
    (void)state;
    void *subscriber = connect_to(ZMQ_SUB, aggregator_endpoints(aggregator).publish, &reader_keys);
    zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, "", 0);
    void *inner = sensor_socket(&inner_keys), *outer = sensor_socket(&outer_keys);
    /* Subscribing takes its time: send pairs until one is heard. */
    zmq_pollitem_t item = {.socket = subscriber, .events = ZMQ_POLLIN};
    uint64_t pairs = 0;
    do
        send_pair(inner, outer, ++pairs, clock_wall_ns());
    while (zmq_poll(&item, 1, 200) == 0);
    send_pair(inner, outer, ++pairs, clock_wall_ns());
    uint64_t last_flow = 0, last_link = 0;
    bool linked = false;
    while (!linked) {
        zmq_msg_t topic, body;
        if (!receive_frame(subscriber, &topic, WAIT_MS))
            fail_msg("nothing is published");
        assert_true(receive_frame(subscriber, &body, WAIT_MS));
        Pavo__Published *published = pavo__published__unpack(NULL, zmq_msg_size(&body), zmq_msg_data(&body));
        assert_non_null(published);
        bool flow =
            zmq_msg_size(&topic) == 4 && memcmp(zmq_msg_data(&topic), "flow", 4) == 0 && published->flows != NULL;
        uint64_t *last = flow ? &last_flow : &last_link;
        assert_true(published->position > *last);
        assert_true(*last == 0 || published->previous == *last);
        *last = published->position;
        struct last_published again = {0};
        Pavo__Replay body_replay = PAVO__REPLAY__INIT;
        body_replay.topic = flow ? "flow" : "link";
        body_replay.after = published->previous;
        body_replay.through = published->position;
        Pavo__Query query = PAVO__QUERY__INIT;
        query.body_case = PAVO__QUERY__BODY_REPLAY;
        query.replay = &body_replay;
        ask(&query, keep_published, &again);
        assert_int_equal(again.count, 1);
        assert_int_equal(again.length, zmq_msg_size(&body));
        assert_memory_equal(again.packed, zmq_msg_data(&body), again.length);
        linked = !flow && published->n_links == 1 && published->links[0]->inside->flow == pairs;
        pavo__published__free_unpacked(published, NULL);
        zmq_msg_close(&topic);
        zmq_msg_close(&body);
    }
    struct last_published all = {0};
    Pavo__Replay body_replay = PAVO__REPLAY__INIT;
    body_replay.topic = "link";
    Pavo__Query query = PAVO__QUERY__INIT;
    query.body_case = PAVO__QUERY__BODY_REPLAY;
    query.replay = &body_replay;
    ask(&query, keep_published, &all);
    assert_int_equal(all.count, pairs);
    close_socket(subscriber);
    close_socket(inner);
    close_socket(outer);
}

/* Waiting views survive a restart: the second half comes after it. */
static void test_links_over_a_restart(void **state)
{
    (void)state;
    char reason[128];
    int64_t at = clock_wall_ns();
    struct flow flow = test_flow(1, at);
    flow.src_isn = 1;
    flow.dst_isn = 2;
    flow.evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN;
    for (int side = 0; side < 2; side++) {
        void *socket = sensor_socket(side == 0 ? &inner_keys : &outer_keys);
        struct observer observer = test_observer(side == 0 ? "inner" : "outer", 5);
        struct flow_batch *batch = flow_batch_new(1);
        assert_int_equal(flow_batch_observer(batch, &observer, &flow.observer), RESULT_OK);
        assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
        send_batch(socket, observer.sensor, 5, 1, batch, FAULT_NONE);
        assert_true(acknowledged(socket, 1, reason));
        flow_batch_destroy(&batch);
        close_socket(socket);
        aggregator_stop(&aggregator);
        start();
    }
    struct sums sums = ask_nat(flow.src_lo, flow.src_port, at);
    assert_int_equal(sums.links, 1);
    assert_int_equal(sensors().linked, 1);
}

/* Disk full: credit falls to 0, nothing is acknowledged, and when there is room all goes on by itself. */
static void test_full_disk_pauses_intake(void **state)
{
    (void)state;
    char reason[128];
    aggregator_stop(&aggregator);
    assert_int_equal(mkdir(config.data, 0700) == 0 || access(config.data, F_OK) == 0, 1);
    if (mount("none", config.data, "tmpfs", 0, "size=6m") != 0) {
        print_message("skipped: no privilege to mount a tmpfs\n");
        start();
        skip();
    }
    start();
    void *socket = sensor_socket(&inner_keys);
    uint64_t sent = 0, acks = 0;
    bool paused = false;
    while (!paused) {
        send_flows(socket, "inner", 5, ++sent, 5000, FAULT_NONE);
        Pavo__ToSensor *frame = next_to_sensor(socket);
        if (frame->body_case == PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT) {
            acks += frame->acknowledgement->n_sequences;
            paused = frame->acknowledgement->credit == 0;
        }
        pavo__to_sensor__free_unpacked(frame, NULL);
        assert_in_range(sent, 1, 200);
    }
    assert_true(acks < sent);
    assert_int_equal(find("", 0).rows, acks * 5000);
    assert_int_equal(mount(NULL, config.data, NULL, MS_REMOUNT, "size=300m"), 0);
    while (acks < sent) {
        Pavo__ToSensor *frame = next_to_sensor(socket);
        if (frame->body_case == PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT)
            acks += frame->acknowledgement->n_sequences;
        pavo__to_sensor__free_unpacked(frame, NULL);
    }
    assert_int_equal(find("", 0).rows, sent * 5000);
    send_flows(socket, "inner", 5, sent + 1, 10, FAULT_NONE);
    assert_true(acknowledged(socket, sent + 1, reason));
    close_socket(socket);
    aggregator_stop(&aggregator);
    assert_int_equal(umount(config.data), 0);
    start();
}

/* A reader that asks for much and takes nothing holds up nobody. */
static void test_slow_reader(void **state)
{
    (void)state;
    char reason[128];
    void *socket = sensor_socket(&inner_keys);
    for (uint64_t sequence = 1; sequence <= 20; sequence++) {
        send_flows(socket, "inner", 5, sequence, 8192, FAULT_NONE);
        assert_true(acknowledged(socket, sequence, reason));
    }
    void *lazy[3];
    Pavo__Find body = PAVO__FIND__INIT;
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.body_case = PAVO__QUERY__BODY_FIND;
    query.find = &body;
    uint8_t bytes[64];
    size_t length = pavo__query__pack(&query, bytes);
    for (int i = 0; i < 3; i++) {
        lazy[i] = connect_queue(ZMQ_DEALER, aggregator_endpoints(aggregator).answer, &reader_keys, 1);
        send_bytes(lazy[i], bytes, length);
    }
    assert_int_equal(find("", 10).rows, 10);
    send_flows(socket, "inner", 5, 21, 10, FAULT_NONE);
    assert_true(acknowledged(socket, 21, reason));
    for (int i = 0; i < 3; i++)
        close_socket(lazy[i]);
    close_socket(socket);
}

static void test_bad_queries(void **state)
{
    (void)state;
    struct sums sums = {0};
    Pavo__Query query = PAVO__QUERY__INIT;
    ask(&query, sum, &sums);
    assert_true(sums.error[0] != '\0');
    Pavo__Replay replay = PAVO__REPLAY__INIT;
    replay.topic = "gossip";
    query.body_case = PAVO__QUERY__BODY_REPLAY;
    query.replay = &replay;
    ask(&query, sum, &sums);
    assert_non_null(strstr(sums.error, "gossip"));
    Pavo__Nat nat = PAVO__NAT__INIT;
    query.body_case = PAVO__QUERY__BODY_NAT;
    query.nat = &nat;
    sums.error[0] = '\0';
    ask(&query, sum, &sums);
    assert_true(sums.error[0] != '\0');
    void *socket = connect_to(ZMQ_DEALER, aggregator_endpoints(aggregator).answer, &reader_keys);
    send_bytes(socket, "\xff\xff\xff", 3);
    zmq_msg_t message;
    assert_true(receive_frame(socket, &message, WAIT_MS));
    zmq_msg_close(&message);
    close_socket(socket);
}

#define DOOR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOOR_TEST(test_welcome),
        DOOR_TEST(test_batches_are_committed_once),
        DOOR_TEST(test_bad_batches_are_refused_and_counted),
        DOOR_TEST(test_strangers),
        DOOR_TEST(test_revoked),
        DOOR_TEST(test_nat),
        DOOR_TEST(test_publish_and_replay),
        DOOR_TEST(test_links_over_a_restart),
        DOOR_TEST(test_full_disk_pauses_intake),
        DOOR_TEST(test_slow_reader),
        DOOR_TEST(test_bad_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
