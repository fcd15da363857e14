/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON. */
#include "common/records/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_fini(struct json *json)
{
    free(json->text);
    *json = (struct json){0};
}

void json_clear(struct json *json)
{
    json->length = 0;
    json->failed = false;
    if (json->text != NULL)
        json->text[0] = '\0';
}

static bool room(struct json *json, size_t more)
{
    if (json->failed)
        return false;
    if (json->capacity - json->length > more)
        return true;
    size_t capacity = (json->capacity + more + 1024) * 2;
    char *grown = realloc(json->text, capacity);
    json->failed = grown == NULL;
    if (grown == NULL)
        return false;
    json->text = grown;
    json->capacity = capacity;
    return true;
}

static void put(struct json *json, const char *bytes, size_t length)
{
    if (!room(json, length))
        return;
    memcpy(json->text + json->length, bytes, length);
    json->length += length;
    json->text[json->length] = '\0';
}

void json_add(struct json *json, const char *format, ...)
{
    for (size_t more = 128; room(json, more);) {
        va_list arguments;
        va_start(arguments, format);
        int wrote = vsnprintf(json->text + json->length, more + 1, format, arguments);
        va_end(arguments);
        if (wrote >= 0 && (size_t)wrote <= more) {
            json->length += (size_t)wrote;
            return;
        }
        json->failed = wrote < 0;
        more = (size_t)wrote;
    }
}

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

void json_add_string(struct json *json, const char *text)
{
    put(json, "\"", 1);
    for (const char *at = text; *at != '\0';) {
        size_t plain = 0;
        while (is_plain(at[plain]))
            plain++;
        put(json, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        if (*at == '"' || *at == '\\')
            json_add(json, "\\%c", *at);
        else
            json_add(json, "\\u%04x", (unsigned char)*at);
        at++;
    }
    put(json, "\"", 1);
}

static void add_bits(struct json *json, const struct field *field, uint64_t value)
{
    const char *comma = "";
    put(json, "[", 1);
    for (unsigned bit = 0; bit < field->word_count; bit++) {
        if (value >> bit & 1) {
            put(json, comma, strlen(comma));
            json_add_string(json, field->words[bit]);
            comma = ",";
        }
    }
    put(json, "]", 1);
}

static bool is_quoted(const struct field *field, const struct value *value)
{
    switch (field->kind) {
    case KIND_OBSERVER:
    case KIND_ADDRESS:
    case KIND_TIME:
    case KIND_TEXT:
    case KIND_MAC:
    case KIND_HEX:
    case KIND_TCP_FLAGS:
    case KIND_HISTORY:
    case KIND_WORD:
        return true;
    case KIND_FLAG:
    case KIND_ODDS:
    case KIND_SHARE:
    case KIND_REAL:
        return false;
    default: {
        int64_t number = (int64_t)value->number;
        return field_type_is_signed(field->type) ? number > (int64_t)EPOCH_MAX || number < -(int64_t)EPOCH_MAX
                                                 : value->number > EPOCH_MAX;
    }
    }
}

static void add_value(struct json *json, const struct field *field, const struct value *value)
{
    char text[FIELD_TEXT_MAX];
    if (field->kind == KIND_BITS) {
        add_bits(json, field, value->number);
        return;
    }
    const char *plain = field_text(field, value, STYLE_PLAIN, text);
    if (is_quoted(field, value))
        json_add_string(json, plain);
    else
        put(json, plain, strlen(plain));
}

/* "observer" is written as "sensor" and "epoch", "x_observer" as "x_sensor" and "x_epoch". */
static void add_observer(struct json *json, const struct records *records, const struct field *field, size_t strip,
                         uint64_t index, const char **comma)
{
    const char *prefix = field->name + strip;
    size_t length = strlen(prefix) - strlen("observer");
    char epoch[SHOW_MAX];
    put(json, *comma, strlen(*comma));
    put(json, "\"", 1);
    put(json, prefix, length);
    put(json, "sensor\":", strlen("sensor\":"));
    json_add_string(json, records->observers[index].sensor);
    put(json, ",\"", 2);
    put(json, prefix, length);
    put(json, "epoch\":", strlen("epoch\":"));
    put(json, epoch, number_text(records->observers[index].epoch, epoch));
    *comma = ",";
}

static void add_member(struct json *json, const struct records *records, unsigned f, uint32_t index, size_t strip,
                       const char **comma)
{
    const struct field *field = &records->kind->fields[f];
    char scratch[FIELD_TEXT_MAX];
    if (field->kind == KIND_LOWER)
        return;
    struct value value = records_value(records, index, f, scratch);
    if (!value.known)
        return;
    if (field->kind == KIND_OBSERVER) {
        add_observer(json, records, field, strip, value.number, comma);
        return;
    }
    put(json, *comma, strlen(*comma));
    put(json, "\"", 1);
    put(json, field->label + strip, strlen(field->label + strip));
    put(json, "\":", 2);
    add_value(json, field, &value);
    *comma = ",";
}

static void add_list(struct json *json, const struct records *records, unsigned l, uint32_t row, const char **comma)
{
    const struct record_list *list = &records->kind->lists[l];
    uint32_t first, count = records_items(records, l, row, &first);
    json_add(json, "%s\"%s\":[", *comma, list->name);
    for (uint32_t i = 0; i < count; i++) {
        const char *inner = "";
        json_add(json, "%s{", i == 0 ? "" : ",");
        for (unsigned f = list->first; f <= list->last; f++)
            add_member(json, records, f, first + i, strlen(list->prefix), &inner);
        put(json, "}", 1);
    }
    put(json, "]", 1);
    *comma = ",";
}

void json_add_members(struct json *json, const struct records *records, uint32_t row)
{
    const char *comma = "";
    for (unsigned f = 0; f < records->kind->field_count; f++) {
        const struct field *field = &records->kind->fields[f];
        if (field->list != 0)
            continue;
        if (field->kind != KIND_LIST) {
            add_member(json, records, f, row, 0, &comma);
            continue;
        }
        for (unsigned l = 0; l < records->kind->list_count; l++) {
            if (records->kind->lists[l].count == f)
                add_list(json, records, l, row, &comma);
        }
    }
}
