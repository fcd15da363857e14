/* SPDX-License-Identifier: Apache-2.0 */
/* Batches into frames. */
#include "common/speak/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/records/wire.h"

struct pending_loss encode_loss(const struct records *records, const char *reason)
{
    struct pending_loss loss = {.loss = LOSS_RECORDS_SPOOL, .count = records->rows};
    snprintf(loss.reason, sizeof(loss.reason), "%s", reason);
    records_extent(records, &loss.from_time, &loss.to_time);
    if (loss.from_time > loss.to_time)
        loss.from_time = loss.to_time = 0;
    return loss;
}

/* ---- texts that will be taken */

static void fit_text(char *text)
{
    size_t length = strnlen(text, WIRE_TEXT_MAX + 1);
    if (length > WIRE_TEXT_MAX)
        text[length = WIRE_TEXT_MAX] = '\0';
    if (!text_is_clean(text, length))
        text_clean(text);
}

/* One bad text and the whole batch is refused: an interface's or a file's name may have any bytes. */
static void fit_texts(struct records *records)
{
    const struct record_kind *kind = records->kind;
    for (unsigned f = 0; f < kind->stored_count; f++) {
        const struct field *field = &kind->fields[f];
        if (field->type != FIELD_TEXT)
            continue;
        char **texts = records_column(records, f);
        uint32_t count = field->list == 0 ? records->rows : records->items[field->list - 1];
        for (uint32_t i = 0; i < count; i++) {
            if (texts[i] != NULL)
                fit_text(texts[i]);
        }
    }
}

/* ---- a batch */

/* What lives until the batch is packed. */
struct parts {
    Pavo__Batch message;
    struct wire_view views[RECORD_KIND_COUNT];
    struct records *losses; /* owned */
};

static void parts_fini(struct parts *parts)
{
    for (unsigned i = 0; i < RECORD_KIND_COUNT; i++)
        wire_view_fini(&parts->views[i]);
    records_free(&parts->losses);
}

static enum result add_part(struct parts *parts, struct records *records, struct error *err)
{
    enum record_kind_number number = record_kind_number(records->kind);
    if (records->rows > RECORDS_ROWS_MAX)
        return error_set(err, RESULT_REJECT, "a batch of %u %ss; %u are allowed", records->rows, records->kind->name,
                         RECORDS_ROWS_MAX);
    if (parts->views[number].message != NULL)
        return error_set(err, RESULT_REJECT, "a batch has two sets of %ss; join them", records->kind->name);
    if (records->rows == 0)
        return RESULT_OK;
    fit_texts(records);
    enum result r = wire_view_init(&parts->views[number], records, err);
    if (r == RESULT_OK)
        *wire_member(&parts->message.base, records->kind) = parts->views[number].message;
    return r;
}

static void widen(struct held_batch *held, const struct records *records)
{
    int64_t first, last;
    records_extent(records, &first, &last);
    if (first <= last && (held->records == 0 || first < held->from_time))
        held->from_time = first;
    if (first <= last && (held->records == 0 || last > held->to_time))
        held->to_time = last;
    held->records += records->rows;
}

static enum result add_losses(struct parts *parts, struct held_batch *held, const struct encode_name *name,
                              const struct losses *losses, struct error *err)
{
    struct observer speaker = {.epoch = name->epoch};
    if (losses == NULL || losses->count == 0)
        return RESULT_OK;
    snprintf(speaker.sensor, sizeof(speaker.sensor), "%s", name->sensor);
    parts->losses = losses_records(losses, &speaker);
    held->losses = malloc(losses->count * sizeof(*held->losses));
    if (parts->losses == NULL || held->losses == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    memcpy(held->losses, losses->items, losses->count * sizeof(*held->losses));
    held->loss_count = losses->count;
    return add_part(parts, parts->losses, err);
}

/* Packs, seals and wraps. */
static enum result make_frame(const struct encode_name *name, const Pavo__Batch *batch,
                              const uint8_t seal_public[static KEY_BYTES], struct bytes *ret_frame, struct error *err)
{
    struct bytes sealed;
    size_t size = pavo__batch__get_packed_size(batch);
    if (size > SEAL_PLAIN_MAX)
        return error_set(err, RESULT_FULL, "a batch of %zu bytes; %u are allowed", size, SEAL_PLAIN_MAX);
    uint8_t *plain = malloc(size + 1);
    if (plain == NULL)
        return error_set(err, RESULT_FATAL, "out of memory encoding a batch of %zu bytes", size);
    pavo__batch__pack(batch, plain);
    enum result r = seal(plain, size, seal_public, &sealed, err);
    free(plain);
    if (r != RESULT_OK)
        return r;

    Pavo__SealedBatch message = PAVO__SEALED_BATCH__INIT;
    message.sensor = (char *)name->sensor;
    message.epoch = name->epoch;
    message.sequence = name->sequence;
    message.sealed = (ProtobufCBinaryData){sealed.length, sealed.data};
    message.size = (uint32_t)size;
    Pavo__FromSensor from = PAVO__FROM_SENSOR__INIT;
    from.version = 1;
    from.body_case = PAVO__FROM_SENSOR__BODY_BATCH;
    from.batch = &message;
    struct bytes frame = {.length = pavo__from_sensor__get_packed_size(&from)};
    frame.data = malloc(frame.length);
    if (frame.data == NULL) {
        r = error_set(err, RESULT_FATAL, "out of memory encoding a batch of %zu bytes", size);
    } else {
        pavo__from_sensor__pack(&from, frame.data);
        *ret_frame = frame;
    }
    bytes_free(&sealed);
    return r;
}

enum result encode_batch(const struct encode_name *name, struct records *const records[], size_t count,
                         const struct losses *losses, const uint8_t seal_public[static KEY_BYTES],
                         struct held_batch **ret_batch, struct error *err)
{
    struct parts parts = {.message = PAVO__BATCH__INIT};
    parts.message.sensor = (char *)name->sensor;
    parts.message.epoch = name->epoch;
    parts.message.sequence = name->sequence;
    struct held_batch *held = calloc(1, sizeof(*held));
    if (held == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    held->sequence = name->sequence;
    enum result r = add_losses(&parts, held, name, losses, err);
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        r = add_part(&parts, records[i], err);
        if (r == RESULT_OK && record_kind_counts(records[i]->kind))
            widen(held, records[i]);
    }
    if (r == RESULT_OK)
        r = make_frame(name, &parts.message, seal_public, &held->frame, err);
    parts_fini(&parts);
    if (r == RESULT_OK)
        *ret_batch = held;
    else
        held_batch_destroy(&held);
    return r;
}
