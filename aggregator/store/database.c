/* SPDX-License-Identifier: Apache-2.0 */
/* DuckDB's C interface with our errors. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"

enum result db_error(struct error *err, const char *what, const char *sentence)
{
    if (sentence == NULL)
        sentence = "no reason given";
    /* DuckDB adds a stack trace behind the first line. */
    int length = (int)strcspn(sentence, "\n");
    bool broken = strstr(sentence, "FATAL") != NULL || strstr(sentence, "invalidated") != NULL;
    bool interrupted = strncmp(sentence, "INTERRUPT", 9) == 0;
    if (interrupted)
        return error_set(err, RESULT_AGAIN, "%s: interrupted", what);
    return error_set(err, broken ? RESULT_FATAL : RESULT_AGAIN, "%s: %.*s", what, length, sentence);
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
        r = db_error(err, what, duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
    free(text);
    return r;
}

enum result db_rows_open(duckdb_connection connection, const char *sql, struct db_rows *ret_rows, struct error *err)
{
    struct db_rows rows = {0};
    enum result r = RESULT_OK;
    if (duckdb_prepare(connection, sql, &rows.statement) != DuckDBSuccess)
        r = db_error(err, "store, preparing a query", duckdb_prepare_error(rows.statement));
    else if (duckdb_execute_prepared_streaming(rows.statement, &rows.result) != DuckDBSuccess) {
        r = db_error(err, "store, a query", duckdb_result_error(&rows.result));
        duckdb_destroy_result(&rows.result);
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
                return db_error(err, "store, reading a query's rows", sentence);
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
