/* SPDX-License-Identifier: Apache-2.0 */
/* What a program may ask of an event. */
#include "common/libpavo/event.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/libpavo/options.h"

_Static_assert(PAVO_EVENT_FLOW + RECORD_ALERT == PAVO_EVENT_ALERT && RECORD_KIND_COUNT == 6,
               "enum pavo_event_kind has a number for every kind of record");

const char *pavo_version(void)
{
    return PAVO_VERSION;
}

void event_clear(struct pavo_event *event)
{
    if (event->is_copy)
        pavo_columns_destroy(&event->columns);
    json_fini(&event->json);
    memset(event, 0, sizeof(*event));
}

pavo_event *pavo_event_copy(const pavo_event *event)
{
    pavo_event *copy = event == NULL ? NULL : malloc(sizeof(*copy));
    if (copy == NULL)
        return NULL;
    *copy = *event;
    copy->is_copy = true;
    copy->raw = NULL;
    copy->raw_size = 0;
    copy->json = (struct json){0};
    if (event->columns != NULL) {
        copy->columns = columns_copy_row(event->columns, event->row);
        copy->row = 0;
        if (copy->columns == NULL) {
            free(copy);
            return NULL;
        }
    }
    return copy;
}

void pavo_event_destroy(pavo_event **event)
{
    /* One that is no copy belongs to its subscriber. */
    if (event != NULL && *event != NULL && (*event)->is_copy) {
        event_clear(*event);
        free(*event);
    }
    if (event != NULL)
        *event = NULL;
}

int pavo_event_kind(const pavo_event *event)
{
    return event == NULL ? 0 : (int)event->kind;
}

unsigned pavo_event_topic(const pavo_event *event)
{
    return event == NULL || event->kind == 0 ? 0 : topic_bit(event->topic);
}

uint64_t pavo_event_position(const pavo_event *event)
{
    return event == NULL ? 0 : event->position;
}

const pavo_columns *pavo_event_columns(const pavo_event *event, size_t *row)
{
    if (event != NULL && row != NULL)
        *row = event->row;
    return event == NULL ? NULL : event->columns;
}

const void *pavo_event_message(const pavo_event *event, size_t *size)
{
    if (size != NULL)
        *size = event == NULL ? 0 : event->raw_size;
    return event == NULL ? NULL : event->raw;
}

/* ---- fields by name */

static int field_of(const pavo_event *event, const char *field)
{
    return event == NULL ? -1 : pavo_columns_field(event->columns, field);
}

int pavo_event_number(const pavo_event *event, const char *field, uint64_t *value)
{
    int number = field_of(event, field);
    return number < 0 ? 0 : pavo_columns_number(event->columns, event->row, number, value);
}

int pavo_event_signed(const pavo_event *event, const char *field, int64_t *value)
{
    int number = field_of(event, field);
    return number < 0 ? 0 : pavo_columns_signed(event->columns, event->row, number, value);
}

int pavo_event_address(const pavo_event *event, const char *field, uint8_t address[16])
{
    int number = field_of(event, field);
    return number < 0 ? 0 : pavo_columns_address(event->columns, event->row, number, address);
}

const char *pavo_event_text(const pavo_event *event, const char *field)
{
    int number = field_of(event, field);
    return number < 0 ? NULL : pavo_columns_text(event->columns, event->row, number);
}

/* NULL: nobody. */
static const struct observer *speaker(const pavo_event *event)
{
    if (event == NULL || event->columns == NULL)
        return NULL;
    const struct records *records = columns_records(event->columns);
    return &records->observers[((uint32_t *)records_column(records, (unsigned)records->kind->observer))[event->row]];
}

const char *pavo_event_sensor(const pavo_event *event)
{
    const struct observer *observer = speaker(event);
    return observer == NULL ? "" : observer->sensor;
}

uint64_t pavo_event_epoch(const pavo_event *event)
{
    const struct observer *observer = speaker(event);
    return observer == NULL ? 0 : observer->epoch;
}

/* ---- gaps */

uint64_t pavo_event_gap_after(const pavo_event *event)
{
    return event == NULL ? 0 : event->gap_after;
}

const char *pavo_event_gap_reason(const pavo_event *event)
{
    return event == NULL || event->kind != PAVO_EVENT_GAP ? NULL : event->gap_reason;
}

/* ---- JSON */

static void add_position(struct json *json, const char *key, uint64_t position)
{
    json_add(json, position > EPOCH_MAX ? ",\"%s\":\"%" PRIu64 "\"" : ",\"%s\":%" PRIu64, key, position);
}

static void write_json(const pavo_event *event, struct json *json)
{
    const char *topic = record_kinds[event->topic]->name;
    json_add(json, "{\"event\":\"%s\"", event->kind == PAVO_EVENT_GAP ? "gap" : topic);
    add_position(json, "position", event->position);
    if (event->kind == PAVO_EVENT_GAP) {
        json_add(json, ",\"topic\":\"%s\"", topic);
        add_position(json, "after", event->gap_after);
        json_add(json, ",\"reason\":");
        json_add_string(json, event->gap_reason);
    } else {
        json_add(json, ",");
        json_add_members(json, columns_records(event->columns), (uint32_t)event->row);
    }
    json_add(json, "}");
}

const char *pavo_event_json(const pavo_event *event)
{
    pavo_event *own = (pavo_event *)event; /* the text is kept with the event, which the caller may not change */
    if (event == NULL || event->kind == 0)
        return NULL;
    if (event->json.length == 0)
        write_json(event, &own->json);
    return event->json.failed ? NULL : event->json.text;
}
