/* SPDX-License-Identifier: Apache-2.0 */
/* What was concluded about some views: of each view at each boundary the latest revision. One thread. Zeros are an
 * empty set; verdict_set_new makes one that is charged to a budget. */
#ifndef PAVO_AGGREGATOR_ANSWER_VERDICTS_H
#define PAVO_AGGREGATOR_ANSWER_VERDICTS_H

#include "aggregator/answer/index.h"
#include "aggregator/store/store.h"
#include "common/records/verdict.h"

/* Verdicts read for one look-up of up to STORE_NAMES_MAX names. */
#define VERDICTS_READ_MAX 65536u

struct known_verdict {
    struct flow_name view, partner; /* partner: sensor "" without one */
    struct verdict verdict;         /* its text is `boundary`; its observers' numbers mean nothing */
    char boundary[SENSOR_NAME_MAX];
    struct verdict_term *terms; /* owned; verdict.terms of them */
};

/* A flow whose verdicts are wanted, and when it was seen. */
struct seen_flow {
    struct flow_name name;
    int64_t first_ns, last_ns; /* of the reports at hand; both 0: not known */
    bool begun;                /* its first report is one of those: nothing was said of it long before them */
};
/* A verdict's times are those of the views, by the clocks of two sensors. */
#define VERDICT_REACH_NS (600ll * 1000000000)

struct verdict_set {
    struct known_verdict *verdicts; /* owned */
    uint32_t count, capacity;
    struct budget *budget; /* charged; NULL: there is none */
    struct index index;    /* by boundary and view: where in `verdicts` */
    const bool *fields;    /* of verdicts, borrowed: those that are wanted; NULL: all */
    bool cut;              /* VERDICTS_READ_MAX was reached: there may be more */
};
static inline struct verdict_set verdict_set_new(struct budget *budget)
{
    return (struct verdict_set){.budget = budget, .index = {.budget = budget}};
}
void verdict_set_fini(struct verdict_set *set);
/* Forgets the last; and all that is in it. */
void verdict_set_drop_last(struct verdict_set *set);
void verdict_set_clear(struct verdict_set *set);

/* The verdict about a view at a boundary; NULL: none. */
const struct known_verdict *verdict_set_get(const struct verdict_set *set, const char *boundary,
                                            const struct flow_name *view);

/* Adds what is known of these views, each as the view a verdict is about or as its partner; up to STORE_NAMES_MAX. It
 * is looked for in the time they were seen in, and before that for those that nothing is found of and that were there
 * before.
 * RESULT_AGAIN: interrupted, or out of memory. */
MUST_CHECK enum result verdict_set_find(struct verdict_set *set, struct store_reader *reader,
                                        const struct seen_flow *flows, size_t count, struct error *err);

/* Adds one row of verdicts, if it is later than what is there. RESULT_AGAIN: out of memory. */
MUST_CHECK enum result verdict_set_add(struct verdict_set *set, const struct records *records, uint32_t row,
                                       struct error *err);

/* Moves one in from another set (of the same budget), where it must not be used any more; this set's index will not
 * know it. RESULT_AGAIN: out of memory. */
MUST_CHECK enum result verdict_set_move(struct verdict_set *set, struct known_verdict *known, struct error *err);

/* Appends it to records of verdicts that have room for a row and its two observers. RESULT_FULL: they have not. */
MUST_CHECK enum result known_verdict_append(const struct known_verdict *known, struct records *records);

#endif
