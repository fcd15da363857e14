/* SPDX-License-Identifier: Apache-2.0 */
/* The whole aggregator behind its three real doors: what sensors and subscribers meet there. What askers meet is in
 * test_answer.c and test_answer_delegate.c. */
#include "tests/unit/aggregator/stage.h"

#include <sys/mount.h>

#include "common/records/json.h"

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
    assert_int_equal(find_rows(""), 1000);
    const struct answer *sensors = ask("sensors");
    assert_int_equal(sum_of(sensors, "committed"), 1000);
    assert_int_equal(sum_of(sensors, "duplicates"), 1);

    /* A new start knows what was committed. */
    close_socket(socket);
    aggregator_stop(&aggregator);
    start();
    socket = sensor_socket(&inner_keys);
    send_flows(socket, "inner", 5, 10, 100, FAULT_NONE);
    assert_true(acknowledged(socket, 10, reason));
    assert_int_equal(find_rows(""), 1000);
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
    assert_int_equal(find_rows(""), 10);
    assert_int_equal(rejected_count(), 6 + 4);
    close_socket(socket);
}

/* An unknown key, and a reader's key at the sensors' door, come to nothing, and are counted. */
static void test_strangers(void **state)
{
    (void)state;
    struct keys stranger_keys;
    assert_ok(keys_make(&aggregator_keys, KEY_ROLE_SENSOR, "inner", &stranger_keys, &err), err);
    void *strangers[2] = {sensor_socket(&stranger_keys), sensor_socket(&reader_keys)};
    say_hello(strangers[0], "inner", 5);
    say_hello(strangers[1], "me", 5);
    uint64_t refused = 0;
    while (refused < 2) {
        const struct answer *intake = ask("intake");
        refused = 0;
        for (uint64_t row = 0; row < intake->rows; row++)
            refused += strncmp(text_of(intake, row, "counter"), "connections refused", 19) == 0
                           ? number_of(intake, row, "value")
                           : 0;
        usleep(20000);
    }
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
    char reason[128];
    void *socket = sensor_socket(&inner_keys), *other = sensor_socket(&outer_keys);
    send_flows(socket, "inner", 5, 1, 10, FAULT_NONE);
    assert_true(acknowledged(socket, 1, reason));
    revoke_key(KEY_ROLE_SENSOR, "inner");
    send_flows(socket, "inner", 5, 2, 10, FAULT_NONE);
    while (rejected_count() == 0)
        usleep(20000);
    send_flows(other, "outer", 5, 1, 10, FAULT_NONE);
    assert_true(acknowledged(other, 1, reason));
    assert_int_equal(find_rows(""), 20);
    close_socket(socket);
    close_socket(other);
}

/* The records of a message as JSON: the order of observers, which is nobody's business, is not in it. */
static void message_json(const void *bytes, size_t length, const struct record_kind *kind, struct json *ret_json)
{
    struct records *records;
    Pavo__Published *message = pavo__published__unpack(NULL, length, bytes);
    assert_non_null(message);
    json_add(ret_json, "%llu %llu", (unsigned long long)message->position, (unsigned long long)message->previous);
    assert_ok(wire_read(kind, *wire_member(&message->base, kind), &records, &err), err);
    for (uint32_t row = 0; row < records->rows; row++)
        json_add_members(ret_json, records, row);
    records_free(&records);
    pavo__published__free_unpacked(message, NULL);
}

/* A subscriber gets each topic with positions that chain, and the answer door gives the same messages again. */
static void test_publish_and_replay(void **state)
{
    (void)state;
    char *topics[RECORD_KIND_COUNT];
    uint8_t packed[128];
    Pavo__Subscribe subscribe = PAVO__SUBSCRIBE__INIT;
    subscribe.version = 1;
    subscribe.topics = topics;
    for (; subscribe.n_topics < RECORD_KIND_COUNT; subscribe.n_topics++)
        topics[subscribe.n_topics] = (char *)record_kinds[subscribe.n_topics]->name;
    void *subscriber = connect_to(ZMQ_DEALER, aggregator_endpoints(aggregator).publish, &reader_keys);
    send_bytes(subscriber, packed, pavo__subscribe__pack(&subscribe, packed));
    void *inner = sensor_socket(&inner_keys), *outer = sensor_socket(&outer_keys);
    /* Subscribing takes its time: send pairs until one is heard. */
    zmq_pollitem_t item = {.socket = subscriber, .events = ZMQ_POLLIN};
    uint64_t pairs = 0, last[RECORD_KIND_COUNT] = {0};
    do
        send_pair(inner, outer, ++pairs, clock_wall_ns());
    while (zmq_poll(&item, 1, 200) == 0);
    send_pair(inner, outer, ++pairs, clock_wall_ns());
    bool linked = false;
    while (!linked) {
        zmq_msg_t topic, body;
        char name[32] = "", after[32], through[32];
        if (!receive_frame(subscriber, &topic, WAIT_MS))
            fail_msg("nothing is published");
        assert_true(receive_frame(subscriber, &body, WAIT_MS));
        assert_in_range(zmq_msg_size(&topic), 1, sizeof(name) - 1);
        memcpy(name, zmq_msg_data(&topic), zmq_msg_size(&topic));
        const struct record_kind *kind = record_kind_by_name(name);
        Pavo__Published *published = pavo__published__unpack(NULL, zmq_msg_size(&body), zmq_msg_data(&body));
        assert_non_null(kind);
        assert_non_null(published);
        assert_non_null(*wire_member(&published->base, kind));
        uint64_t *seen = &last[record_kind_number(kind)];
        assert_true(published->position > *seen);
        assert_true(*seen == 0 || published->previous == *seen);
        *seen = published->position;
        snprintf(after, sizeof(after), "%llu", (unsigned long long)published->previous);
        snprintf(through, sizeof(through), "%llu", (unsigned long long)published->position);
        const struct answer *again = ask("replay", "topic", name, "after", after, "through", through);
        assert_int_equal(again->published, 1);
        struct json live = {0}, stored = {0};
        message_json(zmq_msg_data(&body), zmq_msg_size(&body), kind, &live);
        message_json(again->last, again->last_length, kind, &stored);
        assert_string_equal(stored.text, live.text);
        json_fini(&live);
        json_fini(&stored);
        assert_int_equal(again->end->coverage->position, published->position);
        linked = published->verdicts != NULL && published->verdicts->rows == 1 && published->verdicts->flow[0] == pairs;
        pavo__published__free_unpacked(published, NULL);
        zmq_msg_close(&topic);
        zmq_msg_close(&body);
    }
    assert_int_equal(ask("replay", "topic", "verdict")->published, pairs);
    close_socket(subscriber);
    close_socket(inner);
    close_socket(outer);
}

/* Waiting views survive a restart: the second half comes after it. */
static void test_links_over_a_restart(void **state)
{
    (void)state;
    char reason[128], at[32];
    int64_t now = clock_wall_ns();
    struct flow flow = test_flow(1, now);
    flow.src_isn = 1;
    flow.dst_isn = 2;
    flow.evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN;
    for (int side = 0; side < 2; side++) {
        void *socket = sensor_socket(side == 0 ? &inner_keys : &outer_keys);
        struct observer observer = test_observer(side == 0 ? "inner" : "outer", 5);
        struct flow_batch *batch = flow_batch_new(1);
        assert_int_equal(flow_batch_observer(batch, &observer, &flow.observer), RESULT_OK);
        assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
        send_records(socket, observer.sensor, 5, 1, flow_records(batch), FAULT_NONE);
        assert_true(acknowledged(socket, 1, reason));
        flow_batch_destroy(&batch);
        close_socket(socket);
        aggregator_stop(&aggregator);
        start();
    }
    snprintf(at, sizeof(at), "%lld", (long long)now);
    const struct answer *nat = ask("nat", "end", "10.0.0.2:1025", "at", at);
    assert_int_equal(nat->rows, 1);
    assert_string_equal(text_of(nat, 0, "verdict"), "forwarded");
    assert_int_equal(linked_count(), 1);
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
    assert_int_equal(find_rows(""), acks * 5000);
    /* It is said by whoever asks for the state of things. */
    assert_int_equal(gap_count(ask("intake"), PAVO__GAP__KIND__STATE), 1);
    assert_int_equal(ask("sensors")->end->coverage->state, PAVO__COVERAGE__STATE__PARTIAL);
    assert_int_equal(mount(NULL, config.data, NULL, MS_REMOUNT, "size=300m"), 0);
    while (acks < sent) {
        Pavo__ToSensor *frame = next_to_sensor(socket);
        if (frame->body_case == PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT)
            acks += frame->acknowledgement->n_sequences;
        pavo__to_sensor__free_unpacked(frame, NULL);
    }
    assert_int_equal(find_rows(""), sent * 5000);
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
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.question = "find";
    for (int i = 0; i < 3; i++) {
        lazy[i] = connect_queue(ZMQ_DEALER, aggregator_endpoints(aggregator).answer, &reader_keys, 1);
        send_query(lazy[i], &query);
    }
    assert_int_equal(ask("find", "limit", "10")->rows, 10);
    send_flows(socket, "inner", 5, 21, 10, FAULT_NONE);
    assert_true(acknowledged(socket, 21, reason));
    for (int i = 0; i < 3; i++)
        close_socket(lazy[i]);
    close_socket(socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_welcome),
        STAGE_TEST(test_batches_are_committed_once),
        STAGE_TEST(test_bad_batches_are_refused_and_counted),
        STAGE_TEST(test_strangers),
        STAGE_TEST(test_revoked),
        STAGE_TEST(test_publish_and_replay),
        STAGE_TEST(test_links_over_a_restart),
        STAGE_TEST(test_full_disk_pauses_intake),
        STAGE_TEST(test_slow_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
