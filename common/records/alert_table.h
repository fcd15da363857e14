/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of an alert, as flow_table.h has them for flows: what a detector concludes. */
#ifndef PAVO_COMMON_RECORDS_ALERT_TABLE_H
#define PAVO_COMMON_RECORDS_ALERT_TABLE_H

#define ALERT_TABLE(X)                                                                                                 \
    X(10, observer, U16, OBSERVER, SAME, NONE, "who speaks: the detector's key")                                       \
    X(11, time, TIME, TIME, LEAST, NONE, "when it happened")                                                           \
    X(12, detector, TEXT, TEXT, SAME, NONE, "name of the rule or model")                                               \
    X(13, subject, TEXT, TEXT, SAME, NONE, "whom it is about: an address, a host, a pair")                             \
    X(14, text, TEXT, TEXT, LAST, NONE, "what, in a sentence")                                                         \
    X(15, severity, U8, NUMBER, MOST, NONE, "0 (note) to 100")                                                         \
    X(20, flows, U16, LIST, LAST, NONE, "flows it rests on")

#define ALERT_FLOW_TABLE(X)                                                                                            \
    X(21, flow_observer, U16, OBSERVER, LAST, NONE, "who saw the flow")                                                \
    X(22, flow_number, U64, NUMBER, LAST, NONE, "its number there")

#endif
