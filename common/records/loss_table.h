/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a loss, as flow_table.h has them for flows: what is gone, said in place of it. */
#ifndef PAVO_COMMON_RECORDS_LOSS_TABLE_H
#define PAVO_COMMON_RECORDS_LOSS_TABLE_H

#define LOSS_TABLE(X)                                                                                                  \
    X(10, observer, U16, OBSERVER, SAME, NONE, "who lost it")                                                          \
    X(11, loss, U8, LOSS, SAME, NONE, "what was lost, and where")                                                      \
    X(12, from_time, TIME, TIME, LEAST, NONE, "what was lost lies between this")                                       \
    X(13, to_time, TIME, TIME, MOST, NONE, "and this")                                                                 \
    X(14, count, U64, COUNT, SUM, NONE, "packets or records, by kind; of records_died the least")                      \
    X(15, interface, TEXT, TEXT, SAME, SET, "where known")                                                             \
    X(16, reason, TEXT, TEXT, SAME, SET, "why, in a sentence")                                                         \
    X(17, sequence, U64, NUMBER, MOST, SET, "the batch given up, of records; the latest of several")

/* records_died is said by the aggregator, of a life that cannot say it itself, and its count is the least there is:
 * nobody knows what the life saw after its last word. */
#define LOSS_KINDS(X)                                                                                                  \
    X(UNKNOWN, unknown, "something", "")                                                                               \
    X(PACKETS_KERNEL, packets_kernel, "packets in the kernel's capture buffer", "packets")                             \
    X(PACKETS_INTERFACE, packets_interface, "packets in the interface or its driver", "packets")                       \
    X(RECORDS_SPOOL, records_spool, "records that its buffer had no room for", "records")                              \
    X(RECORDS_REJECTED, records_rejected, "records that the aggregator refused", "records")                            \
    X(RECORDS_DIED, records_died, "what a life that died held and saw", "records")
enum loss_kind {
#define X(name, word, text, unit) LOSS_##name,
    LOSS_KINDS(X)
#undef X
        LOSS_KIND_COUNT
};

#endif
