/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a status, as flow_table.h has them for flows: what a sensor says of itself. Numbers are cumulative
 * since the start of its epoch. packets offered = metered + dropped, for each interface; records made = acknowledged +
 * lost
 * + held (invariants 1 and 2 of docs/design.md). */
#ifndef PAVO_COMMON_RECORDS_STATUS_TABLE_H
#define PAVO_COMMON_RECORDS_STATUS_TABLE_H

#define STATUS_TABLE(X)                                                                                                \
    X(10, observer, U16, OBSERVER, SAME, NONE, "who speaks")                                                           \
    X(11, time, TIME, TIME, MOST, NONE, "by the sensor's clock")                                                       \
    X(12, started, TIME, TIME, SAME, NONE, "by the sensor's clock")                                                    \
    X(13, software, TEXT, TEXT, SAME, SET, "name and version")                                                         \
    X(14, flows_made, U64, COUNT, MOST, NONE, "distinct flows")                                                        \
    X(15, records_made, U64, COUNT, MOST, NONE, "records but statuses and losses (a long flow makes several)")         \
    X(16, records_acknowledged, U64, COUNT, MOST, NONE, "of those, committed by the aggregator")                       \
    X(17, records_lost, U64, COUNT, MOST, NONE, "of those, in loss records")                                           \
    X(18, records_held, U64, COUNT, LAST, NONE, "of those, in the meter's batches, queue or spool")                    \
    X(19, flows_active, U64, COUNT, LAST, NONE, "in the flow table now")                                               \
    X(20, packets_in_table, U64, COUNT, LAST, NONE, "metered, and not yet in any record")                              \
    X(21, batches_made, U64, COUNT, MOST, NONE, "batches")                                                             \
    X(22, batches_held, U64, COUNT, LAST, NONE, "of those, not acknowledged")                                          \
    X(23, batches_resent, U64, COUNT, MOST, NONE, "sent again")                                                        \
    X(24, bytes_sent, U64, BYTES, MOST, NONE, "sealed bytes handed to ZeroMQ, resends included")                       \
    X(25, reconnects, U64, COUNT, MOST, NONE, "connections made after the first")                                      \
    X(26, clock_known, U8, FLAG, LAST, NONE, "the clock has been compared with the aggregator's")                      \
    X(27, clock_offset, I64, NANOSECONDS, LAST, CLOCK,                                                                 \
      "aggregator's clock minus the sensor's, by the best recent exchange")                                            \
    X(28, clock_error, I64, NANOSECONDS, LAST, CLOCK, "half that exchange's round trip")                               \
    X(29, capture_lag, I64, NANOSECONDS, LAST, NONE,                                                                   \
      "age of the newest packet when it was handled; the most since the status before (live capture)")                 \
    X(30, cpu, I64, NANOSECONDS, MOST, NONE, "processor time of the process")                                          \
    X(31, rss, U64, BYTES, LAST, NONE, "resident memory")                                                              \
    X(32, last, U8, FLAG, MOST, NONE, "the sensor ends after this")                                                    \
    X(33, reported_through, TIME, TIME, MOST, SET,                                                                     \
      "every flow that began before this has a record in this epoch's batches up to here")                             \
    X(40, interfaces, U16, LIST, LAST, NONE, "interfaces or files captured from")                                      \
    X(50, dropped, U16, LIST, LAST, NONE, "what was dropped, by interface and reason")

#define STATUS_INTERFACE_TABLE(X)                                                                                      \
    X(41, interface_name, TEXT, TEXT, LAST, NONE, "interface or file")                                                 \
    X(42, interface_link_type, TEXT, TEXT, LAST, NONE, "pcap's name: EN10MB ...")                                      \
    X(43, interface_offered, U64, COUNT, LAST, NONE, "packets received, and dropped before that")                      \
    X(44, interface_metered, U64, COUNT, LAST, NONE, "packets counted in a flow")                                      \
    X(45, interface_bytes, U64, BYTES, LAST, NONE, "IP bytes of those")

#define STATUS_DROPPED_TABLE(X)                                                                                        \
    X(51, dropped_interface, U16, NUMBER, LAST, NONE, "index into interfaces")                                         \
    X(52, dropped_reason, TEXT, TEXT, LAST, NONE, "why")                                                               \
    X(53, dropped_packets, U64, COUNT, LAST, NONE, "how many")

#endif
