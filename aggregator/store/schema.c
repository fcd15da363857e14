/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of a day file.
 *
 * A table for each kind of record, made from the kind's fields: the position of the batch, then every stored field by
 * its name; a field of a list is a LIST with the row's items. Fields that name an observer hold its number in the file.
 *
 * observer   who spoke or saw, numbered within the file: a row names it by a small number that is constant over a batch
 *            and so costs nothing; which flow fields it cannot know
 * batch      what was committed under one position, with what the catalog needs to know of it; the aggregator's own
 *            conclusions have an observer without a name
 * unknown    what a batch of a newer contract had beside a kind's columns, a row for each of protobuf's fields */
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"

static const struct {
    const char *sql, *none;
    duckdb_type type;
} types[FIELD_TYPE_END] = {
    [FIELD_U8] = {"UTINYINT", "0", DUCKDB_TYPE_UTINYINT},
    [FIELD_U16] = {"USMALLINT", "0", DUCKDB_TYPE_USMALLINT},
    [FIELD_U32] = {"UINTEGER", "0", DUCKDB_TYPE_UINTEGER},
    [FIELD_U64] = {"UBIGINT", "0", DUCKDB_TYPE_UBIGINT},
    [FIELD_F32] = {"UINTEGER", "0", DUCKDB_TYPE_UINTEGER},
    [FIELD_F64] = {"UBIGINT", "0", DUCKDB_TYPE_UBIGINT},
    [FIELD_I32] = {"INTEGER", "0", DUCKDB_TYPE_INTEGER},
    [FIELD_I64] = {"BIGINT", "0", DUCKDB_TYPE_BIGINT},
    [FIELD_TIME] = {"TIMESTAMP_NS", "'1970-01-01'", DUCKDB_TYPE_TIMESTAMP_NS},
    [FIELD_TEXT] = {"VARCHAR", "''", DUCKDB_TYPE_VARCHAR},
};

const char *schema_column(const struct record_kind *kind, unsigned column)
{
    return column == 0 ? "position" : kind->fields[column - 1].name;
}

/* As what values are kept: an observer's number in the file is wider than its index in a batch. */
static enum field_type column_type(const struct record_kind *kind, unsigned column)
{
    if (column == 0)
        return FIELD_U64;
    const struct field *field = &kind->fields[column - 1];
    return field->kind == KIND_OBSERVER ? FIELD_U32 : field->type;
}

static bool column_is_list(const struct record_kind *kind, unsigned column)
{
    return column > 0 && kind->fields[column - 1].list != 0;
}

duckdb_logical_type schema_type(const struct record_kind *kind, unsigned column)
{
    duckdb_logical_type type = duckdb_create_logical_type(types[column_type(kind, column)].type);
    if (!column_is_list(kind, column))
        return type;
    duckdb_logical_type list = duckdb_create_list_type(type);
    duckdb_destroy_logical_type(&type);
    return list;
}

/* Names stand in quotes: a field may be called what SQL calls something else. */
void schema_select(struct sql *sql, const struct record_kind *kind)
{
    for (unsigned c = 0; c < schema_columns(kind); c++)
        sql_add(sql, "%s\"%s\"", c == 0 ? "" : ", ", schema_column(kind, c));
}

/* "name" TYPE, and what rows have that were written without it. */
static void define_column(struct sql *sql, const struct record_kind *kind, unsigned column, bool made_with_table)
{
    enum field_type type = column_type(kind, column);
    bool list = column_is_list(kind, column);
    sql_add(sql, "\"%s\" %s%s%s DEFAULT %s", schema_column(kind, column), types[type].sql, list ? "[]" : "",
            made_with_table ? " NOT NULL" : "", list ? "[]" : types[type].none);
}

static const char *const tables[] = {
    "observer(id UINTEGER NOT NULL, sensor VARCHAR NOT NULL, epoch UBIGINT NOT NULL, unknown_low UBIGINT NOT NULL,"
    " unknown_high UBIGINT NOT NULL)",
    "batch(position UBIGINT NOT NULL, observer UINTEGER NOT NULL, sequence UBIGINT NOT NULL, records UINTEGER NOT NULL,"
    " packets UBIGINT NOT NULL, received TIMESTAMP_NS NOT NULL, first_time TIMESTAMP_NS, last_time TIMESTAMP_NS)",
    "unknown(position UBIGINT NOT NULL, kind UTINYINT NOT NULL, tag UINTEGER NOT NULL, wire_type UTINYINT NOT NULL,"
    " data BLOB NOT NULL)", /* kind: of the field in Batch and Published, which never changes */
};

static enum result create_kind(duckdb_connection connection, const char *catalog, const struct record_kind *kind,
                               struct error *err)
{
    struct sql sql = {0};
    for (unsigned c = 0; c < schema_columns(kind); c++) {
        sql_add(&sql, "%s", c == 0 ? "" : ", ");
        define_column(&sql, kind, c, true);
    }
    enum result r =
        sql.failed ? error_set(err, RESULT_AGAIN, "out of memory")
                   : db_run(connection, err, "CREATE TABLE IF NOT EXISTS %s.\"%s\"(%s)", catalog, kind->name, sql.text);
    sql_fini(&sql);
    return r;
}

enum result schema_create(duckdb_connection connection, const char *catalog, struct error *err)
{
    enum result r = db_run(connection, err, "BEGIN");
    if (r != RESULT_OK)
        return r;
    for (unsigned kind = 0; r == RESULT_OK && kind < RECORD_KIND_COUNT; kind++)
        r = create_kind(connection, catalog, record_kinds[kind], err);
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

/* Which of the kind's columns the file has, into `present`. */
static enum result look_for_columns(duckdb_connection connection, const char *catalog, const struct record_kind *kind,
                                    bool *present, struct error *err)
{
    struct sql sql = {0};
    sql_add(&sql, "SELECT column_name FROM duckdb_columns() WHERE database_name = '%s' AND table_name = '%s'", catalog,
            kind->name);
    struct db_rows rows = {0};
    enum result r = db_rows_open(connection, &sql, &rows, err);
    while (r == RESULT_OK && (r = db_rows_next(&rows, err)) == RESULT_OK) {
        for (idx_t i = 0; i < rows.count; i++) {
            char name[64];
            db_text_copy(&rows, 0, i, name, sizeof(name));
            for (unsigned c = 0; c < schema_columns(kind); c++)
                present[c] = present[c] || strcmp(name, schema_column(kind, c)) == 0;
        }
    }
    db_rows_close(&rows);
    sql_fini(&sql);
    return r == RESULT_END ? RESULT_OK : r;
}

static enum result complete_kind(duckdb_connection connection, const char *catalog, const struct record_kind *kind,
                                 struct error *err)
{
    bool *present = calloc(schema_columns(kind), sizeof(*present));
    if (present == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = look_for_columns(connection, catalog, kind, present, err);
    for (unsigned c = 0; r == RESULT_OK && c < schema_columns(kind); c++) {
        if (present[c])
            continue;
        struct sql sql = {0};
        define_column(&sql, kind, c, false);
        r = sql.failed ? error_set(err, RESULT_AGAIN, "out of memory")
                       : db_run(connection, err, "ALTER TABLE %s.\"%s\" ADD COLUMN %s", catalog, kind->name, sql.text);
        sql_fini(&sql);
    }
    free(present);
    return r;
}

enum result schema_complete(duckdb_connection connection, const char *catalog, struct error *err)
{
    enum result r = RESULT_OK;
    for (unsigned kind = 0; r == RESULT_OK && kind < RECORD_KIND_COUNT; kind++)
        r = complete_kind(connection, catalog, record_kinds[kind], err);
    return r;
}
