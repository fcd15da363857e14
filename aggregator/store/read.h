/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the store: what its readers share. Not for other stages. */
#ifndef PAVO_AGGREGATOR_STORE_READ_H
#define PAVO_AGGREGATOR_STORE_READ_H

#include "aggregator/store/internal.h"

/* What one statement reads from: a segment, or all that is hot. */
struct unit {
    const struct segment *segment; /* NULL: hot */
    int64_t last_ns;               /* no record in it is younger */
};

struct waiting; /* waiting.c */

struct store_snapshot {
    struct hot_view hot; /* of every kind */
    struct segment_set *segments;
};

struct store_reader {
    struct store *store;
    duckdb_connection connection;
    atomic_bool stop;
    struct store_reader *leader; /* whose work it is; NULL: its own */
    struct store_reader *beside; /* of a leader: those beside it, each with the next; under store->lock */
    struct sql sql;

    /* The query under way. */
    struct store_query query;
    uint64_t left;                   /* of query.limit */
    bool handed[RECORDS_FIELDS_MAX]; /* fields that are handed out */
    bool read[RECORDS_FIELDS_MAX];   /* those, and what the conditions are about */
    struct hot_view hot;
    struct segment_set *segments;
    struct unit *plan; /* owned: newest first */
    size_t plan_count, plan_at;

    /* The unit under way. */
    struct hot_table table;
    bool table_open;
    struct db_rows rows;
    idx_t chunk_at; /* rows of the chunk handed out */
    struct sql_observers observers;
    struct segment_view view; /* of a segment */
    struct records *sorted;   /* the newest of all units, to be handed out; owned */
    uint32_t sorted_at;

    /* By position. */
    struct journal_cursor *cursor;
    struct waiting *waiting; /* store_find_waiting; owned */
};

/* RESULT_AGAIN once the reader is interrupted. */
MUST_CHECK enum result reader_go_on(struct store_reader *reader, struct error *err);
/* A segment that cannot be read is named in answers from now on. */
void reader_note_damaged(struct store_reader *reader, const struct segment *segment, const char *sentence);
/* Ends what is under way. */
void reader_end(struct store_reader *reader);

/* ---- select.c: the statement for one unit */

/* RESULT_REJECT: conditions that are not for the kind. */
MUST_CHECK enum result select_check(const struct store_query *query, struct error *err);
/* reader->handed and reader->read, by its query. */
void select_fields(struct store_reader *reader);
/* Addresses of which all that a query wants has one as src or dst; none: it is not so simple. */
const struct address *select_addresses(const struct store_query *query, size_t *ret_count);
/* Into reader->sql, for rows `from` (SQL behind FROM) that lack the columns in `missing` (NULL: none). */
void select_query(struct store_reader *reader, const struct sql *from, const bool *missing);

/* ---- replay.c: in the order committed, out of the journal */

MUST_CHECK enum result replay_begin(struct store_reader *reader, struct error *err);
MUST_CHECK enum result replay_next(struct store_reader *reader, struct records **ret_records, uint64_t *ret_position,
                                   struct error *err);
void waiting_free(struct waiting **waiting);

#endif
