/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a binding, as flow_table.h has them for flows: an end inside a boundary that was another end outside
 * it, from when to when, and who says so. */
#ifndef PAVO_COMMON_RECORDS_BINDING_TABLE_H
#define PAVO_COMMON_RECORDS_BINDING_TABLE_H

#define BINDING_TABLE(X)                                                                                               \
    X(10, observer, U16, OBSERVER, SAME, NONE, "who says so; of a link, who saw the view inside")                      \
    X(11, witness, U8, WITNESS, LAST, NONE, "how it is known")                                                         \
    X(12, boundary, TEXT, TEXT, SAME, NONE, "name of the boundary")                                                    \
    X(13, translated, U8, TRANSLATED, LAST, NONE, "which end of the connection it is: source or destination")          \
    X(14, protocol, U8, PROTOCOL, SAME, NONE, "IANA protocol number; 0: any")                                          \
    X(15, inside_hi, F64, ADDRESS, SAME, NONE, "address inside")                                                       \
    X(16, inside_lo, F64, LOWER, SAME, NONE, "its lower half")                                                         \
    X(17, inside_port, U16, PORT, SAME, NONE, "port inside; ICMP: identifier; 0: any")                                 \
    X(18, outside_hi, F64, ADDRESS, SAME, NONE, "address outside")                                                     \
    X(19, outside_lo, F64, LOWER, SAME, NONE, "its lower half")                                                        \
    X(20, outside_port, U16, PORT, SAME, NONE, "port outside")                                                         \
    X(21, peer_hi, F64, ADDRESS, LAST, PEER, "the connection's other end; unset: any")                                 \
    X(22, peer_lo, F64, LOWER, LAST, PEER, "its lower half")                                                           \
    X(23, peer_port, U16, PORT, LAST, PEER, "its port")                                                                \
    X(24, first_time, TIME, TIME, LEAST, NONE, "from then")                                                            \
    X(25, last_time, TIME, TIME, MOST, NONE, "to then, as known when it was said")                                     \
    X(26, odds, I32, ODDS, LAST, NONE, "log2 of the odds that it is so, thousandths")                                  \
    X(27, flow, U64, NUMBER, LAST, SET, "of a link: the inside view's flow number")                                    \
    X(28, source, TEXT, TEXT, LAST, SET, "of a log or rule: its line")

#define BINDING_WITNESSES(X)                                                                                           \
    X(UNKNOWN, unknown)                                                                                                \
    X(LINK, link)           /* two views were linked */                                                                \
    X(CONNTRACK, conntrack) /* the kernel that translated it */                                                        \
    X(LOG, log)             /* a translator's log */                                                                   \
    X(RULE, rule)           /* configuration: a port block, a static mapping */                                        \
    X(EXPORTER, exporter)   /* NAT events of NetFlow or IPFIX (RFC 8158) */
enum binding_witness {
#define X(name, word) WITNESS_##name,
    BINDING_WITNESSES(X)
#undef X
        WITNESS_COUNT
};

#endif
