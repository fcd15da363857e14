/* SPDX-License-Identifier: Apache-2.0 */
/* DuckDB's C interface with our errors. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/engine/engine.h"

static enum result tell(struct error *err, const char *what, duckdb_error_type type, const char *sentence)
{
    if (type == DUCKDB_ERROR_INTERRUPT)
        return error_set(err, RESULT_AGAIN, "%s: interrupted", what);
    if (sentence == NULL)
        sentence = "no reason given";
    /* DuckDB adds a stack trace behind the first line. */
    int length = (int)strcspn(sentence, "\n");
    return error_set(err, type == DUCKDB_ERROR_FATAL ? RESULT_FATAL : RESULT_AGAIN, "%s: %.*s", what, length, sentence);
}

static enum result tell_result(struct error *err, const char *what, duckdb_result *result)
{
    return tell(err, what, duckdb_result_error_type(result), duckdb_result_error(result));
}

/* A failed prepare has a sentence and no type: the sentence begins with the type's name. */
static enum result tell_prepare(struct error *err, duckdb_prepared_statement statement)
{
    const char *sentence = duckdb_prepare_error(statement);
    duckdb_error_type type = sentence == NULL                         ? DUCKDB_ERROR_INVALID
                             : strncmp(sentence, "FATAL", 5) == 0     ? DUCKDB_ERROR_FATAL
                             : strncmp(sentence, "INTERRUPT", 9) == 0 ? DUCKDB_ERROR_INTERRUPT
                                                                      : DUCKDB_ERROR_INVALID;
    return tell(err, "store, preparing a query", type, sentence);
}

enum result db_run(duckdb_connection connection, struct error *err, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return error_set(err, RESULT_AGAIN, "out of memory");
    duckdb_result result;
    enum result r = RESULT_OK;
    if (duckdb_query(connection, text, &result) != DuckDBSuccess) {
        char what[48];
        snprintf(what, sizeof(what), "store, %.20s", text);
        r = tell_result(err, what, &result);
    }
    duckdb_destroy_result(&result);
    free(text);
    return r;
}

/* A streamed result that is let go does not end its statement: DuckDB's threads go on scanning until the connection has
 * something else to do, for which it waits until what there is has ended. It ends at its next chunk if it is
 * interrupted, otherwise where its source does. */
static void cancel(duckdb_connection connection)
{
    duckdb_prepared_statement nothing = NULL;
    duckdb_interrupt(connection);
    duckdb_state state = duckdb_prepare(connection, "SELECT 1", &nothing);
    (void)state;
    duckdb_destroy_prepare(&nothing);
}

enum result db_rows_open(duckdb_connection connection, const struct sql *sql, struct db_rows *ret_rows,
                         struct error *err)
{
    if (sql->failed)
        return error_set(err, RESULT_AGAIN, "out of memory");
    struct db_rows rows = {.connection = connection};
    enum result r = RESULT_OK;
    if (duckdb_prepare(connection, sql->text, &rows.statement) != DuckDBSuccess)
        r = tell_prepare(err, rows.statement);
    else if (duckdb_execute_prepared_streaming(rows.statement, &rows.result) != DuckDBSuccess) {
        r = tell_result(err, "store, a query", &rows.result);
        duckdb_destroy_result(&rows.result);
        cancel(connection);
    }
    if (r != RESULT_OK) {
        duckdb_destroy_prepare(&rows.statement);
        return r;
    }
    rows.open = true;
    *ret_rows = rows;
    return RESULT_OK;
}

enum result db_rows_next(struct db_rows *rows, struct error *err)
{
    do {
        if (rows->chunk != NULL)
            duckdb_destroy_data_chunk(&rows->chunk);
        rows->chunk = duckdb_fetch_chunk(rows->result);
        if (rows->chunk == NULL) {
            const char *sentence = duckdb_result_error(&rows->result);
            if (sentence != NULL && sentence[0] != '\0')
                return tell_result(err, "store, reading a query's rows", &rows->result);
            rows->ended = true;
            return RESULT_END;
        }
        rows->count = duckdb_data_chunk_get_size(rows->chunk);
    } while (rows->count == 0);
    return RESULT_OK;
}

void db_rows_close(struct db_rows *rows)
{
    if (!rows->open)
        return;
    if (rows->chunk != NULL)
        duckdb_destroy_data_chunk(&rows->chunk);
    if (!rows->ended)
        cancel(rows->connection);
    duckdb_destroy_result(&rows->result);
    duckdb_destroy_prepare(&rows->statement);
    *rows = (struct db_rows){0};
}

void *db_column(const struct db_rows *rows, idx_t column)
{
    return duckdb_vector_get_data(duckdb_data_chunk_get_vector(rows->chunk, column));
}

const char *db_text(const struct db_rows *rows, idx_t column, idx_t row, size_t *ret_length)
{
    duckdb_string_t *strings = db_column(rows, column);
    *ret_length = duckdb_string_t_length(strings[row]);
    return duckdb_string_t_data(&strings[row]);
}

void db_text_copy(const struct db_rows *rows, idx_t column, idx_t row, char *ret_text, size_t size)
{
    size_t length;
    const char *text = db_text(rows, column, row, &length);
    if (length >= size)
        length = size - 1;
    memcpy(ret_text, text, length);
    ret_text[length] = '\0';
}
