/* SPDX-License-Identifier: Apache-2.0 */
/* The publish door over a real socket: each kind on its topic, with its place in the stream, whole or in parts. */
#include "tests/unit/aggregator/support.h"

#include <zmq.h>

#include "aggregator/publish/publish.h"
#include "common/authenticator.h"
#include "common/bus.h"
#include "common/records/wire.h"
#include "pavo.pb-c.h"

#define PATIENCE_MS 20000

static struct error err;
static void *context, *subscriber;
static struct keys aggregator, reader;
static struct authenticator *authenticator;
static struct publisher *publisher;

static struct publisher_counts counts(void)
{
    struct publisher_counts c;
    publisher_counts_get(publisher, &c);
    return c;
}

static int setup(void **state)
{
    struct enrolled *enrolled;
    if (directory_setup(state) != 0)
        return 1;
    assert_ok(keys_make_aggregator(&aggregator, &err), err);
    assert_ok(keys_make(&aggregator, KEY_ROLE_READER, "me", &reader, &err), err);
    assert_ok(enrolled_add(test_directory, &reader, &err), err);
    assert_ok(enrolled_read(test_directory, &enrolled, &err), err);
    context = zmq_ctx_new();
    assert_ok(authenticator_start(context, &enrolled, NULL, NULL, &authenticator, &err), err);
    assert_ok(publisher_start(context, "127.0.0.1:*", &aggregator, authenticator, &publisher, &err), err);
    assert_ok(
        bus_connect(context, ZMQ_DEALER, publisher_endpoint(publisher), 0, &reader, 1000, &subscriber, NULL, &err),
        err);
    return 0;
}

static int teardown(void **state)
{
    zmq_close(subscriber);
    publisher_stop(&publisher);
    authenticator_stop(&authenticator);
    zmq_ctx_term(context);
    return directory_teardown(state);
}

/* Waits until the door knows of so many. */
static void wait_for_subscriptions(uint64_t wanted)
{
    int64_t until = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (counts().subscriptions != wanted && clock_monotonic_ns() < until)
        usleep(5000);
    assert_int_equal(counts().subscriptions, wanted);
}

static void say_topics(void *socket, uint32_t version, size_t count, const char *const topics[])
{
    Pavo__Subscribe message = PAVO__SUBSCRIBE__INIT;
    uint8_t packed[4096];
    message.version = version;
    message.topics = (char **)topics;
    message.n_topics = count;
    assert_in_range(pavo__subscribe__get_packed_size(&message), 0, sizeof(packed));
    size_t length = pavo__subscribe__pack(&message, packed);
    assert_int_equal(zmq_send(socket, packed, length, 0), length);
}

/* To these and no others. */
static void subscribe_to(size_t count, const char *const topics[])
{
    say_topics(subscriber, 1, count, topics);
    wait_for_subscriptions(count);
}

static void subscribe(const char *topic)
{
    subscribe_to(1, &topic);
}

static bool comes(int milliseconds)
{
    zmq_pollitem_t item = {.socket = subscriber, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, milliseconds) == 1;
}

/* The next message, which must be on this topic; the caller frees. */
static Pavo__Published *next(const char *topic)
{
    char said[32];
    zmq_msg_t frame;
    assert_true(comes(PATIENCE_MS));
    int length = zmq_recv(subscriber, said, sizeof(said) - 1, 0);
    assert_in_range(length, 1, sizeof(said) - 1);
    said[length] = '\0';
    assert_string_equal(said, topic);
    zmq_msg_init(&frame);
    assert_true(zmq_msg_recv(&frame, subscriber, 0) > 0);
    Pavo__Published *message = pavo__published__unpack(NULL, zmq_msg_size(&frame), zmq_msg_data(&frame));
    zmq_msg_close(&frame);
    assert_non_null(message);
    assert_int_equal(message->version, 1);
    return message;
}

/* The records of the kind in the message, which has no other. */
static struct records *records_in(Pavo__Published *message, enum record_kind_number number)
{
    struct records *records = NULL;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        const ProtobufCMessage *member = *wire_member(&message->base, record_kinds[kind]);
        assert_int_equal(member != NULL, kind == number);
        if (member != NULL)
            assert_ok(wire_read(record_kinds[kind], member, &records, &err), err);
    }
    return records;
}

/* `rows` records of a kind; the kind's first time tells them apart. */
static void fill(struct batch *batch, enum record_kind_number kind, uint32_t rows)
{
    struct records **records = test_records(batch, kind);
    uint8_t *row = calloc(1, record_kinds[kind]->row_size);
    assert_non_null(row);
    for (uint32_t i = 0; i < rows; i++) {
        assert_int_equal(records_append(records, row), RESULT_OK);
        ((int64_t *)records_column(*records, (unsigned)record_kinds[kind]->first_time))[i] = TEST_NOW + i;
    }
    free(row);
}

static void test_each_kind_has_its_topic(void **state)
{
    (void)state;
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        fill(batch, (enum record_kind_number)kind, kind + 1);
        batch->previous[kind] = 10 + kind;
    }
    batch->position = 100;
    const char *const everything[] = {"flow", "verdict", "binding", "loss", "status", "alert"};
    subscribe_to(RECORD_KIND_COUNT, everything);
    publisher_submit(publisher, &batch);
    assert_null(batch);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        Pavo__Published *message = next(record_kinds[kind]->name);
        assert_int_equal(message->position, 100);
        assert_int_equal(message->previous, 10 + kind);
        struct records *records = records_in(message, (enum record_kind_number)kind);
        assert_int_equal(records->rows, kind + 1);
        assert_string_equal(records->observers[0].sensor, "inner");
        records_free(&records);
        pavo__published__free_unpacked(message, NULL);
    }
    assert_int_equal(counts().messages, RECORD_KIND_COUNT);
    assert_int_equal(counts().unpublished, 0);
}

/* A kind without rows is no message, and who asks for one topic gets that one. */
static void test_only_what_is_asked_for(void **state)
{
    (void)state;
    struct batch *first = test_conclusions(TEST_NOW), *second = test_conclusions(TEST_NOW);
    first->records[RECORD_VERDICT] = test_verdicts();
    first->records[RECORD_BINDING] = records_new(record_kinds[RECORD_BINDING], 1); /* no rows */
    struct verdict given_up = {.verdict = VERDICT_NO_PARTNER, .flow = 8, .boundary = "border"};
    assert_int_equal(records_append(&first->records[RECORD_VERDICT], &given_up), RESULT_OK);
    first->position = 5;
    fill(second, RECORD_BINDING, 1);
    second->position = 6;
    second->previous[RECORD_BINDING] = 2;
    const char *const topics[] = {"verdict", "binding"};
    subscribe("loss"); /* what is said later takes its place */
    subscribe_to(2, topics);
    publisher_submit(publisher, &first);
    publisher_submit(publisher, &second);
    Pavo__Published *message = next("verdict"); /* of a view given up, too */
    struct records *records = records_in(message, RECORD_VERDICT);
    assert_int_equal(verdict_columns(records)->verdict[0], VERDICT_NO_PARTNER);
    assert_string_equal(verdict_columns(records)->boundary[0], "border");
    records_free(&records);
    pavo__published__free_unpacked(message, NULL);
    message = next("binding");
    assert_int_equal(message->position, 6);
    assert_int_equal(message->previous, 2);
    pavo__published__free_unpacked(message, NULL);
    assert_false(comes(100));
}

/* Very many rows go in parts that follow each other at one position. */
static void test_many_rows_go_in_parts(void **state)
{
    (void)state;
    uint32_t rows = 2 * PUBLISH_ROWS_MAX + 5, seen = 0;
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    fill(batch, RECORD_LOSS, rows);
    batch->position = 9;
    batch->previous[RECORD_LOSS] = 3;
    subscribe("loss");
    publisher_submit(publisher, &batch);
    for (unsigned part = 0; part < 3; part++) {
        Pavo__Published *message = next("loss");
        assert_int_equal(message->position, 9);
        assert_int_equal(message->previous, part == 0 ? 3 : 9);
        struct records *records = records_in(message, RECORD_LOSS);
        assert_int_equal(records->rows, part < 2 ? PUBLISH_ROWS_MAX : 5);
        for (uint32_t i = 0; i < records->rows; i++, seen++)
            assert_int_equal(((int64_t *)records_column(records, (unsigned)records->kind->first_time))[i],
                             TEST_NOW + seen);
        records_free(&records);
        pavo__published__free_unpacked(message, NULL);
    }
    assert_int_equal(seen, rows);
}

/* Columns that we do not know cannot be cut, so such records go whole; and they go. */
static void test_unknown_columns_are_passed_on(void **state)
{
    (void)state;
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    fill(batch, RECORD_LOSS, PUBLISH_ROWS_MAX + 1);
    struct unknown_fields *unknown = &batch->records[RECORD_LOSS]->unknown;
    unknown->fields = calloc(1, sizeof(*unknown->fields));
    unknown->fields[0] = (ProtobufCMessageUnknownField){
        .tag = 99, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = malloc(1)};
    unknown->fields[0].data[0] = 42;
    unknown->count = 1;
    subscribe("loss");
    publisher_submit(publisher, &batch);
    Pavo__Published *message = next("loss");
    struct records *records = records_in(message, RECORD_LOSS);
    assert_int_equal(records->rows, PUBLISH_ROWS_MAX + 1);
    assert_int_equal(records->unknown.count, 1);
    assert_int_equal(records->unknown.fields[0].tag, 99);
    assert_int_equal(records->unknown.fields[0].data[0], 42);
    records_free(&records);
    pavo__published__free_unpacked(message, NULL);
}

/* Nobody listens: nothing is packed, and stopping frees what is queued. */
static void test_nobody_listens(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct batch *batch = test_batch("inner", 1, TEST_NOW);
        fill(batch, RECORD_FLOW, 10);
        publisher_submit(publisher, &batch);
        assert_null(batch);
    }
    publisher_stop(&publisher);
    assert_null(publisher);
    assert_ok(publisher_start(context, "127.0.0.1:*", &aggregator, authenticator, &publisher, &err), err);
    assert_int_equal(counts().messages, 0);
}

static void submit_one(uint64_t position)
{
    struct batch *batch = test_batch("inner", position, TEST_NOW);
    fill(batch, RECORD_FLOW, 1);
    batch->position = position;
    publisher_submit(publisher, &batch);
}

static void read_enrolled(void)
{
    struct enrolled *list;
    assert_ok(enrolled_read(test_directory, &list, &err), err);
    authenticator_replace(authenticator, &list);
}

/* Within a second of the reload, whether he is silent or not; others hear on. */
static void test_a_revoked_reader_hears_no_more(void **state)
{
    (void)state;
    struct keys other;
    char command[256];
    void *stays, *revoked = subscriber;
    assert_ok(keys_make(&aggregator, KEY_ROLE_READER, "other", &other, &err), err);
    assert_ok(enrolled_add(test_directory, &other, &err), err);
    read_enrolled();
    assert_ok(bus_connect(context, ZMQ_DEALER, publisher_endpoint(publisher), 0, &other, 1000, &stays, NULL, &err),
              err);
    subscribe("flow");
    say_topics(stays, 1, 1, (const char *[]){"flow"});
    wait_for_subscriptions(2);
    submit_one(1);
    pavo__published__free_unpacked(next("flow"), NULL);
    subscriber = stays;
    pavo__published__free_unpacked(next("flow"), NULL);
    snprintf(command, sizeof(command), "rm %s/enrolled/reader/me.pub", test_directory);
    assert_int_equal(system(command), 0);
    int64_t since = clock_monotonic_ns();
    read_enrolled();
    wait_for_subscriptions(1);
    assert_true(clock_monotonic_ns() - since < NS_PER_S);
    submit_one(2);
    pavo__published__free_unpacked(next("flow"), NULL);
    subscriber = revoked;
    assert_false(comes(200));
    say_topics(subscriber, 1, 1, (const char *[]){"flow"}); /* the connection that it still has is none any more */
    while (counts().refused == 0)
        usleep(1000);
    assert_int_equal(counts().subscriptions, 1);
    zmq_close(stays);
}

/* A name that is no topic is counted, and nothing of it is kept; nor of what is no Subscribe. */
static void test_only_topics_are_subscribed_to(void **state)
{
    (void)state;
    const char *const names[] = {"flow", "flo", "", "flows", "flow"};
    subscribe("flow");
    say_topics(subscriber, 1, 5, names);
    say_topics(subscriber, 2, 1, names);
    assert_int_equal(zmq_send(subscriber, "\xff\xff", 2, 0), 2);
    assert_int_equal(zmq_send(subscriber, "\1flow", 5, 0), 5); /* as a SUB socket says it */
    int64_t until = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (counts().refused < 6 && clock_monotonic_ns() < until)
        usleep(5000);
    assert_int_equal(counts().refused, 6);
    assert_int_equal(counts().subscriptions, 1);
    submit_one(1);
    pavo__published__free_unpacked(next("flow"), NULL);
    assert_false(comes(100));
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* 63,500 names, each long and another, once cost 1.8 GB for as long as the aggregator ran. */
static void test_many_subscriptions_cost_nothing(void **state)
{
    (void)state;
    enum { MESSAGES = 12700, NAMES = 5 };
    char names[NAMES][700];
    const char *topics[NAMES];
    subscribe("flow");
    long before = resident_kib();
    for (unsigned i = 0; i < MESSAGES; i++) {
        for (unsigned n = 0; n < NAMES; n++) {
            memset(names[n], 'a' + (int)(i % 26), sizeof(names[n]));
            snprintf(names[n], 32, "%u-%u", i, n);
            names[n][strlen(names[n])] = '-';
            names[n][sizeof(names[n]) - 1] = '\0';
            topics[n] = names[n];
        }
        say_topics(subscriber, 1, NAMES, topics);
    }
    int64_t until = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (counts().refused < MESSAGES * NAMES && clock_monotonic_ns() < until)
        usleep(5000);
    assert_int_equal(counts().refused, MESSAGES * NAMES);
    assert_int_equal(counts().subscriptions, 0);
    /* With sanitizers, freed memory stays for a while: 256 MiB of it (quarantine). */
    assert_true(resident_kib() - before < 384 << 10);
}

/* Of one name so many, whatever it subscribes to; who goes makes room at once. */
static void test_subscribers_of_a_key_are_bounded(void **state)
{
    (void)state;
    void *mine[PUBLISH_KEY_CONNECTIONS + 1];
    const char *const flow[] = {"flow"};
    for (unsigned i = 0; i <= PUBLISH_KEY_CONNECTIONS; i++) {
        assert_ok(
            bus_connect(context, ZMQ_DEALER, publisher_endpoint(publisher), 0, &reader, 1000, &mine[i], NULL, &err),
            err);
        say_topics(mine[i], 1, 1, flow);
        wait_for_subscriptions(i < PUBLISH_KEY_CONNECTIONS ? i + 1 : PUBLISH_KEY_CONNECTIONS);
    }
    while (counts().refused == 0)
        usleep(1000);
    zmq_close(mine[0]);
    wait_for_subscriptions(PUBLISH_KEY_CONNECTIONS - 1);
    say_topics(mine[PUBLISH_KEY_CONNECTIONS], 1, 1, flow);
    wait_for_subscriptions(PUBLISH_KEY_CONNECTIONS);
    for (unsigned i = 1; i <= PUBLISH_KEY_CONNECTIONS; i++)
        zmq_close(mine[i]);
    wait_for_subscriptions(0);
}

/* One that never reads holds what it may and no more, everybody else hears everything, and it is counted. */
static void test_a_stalled_subscriber_is_bounded(void **state)
{
    (void)state;
    enum { BATCHES = 120 };
    void *stalled, *reading = subscriber;
    assert_ok(bus_connect(context, ZMQ_DEALER, publisher_endpoint(publisher), 0, &reader, 1, &stalled, NULL, &err),
              err);
    say_topics(stalled, 1, 1, (const char *[]){"loss"});
    say_topics(reading, 1, 1, (const char *[]){"loss"});
    wait_for_subscriptions(2);
    for (uint64_t position = 1; position <= BATCHES; position++) {
        struct batch *batch = test_batch("inner", position, TEST_NOW);
        fill(batch, RECORD_LOSS, PUBLISH_ROWS_MAX);
        batch->position = position;
        publisher_submit(publisher, &batch);
        Pavo__Published *message = next("loss");
        assert_int_equal(message->position, position);
        pavo__published__free_unpacked(message, NULL);
    }
    assert_true(counts().undelivered > 0);
    assert_int_equal(counts().unpublished, 0);
    zmq_close(stalled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_kind_has_its_topic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_what_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_rows_go_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_columns_are_passed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_revoked_reader_hears_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_topics_are_subscribed_to, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_subscriptions_cost_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subscribers_of_a_key_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stalled_subscriber_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
