/* SPDX-License-Identifier: Apache-2.0 */
/* What the questions that count share: a plan and a tally each, read from flows, or from the store's hours where those
 * have all that is asked for. One thread. */
#ifndef PAVO_AGGREGATOR_ANSWER_COUNTS_H
#define PAVO_AGGREGATOR_ANSWER_COUNTS_H

#include "aggregator/answer/tally.h"

/* Of which records. */
struct counts_query {
    const struct filter *filter;
    int64_t from_ns, to_ns; /* of records that begin in it; 0: unbounded */
    const struct endpoint *endpoint;
    const struct address *addresses; /* as in store_query: where to look, and no more */
    size_t address_count;
    bool key_alone; /* for a tally that strikes */
};

/* For a question's `begin`: the plan of its texts as work->own, its columns as the answer's. What of the texts is wrong
 * is about the parameter `by` or `sort`. */
MUST_CHECK enum result counts_begin(struct work *work, const struct tally_texts *texts, unsigned by, unsigned sort,
                                    struct error *err);
void counts_end(struct work *work);
static inline struct tally_plan *counts_plan(const struct work *work)
{
    return work->own;
}

/* The columns of a question by its fallbacks; made in `plan` at the first call. Any thread. */
const struct record_kind *counts_columns(struct tally_plan *plan, const struct tally_texts *texts);

/* Does what is asked for come from hours? */
MUST_CHECK enum result counts_from_hours(const struct work *work, const struct counts_query *query, bool *ret_hours,
                                         struct error *err);
/* Do the store's hours reach back as far as its flows do since `from_ns` (0: unbounded)? They may be kept for a shorter
 * time. Pure. */
bool counts_hours_reach(const struct store_part *parts, size_t count, int64_t from_ns);
/* Reads them into a tally. */
MUST_CHECK enum result counts_read(struct work *work, struct tally *tally, const struct counts_query *query,
                                   struct error *err);

/* Reads and sends what of the plan there is, at most `limit` rows (0: as many as an answer may have); the coverage is
 * that of the query's time. */
MUST_CHECK enum result counts_run(struct work *work, const struct counts_query *query, uint64_t limit,
                                  struct error *err);

#endif
