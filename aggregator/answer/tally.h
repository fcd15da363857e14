/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of flows by a key: what `top`, `series`, `peers`, `services` and `new` answer with.
 *
 * What two sensors saw is never added up, for it may be the same packets: a sensor's name is part of every key. Sent
 * and received are the host's where the key has one, and the src's otherwise. One thread. */
#ifndef PAVO_AGGREGATOR_ANSWER_TALLY_H
#define PAVO_AGGREGATOR_ANSWER_TALLY_H

#include "aggregator/answer/tally_plan.h"
#include "aggregator/answer/work.h"

struct tally;
/* Borrows the plan. NULL: out of memory. */
struct tally *tally_new(const struct tally_plan *plan, struct budget *budget);
void tally_free(struct tally **tally);

/* Flow records with the plan's fields at least: those that begin in [from, to) (0: unbounded). `flows`: how many flows
 * began in each row; NULL: one where its report is the first. RESULT_AGAIN: more memory than a question may have. */
struct tally_rows {
    const struct records *records;
    const uint64_t *flows;
    int64_t from_ns, to_ns;
};
/* Where rows are sorted by a sum and nothing is counted distinct, the half with the least goes when memory is full, and
 * tally_send tells how much a row may lack for it. */
MUST_CHECK enum result tally_add(struct tally *tally, const struct tally_rows *rows, struct error *err);

/* From now on rows add nothing: what has their key is struck out. Takes no more memory, whatever comes. */
void tally_strike(struct tally *tally);

/* Keys that are not struck out. */
uint32_t tally_count(const struct tally *tally);

/* How much of what it is sorted by a row may lack, because its key fell out and came again. */
uint64_t tally_lack(const struct tally *tally);

/* The addresses of the key's first address, of rows that are not struck out; up to `most`, and 0 where there are more
 * or the key has none. */
uint32_t tally_addresses(const struct tally *tally, struct address *ret_addresses, uint32_t most);

/* What of a flow's values says that somebody answered, and was no refusal of TCP's. Pure. */
bool tally_is_offer(unsigned state, uint64_t dst_packets);

/* The rows, in the plan's order (a time ascending, a measure descending; what is equal by its key), at most `limit`.
 * More than an answer may have are told to the coverage. */
MUST_CHECK enum result tally_send(struct tally *tally, struct work *work, uint64_t limit, struct error *err);

#endif
