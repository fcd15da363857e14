/* SPDX-License-Identifier: Apache-2.0 */
/* Engine: DuckDB, in memory. It keeps nothing: it looks at records that lie in memory (a struct engine_source as a
 * table), reads and writes Parquet, and answers SQL of our own making. No other folder knows how its vectors lie.
 *
 * Threads: an engine's database may be used by any; a connection by one at a time.
 * Errors: RESULT_AGAIN with DuckDB's sentence, RESULT_FATAL when the database is of no more use. */
#ifndef PAVO_AGGREGATOR_ENGINE_H
#define PAVO_AGGREGATOR_ENGINE_H

#include <duckdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "aggregator/engine/sql.h"
#include "common/records/records.h"
#include "common/result.h"

#define ENGINE_CHUNK_ROWS  2048u  /* DuckDB's vector size */
#define ENGINE_CHUNK_ITEMS 65536u /* of lists: a chunk that has so many is full */

struct engine_options {
    uint64_t memory_limit; /* bytes for DuckDB's buffers */
    unsigned threads;      /* 0: as many as there are processors */
    bool confined;         /* for SQL that people write: no files, and nothing of ours but what is added */
};
/* DuckDB's own threads are as nice as ENGINE_NICE: what comes in goes before what is asked (invariant 5). */
#define ENGINE_NICE 10
MUST_CHECK enum result engine_open(const struct engine_options *options, duckdb_database *ret_database,
                                   struct error *err);
/* A connection that knows engine_from's table function. */
MUST_CHECK enum result engine_connect(duckdb_database database, duckdb_connection *ret_connection, struct error *err);

/* ---- database.c: statements and their results */

/* Runs one statement without result. */
MUST_CHECK enum result db_run(duckdb_connection connection, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A result read chunk by chunk. */
struct db_rows {
    duckdb_connection connection; /* borrowed */
    duckdb_prepared_statement statement;
    duckdb_result result;
    duckdb_data_chunk chunk;
    bool open;
    bool ended;  /* all of them were read */
    idx_t count; /* rows in chunk */
};
MUST_CHECK enum result db_rows_open(duckdb_connection connection, const struct sql *sql, struct db_rows *ret_rows,
                                    struct error *err);
/* RESULT_OK: `chunk` and `count` are the next rows; RESULT_END: no more. */
MUST_CHECK enum result db_rows_next(struct db_rows *rows, struct error *err);
/* Nothing reads the statement's sources any more then, also where not all rows were read. */
void db_rows_close(struct db_rows *rows);
void *db_column(const struct db_rows *rows, idx_t column);
/* Text or blob of a row: borrowed while the chunk is. */
const char *db_text(const struct db_rows *rows, idx_t column, idx_t row, size_t *ret_length);
void db_text_copy(const struct db_rows *rows, idx_t column, idx_t row, char *ret_text, size_t size);

static inline uint64_t db_u64(const struct db_rows *rows, idx_t column, idx_t row)
{
    return ((const uint64_t *)db_column(rows, column))[row];
}

/* ---- schema.c: the stored fields of a kind as columns, each by its name. A field of a list is a LIST with the row's
 *      items; fields that name an observer hold its number in the store. */

/* Owned by the caller. */
duckdb_logical_type schema_type(const struct record_kind *kind, unsigned field);
/* May a file's column of it have NULLs? A number that says something only now and then. */
bool schema_has_nulls(const struct field *field);
/* Appends the columns of `fields` (by field; NULL: all): "flow", "report", ... Times as nanoseconds, whatever the unit
 * in the file; NULLs as what they were written for, and those in `missing` (by field; NULL: none) as what rows have
 * that were written without: zero, empty. */
void schema_select(struct sql *sql, const struct record_kind *kind, const bool *fields, const bool *missing);

/* Appends the names of those in `fields` (NULL: all). */
void schema_names(struct sql *sql, const struct record_kind *kind, const bool *fields);

/* ---- source.c: records in memory as a table */

/* Rows that one chunk is made of: `count` rows of `records` from `from` on; or, with `refs`, those, which may be of
 * many. `numbers` says by which number the store knows each of the records' observers. All of it borrowed until the
 * same thread asks for the next. */
struct engine_ref {
    const struct records *records;
    const uint32_t *numbers;
    uint32_t row;
};
struct engine_rows {
    uint32_t count; /* up to ENGINE_CHUNK_ROWS; lists: those that fit ENGINE_CHUNK_ITEMS, but one at least */
    const struct engine_ref *refs;
    const struct records *records;
    const uint32_t *numbers;
    uint32_t from;
};

struct engine_source {
    const struct record_kind *kind;
    uint64_t rows;    /* nearly, for the planner */
    unsigned threads; /* that may ask at once; 1: the rows come in order */
    bool nulls;       /* zeros that say nothing are NULL: for files, where others read too */
    /* The next rows. RESULT_END: no more. Anything else with `err` set ends the statement with that sentence. */
    enum result (*next)(struct engine_source *source, void *thread, struct engine_rows *ret_rows, struct error *err);
    /* What a scan of the rows needs (a statement may name a source twice), and each thread of it, which next() gets.
     * NULL: nothing. A thread of a source without a scan gets NULL for it. */
    void *(*scan_new)(struct engine_source *source);
    void (*scan_free)(void *scan);
    void *(*thread_new)(struct engine_source *source, void *scan);
    void (*thread_free)(void *thread);
};
/* Appends the table function's call: "pavo_rows(...)". The source is borrowed until the statement's end. */
void engine_from(struct sql *sql, const struct engine_source *source);

/* ---- chunk.c: records as vectors, and back */

/* `count` rows into a vector, of one field. */
void chunk_write(duckdb_vector vector, const struct engine_rows *rows, unsigned field);
/* What in it is zero and not known becomes NULL. */
void chunk_write_nulls(duckdb_vector vector, const struct engine_rows *rows, unsigned field);
/* How many of the rows fit a chunk by their lists' items; at least 1. */
uint32_t chunk_fits(const struct engine_rows *rows, const struct record_kind *kind);
/* Rows from .. from + count - 1 of a result that has the columns of `fields` (by field; NULL: all), as records; what is
 * not among those stays zero. RESULT_FULL: so many
 * have more observers or items than records may; fewer would do. */
MUST_CHECK enum result chunk_read(const struct db_rows *rows, const struct record_kind *kind, const bool *fields,
                                  const struct sql_observers *observers, idx_t from, uint32_t count,
                                  struct records **ret_records, struct error *err);

#endif
