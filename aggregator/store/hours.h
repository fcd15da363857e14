/* SPDX-License-Identifier: Apache-2.0 */
/* Hours of flows: what stays of them, by service and hour, when they themselves are let go. */
#ifndef PAVO_AGGREGATOR_STORE_HOURS_H
#define PAVO_AGGREGATOR_STORE_HOURS_H

#include "common/records/hour.h"

/* One row for each of the flows' records that differs in observer, hour, protocol or port, and the flows' observers in
 * the same places. A record counts in the hour of its first packet; a flow where its first record does. Pure. NULL: out
 * of memory. */
struct records *hours_of_flows(const struct records *flows);

#endif
