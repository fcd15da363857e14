/* SPDX-License-Identifier: Apache-2.0 */
/* Batches as entries of the journal, and back. */
#include "aggregator/store/entry.h"

#include "common/message.h"
#include "common/records/flow.h"
#include "common/records/wire.h"

struct journal_entry entry_of_batch(const struct batch *b)
{
    struct journal_entry entry = {.position = b->position,
                                  .speaker = b->observer,
                                  .sequence = b->sequence,
                                  .received_ns = b->received_ns,
                                  .first_ns = INT64_MAX,
                                  .last_ns = INT64_MIN,
                                  .plain_size = b->plain_size,
                                  .packed = b->packed.data,
                                  .length = b->packed.length};
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        entry.rows[kind] = batch_rows(b, kind);
    if (batch_rows(b, RECORD_FLOW) > 0) {
        const struct flow_batch *flows = flow_batch_of(b->records[RECORD_FLOW]);
        records_extent(b->records[RECORD_FLOW], &entry.first_ns, &entry.last_ns);
        for (uint32_t i = 0; i < flows->rows; i++)
            entry.packets += flows->src_packets[i] + flows->dst_packets[i];
    }
    return entry;
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
