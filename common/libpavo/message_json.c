/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as JSON, field by field as their descriptors have them. */
#include "common/libpavo/message_json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/flow_fields.h"

const char *message_word(const ProtobufCEnumDescriptor *descriptor, int value, char text[static MESSAGE_WORD_MAX])
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    snprintf(text, MESSAGE_WORD_MAX, "%s", found == NULL ? "unknown" : found->name);
    for (char *at = text; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    return text;
}

const char *link_evidence_name(unsigned bit)
{
    static const char *const names[] = {"src_isn",    "dst_isn",   "src_timestamp", "dst_timestamp", "src_digest",
                                        "dst_digest", "src_ip_id", "dst_ip_id",     "icmp_sequence", "peer",
                                        "tuple",      "payload",   "time"};
    _Static_assert(LINK_TIME == 1u << (sizeof(names) / sizeof(*names) - 1), "a name for every bit");
    return bit < sizeof(names) / sizeof(*names) ? names[bit] : NULL;
}

static json_t *evidence_json(uint32_t bits)
{
    json_t *list = json_array();
    for (unsigned bit = 0; bit < 32; bit++) {
        if (bits & 1u << bit && link_evidence_name(bit) != NULL)
            json_array_append_new(list, json_string(link_evidence_name(bit)));
    }
    return list;
}

static json_t *time_json(int64_t ns)
{
    char text[TIME_TEXT_MAX], full[TIME_TEXT_MAX + 8];
    time_text(ns, true, text); /* microseconds */
    snprintf(full, sizeof(full), "%.*s%03dZ", (int)strcspn(text, "Z"), text, (int)(ns % 1000));
    return json_string(full);
}

/* Points in time, as opposed to spans. */
static bool is_time(const char *name)
{
    static const char *const names[] = {"time_ns", "started_ns",  "from_ns",       "to_ns",           "first_ns",
                                        "last_ns", "received_ns", "last_heard_ns", "scanned_from_ns", "scanned_to_ns"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    return json != NULL ? json : json_string("(not UTF-8)"); /* proto3 strings are; a broken peer's need not be */
}

static json_t *bytes_json(const ProtobufCBinaryData *bytes)
{
    char text[ADDRESS_TEXT_MAX];
    if (bytes->len != 16)
        return NULL;
    return json_string(address_text(address_from_bytes(bytes->data), text));
}

/* One value at `at`, whatever its type; NULL for what is not written. */
static json_t *value_json(const ProtobufCFieldDescriptor *field, const void *at)
{
    char word[MESSAGE_WORD_MAX];
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM:
        return json_string(message_word(field->descriptor, *(const int *)at, word));
    case PROTOBUF_C_TYPE_STRING:
        return **(char *const *)at == '\0' ? NULL : text_json(*(char *const *)at);
    case PROTOBUF_C_TYPE_BYTES:
        return bytes_json(at);
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(ProtobufCMessage *const *)at == NULL ? NULL : message_json(*(ProtobufCMessage *const *)at);
    default:
        return NULL;
    }
}

static json_t *counters_json(Pavo__Counter *const *counters, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, counters[i]->name, json_integer((json_int_t)counters[i]->value));
    return object;
}

static json_t *list_json(const ProtobufCFieldDescriptor *field, const void *at, size_t count)
{
    if (field->descriptor == &pavo__counter__descriptor)
        return counters_json(at, count);
    /* Lists of messages and texts are what there is outside of FlowColumns. */
    if (field->type != PROTOBUF_C_TYPE_MESSAGE && field->type != PROTOBUF_C_TYPE_STRING)
        return NULL;
    json_t *list = json_array();
    const void *const *items = at;
    for (size_t i = 0; i < count; i++) {
        json_t *value = value_json(field, &items[i]);
        if (value != NULL)
            json_array_append_new(list, value);
    }
    return list;
}

static json_t *field_json(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *member = (const char *)message + field->offset;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return value_json(field, member);
    size_t count = *(const size_t *)((const char *)message + field->quantifier_offset);
    return count == 0 ? NULL : list_json(field, *(void *const *)member, count);
}

json_t *message_json(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    if (descriptor == &pavo__flow_columns__descriptor)
        return NULL;
    json_t *object = json_object();
    for (unsigned i = 0; object != NULL && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        const void *at = (const char *)message + field->offset;
        char name[64];
        snprintf(name, sizeof(name), "%s", field->name);
        json_t *value = NULL;
        if (is_time(field->name)) {
            int64_t ns = *(const int64_t *)at;
            name[strlen(name) - 3] = '\0';
            value = ns <= 0 ? NULL : time_json(ns);
        } else if (descriptor == &pavo__link__descriptor && strcmp(field->name, "evidence") == 0) {
            value = evidence_json(*(const uint32_t *)at);
        } else {
            value = field_json(message, field);
        }
        if (value != NULL)
            json_object_set_new(object, name, value);
    }
    return object;
}
