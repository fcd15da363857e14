/* SPDX-License-Identifier: Apache-2.0 */
/* The views there are: one for each kind of record (engine/view.h), and `connection`, which is made of two of them. */
#ifndef PAVO_AGGREGATOR_SQL_VIEWS_H
#define PAVO_AGGREGATOR_SQL_VIEWS_H

#include "aggregator/engine/view.h"

#define SQL_VIEWS (STORED_KIND_COUNT + 1u)
/* By number; the last is `connection`. */
const char *sql_view_name(unsigned view);

/* A connection is a flow with all its records as one, and what a boundary made of it; a flow that is the other view of
 * a linked one is in that one's row. So what was sent is counted once, where its initiator's side saw it. */
struct sql_column {
    const char *name, *type, *help;
};
/* One column of a view, by number; false: no more. */
bool sql_view_column(unsigned view, unsigned column, struct sql_column *ret_column,
                     struct view_column columns[static VIEW_COLUMNS_MAX]);

/* CREATE VIEW connection. */
extern const char sql_connection[];

#endif
