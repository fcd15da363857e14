/* SPDX-License-Identifier: Apache-2.0 */
/* Names to numbers: an open-addressed table by 128-bit hash. The hash is the name: two names of one hash are not to be
 * expected (2^-88 among a million). One thread. Zeros are an empty one. */
#ifndef PAVO_AGGREGATOR_ANSWER_INDEX_H
#define PAVO_AGGREGATOR_ANSWER_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregator/answer/budget.h"
#include "common/records/flow.h"
#include "common/result.h"

struct index_key {
    uint64_t low, high;
};

struct index_entry {
    struct index_key key;
    uint32_t value_and_one; /* 0: a free place */
};

struct index {
    struct index_entry *entries; /* owned; a power of two */
    size_t capacity, count;
    struct budget *budget; /* charged; NULL: there is none */
};
/* Empties it; the budget stays. */
void index_fini(struct index *index);

struct index_key index_key_of_flow(const struct flow_name *name);
/* A view at a boundary. */
struct index_key index_key_of_view(const char *boundary, const struct flow_name *view);

bool index_get(const struct index *index, struct index_key key, uint32_t *ret_value);
/* Adds, or changes the value. RESULT_FULL: out of memory, or of budget; nothing is changed. */
MUST_CHECK enum result index_put(struct index *index, struct index_key key, uint32_t value);

#endif
