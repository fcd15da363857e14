/* SPDX-License-Identifier: Apache-2.0 */
/* The stored fields of a kind as columns of the engine. */
#include "aggregator/engine/engine.h"

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
    [FIELD_TIME] = {"TIMESTAMP_NS", "make_timestamp_ns(0)", DUCKDB_TYPE_TIMESTAMP_NS},
    [FIELD_TEXT] = {"VARCHAR", "''", DUCKDB_TYPE_VARCHAR},
};

/* As what values are kept: an observer's number in the store is wider than its index in a batch. */
static enum field_type column_type(const struct field *field)
{
    return field->kind == KIND_OBSERVER ? FIELD_U32 : field->type;
}

duckdb_logical_type schema_type(const struct record_kind *kind, unsigned f)
{
    const struct field *field = &kind->fields[f];
    duckdb_logical_type type = duckdb_create_logical_type(types[column_type(field)].type);
    if (field->list == 0)
        return type;
    duckdb_logical_type list = duckdb_create_list_type(type);
    duckdb_destroy_logical_type(&type);
    return list;
}

bool schema_has_nulls(const struct field *field)
{
    return field_is_guarded(field) && field->type != FIELD_TEXT && field->kind != KIND_OBSERVER &&
           field->kind != KIND_PORT;
}

/* Names stand in quotes: a field may be called what SQL calls something else. */
void schema_select(struct sql *sql, const struct record_kind *kind, const bool *fields, const bool *missing)
{
    const char *separator = "";
    for (unsigned f = 0; f < kind->stored_count; f++) {
        const struct field *field = &kind->fields[f];
        enum field_type type = column_type(field);
        if (fields != NULL && !fields[f])
            continue;
        sql_add(sql, "%s", separator);
        separator = ", ";
        if (missing != NULL && missing[f])
            sql_add(sql, "%s::%s%s AS ", field->list != 0 ? "[]" : types[type].none, types[type].sql,
                    field->list != 0 ? "[]" : "");
        else if (field->type == FIELD_TIME && field->list == 0)
            sql_add(sql, "\"%s\"::TIMESTAMP_NS AS ", field->name);
        else if (schema_has_nulls(field))
            sql_add(sql, "coalesce(\"%s\", %s::%s) AS ", field->name, types[type].none, types[type].sql);
        sql_add(sql, "\"%s\"", field->name);
    }
}

void schema_names(struct sql *sql, const struct record_kind *kind, const bool *fields)
{
    const char *separator = "";
    for (unsigned f = 0; f < kind->stored_count; f++) {
        if (fields != NULL && !fields[f])
            continue;
        sql_add(sql, "%s\"%s\"", separator, kind->fields[f].name);
        separator = ", ";
    }
}
