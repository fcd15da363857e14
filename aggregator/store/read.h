/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the store: what its readers share. Not for other stages. */
#ifndef PAVO_AGGREGATOR_STORE_READ_H
#define PAVO_AGGREGATOR_STORE_READ_H

#include "aggregator/store/internal.h"

/* A day as a query sees it. */
struct day_view {
    char catalog[12];
    const struct day *day; /* its observers under store.lock */
};

struct store_reader {
    struct store *store;
    duckdb_connection connection;
    duckdb_connection beside; /* made when first wanted: a connection streams one result at a time */
    atomic_bool stop;
    /* The query under way. */
    struct store_query query;
    uint64_t left;                   /* of query.limit */
    char waiting[BOUNDARY_NAME_MAX]; /* store_find_waiting: the boundary; otherwise empty */
    char inside[SENSOR_NAME_MAX], outside[SENSOR_NAME_MAX];
    int64_t since_ns;
    struct day_view *plan; /* owned: days to ask, in order */
    size_t plan_count, plan_at;
    struct db_rows rows;
    idx_t chunk_at;         /* rows of the chunk handed out */
    struct db_rows unknown; /* open: what stands beside the rows, by position */
    idx_t unknown_at;
    struct observer *observers; /* owned: of the day being read */
    size_t observer_count;
    struct sql sql;
};

struct day_wanted {
    int kind; /* only days with records of this kind, in this time; -1: any */
    int64_t from_ns, to_ns;
    uint64_t after, through;
};

/* Owned array, oldest first. */
MUST_CHECK enum result reader_days(struct store_reader *reader, const struct day_wanted *wanted,
                                   struct day_view **ret_days, size_t *ret_count, struct error *err);
MUST_CHECK enum result reader_observers(struct store_reader *reader, const struct day *day,
                                        struct observer **ret_observers, size_t *ret_count, struct error *err);
/* RESULT_AGAIN once the reader is interrupted. */
MUST_CHECK enum result reader_go_on(struct store_reader *reader, struct error *err);

/* ---- unknown.c: what a newer contract had in a batch, while its rows are read by position */

/* Begins with a day. */
MUST_CHECK enum result unknown_open(struct store_reader *reader, const struct day_view *view, struct error *err);
/* Hands the batch at `position`, asked for in ascending order, what belongs to it. */
MUST_CHECK enum result unknown_take(struct store_reader *reader, uint64_t position, struct records *records,
                                    struct error *err);

/* ---- select.c: the statement for one day */

/* RESULT_REJECT: conditions that are not for the kind. */
MUST_CHECK enum result select_check(const struct store_query *query, struct error *err);
/* Does nothing but kind and positions narrow the query, so that batches come whole? */
bool select_is_whole(const struct store_reader *reader);
/* Into reader->sql. */
void select_query(struct store_reader *reader, const char *catalog, const struct sql_observers *observers);
void select_waiting(struct store_reader *reader, const char *catalog);

#endif
