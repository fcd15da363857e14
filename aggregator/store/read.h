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
    idx_t chunk_at;             /* rows of the chunk handed out */
    struct observer *observers; /* owned: of the day being read */
    size_t observer_count;
    struct sql sql;
};

struct day_wanted {
    bool flows; /* prune by flow times as well */
    int64_t from_ns, to_ns;
    uint64_t after, through;
};

/* Owned array, oldest first. */
MUST_CHECK enum result reader_days(struct store_reader *reader, const struct day_wanted *wanted,
                                   struct day_view **ret_days, size_t *ret_count, struct error *err);
MUST_CHECK enum result reader_observers(struct store_reader *reader, const struct day *day,
                                        struct observer **ret_observers, size_t *ret_count, struct error *err);
MUST_CHECK enum result reader_plan(struct store_reader *reader, const struct day_wanted *wanted, bool oldest_first,
                                   struct error *err);
/* RESULT_AGAIN once the reader is interrupted. */
MUST_CHECK enum result reader_go_on(struct store_reader *reader, struct error *err);

/* The statement of store_find_waiting for a day. */
void reader_waiting_select(struct store_reader *reader, const char *catalog, const struct sql_observers *observers);

#endif
