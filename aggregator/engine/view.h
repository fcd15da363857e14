/* SPDX-License-Identifier: Apache-2.0 */
/* Records as people's SQL sees them: a view for each kind, with a column for each field by the name it has in answers.
 *
 * Times are TIMESTAMP (microseconds), addresses, words and the like VARCHAR as --json has them, flags BOOLEAN, odds and
 * shares DOUBLE, other numbers BIGINT (what is larger is 2^63 - 1); the items of a list a LIST for each of its fields.
 * What is not known is NULL. One thread. */
#ifndef PAVO_AGGREGATOR_ENGINE_VIEW_H
#define PAVO_AGGREGATOR_ENGINE_VIEW_H

#include "aggregator/engine/engine.h"

/* A column: of which field; an observer has two. */
struct view_column {
    char name[48];
    uint16_t field;
    bool epoch; /* of an observer: its second */
};
#define VIEW_COLUMNS_MAX (RECORDS_FIELDS_MAX + 8)
/* Returns how many. */
unsigned view_columns(const struct record_kind *kind, struct view_column ret_columns[static VIEW_COLUMNS_MAX]);
/* "VARCHAR", "BIGINT[]" ... */
const char *view_column_type(const struct record_kind *kind, const struct view_column *column);

struct view {
    const struct record_kind *kind;
    void *context;
    /* Begins a scan of these fields (by field; of lists with what counts them; never none). */
    enum result (*begin)(struct view *view, const bool *fields, void **ret_scan, struct error *err);
    /* The next rows, up to ENGINE_CHUNK_ROWS, of a kind whose fields have the labels of those that were asked for
     * (an observer's "sensor" and "epoch"); borrowed until the scan is asked again. RESULT_END: no more. */
    enum result (*next)(struct view *view, void *scan, const struct records **ret_records, struct error *err);
    void (*end)(struct view *view, void *scan);
};
/* From here on the connection's database has the view, by its kind's name; borrowed as long as it has. */
MUST_CHECK enum result view_add(duckdb_connection connection, struct view *view, struct error *err);

#endif
