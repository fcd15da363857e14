/* SPDX-License-Identifier: Apache-2.0 */
/* The SELECT is run within another that casts its columns to the few types that answers have. */
#include "aggregator/engine/outcome.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 48u

struct outcome {
    duckdb_prepared_statement statement;
    duckdb_result result;
    bool open; /* result */
    struct record_kind kind;
    struct field fields[OUTCOME_COLUMNS_MAX];
    char names[OUTCOME_COLUMNS_MAX][NAME_MAX_BYTES];
    char headings[OUTCOME_COLUMNS_MAX][NAME_MAX_BYTES];
};

void outcome_sentence(const char *sentence, struct error *ret_error)
{
    if (sentence == NULL || sentence[0] == '\0')
        sentence = "DuckDB gives no reason";
    const char *line = strstr(sentence, "\n\nLINE ");
    int length = line == NULL ? (int)strlen(sentence) : (int)(line - sentence);
    error_set(ret_error, RESULT_REJECT, "%.*s", length, sentence);
    for (char *at = ret_error->text; *at != '\0'; at++)
        *at = *at == '\n' ? ' ' : *at;
}

static enum result told(duckdb_error_type type, const char *sentence, struct error *err)
{
    outcome_sentence(sentence, err);
    return type == DUCKDB_ERROR_OUT_OF_MEMORY ? RESULT_FULL : RESULT_REJECT;
}

/* ---- columns */

static const struct target {
    const char *cast;
    enum field_type type;
    enum field_kind kind;
} integer = {"BIGINT", FIELD_I64, KIND_NUMBER}, natural = {"UBIGINT", FIELD_U64, KIND_NUMBER},
  fraction = {"DOUBLE", FIELD_F64, KIND_REAL}, flag = {"BOOLEAN", FIELD_U8, KIND_FLAG},
  moment = {"TIMESTAMP", FIELD_TIME, KIND_TIME}, other = {"VARCHAR", FIELD_TEXT, KIND_TEXT};

static const struct target *target_of(duckdb_type type)
{
    switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
        return &flag;
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_HUGEINT:
        return &integer;
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_UHUGEINT:
        return &natural;
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
        return &fraction;
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        return &moment;
    default:
        return &other;
    }
}

static bool is_taken(const struct outcome *o, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(o->names[i], name) == 0)
            return true;
    }
    return false;
}

/* "sum(src_bytes)" is sum_src_bytes, and a second one of that name sum_src_bytes_2. */
static void make_name(struct outcome *o, unsigned column, const char *from)
{
    char name[NAME_MAX_BYTES - 8];
    size_t length = 0;
    for (const char *at = from; *at != '\0' && length + 1 < sizeof(name); at++) {
        bool plain = isascii(*at) && isalnum((unsigned char)*at);
        if (plain || (length > 0 && name[length - 1] != '_'))
            name[length++] = plain ? (char)tolower((unsigned char)*at) : '_';
    }
    while (length > 0 && name[length - 1] == '_')
        length--;
    name[length] = '\0';
    snprintf(o->names[column], NAME_MAX_BYTES, "%s", length == 0 ? "column" : name);
    for (unsigned n = 2; is_taken(o, column, o->names[column]); n++)
        snprintf(o->names[column], NAME_MAX_BYTES, "%s_%u", length == 0 ? "column" : name, n);
}

static void make_column(struct outcome *o, unsigned column, const char *from, duckdb_type type)
{
    const struct target *target = target_of(type);
    make_name(o, column, from);
    snprintf(o->headings[column], NAME_MAX_BYTES, "%s", from);
    text_clean(o->headings[column]);
    o->fields[column] = (struct field){.name = o->names[column],
                                       .label = o->names[column],
                                       .doc = "",
                                       .type = target->type,
                                       .kind = target->kind,
                                       .twin = (uint16_t)column,
                                       .heading = o->headings[column]};
}

/* What the SELECT's columns are, and the statement around it. */
static enum result describe(struct outcome *o, duckdb_prepared_statement statement, const char *select,
                            struct sql *ret_sql, struct error *err)
{
    idx_t count = duckdb_prepared_statement_column_count(statement);
    if (count == 0 || count > OUTCOME_COLUMNS_MAX)
        return error_set(err, RESULT_REJECT, "a SELECT of %" PRIu64 " columns; 1 to %u are answered", (uint64_t)count,
                         OUTCOME_COLUMNS_MAX);
    for (unsigned i = 0; i < count; i++) {
        const char *name = duckdb_prepared_statement_column_name(statement, i);
        duckdb_type type = duckdb_prepared_statement_column_type(statement, i);
        make_column(o, i, name == NULL ? "" : name, type);
        duckdb_free((void *)name);
        sql_add(ret_sql, "%sCAST(c%u AS %s)", i == 0 ? "SELECT " : ", ", i, target_of(type)->cast);
    }
    sql_add(ret_sql, " FROM (\n%s\n) AS t(", select); /* in lines of its own: it may end with a comment */
    for (unsigned i = 0; i < count; i++)
        sql_add(ret_sql, "%sc%u", i == 0 ? "" : ", ", i);
    sql_add(ret_sql, ")");
    o->kind = (struct record_kind){.name = "",
                                   .fields = o->fields,
                                   .field_count = (unsigned)count,
                                   .stored_count = (unsigned)count,
                                   .first_time = -1,
                                   .last_time = -1,
                                   .observer = -1};
    return ret_sql->failed ? error_set(err, RESULT_AGAIN, "out of memory") : RESULT_OK;
}

static enum result prepare(duckdb_connection connection, const char *text, duckdb_prepared_statement *ret_statement,
                           struct error *err)
{
    if (duckdb_prepare(connection, text, ret_statement) == DuckDBSuccess)
        return RESULT_OK;
    enum result r = told(DUCKDB_ERROR_INVALID, duckdb_prepare_error(*ret_statement), err);
    duckdb_destroy_prepare(ret_statement);
    return r;
}

static enum result open_within(struct outcome *o, duckdb_connection connection, const char *select, struct error *err)
{
    duckdb_prepared_statement alone;
    struct sql sql = {0};
    enum result r = prepare(connection, select, &alone, err);
    if (r != RESULT_OK)
        return r;
    r = describe(o, alone, select, &sql, err);
    duckdb_destroy_prepare(&alone);
    if (r == RESULT_OK)
        r = prepare(connection, sql.text, &o->statement, err);
    sql_fini(&sql);
    if (r != RESULT_OK)
        return r;
    o->open = true;
    return duckdb_execute_prepared_streaming(o->statement, &o->result) == DuckDBSuccess
               ? RESULT_OK
               : told(duckdb_result_error_type(&o->result), duckdb_result_error(&o->result), err);
}

enum result outcome_open(duckdb_connection connection, const char *select, struct outcome **ret_outcome,
                         struct error *err)
{
    struct outcome *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = open_within(o, connection, select, err);
    if (r == RESULT_OK)
        *ret_outcome = o;
    else
        outcome_close(&o);
    return r;
}

const struct record_kind *outcome_kind(const struct outcome *outcome)
{
    return &outcome->kind;
}

void outcome_close(struct outcome **outcome)
{
    struct outcome *o = *outcome;
    if (o == NULL)
        return;
    if (o->open)
        duckdb_destroy_result(&o->result);
    duckdb_destroy_prepare(&o->statement);
    free(o);
    *outcome = NULL;
}

/* ---- rows */

/* False: it is said (a time that nanoseconds do not hold), or there is no memory. */
static bool take_value(struct records *records, unsigned f, const void *data, uint32_t row, struct error *err)
{
    void *column = records_column(records, f);
    switch (records->kind->fields[f].kind) {
    case KIND_FLAG:
        ((uint32_t *)column)[row] = ((const bool *)data)[row];
        return true;
    case KIND_REAL:
        ((uint64_t *)column)[row] = real_to_bits(((const double *)data)[row]);
        return isfinite(((const double *)data)[row]) || records_set_unknown(records, row, f) == RESULT_OK;
    case KIND_TIME:
        if (!__builtin_mul_overflow(((const int64_t *)data)[row], (int64_t)1000, &((int64_t *)column)[row]))
            return true;
        error_set(err, RESULT_REJECT,
                  "a time in column %s is before 1677 or after 2262: it can be answered as text only",
                  records->kind->fields[f].name);
        return false;
    case KIND_TEXT: {
        duckdb_string_t text = ((const duckdb_string_t *)data)[row];
        char *kept = records_text(records, duckdb_string_t_data(&text), duckdb_string_t_length(text));
        ((char **)column)[row] = kept;
        return kept != NULL;
    }
    default:
        ((uint64_t *)column)[row] = ((const uint64_t *)data)[row];
        return true;
    }
}

static bool take_column(struct records *records, unsigned f, duckdb_vector vector, struct error *err)
{
    const void *data = duckdb_vector_get_data(vector);
    uint64_t *validity = duckdb_vector_get_validity(vector);
    for (uint32_t row = 0; row < records->rows; row++) {
        bool known = validity == NULL || duckdb_validity_row_is_valid(validity, row);
        if (known ? !take_value(records, f, data, row, err) : records_set_unknown(records, row, f) != RESULT_OK)
            return false;
    }
    return true;
}

static enum result take(struct outcome *o, duckdb_data_chunk chunk, struct records **ret_records, struct error *err)
{
    struct records *records = records_new(&o->kind, (uint32_t)duckdb_data_chunk_get_size(chunk));
    bool made = records != NULL;
    error_set(err, RESULT_AGAIN, "out of memory");
    if (made)
        records->rows = records->capacity;
    for (unsigned f = 0; made && f < o->kind.field_count; f++)
        made = take_column(records, f, duckdb_data_chunk_get_vector(chunk, f), err);
    if (made)
        *ret_records = records;
    else
        records_free(&records);
    return made ? RESULT_OK : RESULT_REJECT;
}

enum result outcome_next(struct outcome *outcome, struct records **ret_records, struct error *err)
{
    duckdb_data_chunk chunk = NULL;
    do {
        duckdb_destroy_data_chunk(&chunk);
        chunk = duckdb_fetch_chunk(outcome->result);
        if (chunk == NULL) {
            const char *sentence = duckdb_result_error(&outcome->result);
            if (sentence == NULL || sentence[0] == '\0')
                return RESULT_END;
            return told(duckdb_result_error_type(&outcome->result), sentence, err);
        }
    } while (duckdb_data_chunk_get_size(chunk) == 0);
    enum result r = take(outcome, chunk, ret_records, err);
    duckdb_destroy_data_chunk(&chunk);
    return r;
}
