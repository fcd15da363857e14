/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the kinds (common/records/KIND_table.h) and pavo.proto say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/records.h"
#include "pavo.pb-c.h"

/* Members that every XColumns message begins with and that are no fields of the kind. */
#define HEAD_MEMBERS 3

/* How wire.c sees any XColumns message. */
struct head {
    ProtobufCMessage base;
    uint32_t rows;
    int64_t base_ns;
    size_t n_observers;
    Pavo__Observer **observers;
};

/* As field.h has it: U8 to U64 varints, F32 and F64 fixed, I32, I64 and TIME zigzag. */
static ProtobufCType wire_type(enum field_type type)
{
    switch (type) {
    case FIELD_U8:
    case FIELD_U16:
    case FIELD_U32:
        return PROTOBUF_C_TYPE_UINT32;
    case FIELD_U64:
        return PROTOBUF_C_TYPE_UINT64;
    case FIELD_F32:
        return PROTOBUF_C_TYPE_FIXED32;
    case FIELD_F64:
        return PROTOBUF_C_TYPE_FIXED64;
    case FIELD_I32:
        return PROTOBUF_C_TYPE_SINT32;
    case FIELD_I64:
    case FIELD_TIME:
        return PROTOBUF_C_TYPE_SINT64;
    case FIELD_TEXT:
        return PROTOBUF_C_TYPE_STRING;
    default:
        fail_msg("a field has type %d", type);
        return PROTOBUF_C_TYPE_MESSAGE;
    }
}

static void check_field(const struct record_kind *kind, const struct field *field)
{
    const ProtobufCFieldDescriptor *member = protobuf_c_message_descriptor_get_field(kind->message, field->number);
    if (member == NULL)
        fail_msg("%s.%s: %s has no field number %u", kind->name, field->name, kind->message->short_name, field->number);
    if (strcmp(member->name, field->name) != 0)
        fail_msg("%s.%s: number %u is %s in pavo.proto", kind->name, field->name, field->number, member->name);
    if (member->label != PROTOBUF_C_LABEL_REPEATED)
        fail_msg("%s.%s is not repeated in pavo.proto", kind->name, field->name);
    if (member->type != wire_type(field->type))
        fail_msg("%s.%s: pavo.proto has another type for it", kind->name, field->name);
}

static void every_field_has_its_member(void **state)
{
    (void)state;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        assert_true(kind->stored_count > 0 && kind->stored_count <= kind->field_count);
        for (unsigned f = 0; f < kind->stored_count; f++)
            check_field(kind, &kind->fields[f]);
        for (unsigned f = kind->stored_count; f < kind->field_count; f++)
            assert_int_equal(kind->fields[f].number, 0);
    }
}

static void no_member_is_without_a_field(void **state)
{
    (void)state;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        for (unsigned m = 0; m < kind->message->n_fields; m++) {
            const ProtobufCFieldDescriptor *member = &kind->message->fields[m];
            if (member->id > HEAD_MEMBERS && kind_field_by_number(kind, member->id) == NULL)
                fail_msg("%s.%s (%u) is in no table", kind->message->short_name, member->name, member->id);
        }
        assert_int_equal(kind->message->n_fields, kind->stored_count + HEAD_MEMBERS);
    }
}

/* wire.c takes every XColumns message for one. */
static void all_begin_alike(void **state)
{
    (void)state;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const ProtobufCMessageDescriptor *message = record_kinds[k]->message;
        const ProtobufCFieldDescriptor *rows = protobuf_c_message_descriptor_get_field_by_name(message, "rows");
        const ProtobufCFieldDescriptor *base = protobuf_c_message_descriptor_get_field_by_name(message, "base_ns");
        const ProtobufCFieldDescriptor *observers =
            protobuf_c_message_descriptor_get_field_by_name(message, "observers");
        assert_true(rows != NULL && base != NULL && observers != NULL);
        assert_int_equal(rows->id, 1);
        assert_int_equal(rows->type, PROTOBUF_C_TYPE_UINT32);
        assert_int_equal(rows->offset, offsetof(struct head, rows));
        assert_int_equal(base->id, 2);
        assert_int_equal(base->type, PROTOBUF_C_TYPE_INT64);
        assert_int_equal(base->offset, offsetof(struct head, base_ns));
        assert_int_equal(observers->id, 3);
        assert_ptr_equal(observers->descriptor, &pavo__observer__descriptor);
        assert_int_equal(observers->quantifier_offset, offsetof(struct head, n_observers));
        assert_int_equal(observers->offset, offsetof(struct head, observers));
    }
}

/* Numbers and names are told apart within a kind, and what an observer cannot know fits its mask. */
static void numbers_and_names_are_unique(void **state)
{
    (void)state;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        for (unsigned f = 0; f < kind->field_count; f++) {
            const struct field *field = &kind->fields[f];
            assert_true(field->number < OBSERVER_UNKNOWN_MAX);
            assert_int_equal(kind_field(kind, field->name), f);
            if (field->number != 0)
                assert_ptr_equal(kind_field_by_number(kind, field->number), field);
        }
    }
}

static void batch_and_published_number_the_kinds_alike(void **state)
{
    (void)state;
    static const ProtobufCMessageDescriptor *const holders[] = {&pavo__batch__descriptor, &pavo__published__descriptor};
    for (unsigned h = 0; h < 2; h++) {
        unsigned kinds = 0;
        for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
            const ProtobufCFieldDescriptor *member =
                protobuf_c_message_descriptor_get_field(holders[h], record_kinds[k]->number);
            if (member == NULL || member->descriptor != record_kinds[k]->message)
                fail_msg("%s: number %u is not %s", holders[h]->short_name, record_kinds[k]->number,
                         record_kinds[k]->message->short_name);
            assert_int_equal(member->label, PROTOBUF_C_LABEL_NONE);
            assert_int_equal(record_kind_number(record_kinds[k]), k);
        }
        for (unsigned m = 0; m < holders[h]->n_fields; m++)
            kinds += holders[h]->fields[m].type == PROTOBUF_C_TYPE_MESSAGE;
        assert_int_equal(kinds, RECORD_KIND_COUNT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_its_member),
        cmocka_unit_test(no_member_is_without_a_field),
        cmocka_unit_test(all_begin_alike),
        cmocka_unit_test(numbers_and_names_are_unique),
        cmocka_unit_test(batch_and_published_number_the_kinds_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
