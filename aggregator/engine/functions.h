/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine: functions of our own in its SQL. */
#ifndef PAVO_AGGREGATOR_ENGINE_FUNCTIONS_H
#define PAVO_AGGREGATOR_ENGINE_FUNCTIONS_H

#include "aggregator/engine/engine.h"

/* Once for each database. */
MUST_CHECK enum result functions_add(duckdb_connection connection, struct error *err);

/* Appends the call that gives a flow's Community ID; '' where it has none. */
void function_community_id(struct sql *sql);

/* Appends the call that tells whether the address in two columns is of the set, which is borrowed until the statement's
 * end. Millions of addresses are looked up and not written, nor copied into a table for each statement. */
void function_in_set(struct sql *sql, const struct address_set *set, const char *high, const char *low);

#endif
