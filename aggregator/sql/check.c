/* SPDX-License-Identifier: Apache-2.0 */
/* DuckDB writes its parse as JSON, and lists that as a tree: a node is refused unless it is known here. */
#include "aggregator/sql/check.h"

#include <ctype.h>
#include <string.h>

/* ---- what is allowed */

/* Nodes, by what their type begins with: of statements, of FROM, of what follows it, of expressions. */
static const char *const nodes[] = {"SELECT_NODE",
                                    "SET_OPERATION_NODE",
                                    "RECURSIVE_CTE_NODE",
                                    "CTE_NODE", /* statements */
                                    "BASE_TABLE",
                                    "JOIN",
                                    "SUBQUERY",
                                    "EXPRESSION_LIST", /* FROM */
                                    "EMPTY",
                                    "TABLE_FUNCTION",
                                    "ORDER_",
                                    "ASCENDING", /* and what follows */
                                    "DESCENDING",
                                    "LIMIT_",
                                    "DISTINCT_MODIFIER",
                                    "COLUMN_REF", /* expressions */
                                    "COMPARE_",
                                    "CONJUNCTION_",
                                    "OPERATOR_",
                                    "ARRAY_",
                                    "STRUCT_EXTRACT",
                                    "CASE_EXPR",
                                    "VALUE_CONSTANT",
                                    "FUNCTION",
                                    "WINDOW_",
                                    "STAR",
                                    "LAMBDA",
                                    "COLLATE",
                                    "GROUPING_FUNCTION",
                                    "POSITIONAL_REFERENCE"};

/* Names that DuckDB has tables of its own under, which tell of it. */
static const char *const reserved[] = {"duckdb_", "pavo_", "pg_", "pragma_", "sqlite_", "information_schema"};

static bool begins_with_any(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(text, words[i], strlen(words[i])) == 0)
            return true;
    }
    return false;
}

static bool node_is_allowed(const char *type)
{
    size_t length = strlen(type);
    return begins_with_any(type, nodes, sizeof(nodes) / sizeof(*nodes)) ||
           (length > 10 && strcmp(type + length - 10, "_TYPE_INFO") == 0); /* of a cast */
}

static bool function_is_allowed(const char *name)
{
    size_t letters = 0;
    for (const char *at = name; *at != '\0'; at++)
        letters += isalnum((unsigned char)*at) != 0 || *at == '_';
    if (letters == 0)
        return true;
    for (unsigned i = 0; check_function(i) != NULL; i++) {
        if (strcmp(check_function(i), name) == 0)
            return true;
    }
    return false;
}

/* A name of the SELECT's own for a table. */
static bool own_name_is_allowed(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && *at != '_')
            return false;
    }
    return !begins_with_any(name, reserved, sizeof(reserved) / sizeof(*reserved));
}

/* ---- what there is */

#define NAME_BYTES 128u
#define OWN_MAX    64u

struct checking {
    const char *const *views;
    size_t view_count;
    char own[OWN_MAX][NAME_BYTES]; /* tables that it defines: WITH */
    size_t own_count;
};

static bool table_is_known(const struct checking *c, const char *name)
{
    for (size_t i = 0; i < c->view_count; i++) {
        if (strcasecmp(c->views[i], name) == 0)
            return true;
    }
    for (size_t i = 0; i < c->own_count; i++) {
        if (strcasecmp(c->own[i], name) == 0)
            return true;
    }
    return false;
}

static enum result take_own(struct checking *c, const char *name, struct error *err)
{
    if (c->own_count == OWN_MAX)
        return error_set(err, RESULT_REJECT, "more than %u tables of its own", OWN_MAX);
    for (char *at = (char *)name; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    if (!own_name_is_allowed(name))
        return error_set(err, RESULT_REJECT, "a table of its own may not be called '%.64s'", name);
    strcpy(c->own[c->own_count++], name);
    return RESULT_OK;
}

static enum result no_table(const struct checking *c, const char *name, struct error *err)
{
    char list[256] = "";
    for (size_t i = 0; i < c->view_count; i++) {
        strncat(list, i == 0 ? "" : i + 1 == c->view_count ? " and " : ", ", sizeof(list) - strlen(list) - 1);
        strncat(list, c->views[i], sizeof(list) - strlen(list) - 1);
    }
    return error_set(err, RESULT_REJECT, "there is no table '%.64s'; there are %s", name, list);
}

/* A key of the parse and its value. */
static enum result check_part(const struct checking *c, const char *key, const char *value, struct error *err)
{
    if (strcmp(key, "type") == 0)
        return node_is_allowed(value) ? RESULT_OK
                                      : error_set(err, RESULT_REJECT, "%.64s is not allowed in a SELECT here", value);
    if (strcmp(key, "function_name") == 0)
        return function_is_allowed(value)
                   ? RESULT_OK
                   : error_set(err, RESULT_REJECT, "the function '%.64s' is not among those that are allowed", value);
    if (strcmp(key, "table_name") == 0)
        return value[0] == '\0' || table_is_known(c, value) ? RESULT_OK : no_table(c, value, err);
    if (strcmp(key, "schema") == 0 && strcmp(value, "main") == 0)
        return RESULT_OK; /* of a function, whose name is looked at: the grammar says so of its own */
    /* catalogs and schemas */
    return value[0] == '\0' ? RESULT_OK
                            : error_set(err, RESULT_REJECT, "there are no schemas here: %.64s is not known", value);
}

/* ---- the parse */

static enum result ask(duckdb_connection connection, const char *select, const char *what, const char *keys,
                       struct db_rows *ret_rows, struct error *err)
{
    struct sql sql = {0};
    sql_add(&sql, "SELECT %s FROM json_tree(json_serialize_sql(", what);
    sql_text(&sql, select);
    sql_add(&sql, ")) WHERE %s", keys);
    enum result r = db_rows_open(connection, &sql, ret_rows, err);
    sql_fini(&sql);
    return r;
}

/* A text of the row; false: it has none, or one that is longer than a name. */
static bool text_of(const struct db_rows *rows, idx_t column, idx_t row, char text[static NAME_BYTES])
{
    uint64_t *validity = duckdb_vector_get_validity(duckdb_data_chunk_get_vector(rows->chunk, column));
    size_t length;
    if (validity != NULL && !duckdb_validity_row_is_valid(validity, row))
        return false;
    (void)db_text(rows, column, row, &length);
    db_text_copy(rows, column, row, text, NAME_BYTES);
    return length < NAME_BYTES;
}

/* Is it one SELECT, by DuckDB's grammar? */
static enum result check_parse(duckdb_connection connection, const char *select, struct error *err)
{
    struct db_rows rows;
    struct sql sql = {0};
    char failed[NAME_BYTES], why[NAME_BYTES], count[NAME_BYTES], position[NAME_BYTES];
    sql_add(&sql, "SELECT j->>'error', j->>'error_message', json_array_length(j, '$.statements')::VARCHAR, "
                  "j->>'position' FROM (SELECT json_serialize_sql(");
    sql_text(&sql, select);
    sql_add(&sql, ")::JSON AS j)");
    enum result r = db_rows_open(connection, &sql, &rows, err);
    sql_fini(&sql);
    if (r != RESULT_OK)
        return r;
    r = db_rows_next(&rows, err);
    if (r == RESULT_OK && text_of(&rows, 0, 0, failed) && strcmp(failed, "true") == 0) {
        (void)text_of(&rows, 1, 0, why);
        r = strncmp(why, "Only SELECT", 11) == 0
                ? error_set(err, RESULT_REJECT, "one SELECT is answered, and nothing else")
            : text_of(&rows, 3, 0, position) ? error_set(err, RESULT_REJECT, "%s, at character %s", why, position)
                                             : error_set(err, RESULT_REJECT, "%s", why);
    } else if (r == RESULT_OK && (!text_of(&rows, 2, 0, count) || strcmp(count, "1") != 0)) {
        r = error_set(err, RESULT_REJECT, "one SELECT is answered, and nothing else");
    }
    db_rows_close(&rows);
    return r;
}

/* Every row of one key and value: what the SELECT defines, or what it uses. */
static enum result walk(duckdb_connection connection, const char *select, struct checking *c, bool own,
                        struct error *err)
{
    char key[NAME_BYTES], value[NAME_BYTES];
    struct db_rows rows;
    enum result r = ask(connection, select, "key, json_extract_string(atom, '$')",
                        own ? "key IN ('key', 'cte_name')"
                            : "key IN ('type', 'function_name', 'table_name', 'schema', 'schema_name', 'catalog', "
                              "'catalog_name', 'database_name')",
                        &rows, err);
    if (r != RESULT_OK)
        return r;
    while (r == RESULT_OK && (r = db_rows_next(&rows, err)) == RESULT_OK) {
        for (idx_t row = 0; row < rows.count && r == RESULT_OK; row++) {
            uint64_t *known = duckdb_vector_get_validity(duckdb_data_chunk_get_vector(rows.chunk, 1));
            if (known != NULL && !duckdb_validity_row_is_valid(known, row))
                continue; /* of an object, whose parts come by themselves */
            if (!text_of(&rows, 0, row, key) || !text_of(&rows, 1, row, value))
                r = error_set(err, RESULT_REJECT, "a name is longer than %u bytes", NAME_BYTES - 1);
            else
                r = own ? take_own(c, value, err) : check_part(c, key, value, err);
        }
    }
    db_rows_close(&rows);
    return r == RESULT_END ? RESULT_OK : r;
}

enum result check_select(duckdb_connection connection, const char *select, const char *const *views, size_t view_count,
                         struct error *err)
{
    struct checking c = {.views = views, .view_count = view_count};
    enum result r = check_parse(connection, select, err);
    if (r == RESULT_OK)
        r = walk(connection, select, &c, true, err);
    return r == RESULT_OK ? walk(connection, select, &c, false, err) : r;
}
