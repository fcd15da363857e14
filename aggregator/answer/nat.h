/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the question nat: what is looked for (nat.c) and what is said of it (nat_rows.c). */
#ifndef PAVO_AGGREGATOR_ANSWER_NAT_H
#define PAVO_AGGREGATOR_ANSWER_NAT_H

#include "aggregator/answer/flows.h"
#include "aggregator/answer/verdicts.h"
#include "aggregator/answer/work.h"

struct nat {
    struct work *work;
    struct endpoint end; /* asked about */
    int64_t at_ns;       /* from then ... 0: any moment */
    int64_t at_end_ns;   /* ... until then, not included: as long as the moment was written */
    int64_t slack_ns;
    uint32_t limit;              /* rows */
    struct flow_set flows;       /* of the end, and of the views linked with those */
    uint32_t followed;           /* of those, the first so many: whose verdicts were looked up */
    struct verdict_set verdicts; /* about them */
    bool cut;                    /* there is more than a limit let through */
};

/* How far [first, last] lies from the moment; 0 when it was alive in it. */
static inline int64_t nat_distance(const struct nat *nat, int64_t first, int64_t last)
{
    if (nat->at_ns == 0)
        return 0;
    return nat->at_end_ns <= first ? first - (nat->at_end_ns - 1) : nat->at_ns > last ? nat->at_ns - last : 0;
}

const struct record_kind *nat_columns(void);

/* A row for each linked pair and for each view without a partner at a boundary: the linked ones first, and the nearest
 * to the moment first. */
MUST_CHECK enum result nat_answer(struct nat *nat, struct error *err);

#endif
