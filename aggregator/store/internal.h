/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the store: what its files share. Not for other stages. */
#ifndef PAVO_AGGREGATOR_STORE_INTERNAL_H
#define PAVO_AGGREGATOR_STORE_INTERNAL_H

#include <duckdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "aggregator/store/observers.h"
#include "aggregator/store/sequences.h"
#include "aggregator/store/sql.h"
#include "aggregator/store/store.h"
#include "common/records/loss.h"
#include "common/records/status.h"

/* Lives (sensor, epoch) the store keeps sums and names of. */
#define STORE_LIVES_MAX   65536u
#define STORE_LIVES_SHARE 16384u /* of one sensor */
#define STORE_SPARE       8192u  /* of the limits, for batches taken and not yet committed */
#define STORE_CHUNK_ROWS  2048u  /* DuckDB's vector size */
#define STORE_CHUNK_ITEMS 65536u /* of lists: a chunk that has so many is written before it has its rows */

/* Times of a kind's records in a file; first > last while there is none. */
struct extent {
    int64_t first_ns, last_ns;
};

/* One file. Fields are guarded by store.lock; path and catalog never change. */
struct day {
    char date[11];    /* 2026-11-23 */
    char catalog[12]; /* d20261123: the name it is attached under */
    char *path;       /* owned */
    struct observers observers;
    struct extent times[RECORD_KIND_COUNT];
    int64_t last_received_ns;               /* of batches with a name; 0: none */
    uint64_t first_position, last_position; /* 0: empty */
    uint64_t missing;                       /* the last between them that is not there; 0: none */
};

struct life {
    struct store_life sums;
    struct sequences sequences;
};

/* A sensor's lives. */
struct kin {
    uint32_t lives, newest; /* how many; which has the greatest epoch, in store.lives */
};

struct boundary_counts {
    char name[BOUNDARY_NAME_MAX];
    uint64_t verdicts[VERDICT_COUNT];
};

struct store {
    char *directory;              /* owned */
    int lock_file, position_file; /* -1: not open */
    uint64_t checkpoint_at;
    store_notice *notice;
    void *notice_context;
    duckdb_database database;
    duckdb_connection writer;
    duckdb_data_chunk chunks[RECORD_KIND_COUNT]; /* reused by every commit */
    struct store_damage *damages;                /* owned; all found at start */
    size_t damage_count;

    pthread_mutex_t lock; /* guards all below; held for moments, never over a statement */
    struct day **days;    /* owned, ascending by date; never removed */
    size_t day_count;
    struct life *lives; /* owned */
    size_t life_count, life_capacity;
    struct observers life_numbers;      /* of lives: where they are in `lives` */
    struct observers sensor_numbers;    /* of sensors, as observers of epoch 0: where they are in `kin` */
    struct kin *kin;                    /* owned; has room for as many as `lives` */
    struct boundary_counts *boundaries; /* owned */
    size_t boundary_count;
    uint64_t position;                /* last given */
    uint64_t last[RECORD_KIND_COUNT]; /* last position with records of the kind */
};

/* ---- database.c: DuckDB's C interface with our errors */

/* Runs one statement without result. RESULT_AGAIN with DuckDB's sentence; RESULT_FATAL when the database is
 * invalidated. */
MUST_CHECK enum result db_run(duckdb_connection connection, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The appender's last error, as db_run has errors. */
enum result db_appender_error(struct error *err, const char *what, duckdb_appender appender);

/* A result read chunk by chunk. */
struct db_rows {
    duckdb_prepared_statement statement;
    duckdb_result result;
    duckdb_data_chunk chunk;
    bool open;
    idx_t count; /* rows in chunk */
};
MUST_CHECK enum result db_rows_open(duckdb_connection connection, const struct sql *sql, struct db_rows *ret_rows,
                                    struct error *err);
/* RESULT_OK: `chunk` and `count` are the next rows; RESULT_END: no more. */
MUST_CHECK enum result db_rows_next(struct db_rows *rows, struct error *err);
void db_rows_close(struct db_rows *rows);
void *db_column(const struct db_rows *rows, idx_t column);
/* Text or blob of a row: borrowed while the chunk is. */
const char *db_text(const struct db_rows *rows, idx_t column, idx_t row, size_t *ret_length);
void db_text_copy(const struct db_rows *rows, idx_t column, idx_t row, char *ret_text, size_t size);

static inline uint64_t db_u64(const struct db_rows *rows, idx_t column, idx_t row)
{
    return ((const uint64_t *)db_column(rows, column))[row];
}

static inline uint32_t db_u32(const struct db_rows *rows, idx_t column, idx_t row)
{
    return ((const uint32_t *)db_column(rows, column))[row];
}

static inline uint8_t db_u8(const struct db_rows *rows, idx_t column, idx_t row)
{
    return ((const uint8_t *)db_column(rows, column))[row];
}

/* ---- schema.c */

MUST_CHECK enum result schema_create(duckdb_connection connection, const char *catalog, struct error *err);
/* Adds columns that a file of an older version does not have. */
MUST_CHECK enum result schema_complete(duckdb_connection connection, const char *catalog, struct error *err);
/* Columns of a kind's table: 0 is the position of the batch, 1 + f the stored field f. */
static inline unsigned schema_columns(const struct record_kind *kind)
{
    return kind->stored_count + 1;
}
const char *schema_column(const struct record_kind *kind, unsigned column);
/* Owned by the caller. */
duckdb_logical_type schema_type(const struct record_kind *kind, unsigned column);
/* Appends all of them: "position", "flow", ... */
void schema_select(struct sql *sql, const struct record_kind *kind);

/* ---- chunk.c: records as rows of a kind's table, and back */

/* Writes rows from .. from + count - 1 into the chunk's rows from `at` on. `ids` are the file's numbers of the records'
 * observers. */
void chunk_write(duckdb_data_chunk chunk, idx_t at, const struct records *records, uint32_t from, uint32_t count,
                 uint64_t position, const uint32_t *ids);
/* Rows from .. from + count - 1 of a result that begins with schema_select's columns, as records. RESULT_FULL: so many
 * have more observers or items than records may; fewer would do. */
MUST_CHECK enum result chunk_read(const struct db_rows *rows, const struct record_kind *kind,
                                  const struct sql_observers *observers, idx_t from, uint32_t count,
                                  struct records **ret_records, struct error *err);

/* ---- days.c */

/* position.c. `ret_position` 0: nothing was noted. */
MUST_CHECK enum result position_open(struct store *store, uint64_t *ret_position, struct error *err);
void position_note(const struct store *store);

/* `noted` is the position that was committed last (position.c): what is missing up to there is told as damage. */
MUST_CHECK enum result days_open(struct store *store, uint64_t noted, struct error *err);
/* The day file for commits at `now_ns`, made when it is missing. */
MUST_CHECK enum result days_today(struct store *store, int64_t now_ns, struct day **ret_day, struct error *err);
void day_destroy(struct day **day);
MUST_CHECK enum result days_checkpoint(struct store *store, const struct day *day, struct error *err);

/* ---- lives.c; callers hold store.lock */

struct life *lives_find(const struct store *store, const struct observer *observer);
/* NULL: STORE_LIVES_MAX or out of memory. */
struct life *lives_get(struct store *store, const struct observer *observer);
/* The sensor's number, the same for all its lives. OBSERVERS_NOBODY: it has none. */
uint32_t lives_sensor(const struct store *store, const char *sensor);
/* Who is charged for an observer that a batch brings: nobody for a life's own, and for what has no speaker. */
uint32_t lives_charged(const struct store *store, const struct batch *batch, const struct observer *observer);
void lives_note_batch(struct life *life, uint64_t records, uint64_t packets, int64_t received_ns);
void lives_note_lost(struct life *life, uint64_t records);
/* A sensor's word about itself, taken over: the status in `row` of `records`. Older than what is there: no effect. */
void lives_note_status(struct store *store, const struct records *records, uint32_t row, uint64_t position,
                       int64_t received_ns);
struct boundary_counts *lives_boundary(struct store *store, const char *name);

static inline int64_t min_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t max_ns(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline void extent_add(struct extent *extent, int64_t first_ns, int64_t last_ns)
{
    extent->first_ns = min_ns(extent->first_ns, first_ns);
    extent->last_ns = max_ns(extent->last_ns, last_ns);
}

#endif
