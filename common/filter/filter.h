/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language: tcpdump's words plus the fields of a kind of record, parsed once into a tree.
 *
 *   host 10.0.1.17 and dst port 22 and bytes > 1m and state S0
 *   src net 10.0.0.0/8 and not (proto icmp or proto udp)
 *   port 80 or port 443            tcp and src bytes > 10k and dst packets = 0
 *   sensor inner and duration > 1h and ttl < 10 and vlan 12 and flags S and evidence isn
 *   verdict ambiguous and boundary nat           (of verdicts)
 *
 * The grammar, where names come from and how the two directions are meant is docs/filter.md. The tree has two readers
 * that must agree (a property test holds them together): filter_match here, filter_sql in aggregator/store.
 * Pure; a parsed filter is read-only and may be shared between threads. */
#ifndef PAVO_COMMON_FILTER_H
#define PAVO_COMMON_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address_set.h"
#include "common/records/records.h"
#include "common/result.h"

enum filter_op {
    FILTER_TRUE,
    FILTER_AND,
    FILTER_OR,
    FILTER_NOT,
    FILTER_ADDRESS, /* field(s), comparison EQ or NE, prefix */
    FILTER_COMPARE, /* a number: field(s), comparison, value */
    FILTER_MASK,    /* field(s), comparison EQ or NE: (field & mask) against value */
    FILTER_TEXT,    /* field, comparison EQ or NE, text: exactly that */
    FILTER_SET,     /* field(s), comparison EQ or NE, set: an address of it */
    FILTER_SENSOR,  /* field: a KIND_OBSERVER, whose name is `text`, exactly */
};

enum filter_side { FILTER_EITHER, FILTER_SRC, FILTER_DST, FILTER_BOTH };
enum filter_comparison { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE };

/* What a FILTER_COMPARE compares. */
enum filter_value {
    FILTER_VALUE_FIELD,    /* `field` as it is; with a pair: per `side`, see filter_node */
    FILTER_VALUE_SUM,      /* field + twin: `bytes > 1m` */
    FILTER_VALUE_DURATION, /* twin - field, two times, nanoseconds */
    FILTER_VALUE_RATE,     /* scale * (field + twin) for each of (over + over_twin), or of two times over_twin - over */
};

/* Read-only for the two readers. `field` is an index into the fields of filter_kind(); so is `twin`, the dst side of a
 * pair whose src side `field` is, and of what is no pair the same as `field`. Of a pair SRC or DST picks one, EITHER
 * means one of the two satisfies it, BOTH that both do. Of an ADDRESS or SET they are the upper halves; the lower one
 * is the field behind.
 *
 * What a reader need not know, because the parser has written it into the tree: which fields can be unset (a test of
 * packets, evidence bits or protocol stands beside the comparison), `!=` meaning neither side, units, reused words.
 * What it must know:
 *   - a column that is absent is zero (a text: ""), and zero is a value like any other;
 *   - COMPARE, MASK, ADDRESS, SET and TEXT are false, whatever their comparison, for a flow whose observer cannot know
 * the field (struct observer.unknown); of a pair each side for itself, SUM, DURATION and RATE when any of theirs is not
 * known. Otherwise every node is true or false, never unknown;
 *   - I32, I64 and TIME fields and DURATION compare signed, all others unsigned; `value` always fits the field and is
 *     its bits, extended to 64: int64_t where signed;
 *   - a TEXT may be of a computed field: field->derive says what it is; where it does not, the node is false;
 *   - RATE with SRC or DST takes that side's field and, of what is no time, that side's `over`. It compares without
 *     rounding: scale * field against value * over, of which neither may wrap (both fit 127 bits, `value` is at most
 *     FILTER_RATE_MAX). Where it is over nothing, or over time that ran backwards, the node is false;
 *   - SUM is the true sum: it must not wrap or fail at the edge of the field's type (`value` is at most INT64_MAX, so
 *     a sum that saturates at UINT64_MAX does). DURATION may be negative where a clock ran backwards;
 *   - `text` is what a person typed: clean (text_is_clean), and nothing else is promised of it;
 *   - the tree is at most FILTER_DEPTH_MAX deep; a subtree may hang in several places, so it is not for changing. */
struct filter_node {
    enum filter_op op;
    enum filter_side side;
    enum filter_value value_of;
    enum filter_comparison comparison;
    unsigned field, twin;
    unsigned over, over_twin; /* RATE */
    uint64_t scale;
    uint64_t value;
    uint64_t mask;
    struct address_prefix prefix;
    const struct address_set *set;          /* the filter has a reference */
    const char *text;                       /* lives as long as the filter */
    const struct filter_node *left, *right; /* AND, OR; NOT has left only */
};

struct filter; /* owns the nodes and the texts, and has references to sets */

#define FILTER_RATE_MAX  ((1ull << 53) - 1)
#define FILTER_TEXT_MAX  4096u
#define FILTER_NODES_MAX 1024u
#define FILTER_DEPTH_MAX 64u

/* A filter for records of `kind`, one of record_kinds. Empty or blank text matches everything. RESULT_REJECT: the
 * sentence says what was expected, and ret_offset (may be NULL) where in `text`, in bytes. RESULT_FATAL: out of memory.
 */
MUST_CHECK enum result filter_parse(const struct record_kind *kind, const char *text, struct filter **ret_filter,
                                    size_t *ret_offset, struct error *err);
/* The same with sets of addresses that the text may name (`in file NAME`); those it names are kept, by a reference. The
 * language reads no files: whoever has one of a person who may read it gives the set. */
struct filter_set {
    const char *name;
    struct address_set *set;
};
MUST_CHECK enum result filter_parse_with(const struct record_kind *kind, const char *text,
                                         const struct filter_set *sets, size_t set_count, struct filter **ret_filter,
                                         size_t *ret_offset, struct error *err);
/* Calls `found` with each NAME of an `in file NAME` in a text, whatever else the text is. */
void filter_files(const char *text, void (*found)(void *context, const char *name), void *context);
#define FILTER_SETS_MAX 8u

/* The kind of record it is for. */
const struct record_kind *filter_kind(const struct filter *filter);
void filter_destroy(struct filter **filter);
const struct filter_node *filter_root(const struct filter *filter);

/* A filter for a kind that begins with the fields of `part`, in two that must both hold: what `part` can decide, and
 * the rest, still for the whole kind. They borrow from `whole`, which must outlive them. RESULT_REJECT: the two are
 * mixed under an `or` or a `not`. RESULT_FATAL: out of memory. */
MUST_CHECK enum result filter_split(const struct filter *whole, const struct record_kind *part,
                                    struct filter **ret_part, struct filter **ret_rest, struct error *err);
/* Does it match whatever there is? */
bool filter_is_true(const struct filter *filter);

/* Does row `row` of the records, which are of the filter's kind, match? Their observers give sensor names. */
bool filter_match(const struct filter *filter, const struct records *records, uint32_t row);

/* Rows that match, ascending, packed to the front of `ret_rows` (room for records->rows). Returns how many.
 * Runs over columns: far cheaper per row than filter_match. */
uint32_t filter_select(const struct filter *filter, const struct records *records, uint32_t *ret_rows);

#endif
