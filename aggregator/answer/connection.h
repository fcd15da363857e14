/* SPDX-License-Identifier: Apache-2.0 */
/* A connection as a row of an answer: all fields of a whole flow, and what became of it at the boundaries. As a kind of
 * record it begins with the flow's fields, so that whatever works on flows works on its columns; any filter of flows
 * can be one of it, and has the words of its verdict beside. */
#ifndef PAVO_AGGREGATOR_ANSWER_CONNECTION_H
#define PAVO_AGGREGATOR_ANSWER_CONNECTION_H

#include "aggregator/answer/columns.h"
#include "common/records/flow.h"
#include "common/records/verdict.h"

/* As in columns.h; fields that verdicts have as well are described there. LINKED: the view has a partner. */
#define CONNECTION_TABLE(X)                                                                                            \
    X(boundary, TEXT, TEXT, SET, NULL, "name of the boundary; of several that it was followed over, from inside")      \
    X(verdict, U8, WORD, SET, "VERDICT", "what became of it there")                                                    \
    X(side, U8, WORD, SET, NULL, "side of the boundary that this view was seen on")                                    \
    X(translated, U8, WORD, LINKED, NULL, NULL)                                                                        \
    X(post_nat_src_hi, F64, ADDRESS, LINKED, "SOURCE OUTSIDE", "initiator's address outside (IPFIX 225)")              \
    X(post_nat_src_lo, F64, LOWER, LINKED, NULL, "its lower half")                                                     \
    X(post_nat_src_port, U16, PORT, LINKED, NULL, "its port there (IPFIX 227)")                                        \
    X(post_nat_dst_hi, F64, ADDRESS, LINKED, NULL, "responder's address outside (IPFIX 226)")                          \
    X(post_nat_dst_lo, F64, LOWER, LINKED, NULL, "its lower half")                                                     \
    X(post_nat_dst_port, U16, PORT, LINKED, NULL, "its port there (IPFIX 228)")                                        \
    X(method, U8, WORD, LINKED, NULL, NULL)                                                                            \
    X(odds, I32, ODDS, LINKED, NULL, "log2 of the odds that the views are one connection, thousandths; the least")     \
    X(partner_observer, U16, OBSERVER, LINKED, NULL, "who saw the view on the other side, the farthest")               \
    X(partner_flow, U64, NUMBER, LINKED, NULL, "its flow number there")                                                \
    X(sensors, TEXT, TEXT, NONE, "SENSORS", "who saw it, from inside")

struct connection {
    struct flow flow;
    CONNECTION_TABLE(ANSWER_ROW_MEMBER)
};

enum connection_field {
    CONNECTION_FIELD_first = FLOW_FIELD_COUNT - 1,
#define X(name, ...) CONNECTION_FIELD_##name,
    CONNECTION_TABLE(X)
#undef X
        CONNECTION_FIELD_COUNT
};

/* The two sides as its words; 0: at no boundary. */
enum connection_side { CONNECTION_NO_SIDE, CONNECTION_INSIDE, CONNECTION_OUTSIDE };

/* Any thread. */
const struct record_kind *connection_columns(void);

/* Sets, of flows' stored fields, those that the columns of an answer are made from. */
void connection_rests(const struct record_kind *columns, bool *fields);
/* Does the answer have a column that says what became of it? */
bool connection_tells(const struct record_kind *columns);

#endif
