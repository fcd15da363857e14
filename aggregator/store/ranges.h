/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of numbers as ranges: which sequence numbers of a life are committed (exact), and when somebody was heard
 * (ranges that lie close together become one). Pure; one thread. */
#ifndef PAVO_AGGREGATOR_STORE_RANGES_H
#define PAVO_AGGREGATOR_STORE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

struct range {
    int64_t first, last; /* both are in it */
};

struct ranges {
    struct range *list; /* owned; ascending */
    size_t count, capacity;
};

void ranges_fini(struct ranges *ranges);
/* Room for `more` further ranges, so that so many ranges_add cannot fail. RESULT_FULL: out of memory. */
MUST_CHECK enum result ranges_reserve(struct ranges *ranges, size_t more);
bool ranges_has(const struct ranges *ranges, int64_t number);
/* Is any number of first .. last in it? */
bool ranges_meet(const struct ranges *ranges, int64_t first, int64_t last);
/* first .. last, and everything between it and ranges that lie at most `gap` away: 1 for numbers, which then join
 * their neighbours. RESULT_FULL: out of memory, nothing changed. Adding twice is no error. */
MUST_CHECK enum result ranges_add(struct ranges *ranges, int64_t first, int64_t last, int64_t gap);
/* As many as `most`, at least 1: those that lie closest together become one. */
void ranges_thin(struct ranges *ranges, size_t most);

#endif
