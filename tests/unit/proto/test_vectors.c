/* SPDX-License-Identifier: Apache-2.0 */
/* The golden vectors through protobuf-c, and through the codec of records and answers; vectors.py does the same with
 * Google's protobuf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zmq.h>

#include "common/address.h"
#include "common/records/flow.h"
#include "common/records/json.h"
#include "common/records/page.h"
#include "common/records/verdict.h"
#include "common/records/wire.h"
#include "common/seal.h"

#define VECTOR_MAX 8192

static size_t vector_read(const char *name, uint8_t *bytes, size_t size)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/unit/proto/vectors/%s.bin", getenv("PAVO_SOURCE"), name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    size_t length = fread(bytes, 1, size, file);
    fclose(file);
    assert_true(length > 0 && length < size);
    return length;
}

static void assert_packs_as(const char *name, const ProtobufCMessage *message, const uint8_t *bytes, size_t length)
{
    uint8_t again[VECTOR_MAX];
    if (protobuf_c_message_get_packed_size(message) != length)
        fail_msg("%s: %zu bytes are packed as %zu", name, length, protobuf_c_message_get_packed_size(message));
    protobuf_c_message_pack(message, again);
    assert_memory_equal(again, bytes, length);
}

/* Decoding and encoding again gives the same bytes, and bytes of a field nobody knows yet survive. */
static void check_round_trip(const char *name, const ProtobufCMessageDescriptor *descriptor)
{
    uint8_t bytes[VECTOR_MAX];
    size_t length = vector_read(name, bytes, sizeof(bytes) - 8);
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, length, bytes);
    assert_non_null(message);
    assert_packs_as(name, message, bytes, length);
    protobuf_c_message_free_unpacked(message, NULL);

    static const uint8_t unknown[] = {0xca, 0xbb, 0x01, 0x02, 'h', 'i'}; /* field 2985, length-delimited */
    memcpy(bytes + length, unknown, sizeof(unknown));
    length += sizeof(unknown);
    message = protobuf_c_message_unpack(descriptor, NULL, length, bytes);
    assert_non_null(message);
    assert_int_equal(message->n_unknown_fields, 1);
    assert_packs_as(name, message, bytes, length);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void every_vector_is_packed_as_it_was(void **state)
{
    (void)state;
    check_round_trip("hello", &pavo__from_sensor__descriptor);
    check_round_trip("welcome", &pavo__to_sensor__descriptor);
    check_round_trip("acknowledgement", &pavo__to_sensor__descriptor);
    check_round_trip("sealed_batch", &pavo__from_sensor__descriptor);
    check_round_trip("batch", &pavo__batch__descriptor);
    check_round_trip("query", &pavo__query__descriptor);
    check_round_trip("reply_head", &pavo__reply__descriptor);
    check_round_trip("reply_page", &pavo__reply__descriptor);
    check_round_trip("reply_coverage", &pavo__reply__descriptor);
    check_round_trip("reply_error", &pavo__reply__descriptor);
    check_round_trip("reply_replay", &pavo__reply__descriptor);
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        char name[64];
        snprintf(name, sizeof(name), "published_%s", record_kinds[k]->name);
        check_round_trip(name, &pavo__published__descriptor);
    }
}

/* Takes the kind's records out of a message and puts back what they are written as; the message owns neither. */
static void through_records(const char *name, ProtobufCMessage *message, const uint8_t *bytes, size_t length)
{
    struct records *records[RECORD_KIND_COUNT] = {NULL};
    struct wire_view views[RECORD_KIND_COUNT] = {{NULL, NULL}};
    ProtobufCMessage *read[RECORD_KIND_COUNT] = {NULL};
    struct error err = {""};
    unsigned kinds = 0;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        ProtobufCMessage **member = wire_member(message, record_kinds[k]);
        read[k] = *member;
        if (read[k] == NULL)
            continue;
        if (wire_read(record_kinds[k], read[k], &records[k], &err) != RESULT_OK ||
            wire_view_init(&views[k], records[k], &err) != RESULT_OK)
            fail_msg("%s: %s: %s", name, record_kinds[k]->name, err.text);
        *member = views[k].message;
        kinds++;
    }
    assert_true(kinds > 0);
    assert_packs_as(name, message, bytes, length);
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        *wire_member(message, record_kinds[k]) = read[k];
        wire_view_fini(&views[k]);
        records_free(&records[k]);
    }
}

static void records_are_written_as_they_were_read(void **state)
{
    (void)state;
    uint8_t bytes[VECTOR_MAX];
    size_t length = vector_read("batch", bytes, sizeof(bytes));
    Pavo__Batch *batch = pavo__batch__unpack(NULL, length, bytes);
    assert_non_null(batch);
    through_records("batch", &batch->base, bytes, length);
    pavo__batch__free_unpacked(batch, NULL);
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        char name[64];
        snprintf(name, sizeof(name), "published_%s", record_kinds[k]->name);
        length = vector_read(name, bytes, sizeof(bytes));
        Pavo__Published *published = pavo__published__unpack(NULL, length, bytes);
        assert_non_null(published);
        assert_non_null(*wire_member(&published->base, record_kinds[k]));
        through_records(name, &published->base, bytes, length);
        pavo__published__free_unpacked(published, NULL);
    }
}

static struct records *batch_records(unsigned kind)
{
    uint8_t bytes[VECTOR_MAX];
    Pavo__Batch *message = pavo__batch__unpack(NULL, vector_read("batch", bytes, sizeof(bytes)), bytes);
    assert_non_null(message);
    struct records *records = NULL;
    struct error err = {""};
    assert_int_equal(wire_read(record_kinds[kind], *wire_member(&message->base, record_kinds[kind]), &records, &err),
                     RESULT_OK);
    pavo__batch__free_unpacked(message, NULL);
    return records;
}

static void flows_mean_what_the_text_says(void **state)
{
    (void)state;
    struct records *records = batch_records(RECORD_FLOW);
    assert_int_equal(records->rows, 3);
    assert_string_equal(records->observers[0].sensor, "edge");
    assert_string_equal(records->observers[1].sensor, "edge/router1");

    struct flow tcp, icmp, udp;
    records_get(records, 0, &tcp);
    records_get(records, 1, &icmp);
    records_get(records, 2, &udp);
    char text[ADDRESS_TEXT_MAX], history[FLOW_HISTORY_MAX + 1];
    assert_string_equal(address_port_text(flow_src(&tcp), tcp.src_port, text), "10.0.1.17:51544");
    assert_string_equal(address_port_text(flow_dst(&tcp), tcp.dst_port, text), "198.51.100.9:443");
    assert_string_equal(address_text(flow_src(&icmp), text), "2001:db8:1::11");
    assert_string_equal(flow_history_text(tcp.history, history), "ShADadFf");
    assert_string_equal(flow_state_name(tcp.state), "SF");
    assert_int_equal(tcp.src_isn, 0x12345678);
    assert_int_equal(tcp.last_time - tcp.first_time, 1500000000);
    assert_int_equal(icmp.first_time, 1700000001000000000 - 250000000);
    assert_int_equal(icmp.vlan, 0);
    assert_int_equal(udp.sampling, 1000);
    assert_int_equal(udp.observer, 1);
    records_free(&records);
}

/* The exporter sent a packet and so would have a TTL, had it not said that it knows none. */
static void what_an_observer_cannot_know_is_unknown(void **state)
{
    (void)state;
    struct records *records = batch_records(RECORD_FLOW);
    uint8_t known[3];
    assert_false(records_known(records, FLOW_FIELD_src_ttl, 0, 3, known));
    assert_true(known[0] && known[1] && !known[2]);
    assert_false(records_known(records, FLOW_FIELD_src_dscp, 0, 3, known) && !known[2]);
    assert_true(known[2]);
    records_free(&records);
}

/* The weights of the terms add up to the odds. */
static void verdicts_mean_what_the_text_says(void **state)
{
    (void)state;
    struct records *records = batch_records(RECORD_VERDICT);
    struct verdict verdict;
    records_get(records, 0, &verdict);
    uint32_t first, count = records_items(records, VERDICT_TERMS, 0, &first);
    assert_int_equal(count, 3);
    int32_t odds = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct verdict_term term;
        records_item_get(records, VERDICT_TERMS, first + i, &term);
        odds += term.term_weight;
    }
    assert_int_equal(odds, verdict.odds);
    assert_int_equal(records_items(records, VERDICT_TERMS, 1, &first), 0);
    assert_int_equal(records_items(records, VERDICT_TERMS, 2, &first), 1);
    records_free(&records);
}

static Pavo__Reply *reply_read(const char *name, uint8_t bytes[static VECTOR_MAX])
{
    Pavo__Reply *reply = pavo__reply__unpack(NULL, vector_read(name, bytes, VECTOR_MAX), bytes);
    assert_non_null(reply);
    return reply;
}

static void answers_are_written_as_they_were_read(void **state)
{
    (void)state;
    uint8_t bytes[VECTOR_MAX];
    struct error err = {""};
    struct page_kind *kind = NULL;
    struct records *records = NULL;
    struct page_head head;
    struct page_view view;
    Pavo__Reply *first = reply_read("reply_head", bytes), *second = reply_read("reply_page", bytes);
    uint8_t packed[VECTOR_MAX];
    if (page_kind_read(first->head, &kind, &err) != RESULT_OK ||
        page_read(kind, second->page, &records, &err) != RESULT_OK ||
        page_head_init(&head, &kind->kind, first->head->question, first->head->command, &err) != RESULT_OK ||
        page_view_init(&view, records, 0, records->rows, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    size_t length = protobuf_c_message_pack(&first->head->base, packed);
    assert_packs_as("reply_head", &head.message.base, packed, length);
    length = protobuf_c_message_pack(&second->page->base, packed);
    assert_packs_as("reply_page", &view.message.base, packed, length);

    struct json json = {0};
    json_add_members(&json, records, 1);
    assert_string_equal(json.text,
                        "\"answer\":\"nothing is known of it\",\"first_time\":\"2023-11-14T22:13:21.000000005Z\","
                        "\"src\":\"2001:db8:1::11\",\"flow\":\"9007199254740993\",\"evidence\":[],"
                        "\"sensor\":\"inner\",\"epoch\":891289600077777,\"terms\":[]");
    json_fini(&json);
    page_view_fini(&view);
    page_head_fini(&head);
    records_free(&records);
    page_kind_free(&kind);
    pavo__reply__free_unpacked(first, NULL);
    pavo__reply__free_unpacked(second, NULL);
}

/* The sealed vector opens, with the keys its text names, to the bytes of the plain one. */
static void sealed_batch_opens(void **state)
{
    (void)state;
    uint8_t frame[VECTOR_MAX], plain[VECTOR_MAX], seal_public[KEY_BYTES], seal_secret[KEY_BYTES];
    assert_non_null(zmq_z85_decode(seal_public, "B@=z9G9h<IO=kfO9AIYVwJU{tk.v($6mk?lU5rcs"));
    assert_non_null(zmq_z85_decode(seal_secret, "frEnl@EpQ40i9%+)!91g8z8a$nt)}]pjt(f:#H)B"));
    size_t plain_length = vector_read("batch", plain, sizeof(plain));
    Pavo__FromSensor *message =
        pavo__from_sensor__unpack(NULL, vector_read("sealed_batch", frame, sizeof(frame)), frame);
    assert_non_null(message);
    assert_int_equal(message->body_case, PAVO__FROM_SENSOR__BODY_BATCH);
    const Pavo__SealedBatch *sealed = message->batch;
    assert_int_equal(sealed->previous.len, 32);
    assert_int_equal(sealed->signature.len, 64);
    struct bytes opened;
    struct error err;
    assert_int_equal(
        unseal(sealed->sealed.data, sealed->sealed.len, sealed->size, seal_public, seal_secret, NULL, &opened, &err),
        RESULT_OK);
    assert_int_equal(opened.length, plain_length);
    assert_memory_equal(opened.data, plain, plain_length);
    bytes_free(&opened);
    pavo__from_sensor__free_unpacked(message, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_is_packed_as_it_was),
        cmocka_unit_test(records_are_written_as_they_were_read),
        cmocka_unit_test(flows_mean_what_the_text_says),
        cmocka_unit_test(what_an_observer_cannot_know_is_unknown),
        cmocka_unit_test(verdicts_mean_what_the_text_says),
        cmocka_unit_test(answers_are_written_as_they_were_read),
        cmocka_unit_test(sealed_batch_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
