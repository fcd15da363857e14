/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of an hour, as flow_table.h has them for flows: what one observer saw of one service in one hour of UTC.
 * The store makes them of flows and keeps them longer; nobody says them, and they do not travel. */
#ifndef PAVO_COMMON_RECORDS_HOUR_TABLE_H
#define PAVO_COMMON_RECORDS_HOUR_TABLE_H

#define HOUR_TABLE(X)                                                                                                  \
    X(10, observer, U16, OBSERVER, SAME, NONE, "who saw it")                                                           \
    X(11, time, TIME, TIME, SAME, NONE, "the beginning of the hour that records' first packets were in")               \
    X(12, protocol, U8, PROTOCOL, SAME, NONE, "IANA protocol number")                                                  \
    X(13, dst_port, U16, PORT, SAME, PORTS, "of who was spoken to; 0 where the protocol has none")                     \
    X(14, flows, U64, COUNT, SUM, NONE, "that began")                                                                  \
    X(15, src_packets, U64, COUNT, SUM, NONE, "packets of who spoke first")                                            \
    X(16, dst_packets, U64, COUNT, SUM, NONE, "packets of who answered")                                               \
    X(17, src_bytes, U64, BYTES, SUM, NONE, "bytes of IP of who spoke first")                                          \
    X(18, dst_bytes, U64, BYTES, SUM, NONE, "bytes of IP of who answered")

#endif
