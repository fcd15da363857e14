/* SPDX-License-Identifier: Apache-2.0 */
/* Reading records: one statement for each day file that can hold some, its result streamed. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/read.h"

enum result store_reader_open(struct store *store, struct store_reader **ret_reader, struct error *err)
{
    struct store_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    reader->store = store;
    atomic_init(&reader->stop, false);
    if (duckdb_connect(store->database, &reader->connection) != DuckDBSuccess) {
        free(reader);
        return error_set(err, RESULT_FATAL, "DuckDB: no connection");
    }
    *ret_reader = reader;
    return RESULT_OK;
}

static void find_end(struct store_reader *reader)
{
    db_rows_close(&reader->rows);
    db_rows_close(&reader->unknown);
    free(reader->plan);
    reader->plan = NULL;
    reader->plan_count = reader->plan_at = 0;
    free(reader->observers);
    reader->observers = NULL;
    reader->observer_count = 0;
}

void store_reader_close(struct store_reader **reader_pointer)
{
    struct store_reader *reader = *reader_pointer;
    if (reader == NULL)
        return;
    find_end(reader);
    duckdb_disconnect(&reader->connection);
    duckdb_disconnect(&reader->beside);
    sql_fini(&reader->sql);
    free(reader);
    *reader_pointer = NULL;
}

void store_reader_interrupt(struct store_reader *reader)
{
    atomic_store(&reader->stop, true);
    duckdb_interrupt(reader->connection);
}

void store_reader_resume(struct store_reader *reader)
{
    atomic_store(&reader->stop, false);
}

enum result reader_go_on(struct store_reader *reader, struct error *err)
{
    return atomic_load(&reader->stop) ? error_set(err, RESULT_AGAIN, "interrupted") : RESULT_OK;
}

/* ---- days */

static int day_order(const void *a, const void *b)
{
    const struct day_view *x = a, *y = b;
    return strcmp(x->catalog, y->catalog);
}

static bool day_is_wanted(const struct day *day, const struct day_wanted *wanted)
{
    if (day->first_position == 0 || day->last_position <= wanted->after ||
        (wanted->through != 0 && day->first_position > wanted->through))
        return false;
    if (wanted->kind < 0)
        return true;
    const struct extent *times = &day->times[wanted->kind];
    return times->first_ns <= times->last_ns && (wanted->from_ns == 0 || times->last_ns >= wanted->from_ns) &&
           (wanted->to_ns == 0 || times->first_ns < wanted->to_ns);
}

enum result reader_days(struct store_reader *reader, const struct day_wanted *wanted, struct day_view **ret_days,
                        size_t *ret_count, struct error *err)
{
    struct store *store = reader->store;
    pthread_mutex_lock(&store->lock);
    struct day_view *views = calloc(store->day_count + 1, sizeof(*views));
    size_t count = 0;
    for (size_t i = 0; views != NULL && i < store->day_count; i++) {
        const struct day *day = store->days[i];
        if (!day_is_wanted(day, wanted))
            continue;
        memcpy(views[count].catalog, day->catalog, sizeof(day->catalog));
        views[count].day = day;
        count++;
    }
    pthread_mutex_unlock(&store->lock);
    if (views == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    qsort(views, count, sizeof(*views), day_order);
    *ret_days = views;
    *ret_count = count;
    return RESULT_OK;
}

enum result reader_observers(struct store_reader *reader, const struct day *day, struct observer **ret_observers,
                             size_t *ret_count, struct error *err)
{
    pthread_mutex_lock(&reader->store->lock);
    size_t count = day->observers.count;
    struct observer *copy = malloc((count + 1) * sizeof(*copy));
    if (copy != NULL && count > 0)
        memcpy(copy, day->observers.list, count * sizeof(*copy));
    pthread_mutex_unlock(&reader->store->lock);
    if (copy == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    *ret_observers = copy;
    *ret_count = count;
    return RESULT_OK;
}

/* Newest first, or by position oldest first. */
static void newest_first(struct store_reader *reader)
{
    for (size_t i = 0; i < reader->plan_count / 2; i++) {
        struct day_view swap = reader->plan[i];
        reader->plan[i] = reader->plan[reader->plan_count - 1 - i];
        reader->plan[reader->plan_count - 1 - i] = swap;
    }
}

static enum result open_day(struct store_reader *reader, const struct day_view *view, struct error *err)
{
    free(reader->observers);
    reader->observers = NULL;
    enum result r = reader_observers(reader, view->day, &reader->observers, &reader->observer_count, err);
    if (r != RESULT_OK)
        return r;
    const struct sql_observers observers = {reader->observers, reader->observer_count};
    sql_clear(&reader->sql);
    if (reader->waiting[0] != '\0')
        select_waiting(reader, view->catalog);
    else
        select_query(reader, view->catalog, &observers);
    r = db_rows_open(reader->connection, &reader->sql, &reader->rows, err);
    if (r == RESULT_OK && select_is_whole(reader))
        r = unknown_open(reader, view, err); /* behind the rows': it then knows what belongs to each of them */
    return r;
}

/* ---- finding */

enum result store_find(struct store_reader *reader, const struct store_query *query, struct error *err)
{
    find_end(reader);
    enum result r = select_check(query, err);
    if (r != RESULT_OK)
        return r;
    reader->query = *query;
    reader->left = query->limit;
    reader->waiting[0] = '\0';
    const struct day_wanted wanted = {.kind = (int)query->kind,
                                      .from_ns = query->from_ns,
                                      .to_ns = query->to_ns,
                                      .after = query->after,
                                      .through = query->through};
    r = reader_days(reader, &wanted, &reader->plan, &reader->plan_count, err);
    if (r == RESULT_OK && !query->by_position)
        newest_first(reader);
    return r;
}

enum result store_find_waiting(struct store_reader *reader, const char *boundary, const char *inside,
                               const char *outside, int64_t since_ns, struct error *err)
{
    find_end(reader);
    if (!sensor_name_valid(boundary) || !sensor_name_valid(inside) || !sensor_name_valid(outside))
        return error_set(err, RESULT_REJECT, "boundary %s has a bad name", boundary);
    reader->query = (struct store_query){.kind = RECORD_FLOW, .by_position = true};
    reader->left = 0;
    strcpy(reader->waiting, boundary);
    strcpy(reader->inside, inside);
    strcpy(reader->outside, outside);
    reader->since_ns = since_ns;
    /* Days without flows have verdicts. */
    enum result r = reader_days(reader, &(struct day_wanted){.kind = -1}, &reader->plan, &reader->plan_count, err);
    if (r != RESULT_OK)
        return r;
    /* Only the days that reach past `since_ns`. */
    size_t kept = 0;
    pthread_mutex_lock(&reader->store->lock);
    for (size_t i = 0; i < reader->plan_count; i++) {
        int64_t last = reader->plan[i].day->last_received_ns; /* 0: conclusions only */
        if (last == 0 || last >= since_ns)
            reader->plan[kept++] = reader->plan[i];
    }
    pthread_mutex_unlock(&reader->store->lock);
    reader->plan_count = kept;
    return RESULT_OK;
}

/* ---- rows of a chunk as records */

/* The next chunk, of this day or of the next that has one. */
static enum result next_chunk(struct store_reader *reader, struct error *err)
{
    for (;;) {
        enum result r = reader_go_on(reader, err);
        if (r != RESULT_OK)
            return r;
        if (!reader->rows.open) {
            if (reader->plan_at == reader->plan_count || (reader->query.limit != 0 && reader->left == 0))
                return RESULT_END;
            r = open_day(reader, &reader->plan[reader->plan_at++], err);
            if (r != RESULT_OK)
                return r;
        }
        r = db_rows_next(&reader->rows, err);
        if (r != RESULT_END) {
            reader->chunk_at = 0;
            return r;
        }
        db_rows_close(&reader->rows);
        db_rows_close(&reader->unknown);
    }
}

/* Up to `count` rows from chunk_at on: as many as records may have of observers and items. */
static enum result take_rows(struct store_reader *reader, uint32_t count, struct records **ret_records,
                             struct error *err)
{
    const struct sql_observers observers = {reader->observers, reader->observer_count};
    for (;; count /= 2) {
        enum result r = chunk_read(&reader->rows, record_kinds[reader->query.kind], &observers, reader->chunk_at, count,
                                   ret_records, err);
        if (r == RESULT_OK)
            reader->chunk_at += count;
        if (r != RESULT_FULL)
            return r;
        if (count == 1)
            return error_set(err, RESULT_AGAIN, "out of memory"); /* one row was committed within these limits */
    }
}

/* Rows of the chunk from chunk_at on that share the first one's position. */
static uint32_t same_position(const struct store_reader *reader, uint64_t *ret_position)
{
    const uint64_t *positions = db_column(&reader->rows, 0);
    idx_t to = reader->chunk_at;
    *ret_position = positions[to];
    while (to < reader->rows.count && positions[to] == *ret_position)
        to++;
    return (uint32_t)(to - reader->chunk_at);
}

/* Puts what the next chunks have of the same batch behind it. RESULT_END: no more chunks. */
static enum result take_rest(struct store_reader *reader, uint64_t position, struct records **records,
                             struct error *err)
{
    uint64_t next;
    while (reader->chunk_at == reader->rows.count) {
        enum result r = db_rows_next(&reader->rows, err);
        reader->chunk_at = 0;
        if (r != RESULT_OK)
            return r;
        uint32_t count = same_position(reader, &next);
        if (next != position)
            break;
        struct records *more;
        r = take_rows(reader, count, &more, err);
        if (r != RESULT_OK)
            return r;
        if (records_join(records, more) != RESULT_OK)
            r = error_set(err, RESULT_AGAIN, "out of memory");
        records_free(&more);
        if (r != RESULT_OK)
            return r;
    }
    return RESULT_OK;
}

static enum result next_position(struct store_reader *reader, struct records **ret_records, uint64_t *ret_position,
                                 struct error *err)
{
    uint64_t position;
    struct records *records = NULL;
    uint32_t count = same_position(reader, &position);
    enum result r = take_rows(reader, count, &records, err);
    if (r == RESULT_OK)
        r = take_rest(reader, position, &records, err);
    bool ended = r == RESULT_END;
    if (r == RESULT_OK || ended)
        r = unknown_take(reader, position, records, err);
    if (ended) {
        db_rows_close(&reader->rows);
        db_rows_close(&reader->unknown);
    }
    if (r != RESULT_OK) {
        records_free(&records);
        return r;
    }
    if (ret_position != NULL)
        *ret_position = position;
    *ret_records = records;
    return RESULT_OK;
}

enum result store_next(struct store_reader *reader, struct records **ret_records, uint64_t *ret_position,
                       struct error *err)
{
    enum result r = RESULT_OK;
    if (!reader->rows.open || reader->chunk_at == reader->rows.count)
        r = next_chunk(reader, err);
    if (r == RESULT_OK && reader->query.by_position)
        r = next_position(reader, ret_records, ret_position, err);
    else if (r == RESULT_OK)
        r = take_rows(reader, (uint32_t)(reader->rows.count - reader->chunk_at), ret_records, err);
    if (r != RESULT_OK)
        find_end(reader);
    else if (reader->query.limit != 0)
        reader->left -= (*ret_records)->rows;
    return r;
}

enum result store_collect(struct store_reader *reader, const struct store_query *query, struct records **ret_records,
                          struct error *err)
{
    struct records *all = records_new(record_kinds[query->kind], 1), *more;
    if (all == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = store_find(reader, query, err);
    while (r == RESULT_OK && (r = store_next(reader, &more, NULL, err)) == RESULT_OK) {
        if (records_join(&all, more) != RESULT_OK)
            r = error_set(err, RESULT_FULL, "more than %u observers in one answer, or out of memory",
                          RECORDS_OBSERVERS_MAX);
        records_free(&more);
    }
    if (r == RESULT_END) {
        *ret_records = all;
        return RESULT_OK;
    }
    find_end(reader);
    records_free(&all);
    return r;
}
