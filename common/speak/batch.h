/* SPDX-License-Identifier: Apache-2.0 */
/* Batching: records of one kind are collected into columns and handed on when there are enough, or when the first has
 * waited long enough. One thread. Memory: one batch of `rows`. */
#ifndef PAVO_COMMON_SPEAK_BATCH_H
#define PAVO_COMMON_SPEAK_BATCH_H

#include <stdint.h>

#include "common/records/records.h"
#include "common/result.h"

#define BATCH_ROWS_DEFAULT 8192u

struct batcher;

struct batcher_options {
    const struct record_kind *kind;
    struct observer observer; /* who speaks: has index 0 in every batch */
    uint32_t rows;            /* 1 .. RECORDS_ROWS_MAX */
    int64_t age_ns;           /* by the clock given to batcher_tick */
    /* Takes the batch: sets *records NULL, or leaves it to be used again (it is cleared then). */
    void (*submit)(void *context, struct records **records);
    void *context;
};

MUST_CHECK enum result batcher_new(const struct batcher_options *options, struct batcher **ret_batcher,
                                   struct error *err);

/* What is still collected is forgotten: batcher_flush first. */
void batcher_destroy(struct batcher **batcher);

/* A row struct of the kind (struct flow, struct binding ...), without items. */
void batcher_add(struct batcher *batcher, const void *row);

/* The same with its items: `lists` has one entry for each list of the kind. */
struct batcher_list {
    const void *items; /* item structs of the list, one behind the other */
    uint32_t count;
};
void batcher_add_lists(struct batcher *batcher, const void *row, const struct batcher_list *lists);

/* The index of another observer than the speaker, for the row added next. RESULT_FULL: no memory, or
 * RECORDS_OBSERVERS_MAX in one batch. */
MUST_CHECK enum result batcher_observer(struct batcher *batcher, const struct observer *observer, uint16_t *ret_index);

void batcher_tick(struct batcher *batcher, int64_t now_ns);
void batcher_flush(struct batcher *batcher);

/* Records collected and not yet handed on. */
uint32_t batcher_waiting(const struct batcher *batcher);

/* Records given up because no memory could be had for them or a list was too long, and the times they spanned: to be
 * told as a loss. */
struct batcher_lost {
    uint64_t records;
    int64_t from_time, to_time;
};
struct batcher_lost batcher_lost(const struct batcher *batcher);

#endif
