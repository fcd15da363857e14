/* SPDX-License-Identifier: Apache-2.0 */
/* What questions about stored records share: the parameters filter, from, to and limit, and what they mean. */
#ifndef PAVO_AGGREGATOR_ANSWER_STORED_H
#define PAVO_AGGREGATOR_ANSWER_STORED_H

#include "aggregator/answer/columns.h"
#include "aggregator/answer/work.h"

enum { STORED_FILTER, STORED_FROM, STORED_TO, STORED_LIMIT, STORED_COLUMNS, STORED_PARAMETER_COUNT };

/* Of a question about `what` ("flows"), chosen by a filter over records of `kind_`. */
#define STORED_PARAMETERS_OF(kind_, what)                                                                              \
    [STORED_FILTER] = {.name = "filter",                                                                               \
                       .type = PARAMETER_FILTER,                                                                       \
                       .help = "which " what "; without one, all",                                                     \
                       .positional = true,                                                                             \
                       .kind = (kind_)},                                                                               \
    [STORED_FROM] = {.name = "from", .type = PARAMETER_TIME, .help = what " alive at that moment or later"},           \
    [STORED_TO] = {.name = "to",                                                                                       \
                   .type = PARAMETER_TIME,                                                                             \
                   .help = what " alive before that moment",                                                           \
                   .not_before = "from"},                                                                              \
    [STORED_LIMIT] = {.name = "limit",                                                                                 \
                      .type = PARAMETER_NUMBER,                                                                        \
                      .help = "at most so many, the newest (above 19,999: of the newest days); 0: as many as the "     \
                              "aggregator answers, 1,000,000",                                                         \
                      .fallback = "0"},                                                                                \
    [STORED_COLUMNS] = {.name = "columns", .type = PARAMETER_COLUMNS, .help = "these alone; without, all"}
#define STORED_PARAMETERS(kind_, what)                                                                                 \
    {                                                                                                                  \
        STORED_PARAMETERS_OF(kind_, what)                                                                              \
    }

/* Rows it may answer with. */
uint64_t stored_limit(const struct work *work);

/* There are more than this limit. */
void stored_cut(struct work *work, uint64_t limit);

/* Tells of sensors that the filter names and that are not known: nothing can be found of them. */
MUST_CHECK enum result stored_sensors(struct work *work, struct error *err);

/* What to look for, by its arguments; also says in the coverage which time that is. Without a limit. */
struct store_query stored_query(struct work *work);

/* The records of the filter's kind as they are. */
MUST_CHECK enum result stored_run(struct work *work, struct error *err);

#endif
