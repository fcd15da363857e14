/* SPDX-License-Identifier: Apache-2.0 */
/* The golden vectors through protobuf-c and codec.c; vectors.py takes them through Google's protobuf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zmq.h>

#include "common/seal.h"
#include "proto/codec.h"

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

/* Decoding and encoding again gives the same bytes, and bytes of a field nobody knows yet survive. */
static void check_round_trip(const char *name, const ProtobufCMessageDescriptor *descriptor)
{
    uint8_t bytes[4096], again[4096];
    size_t length = vector_read(name, bytes, sizeof(bytes) - 8);
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, length, bytes);
    assert_non_null(message);
    assert_int_equal(protobuf_c_message_get_packed_size(message), length);
    protobuf_c_message_pack(message, again);
    assert_memory_equal(again, bytes, length);
    protobuf_c_message_free_unpacked(message, NULL);

    static const uint8_t unknown[] = {0xca, 0xbb, 0x01, 0x02, 'h', 'i'}; /* field 2985, length-delimited */
    memcpy(bytes + length, unknown, sizeof(unknown));
    length += sizeof(unknown);
    message = protobuf_c_message_unpack(descriptor, NULL, length, bytes);
    assert_non_null(message);
    assert_int_equal(message->n_unknown_fields, 1);
    assert_int_equal(protobuf_c_message_pack(message, again), length);
    assert_memory_equal(again, bytes, length);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void test_round_trips(void **state)
{
    (void)state;
    check_round_trip("hello", &pavo__from_sensor__descriptor);
    check_round_trip("welcome", &pavo__to_sensor__descriptor);
    check_round_trip("acknowledgement", &pavo__to_sensor__descriptor);
    check_round_trip("batch", &pavo__batch__descriptor);
    check_round_trip("status", &pavo__batch__descriptor);
    check_round_trip("link", &pavo__link__descriptor);
    check_round_trip("published", &pavo__published__descriptor);
    check_round_trip("query", &pavo__query__descriptor);
    check_round_trip("sealed_batch", &pavo__from_sensor__descriptor);
    check_round_trip("reply", &pavo__reply__descriptor);
}

static void test_batch_rows(void **state)
{
    (void)state;
    uint8_t bytes[4096];
    size_t length = vector_read("batch", bytes, sizeof(bytes));
    Pavo__Batch *message = pavo__batch__unpack(NULL, length, bytes);
    assert_non_null(message);
    struct flow_batch *batch;
    struct error err;
    assert_int_equal(flow_batch_from_message(message->flows, &batch, &err), RESULT_OK);
    assert_int_equal(batch->rows, 2);
    assert_string_equal(batch->observers[0].sensor, "inner");

    struct flow tcp, icmp;
    flow_batch_get(batch, 0, &tcp);
    flow_batch_get(batch, 1, &icmp);
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

    flow_batch_destroy(&batch);
    pavo__batch__free_unpacked(message, NULL);
}

/* The sealed vector opens, with the keys its text names, to the bytes of the plain one. */
static void test_sealed_batch_opens(void **state)
{
    (void)state;
    uint8_t frame[4096], plain[4096], seal_public[KEY_BYTES], seal_secret[KEY_BYTES];
    assert_non_null(zmq_z85_decode(seal_public, "B@=z9G9h<IO=kfO9AIYVwJU{tk.v($6mk?lU5rcs"));
    assert_non_null(zmq_z85_decode(seal_secret, "frEnl@EpQ40i9%+)!91g8z8a$nt)}]pjt(f:#H)B"));
    size_t plain_length = vector_read("batch", plain, sizeof(plain));
    Pavo__FromSensor *message =
        pavo__from_sensor__unpack(NULL, vector_read("sealed_batch", frame, sizeof(frame)), frame);
    assert_non_null(message);
    assert_int_equal(message->body_case, PAVO__FROM_SENSOR__BODY_BATCH);
    const Pavo__SealedBatch *sealed = message->batch;
    struct bytes opened;
    struct error err;
    assert_int_equal(
        unseal(sealed->sealed.data, sealed->sealed.len, sealed->size, seal_public, seal_secret, &opened, &err),
        RESULT_OK);
    assert_int_equal(opened.length, plain_length);
    assert_memory_equal(opened.data, plain, plain_length);
    bytes_free(&opened);
    pavo__from_sensor__free_unpacked(message, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_batch_rows),
        cmocka_unit_test(test_sealed_batch_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
