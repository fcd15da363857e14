/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out of the seal: who may say what about whom, and when; everything else is refused and named. And the door
 * itself over real sockets, with a test's hand in place of the committer. */
#include "tests/unit/aggregator/support.h"

#include <fcntl.h>
#include <unistd.h>
#include <zmq.h>

#include "aggregator/receive/receive.h"
#include "aggregator/store/store.h"
#include "common/bus.h"
#include "common/records/alert.h"
#include "common/records/binding.h"
#include "common/records/loss.h"
#include "common/records/status.h"
#include "common/records/wire.h"
#include "common/seal.h"
#include "pavo.pb-c.h"

#define EPOCH 7 /* as test_batch has it */

struct packed {
    uint8_t *bytes;
    size_t length;
};

/* The Batch message of a batch, as a speaker packs it. */
static struct packed packed_of(const struct batch *batch)
{
    Pavo__Batch message = PAVO__BATCH__INIT;
    struct wire_view views[RECORD_KIND_COUNT];
    message.sensor = (char *)batch->observer.sensor;
    message.epoch = batch->observer.epoch;
    message.sequence = batch->sequence;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        if (batch->records[kind] == NULL)
            continue;
        assert_int_equal(wire_view_init(&views[kind], batch->records[kind], NULL), RESULT_OK);
        *wire_member(&message.base, record_kinds[kind]) = views[kind].message;
    }
    struct packed packed = {.length = pavo__batch__get_packed_size(&message)};
    packed.bytes = malloc(packed.length + 1);
    pavo__batch__pack(&message, packed.bytes);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        if (batch->records[kind] != NULL)
            wire_view_fini(&views[kind]);
    }
    return packed;
}

static struct error err;
static enum receive_reason reason;

/* What a speaker of this role is told about the batch; it is freed. *ret_batch (may be NULL) what was made of it. */
static enum result told(enum key_role role, struct batch **batch, struct batch **ret_batch)
{
    struct packed packed = packed_of(*batch);
    struct batch *made = NULL;
    reason = RECEIVE_REASON_COUNT;
    err.text[0] = '\0';
    enum result r = receive_decode(packed.bytes, packed.length, role, &(*batch)->observer, (*batch)->sequence, &made,
                                   &reason, &err);
    assert_int_equal(made == NULL, r != RESULT_OK);
    free(packed.bytes);
    batch_destroy(batch);
    if (ret_batch != NULL)
        *ret_batch = made;
    else
        batch_destroy(&made);
    return r;
}

static void assert_refused(enum key_role role, struct batch *batch, enum receive_reason wanted, const char *detail)
{
    assert_int_equal(told(role, &batch, NULL), RESULT_REJECT);
    if (reason != wanted || strstr(err.text, receive_reason_name(wanted)) == NULL || strstr(err.text, detail) == NULL)
        fail_msg("%s", err.text);
}

static void assert_taken(enum key_role role, struct batch *batch)
{
    if (told(role, &batch, NULL) != RESULT_OK)
        fail_msg("%s", err.text);
}

/* A record of each kind with the least that makes sense. */
static struct batch *with(struct batch *batch, enum record_kind_number kind)
{
    union {
        struct flow flow;
        struct verdict verdict;
        struct binding binding;
        struct loss loss;
        struct status status;
        struct alert alert;
    } row = {0};
    switch (kind) {
    case RECORD_FLOW:
        row.flow = test_flow(1, TEST_NOW);
        break;
    case RECORD_VERDICT:
        row.verdict = (struct verdict){.first_time = TEST_NOW, .last_time = TEST_NOW};
        break;
    case RECORD_BINDING:
        row.binding = (struct binding){.witness = WITNESS_LOG, .boundary = "border", .first_time = TEST_NOW};
        break;
    case RECORD_LOSS:
        row.loss = (struct loss){.loss = LOSS_RECORDS_SPOOL, .from_time = TEST_NOW, .to_time = TEST_NOW, .count = 3};
        break;
    case RECORD_STATUS:
        row.status = (struct status){.time = TEST_NOW, .software = "pavo-sensor 1"};
        break;
    default:
        row.alert = (struct alert){.time = TEST_NOW, .detector = "scan", .text = "scans port 22", .severity = 50};
        break;
    }
    assert_int_equal(records_append(test_records(batch, kind), &row), RESULT_OK);
    return batch;
}

static struct batch *of(const char *sensor, enum record_kind_number kind)
{
    return with(test_batch(sensor, 1, TEST_NOW), kind);
}

static void test_each_role_says_its_kinds(void **state)
{
    (void)state;
    static const struct {
        enum key_role role;
        bool may[RECORD_KIND_COUNT];
    } roles[] = {
        {KEY_ROLE_SENSOR,
         {[RECORD_FLOW] = true, [RECORD_BINDING] = true, [RECORD_LOSS] = true, [RECORD_STATUS] = true}},
        {KEY_ROLE_COLLECTOR,
         {[RECORD_FLOW] = true, [RECORD_BINDING] = true, [RECORD_LOSS] = true, [RECORD_STATUS] = true}},
        {KEY_ROLE_WITNESS, {[RECORD_BINDING] = true, [RECORD_LOSS] = true, [RECORD_STATUS] = true}},
        {KEY_ROLE_DETECTOR, {[RECORD_ALERT] = true, [RECORD_LOSS] = true, [RECORD_STATUS] = true}},
        {KEY_ROLE_READER, {false}},
        {KEY_ROLE_GATEWAY, {false}},
        {KEY_ROLE_RELAY, {false}},
        {KEY_ROLE_AGGREGATOR, {false}},
    };
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
            struct batch *batch = of("inner", (enum record_kind_number)kind);
            if (roles[i].may[kind])
                assert_taken(roles[i].role, batch);
            else
                assert_refused(roles[i].role, batch, RECEIVE_ROLE, record_kinds[kind]->name);
        }
    }
    /* One kind too many refuses the whole. */
    assert_refused(KEY_ROLE_WITNESS, with(of("inner", RECORD_LOSS), RECORD_FLOW), RECEIVE_ROLE, "flow");
}

static void test_what_is_taken_is_what_was_said(void **state)
{
    (void)state;
    struct batch *said = of("inner", RECORD_FLOW), *batch = NULL;
    with(with(said, RECORD_LOSS), RECORD_STATUS);
    struct status_interface interface = {.interface_name = "eth0", .interface_offered = 10};
    struct status_dropped dropped = {.dropped_reason = "filtered", .dropped_packets = 4};
    assert_int_equal(records_add_item(said->records[RECORD_STATUS], STATUS_INTERFACES, &interface), RESULT_OK);
    assert_int_equal(records_add_item(said->records[RECORD_STATUS], STATUS_DROPPED, &dropped), RESULT_OK);
    assert_int_equal(told(KEY_ROLE_SENSOR, &said, &batch), RESULT_OK);
    assert_string_equal(batch->observer.sensor, "inner");
    assert_int_equal(batch->observer.epoch, EPOCH);
    assert_int_equal(batch->sequence, 1);
    assert_int_equal(batch_rows(batch, RECORD_FLOW), 1);
    assert_int_equal(flow_batch_of(batch->records[RECORD_FLOW])->src_bytes[0], 501);
    assert_int_equal(batch_rows(batch, RECORD_LOSS), 1);
    const struct status_columns *status = status_columns(batch->records[RECORD_STATUS]);
    assert_string_equal(status->software[0], "pavo-sensor 1");
    assert_string_equal(status->interface_name[0], "eth0");
    assert_int_equal(status->dropped_packets[0], 4);
    assert_null(batch->records[RECORD_ALERT]);
    batch_destroy(&batch);
    /* A batch of nothing is a name that is taken. */
    assert_taken(KEY_ROLE_SENSOR, test_batch("inner", 2, TEST_NOW));
}

/* The records' observer is another than who speaks. */
static struct batch *on_behalf(const char *speaker, const char *sensor, uint64_t epoch, enum record_kind_number kind)
{
    struct batch *batch = of(speaker, kind);
    batch->records[kind]->observers[0] = test_observer(sensor, epoch);
    return batch;
}

static void test_nobody_speaks_for_others(void **state)
{
    (void)state;
    static const enum record_kind_number kinds[] = {RECORD_FLOW, RECORD_BINDING, RECORD_LOSS, RECORD_STATUS};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_refused(KEY_ROLE_SENSOR, on_behalf("inner", "outer", EPOCH, kinds[i]), RECEIVE_OBSERVER, "outer");
        assert_refused(KEY_ROLE_SENSOR, on_behalf("inner", "inner", EPOCH + 1, kinds[i]), RECEIVE_OBSERVER, "inner");
        assert_refused(KEY_ROLE_SENSOR, on_behalf("inner", "inner/r1", EPOCH, kinds[i]), RECEIVE_OBSERVER, "inner/r1");
        assert_refused(KEY_ROLE_COLLECTOR, on_behalf("inner", "outer", EPOCH, kinds[i]), RECEIVE_OBSERVER, "outer");
    }
    assert_refused(KEY_ROLE_WITNESS, on_behalf("w", "w/nat", EPOCH, RECORD_BINDING), RECEIVE_OBSERVER, "w/nat");
    assert_refused(KEY_ROLE_DETECTOR, on_behalf("d", "e", EPOCH, RECORD_ALERT), RECEIVE_OBSERVER, "e");
    /* Also not in a place of the list that no row uses: the correlator would take it for heard. */
    struct batch *batch = of("inner", RECORD_FLOW);
    struct observer other = test_observer("outer", EPOCH);
    uint16_t index;
    assert_int_equal(records_observer(batch->records[RECORD_FLOW], &other, &index), RESULT_OK);
    assert_refused(KEY_ROLE_SENSOR, batch, RECEIVE_OBSERVER, "outer");
}

static void test_a_collector_speaks_for_its_exporters(void **state)
{
    (void)state;
    struct batch *batch = NULL, *said = on_behalf("flows", "flows/core-1", EPOCH, RECORD_FLOW);
    said->records[RECORD_FLOW]->observers[0].unknown[0] = 1ull << 58; /* src_ttl */
    assert_int_equal(told(KEY_ROLE_COLLECTOR, &said, &batch), RESULT_OK);
    assert_string_equal(batch->records[RECORD_FLOW]->observers[0].sensor, "flows/core-1");
    assert_int_equal(batch->records[RECORD_FLOW]->observers[0].unknown[0], 1ull << 58);
    batch_destroy(&batch);
    assert_taken(KEY_ROLE_COLLECTOR, on_behalf("flows", "flows/core-1", EPOCH, RECORD_LOSS));
    assert_taken(KEY_ROLE_COLLECTOR, on_behalf("flows", "flows/core-1", EPOCH, RECORD_BINDING));
    /* Of its own life alone, of nobody whose name merely begins like its own, and no status: that is its own. */
    assert_refused(KEY_ROLE_COLLECTOR, on_behalf("flows", "flows/core-1", EPOCH - 1, RECORD_FLOW), RECEIVE_OBSERVER,
                   "flows/core-1");
    assert_refused(KEY_ROLE_COLLECTOR, on_behalf("flows", "flows2/core-1", EPOCH, RECORD_FLOW), RECEIVE_OBSERVER,
                   "flows2/core-1");
    assert_refused(KEY_ROLE_COLLECTOR, on_behalf("flows", "flow/s", EPOCH, RECORD_FLOW), RECEIVE_OBSERVER, "flow/s");
    assert_refused(KEY_ROLE_COLLECTOR, on_behalf("flows", "flows/core-1", EPOCH, RECORD_STATUS), RECEIVE_OBSERVER,
                   "flows/core-1");
    assert_refused(KEY_ROLE_COLLECTOR, on_behalf("flows", "flows/a/b", EPOCH, RECORD_FLOW), RECEIVE_COLUMNS,
                   "no valid sensor name");
}

/* An alert is the detector's own; the flows it rests on are anybody's. */
static void test_alerts_name_flows_of_others(void **state)
{
    (void)state;
    struct batch *said = of("d", RECORD_ALERT), *batch = NULL;
    struct observer inner = test_observer("inner", 3);
    struct alert_flow flow = {.flow_number = 42};
    assert_int_equal(records_observer(said->records[RECORD_ALERT], &inner, &flow.flow_observer), RESULT_OK);
    assert_int_equal(records_add_item(said->records[RECORD_ALERT], ALERT_FLOWS, &flow), RESULT_OK);
    assert_int_equal(told(KEY_ROLE_DETECTOR, &said, &batch), RESULT_OK);
    assert_int_equal(alert_columns(batch->records[RECORD_ALERT])->flow_number[0], 42);
    batch_destroy(&batch);
    /* But the alert itself is not. */
    said = of("d", RECORD_ALERT);
    assert_int_equal(records_observer(said->records[RECORD_ALERT], &inner, &flow.flow_observer), RESULT_OK);
    alert_columns(said->records[RECORD_ALERT])->observer[0] = flow.flow_observer;
    assert_refused(KEY_ROLE_DETECTOR, said, RECEIVE_OBSERVER, "inner");
}

/* Every time of every kind. */
static void test_times_have_bounds(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        if (kind == RECORD_VERDICT)
            continue;
        for (unsigned f = 0; f < record_kinds[kind]->stored_count; f++) {
            if (record_kinds[kind]->fields[f].type != FIELD_TIME)
                continue;
            static const int64_t bad[] = {RECEIVE_TIME_MAX + 1, -RECEIVE_TIME_MAX - 1, INT64_MAX, INT64_MIN};
            enum key_role role = kind == RECORD_ALERT ? KEY_ROLE_DETECTOR : KEY_ROLE_SENSOR;
            for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct batch *batch = of("x", (enum record_kind_number)kind);
                ((int64_t *)records_column(batch->records[kind], f))[0] = bad[i];
                assert_refused(role, batch, RECEIVE_TIMES, record_kinds[kind]->fields[f].label);
            }
            for (int sign = -1; sign <= 1; sign += 2) {
                struct batch *batch = of("x", (enum record_kind_number)kind);
                ((int64_t *)records_column(batch->records[kind], f))[0] = sign * RECEIVE_TIME_MAX;
                assert_taken(role, batch);
            }
        }
    }
}

static void test_the_name_inside_is_the_name_outside(void **state)
{
    (void)state;
    struct batch *batch = of("inner", RECORD_FLOW), *made = NULL;
    struct packed packed = packed_of(batch);
    struct observer other = test_observer("outer", EPOCH), later = test_observer("inner", EPOCH + 1);
    assert_int_equal(
        receive_decode(packed.bytes, packed.length, KEY_ROLE_SENSOR, &batch->observer, 2, &made, &reason, &err),
        RESULT_REJECT);
    assert_int_equal(reason, RECEIVE_INNER_NAME);
    assert_int_equal(receive_decode(packed.bytes, packed.length, KEY_ROLE_SENSOR, &other, 1, &made, &reason, &err),
                     RESULT_REJECT);
    assert_int_equal(reason, RECEIVE_INNER_NAME);
    assert_int_equal(receive_decode(packed.bytes, packed.length, KEY_ROLE_SENSOR, &later, 1, &made, &reason, &err),
                     RESULT_REJECT);
    assert_int_equal(reason, RECEIVE_INNER_NAME);
    /* Bytes that are no message. */
    assert_int_equal(
        receive_decode((const uint8_t *)"\xff\xff\xff", 3, KEY_ROLE_SENSOR, &batch->observer, 1, &made, &reason, &err),
        RESULT_REJECT);
    assert_int_equal(reason, RECEIVE_CONTENT);
    assert_null(made);
    free(packed.bytes);
    batch_destroy(&batch);
}

/* One batch with a text that is not UTF-8 is refused, the column named; the batches around it are taken, and so is the
 * same batch once its text is right. */
static void test_bad_utf8_costs_one_batch(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "caf\xe9",       /* Latin-1 */
        "\xc0\xaf",      /* overlong */
        "\xed\xa0\x80",  /* a surrogate */
        "half \xe2\x82", /* cut off */
        "bell \x07",     /* a control character */
        "\xe2\x80\xae"
        "x", /* right to left override */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_taken(KEY_ROLE_SENSOR, of("inner", RECORD_FLOW));
        struct loss loss = {.loss = LOSS_PACKETS_KERNEL, .from_time = TEST_NOW, .to_time = TEST_NOW};
        loss.reason = bad[i];
        struct batch *batch = of("inner", RECORD_FLOW);
        assert_int_equal(records_append(test_records(batch, RECORD_LOSS), &loss), RESULT_OK);
        assert_refused(KEY_ROLE_SENSOR, batch, RECEIVE_COLUMNS, "column reason");
        assert_true(text_is_clean(err.text, strlen(err.text))); /* what it said is not repeated */
        loss.reason = "caf\xc3\xa9";
        batch = of("inner", RECORD_FLOW);
        assert_int_equal(records_append(test_records(batch, RECORD_LOSS), &loss), RESULT_OK);
        assert_taken(KEY_ROLE_SENSOR, batch);
    }
}

/* Columns that do not fit together are refused with what is wrong. */
/* Invariant 9 at the door, of every text that a row has: each byte, and each character that commands or turns, is
 * refused. */
static void test_no_foreign_text_commands_a_terminal(void **state)
{
    (void)state;
    static const char *const bad[] = {"\xc2\x9b",         "\xd8\x9c",     "\xe2\x80\x8f",
                                      "\xe2\x80\xae",     "\xe2\x81\xa6", "\xef\xbb\xbf",
                                      "\xf3\xa0\x80\x81", "\xe2\x80\xa8", "\xed\xa0\x80"};
    unsigned texts = 0, refused = 0;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        const struct record_kind *table = record_kinds[kind];
        if (kind == RECORD_VERDICT || kind == RECORD_FLOW)
            continue; /* nobody says verdicts; flows have no texts */
        for (unsigned f = 0; f < table->stored_count; f++) {
            if (table->fields[f].type != FIELD_TEXT || table->fields[f].list != 0)
                continue;
            texts++;
            for (unsigned i = 1; i < 256 + sizeof(bad) / sizeof(bad[0]); i++) {
                struct batch *batch = of("inner", (enum record_kind_number)kind);
                char text[8] = {'a', (char)i, 'b'};
                if (i >= 256)
                    strcpy(text, bad[i - 256]);
                ((char **)records_column(batch->records[kind], f))[0] =
                    records_text(batch->records[kind], text, strlen(text));
                enum result r = told(kind == RECORD_ALERT ? KEY_ROLE_DETECTOR : KEY_ROLE_SENSOR, &batch, NULL);
                assert_int_equal(r == RESULT_OK, text_is_clean(text, strlen(text)));
                refused += r != RESULT_OK;
            }
        }
    }
    assert_true(texts > 3);
    assert_int_equal(refused, texts * (31 + 1 + 128 + sizeof(bad) / sizeof(bad[0])));
}

static void test_columns_must_agree(void **state)
{
    (void)state;
    struct batch *batch = of("inner", RECORD_FLOW);
    flow_batch_of(batch->records[RECORD_FLOW])->observer[0] = 5;
    assert_refused(KEY_ROLE_SENSOR, batch, RECEIVE_COLUMNS, "row 0 names observer 5 of 1");
    batch = of("inner", RECORD_FLOW);
    flow_batch_of(batch->records[RECORD_FLOW])->src_port[0] = 65536;
    assert_refused(KEY_ROLE_SENSOR, batch, RECEIVE_COLUMNS, "src_port");
}

/* What a newer contract added comes through: unknown columns stay with the records. */
static void test_unknown_columns_stay(void **state)
{
    (void)state;
    struct batch *said = of("inner", RECORD_LOSS), *batch = NULL;
    struct records *losses = said->records[RECORD_LOSS];
    losses->unknown.fields = calloc(1, sizeof(*losses->unknown.fields));
    losses->unknown.fields[0] = (ProtobufCMessageUnknownField){
        .tag = 99, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = malloc(1)};
    losses->unknown.fields[0].data[0] = 42;
    losses->unknown.count = 1;
    assert_int_equal(told(KEY_ROLE_SENSOR, &said, &batch), RESULT_OK);
    assert_int_equal(batch->records[RECORD_LOSS]->unknown.count, 1);
    assert_int_equal(batch->records[RECORD_LOSS]->unknown.fields[0].tag, 99);
    assert_int_equal(batch->records[RECORD_LOSS]->unknown.fields[0].data[0], 42);
    batch_destroy(&batch);
}

/* ---- the door */

#define PATIENCE_MS 20000

static void *context;
static struct keys aggregator;
static struct authenticator *authenticator;
static struct store *store;
static struct queue *intake, *receipts;
static struct receiver *receiver;

struct talker {
    struct keys keys;
    void *socket;
};
static struct talker inner, detector;

static void talker_open(struct talker *talker, enum key_role role, const char *name)
{
    assert_ok(keys_make(&aggregator, role, name, &talker->keys, &err), err);
    assert_ok(enrolled_add(test_directory, &talker->keys, &err), err);
}

static int door_setup(void **state)
{
    struct enrolled *enrolled;
    char data[128];
    if (directory_setup(state) != 0)
        return 1;
    assert_ok(keys_make_aggregator(&aggregator, &err), err);
    talker_open(&inner, KEY_ROLE_SENSOR, "inner");
    talker_open(&detector, KEY_ROLE_DETECTOR, "detector");
    assert_ok(enrolled_read(test_directory, &enrolled, &err), err);
    context = zmq_ctx_new();
    snprintf(data, sizeof(data), "%s/data", test_directory);
    const struct store_options options = {.directory = data};
    assert_ok(store_open(&options, &store, &err), err);
    assert_ok(queue_new(RECEIVE_QUEUE_BYTES, &intake, &err), err);
    assert_ok(queue_new(UINT64_MAX, &receipts, &err), err);
    assert_ok(authenticator_start(context, &enrolled, NULL, NULL, &authenticator, &err), err);
    const struct receiver_options door = {.zmq_context = context,
                                          .endpoint = "127.0.0.1:*",
                                          .keys = &aggregator,
                                          .authenticator = authenticator,
                                          .store = store,
                                          .credit = 64,
                                          .intake = intake,
                                          .receipts = receipts};
    assert_ok(receiver_start(&door, &receiver, &err), err);
    struct talker *talkers[] = {&inner, &detector};
    for (int i = 0; i < 2; i++)
        assert_ok(bus_connect(context, ZMQ_DEALER, receiver_endpoint(receiver), 0, &talkers[i]->keys, 100,
                              &talkers[i]->socket, NULL, &err),
                  err);
    return 0;
}

static int door_teardown(void **state)
{
    struct batch *batch;
    receiver_stop(&receiver);
    zmq_close(inner.socket);
    zmq_close(detector.socket);
    authenticator_stop(&authenticator);
    zmq_ctx_term(context);
    while ((batch = queue_pop(intake)) != NULL)
        batch_destroy(&batch);
    queue_destroy(&intake);
    queue_destroy(&receipts);
    store_close(&store);
    return directory_teardown(state);
}

static void say(const struct talker *talker, Pavo__FromSensor *frame)
{
    uint8_t *packed = malloc(pavo__from_sensor__get_packed_size(frame) + 1);
    size_t length = pavo__from_sensor__pack(frame, packed);
    assert_int_equal(bus_send(talker->socket, packed, length, false), RESULT_OK);
    free(packed);
}

/* Sends the batch sealed, with a predecessor's digest and a signature of so many bytes; it is freed. */
static void say_batch(const struct talker *talker, struct batch *batch, size_t previous, size_t signature)
{
    static uint8_t zeros[100];
    struct packed packed = packed_of(batch);
    struct bytes sealed;
    Pavo__SealedBatch body = PAVO__SEALED_BATCH__INIT;
    Pavo__FromSensor frame = PAVO__FROM_SENSOR__INIT;
    assert_ok(seal(packed.bytes, packed.length, aggregator.seal_public, &sealed, &err), err);
    body.sensor = batch->observer.sensor;
    body.epoch = batch->observer.epoch;
    body.sequence = batch->sequence;
    body.size = (uint32_t)packed.length;
    body.sealed = (ProtobufCBinaryData){.data = sealed.data, .len = sealed.length};
    body.previous = (ProtobufCBinaryData){.data = zeros, .len = previous};
    body.signature = (ProtobufCBinaryData){.data = zeros, .len = signature};
    frame.version = 1;
    frame.body_case = PAVO__FROM_SENSOR__BODY_BATCH;
    frame.batch = &body;
    say(talker, &frame);
    bytes_free(&sealed);
    free(packed.bytes);
    batch_destroy(&batch);
}

/* The next frame to the talker; the caller frees. */
static Pavo__ToSensor *hear(const struct talker *talker)
{
    zmq_pollitem_t item = {.socket = talker->socket, .events = ZMQ_POLLIN};
    zmq_msg_t frame;
    assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
    zmq_msg_init(&frame);
    assert_true(zmq_msg_recv(&frame, talker->socket, 0) > 0);
    Pavo__ToSensor *heard = pavo__to_sensor__unpack(NULL, zmq_msg_size(&frame), zmq_msg_data(&frame));
    zmq_msg_close(&frame);
    assert_non_null(heard);
    return heard;
}

static void assert_rejected(const struct talker *talker, uint64_t sequence, const char *wanted)
{
    Pavo__ToSensor *heard = hear(talker);
    assert_int_equal(heard->body_case, PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT);
    const Pavo__Acknowledgement *ack = heard->acknowledgement;
    assert_string_equal(ack->sensor, talker->keys.name);
    assert_int_equal(ack->n_sequences, 0);
    assert_int_equal(ack->n_rejected, 1);
    assert_int_equal(ack->rejected[0]->sequence, sequence);
    if (strstr(ack->rejected[0]->reason, wanted) == NULL)
        fail_msg("%s", ack->rejected[0]->reason);
    pavo__to_sensor__free_unpacked(heard, NULL);
}

static struct batch *next_batch(void)
{
    int64_t until = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    struct batch *batch;
    while ((batch = queue_pop(intake)) == NULL && clock_monotonic_ns() < until)
        queue_wait(intake, 50 * NS_PER_MS);
    assert_non_null(batch);
    return batch;
}

/* The committer's part: the batch is in the store. */
static void commit(struct batch *batch)
{
    struct receipt *receipt = malloc(sizeof(*receipt));
    *receipt = (struct receipt){batch->observer, batch->sequence, batch->route};
    assert_ok(store_commit(store, &batch, 1, &err), err);
    batch_destroy(&batch);
    assert_int_equal(queue_push(receipts, receipt, 1), RESULT_OK);
}

static void assert_acknowledged(const struct talker *talker, uint64_t sequence)
{
    Pavo__ToSensor *heard = hear(talker);
    assert_int_equal(heard->body_case, PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT);
    assert_string_equal(heard->acknowledgement->sensor, talker->keys.name);
    assert_int_equal(heard->acknowledgement->epoch, EPOCH);
    assert_int_equal(heard->acknowledgement->n_sequences, 1);
    assert_int_equal(heard->acknowledgement->sequences[0], sequence);
    assert_true(heard->acknowledgement->credit > 0);
    pavo__to_sensor__free_unpacked(heard, NULL);
}

static struct receiver_sensor report_of(const char *name)
{
    struct receiver_report report;
    struct receiver_sensor found = {0};
    assert_ok(receiver_report(receiver, &report, &err), err);
    for (size_t i = 0; i < report.count; i++) {
        if (strcmp(report.sensors[i].name, name) == 0)
            found = report.sensors[i];
    }
    free(report.sensors);
    assert_string_equal(found.name, name);
    return found;
}

static void test_door_welcomes_takes_and_acknowledges(void **state)
{
    (void)state;
    Pavo__Hello hello = PAVO__HELLO__INIT;
    Pavo__FromSensor frame = PAVO__FROM_SENSOR__INIT;
    hello.sensor = "inner";
    hello.epoch = EPOCH;
    hello.sent_ns = -5;
    frame.version = 1;
    frame.body_case = PAVO__FROM_SENSOR__BODY_HELLO;
    frame.hello = &hello;
    say(&inner, &frame);
    Pavo__ToSensor *heard = hear(&inner);
    assert_int_equal(heard->body_case, PAVO__TO_SENSOR__BODY_WELCOME);
    assert_int_equal(heard->welcome->hello_sent_ns, -5);
    assert_int_equal(heard->welcome->credit, 64);
    pavo__to_sensor__free_unpacked(heard, NULL);

    say_batch(&inner, of("inner", RECORD_FLOW), 0, 0);
    struct batch *batch = next_batch();
    assert_string_equal(batch->observer.sensor, "inner");
    assert_int_equal(batch_rows(batch, RECORD_FLOW), 1);
    assert_true(batch->route.length > 0);
    commit(batch);
    assert_acknowledged(&inner, 1);
    /* Said again: acknowledged at once, and not taken again. */
    say_batch(&inner, of("inner", RECORD_FLOW), 0, 0);
    assert_acknowledged(&inner, 1);
    assert_null(queue_pop(intake));
    assert_int_equal(report_of("inner").duplicates, 1);
    assert_int_equal(report_of("inner").role, KEY_ROLE_SENSOR);
    assert_true(report_of("inner").connected);
}

/* The sealing key is changed under traffic: what is sealed to the one before is taken while that is kept. */
static void test_door_takes_two_sealing_keys(void **state)
{
    (void)state;
    struct keys next;
    assert_ok(keys_rotate(&aggregator, &next, &err), err);
    receiver_unseal_with(receiver, &next, &aggregator);
    say_batch(&inner, of("inner", RECORD_FLOW), 0, 0);
    commit(next_batch());
    assert_acknowledged(&inner, 1);
    struct keys old = aggregator;
    aggregator = next; /* what say_batch seals to */
    struct batch *batch = of("inner", RECORD_FLOW);
    batch->sequence = 2;
    say_batch(&inner, batch, 0, 0);
    commit(next_batch());
    assert_acknowledged(&inner, 2);
    receiver_unseal_with(receiver, &next, NULL);
    aggregator = old;
    batch = of("inner", RECORD_FLOW);
    batch->sequence = 3;
    say_batch(&inner, batch, 0, 0);
    assert_rejected(&inner, 3, "unsealing failed");
}

/* Security report, finding 12: 20,000 Hellos with growing epochs were 20,002 lines. */
static void test_door_growing_epochs_are_few_lines(void **state)
{
    (void)state;
    char text[65536];
    int saved = dup(STDERR_FILENO), file = open(test_directory, O_TMPFILE | O_RDWR, 0600);
    assert_true(file >= 0);
    dup2(file, STDERR_FILENO);
    for (uint64_t epoch = EPOCH; epoch < EPOCH + 200; epoch++) {
        Pavo__Hello hello = PAVO__HELLO__INIT;
        Pavo__FromSensor frame = PAVO__FROM_SENSOR__INIT;
        hello.sensor = "inner";
        hello.epoch = epoch;
        frame.version = 1;
        frame.body_case = PAVO__FROM_SENSOR__BODY_HELLO;
        frame.hello = &hello;
        say(&inner, &frame);
        pavo__to_sensor__free_unpacked(hear(&inner), NULL);
    }
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t length = pread(file, text, sizeof(text) - 1, 0);
    close(file);
    assert_true(length > 0);
    text[length] = '\0';
    char *line = strstr(text, "sensor inner is here (epoch 7)");
    assert_non_null(line);
    assert_null(strstr(strchr(line, '\n'), "is here"));
    assert_int_equal(report_of("inner").epoch, EPOCH + 199);
}

/* The room for an evidence chain is measured, and nothing but its lengths. */
static void test_door_measures_what_it_carries(void **state)
{
    (void)state;
    static const struct {
        size_t previous, signature;
        bool good;
    } cases[] = {{32, 64, true},  {32, 0, true},   {0, 64, true}, {31, 0, false},
                 {33, 64, false}, {32, 63, false}, {0, 65, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct batch *batch = of("inner", RECORD_FLOW);
        batch->sequence = i + 1;
        say_batch(&inner, batch, cases[i].previous, cases[i].signature);
        if (cases[i].good) {
            batch = next_batch();
            assert_int_equal(batch->sequence, i + 1);
            batch_destroy(&batch);
        } else {
            assert_rejected(&inner, i + 1, "digest or signature of another length");
        }
    }
    assert_int_equal(report_of("inner").rejected[RECEIVE_CHAIN], 4);
}

static void test_door_bounds_epochs_and_sequences(void **state)
{
    (void)state;
    static const struct {
        uint64_t epoch, sequence;
    } bad[] = {{0, 1}, {EPOCH_MAX + 1, 1}, {UINT64_MAX, 1}, {EPOCH, 0}, {EPOCH, RECEIVE_SEQUENCE_MAX + 1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct batch *batch = of("inner", RECORD_FLOW);
        batch->observer.epoch = bad[i].epoch;
        batch->sequence = bad[i].sequence;
        say_batch(&inner, batch, 0, 0);
        assert_rejected(&inner, bad[i].sequence, "epoch or sequence out of bounds");
    }
    struct batch *batch = test_batch("inner", RECEIVE_SEQUENCE_MAX, TEST_NOW);
    batch->observer.epoch = EPOCH_MAX;
    say_batch(&inner, batch, 0, 0);
    batch = next_batch();
    assert_int_equal(batch->observer.epoch, EPOCH_MAX);
    batch_destroy(&batch);
    assert_int_equal(report_of("inner").epoch, EPOCH_MAX); /* none of those beyond it */
}

/* One bad batch among good ones: it is named and counted, they arrive. And a role is held to its kinds. */
static void test_door_refuses_one_and_loses_nothing_else(void **state)
{
    (void)state;
    struct batch *good = of("inner", RECORD_FLOW), *bad = of("inner", RECORD_LOSS), *after = of("inner", RECORD_LOSS);
    bad->sequence = 2;
    after->sequence = 3;
    struct loss loss = {.loss = LOSS_PACKETS_KERNEL, .interface = "eth\xff"};
    assert_int_equal(records_append(&bad->records[RECORD_LOSS], &loss), RESULT_OK);
    say_batch(&inner, good, 0, 0);
    say_batch(&inner, bad, 0, 0);
    say_batch(&inner, after, 0, 0);
    assert_rejected(&inner, 2, "column interface holds a text that is not UTF-8");
    for (uint64_t sequence = 1; sequence <= 3; sequence += 2) {
        struct batch *batch = next_batch();
        assert_int_equal(batch->sequence, sequence);
        commit(batch);
        assert_acknowledged(&inner, sequence);
    }
    assert_int_equal(report_of("inner").rejected[RECEIVE_COLUMNS], 1);
    say_batch(&detector, of("detector", RECORD_FLOW), 0, 0);
    assert_rejected(&detector, 1, "not for this role: flow");
    say_batch(&detector, of("detector", RECORD_ALERT), 0, 0);
    struct batch *batch = next_batch();
    assert_int_equal(batch_rows(batch, RECORD_ALERT), 1);
    batch_destroy(&batch);
    assert_int_equal(report_of("detector").role, KEY_ROLE_DETECTOR);
}

/* A frozen clock or a restored snapshot makes the same names for other batches: their sensor must not believe that
 * those are stored. */
static void test_door_refuses_other_contents_under_a_committed_name(void **state)
{
    (void)state;
    say_batch(&inner, of("inner", RECORD_FLOW), 0, 0);
    commit(next_batch());
    assert_acknowledged(&inner, 1);
    say_batch(&inner, of("inner", RECORD_FLOW), 0, 0);
    assert_acknowledged(&inner, 1); /* the same again */
    say_batch(&inner, of("inner", RECORD_STATUS), 0, 0);
    assert_rejected(&inner, 1, "other contents under a name that is committed");
    assert_int_equal(report_of("inner").rejected[RECEIVE_CONTENTS], 1);
    assert_int_equal(report_of("inner").duplicates, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_role_says_its_kinds),
        cmocka_unit_test(test_what_is_taken_is_what_was_said),
        cmocka_unit_test(test_nobody_speaks_for_others),
        cmocka_unit_test(test_a_collector_speaks_for_its_exporters),
        cmocka_unit_test(test_alerts_name_flows_of_others),
        cmocka_unit_test(test_times_have_bounds),
        cmocka_unit_test(test_the_name_inside_is_the_name_outside),
        cmocka_unit_test(test_bad_utf8_costs_one_batch),
        cmocka_unit_test(test_no_foreign_text_commands_a_terminal),
        cmocka_unit_test(test_columns_must_agree),
        cmocka_unit_test(test_unknown_columns_stay),
        cmocka_unit_test_setup_teardown(test_door_welcomes_takes_and_acknowledges, door_setup, door_teardown),
        cmocka_unit_test_setup_teardown(test_door_growing_epochs_are_few_lines, door_setup, door_teardown),
        cmocka_unit_test_setup_teardown(test_door_takes_two_sealing_keys, door_setup, door_teardown),
        cmocka_unit_test_setup_teardown(test_door_measures_what_it_carries, door_setup, door_teardown),
        cmocka_unit_test_setup_teardown(test_door_bounds_epochs_and_sequences, door_setup, door_teardown),
        cmocka_unit_test_setup_teardown(test_door_refuses_other_contents_under_a_committed_name, door_setup,
                                        door_teardown),
        cmocka_unit_test_setup_teardown(test_door_refuses_one_and_loses_nothing_else, door_setup, door_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
