/* SPDX-License-Identifier: Apache-2.0 */
/* What one question may hold in memory beside what it reads and sends: sets of flows and verdicts, and their indices,
 * are charged to it. One thread. */
#ifndef PAVO_AGGREGATOR_ANSWER_BUDGET_H
#define PAVO_AGGREGATOR_ANSWER_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/result.h"

struct budget {
    size_t left; /* bytes */
};

/* False: so much is not left, and nothing is taken. NULL: there is no bound. */
static inline bool budget_take(struct budget *budget, size_t bytes)
{
    if (budget == NULL)
        return true;
    bool fits = bytes <= budget->left;
    budget->left -= fits ? bytes : 0;
    return fits;
}

static inline void budget_give(struct budget *budget, size_t bytes)
{
    if (budget != NULL)
        budget->left += bytes;
}

/* The sentence. Returns RESULT_AGAIN. */
static inline enum result budget_exceeded(struct error *err)
{
    return error_set(err, RESULT_AGAIN,
                     "the question needs more memory than one may have: narrow it by time or by address");
}

#endif
