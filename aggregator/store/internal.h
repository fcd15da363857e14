/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the store: what its files share. Not for other stages. */
#ifndef PAVO_AGGREGATOR_STORE_INTERNAL_H
#define PAVO_AGGREGATOR_STORE_INTERNAL_H

#include <duckdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "aggregator/store/sequences.h"
#include "aggregator/store/sql.h"
#include "aggregator/store/store.h"

/* Lives (sensor, epoch) the store keeps sums and names of. */
#define STORE_LIVES_MAX  65536u
#define STORE_SPARE      8192u /* of the limits, for batches taken and not yet committed */
#define STORE_CHUNK_ROWS 2048u /* DuckDB's vector size */

enum topic { TOPIC_FLOW, TOPIC_LINK, TOPIC_LOSS, TOPIC_STATUS, TOPIC_COUNT };

/* One file. Fields are guarded by store.lock; path and catalog never change. */
struct day {
    char date[11];              /* 2026-11-23 */
    char catalog[12];           /* d20261123: the name it is attached under */
    char *path;                 /* owned */
    struct observer *observers; /* owned; index is the number in the file */
    uint32_t observer_count;
    int64_t first_ns, last_ns; /* flow times; first > last while there is none */
    int64_t first_received_ns, last_received_ns;
    uint64_t first_position, last_position; /* 0: empty */
};

struct life {
    struct store_life sums;
    struct sequences sequences;
    int64_t first_received_ns;
};

struct boundary_counts {
    char name[BOUNDARY_NAME_MAX];
    uint64_t linked;
    uint64_t unlinked[UNLINKED_REASON_COUNT];
};

struct store {
    char *directory; /* owned */
    int lock_file;
    uint64_t checkpoint_at;
    store_notice *notice;
    void *notice_context;
    duckdb_database database;
    duckdb_connection writer;
    duckdb_data_chunk flow_chunk; /* reused by every commit */

    pthread_mutex_t lock; /* guards all below; held for moments, never over a statement */
    struct day **days;    /* owned, ascending by date; never removed */
    size_t day_count;
    struct life *lives; /* owned */
    size_t life_count, life_capacity;
    struct boundary_counts *boundaries; /* owned */
    size_t boundary_count;
    uint64_t position;          /* last given */
    uint64_t last[TOPIC_COUNT]; /* last position on each topic */
};

/* ---- database.c: DuckDB's C interface with our errors */

/* Runs one statement without result. RESULT_AGAIN with DuckDB's sentence; RESULT_FATAL when the database is
 * invalidated. */
MUST_CHECK enum result db_run(duckdb_connection connection, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum result db_error(struct error *err, const char *what, const char *duckdb_sentence);

/* A result read chunk by chunk. */
struct db_rows {
    duckdb_prepared_statement statement;
    duckdb_result result;
    duckdb_data_chunk chunk;
    bool open;
    idx_t count; /* rows in chunk */
};
MUST_CHECK enum result db_rows_open(duckdb_connection connection, const char *sql, struct db_rows *ret_rows,
                                    struct error *err);
/* RESULT_OK: `chunk` and `count` are the next rows; RESULT_END: no more. */
MUST_CHECK enum result db_rows_next(struct db_rows *rows, struct error *err);
void db_rows_close(struct db_rows *rows);
void *db_column(const struct db_rows *rows, idx_t column);
/* Text or blob of a row: borrowed while the chunk is. */
const char *db_text(const struct db_rows *rows, idx_t column, idx_t row, size_t *ret_length);
void db_text_copy(const struct db_rows *rows, idx_t column, idx_t row, char *ret_text, size_t size);

/* ---- schema.c */

MUST_CHECK enum result schema_create(duckdb_connection connection, const char *catalog, struct error *err);
/* Adds flow columns that a file of an older version does not have. */
MUST_CHECK enum result schema_complete(duckdb_connection connection, const char *catalog, struct error *err);
/* Columns of `flow` in the order of schema_flow_columns: position, observer, then FLOW_FIELDS without observer. */
#define SCHEMA_FLOW_COLUMNS (FLOW_FIELD_COUNT + 1)
const char *schema_flow_column(unsigned column);
enum flow_field schema_flow_field(unsigned column); /* of columns from 2 on */
duckdb_type schema_flow_type(unsigned column);
/* "position,observer,flow,report,..." */
const char *schema_flow_list(void);

/* ---- days.c */

MUST_CHECK enum result days_open(struct store *store, struct error *err);
/* The day file for commits at `now_ns`, made when it is missing. */
MUST_CHECK enum result days_today(struct store *store, int64_t now_ns, struct day **ret_day, struct error *err);
void day_destroy(struct day **day);
/* The observer's number in the file, or UINT32_MAX. */
uint32_t day_observer(const struct day *day, const struct observer *observer);
MUST_CHECK enum result days_checkpoint(struct store *store, const struct day *day, struct error *err);

/* ---- lives.c; callers hold store.lock */

struct life *lives_find(const struct store *store, const struct observer *observer);
/* NULL: STORE_LIVES_MAX or out of memory. */
struct life *lives_get(struct store *store, const struct observer *observer);
void lives_note_batch(struct life *life, uint64_t records, uint64_t packets, int64_t received_ns);
struct boundary_counts *lives_boundary(struct store *store, const char *name);

static inline int64_t min_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t max_ns(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
