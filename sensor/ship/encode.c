/* SPDX-License-Identifier: Apache-2.0 */
/* Batches into frames. */
#include "sensor/ship/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"

struct loss encode_loss(const struct flow_batch *flows, const char *reason)
{
    struct loss loss = {.kind = PAVO__LOSS__KIND__RECORDS_SPOOL, .count = flows->rows};
    snprintf(loss.reason, sizeof(loss.reason), "%s", reason);
    int64_t from = INT64_MAX, to = 0;
    for (uint32_t i = 0; i < flows->rows; i++) {
        if (flows->first_time[i] < from)
            from = flows->first_time[i];
        if (flows->last_time[i] > to)
            to = flows->last_time[i];
    }
    loss.from_ns = from < 0 || from == INT64_MAX ? 0 : (uint64_t)from;
    loss.to_ns = (uint64_t)to;
    return loss;
}

/* Packs, seals and wraps. */
static enum result make_frame(const struct encode_name *name, const Pavo__Batch *batch,
                              const uint8_t seal_public[static KEY_BYTES], struct bytes *ret_frame, struct error *err)
{
    struct bytes sealed;
    size_t size = pavo__batch__get_packed_size(batch);
    if (size > SEAL_PLAIN_MAX)
        return error_set(err, RESULT_REJECT, "a batch of %zu bytes; %u are allowed", size, SEAL_PLAIN_MAX);
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

static enum result attach_losses(struct held_batch *held, const struct losses *losses, Pavo__Batch *message,
                                 Pavo__Loss messages[], Pavo__Loss *pointers[], struct error *err)
{
    if (losses == NULL || losses->count == 0)
        return RESULT_OK;
    held->losses = malloc(losses->count * sizeof(*held->losses));
    if (held->losses == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    memcpy(held->losses, losses->items, losses->count * sizeof(*held->losses));
    held->loss_count = losses->count;
    for (size_t i = 0; i < losses->count; i++) {
        loss_to_message(&held->losses[i], &messages[i]);
        pointers[i] = &messages[i];
    }
    message->losses = pointers;
    message->n_losses = losses->count;
    return RESULT_OK;
}

enum result encode_batch(const struct encode_name *name, const struct flow_batch *flows, const struct losses *losses,
                         Pavo__SensorStatus *status, const uint8_t seal_public[static KEY_BYTES],
                         struct held_batch **ret_batch, struct error *err)
{
    struct flow_columns_view view = {0};
    Pavo__Loss loss_messages[LOSSES_MAX];
    Pavo__Loss *loss_pointers[LOSSES_MAX];
    Pavo__Batch message = PAVO__BATCH__INIT;
    message.sensor = (char *)name->sensor;
    message.epoch = name->epoch;
    message.sequence = name->sequence;
    message.status = status;
    struct held_batch *held = calloc(1, sizeof(*held));
    if (held == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    held->sequence = name->sequence;
    enum result r = attach_losses(held, losses, &message, loss_messages, loss_pointers, err);
    if (r == RESULT_OK && flows != NULL) {
        r = flow_columns_view_init(&view, flows, err);
        message.flows = &view.message;
        held->records = flows->rows;
        struct loss span = encode_loss(flows, "");
        held->from_ns = span.from_ns;
        held->to_ns = span.to_ns;
    }
    if (r == RESULT_OK)
        r = make_frame(name, &message, seal_public, &held->frame, err);
    flow_columns_view_fini(&view);
    if (r == RESULT_OK)
        *ret_batch = held;
    else
        held_batch_destroy(&held);
    return r;
}
