/* SPDX-License-Identifier: Apache-2.0 */
/* Messages measured before they are made. */
#include "common/message.h"

#include <string.h>

#include "common/cursor.h"

/* Beside its own size: what malloc and protobuf-c's list of the fields it has found take for each field. */
#define FIELD_OVERHEAD 64u
#define DEPTH_MAX      16u /* ours go four deep */

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2, WIRE_32 = 5 };

struct walk {
    size_t left; /* bytes of memory that may still be spent */
    const char *wrong;
};

static bool wrong(struct walk *w, const char *what)
{
    w->wrong = what;
    return false;
}

static bool spend(struct walk *w, size_t bytes)
{
    if (w->left < bytes)
        return wrong(w, "would take more memory than one may");
    w->left -= bytes;
    return true;
}

/* How many values a packed field has: its varints end with a byte below 0x80. */
static size_t packed_count(const ProtobufCFieldDescriptor *field, const uint8_t *bytes, size_t length)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return length / 4;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return length / 8;
    default:
        break;
    }
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += bytes[i] < 0x80;
    return count;
}

static bool walk_message(struct walk *w, const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                         size_t length, unsigned depth);

/* A known field that has a length. */
static bool walk_delimited(struct walk *w, const ProtobufCFieldDescriptor *field, const uint8_t *bytes, size_t length,
                           unsigned depth)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return walk_message(w, field->descriptor, bytes, length, depth + 1);
    case PROTOBUF_C_TYPE_STRING:
        return memchr(bytes, '\0', length) == NULL ? spend(w, length + 1) : wrong(w, "has a text with a NUL in it");
    case PROTOBUF_C_TYPE_BYTES:
        return spend(w, length);
    default:
        return spend(w, packed_count(field, bytes, length) * sizeof(uint64_t));
    }
}

static bool walk_field(struct walk *w, const ProtobufCMessageDescriptor *descriptor, struct cursor *c, unsigned depth)
{
    uint64_t tag = cursor_varint(c), length = 0;
    const ProtobufCFieldDescriptor *field =
        tag >> 3 > INT32_MAX ? NULL : protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3));
    const uint8_t *from = c->at;
    switch (tag & 7) {
    case WIRE_VARINT:
        (void)cursor_varint(c);
        break;
    case WIRE_64:
        cursor_skip(c, 8);
        break;
    case WIRE_32:
        cursor_skip(c, 4);
        break;
    case WIRE_LENGTH:
        length = cursor_varint(c);
        from = cursor_take(c, length);
        break;
    default:
        c->failed = true;
        break;
    }
    if (c->failed)
        return wrong(w, "is garbled");
    if (!spend(w, FIELD_OVERHEAD))
        return false;
    if (field == NULL)
        return spend(w, sizeof(ProtobufCMessageUnknownField) + (size_t)(c->at - from));
    return (tag & 7) != WIRE_LENGTH || walk_delimited(w, field, from, length, depth);
}

static bool walk_message(struct walk *w, const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                         size_t length, unsigned depth)
{
    struct cursor c = cursor_make(bytes, length);
    if (depth > DEPTH_MAX)
        return wrong(w, "is nested too deep");
    bool good = spend(w, descriptor->sizeof_message);
    while (good && c.left > 0)
        good = walk_field(w, descriptor, &c, depth);
    return good;
}

ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t length,
                                 size_t memory_max, struct error *err)
{
    struct walk walk = {.left = memory_max, .wrong = "is garbled"};
    ProtobufCMessage *message = NULL;
    if (walk_message(&walk, descriptor, bytes, length, 0)) {
        walk.wrong = "is garbled";
        message = protobuf_c_message_unpack(descriptor, NULL, length, bytes);
    }
    if (message == NULL)
        (void)error_set(err, RESULT_REJECT, "the message %s", walk.wrong);
    return message;
}
