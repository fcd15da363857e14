/* SPDX-License-Identifier: Apache-2.0 */
/* A whole aggregator behind its three real doors, for tests that stand before them: sensors that say what they like,
 * subscribers, and askers with their answers taken apart. */
#ifndef PAVO_TESTS_AGGREGATOR_STAGE_H
#define PAVO_TESTS_AGGREGATOR_STAGE_H

#include "tests/unit/aggregator/support.h"

#include <sys/stat.h>
#include <zmq.h>

#include "aggregator/aggregator.h"
#include "aggregator/store/store.h"
#include "common/bus.h"
#include "common/keys.h"
#include "common/records/page.h"
#include "common/records/wire.h"
#include "common/seal.h"
#include "pavo.pb-c.h"

#define WAIT_MS 60000 /* generous; a condition, not a time, ends each wait */

static struct error err;
static struct keys aggregator_keys, inner_keys, outer_keys, reader_keys;
static struct config config;
static struct aggregator *aggregator;
static void *context;
static void *sockets[32]; /* open; a failed test leaves some */
enum { SEQUENCES = 1000 };
static enum { NOT_HEARD, COMMITTED, REJECTED } outcomes[SEQUENCES];

/* ---- the stage */

static inline void enrol(enum key_role role, const char *name, struct keys *ret_keys)
{
    assert_ok(keys_make(&aggregator_keys, role, name, ret_keys, &err), err);
    assert_ok(enrolled_add(config.keys, ret_keys, &err), err);
}

static inline void reload(void)
{
    assert_ok(aggregator_reload_keys(aggregator, &err), err);
    assert_ok(aggregator_configure(aggregator, &config, &err), err);
}

static inline void revoke_key(enum key_role role, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/enrolled/%s/%s.pub", config.keys, key_role_name(role), name);
    assert_int_equal(unlink(path), 0);
    reload();
}

static inline void start(void)
{
    assert_ok(aggregator_start(&config, &aggregator, &err), err);
}

static inline int stage_setup(void **state)
{
    char path[128];
    char window[] = "border inside=inner outside=outer window=5s";
    if (directory_setup(state) != 0)
        return 1;
    char *arguments[] = {"pavo-aggregator", "--intake",    "127.0.0.1:*", "--publish", "127.0.0.1:*",
                         "--answer",        "127.0.0.1:*", "--boundary",  window,      NULL};
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
    memset(outcomes, 0, sizeof(outcomes));
    context = zmq_ctx_new();
    start();
    return 0;
}

static inline void *connect_queue(int type, const char *endpoint, const struct keys *keys, int queue)
{
    void **place = sockets;
    while (*place != NULL)
        place++;
    assert_true(place < sockets + sizeof(sockets) / sizeof(sockets[0]) - 1);
    assert_ok(bus_connect(context, type, endpoint, 0, keys, queue, place, NULL, &err), err);
    return *place;
}

static inline void *connect_to(int type, const char *endpoint, const struct keys *keys)
{
    return connect_queue(type, endpoint, keys, 1000);
}

static inline void close_socket(void *socket)
{
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
        if (sockets[i] == socket)
            sockets[i] = NULL;
    }
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_close(socket);
}

static inline void send_bytes(void *socket, const void *bytes, size_t length)
{
    assert_int_equal(zmq_send(socket, bytes, length, 0), length);
}

/* The next frame within WAIT_MS, or false. */
static inline bool receive_frame(void *socket, zmq_msg_t *message, int wait_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, wait_ms) != 1)
        return false;
    zmq_msg_init(message);
    assert_true(zmq_msg_recv(message, socket, 0) >= 0);
    return true;
}

/* ---- a sensor */

static inline void *sensor_socket(const struct keys *keys)
{
    return connect_to(ZMQ_DEALER, aggregator_endpoints(aggregator).intake, keys);
}

static inline void say_hello(void *socket, const char *name, uint64_t epoch)
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

static inline void send_sealed(void *socket, const Pavo__Batch *batch, uint64_t sequence, enum fault fault)
{
    size_t length = pavo__batch__get_packed_size(batch);
    uint8_t *plain = malloc(length);
    pavo__batch__pack(batch, plain);
    if (fault == FAULT_CONTENT)
        memset(plain, 0xff, length);
    struct bytes sealed;
    assert_ok(seal(plain, length, aggregator_keys.seal_public, &sealed, &err), err);
    if (fault == FAULT_SEAL)
        sealed.data[sealed.length / 2] ^= 1;
    Pavo__SealedBatch outer = PAVO__SEALED_BATCH__INIT;
    outer.sensor = fault == FAULT_OUTER_NAME ? "outer" : batch->sensor;
    outer.epoch = batch->epoch;
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

/* Records of one kind as a batch. */
static inline void send_records(void *socket, const char *name, uint64_t epoch, uint64_t sequence,
                                const struct records *records, enum fault fault)
{
    struct wire_view view;
    Pavo__Batch batch = PAVO__BATCH__INIT;
    batch.sensor = (char *)name;
    batch.epoch = epoch;
    batch.sequence = sequence + (fault == FAULT_SEQUENCE_INSIDE);
    assert_ok(wire_view_init(&view, records, &err), err);
    *wire_member(&batch.base, records->kind) = view.message;
    if (fault == FAULT_COLUMNS)
        ((Pavo__FlowColumns *)view.message)->rows++;
    send_sealed(socket, &batch, sequence, fault);
    wire_view_fini(&view);
}

static inline void send_flows(void *socket, const char *name, uint64_t epoch, uint64_t sequence, uint32_t rows,
                              enum fault fault)
{
    struct observer observer = test_observer(fault == FAULT_OBSERVER ? "other" : name, epoch);
    static int64_t began_ns; /* the same batch again has the same contents */
    began_ns = began_ns == 0 ? clock_wall_ns() : began_ns;
    struct flow_batch *flows = test_flows(&observer, sequence * 1000, rows, began_ns);
    send_records(socket, name, epoch, sequence, flow_records(flows), fault);
    flow_batch_destroy(&flows);
}

static inline Pavo__ToSensor *next_to_sensor(void *socket)
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
static inline bool acknowledged(void *socket, uint64_t sequence, char ret_reason[static 128])
{
    while (outcomes[sequence] == NOT_HEARD) {
        Pavo__ToSensor *frame = next_to_sensor(socket);
        const Pavo__Acknowledgement *ack =
            frame->body_case == PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT ? frame->acknowledgement : NULL;
        for (size_t i = 0; ack != NULL && i < ack->n_sequences; i++) {
            assert_in_range(ack->sequences[i], 1, SEQUENCES - 1);
            outcomes[ack->sequences[i]] = COMMITTED;
        }
        for (size_t i = 0; ack != NULL && i < ack->n_rejected; i++) {
            assert_in_range(ack->rejected[i]->sequence, 1, SEQUENCES - 1);
            outcomes[ack->rejected[i]->sequence] = REJECTED;
            snprintf(ret_reason, 128, "%s", ack->rejected[i]->reason);
        }
        pavo__to_sensor__free_unpacked(frame, NULL);
    }
    bool committed = outcomes[sequence] == COMMITTED;
    outcomes[sequence] = NOT_HEARD;
    return committed;
}

/* The two views of one connection, with sequence numbers; the outer sensor's is behind 203.0.113.5:40312. */
static inline void send_pair(void *inner, void *outer, uint64_t sequence, int64_t at)
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
        send_records(side == 0 ? inner : outer, name, 5, sequence, flow_records(batch), FAULT_NONE);
        assert_true(acknowledged(side == 0 ? inner : outer, sequence, reason));
        flow_batch_destroy(&batch);
    }
}

/* ---- more than a client's buffers hold */

#define MANY_BATCHES 4u /* of RECORDS_ROWS_MAX flows */

/* Straight into the store, while the aggregator is away for a moment. */
static inline void store_many_flows(void)
{
    const struct store_options options = {.directory = config.data};
    struct observer inner = test_observer("inner", 7);
    struct store *store = NULL;
    aggregator_stop(&aggregator);
    assert_ok(store_open(&options, &store, &err), err);
    for (uint64_t sequence = 1; sequence <= MANY_BATCHES; sequence++) {
        struct batch *batch = test_batch("inner", sequence, TEST_NOW);
        struct flow_batch *flows = test_flows(&inner, sequence * RECORDS_ROWS_MAX, RECORDS_ROWS_MAX, TEST_NOW);
        batch->records[RECORD_FLOW] = records_copy(flow_records(flows), NULL, 0, RECORDS_ROWS_MAX);
        assert_non_null(batch->records[RECORD_FLOW]);
        flow_batch_destroy(&flows);
        assert_ok(store_commit(store, &batch, 1, &err), err);
        batch_destroy(&batch);
    }
    store_close(&store);
    start();
}

/* ---- an asker */

#define PAGES_MAX 1024u
struct answer {
    char error[512], parameter[64], command[4096];
    uint32_t offset;
    bool has_head;
    struct page_kind *kind; /* NULL: no columns */
    struct records *pages[PAGES_MAX];
    size_t page_count;
    uint64_t rows;
    Pavo__Reply *end; /* with the coverage or the error */
    uint64_t published;
    uint8_t last[8192]; /* of those, packed */
    size_t last_length;
};
static struct answer *answers[4096]; /* freed when the test ends */
static size_t answer_count;

static inline void answer_free(struct answer *a)
{
    for (size_t i = 0; i < a->page_count; i++)
        records_free(&a->pages[i]);
    page_kind_free(&a->kind);
    if (a->end != NULL)
        pavo__reply__free_unpacked(a->end, NULL);
    free(a);
}

static inline void take_reply(struct answer *a, const Pavo__Reply *reply)
{
    if (reply->head != NULL) {
        assert_false(a->has_head);
        a->has_head = true;
        snprintf(a->command, sizeof(a->command), "%s", reply->head->command);
        if (reply->head->n_columns > 0)
            assert_ok(page_kind_read(reply->head, &a->kind, &err), err);
    }
    if (reply->page != NULL) {
        assert_non_null(a->kind);
        assert_in_range(a->page_count, 0, PAGES_MAX - 1);
        assert_in_range(reply->page->rows, 1, 2048);
        assert_ok(page_read(a->kind, reply->page, &a->pages[a->page_count++], &err), err);
        a->rows += reply->page->rows;
    }
    if (reply->published != NULL) {
        a->published++;
        a->last_length = pavo__published__get_packed_size(reply->published);
        if (a->last_length <= sizeof(a->last))
            pavo__published__pack(reply->published, a->last);
    }
    snprintf(a->error, sizeof(a->error), "%s", reply->error);
    snprintf(a->parameter, sizeof(a->parameter), "%s", reply->parameter);
    a->offset = reply->offset;
}

static inline void send_query(void *socket, Pavo__Query *query)
{
    size_t length = pavo__query__get_packed_size(query);
    uint8_t *bytes = malloc(length + 1);
    pavo__query__pack(query, bytes);
    send_bytes(socket, bytes, length);
    free(bytes);
}

/* A connection that takes little before it is read. */
static inline void *asker_socket(const struct keys *keys)
{
    return connect_queue(ZMQ_DEALER, aggregator_endpoints(aggregator).answer, keys, 1);
}

static inline Pavo__Reply *next_reply(void *socket)
{
    zmq_msg_t message;
    if (!receive_frame(socket, &message, WAIT_MS))
        fail_msg("no reply");
    Pavo__Reply *reply = pavo__reply__unpack(NULL, zmq_msg_size(&message), zmq_msg_data(&message));
    zmq_msg_close(&message);
    assert_non_null(reply);
    return reply;
}

/* Takes what is left of an answer: how it ended, "" without an error. */
static inline void take_rest(void *socket, char ret_error[static 512])
{
    for (bool more = true; more;) {
        Pavo__Reply *reply = next_reply(socket);
        more = reply->more;
        snprintf(ret_error, 512, "%s", reply->error);
        pavo__reply__free_unpacked(reply, NULL);
    }
}

/* Sends the query with these keys and takes all replies. */
static inline struct answer *ask_query(const struct keys *keys, Pavo__Query *query)
{
    void *socket = connect_to(ZMQ_DEALER, aggregator_endpoints(aggregator).answer, keys);
    struct answer *a = calloc(1, sizeof(*a));
    assert_in_range(answer_count, 0, sizeof(answers) / sizeof(*answers) - 1);
    answers[answer_count++] = a;
    query->id = 77;
    send_query(socket, query);
    while (a->end == NULL) {
        Pavo__Reply *reply = next_reply(socket);
        assert_int_equal(reply->version, 1);
        assert_int_equal(reply->id, 77);
        take_reply(a, reply);
        if (!reply->more)
            a->end = reply;
        else
            pavo__reply__free_unpacked(reply, NULL);
    }
    assert_true(a->error[0] != '\0' ? a->end->coverage == NULL : a->end->coverage != NULL && a->has_head);
    close_socket(socket);
    return a;
}

/* A question with arguments: name, value, ..., NULL. `session`: its text, or NULL. */
static inline struct answer *ask_in(const struct keys *keys, const char *session, const char *question,
                                    const char *const pairs[])
{
    Pavo__Argument arguments[16], *pointers[16];
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.question = (char *)question;
    for (size_t i = 0; pairs[2 * i] != NULL; i++) {
        pavo__argument__init(&arguments[i]);
        arguments[i].name = (char *)pairs[2 * i];
        arguments[i].value = (char *)pairs[2 * i + 1];
        pointers[i] = &arguments[i];
        query.n_arguments = i + 1;
    }
    query.arguments = pointers;
    if (session != NULL)
        query.session = (ProtobufCBinaryData){.data = (uint8_t *)session, .len = strlen(session)};
    return ask_query(keys, &query);
}

#define ask(question, ...) ask_in(&reader_keys, NULL, question, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Counting rows over all pages. False: there is no such row. */
static inline bool locate(const struct answer *a, uint64_t row, const struct records **ret_page, uint32_t *ret_row)
{
    for (size_t i = 0; i < a->page_count; i++) {
        if (row < a->pages[i]->rows) {
            *ret_page = a->pages[i];
            *ret_row = (uint32_t)row;
            return true;
        }
        row -= a->pages[i]->rows;
    }
    return false;
}

static inline struct value value_of(const struct answer *a, uint64_t row, const char *column)
{
    static char scratch[FIELD_TEXT_MAX];
    const struct records *page = NULL;
    uint32_t at = 0;
    int field = a->kind == NULL ? -1 : kind_field(&a->kind->kind, column);
    if (field < 0 || !locate(a, row, &page, &at))
        fail_msg("no column %s or no row %llu in: %s %s", column, (unsigned long long)row, a->command, a->error);
    return records_value(page, at, (unsigned)field, scratch);
}

static inline uint64_t number_of(const struct answer *a, uint64_t row, const char *column)
{
    return value_of(a, row, column).number;
}

/* As programs read it; "" where it is not known. One of a few buffers in turn. */
static inline const char *text_of(const struct answer *a, uint64_t row, const char *column)
{
    static char texts[16][FIELD_TEXT_MAX];
    static unsigned turn;
    struct value value = value_of(a, row, column);
    const struct field *field = &a->kind->kind.fields[kind_field(&a->kind->kind, column)];
    return field_text(field, &value, STYLE_PLAIN, texts[turn++ % 16]);
}

/* The row in which a column is that text; -1: none. */
static inline int64_t row_where(const struct answer *a, const char *column, const char *text)
{
    for (uint64_t row = 0; row < a->rows; row++) {
        if (strcmp(text_of(a, row, column), text) == 0)
            return (int64_t)row;
    }
    return -1;
}

static inline uint64_t sum_of(const struct answer *a, const char *column)
{
    uint64_t sum = 0;
    for (uint64_t row = 0; row < a->rows; row++)
        sum += number_of(a, row, column);
    return sum;
}

/* The sum over all items of a list. */
static inline uint64_t items_sum(const struct answer *a, const char *column)
{
    uint64_t sum = 0;
    int field = kind_field(&a->kind->kind, column);
    assert_true(field >= 0);
    unsigned list = a->kind->kind.fields[field].list;
    assert_in_range(list, 1, 2);
    for (size_t i = 0; i < a->page_count; i++) {
        for (uint32_t item = 0; item < a->pages[i]->items[list - 1]; item++)
            sum += records_value(a->pages[i], item, (unsigned)field, (char[FIELD_TEXT_MAX]){""}).number;
    }
    return sum;
}

static inline uint64_t find_rows(const char *filter)
{
    return ask("find", "filter", filter)->rows;
}

static inline uint64_t linked_count(void)
{
    return sum_of(ask("boundaries"), "linked");
}

static inline uint64_t rejected_count(void)
{
    return items_sum(ask("sensors"), "rejected_batches");
}

/* Gaps of a kind in an answer's coverage. */
static inline size_t gap_count(const struct answer *a, Pavo__Gap__Kind kind)
{
    size_t count = 0;
    assert_non_null(a->end->coverage);
    for (size_t i = 0; i < a->end->coverage->n_gaps; i++)
        count += a->end->coverage->gaps[i]->kind == kind;
    return count;
}

static inline int stage_teardown(void **state)
{
    for (; answer_count > 0; answer_count--)
        answer_free(answers[answer_count - 1]);
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
        if (sockets[i] != NULL)
            close_socket(sockets[i]);
    }
    zmq_ctx_term(context);
    aggregator_stop(&aggregator);
    config_fini(&config);
    return directory_teardown(state);
}

#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

#endif
