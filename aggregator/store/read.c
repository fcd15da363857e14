/* SPDX-License-Identifier: Apache-2.0 */
/* Reading records: one statement for what is hot and one for each segment that can hold some, results streamed. */
#include "aggregator/store/read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum result store_reader_open(struct store *store, struct store_reader **ret_reader, struct error *err)
{
    struct store_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    reader->store = store;
    atomic_init(&reader->stop, false);
    enum result r = engine_connect(store->database, &reader->connection, err);
    if (r == RESULT_OK)
        *ret_reader = reader;
    else
        free(reader);
    return r;
}

enum result store_reader_open_beside(struct store_reader *reader, struct store_reader **ret_beside, struct error *err)
{
    struct store_reader *beside;
    enum result r = store_reader_open(reader->store, &beside, err);
    if (r != RESULT_OK)
        return r;
    beside->leader = reader;
    pthread_mutex_lock(&reader->store->lock);
    atomic_store(&beside->stop, atomic_load(&reader->stop));
    beside->beside = reader->beside;
    reader->beside = beside;
    pthread_mutex_unlock(&reader->store->lock);
    *ret_beside = beside;
    return RESULT_OK;
}

static void leave_leader(struct store_reader *reader)
{
    pthread_mutex_lock(&reader->store->lock);
    struct store_reader **at = &reader->leader->beside;
    while (*at != reader)
        at = &(*at)->beside;
    *at = reader->beside;
    pthread_mutex_unlock(&reader->store->lock);
}

/* The unit under way. */
static void unit_end(struct store_reader *reader)
{
    db_rows_close(&reader->rows);
    if (reader->table_open)
        hot_table_fini(&reader->table);
    reader->table_open = false;
    segment_view_fini(&reader->view);
    reader->observers = (struct sql_observers){0};
}

void reader_end(struct store_reader *reader)
{
    unit_end(reader);
    hot_view_fini(&reader->hot);
    segment_set_release(&reader->segments);
    free(reader->plan);
    reader->plan = NULL;
    reader->plan_count = reader->plan_at = 0;
    records_free(&reader->sorted);
    reader->sorted_at = 0;
    journal_cursor_close(&reader->cursor);
    waiting_free(&reader->waiting);
}

void store_reader_close(struct store_reader **reader_pointer)
{
    struct store_reader *reader = *reader_pointer;
    if (reader == NULL)
        return;
    if (reader->leader != NULL)
        leave_leader(reader);
    reader_end(reader);
    duckdb_disconnect(&reader->connection);
    sql_fini(&reader->sql);
    free(reader);
    *reader_pointer = NULL;
}

static void set_stop(struct store_reader *reader, bool stop)
{
    pthread_mutex_lock(&reader->store->lock);
    for (struct store_reader *at = reader; at != NULL; at = at->beside) {
        atomic_store(&at->stop, stop);
        if (stop)
            duckdb_interrupt(at->connection);
    }
    pthread_mutex_unlock(&reader->store->lock);
}

void store_reader_interrupt(struct store_reader *reader)
{
    set_stop(reader, true);
}

void store_reader_resume(struct store_reader *reader)
{
    set_stop(reader, false);
}

bool store_reader_is_interrupted(struct store_reader *reader)
{
    return atomic_load(&reader->stop);
}

enum result reader_go_on(struct store_reader *reader, struct error *err)
{
    return atomic_load(&reader->stop) ? error_set(err, RESULT_AGAIN, "interrupted") : RESULT_OK;
}

/* ---- the plan */

static bool segment_is_wanted(const struct segment *segment, const struct store_query *q)
{
    return segment->kind == q->kind && (q->from_ns == 0 || segment->last_ns >= q->from_ns) &&
           (q->to_ns == 0 || segment->first_ns < q->to_ns);
}

static int newest_first(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;
    return x->last_ns > y->last_ns ? -1 : x->last_ns < y->last_ns;
}

enum result store_snapshot_take(struct store *store, struct store_snapshot **ret_snapshot, struct error *err)
{
    struct store_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = hot_look(store->hot, -1, 0, 0, &snapshot->hot, err);
    snapshot->segments = r == RESULT_OK ? segments_snapshot(store->segments) : NULL;
    if (r == RESULT_OK && snapshot->segments == NULL)
        r = error_set(err, RESULT_AGAIN, "out of memory");
    if (r != RESULT_OK) {
        store_snapshot_release(&snapshot);
        return r;
    }
    hot_view_cut(&snapshot->hot, segment_set_through(snapshot->segments));
    *ret_snapshot = snapshot;
    return RESULT_OK;
}

void store_snapshot_release(struct store_snapshot **snapshot)
{
    if (*snapshot == NULL)
        return;
    hot_view_fini(&(*snapshot)->hot);
    segment_set_release(&(*snapshot)->segments);
    free(*snapshot);
    *snapshot = NULL;
}

/* Hot first, then segments: what is sealed between the two looks is then in both, and cut from what is hot. */
static enum result take_snapshot(struct store_reader *reader, struct error *err)
{
    const struct store_query *q = &reader->query;
    if (q->snapshot != NULL) {
        reader->segments = segment_set_share(q->snapshot->segments);
        return reader->segments == NULL
                   ? error_set(err, RESULT_AGAIN, "out of memory")
                   : hot_view_copy(&q->snapshot->hot, (int)q->kind, q->from_ns, q->to_ns, &reader->hot, err);
    }
    enum result r = hot_look(reader->store->hot, (int)q->kind, q->from_ns, q->to_ns, &reader->hot, err);
    if (r != RESULT_OK)
        return r;
    reader->segments = segments_snapshot(reader->store->segments);
    if (reader->segments == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    hot_view_cut(&reader->hot, segment_set_through(reader->segments));
    return RESULT_OK;
}

static enum result make_plan(struct store_reader *reader, struct error *err)
{
    enum result r = take_snapshot(reader, err);
    size_t count = r == RESULT_OK ? segment_set_count(reader->segments) : 0;
    reader->plan = r == RESULT_OK ? calloc(count + 1, sizeof(*reader->plan)) : NULL;
    if (r != RESULT_OK)
        return r;
    if (reader->plan == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    if (reader->hot.count > 0)
        reader->plan[reader->plan_count++] = (struct unit){.last_ns = INT64_MAX};
    for (size_t i = 0; i < count; i++) {
        const struct segment *segment = segment_set_get(reader->segments, i);
        if (segment_is_wanted(segment, &reader->query))
            reader->plan[reader->plan_count++] = (struct unit){segment, segment->last_ns};
    }
    qsort(reader->plan, reader->plan_count, sizeof(*reader->plan), newest_first);
    return RESULT_OK;
}

/* ---- a unit */

void reader_note_damaged(struct store_reader *reader, const struct segment *segment, const char *sentence)
{
    struct store_damage damage = {
        .from_ns = segment->first_ns, .to_ns = segment->last_ns + 1, .records = segment->rows};
    snprintf(damage.file, sizeof(damage.file), "segments/%016" PRIx64 ".parquet", segment->id);
    snprintf(damage.text, sizeof(damage.text), "%.255s", sentence);
    store_note_damage(reader->store, &damage);
}

/* What the segment's rows do not have, none of its observers can know. */
static void note_missing(struct segment_view *view)
{
    const struct record_kind *kind = record_kinds[view->segment->kind];
    for (unsigned f = 0; kind == record_kinds[RECORD_FLOW] && f < kind->stored_count; f++) {
        uint16_t number = kind->fields[f].number;
        for (uint32_t o = 0; view->missing[f] && o < view->observer_count && number < OBSERVER_UNKNOWN_MAX; o++)
            view->observers[o].unknown[number / 64] |= 1ull << number % 64;
    }
}

static enum result open_hot(struct store_reader *reader, struct error *err)
{
    struct sql from = {0};
    enum result r = hot_table_init(&reader->table, reader->store->hot, &reader->hot, reader->query.kind, err);
    if (r != RESULT_OK)
        return r;
    reader->table_open = true;
    reader->observers = (struct sql_observers){reader->table.observers.list, reader->table.observers.count};
    engine_from(&from, &reader->table.source);
    select_query(reader, &from, NULL);
    sql_fini(&from);
    return db_rows_open(reader->connection, &reader->sql, &reader->rows, err);
}

/* RESULT_END: nothing in it is wanted. RESULT_REJECT: damaged. */
static enum result open_segment(struct store_reader *reader, const struct segment *segment, struct error *err)
{
    struct segments *segments = reader->store->segments;
    const struct store_query *q = &reader->query;
    struct segment_wish wish = {.from_ns = q->from_ns, .to_ns = q->to_ns, .fields = reader->read};
    wish.addresses = select_addresses(q, &wish.address_count);
    enum result r = segment_open(segments, segment, &wish, &reader->view, err);
    if (r != RESULT_OK)
        return r;
    struct sql from = {0};
    note_missing(&reader->view);
    reader->observers = (struct sql_observers){reader->view.observers, reader->view.observer_count};
    segment_from(&from, segments, &reader->view);
    select_query(reader, &from, reader->view.missing);
    sql_fini(&from);
    return db_rows_open(reader->connection, &reader->sql, &reader->rows, err);
}

/* RESULT_END: nothing, or nothing that can be read; what is damaged is known then. */
static enum result open_unit(struct store_reader *reader, const struct unit *unit, struct error *err)
{
    unit_end(reader);
    sql_clear(&reader->sql);
    if (unit->segment == NULL)
        return open_hot(reader, err);
    struct error why;
    enum result r = open_segment(reader, unit->segment, &why);
    if (r == RESULT_REJECT) {
        reader_note_damaged(reader, unit->segment, why.text);
        return RESULT_END;
    }
    if (r != RESULT_OK && r != RESULT_END)
        return error_set(err, r, "%s", why.text);
    return r;
}

/* The next chunk of the unit, or of the next that has one. */
static enum result next_chunk(struct store_reader *reader, struct error *err)
{
    for (;;) {
        enum result r = reader_go_on(reader, err);
        if (r != RESULT_OK)
            return r;
        if (!reader->rows.open) {
            if (reader->plan_at == reader->plan_count || (reader->query.limit != 0 && reader->left == 0))
                return RESULT_END;
            r = open_unit(reader, &reader->plan[reader->plan_at++], err);
            if (r == RESULT_END)
                continue;
            if (r != RESULT_OK)
                return r;
        }
        r = db_rows_next(&reader->rows, err);
        if (r != RESULT_END) {
            reader->chunk_at = 0;
            return r;
        }
        unit_end(reader);
    }
}

/* Up to `count` rows from chunk_at on: as many as records may have of observers and items. */
static enum result take_rows(struct store_reader *reader, uint32_t count, struct records **ret_records,
                             struct error *err)
{
    for (;; count /= 2) {
        enum result r = chunk_read(&reader->rows, record_kinds[reader->query.kind], reader->handed, &reader->observers,
                                   reader->chunk_at, count, ret_records, err);
        if (r == RESULT_OK)
            reader->chunk_at += count;
        if (r != RESULT_FULL)
            return r;
        if (count == 1)
            return error_set(err, RESULT_AGAIN, "out of memory"); /* one row was committed within these limits */
    }
}

static enum result next_rows(struct store_reader *reader, struct records **ret_records, struct error *err)
{
    enum result r = RESULT_OK;
    if (!reader->rows.open || reader->chunk_at == reader->rows.count)
        r = next_chunk(reader, err);
    return r == RESULT_OK ? take_rows(reader, (uint32_t)(reader->rows.count - reader->chunk_at), ret_records, err) : r;
}

/* ---- the newest of all units */

struct by_time {
    int64_t time;
    uint32_t row;
};

static int latest_first(const void *a, const void *b)
{
    const struct by_time *x = a, *y = b;
    return x->time != y->time ? (x->time > y->time ? -1 : 1) : x->row < y->row ? -1 : x->row > y->row;
}

/* Those of `all` that are the newest `limit`, in order. */
static enum result keep_newest(struct records **all, uint64_t limit, struct error *err)
{
    struct records *from = *all;
    const int64_t *times = records_column(from, (unsigned)from->kind->first_time);
    uint32_t count = from->rows < limit ? from->rows : (uint32_t)limit;
    struct by_time *order = malloc((from->rows + 1u) * sizeof(*order));
    uint32_t *rows = malloc((from->rows + 1u) * sizeof(*rows));
    struct records *kept = NULL;
    if (order != NULL && rows != NULL && records_freeze(from)) {
        for (uint32_t i = 0; i < from->rows; i++)
            order[i] = (struct by_time){times[i], i};
        qsort(order, from->rows, sizeof(*order), latest_first);
        for (uint32_t i = 0; i < count; i++)
            rows[i] = order[i].row;
        kept = records_copy(from, rows, 0, count);
    }
    free(order);
    free(rows);
    if (kept == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    records_free(all);
    *all = kept;
    return RESULT_OK;
}

static bool is_enough(const struct store_reader *reader, const struct records *all)
{
    if (all->rows < reader->query.limit || reader->plan_at == reader->plan_count)
        return false;
    const int64_t *times = records_column(all, (unsigned)all->kind->first_time);
    return reader->plan[reader->plan_at].last_ns <= times[all->rows - 1]; /* no younger one comes */
}

/* Goes through the units until no younger record can come. Each statement hands out at most `limit` rows. */
static enum result sort_all(struct store_reader *reader, struct error *err)
{
    struct records *all = records_new(record_kinds[reader->query.kind], 1), *more;
    enum result r = all == NULL ? error_set(err, RESULT_AGAIN, "out of memory") : RESULT_OK;
    while (r == RESULT_OK && !is_enough(reader, all) && reader->plan_at < reader->plan_count) {
        r = reader_go_on(reader, err);
        if (r == RESULT_OK)
            r = open_unit(reader, &reader->plan[reader->plan_at++], err);
        if (r == RESULT_END) {
            r = RESULT_OK;
            continue;
        }
        while (r == RESULT_OK && (r = db_rows_next(&reader->rows, err)) == RESULT_OK) {
            reader->chunk_at = 0;
            while (r == RESULT_OK && reader->chunk_at < reader->rows.count) {
                r = take_rows(reader, (uint32_t)(reader->rows.count - reader->chunk_at), &more, err);
                if (r == RESULT_OK && records_join(&all, more) != RESULT_OK)
                    r = error_set(err, RESULT_AGAIN,
                                  "more than %u observers in one answer, or out of memory: narrow it",
                                  RECORDS_OBSERVERS_MAX);
                records_free(&more);
            }
        }
        unit_end(reader);
        if (r == RESULT_END)
            r = keep_newest(&all, reader->query.limit, err);
    }
    if (r == RESULT_OK)
        reader->sorted = all;
    else
        records_free(&all);
    return r;
}

static bool is_sorted(const struct store_query *q)
{
    return q->limit != 0 && q->limit <= STORE_SORTED_MAX;
}

static enum result next_sorted(struct store_reader *reader, struct records **ret_records, struct error *err)
{
    enum result r = reader->sorted == NULL ? sort_all(reader, err) : RESULT_OK;
    if (r != RESULT_OK)
        return r;
    if (reader->sorted->rows == 0 || reader->sorted_at > 0)
        return RESULT_END;
    reader->sorted_at = 1; /* all of it was handed out */
    *ret_records = reader->sorted;
    reader->sorted = records_new((*ret_records)->kind, 1);
    if (reader->sorted != NULL)
        return RESULT_OK;
    records_free(ret_records);
    return error_set(err, RESULT_AGAIN, "out of memory");
}

/* ---- finding */

enum result store_find(struct store_reader *reader, const struct store_query *query, struct error *err)
{
    reader_end(reader);
    enum result r = select_check(query, err);
    if (r != RESULT_OK)
        return r;
    reader->query = *query;
    reader->left = query->limit;
    select_fields(reader);
    return query->by_position ? replay_begin(reader, err) : make_plan(reader, err);
}

enum result store_next(struct store_reader *reader, struct records **ret_records, uint64_t *ret_position,
                       struct error *err)
{
    enum result r = reader->query.by_position   ? replay_next(reader, ret_records, ret_position, err)
                    : is_sorted(&reader->query) ? next_sorted(reader, ret_records, err)
                                                : next_rows(reader, ret_records, err);
    if (r != RESULT_OK)
        reader_end(reader);
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
    reader_end(reader);
    records_free(&all);
    return r;
}

/* ---- who was silent */

static bool was_heard(const struct ranges *ranges, int64_t from_ns, int64_t to_ns)
{
    return ranges_meet(ranges, from_ns == 0 ? INT64_MIN : from_ns, to_ns == 0 ? INT64_MAX : to_ns - 1);
}

enum result store_silent(struct store_reader *reader, int64_t from_ns, int64_t to_ns,
                         char (**ret_sensors)[OBSERVER_NAME_MAX], size_t *ret_count, struct error *err)
{
    struct store *store = reader->store;
    size_t count = 0;
    pthread_mutex_lock(&store->lock);
    const struct lives *lives = &store->lives;
    char(*silent)[OBSERVER_NAME_MAX] = calloc(lives->speaker_numbers.count + 1u, sizeof(*silent));
    for (uint32_t i = 0; silent != NULL && i < lives->speaker_numbers.count; i++) {
        const struct speaker *speaker = &lives->speakers[i];
        if (!was_heard(&speaker->received, from_ns, to_ns) && !was_heard(&speaker->flows, from_ns, to_ns))
            memcpy(silent[count++], lives->speaker_numbers.list[i].sensor, OBSERVER_NAME_MAX);
    }
    pthread_mutex_unlock(&store->lock);
    if (silent == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    *ret_sensors = silent;
    *ret_count = count;
    return RESULT_OK;
}
