/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c: what goes in comes out, and what does not fit together does not get in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/codec.h"

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct flow random_flow(uint64_t *seed)
{
    struct flow flow;
    uint8_t *bytes = (uint8_t *)&flow;
    for (size_t i = 0; i < sizeof(flow); i++)
        bytes[i] = next_random(seed) % 3 == 0 ? (uint8_t)next_random(seed) : 0;
    flow.observer = (uint16_t)(next_random(seed) % 2);
    return flow;
}

/* Packs the message and unpacks it again, as a peer would. */
static Pavo__FlowColumns *through_the_wire(const Pavo__FlowColumns *message)
{
    size_t length = pavo__flow_columns__get_packed_size(message);
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    assert_int_equal(pavo__flow_columns__pack(message, bytes), length);
    Pavo__FlowColumns *received = pavo__flow_columns__unpack(NULL, length, bytes);
    free(bytes);
    assert_non_null(received);
    return received;
}

static struct flow_batch *random_batch(uint32_t rows, uint64_t seed)
{
    struct flow_batch *batch = flow_batch_new(rows);
    assert_non_null(batch);
    uint16_t index;
    assert_int_equal(flow_batch_observer(batch, &(struct observer){.sensor = "inner", .epoch = 1}, &index), RESULT_OK);
    assert_int_equal(flow_batch_observer(batch, &(struct observer){.sensor = "outer", .epoch = 2}, &index), RESULT_OK);
    assert_int_equal(index, 1);
    for (uint32_t i = 0; i < rows; i++) {
        struct flow flow = random_flow(&seed);
        assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    }
    return batch;
}

static void test_rows_survive_the_wire(void **state)
{
    (void)state;
    for (uint32_t rows = 1; rows <= 4096; rows = rows * 3 + 1) {
        struct flow_batch *batch = random_batch(rows, 88172645463325252u + rows), *received;
        struct flow_columns_view view;
        struct error err;
        assert_int_equal(flow_columns_view_init(&view, batch, &err), RESULT_OK);
        Pavo__FlowColumns *message = through_the_wire(&view.message);
        if (flow_batch_from_message(message, &received, &err) != RESULT_OK)
            fail_msg("%s", err.text);
        assert_int_equal(received->rows, rows);
        assert_int_equal(received->observer_count, 2);
        for (int field = 0; field < FLOW_FIELD_COUNT; field++) {
            size_t size = flow_kind_is_wide(flow_fields[field].kind) ? 8 : 4;
            if (memcmp(flow_batch_column(batch, field), flow_batch_column(received, field), size * rows) != 0)
                fail_msg("column %s changed on the way, %u rows", flow_fields[field].name, rows);
        }
        pavo__flow_columns__free_unpacked(message, NULL);
        flow_columns_view_fini(&view);
        flow_batch_destroy(&received);
        flow_batch_destroy(&batch);
    }
}

static void test_zero_columns_are_left_out(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(100);
    uint16_t index;
    assert_int_equal(flow_batch_observer(batch, &(struct observer){.sensor = "s", .epoch = 1}, &index), RESULT_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(flow_batch_add(batch, &(struct flow){.src_bytes = i == 99}), RESULT_OK);
    assert_int_equal(flow_batch_add(batch, &(struct flow){0}), RESULT_FULL);
    struct flow_columns_view view;
    assert_int_equal(flow_columns_view_init(&view, batch, NULL), RESULT_OK);
    assert_int_equal(view.message.n_src_packets, 0);
    assert_int_equal(view.message.n_src_bytes, 100);
    flow_columns_view_fini(&view);
    flow_batch_destroy(&batch);
}

/* pavo.proto and common/flow_fields.h say the same, field for field. */
static void test_proto_matches_fields(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *d = &pavo__flow_columns__descriptor;
    assert_int_equal(d->n_fields, FLOW_FIELD_COUNT + 3); /* rows, base_ns, observers */
    static const ProtobufCType types[] = {
        [FLOW_KIND_U8] = PROTOBUF_C_TYPE_UINT32,   [FLOW_KIND_U16] = PROTOBUF_C_TYPE_UINT32,
        [FLOW_KIND_U32] = PROTOBUF_C_TYPE_UINT32,  [FLOW_KIND_U64] = PROTOBUF_C_TYPE_UINT64,
        [FLOW_KIND_F32] = PROTOBUF_C_TYPE_FIXED32, [FLOW_KIND_F64] = PROTOBUF_C_TYPE_FIXED64,
        [FLOW_KIND_TIME] = PROTOBUF_C_TYPE_SINT64,
    };
    for (int i = 0; i < FLOW_FIELD_COUNT; i++) {
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(d, flow_fields[i].number);
        if (field == NULL || strcmp(field->name, flow_fields[i].name) != 0)
            fail_msg("field %u is %s in common/flow_fields.h and %s in pavo.proto", flow_fields[i].number,
                     flow_fields[i].name, field == NULL ? "absent" : field->name);
        assert_int_equal(field->type, types[flow_fields[i].kind]);
        assert_true(field->flags & PROTOBUF_C_FIELD_FLAG_PACKED);
    }
}

/* Each way in which a message can fail to fit together is refused with a sentence. */
static void test_misfits_are_refused(void **state)
{
    (void)state;
    struct flow_batch *batch = random_batch(10, 42), *received = NULL;
    struct flow_columns_view view;
    assert_int_equal(flow_columns_view_init(&view, batch, NULL), RESULT_OK);
    const Pavo__FlowColumns good = view.message;
    uint32_t ports[10] = {65536}, observers[10] = {[9] = 2};
    Pavo__Observer nameless = PAVO__OBSERVER__INIT, *nameless_pointer = &nameless;
    nameless.sensor = (char *)"../etc";

    for (int misfit = 0; misfit < 8; misfit++) {
        Pavo__FlowColumns bad = good;
        switch (misfit) {
        case 0:
            bad.rows = 0;
            break;
        case 1:
            bad.rows = 11;
            break;
        case 2:
            bad.rows = FLOW_BATCH_ROWS_MAX + 1;
            break;
        case 3:
            bad.n_src_hi = 9;
            break;
        case 4:
            bad.n_src_port = 10, bad.src_port = ports;
            break;
        case 5:
            bad.n_observer = 10, bad.observer = observers;
            break;
        case 6:
            bad.n_observers = 1, bad.observers = &nameless_pointer;
            break;
        case 7:
            bad.n_observers = 0, bad.n_observer = 0;
            break;
        }
        struct error err = {.text = ""};
        assert_int_equal(flow_batch_from_message(&bad, &received, &err), RESULT_REJECT);
        assert_null(received);
        assert_true(strlen(err.text) > 10);
    }
    assert_int_equal(flow_batch_from_message(&good, &received, NULL), RESULT_OK);
    flow_batch_destroy(&received);
    flow_columns_view_fini(&view);
    flow_batch_destroy(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_survive_the_wire),
        cmocka_unit_test(test_zero_columns_are_left_out),
        cmocka_unit_test(test_proto_matches_fields),
        cmocka_unit_test(test_misfits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
