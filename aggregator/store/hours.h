/* SPDX-License-Identifier: Apache-2.0 */
/* Hours of flows: what stays of them, by service and hour, when they themselves are let go. A record counts in the hour
 * of its first packet; a flow where its first record does. Pure. */
#ifndef PAVO_AGGREGATOR_STORE_HOURS_H
#define PAVO_AGGREGATOR_STORE_HOURS_H

#include "common/records/hour.h"
#include "common/result.h"

/* One row for each of the flows' records that differs in observer, hour, protocol or port, and the flows' observers in
 * the same places. NULL: out of memory. */
struct records *hours_of_flows(const struct records *flows);

/* The same of many flows, one row for all that is alike. {0} to begin with. */
struct hours {
    struct records *sums; /* owned; NULL: of no flows yet */
    uint32_t *table;      /* owned: rows by what they are of */
    uint32_t size;        /* of the table */
};
void hours_fini(struct hours *hours);
/* RESULT_FULL: with these flows' there would be more than RECORDS_OBSERVERS_MAX observers, and nothing is changed; take
 * what is there and begin anew. RESULT_AGAIN: out of memory. */
MUST_CHECK enum result hours_add(struct hours *hours, const struct records *flows);
/* What was added so far, the caller's; NULL: nothing was. The hours begin anew. */
struct records *hours_take(struct hours *hours);

#endif
