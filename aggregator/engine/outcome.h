/* SPDX-License-Identifier: Apache-2.0 */
/* What a SELECT that people wrote comes to, as records of a kind of its own: whole numbers (those of 128 bits where
 * they fit 64), reals, flags and times as they are, everything else as text. One thread. */
#ifndef PAVO_AGGREGATOR_ENGINE_OUTCOME_H
#define PAVO_AGGREGATOR_ENGINE_OUTCOME_H

#include "aggregator/engine/engine.h"

#define OUTCOME_COLUMNS_MAX 512u

struct outcome;
/* `select` must be one SELECT by itself. RESULT_REJECT with DuckDB's sentence about it; RESULT_FULL: not within the
 * database's limit of memory. */
MUST_CHECK enum result outcome_open(duckdb_connection connection, const char *select, struct outcome **ret_outcome,
                                    struct error *err);
/* Its columns: names made of those of the SELECT, which are their headings. As long as the outcome. */
const struct record_kind *outcome_kind(const struct outcome *outcome);
/* The next rows, the caller's; not to outlive the outcome. RESULT_END: no more. Otherwise as outcome_open. */
MUST_CHECK enum result outcome_next(struct outcome *outcome, struct records **ret_records, struct error *err);
void outcome_close(struct outcome **outcome);

/* DuckDB's sentence in one line, without where in the SQL it is about. */
void outcome_sentence(const char *sentence, struct error *ret_error);

#endif
