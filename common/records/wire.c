/* SPDX-License-Identifier: Apache-2.0 */
/* Records <-> XColumns: columns are lent out, not copied; times become offsets. */
#include "common/records/wire.h"

#include <stdlib.h>
#include <string.h>

/* What every XColumns message begins with, as protoc-c lays it out; tests/unit/proto/test_tables.c compares. */
struct head {
    ProtobufCMessage base;
    uint32_t rows;
    int64_t base_ns;
    size_t n_observers;
    Pavo__Observer **observers;
};

/* Is every byte zero? Comparing the bytes with themselves one on does it. */
static bool all_zero(const void *bytes, size_t length)
{
    const char *p = bytes;
    return length == 0 || (p[0] == 0 && memcmp(p, p + 1, length - 1) == 0);
}

static const ProtobufCFieldDescriptor *member_of(const ProtobufCMessage *message, const struct field *field)
{
    return protobuf_c_message_descriptor_get_field(message->descriptor, field->number);
}

static size_t *count_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *member)
{
    return (size_t *)((char *)message + member->quantifier_offset);
}

static void **values_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *member)
{
    return (void **)((char *)message + member->offset);
}

static uint32_t places(const struct records *records, const struct field *field)
{
    return field->list == 0 ? records->rows : records->items[field->list - 1];
}

ProtobufCMessage **wire_member(ProtobufCMessage *message, const struct record_kind *kind)
{
    const ProtobufCFieldDescriptor *member = protobuf_c_message_descriptor_get_field(message->descriptor, kind->number);
    return (ProtobufCMessage **)((char *)message + member->offset);
}

/* ---- out */

/* Bytes of scratch: relative times, texts with "" for NULL, observers and what they cannot know. */
static size_t scratch_size(const struct records *records)
{
    size_t size = 64;
    for (unsigned f = 0; f < records->kind->stored_count; f++) {
        enum field_type type = records->kind->fields[f].type;
        if (type == FIELD_TIME || type == FIELD_TEXT)
            size += sizeof(int64_t) * places(records, &records->kind->fields[f]);
    }
    for (uint32_t i = 0; i < records->observer_count; i++) {
        unsigned unknown = (unsigned)(__builtin_popcountll(records->observers[i].unknown[0]) +
                                      __builtin_popcountll(records->observers[i].unknown[1]));
        size += sizeof(Pavo__Observer) + sizeof(Pavo__Observer *) + (unknown + 2u) / 2 * 2 * sizeof(uint32_t);
    }
    return size;
}

static char *lend_observers(const struct records *records, struct head *m, char *at)
{
    Pavo__Observer **pointers = (Pavo__Observer **)at;
    Pavo__Observer *observers = (Pavo__Observer *)(pointers + records->observer_count);
    uint32_t *unknown = (uint32_t *)(observers + records->observer_count);
    for (uint32_t i = 0; i < records->observer_count; i++) {
        const struct observer *o = &records->observers[i];
        pavo__observer__init(&observers[i]);
        observers[i].sensor = (char *)o->sensor;
        observers[i].epoch = o->epoch;
        observers[i].unknown = unknown;
        for (uint32_t number = 0; number < OBSERVER_UNKNOWN_MAX; number++) {
            if (o->unknown[number / 64] >> number % 64 & 1)
                unknown[observers[i].n_unknown++] = number;
        }
        unknown += (observers[i].n_unknown + 1) / 2 * 2;
        pointers[i] = &observers[i];
    }
    m->observers = pointers;
    m->n_observers = records->observer_count;
    return (char *)unknown;
}

static void lend_column(const struct records *records, unsigned f, struct head *m, int64_t **scratch)
{
    const struct field *field = &records->kind->fields[f];
    const ProtobufCFieldDescriptor *member = member_of(&m->base, field);
    uint32_t count = places(records, field);
    void *column = records_column(records, f);
    size_t size = field_type_is_wide(field->type) ? sizeof(uint64_t) : sizeof(uint32_t);
    if (count == 0 || (field->type != FIELD_TIME && all_zero(column, size * count)))
        return;
    if (field->type == FIELD_TIME) {
        for (uint32_t i = 0; i < count; i++)
            (*scratch)[i] = (int64_t)((uint64_t)((int64_t *)column)[i] - (uint64_t)m->base_ns);
    } else if (field->type == FIELD_TEXT) {
        for (uint32_t i = 0; i < count; i++) {
            char *text = ((char **)column)[i];
            ((char **)*scratch)[i] = text == NULL ? (char *)protobuf_c_empty_string : text;
        }
    }
    bool own = field->type == FIELD_TIME || field->type == FIELD_TEXT;
    *values_of(&m->base, member) = own ? (void *)*scratch : column;
    *count_of(&m->base, member) = count;
    *scratch += own ? count : 0;
}

enum result wire_view_init(struct wire_view *view, const struct records *records, struct error *err)
{
    const struct record_kind *kind = records->kind;
    *view =
        (struct wire_view){.message = malloc(kind->message->sizeof_message), .scratch = malloc(scratch_size(records))};
    if (view->message == NULL || view->scratch == NULL) {
        wire_view_fini(view);
        return error_set(err, RESULT_FATAL, "out of memory encoding %u records", records->rows);
    }
    protobuf_c_message_init(kind->message, view->message);
    struct head *m = (struct head *)view->message;
    m->rows = records->rows;
    m->base_ns =
        records->rows == 0 || kind->first_time < 0 ? 0 : ((int64_t *)records_column(records, kind->first_time))[0];
    int64_t *scratch = (int64_t *)lend_observers(records, m, view->scratch);
    for (unsigned f = 0; f < kind->stored_count; f++)
        lend_column(records, f, m, &scratch);
    view->message->n_unknown_fields = records->unknown.count;
    view->message->unknown_fields = records->unknown.fields;
    return RESULT_OK;
}

void wire_view_fini(struct wire_view *view)
{
    free(view->message);
    free(view->scratch);
    *view = (struct wire_view){0};
}

/* ---- in */

static enum result check_head(const struct head *m, struct error *err)
{
    if (m->rows == 0 || m->rows > RECORDS_ROWS_MAX)
        return error_set(err, RESULT_REJECT, "%u rows in a batch, 1 to %u are allowed", m->rows, RECORDS_ROWS_MAX);
    if (m->n_observers > RECORDS_OBSERVERS_MAX)
        return error_set(err, RESULT_REJECT, "%zu observers in a batch, %u are allowed", m->n_observers,
                         RECORDS_OBSERVERS_MAX);
    if (m->n_observers == 0)
        return error_set(err, RESULT_REJECT, "a batch of %u rows names no observer", m->rows);
    for (size_t i = 0; i < m->n_observers; i++) {
        if (!observer_name_valid(m->observers[i]->sensor))
            return error_set(err, RESULT_REJECT, "observer %zu has no valid sensor name", i);
        if (m->observers[i]->epoch > EPOCH_MAX)
            return error_set(err, RESULT_REJECT, "observer %zu has an epoch above 2^53", i);
    }
    return RESULT_OK;
}

static enum result check_range(const struct field *field, const uint32_t *values, size_t count, size_t observers,
                               struct error *err)
{
    uint32_t most = field->size == 1 ? UINT8_MAX : field->size == 2 ? UINT16_MAX : UINT32_MAX, seen = 0;
    if (field->kind == KIND_OBSERVER) {
        for (size_t i = 0; i < count; i++) {
            if (values[i] >= observers)
                return error_set(err, RESULT_REJECT, "row %zu names observer %u of %zu", i, values[i], observers);
        }
        return RESULT_OK;
    }
    for (size_t i = 0; i < count; i++)
        seen |= values[i];
    if (seen <= most) /* `most` is 2^k-1, so the union is above it exactly if one value is */
        return RESULT_OK;
    return error_set(err, RESULT_REJECT, "column %s holds a value above %u", field->name, most);
}

static enum result check_texts(const struct field *field, char *const *texts, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strnlen(texts[i], WIRE_TEXT_MAX + 1);
        if (length > WIRE_TEXT_MAX)
            return error_set(err, RESULT_REJECT, "column %s holds a text of more than %u bytes", field->name,
                             WIRE_TEXT_MAX);
        if (!text_is_clean(texts[i], length))
            return error_set(err, RESULT_REJECT,
                             "column %s holds a text that is not UTF-8, or has control or direction characters",
                             field->name);
    }
    return RESULT_OK;
}

/* Items of each list, by what its rows say. */
static enum result count_items(const struct record_kind *kind, const struct head *m,
                               uint32_t ret_items[RECORDS_LISTS_MAX], struct error *err)
{
    for (unsigned l = 0; l < kind->list_count; l++) {
        const struct field *field = &kind->fields[kind->lists[l].count];
        const ProtobufCFieldDescriptor *member = member_of(&m->base, field);
        size_t rows = *count_of(&m->base, member);
        const uint32_t *counts = *values_of(&m->base, member);
        uint64_t items = 0;
        if (rows != 0 && rows != m->rows)
            return error_set(err, RESULT_REJECT, "column %s has %zu values for %u rows", field->name, rows, m->rows);
        for (size_t i = 0; i < rows; i++) {
            if (counts[i] > kind->lists[l].items_max)
                return error_set(err, RESULT_REJECT, "row %zu has %u %s, %u are allowed", i, counts[i], field->name,
                                 kind->lists[l].items_max);
            items += counts[i];
        }
        if (items > RECORDS_ITEMS_MAX)
            return error_set(err, RESULT_REJECT, "%llu %s in a batch, %u are allowed", (unsigned long long)items,
                             field->name, RECORDS_ITEMS_MAX);
        ret_items[l] = (uint32_t)items;
    }
    return RESULT_OK;
}

static enum result check_column(const struct field *field, const struct head *m, uint32_t wanted, struct error *err)
{
    const ProtobufCFieldDescriptor *member = member_of(&m->base, field);
    size_t count = *count_of(&m->base, member);
    void *values = *values_of(&m->base, member);
    if (count != 0 && count != wanted)
        return error_set(err, RESULT_REJECT, "column %s has %zu values for %u %s", field->name, count, wanted,
                         field->list == 0 ? "rows" : "items");
    if (field->type == FIELD_TEXT)
        return check_texts(field, values, count, err);
    if (field->type == FIELD_U8 || field->type == FIELD_U16)
        return check_range(field, values, count, m->n_observers, err);
    return RESULT_OK;
}

static enum result copy_column(struct records *records, unsigned f, const struct head *m, struct error *err)
{
    const struct field *field = &records->kind->fields[f];
    const ProtobufCFieldDescriptor *member = member_of(&m->base, field);
    size_t count = *count_of(&m->base, member);
    const void *values = *values_of(&m->base, member);
    uint32_t wanted = places(records, field);
    void *column = records_column(records, f);
    if (field->type == FIELD_TIME) {
        for (uint32_t i = 0; i < wanted; i++)
            ((int64_t *)column)[i] =
                (int64_t)((uint64_t)(count == 0 ? 0 : ((const int64_t *)values)[i]) + (uint64_t)m->base_ns);
        return RESULT_OK;
    }
    size_t size = field_type_is_wide(field->type) ? sizeof(uint64_t) : sizeof(uint32_t);
    if (count == 0) {
        if (wanted > 0)
            memset(column, 0, size * wanted);
        return RESULT_OK;
    }
    if (field->type != FIELD_TEXT) {
        memcpy(column, values, size * wanted);
        return RESULT_OK;
    }
    for (uint32_t i = 0; i < wanted; i++) {
        const char *text = ((char *const *)values)[i];
        char *copy = text[0] == '\0' ? NULL : records_text(records, text, strlen(text));
        if (text[0] != '\0' && copy == NULL)
            return error_set(err, RESULT_FATAL, "out of memory decoding %u records", m->rows);
        ((char **)column)[i] = copy;
    }
    return RESULT_OK;
}

static bool copy_observers(struct records *records, const struct head *m)
{
    records->observers = calloc(m->n_observers, sizeof(*records->observers));
    if (records->observers == NULL)
        return false;
    /* As they come, never merged: the columns' indices count on their places. */
    for (size_t i = 0; i < m->n_observers; i++) {
        struct observer *o = &records->observers[i];
        strncpy(o->sensor, m->observers[i]->sensor, sizeof(o->sensor) - 1);
        o->epoch = m->observers[i]->epoch;
        for (size_t u = 0; u < m->observers[i]->n_unknown; u++) {
            uint32_t number = m->observers[i]->unknown[u];
            if (number < OBSERVER_UNKNOWN_MAX)
                o->unknown[number / 64] |= 1ull << number % 64;
        }
    }
    records->observer_count = (uint32_t)m->n_observers;
    return true;
}

static bool copy_unknown(struct records *records, const ProtobufCMessage *m)
{
    if (m->n_unknown_fields == 0)
        return true;
    records->unknown.fields = calloc(m->n_unknown_fields, sizeof(*records->unknown.fields));
    if (records->unknown.fields == NULL)
        return false;
    for (unsigned i = 0; i < m->n_unknown_fields; i++) {
        ProtobufCMessageUnknownField *copy = &records->unknown.fields[i];
        *copy = m->unknown_fields[i];
        copy->data = malloc(copy->len + 1);
        if (copy->data == NULL)
            return false;
        memcpy(copy->data, m->unknown_fields[i].data, copy->len);
        records->unknown.count++;
    }
    return true;
}

enum result wire_read(const struct record_kind *kind, const ProtobufCMessage *message, struct records **ret_records,
                      struct error *err)
{
    const struct head *m = (const struct head *)message;
    uint32_t items[RECORDS_LISTS_MAX] = {0};
    enum result r = check_head(m, err);
    if (r == RESULT_OK)
        r = count_items(kind, m, items, err);
    for (unsigned f = 0; f < kind->stored_count && r == RESULT_OK; f++) {
        const struct field *field = &kind->fields[f];
        r = check_column(field, m, field->list == 0 ? m->rows : items[field->list - 1], err);
    }
    if (r != RESULT_OK)
        return r;
    struct records *records = records_new(kind, m->rows);
    if (records == NULL || !records_make_items(records, items) || !copy_observers(records, m) ||
        !copy_unknown(records, message))
        r = error_set(err, RESULT_FATAL, "out of memory decoding %u records", m->rows);
    if (r == RESULT_OK)
        records->rows = m->rows;
    for (unsigned f = 0; f < kind->stored_count && r == RESULT_OK; f++)
        r = copy_column(records, f, m, err);
    if (r == RESULT_OK)
        *ret_records = records;
    else
        records_free(&records);
    return r;
}
