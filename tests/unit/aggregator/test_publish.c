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
    assert_ok(publisher_start(context, "127.0.0.1:*", &aggregator, &publisher, &err), err);
    assert_ok(bus_connect(context, ZMQ_SUB, publisher_endpoint(publisher), 0, &reader, 1000, &subscriber, &err), err);
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

/* Subscribes and waits until the door knows. */
static void subscribe(const char *topic)
{
    uint64_t wanted = counts().subscriptions + 1;
    int64_t until = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    assert_int_equal(zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, topic, strlen(topic)), 0);
    while (counts().subscriptions < wanted && clock_monotonic_ns() < until)
        usleep(5000);
    assert_int_equal(counts().subscriptions, wanted);
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
    subscribe(""); /* everything */
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
    subscribe("verdict");
    subscribe("binding");
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
    assert_ok(publisher_start(context, "127.0.0.1:*", &aggregator, &publisher, &err), err);
    assert_int_equal(counts().messages, 0);
}

static void submit_one(uint64_t position)
{
    struct batch *batch = test_batch("inner", position, TEST_NOW);
    fill(batch, RECORD_FLOW, 1);
    batch->position = position;
    publisher_submit(publisher, &batch);
}

static void wait_for_subscriptions(uint64_t wanted)
{
    int64_t until = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (counts().subscriptions != wanted && clock_monotonic_ns() < until)
        usleep(5000);
    assert_int_equal(counts().subscriptions, wanted);
}

/* Messages from that position on until one comes: the door may be opened again meanwhile, and what goes out before
 * somebody is back does not reach him. The position that came. */
static uint64_t submit_until_heard(uint64_t position)
{
    int64_t until = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    do
        submit_one(position++);
    while (!comes(50) && clock_monotonic_ns() < until);
    Pavo__Published *message = next("flow");
    uint64_t heard = message->position;
    pavo__published__free_unpacked(message, NULL);
    return heard;
}

/* A subscriber whose key is revoked hears no more, and the door is where it was for those who may come in. */
static void test_a_revoked_reader_hears_no_more(void **state)
{
    (void)state;
    struct enrolled *list;
    char command[256];
    subscribe("flow");
    submit_one(1);
    pavo__published__free_unpacked(next("flow"), NULL);
    snprintf(command, sizeof(command), "rm %s/enrolled/reader/me.pub", test_directory);
    assert_int_equal(system(command), 0);
    assert_ok(enrolled_read(test_directory, &list, &err), err);
    authenticator_replace(authenticator, &list);
    publisher_admit_anew(publisher);
    wait_for_subscriptions(0);
    submit_one(2);
    assert_false(comes(1000));
    assert_int_equal(counts().subscriptions, 0);
    assert_ok(enrolled_add(test_directory, &reader, &err), err);
    assert_ok(enrolled_read(test_directory, &list, &err), err);
    authenticator_replace(authenticator, &list);
    publisher_admit_anew(publisher);
    /* libzmq gives a connection up that was refused; a new one comes in. */
    zmq_close(subscriber);
    assert_ok(bus_connect(context, ZMQ_SUB, publisher_endpoint(publisher), 0, &reader, 1000, &subscriber, &err), err);
    assert_int_equal(zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, "flow", 4), 0);
    assert_true(submit_until_heard(3) >= 3);
}

/* Who may stay is back by himself. */
static void test_a_reader_comes_back_by_himself(void **state)
{
    (void)state;
    subscribe("flow");
    submit_one(1);
    pavo__published__free_unpacked(next("flow"), NULL);
    publisher_admit_anew(publisher);
    wait_for_subscriptions(0);
    assert_true(submit_until_heard(2) >= 2);
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
        cmocka_unit_test_setup_teardown(test_a_reader_comes_back_by_himself, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
