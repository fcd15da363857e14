/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a flow record: one table from which the row, the columns, the wire codec, the
 * store's schema, the filter language's names and the printed output are all made.
 *
 * X(number, name, KIND, doc) with KIND one of
 *   U8 U16 U32 U64   unsigned; on the wire a varint
 *   F32 F64          as random as bits come; on the wire fixed width
 *   TIME             signed nanoseconds since 1970-01-01 UTC
 * `number` is the field's number in proto FlowColumns and never changes.
 *
 * src is the initiator, dst the responder (RFC 5103's forward and reverse; Argus's s and d).
 * src_x describes what src sent. Counters are deltas since the flow's previous report. */
#ifndef PAVO_COMMON_FLOW_FIELDS_H
#define PAVO_COMMON_FLOW_FIELDS_H

#define FLOW_FIELDS(X)                                                                                                 \
    X(10, flow, U64, "number of the flow within its observer (sensor and epoch)")                                      \
    X(11, report, U32, "0 for the flow's first record, 1 for its second ...")                                          \
    X(12, observer, U16, "index into the batch's observers")                                                           \
    X(13, src_hi, F64, "initiator's address, upper half; IPv4 is ::ffff:a.b.c.d")                                      \
    X(14, src_lo, F64, "initiator's address, lower half")                                                              \
    X(15, dst_hi, F64, "responder's address, upper half")                                                              \
    X(16, dst_lo, F64, "responder's address, lower half")                                                              \
    X(17, src_port, U16, "initiator's port; ICMP echo: identifier")                                                    \
    X(18, dst_port, U16, "responder's port; ICMP: 0")                                                                  \
    X(19, protocol, U8, "IANA protocol number (IPFIX 4); 0 with ethertype-only flows")                                 \
    X(20, icmp_type_code, U16, "type * 256 + code of the first packet (IPFIX 32/139)")                                 \
    X(21, vlan, U16, "outer 802.1Q VLAN id (IPFIX 58)")                                                                \
    X(22, inner_vlan, U16, "inner VLAN id of QinQ")                                                                    \
    X(23, mpls_label, U32, "top MPLS label")                                                                           \
    X(24, tunnel, U8, "enum flow_tunnel: what the flow was found inside of")                                           \
    X(25, tunnel_src_hi, F64, "outer source address, upper half")                                                      \
    X(26, tunnel_src_lo, F64, "outer source address, lower half")                                                      \
    X(27, tunnel_dst_hi, F64, "outer destination address, upper half")                                                 \
    X(28, tunnel_dst_lo, F64, "outer destination address, lower half")                                                 \
    X(29, tunnel_id, U32, "VNI, TEID, GRE key or ERSPAN session")                                                      \
    X(30, interface, U16, "index into the sensor status's interfaces")                                                 \
    X(31, first_time, TIME, "first packet of this report")                                                             \
    X(32, last_time, TIME, "last packet of this report")                                                               \
    X(33, state, U8, "enum flow_state: S0, SF, REJ ... as Zeek and Argus users read it")                               \
    X(34, end_reason, U8, "why the record was made, RFC 5102 flowEndReason")                                           \
    X(35, direction, U8, "enum flow_direction: the rule that told src from dst")                                       \
    X(36, history, U64, "what happened, in order: Zeek's letters, 5 bits each (flow_history_text)")                    \
    X(37, evidence, U32, "enum flow_evidence bits: which of the evidence fields are set")                              \
    X(38, client_rtt, U32, "handshake round trip sensor-client, microseconds (SYN-ACK to ACK)")                        \
    X(39, server_rtt, U32, "handshake round trip sensor-server, microseconds (SYN to SYN-ACK)")                        \
    X(40, icmp_errors, U32, "ICMP errors that quoted this flow")                                                       \
    X(41, icmp_error_type_code, U16, "type * 256 + code of the last of them")                                          \
    X(42, icmp_sequence, U16, "sequence number of the first echo request")                                             \
    FLOW_PAIR(X, 50, packets, U64, "packets sent")                                                                     \
    FLOW_PAIR(X, 52, bytes, U64, "IP bytes sent, headers included (IPFIX octetDeltaCount)")                            \
    FLOW_PAIR(X, 54, payload, U64, "bytes sent above the transport header")                                            \
    FLOW_PAIR(X, 56, tcp_flags, U8, "union of TCP flags sent (IPFIX 6)")                                               \
    FLOW_PAIR(X, 58, ttl, U8, "TTL or hop limit of the first packet sent")                                             \
    FLOW_PAIR(X, 60, dscp, U8, "DSCP of the first packet sent")                                                        \
    FLOW_PAIR(X, 62, size_min, U32, "smallest IP packet sent, bytes")                                                  \
    FLOW_PAIR(X, 64, size_max, U32, "largest IP packet sent, bytes")                                                   \
    FLOW_PAIR(X, 66, gap_mean, U32, "mean time between packets sent, microseconds")                                    \
    FLOW_PAIR(X, 68, gap_deviation, U32, "its standard deviation, microseconds")                                       \
    FLOW_PAIR(X, 70, retransmits, U32, "TCP segments sent again")                                                      \
    FLOW_PAIR(X, 72, out_of_order, U32, "TCP segments that arrived after a later one")                                 \
    FLOW_PAIR(X, 74, duplicates, U32, "packets seen twice at the sensor (same IP id and sequence)")                    \
    FLOW_PAIR(X, 76, zero_windows, U32, "segments that closed the window")                                             \
    FLOW_PAIR(X, 78, isn, F32, "TCP initial sequence number")                                                          \
    FLOW_PAIR(X, 80, timestamp_origin, F32, "first TCP time stamp value")                                              \
    FLOW_PAIR(X, 82, digest, F64, "keyed digest of the first payload bytes (sensor/meter/evidence.h)")                 \
    FLOW_PAIR(X, 84, ip_id, U16, "IP identification of the first packet")                                              \
    FLOW_PAIR(X, 86, mac, F64, "MAC address the first packet came from")                                               \
    FLOW_PAIR(X, 88, window, U16, "TCP window of the first packet")                                                    \
    FLOW_PAIR(X, 90, mss, U16, "TCP maximum segment size offered")                                                     \
    FLOW_PAIR(X, 92, tcp_options, F64, "kinds of the first eight TCP options, first in the low byte")

#define FLOW_PAIR(X, number, name, kind, doc)                                                                          \
    X(number, src_##name, kind, doc " by src")                                                                         \
    X(number + 1, dst_##name, kind, doc " by dst")

/* Connection states. TCP as Zeek's conn_state; other protocols: S0 unanswered, SF answered. */
#define FLOW_STATES(X)                                                                                                 \
    X(OTH, "no SYN seen: joined midway")                                                                               \
    X(S0, "attempt seen, no reply")                                                                                    \
    X(S1, "established, not ended")                                                                                    \
    X(S2, "established, originator closed, no reply to that")                                                          \
    X(S3, "established, responder closed, no reply to that")                                                           \
    X(SF, "normal establishment and end")                                                                              \
    X(REJ, "attempt rejected")                                                                                         \
    X(RSTO, "established, originator aborted")                                                                         \
    X(RSTR, "responder aborted")                                                                                       \
    X(RSTOS0, "originator sent SYN and RST, no SYN-ACK seen")                                                          \
    X(RSTRH, "responder sent SYN-ACK and RST, no SYN seen")                                                            \
    X(SH, "originator sent SYN and FIN, no SYN-ACK seen")                                                              \
    X(SHR, "responder sent SYN-ACK and FIN, no SYN seen")

enum flow_state {
#define X(name, doc) FLOW_STATE_##name, /* doc */
    FLOW_STATES(X)
#undef X
        FLOW_STATE_COUNT
};

/* RFC 5102 section 5.11.3, flowEndReason (IPFIX 136). */
enum flow_end_reason {
    FLOW_END_NONE = 0,
    FLOW_END_IDLE = 1,
    FLOW_END_ACTIVE = 2,    /* status interval: the flow goes on */
    FLOW_END_DETECTED = 3,  /* FIN or RST */
    FLOW_END_FORCED = 4,    /* end of file, sensor stopped */
    FLOW_END_RESOURCES = 5, /* flow table full */
    FLOW_END_COUNT
};

/* How src and dst were told apart; docs/flows.md gives the rules. */
enum flow_direction {
    FLOW_DIRECTION_FIRST = 0,     /* src sent the first packet seen, and nothing better is known */
    FLOW_DIRECTION_HANDSHAKE = 1, /* src sent SYN, or dst SYN-ACK */
    FLOW_DIRECTION_PORT = 2,      /* joined midway: the lower, registered port is the responder's */
    FLOW_DIRECTION_REQUEST = 3,   /* ICMP: src sent the request */
    FLOW_DIRECTION_COUNT
};

enum flow_tunnel {
    FLOW_TUNNEL_NONE,
    FLOW_TUNNEL_IPIP, /* IPv4 in IPv4, 6in4, 4in6, IPv6 in IPv6 */
    FLOW_TUNNEL_GRE,
    FLOW_TUNNEL_ERSPAN,
    FLOW_TUNNEL_VXLAN,
    FLOW_TUNNEL_GENEVE,
    FLOW_TUNNEL_GTPU,
    FLOW_TUNNEL_TEREDO,
    FLOW_TUNNEL_COUNT
};

/* Which evidence fields of a record are set: an explicit bit, never a magic value. */
enum flow_evidence {
    FLOW_HAS_SRC_ISN = 1u << 0,
    FLOW_HAS_DST_ISN = 1u << 1,
    FLOW_HAS_SRC_TIMESTAMP = 1u << 2,
    FLOW_HAS_DST_TIMESTAMP = 1u << 3,
    FLOW_HAS_SRC_DIGEST = 1u << 4,
    FLOW_HAS_DST_DIGEST = 1u << 5,
    FLOW_HAS_SRC_IP_ID = 1u << 6,
    FLOW_HAS_DST_IP_ID = 1u << 7,
    FLOW_HAS_ICMP_SEQUENCE = 1u << 8,
    FLOW_HAS_CLIENT_RTT = 1u << 9,
    FLOW_HAS_SERVER_RTT = 1u << 10,
};

/* What agreed between two linked views (Link.evidence). */
enum link_evidence {
    LINK_SRC_ISN = 1u << 0,
    LINK_DST_ISN = 1u << 1,
    LINK_SRC_TIMESTAMP = 1u << 2,
    LINK_DST_TIMESTAMP = 1u << 3,
    LINK_SRC_DIGEST = 1u << 4,
    LINK_DST_DIGEST = 1u << 5,
    LINK_SRC_IP_ID = 1u << 6,
    LINK_DST_IP_ID = 1u << 7,
    LINK_ICMP_SEQUENCE = 1u << 8,
    LINK_PEER = 1u << 9,     /* the untranslated end has the same address and port */
    LINK_TUPLE = 1u << 10,   /* both ends have */
    LINK_PAYLOAD = 1u << 11, /* the same payload bytes each way */
    LINK_TIME = 1u << 12,    /* first packets within the boundary's tolerance */
};

#endif
