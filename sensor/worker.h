/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: one thread that takes packets from its capture through decode and meter into batches.
 *
 *   capture ► decode ► meter ► batcher ► (callback of the batcher)
 *
 * All of these belong to the worker's thread. The others see it through snapshots, which it makes between packets. */
#ifndef PAVO_SENSOR_WORKER_H
#define PAVO_SENSOR_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/speak/batch.h"
#include "sensor/capture/capture.h"
#include "sensor/decode/decode.h"
#include "sensor/meter/meter.h"

struct worker;

struct worker_options {
    struct capture *capture; /* taken */
    bool live;               /* time-outs go on by the wall clock when no packets come */
    bool follow;             /* so they do, as far behind as what is read: worker.c has the rule */
    struct decode_options decode;
    struct meter_options meter; /* its sink is set by the worker */
    struct batcher_options batcher;
    void (*finished)(void); /* called on the worker's thread as its last act; NULL: nobody waits */
};

/* What became of the packets of one source. */
struct source_counts {
    struct capture_source source;
    uint64_t received;                       /* = the sum of outcomes */
    uint64_t outcomes[DECODE_OUTCOME_COUNT]; /* packets */
    uint64_t bytes[DECODE_OUTCOME_COUNT];    /* IP bytes of metered ones; else bytes on the wire */
};

struct worker_snapshot {
    struct meter_counts meter;
    struct batcher_lost lost;
    int64_t lag_ns;     /* live: how old a batch's newest packet was when it was handled; the most since the snapshot
                           that was got before */
    int64_t through_ns; /* every flow that began before this is in a batch handed on; 0: not known */
    int64_t taken_ns;   /* wall clock: what the kernel dropped before this is counted */
    size_t source_count;
    struct source_counts sources[CAPTURE_SOURCES_MAX];
};

MUST_CHECK enum result worker_start(const struct worker_options *options, struct worker **ret_worker,
                                    struct error *err);

/* Ends the capture soon, a live one when what came before is read; the worker then ends all flows and hands over its
 * last batch. Any thread. */
void worker_stop(struct worker *worker);

bool worker_finished(struct worker *worker);

/* The newest snapshot; at most a quarter of a second old, and exact when the worker has finished. Any thread. */
void worker_snapshot_get(struct worker *worker, struct worker_snapshot *ret_snapshot);

/* Waits for a finished worker's thread and frees all. */
void worker_destroy(struct worker **worker);

#endif
