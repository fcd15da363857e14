/* SPDX-License-Identifier: Apache-2.0 */
/* A batch on its way: made, weighed, freed. */
#include "aggregator/batch.h"

#include <stdlib.h>

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
    free(batch);
}

struct batch *batch_share(struct batch *batch)
{
    atomic_fetch_add(&batch->shared, 1);
    return batch;
}

size_t batch_weight(const struct batch *batch)
{
    size_t weight = sizeof(*batch);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        weight += batch->records[kind] == NULL ? 0 : records_weight(batch->records[kind]);
    return weight;
}
