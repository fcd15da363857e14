/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the filter language: who owns the nodes, what each word means, how a value is read.
 * Only filter*.c and their tests include this. */
#ifndef PAVO_COMMON_FILTER_TREE_H
#define PAVO_COMMON_FILTER_TREE_H

#include "common/filter.h"

/* A zeroed node that lives as long as the filter. NULL: FILTER_NODES_MAX reached, or out of memory. */
struct filter_node *filter_node_new(struct filter *filter);
struct filter *filter_new(void);
void filter_root_set(struct filter *filter, const struct filter_node *root);

/* How the text behind a word is read, and into what. */
enum filter_unit {
    FILTER_UNIT_NUMBER,       /* 10, 0x1f, 1.5k, 2mi */
    FILTER_UNIT_MICROSECONDS, /* 10ms; a unit is required */
    FILTER_UNIT_NANOSECONDS,  /* 10ms; a bare number is seconds */
    FILTER_UNIT_TIME,         /* 2026-11-23T20:36:40Z, @1700000000.5 */
    FILTER_UNIT_PORT,         /* 22, ssh, 1-1023 */
    FILTER_UNIT_PROTOCOL,     /* 6, tcp */
    FILTER_UNIT_MAC,          /* 00:11:22:33:44:55 */
    FILTER_UNIT_FLAGS,        /* SA, 0x12; without an operator: these and perhaps more */
    FILTER_UNIT_HISTORY,      /* ShAD; without an operator: begins so */
    FILTER_UNIT_EVIDENCE,     /* isn, src_digest */
    FILTER_UNIT_STATE,
    FILTER_UNIT_END,
    FILTER_UNIT_DIRECTION,
    FILTER_UNIT_TUNNEL,
};

/* When a field says something at all. Otherwise no comparison with it holds, whichever operator it has. */
enum filter_guard {
    FILTER_GUARD_NONE,
    FILTER_GUARD_SENT,     /* that side sent a packet in this record */
    FILTER_GUARD_GAP,      /* that side sent two */
    FILTER_GUARD_TCP,      /* protocol is TCP, and that side sent a packet */
    FILTER_GUARD_EVIDENCE, /* the field's bit of `evidence` is set */
    FILTER_GUARD_SET,      /* the field is not zero */
    FILTER_GUARD_PORTS,    /* the protocol has ports: ICMP keeps its identifier there, others nothing */
    FILTER_GUARD_ICMP,     /* protocol is ICMP or ICMPv6 */
    FILTER_GUARD_TUNNEL,   /* the flow was found in a tunnel */
    FILTER_GUARD_ERROR,    /* an ICMP error quoted the flow */
    FILTER_GUARD_COUNT
};

enum filter_word_kind {
    FILTER_WORD_FIELD,
    FILTER_WORD_HOST,
    FILTER_WORD_NET,
    FILTER_WORD_SENSOR,
    FILTER_WORD_TUNNEL_END
};

struct filter_word {
    const char *name;
    enum filter_word_kind kind;
    enum flow_field field; /* of a pair: the src_ member */
    bool pair;
    enum filter_value plain; /* what the word means without src or dst: FIELD (either side), SUM, DURATION */
    enum filter_unit unit;
    enum filter_guard guard;
    uint32_t bit;   /* GUARD_EVIDENCE: the bit; of a pair, the src_ one, and the dst_ one is twice that */
    unsigned shift; /* part of a field: (field & mask) == value << shift; compares only with = and != */
    uint32_t mask;
    bool alone; /* may stand without a value: "is not zero" */
};

/* NULL: no such word. With "src_x" or "dst_x" of a pair ret_side is that side, otherwise FILTER_EITHER. */
const struct filter_word *filter_word_find(const char *name, enum filter_side *ret_side);

/* The word a mistyped one may have meant, or NULL. */
const char *filter_word_nearest(const char *typed);

/* What a text came to: value (with mask 0), or masked value; ports may be a range value..last. */
struct filter_operand {
    uint64_t value;
    uint64_t last; /* equal to value unless a range */
    uint64_t mask; /* for units that mean "has these bits" without an operator */
};

/* RESULT_REJECT: `text` is none of the word's values; the sentence says what is. */
MUST_CHECK enum result filter_value_parse(const struct filter_word *word, const char *text,
                                          struct filter_operand *ret_operand, struct error *err);

#endif
