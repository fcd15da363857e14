/* SPDX-License-Identifier: Apache-2.0 */
/* A batch on its way: made, packed, weighed, freed. */
#include "aggregator/batch.h"

#include <stdlib.h>

#include "aggregator/journal/journal.h"
#include "common/message.h"
#include "common/records/wire.h"

struct batch *batch_new(void)
{
    return calloc(1, sizeof(struct batch));
}

void batch_destroy(struct batch **pointer)
{
    struct batch *batch = *pointer;
    *pointer = NULL;
    if (batch == NULL || atomic_fetch_sub(&batch->shared, 1) > 0)
        return;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        records_free(&batch->records[kind]);
    bytes_free(&batch->packed);
    free(batch);
}

struct batch *batch_share(struct batch *batch)
{
    atomic_fetch_add(&batch->shared, 1);
    return batch;
}

size_t batch_weight(const struct batch *batch)
{
    size_t weight = sizeof(*batch) + batch->packed.length;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        weight += batch->records[kind] == NULL ? 0 : records_weight(batch->records[kind]);
    return weight;
}

/* ---- as a message */

static enum result pack_message(struct batch *batch, const Pavo__Batch *message, struct error *err)
{
    size_t size = pavo__batch__get_packed_size(message);
    uint8_t *plain = malloc(size + 1);
    if (plain == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    pavo__batch__pack(message, plain);
    enum result r = pack(plain, size, &batch->packed, err);
    free(plain);
    batch->plain_size = (uint32_t)size;
    return r == RESULT_OK ? r : RESULT_AGAIN;
}

enum result batch_pack(struct batch *batch, struct error *err)
{
    Pavo__Batch message = PAVO__BATCH__INIT;
    struct wire_view views[RECORD_KIND_COUNT] = {{0}};
    enum result r = RESULT_OK;
    message.sensor = batch->observer.sensor;
    message.epoch = batch->observer.epoch;
    message.sequence = batch->sequence;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT && r == RESULT_OK; kind++) {
        if (batch_rows(batch, kind) == 0)
            continue;
        r = wire_view_init(&views[kind], batch->records[kind], err);
        if (r == RESULT_OK)
            *wire_member(&message.base, record_kinds[kind]) = views[kind].message;
    }
    r = r == RESULT_OK ? pack_message(batch, &message, err) : RESULT_AGAIN;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        wire_view_fini(&views[kind]);
    return r;
}

static enum result take_records(struct batch *batch, const Pavo__Batch *message, struct error *err)
{
    enum result r = RESULT_OK;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT && r == RESULT_OK; kind++) {
        const ProtobufCMessage *columns = *wire_member((ProtobufCMessage *)message, record_kinds[kind]);
        if (columns != NULL)
            r = wire_read(record_kinds[kind], columns, &batch->records[kind], err);
    }
    return r == RESULT_FATAL ? RESULT_AGAIN : r;
}

enum result batch_of_entry(const struct journal_entry *entry, struct batch **ret_batch, struct error *err)
{
    struct bytes plain = {0};
    struct batch *batch = batch_new();
    if (batch == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    batch->observer = entry->speaker;
    batch->sequence = entry->sequence;
    batch->received_ns = entry->received_ns;
    batch->position = entry->position;
    batch->plain_size = entry->plain_size;
    enum result r = unpack(entry->packed, entry->length, entry->plain_size, &plain, err);
    Pavo__Batch *message = NULL;
    if (r == RESULT_OK) {
        message = (Pavo__Batch *)message_unpack(&pavo__batch__descriptor, plain.data, plain.length,
                                                MESSAGE_MEMORY_RECORDS, err);
        r = message == NULL ? RESULT_REJECT : take_records(batch, message, err);
    }
    if (message != NULL)
        pavo__batch__free_unpacked(message, NULL);
    bytes_free(&plain);
    if (r == RESULT_OK)
        *ret_batch = batch;
    else
        batch_destroy(&batch);
    return r == RESULT_FATAL ? RESULT_AGAIN : r;
}
