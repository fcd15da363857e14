/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers know, summed: as a status and as loss records for the aggregator, and as totals for a person. */
#ifndef PAVO_SENSOR_STATUS_H
#define PAVO_SENSOR_STATUS_H

#include <stdio.h>

#include "common/speak/shipper.h"
#include "sensor/worker.h"

struct totals {
    struct worker_snapshot
        sum;        /* counters added up; lag_ns is the worst worker's, taken_ns and through_ns the earliest */
    int64_t cpu_ns; /* of the process */
    uint64_t rss_bytes, rss_peak_bytes;
    int64_t started_ns;
    int64_t wall_ns; /* since then */
};

void totals_collect(struct worker *const *workers, size_t count, int64_t started_ns, struct totals *ret_totals);

/* What a sensor says of itself, as shipper_status takes it: all but what the shipper knows. The caller owns it. NULL:
 * out of memory. */
struct records *status_make(const struct totals *totals, bool last);

/* Packets that the kernel or an interface dropped since `before` (all zero: the start) become loss records; their time
 * ranges begin where the counts of `before` were taken, which may be a while before those were collected. So do records
 * that there was no memory to collect. */
void losses_ship(struct shipper *shipper, const struct totals *before, const struct totals *now);

/* Are there such losses? And as lines of the log. */
bool losses_any(const struct totals *before, const struct totals *now);
void losses_log(const struct totals *before, const struct totals *now);

/* The totals of --dry-run. */
void totals_print(FILE *out, const struct totals *totals, bool json);

#endif
