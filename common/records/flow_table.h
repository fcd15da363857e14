/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a flow record: one table from which the row, the columns, the wire codec, the store's schema, the
 * filter language's names, text, JSON and CSV, merging and libpavo's accessors are all made.
 *
 * X(number, name, TYPE, KIND, MERGE, GUARD, doc), with the tokens of common/records/field.h: how values are kept, what
 * they are, how the reports of a flow become one, and when the field says something at all (what it says otherwise, and
 * what its observer cannot know, is unknown, not zero). `number` is the field's number in proto FlowColumns and never
 * changes.
 *
 * src is the initiator, dst the responder (RFC 5103's forward and reverse; Argus's s and d).
 * src_x describes what src sent. Counters are deltas since the flow's previous report. */
#ifndef PAVO_COMMON_RECORDS_FLOW_TABLE_H
#define PAVO_COMMON_RECORDS_FLOW_TABLE_H

#define FLOW_TABLE(X)                                                                                                  \
    X(10, flow, U64, NUMBER, SAME, NONE, "number of the flow within its observer (sensor and epoch)")                  \
    X(11, report, U32, NUMBER, LEAST, NONE,                                                                            \
      "0 for the flow's first record, 1 for its second; of merged ones the first's")                                   \
    X(12, observer, U16, OBSERVER, SAME, NONE, "who saw it")                                                           \
    X(13, src_hi, F64, ADDRESS, LAST, NONE, "initiator's address; two halves of 64 bits, IPv4 as ::ffff:a.b.c.d")      \
    X(14, src_lo, F64, LOWER, LAST, NONE, "initiator's address, lower half of it")                                     \
    X(15, dst_hi, F64, ADDRESS, LAST, NONE, "responder's address")                                                     \
    X(16, dst_lo, F64, LOWER, LAST, NONE, "responder's address, lower half of it")                                     \
    X(17, src_port, U16, PORT, LAST, PORTS_OR_ICMP, "initiator's port; ICMP: identifier")                              \
    X(18, dst_port, U16, PORT, LAST, PORTS, "responder's port")                                                        \
    X(19, protocol, U8, PROTOCOL, SAME, NONE, "IANA protocol number (IPFIX 4); 0 with ethertype-only flows")           \
    X(20, icmp_type_code, U16, NUMBER, FIRST, ICMP, "type * 256 + code of the first packet (IPFIX 32/139)")            \
    X(21, vlan, U16, NUMBER, FIRST, SET, "outer 802.1Q VLAN id (IPFIX 58)")                                            \
    X(22, inner_vlan, U16, NUMBER, FIRST, SET, "inner VLAN id of QinQ")                                                \
    X(23, mpls_label, U32, NUMBER, FIRST, SET, "top MPLS label")                                                       \
    X(24, tunnel, U8, TUNNEL, FIRST, SET, "what the flow was found inside of")                                         \
    X(25, tunnel_src_hi, F64, ADDRESS, FIRST, TUNNEL, "outer source address")                                          \
    X(26, tunnel_src_lo, F64, LOWER, FIRST, TUNNEL, "outer source address, lower half of it")                          \
    X(27, tunnel_dst_hi, F64, ADDRESS, FIRST, TUNNEL, "outer destination address")                                     \
    X(28, tunnel_dst_lo, F64, LOWER, FIRST, TUNNEL, "outer destination address, lower half of it")                     \
    X(29, tunnel_id, U32, NUMBER, FIRST, TUNNEL, "VNI, TEID, GRE key or ERSPAN session")                               \
    X(30, interface, U16, NUMBER, FIRST, NONE,                                                                         \
      "interface it came in by: index into the sensor status's interfaces (IPFIX 10)")                                 \
    X(31, first_time, TIME, TIME, LEAST, NONE, "first packet of this report")                                          \
    X(32, last_time, TIME, TIME, MOST, NONE, "last packet of this report")                                             \
    X(33, state, U8, STATE, LAST, NONE, "S0, SF, REJ ... as Zeek and Argus users read it")                             \
    X(34, end_reason, U8, END_REASON, LAST, NONE, "why the record was made, RFC 5102 flowEndReason")                   \
    X(35, direction, U8, DIRECTION, LAST, NONE, "the rule that told src from dst")                                     \
    X(36, history, U64, HISTORY, LAST, SET, "what happened, in order: Zeek's letters, 5 bits each")                    \
    X(37, evidence, U32, EVIDENCE, UNION, NONE, "which of the evidence fields are set")                                \
    X(38, client_rtt, U32, MICROSECONDS, FIRST, CLIENT_RTT,                                                            \
      "handshake round trip sensor-client, microseconds (SYN-ACK to ACK)")                                             \
    X(39, server_rtt, U32, MICROSECONDS, FIRST, SERVER_RTT,                                                            \
      "handshake round trip sensor-server, microseconds (SYN to SYN-ACK)")                                             \
    X(40, icmp_errors, U32, COUNT, SUM, NONE, "ICMP errors that quoted this flow")                                     \
    X(41, icmp_error_type_code, U16, NUMBER, LAST, ERROR, "type * 256 + code of the last of them")                     \
    X(42, icmp_sequence, U16, NUMBER, FIRST, ICMP_SEQUENCE, "sequence number of the first echo request")               \
    X(43, out_interface, U16, NUMBER, FIRST, SET, "interface it left by, where who exports it says so (IPFIX 14)")     \
    X(44, sampling, U32, NUMBER, MOST, SET,                                                                            \
      "one packet of so many was looked at, and the counters are of those; unset: all were")                           \
    X(45, fragments, U8, FRAGMENTS, UNION, SET, "fragments among the packets")                                         \
    FLOW_PAIR(X, 50, packets, U64, COUNT, SUM, NONE, "packets sent")                                                   \
    FLOW_PAIR(X, 52, bytes, U64, BYTES, SUM, NONE, "IP bytes sent, headers included (IPFIX octetDeltaCount)")          \
    FLOW_PAIR(X, 54, payload, U64, BYTES, SUM, NONE, "bytes sent above the transport header")                          \
    FLOW_PAIR(X, 56, tcp_flags, U8, TCP_FLAGS, UNION, TCP, "union of TCP flags sent (IPFIX 6)")                        \
    FLOW_PAIR(X, 58, ttl, U8, NUMBER, FIRST, SENT, "TTL or hop limit of the first packet sent")                        \
    FLOW_PAIR(X, 60, dscp, U8, NUMBER, FIRST, SENT, "DSCP of the first packet sent")                                   \
    FLOW_PAIR(X, 62, size_min, U32, NUMBER, LEAST, SENT, "smallest IP packet sent, bytes")                             \
    FLOW_PAIR(X, 64, size_max, U32, NUMBER, MOST, SENT, "largest IP packet sent, bytes")                               \
    FLOW_PAIR(X, 66, gap_mean, U32, MICROSECONDS, LAST, GAP, "mean time between packets sent, microseconds, 3 digits") \
    FLOW_PAIR(X, 68, gap_deviation, U32, MICROSECONDS, LAST, GAP, "its standard deviation, microseconds, 3 digits")    \
    FLOW_PAIR(X, 70, retransmits, U32, COUNT, SUM, TCP, "TCP segments sent again")                                     \
    FLOW_PAIR(X, 72, out_of_order, U32, COUNT, SUM, TCP, "TCP segments that arrived after a later one")                \
    FLOW_PAIR(X, 74, duplicates, U32, COUNT, SUM, NONE, "packets seen twice at the sensor (same IP id and sequence)")  \
    FLOW_PAIR(X, 76, zero_windows, U32, COUNT, SUM, TCP, "segments that closed the window")                            \
    FLOW_PAIR(X, 78, isn, F32, NUMBER, FIRST, ISN, "TCP initial sequence number")                                      \
    FLOW_PAIR(X, 80, timestamp_origin, F32, NUMBER, FIRST, TIMESTAMP, "first TCP time stamp value")                    \
    FLOW_PAIR(X, 82, digest, F64, HEX, FIRST, DIGEST,                                                                  \
              "keyed digest of the first payload bytes (sensor/meter/evidence.h)")                                     \
    FLOW_PAIR(X, 84, ip_id, U16, NUMBER, FIRST, IP_ID, "IP identification of the first packet")                        \
    FLOW_PAIR(X, 86, mac, F64, MAC, FIRST, SET, "MAC address the first packet came from")                              \
    FLOW_PAIR(X, 88, window, U16, NUMBER, FIRST, TCP, "TCP window of the first packet")                                \
    FLOW_PAIR(X, 90, mss, U16, NUMBER, FIRST, SET, "TCP maximum segment size offered")                                 \
    FLOW_PAIR(X, 92, tcp_options, F64, HEX, FIRST, TCP, "kinds of the first eight TCP options, first in the low byte")

/* The two sides of one thing stand side by side, src first. */
#define FLOW_PAIR(X, number, name, type, kind, merge, guard, doc)                                                      \
    X(number, src_##name, type, kind, merge, SRC_##guard, doc " by src")                                               \
    X(number + 1, dst_##name, type, kind, merge, DST_##guard, doc " by dst")

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
#define FLOW_EVIDENCE_COUNT 11

/* Which of a flow's packets were fragments. */
enum flow_fragments {
    FLOW_FRAGMENTS_SEEN = 1u << 0,   /* some were */
    FLOW_FRAGMENTS_ORPHAN = 1u << 1, /* and of one the first part, with the ports, was not seen */
};
#define FLOW_FRAGMENTS_COUNT 2

#endif
