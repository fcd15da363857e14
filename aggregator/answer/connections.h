/* SPDX-License-Identifier: Apache-2.0 */
/* From flow records that match to rows: the records of a flow are made one, the views at both sides of a boundary are
 * folded into one row, and none is given twice.
 *
 * Records are taken as they are found, newest first. Of those whose flow has others, the others are looked up, and for
 * all of them what became of them. A flow that is given and of which the stream may have more is remembered, in what
 * memory a question may have; most have one record and need not be. One thread. */
#ifndef PAVO_AGGREGATOR_ANSWER_CONNECTIONS_H
#define PAVO_AGGREGATOR_ANSWER_CONNECTIONS_H

#include "aggregator/answer/fate.h"
#include "aggregator/answer/sought.h"
#include "aggregator/answer/work.h"

/* Records that are looked at together: few at first, so that the first rows come soon. */
#define CONNECTIONS_PAGE_MIN 256u
#define CONNECTIONS_PAGE_MAX 2048u

struct connections {
    struct work *work;
    const struct record_kind *columns; /* of the answer, as all of them stand */
    bool views;                        /* each view is a row of its own */
    bool again;                        /* the same records are taken more than once */
    bool tells;                        /* the rows say what became of them */
    unsigned boundaries;
    const struct filter *rest; /* that a row must match; borrowed, NULL: any does */
    struct records *probe;     /* owned: a row, for that */
    uint64_t limit, given;
    bool more;                     /* there are more than the limit */
    bool full;                     /* there is no memory to tell what was given already */
    bool fields[FLOW_FIELD_COUNT]; /* that are read of flows */
    uint32_t page_rows;            /* of the next page */
    struct index done;             /* flows that are not to be given any more */
    /* The page. */
    struct page_flow *page; /* owned */
    uint32_t page_count;
    struct index places; /* by flow: where in the page */
    struct flow_set flows;
    struct fates fates;
};

/* `rest`: a filter for connections that rows have to match. RESULT_AGAIN: out of memory. */
MUST_CHECK enum result connections_init(struct connections *connections, struct work *work, bool views,
                                        const struct filter *rest, uint64_t limit, struct error *err);
void connections_fini(struct connections *connections);

/* Rows of these flow records, with `fields` at least; and of what is still held of them. RESULT_END: there are as many
 * rows as are wanted, or as can be. */
MUST_CHECK enum result connections_take(struct connections *connections, const struct records *flows,
                                        struct error *err);
MUST_CHECK enum result connections_end(struct connections *connections, struct error *err);

#endif
