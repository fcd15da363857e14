/* SPDX-License-Identifier: Apache-2.0 */
/* What became of views at boundaries, looked up for many of them at once: which views are one connection, and what a
 * row says of it. One thread. */
#ifndef PAVO_AGGREGATOR_ANSWER_FATE_H
#define PAVO_AGGREGATOR_ANSWER_FATE_H

#include "aggregator/answer/connection.h"
#include "aggregator/answer/verdicts.h"

/* Views in a row, over one boundary fewer. */
#define FATE_VIEWS_MAX 5u

struct fates {
    struct verdict_set verdicts;
    struct index as_view, as_partner;   /* by flow: the last verdict about it, or that links it with another */
    uint32_t *next_view, *next_partner; /* owned: of each verdict the one before it of the same flow */
};
struct fates fates_new(struct budget *budget);
void fates_fini(struct fates *fates);

/* What is known of these flows, up to STORE_NAMES_MAX, and with `boundaries` above 1 of those that they are linked
 * with. RESULT_AGAIN: interrupted, or out of memory. */
MUST_CHECK enum result fates_find(struct fates *fates, struct store_reader *reader, const struct seen_flow *flows,
                                  size_t count, unsigned boundaries, struct error *err);

/* The views of one connection, the one farthest inside first; borrowed from the verdicts. */
struct fate_path {
    const struct flow_name *views[FATE_VIEWS_MAX];
    const struct known_verdict *links[FATE_VIEWS_MAX]; /* links[i] joins views i and i + 1 */
    unsigned count;                                    /* of views */
};
/* That of a view, which is perhaps all that there is of it: `view` is borrowed as well. */
void fate_path_of(const struct fates *fates, const struct flow_name *view, struct fate_path *ret_path);

/* What a row says of a connection, and of a view alone: its text is written to `text`. The partner's observer is for
 * the caller to set; NULL: there is no partner. */
#define FATE_TEXT_MAX (2 * FATE_VIEWS_MAX * OBSERVER_NAME_MAX)
const struct flow_name *fate_of_path(const struct fates *fates, const struct fate_path *path, struct connection *row,
                                     char text[static FATE_TEXT_MAX]);
const struct flow_name *fate_of_view(const struct fates *fates, const struct flow_name *view, struct connection *row,
                                     char text[static FATE_TEXT_MAX]);

#endif
