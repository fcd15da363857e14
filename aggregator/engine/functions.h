/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine: functions of our own in its SQL. */
#ifndef PAVO_AGGREGATOR_ENGINE_FUNCTIONS_H
#define PAVO_AGGREGATOR_ENGINE_FUNCTIONS_H

#include "aggregator/engine/engine.h"

/* Once for each database. */
MUST_CHECK enum result functions_add(duckdb_connection connection, struct error *err);

/* Appends the call that gives a flow's Community ID; '' where it has none. */
void function_community_id(struct sql *sql);

#endif
