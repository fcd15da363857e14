/* SPDX-License-Identifier: Apache-2.0 */
/* A batch on its way: made, packed, weighed, freed. */
#include "aggregator/batch.h"

#include <stdlib.h>

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
