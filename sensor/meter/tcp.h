/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the meter: TCP connections as Zeek's conn_state and history tell them. */
#ifndef PAVO_SENSOR_METER_TCP_H
#define PAVO_SENSOR_METER_TCP_H

#include "common/records/flow_table.h"
#include "sensor/meter/entry.h"

/* Is the SYN in `d` the first of another connection with the same ports? */
bool tcp_starts_anew(const struct entry *e, const struct decoded *d, enum side_number from);

/* Takes note of what `d` changes: end points, history, sequence numbers, round trips. Before the packet is counted. */
void tcp_packet(struct entry *e, struct cold *cold, const struct decoded *d, enum side_number from);

enum flow_state tcp_state(const struct entry *e);

#endif
