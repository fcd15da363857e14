/* SPDX-License-Identifier: Apache-2.0 */
/* Which SELECT may be run: one, of the views alone, with functions that are on a list. */
#ifndef PAVO_AGGREGATOR_SQL_CHECK_H
#define PAVO_AGGREGATOR_SQL_CHECK_H

#include "aggregator/engine/engine.h"

/* By DuckDB's own parse of it. `views` are the names of the tables there are. RESULT_REJECT with a sentence that names
 * what is not allowed. */
MUST_CHECK enum result check_select(duckdb_connection connection, const char *select, const char *const *views,
                                    size_t view_count, struct error *err);

/* Of those on the list, by number; NULL: no more. */
const char *check_function(unsigned number);

#endif
