/* SPDX-License-Identifier: Apache-2.0 */
/* What is enclosed with a query: the sets of addresses that its filter names (`in file NAME`), which come in parts
 * before it, under its id. Inside the answer stage. The door's thread gathers; a worker reads what is complete.
 *
 * Bounds: ANSWER_ENCLOSED_MAX bytes of one query, ANSWER_ENCLOSED_ALL of all that wait or are worked on. Beyond them
 * the parts are dropped and the query is refused, since nothing is said in reply to a part. */
#ifndef PAVO_AGGREGATOR_ANSWER_ENCLOSED_H
#define PAVO_AGGREGATOR_ANSWER_ENCLOSED_H

#include "aggregator/answer/budget.h"
#include "common/filter/filter.h"
#include "pavo.pb-c.h"

#define ANSWER_ENCLOSED_MAX (16u << 20)
#define ANSWER_ENCLOSED_ALL (64u << 20)

struct enclosed;

/* Takes a part into *enclosed, which may be NULL; what is there under another id is dropped. `total` counts the bytes
 * of all, also of those freed. */
void enclosed_add(struct enclosed **enclosed, uint64_t id, const Pavo__Set *part, size_t *total);
/* What came for the query `id`, taken out of *enclosed; NULL: nothing. */
struct enclosed *enclosed_take(struct enclosed **enclosed, uint64_t id);
void enclosed_free(struct enclosed **enclosed, size_t *total);
/* Why the query cannot be answered; NULL: it can, and so without anything enclosed. */
const char *enclosed_refusal(const struct enclosed *enclosed);

/* The sets, charged to `memory` for as long as they live. The names are borrowed. RESULT_REJECT: one is damaged, or too
 * large; nothing is there then. */
MUST_CHECK enum result enclosed_read(const struct enclosed *enclosed, struct budget *memory,
                                     struct filter_set ret_sets[static FILTER_SETS_MAX], size_t *ret_count,
                                     struct error *err);
void enclosed_drop(struct filter_set *sets, size_t count);

#endif
