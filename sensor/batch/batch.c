/* SPDX-License-Identifier: Apache-2.0 */
/* Batching flow records. */
#include "sensor/batch/batch.h"

#include <stdlib.h>

struct batcher {
    struct batcher_options options;
    struct flow_batch *batch; /* NULL: to be made for the next record */
    int64_t first_at;         /* when the oldest record was first seen waiting; 0: not yet */
    uint64_t lost;
};

enum result batcher_new(const struct batcher_options *options, struct batcher **ret_batcher, struct error *err)
{
    if (options->rows == 0 || options->rows > FLOW_BATCH_ROWS_MAX)
        return error_set(err, RESULT_REJECT, "a batch has between 1 and %u rows", FLOW_BATCH_ROWS_MAX);
    struct batcher *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    b->options = *options;
    *ret_batcher = b;
    return RESULT_OK;
}

void batcher_destroy(struct batcher **batcher)
{
    if (*batcher == NULL)
        return;
    flow_batch_destroy(&(*batcher)->batch);
    free(*batcher);
    *batcher = NULL;
}

/* A batch with its observer, which has index 0: records come with that. */
static bool ready(struct batcher *b)
{
    uint16_t index;
    if (b->batch == NULL)
        b->batch = flow_batch_new(b->options.rows);
    if (b->batch == NULL)
        return false;
    return b->batch->observer_count > 0 || flow_batch_observer(b->batch, &b->options.observer, &index) == RESULT_OK;
}

void batcher_add(struct batcher *batcher, const struct flow *flow)
{
    if (!ready(batcher) || flow_batch_add(batcher->batch, flow) != RESULT_OK) {
        batcher->lost++;
        return;
    }
    if (batcher->batch->rows == batcher->options.rows)
        batcher_flush(batcher);
}

void batcher_tick(struct batcher *batcher, int64_t now_ns)
{
    if (batcher_waiting(batcher) == 0)
        return;
    if (batcher->first_at == 0)
        batcher->first_at = now_ns;
    else if (now_ns - batcher->first_at >= batcher->options.age_ns)
        batcher_flush(batcher);
}

void batcher_flush(struct batcher *batcher)
{
    batcher->first_at = 0;
    if (batcher_waiting(batcher) == 0)
        return;
    batcher->options.submit(batcher->options.context, &batcher->batch);
    if (batcher->batch != NULL)
        flow_batch_clear(batcher->batch);
}

uint32_t batcher_waiting(const struct batcher *batcher)
{
    return batcher->batch == NULL ? 0 : batcher->batch->rows;
}

uint64_t batcher_lost(const struct batcher *batcher)
{
    return batcher->lost;
}
