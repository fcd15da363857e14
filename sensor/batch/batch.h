/* SPDX-License-Identifier: Apache-2.0 */
/* Batching: flow records are collected into columns and handed on when there are enough, or when the first has waited
 * long enough. One thread. Memory: one batch of `rows`. */
#ifndef PAVO_SENSOR_BATCH_BATCH_H
#define PAVO_SENSOR_BATCH_BATCH_H

#include <stdint.h>

#include "common/flow.h"
#include "common/result.h"

#define BATCH_ROWS_DEFAULT 8192u

struct batcher;

struct batcher_options {
    struct observer observer;
    uint32_t rows;  /* 1 .. FLOW_BATCH_ROWS_MAX */
    int64_t age_ns; /* by the clock given to batcher_tick */
    /* Takes the batch: sets *batch NULL, or leaves it to be used again (it is cleared then). */
    void (*submit)(void *context, struct flow_batch **batch);
    void *context;
};

MUST_CHECK enum result batcher_new(const struct batcher_options *options, struct batcher **ret_batcher,
                                   struct error *err);

/* What is still collected is forgotten: batcher_flush first. */
void batcher_destroy(struct batcher **batcher);

void batcher_add(struct batcher *batcher, const struct flow *flow);
void batcher_tick(struct batcher *batcher, int64_t now_ns);
void batcher_flush(struct batcher *batcher);

/* Records collected and not yet handed on; records given up because no memory could be had for a batch. */
uint32_t batcher_waiting(const struct batcher *batcher);
uint64_t batcher_lost(const struct batcher *batcher);

#endif
