/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language: tcpdump's words plus flow fields, parsed once into a tree.
 *
 *   host 10.0.1.17 and dst port 22 and bytes > 1m and state S0
 *   src net 10.0.0.0/8 and not (proto icmp or proto udp)
 *   port 80 or port 443            tcp and src bytes > 10k and dst packets = 0
 *   sensor inner and duration > 1h and ttl < 10 and vlan 12 and flags S and evidence isn
 *
 * The grammar, each field and how the two directions are meant is docs/filter.md. The tree has two readers that
 * must agree (a property test holds them together): filter_match here, filter_sql in aggregator/store.
 * Pure; a parsed filter is read-only and may be shared between threads. */
#ifndef PAVO_COMMON_FILTER_H
#define PAVO_COMMON_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/flow.h"
#include "common/result.h"

enum filter_op {
    FILTER_TRUE,
    FILTER_AND,
    FILTER_OR,
    FILTER_NOT,
    FILTER_ADDRESS, /* side, prefix */
    FILTER_COMPARE, /* a number: field(s), comparison, value */
    FILTER_MASK,    /* (field & mask) == value */
    FILTER_SENSOR,  /* the observer's name, exactly */
};

enum filter_side { FILTER_EITHER, FILTER_SRC, FILTER_DST, FILTER_BOTH };
enum filter_comparison { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE };

/* What a FILTER_COMPARE compares. */
enum filter_value {
    FILTER_VALUE_FIELD,    /* flow_field `field` as it is; with a pair: per `side`, see filter_node */
    FILTER_VALUE_SUM,      /* src_x + dst_x: `bytes > 1m` */
    FILTER_VALUE_DURATION, /* last_time - first_time, nanoseconds */
};

/* Read-only for the two readers. For pairs (packets, bytes, ports, ttl ...) `field` is the src_ member, the dst_
 * member is field + 1; side SRC or DST picks one, EITHER means one of the two satisfies it, BOTH that both do.
 * This holds for COMPARE and MASK; for ADDRESS the pair is (src_hi, src_lo) and (dst_hi, dst_lo).
 *
 * What a reader need not know, because the parser has written it into the tree: which fields can be unset (a test of
 * packets, evidence bits or protocol stands beside the comparison), `!=` meaning neither side, units, reused words.
 * What it must know:
 *   - a column that is absent is zero, and zero is a value like any other: every node is true or false, never unknown;
 *   - TIME fields and DURATION compare signed, all others unsigned; `value` always fits the field (signed: >= 0);
 *   - SUM is the true sum: it must not wrap or fail at the edge of the field's type (`value` is at most INT64_MAX, so
 *     a sum that saturates at UINT64_MAX does). DURATION may be negative where a clock ran backwards;
 *   - the tree is at most FILTER_DEPTH_MAX deep; a subtree may hang in several places, so it is not for changing. */
struct filter_node {
    enum filter_op op;
    enum filter_side side;
    enum filter_value value_of;
    enum flow_field field;
    bool pair;
    enum filter_comparison comparison;
    uint64_t value;
    uint64_t mask;
    struct address_prefix prefix;
    char sensor[SENSOR_NAME_MAX];
    const struct filter_node *left, *right; /* AND, OR; NOT has left only */
};

struct filter; /* owns the nodes and the text */

#define FILTER_TEXT_MAX  4096u
#define FILTER_NODES_MAX 1024u
#define FILTER_DEPTH_MAX 64u

/* Empty or blank text matches everything. RESULT_REJECT: the sentence says what was expected, and ret_offset
 * (may be NULL) where in `text`, in bytes. RESULT_FATAL: out of memory. */
MUST_CHECK enum result filter_parse(const char *text, struct filter **ret_filter, size_t *ret_offset,
                                    struct error *err);
void filter_destroy(struct filter **filter);
const struct filter_node *filter_root(const struct filter *filter);

/* Does row `row` of the batch match? The batch's observers give sensor names. */
bool filter_match(const struct filter *filter, const struct flow_batch *batch, uint32_t row);

/* Rows that match, ascending, packed to the front of `ret_rows` (room for batch->rows). Returns how many.
 * Runs over columns: far cheaper per row than filter_match. */
uint32_t filter_select(const struct filter *filter, const struct flow_batch *batch, uint32_t *ret_rows);

#endif
