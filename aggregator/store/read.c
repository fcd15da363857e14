/* SPDX-License-Identifier: Apache-2.0 */
/* Reading flows: one statement for each day file that can hold rows, its result streamed. */
#include <inttypes.h>
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

static int day_order(const void *a, const void *b)
{
    const struct day_view *x = a, *y = b;
    return strcmp(x->catalog, y->catalog);
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
        if (day->first_position == 0)
            continue;
        if (wanted->flows &&
            (day->first_ns > day->last_ns || (wanted->from_ns != 0 && day->last_ns < wanted->from_ns) ||
             (wanted->to_ns != 0 && day->first_ns >= wanted->to_ns)))
            continue;
        if (day->last_position <= wanted->after || (wanted->through != 0 && day->first_position > wanted->through))
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
    size_t count = day->observer_count;
    struct observer *copy = malloc((count + 1) * sizeof(*copy));
    if (copy != NULL && count > 0)
        memcpy(copy, day->observers, count * sizeof(*copy));
    pthread_mutex_unlock(&reader->store->lock);
    if (copy == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    *ret_observers = copy;
    *ret_count = count;
    return RESULT_OK;
}

/* The conditions of a query other than its filter and endpoint. */
static void add_conditions(struct sql *sql, const struct store_query *q, const struct sql_observers *observers)
{
    sql_add(sql, "TRUE");
    if (q->from_ns != 0)
        sql_add(sql, " AND last_time >= make_timestamp_ns(%" PRId64 ")", q->from_ns);
    if (q->to_ns != 0)
        sql_add(sql, " AND first_time < make_timestamp_ns(%" PRId64 ")", q->to_ns);
    if (q->after != 0)
        sql_add(sql, " AND position > %" PRIu64, q->after);
    if (q->through != 0)
        sql_add(sql, " AND position <= %" PRIu64, q->through);
    if (q->protocol != 0)
        sql_add(sql, " AND protocol = %u", q->protocol);
    if (q->name_count > 0) {
        sql_add(sql, " AND ");
        sql_names(sql, "observer", "flow", q->names, q->name_count, observers);
    }
}

/* SELECT for one day: one arm, or two where "either side" is asked for. */
static void add_select(struct sql *sql, const struct store_query *q, const char *catalog,
                       const struct sql_observers *observers)
{
    const struct filter_node *root = q->filter == NULL ? NULL : filter_root(q->filter);
    const struct filter_node *pinned =
        root == NULL || q->by_position || q->endpoint != NULL ? NULL : sql_filter_pin(root);
    bool two = (pinned != NULL || q->endpoint != NULL) && !q->by_position;
    for (unsigned arm = 0; arm < (two ? 2u : 1u); arm++) {
        sql_add(sql, "%sSELECT %s FROM %s.flow WHERE ", arm > 0 ? " UNION ALL " : "", schema_flow_list(), catalog);
        add_conditions(sql, q, observers);
        if (q->endpoint != NULL) {
            sql_add(sql, " AND ");
            sql_endpoint(sql, arm == 0 ? "src" : "dst", q->endpoint);
            if (arm == 1) {
                sql_add(sql, " AND NOT ");
                sql_endpoint(sql, "src", q->endpoint);
            }
        }
        if (root != NULL) {
            sql_add(sql, " AND ");
            sql_filter(sql, root, pinned, arm == 0 ? SQL_ARM_SRC : SQL_ARM_DST_NOT_SRC, observers);
        }
    }
}

static enum result open_day(struct store_reader *reader, const struct day_view *view, struct error *err)
{
    const struct store_query *q = &reader->query;
    free(reader->observers);
    reader->observers = NULL;
    enum result r = reader_observers(reader, view->day, &reader->observers, &reader->observer_count, err);
    if (r != RESULT_OK)
        return r;
    struct sql *sql = &reader->sql;
    struct sql_observers observers = {reader->observers, reader->observer_count};
    sql_clear(sql);
    bool sorted = !q->by_position && q->limit != 0 && q->limit <= STORE_SORTED_MAX;
    if (reader->waiting[0] != '\0') {
        reader_waiting_select(reader, view->catalog, &observers);
    } else {
        sql_add(sql, "SELECT * FROM (");
        add_select(sql, q, view->catalog, &observers);
        sql_add(sql, ")");
    }
    if (sorted)
        sql_add(sql, " ORDER BY first_time DESC");
    if (q->limit != 0)
        sql_add(sql, " LIMIT %" PRIu64, reader->left);
    if (sql->failed)
        return error_set(err, RESULT_AGAIN, "out of memory");
    return db_rows_open(reader->connection, sql->text, &reader->rows, err);
}

/* Days newest first, or oldest first when asked by position. */
enum result reader_plan(struct store_reader *reader, const struct day_wanted *wanted, bool oldest_first,
                        struct error *err)
{
    reader->plan = NULL;
    reader->plan_count = 0;
    enum result r = reader_days(reader, wanted, &reader->plan, &reader->plan_count, err);
    if (r != RESULT_OK || oldest_first)
        return r;
    for (size_t i = 0; i < reader->plan_count / 2; i++) {
        struct day_view swap = reader->plan[i];
        reader->plan[i] = reader->plan[reader->plan_count - 1 - i];
        reader->plan[reader->plan_count - 1 - i] = swap;
    }
    return RESULT_OK;
}

enum result store_find(struct store_reader *reader, const struct store_query *query, struct error *err)
{
    find_end(reader);
    if (query->name_count > STORE_NAMES_MAX)
        return error_set(err, RESULT_REJECT, "%zu flows asked for by name, %u are allowed", query->name_count,
                         STORE_NAMES_MAX);
    reader->query = *query;
    reader->left = query->limit;
    reader->waiting[0] = '\0';
    const struct day_wanted wanted = {.flows = true,
                                      .from_ns = query->from_ns,
                                      .to_ns = query->to_ns,
                                      .after = query->after,
                                      .through = query->through};
    return reader_plan(reader, &wanted, query->by_position, err);
}

/* ---- rows of a chunk as a batch */

static void read_column(const struct db_rows *rows, unsigned column, struct flow_batch *batch, idx_t from,
                        uint32_t count)
{
    enum flow_field field = schema_flow_field(column);
    void *to = flow_batch_column(batch, field);
    const void *data = db_column(rows, column);
    switch (flow_fields[field].kind) {
    case FLOW_KIND_U8:
        for (uint32_t i = 0; i < count; i++)
            ((uint32_t *)to)[i] = ((const uint8_t *)data)[from + i];
        break;
    case FLOW_KIND_U16:
        for (uint32_t i = 0; i < count; i++)
            ((uint32_t *)to)[i] = ((const uint16_t *)data)[from + i];
        break;
    case FLOW_KIND_U32:
    case FLOW_KIND_F32:
        memcpy(to, (const uint32_t *)data + from, count * sizeof(uint32_t));
        break;
    case FLOW_KIND_U64:
    case FLOW_KIND_F64:
    case FLOW_KIND_TIME:
        memcpy(to, (const uint64_t *)data + from, count * sizeof(uint64_t));
        break;
    }
}

static enum result read_observers(const struct store_reader *reader, struct flow_batch *batch, idx_t from,
                                  struct error *err)
{
    const uint32_t *ids = db_column(&reader->rows, 1);
    uint32_t last_id = UINT32_MAX;
    uint16_t index = 0;
    for (uint32_t i = 0; i < batch->rows; i++) {
        uint32_t id = ids[from + i];
        if (id != last_id) {
            if (id >= reader->observer_count)
                return error_set(err, RESULT_REJECT, "the store's rows name an observer it does not know");
            if (flow_batch_observer(batch, &reader->observers[id], &index) != RESULT_OK)
                return error_set(err, RESULT_AGAIN, "out of memory");
            last_id = id;
        }
        batch->observer[i] = index;
    }
    return RESULT_OK;
}

static enum result take_rows(struct store_reader *reader, idx_t from, uint32_t count, struct flow_batch **ret_batch,
                             struct error *err)
{
    struct flow_batch *batch = flow_batch_new(count);
    if (batch == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    batch->rows = count;
    for (unsigned c = 2; c < SCHEMA_FLOW_COLUMNS; c++)
        read_column(&reader->rows, c, batch, from, count);
    enum result r = read_observers(reader, batch, from, err);
    if (r == RESULT_OK)
        *ret_batch = batch;
    else
        flow_batch_destroy(&batch);
    return r;
}

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
    }
}

/* One batch's rows can lie in several chunks: `more` is put behind `*batch` and freed. */
static enum result join_rows(struct flow_batch **batch, struct flow_batch *more, struct error *err)
{
    struct flow_batch *first = *batch;
    struct flow_batch *joined = flow_batch_new(first->rows + more->rows);
    enum result r = joined == NULL ? error_set(err, RESULT_AGAIN, "out of memory") : RESULT_OK;
    for (uint32_t i = 0; i < first->observer_count && r == RESULT_OK; i++)
        r = flow_batch_observer(joined, &first->observers[i], &(uint16_t){0});
    if (r == RESULT_OK) {
        for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++) {
            size_t size = flow_kind_is_wide(flow_fields[f].kind) ? sizeof(uint64_t) : sizeof(uint32_t);
            char *to = flow_batch_column(joined, (enum flow_field)f);
            memcpy(to, flow_batch_column(first, (enum flow_field)f), first->rows * size);
            memcpy(to + first->rows * size, flow_batch_column(more, (enum flow_field)f), more->rows * size);
        }
        joined->rows = first->rows + more->rows;
    }
    for (uint32_t i = 0; i < more->rows && r == RESULT_OK; i++) {
        uint16_t index = 0;
        r = flow_batch_observer(joined, &more->observers[more->observer[i]], &index);
        joined->observer[first->rows + i] = index;
    }
    flow_batch_destroy(&more);
    flow_batch_destroy(batch);
    *batch = joined;
    return r;
}

/* Rows of the chunk from chunk_at on that share the first one's position. */
static idx_t same_position(const struct store_reader *reader, uint64_t *ret_position)
{
    const uint64_t *positions = db_column(&reader->rows, 0);
    idx_t to = reader->chunk_at;
    *ret_position = positions[to];
    while (to < reader->rows.count && positions[to] == *ret_position)
        to++;
    return to - reader->chunk_at;
}

static enum result next_position(struct store_reader *reader, struct flow_batch **ret_batch, uint64_t *ret_position,
                                 struct error *err)
{
    uint64_t position, next;
    struct flow_batch *batch = NULL, *more = NULL;
    idx_t count = same_position(reader, &position);
    enum result r = take_rows(reader, reader->chunk_at, (uint32_t)count, &batch, err);
    reader->chunk_at += count;
    while (r == RESULT_OK && reader->chunk_at == reader->rows.count) {
        r = db_rows_next(&reader->rows, err);
        reader->chunk_at = 0;
        if (r != RESULT_OK)
            break;
        count = same_position(reader, &next);
        if (next != position || batch->rows + count > FLOW_BATCH_ROWS_MAX)
            break;
        r = take_rows(reader, 0, (uint32_t)count, &more, err);
        if (r == RESULT_OK)
            r = join_rows(&batch, more, err);
        reader->chunk_at = count;
    }
    if (r == RESULT_END) {
        db_rows_close(&reader->rows);
        r = RESULT_OK;
    }
    if (r != RESULT_OK) {
        flow_batch_destroy(&batch);
        return r;
    }
    if (ret_position != NULL)
        *ret_position = position;
    *ret_batch = batch;
    return RESULT_OK;
}

enum result store_next(struct store_reader *reader, struct flow_batch **ret_batch, uint64_t *ret_position,
                       struct error *err)
{
    enum result r = RESULT_OK;
    if (!reader->rows.open || reader->chunk_at == reader->rows.count)
        r = next_chunk(reader, err);
    if (r == RESULT_OK && reader->query.by_position) {
        r = next_position(reader, ret_batch, ret_position, err);
    } else if (r == RESULT_OK) {
        uint32_t count = (uint32_t)(reader->rows.count - reader->chunk_at);
        r = take_rows(reader, reader->chunk_at, count, ret_batch, err);
        reader->chunk_at = reader->rows.count;
    }
    if (r != RESULT_OK)
        find_end(reader);
    else if (reader->query.limit != 0)
        reader->left -= (*ret_batch)->rows;
    return r;
}
