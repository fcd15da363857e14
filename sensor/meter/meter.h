/* SPDX-License-Identifier: Apache-2.0 */
/* The meter: decoded packets become flows, flows become records.
 *
 * Pure: no I/O, no clock; time is the packets' own, or what meter_advance is told. Deterministic: the same packets
 * make the same records, however they are cut into calls. One thread at a time; several threads have a meter each.
 *
 * Memory is bounded by flows_max: METER_FLOW_BYTES for each flow tracked at once (touched as it is needed, and reused),
 * and METER_FIXED_BYTES beside. When all are taken, the oldest unanswered flow ends early with FLOW_END_RESOURCES; when
 * every flow is answered, the one nearest to its time-out does. docs/flows.md has the rules in full. */
#ifndef PAVO_SENSOR_METER_METER_H
#define PAVO_SENSOR_METER_METER_H

#include <stddef.h>
#include <stdint.h>

#include "common/keys.h"
#include "common/records/flow.h"
#include "common/result.h"
#include "sensor/decode/decode.h"

struct meter;

/* Takes a record; it is the meter's again when the call returns. `observer` is left 0. */
struct meter_sink {
    void (*emit)(void *context, const struct flow *flow);
    void *context;
};

#define METER_FLOWS_MIN     64u
#define METER_FLOWS_DEFAULT (1u << 20)
#define METER_FLOWS_MAX     (1u << 27)
#define METER_FLOW_BYTES    300u
#define METER_FIXED_BYTES   (4u << 20)
#define METER_REPORT_MAX_NS (1800ll * 1000000000) /* longest status interval: times within a report have 32 bits */

struct meter_options {
    int64_t idle_ns;        /* a flow without packets for so long is over */
    int64_t established_ns; /* the same, for TCP connections that are open, */
    int64_t udp_ns;         /* for UDP, */
    int64_t icmp_ns;        /* for ICMP and ICMPv6, */
    int64_t unanswered_ns;  /* and for any while only one side has spoken, or TCP's initiator only its SYN */
    int64_t linger_ns;      /* and after FIN both ways, or RST */
    int64_t status_ns;      /* a flow that goes on is reported so often; at most METER_REPORT_MAX_NS */
    uint32_t flows_max;
    uint64_t first_flow; /* flow numbers are first_flow, first_flow + flow_step ...: one observer, several meters */
    uint64_t flow_step;
    uint64_t seed;             /* of the table's hash: random, so that no sender can choose collisions */
    const uint8_t *digest_key; /* KEY_BYTES; NULL: payload digests are not made */
    struct meter_sink sink;
};

/* Sensible values for all but digest_key and sink. */
struct meter_options meter_options_default(void);

MUST_CHECK enum result meter_new(const struct meter_options *options, struct meter **ret_meter, struct error *err);

/* Forgets what is still in the table: meter_flush first. */
void meter_destroy(struct meter **meter);

/* Counts packets, in the order given. */
void meter_add(struct meter *meter, const struct decoded *packets, size_t count);

/* It is `now`: flows whose time is up are reported. Needed when no packets come. */
void meter_advance(struct meter *meter, int64_t now);

/* Ends every flow: with FLOW_END_FORCED, or as it ended if it lingers. */
void meter_flush(struct meter *meter);

struct meter_counts {
    uint64_t packets;          /* metered */
    uint64_t bytes;            /* IP bytes of those */
    uint64_t packets_recorded; /* of these, in records */
    uint64_t flows_made;
    uint64_t flows_active;
    uint64_t flows_evicted; /* ended with FLOW_END_RESOURCES */
    uint64_t records_made;
    uint64_t clock_steps; /* packet time went back by more than 60 s: all flows were ended */
    uint64_t fragments_waiting;
};
void meter_counts_get(const struct meter *meter, struct meter_counts *ret_counts);

#endif
