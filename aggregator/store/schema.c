/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of a day file. `flow` is made from common/flow_fields.h.
 *
 * observer   who spoke, numbered within the file: a row names it by a small number that is constant over a batch and
 *            so costs nothing
 * batch      the committed names, with what the catalog needs to know of each
 * flow       the records; position is the batch's
 * link, unlinked, loss, status */
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"

static const char *const sql_types[] = {
    [FLOW_KIND_U8] = "UTINYINT",       [FLOW_KIND_U16] = "USMALLINT", [FLOW_KIND_U32] = "UINTEGER",
    [FLOW_KIND_U64] = "UBIGINT",       [FLOW_KIND_F32] = "UINTEGER",  [FLOW_KIND_F64] = "UBIGINT",
    [FLOW_KIND_TIME] = "TIMESTAMP_NS",
};

static const duckdb_type duckdb_types[] = {
    [FLOW_KIND_U8] = DUCKDB_TYPE_UTINYINT,       [FLOW_KIND_U16] = DUCKDB_TYPE_USMALLINT,
    [FLOW_KIND_U32] = DUCKDB_TYPE_UINTEGER,      [FLOW_KIND_U64] = DUCKDB_TYPE_UBIGINT,
    [FLOW_KIND_F32] = DUCKDB_TYPE_UINTEGER,      [FLOW_KIND_F64] = DUCKDB_TYPE_UBIGINT,
    [FLOW_KIND_TIME] = DUCKDB_TYPE_TIMESTAMP_NS,
};

/* Columns 0 and 1 are position and observer; behind them come the fields without `observer`. */
enum flow_field schema_flow_field(unsigned column)
{
    unsigned field = column - 2;
    return (enum flow_field)(field < FLOW_FIELD_observer ? field : field + 1);
}

const char *schema_flow_column(unsigned column)
{
    return column == 0 ? "position" : column == 1 ? "observer" : flow_fields[schema_flow_field(column)].name;
}

duckdb_type schema_flow_type(unsigned column)
{
    return column == 0   ? DUCKDB_TYPE_UBIGINT
           : column == 1 ? DUCKDB_TYPE_UINTEGER
                         : duckdb_types[flow_fields[schema_flow_field(column)].kind];
}

static const char *flow_sql_type(unsigned column)
{
    return column == 0 ? "UBIGINT" : column == 1 ? "UINTEGER" : sql_types[flow_fields[schema_flow_field(column)].kind];
}

static char flow_list[4096];

static void flow_list_make(void)
{
    for (unsigned c = 0; c < SCHEMA_FLOW_COLUMNS; c++) {
        if (c > 0)
            strcat(flow_list, ",");
        strcat(flow_list, schema_flow_column(c));
    }
}

const char *schema_flow_list(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, flow_list_make);
    return flow_list;
}

static const char *const tables[] = {
    "observer(id UINTEGER NOT NULL, sensor VARCHAR NOT NULL, epoch UBIGINT NOT NULL)",
    "batch(position UBIGINT NOT NULL, observer UINTEGER NOT NULL, sequence UBIGINT NOT NULL, records UINTEGER NOT NULL,"
    " packets UBIGINT NOT NULL, received TIMESTAMP_NS NOT NULL, first_time TIMESTAMP_NS, last_time TIMESTAMP_NS)",
    "link(position UBIGINT NOT NULL, boundary VARCHAR NOT NULL, inside_observer UINTEGER NOT NULL,"
    " inside_flow UBIGINT NOT NULL, outside_observer UINTEGER NOT NULL, outside_flow UBIGINT NOT NULL,"
    " method UTINYINT NOT NULL, confidence UTINYINT NOT NULL, evidence UINTEGER NOT NULL, candidates UINTEGER NOT NULL,"
    " offset_ns BIGINT NOT NULL, event UTINYINT NOT NULL, protocol UTINYINT NOT NULL,"
    " source_hi UBIGINT NOT NULL, source_lo UBIGINT NOT NULL, source_port USMALLINT NOT NULL,"
    " destination_hi UBIGINT NOT NULL, destination_lo UBIGINT NOT NULL, destination_port USMALLINT NOT NULL,"
    " post_source_hi UBIGINT NOT NULL, post_source_lo UBIGINT NOT NULL, post_source_port USMALLINT NOT NULL,"
    " post_destination_hi UBIGINT NOT NULL, post_destination_lo UBIGINT NOT NULL,"
    " post_destination_port USMALLINT NOT NULL,"
    " first_time TIMESTAMP_NS NOT NULL, last_time TIMESTAMP_NS NOT NULL)",
    "unlinked(position UBIGINT NOT NULL, boundary VARCHAR NOT NULL, observer UINTEGER NOT NULL, flow UBIGINT NOT NULL,"
    " inside BOOLEAN NOT NULL, reason UTINYINT NOT NULL)",
    "loss(position UBIGINT NOT NULL, observer UINTEGER NOT NULL, kind UTINYINT NOT NULL, from_time TIMESTAMP_NS NOT "
    "NULL,"
    " to_time TIMESTAMP_NS NOT NULL, count UBIGINT NOT NULL, interface VARCHAR NOT NULL, reason VARCHAR NOT NULL,"
    " sequence UBIGINT NOT NULL)",
    "status(position UBIGINT NOT NULL, observer UINTEGER NOT NULL, received TIMESTAMP_NS NOT NULL,"
    " message BLOB NOT NULL)", /* SensorStatus of pavo.proto */
};

enum result schema_create(duckdb_connection connection, const char *catalog, struct error *err)
{
    enum result r = db_run(connection, err, "BEGIN");
    if (r != RESULT_OK)
        return r;
    struct sql sql = {0};
    for (unsigned c = 0; c < SCHEMA_FLOW_COLUMNS; c++)
        sql_add(&sql, "%s%s %s NOT NULL DEFAULT %s", c == 0 ? "" : ", ", schema_flow_column(c), flow_sql_type(c),
                schema_flow_type(c) == DUCKDB_TYPE_TIMESTAMP_NS ? "'1970-01-01'" : "0");
    if (sql.failed)
        r = error_set(err, RESULT_AGAIN, "out of memory");
    else
        r = db_run(connection, err, "CREATE TABLE IF NOT EXISTS %s.flow(%s)", catalog, sql.text);
    sql_fini(&sql);
    for (size_t i = 0; r == RESULT_OK && i < sizeof(tables) / sizeof(tables[0]); i++)
        r = db_run(connection, err, "CREATE TABLE IF NOT EXISTS %s.%s", catalog, tables[i]);
    if (r == RESULT_OK)
        r = db_run(connection, err, "COMMIT");
    if (r != RESULT_OK) {
        enum result ignored = db_run(connection, NULL, "ROLLBACK"); /* the first error is the one to tell */
        (void)ignored;
    }
    return r;
}

enum result schema_complete(duckdb_connection connection, const char *catalog, struct error *err)
{
    struct sql sql = {0};
    sql_add(&sql, "SELECT column_name FROM duckdb_columns() WHERE database_name = '%s' AND table_name = 'flow'",
            catalog);
    struct db_rows rows = {0};
    enum result r =
        sql.failed ? error_set(err, RESULT_AGAIN, "out of memory") : db_rows_open(connection, sql.text, &rows, err);
    bool present[SCHEMA_FLOW_COLUMNS] = {false};
    while (r == RESULT_OK && (r = db_rows_next(&rows, err)) == RESULT_OK) {
        for (idx_t i = 0; i < rows.count; i++) {
            char name[64];
            db_text_copy(&rows, 0, i, name, sizeof(name));
            for (unsigned c = 0; c < SCHEMA_FLOW_COLUMNS; c++)
                present[c] = present[c] || strcmp(name, schema_flow_column(c)) == 0;
        }
    }
    db_rows_close(&rows);
    sql_fini(&sql);
    if (r != RESULT_END)
        return r;
    for (unsigned c = 0; c < SCHEMA_FLOW_COLUMNS; c++) {
        if (present[c])
            continue;
        r = db_run(connection, err, "ALTER TABLE %s.flow ADD COLUMN %s %s DEFAULT %s", catalog, schema_flow_column(c),
                   flow_sql_type(c), schema_flow_type(c) == DUCKDB_TYPE_TIMESTAMP_NS ? "'1970-01-01'" : "0");
        if (r != RESULT_OK && r != RESULT_END)
            return r;
    }
    return RESULT_OK;
}
