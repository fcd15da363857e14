/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the meter: what is kept of a flow.
 *
 * An entry is in four arrays by one index, so that a packet touches two cache lines (head and one side) and the table
 * 288 bytes a flow: entry (192), cold (88), wheel links (8); buckets add under 11. Narrow counters are safe because a
 * report, which starts them at zero, is made before one could overflow (ENTRY_REPORT). */
#ifndef PAVO_SENSOR_METER_ENTRY_H
#define PAVO_SENSOR_METER_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "sensor/decode/decode.h"

#define ENTRY_NONE UINT32_MAX

/* The two ends in canonical order, so that both directions have one key. */
struct flow_key {
    uint64_t low_hi, low_lo; /* the lesser end's address */
    uint64_t high_hi, high_lo;
    uint64_t transport; /* protocol, kind, and the two ports or the discriminator */
};

enum side_number { SIDE_SRC, SIDE_DST };

/* What one side of a TCP connection has done, after Zeek's endpoint states. */
enum tcp_endpoint {
    ENDPOINT_INACTIVE,
    ENDPOINT_SYN_SENT,
    ENDPOINT_SYN_ACK_SENT, /* without a SYN before it */
    ENDPOINT_PARTIAL,      /* spoke, but no handshake was seen */
    ENDPOINT_ESTABLISHED,
    ENDPOINT_CLOSED,
    ENDPOINT_RESET,
};

enum entry_flag {
    ENTRY_SRC_IS_HIGH = 1, /* the initiator is the key's greater end */
    ENTRY_ANSWERED = 2,    /* both sides have spoken; TCP: the initiator more than its SYN */
    ENTRY_REPORT = 4,      /* report before counting more: a counter is nearly full */
    ENTRY_CLOSED = 8,      /* FIN both ways, or RST */
    ENTRY_NEWS = 16,       /* packets came that are in no record yet; said here to spare a look at both sides */
};

struct entry_head {
    struct flow_key key;
    int64_t first_time; /* of the packets not yet reported */
    int64_t last_time;  /* of all packets */
    uint32_t extension; /* index, or ENTRY_NONE */
    uint8_t flags;      /* enum entry_flag */
    uint8_t direction;  /* enum flow_direction */
    uint8_t endpoint[2];
};

enum side_bit {
    SIDE_SEEN = 1,     /* has sent a packet; what describes the first is set */
    SIDE_SEQUENCE = 2, /* next_sequence is set */
    SIDE_ISN = 4,
    SIDE_TIMESTAMP = 8,
    SIDE_DIGEST = 16,
    SIDE_DIGEST_OVER = 32, /* the first payload has passed, whether there is a digest or not */
    SIDE_IP_ID = 64,
};

enum side_history {
    HISTORY_S = 1,
    HISTORY_H = 2,
    HISTORY_A = 4,
    HISTORY_D = 8,
    HISTORY_F = 16,
    HISTORY_R = 32,
    HISTORY_T = 64,
    HISTORY_W = 128,
    HISTORY_Q = 256,
    HISTORY_I = 512,
    HISTORY_DATA = 1024, /* no letter: payload, also in a SYN or FIN */
    HISTORY_BEYOND_SYN = HISTORY_A | HISTORY_D | HISTORY_F | HISTORY_R | HISTORY_I,
};

/* One direction. The first line of members is of the report, the second of the flow. */
struct side {
    uint32_t bytes, headers; /* headers: bytes - payload */
    uint32_t packets;
    uint32_t first, last;        /* microseconds after head.first_time */
    float gap_deviations;        /* sum of squared deviations of gaps from their mean, microseconds^2 */
    uint16_t size_min, size_max; /* 65535 and more */
    uint16_t retransmits, out_of_order;
    uint8_t duplicates, zero_windows;
    uint8_t tcp_flags;

    uint8_t bits; /* enum side_bit */
    uint8_t ttl, dscp;
    uint16_t history; /* enum side_history: letters already said */
    uint16_t last_ip_id, ip_id;
    uint16_t window, mss;
    uint16_t hole_length; /* one gap in the sequence space, from hole_start on */
    uint16_t mac_high;
    union {
        uint32_t next_sequence; /* TCP */
        uint32_t last_bytes;    /* others: of the packet before */
    };
    uint32_t hole_start;
    uint32_t isn;
};

struct entry {
    struct entry_head head;
    struct side side[2]; /* enum side_number */
} __attribute__((aligned(64)));

#define DUPLICATE_GAP_NS 1000000 /* what a tap shows twice, it shows twice within this */

/* Of a side that has sent packets in this report. */
static inline int64_t side_last_time(const struct entry *e, const struct side *s)
{
    return e->head.first_time + (int64_t)s->last * 1000;
}

static inline bool side_just_sent(const struct entry *e, const struct side *s, int64_t time_ns)
{
    return s->packets > 0 && time_ns - side_last_time(e, s) <= DUPLICATE_GAP_NS;
}

/* Packed, since each byte here is a megabyte in a full table. */
struct cold {
    uint64_t flow; /* its number */
    uint64_t history;
    uint64_t digest[2];
    uint64_t tcp_options[2];
    uint32_t timestamp_origin[2];
    uint32_t mac_low[2];
    uint32_t report;
    uint32_t server_rtt;
    union {
        uint32_t client_rtt; /* TCP */
        struct {             /* ICMP */
            uint16_t icmp_type_code, icmp_sequence;
        };
    };
    uint16_t evidence; /* enum flow_evidence bits that no side_bit says */
    uint16_t vlan;
    uint16_t interface;
    uint16_t icmp_errors, icmp_error_type_code;
    uint8_t fragments; /* enum flow_fragments; of the report */
} __attribute__((packed, aligned(4)));

/* What few flows have: allocated when needed, from a pool as large as the table. */
struct extension {
    struct encapsulation outer;
    uint32_t mpls_label;
    uint16_t inner_vlan;
};

_Static_assert(sizeof(struct entry_head) == 64, "one cache line");
_Static_assert(sizeof(struct side) == 64, "one cache line");
_Static_assert(sizeof(struct entry) + sizeof(struct cold) + 8 == 288, "as said above");

#endif
