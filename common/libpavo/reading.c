/* SPDX-License-Identifier: Apache-2.0 */
/* Published messages into events. */
#include "common/libpavo/reading.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/libpavo/files.h"
#include "common/message.h"
#include "common/records/wire.h"

static enum result parse_filter(const struct record_kind *kind, const char *text, bool with_files,
                                struct filter **ret_filter, struct error *err)
{
    struct files files = {.count = 0};
    if (with_files)
        files_gather(&files, text);
    enum result result = files_read(&files, err);
    if (result == RESULT_OK)
        result = filter_parse_with(kind, text, files.sets, files.count, ret_filter, NULL, err);
    files_drop(&files);
    return result;
}

enum result topic_init(struct topic *topic, const struct record_kind *kind, const char *filter, bool files,
                       struct error *err)
{
    struct topic t = {.kind = kind};
    struct error why = {""};
    enum result result = shape_of_kind(kind, &t.shape, &why);
    if (result == RESULT_OK && filter != NULL)
        result = parse_filter(kind, filter, files, &t.filter, &why);
    if (result != RESULT_OK) {
        topic_fini(&t);
        return error_set(err, result, "topic %s: %.450s", kind->name, why.text);
    }
    *topic = t;
    return RESULT_OK;
}

void topic_fini(struct topic *topic)
{
    shape_drop(&topic->shape);
    filter_destroy(&topic->filter);
}

/* Of all records those that the filter lets through: the same, fewer, or NULL. `records` is taken. */
static enum result choose(const struct filter *filter, struct records **records, struct error *err)
{
    struct records *all = *records;
    if (filter == NULL)
        return RESULT_OK;
    uint32_t *rows = malloc(all->rows * sizeof(*rows));
    uint32_t chosen = rows == NULL ? 0 : filter_select(filter, all, rows);
    bool made = rows != NULL;
    if (made && chosen < all->rows) {
        *records = chosen == 0 ? NULL : records_copy(all, rows, 0, chosen);
        made = chosen == 0 || *records != NULL;
        records_free(&all);
    }
    free(rows);
    return made ? RESULT_OK : error_set(err, RESULT_FATAL, "out of memory");
}

static enum result read_records(struct reading *reading, const Pavo__Published *message, struct error *err)
{
    const struct topic *topic = reading->topic;
    const ProtobufCMessage *columns = *wire_member((ProtobufCMessage *)&message->base, topic->kind);
    struct records *records = NULL;
    if (message->version != 1)
        return error_set(err, RESULT_REJECT, "version %" PRIu32 " of published messages is not known here",
                         message->version);
    reading->position = message->position;
    reading->previous = message->previous;
    if (columns == NULL)
        return RESULT_OK;
    enum result result = wire_read(topic->kind, columns, &records, err);
    if (result == RESULT_OK) {
        reading->received = records->rows;
        result = choose(topic->filter, &records, err);
    }
    if (result != RESULT_OK) {
        records_free(&records);
        return result;
    }
    if (records == NULL)
        return RESULT_OK;
    reading->columns = columns_new(topic->shape, records);
    return reading->columns == NULL ? error_set(err, RESULT_FATAL, "out of memory") : RESULT_OK;
}

static enum result open_with(struct reading *reading, struct reading *r, const Pavo__Published *message,
                             struct error *err)
{
    enum result result = read_records(r, message, err);
    if (result == RESULT_OK)
        *reading = *r;
    else
        reading_close(r);
    return result;
}

enum result reading_open(struct reading *reading, const struct topic *topic, uint8_t *bytes, size_t size,
                         struct error *err)
{
    struct reading r = {.topic = topic, .raw = bytes, .raw_size = size};
    struct error why;
    Pavo__Published *message =
        (Pavo__Published *)message_unpack(&pavo__published__descriptor, bytes, size, MESSAGE_MEMORY_RECORDS, &why);
    if (message == NULL) {
        reading_close(&r);
        return error_set(err, RESULT_REJECT, "a published message of %zu bytes cannot be read: %s", size, why.text);
    }
    enum result result = open_with(reading, &r, message, err);
    pavo__published__free_unpacked(message, NULL);
    return result;
}

enum result reading_open_message(struct reading *reading, const struct topic *topic, const Pavo__Published *message,
                                 struct error *err)
{
    size_t size = pavo__published__get_packed_size(message);
    struct reading r = {.topic = topic, .raw = malloc(size + 1), .raw_size = size};
    if (r.raw == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    pavo__published__pack(message, r.raw);
    return open_with(reading, &r, message, err);
}

void reading_close(struct reading *reading)
{
    pavo_columns_destroy(&reading->columns);
    free(reading->raw);
    *reading = (struct reading){0};
}

size_t reading_chosen(const struct reading *reading)
{
    return pavo_columns_rows(reading->columns);
}

bool reading_exhausted(const struct reading *reading)
{
    return reading->next >= reading_chosen(reading);
}

void reading_skip(struct reading *reading)
{
    reading->next = reading_chosen(reading);
}

bool reading_next(struct reading *reading, struct pavo_event *event)
{
    if (reading_exhausted(reading))
        return false;
    event->topic = record_kind_number(reading->topic->kind);
    event->kind = event_kind_of(event->topic);
    event->position = reading->position;
    event->raw = reading->raw;
    event->raw_size = reading->raw_size;
    event->columns = reading->columns;
    event->row = reading->next++;
    return true;
}
