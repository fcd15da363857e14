/* SPDX-License-Identifier: Apache-2.0 */
/* A batch on its whole way through the aggregator: what one speaker said under one name. Receive makes it, correlate
 * looks at it, the store gives it its place in the stream, publish sends it out. What the aggregator itself concludes
 * is a batch too, without a speaker. One thread at a time; handing over the pointer hands over the batch. */
#ifndef PAVO_AGGREGATOR_BATCH_H
#define PAVO_AGGREGATOR_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pack.h"
#include "common/records/records.h"
#include "common/result.h"

/* Where an acknowledgement goes: a ROUTER's routing id. */
#define ROUTE_MAX 255u
struct route {
    uint8_t peer[ROUTE_MAX];
    uint8_t length;
};

struct batch {
    atomic_uint shared;       /* further references than the first: nobody changes it then */
    struct observer observer; /* who speaks; sensor "" : the aggregator's own conclusions, which have no name */
    uint64_t sequence;        /* 0 for those */
    int64_t received_ns;
    struct records *records[RECORD_KIND_COUNT]; /* owned, by enum record_kind_number; NULL: none of that kind */
    struct route route;
    struct bytes packed; /* owned: the Batch message it is made of, packed, until it is in the journal; or none */
    uint32_t plain_size; /* what that unpacks to */
    /* Given by store_commit. */
    uint64_t position;
    uint64_t previous[RECORD_KIND_COUNT]; /* position of the batch before it that had records of that kind; 0: none */
};

/* What is left of a batch that is committed: enough to acknowledge it. */
struct receipt {
    struct observer observer;
    uint64_t sequence;
    struct route route;
};

struct batch *batch_new(void); /* NULL: out of memory */
/* Gives a reference back; the last one frees. */
void batch_destroy(struct batch **batch);
/* One more reference, from here on nobody changes it. */
struct batch *batch_share(struct batch *batch);
/* Does anybody speak in it, so that it has a name? */
static inline bool batch_has_name(const struct batch *batch)
{
    return batch->observer.sensor[0] != '\0';
}
/* Makes `packed` and plain_size of the records: of what the aggregator concludes itself. RESULT_AGAIN: out of memory.
 */
MUST_CHECK enum result batch_pack(struct batch *batch, struct error *err);

/* Bytes it holds, nearly. */
size_t batch_weight(const struct batch *batch);
/* Rows of a kind; 0 without. */
static inline uint32_t batch_rows(const struct batch *batch, enum record_kind_number kind)
{
    return batch->records[kind] == NULL ? 0 : batch->records[kind]->rows;
}

#endif
