/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out of the seal, checked: the whole path of foreign bytes behind it. */
#include <string.h>

#include "aggregator/receive/receive.h"
#include "common/message.h"
#include "common/records/wire.h"
#include "pavo.pb-c.h"

const char *receive_reason_name(enum receive_reason reason)
{
    static const char *const names[RECEIVE_REASON_COUNT] = {
#define X(name, text) text,
        RECEIVE_REASONS(X)
#undef X
    };
    return reason < RECEIVE_REASON_COUNT ? names[reason] : "?";
}

/* What a role may say: records of these kinds, of itself; and of which of them also on behalf of others. */
#define SAYS(kind) (1u << RECORD_##kind)
static const struct says {
    unsigned kinds, for_others;
} says[KEY_ROLE_COUNT] = {
    [KEY_ROLE_SENSOR] = {.kinds = SAYS(FLOW) | SAYS(BINDING) | SAYS(LOSS) | SAYS(STATUS)},
    [KEY_ROLE_COLLECTOR] = {.kinds = SAYS(FLOW) | SAYS(BINDING) | SAYS(LOSS) | SAYS(STATUS),
                            .for_others = SAYS(FLOW) | SAYS(BINDING) | SAYS(LOSS)},
    [KEY_ROLE_WITNESS] = {.kinds = SAYS(BINDING) | SAYS(LOSS) | SAYS(STATUS)},
    [KEY_ROLE_DETECTOR] = {.kinds = SAYS(ALERT) | SAYS(LOSS) | SAYS(STATUS)},
};

static enum result refuse(enum receive_reason reason, enum receive_reason *ret_reason, struct error *err,
                          const char *detail)
{
    *ret_reason = reason;
    return detail == NULL ? error_set(err, RESULT_REJECT, "%s", receive_reason_name(reason))
                          : error_set(err, RESULT_REJECT, "%s: %s", receive_reason_name(reason), detail);
}

/* One of this collector's exporters, "COLLECTOR/EXPORTER", in this life of the collector? */
static bool is_exporter_of(const struct observer *observer, const struct observer *speaker)
{
    size_t length = strlen(speaker->sensor);
    return observer->epoch == speaker->epoch && strncmp(observer->sensor, speaker->sensor, length) == 0 &&
           observer->sensor[length] == '/';
}

/* Do the records name others in their rows besides who speaks, as alerts do whose flows they rest on? */
static bool names_others(const struct record_kind *kind)
{
    for (unsigned f = 0; f < kind->stored_count; f++) {
        if (kind->fields[f].kind == KIND_OBSERVER && (int)f != kind->observer)
            return true;
    }
    return false;
}

/* NULL, or the first observer that the speaker does not speak for. */
static const struct observer *stranger(const struct records *records, const struct observer *speaker, bool for_others)
{
    uint8_t listed[RECORDS_OBSERVERS_MAX] = {0};
    const uint32_t *column = records_column(records, (unsigned)records->kind->observer);
    if (names_others(records->kind)) {
        for (uint32_t row = 0; row < records->rows; row++)
            listed[column[row]] = 1;
    } else {
        memset(listed, 1, records->observer_count);
    }
    for (uint32_t i = 0; i < records->observer_count; i++) {
        const struct observer *observer = &records->observers[i];
        if (listed[i] && !observer_equal(observer, speaker) && !(for_others && is_exporter_of(observer, speaker)))
            return observer;
    }
    return NULL;
}

/* NULL, or the first field with a time that is out of range. */
static const struct field *untimely(const struct records *records)
{
    for (unsigned f = 0; f < records->kind->stored_count; f++) {
        const struct field *field = &records->kind->fields[f];
        const int64_t *times = records_column(records, f);
        uint32_t count = field->list == 0 ? records->rows : records->items[field->list - 1];
        for (uint32_t i = 0; field->type == FIELD_TIME && i < count; i++) {
            if (times[i] > RECEIVE_TIME_MAX || times[i] < -RECEIVE_TIME_MAX)
                return field;
        }
    }
    return NULL;
}

/* The records of one kind, from the message into the batch. */
static enum result take_kind(struct batch *batch, const Pavo__Batch *message, enum record_kind_number number,
                             const struct says *may, enum receive_reason *ret_reason, struct error *err)
{
    const struct record_kind *kind = record_kinds[number];
    const ProtobufCMessage *columns = *wire_member((ProtobufCMessage *)message, kind);
    struct error why;
    if (columns == NULL)
        return RESULT_OK;
    if ((may->kinds & 1u << number) == 0)
        return refuse(RECEIVE_ROLE, ret_reason, err, kind->name);
    enum result r = wire_read(kind, columns, &batch->records[number], &why);
    if (r == RESULT_REJECT)
        return refuse(RECEIVE_COLUMNS, ret_reason, err, why.text);
    if (r != RESULT_OK)
        return error_set(err, r, "%s", why.text);
    const struct records *records = batch->records[number];
    const struct observer *other = stranger(records, &batch->observer, (may->for_others & 1u << number) != 0);
    if (other != NULL)
        return refuse(RECEIVE_OBSERVER, ret_reason, err, other->sensor);
    const struct field *field = untimely(records);
    return field == NULL ? RESULT_OK : refuse(RECEIVE_TIMES, ret_reason, err, field->label);
}

static enum result take_all(struct batch *batch, const Pavo__Batch *message, enum key_role role,
                            enum receive_reason *ret_reason, struct error *err)
{
    if (strcmp(message->sensor, batch->observer.sensor) != 0 || message->epoch != batch->observer.epoch ||
        message->sequence != batch->sequence)
        return refuse(RECEIVE_INNER_NAME, ret_reason, err, NULL);
    enum result r = RESULT_OK;
    for (unsigned number = 0; r == RESULT_OK && number < RECORD_KIND_COUNT; number++)
        r = take_kind(batch, message, (enum record_kind_number)number, &says[role], ret_reason, err);
    return r;
}

enum result receive_decode(const uint8_t *plain, size_t length, enum key_role role, const struct observer *observer,
                           uint64_t sequence, struct batch **ret_batch, enum receive_reason *ret_reason,
                           struct error *err)
{
    struct error why;
    Pavo__Batch *message =
        (Pavo__Batch *)message_unpack(&pavo__batch__descriptor, plain, length, MESSAGE_MEMORY_RECORDS, &why);
    if (message == NULL)
        return refuse(RECEIVE_CONTENT, ret_reason, err, why.text);
    struct batch *batch = batch_new();
    enum result r = RESULT_FATAL;
    if (batch == NULL) {
        error_set(err, r, "out of memory");
    } else {
        batch->observer = *observer;
        batch->sequence = sequence;
        r = take_all(batch, message, role, ret_reason, err);
    }
    pavo__batch__free_unpacked(message, NULL);
    if (r == RESULT_OK)
        *ret_batch = batch;
    else
        batch_destroy(&batch);
    return r;
}
