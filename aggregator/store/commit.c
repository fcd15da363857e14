/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: everything of a set in one transaction to one file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"

/* Values of one column of a chunk, narrowed from the batch's columns. */
static void fill_column(void *to, duckdb_type type, const struct flow_batch *batch, enum flow_field field,
                        uint32_t from_row, uint32_t rows, uint32_t at)
{
    const void *column = flow_batch_column(batch, field);
    if (flow_kind_is_wide(flow_fields[field].kind)) {
        memcpy((uint64_t *)to + at, (const uint64_t *)column + from_row, rows * sizeof(uint64_t));
        return;
    }
    const uint32_t *from = (const uint32_t *)column + from_row;
    if (type == DUCKDB_TYPE_UTINYINT) {
        uint8_t *narrow = (uint8_t *)to + at;
        for (uint32_t i = 0; i < rows; i++)
            narrow[i] = (uint8_t)from[i];
    } else if (type == DUCKDB_TYPE_USMALLINT) {
        uint16_t *narrow = (uint16_t *)to + at;
        for (uint32_t i = 0; i < rows; i++)
            narrow[i] = (uint16_t)from[i];
    } else {
        memcpy((uint32_t *)to + at, from, rows * sizeof(uint32_t));
    }
}

static enum result appender_open(struct store *store, const struct day *day, const char *table,
                                 duckdb_appender *ret_appender, struct error *err)
{
    duckdb_appender appender = NULL;
    if (duckdb_appender_create_ext(store->writer, day->catalog, "main", table, &appender) == DuckDBSuccess) {
        *ret_appender = appender;
        return RESULT_OK;
    }
    enum result r = db_error(err, "store, opening a table", appender == NULL ? NULL : duckdb_appender_error(appender));
    duckdb_appender_destroy(&appender);
    return r;
}

static enum result appender_finish(duckdb_appender *appender, enum result r, struct error *err)
{
    if (r == RESULT_OK && duckdb_appender_close(*appender) != DuckDBSuccess)
        r = db_error(err, "store, appending", duckdb_appender_error(*appender));
    duckdb_appender_destroy(appender);
    return r;
}

/* The chunk being filled, over batch ends, so that small batches do not make small chunks. */
struct filling {
    struct store *store;
    duckdb_appender appender;
    uint32_t rows;
};

static enum result filling_flush(struct filling *f, struct error *err)
{
    if (f->rows == 0)
        return RESULT_OK;
    duckdb_data_chunk_set_size(f->store->flow_chunk, f->rows);
    f->rows = 0;
    if (duckdb_append_data_chunk(f->appender, f->store->flow_chunk) != DuckDBSuccess)
        return db_error(err, "store, appending flows", duckdb_appender_error(f->appender));
    duckdb_data_chunk_reset(f->store->flow_chunk);
    return RESULT_OK;
}

static enum result filling_batch(struct filling *f, const struct day *day, const struct store_batch *batch,
                                 struct error *err)
{
    const struct flow_batch *flows = batch->flows;
    uint32_t ids[FLOW_BATCH_OBSERVERS_MAX];
    for (uint32_t i = 0; i < flows->observer_count; i++)
        ids[i] = day_observer(day, &flows->observers[i]);
    for (uint32_t row = 0; row < flows->rows;) {
        uint32_t rows = flows->rows - row, room = STORE_CHUNK_ROWS - f->rows;
        rows = rows < room ? rows : room;
        for (unsigned c = 0; c < SCHEMA_FLOW_COLUMNS; c++) {
            void *data = duckdb_vector_get_data(duckdb_data_chunk_get_vector(f->store->flow_chunk, c));
            if (c >= 2) {
                fill_column(data, schema_flow_type(c), flows, schema_flow_field(c), row, rows, f->rows);
                continue;
            }
            for (uint32_t i = 0; i < rows; i++) {
                if (c == 0)
                    ((uint64_t *)data)[f->rows + i] = batch->position;
                else
                    ((uint32_t *)data)[f->rows + i] = ids[flows->observer[row + i]];
            }
        }
        f->rows += rows;
        row += rows;
        enum result r = f->rows == STORE_CHUNK_ROWS ? filling_flush(f, err) : RESULT_OK;
        if (r != RESULT_OK)
            return r;
    }
    return RESULT_OK;
}

static enum result append_flows(struct store *store, const struct day *day, const struct store_commit_set *set,
                                struct error *err)
{
    struct filling f = {.store = store};
    enum result r = appender_open(store, day, "flow", &f.appender, err);
    if (r != RESULT_OK)
        return r;
    /* By name: a file of an older version has added columns in another order. */
    for (unsigned c = 0; c < SCHEMA_FLOW_COLUMNS && r == RESULT_OK; c++) {
        if (duckdb_appender_add_column(f.appender, schema_flow_column(c)) != DuckDBSuccess)
            r = db_error(err, "store, opening flow", duckdb_appender_error(f.appender));
    }
    duckdb_data_chunk_reset(store->flow_chunk);
    for (size_t i = 0; i < set->batch_count && r == RESULT_OK; i++) {
        if (set->batches[i].flows != NULL)
            r = filling_batch(&f, day, &set->batches[i], err);
    }
    if (r == RESULT_OK)
        r = filling_flush(&f, err);
    return appender_finish(&f.appender, r, err);
}

static duckdb_state append_time(duckdb_appender a, int64_t ns)
{
    duckdb_value value = duckdb_create_timestamp_ns((duckdb_timestamp_ns){ns});
    duckdb_state state = duckdb_append_value(a, value);
    duckdb_destroy_value(&value);
    return state;
}

/* Packets and range of flow times of a batch. */
static void batch_extent(const struct flow_batch *flows, uint64_t *ret_packets, int64_t *ret_first, int64_t *ret_last)
{
    uint64_t packets = 0;
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (uint32_t i = 0; i < flows->rows; i++) {
        packets += flows->src_packets[i] + flows->dst_packets[i];
        first = min_ns(first, min_ns(flows->first_time[i], flows->last_time[i]));
        last = max_ns(last, max_ns(flows->first_time[i], flows->last_time[i]));
    }
    *ret_packets = packets;
    *ret_first = first;
    *ret_last = last;
}

static void append_batch_row(duckdb_appender a, const struct day *day, const struct store_batch *b)
{
    uint64_t packets = 0;
    int64_t first = 0, last = 0;
    uint32_t records = b->flows == NULL ? 0 : b->flows->rows;
    if (records > 0)
        batch_extent(b->flows, &packets, &first, &last);
    duckdb_append_uint64(a, b->position);
    duckdb_append_uint32(a, day_observer(day, &b->observer));
    duckdb_append_uint64(a, b->sequence);
    duckdb_append_uint32(a, records);
    duckdb_append_uint64(a, packets);
    append_time(a, b->received_ns);
    append_time(a, first);
    append_time(a, last);
}

static void append_loss_row(duckdb_appender a, const struct day *day, const struct store_batch *b,
                            const Pavo__Loss *loss)
{
    duckdb_append_uint64(a, b->position);
    duckdb_append_uint32(a, day_observer(day, &b->observer));
    duckdb_append_uint8(a, (uint8_t)loss->kind);
    append_time(a, (int64_t)loss->from_ns);
    append_time(a, (int64_t)loss->to_ns);
    duckdb_append_uint64(a, loss->count);
    duckdb_append_varchar(a, loss->interface);
    duckdb_append_varchar(a, loss->reason);
    duckdb_append_uint64(a, loss->sequence);
}

static enum result append_status_row(duckdb_appender a, const struct day *day, const struct store_batch *b,
                                     struct error *err)
{
    size_t length = pavo__sensor_status__get_packed_size(b->status);
    uint8_t *packed = malloc(length + 1);
    if (packed == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    pavo__sensor_status__pack(b->status, packed);
    duckdb_append_uint64(a, b->position);
    duckdb_append_uint32(a, day_observer(day, &b->observer));
    append_time(a, b->received_ns);
    duckdb_append_blob(a, packed, length);
    free(packed);
    return RESULT_OK;
}

static void append_endpoint(duckdb_appender a, const struct link_endpoint *endpoint)
{
    duckdb_append_uint64(a, endpoint->address.hi);
    duckdb_append_uint64(a, endpoint->address.lo);
    duckdb_append_uint16(a, endpoint->port);
}

static void append_link_row(duckdb_appender a, const struct day *day, uint64_t position, const struct link *link)
{
    duckdb_append_uint64(a, position);
    duckdb_append_varchar(a, link->boundary);
    duckdb_append_uint32(a, day_observer(day, &link->inside.observer));
    duckdb_append_uint64(a, link->inside.flow);
    duckdb_append_uint32(a, day_observer(day, &link->outside.observer));
    duckdb_append_uint64(a, link->outside.flow);
    duckdb_append_uint8(a, link->method);
    duckdb_append_uint8(a, link->confidence);
    duckdb_append_uint32(a, link->evidence);
    duckdb_append_uint32(a, link->candidates);
    duckdb_append_int64(a, link->offset_ns);
    duckdb_append_uint8(a, link->event);
    duckdb_append_uint8(a, link->protocol);
    append_endpoint(a, &link->source);
    append_endpoint(a, &link->destination);
    append_endpoint(a, &link->post_nat_source);
    append_endpoint(a, &link->post_nat_destination);
    append_time(a, link->first_ns);
    append_time(a, link->last_ns);
}

static void append_unlinked_row(duckdb_appender a, const struct day *day, uint64_t position, const struct unlinked *u)
{
    duckdb_append_uint64(a, position);
    duckdb_append_varchar(a, u->boundary);
    duckdb_append_uint32(a, day_observer(day, &u->view.observer));
    duckdb_append_uint64(a, u->view.flow);
    duckdb_append_bool(a, u->inside);
    duckdb_append_uint8(a, u->reason);
}

enum small_table { TABLE_OBSERVER, TABLE_BATCH, TABLE_LOSS, TABLE_STATUS, TABLE_LINK, TABLE_UNLINKED, TABLE_COUNT };

/* One small table's rows of the set. `first_new` is the number of the file's first observer that is not written yet. */
static enum result append_rows(enum small_table table, duckdb_appender a, const struct day *day,
                               const struct store_commit_set *set, uint32_t first_new, struct error *err)
{
#define ROW(append)                                                                                                    \
    do {                                                                                                               \
        append;                                                                                                        \
        if (duckdb_appender_end_row(a) != DuckDBSuccess)                                                               \
            return db_error(err, "store, appending", duckdb_appender_error(a));                                        \
    } while (0)
    switch (table) {
    case TABLE_OBSERVER:
        for (uint32_t i = first_new; i < day->observer_count; i++)
            ROW(duckdb_append_uint32(a, i); duckdb_append_varchar(a, day->observers[i].sensor);
                duckdb_append_uint64(a, day->observers[i].epoch));
        break;
    case TABLE_BATCH:
        for (size_t i = 0; i < set->batch_count; i++)
            ROW(append_batch_row(a, day, &set->batches[i]));
        break;
    case TABLE_LOSS:
        for (size_t i = 0; i < set->batch_count; i++) {
            for (size_t l = 0; l < set->batches[i].loss_count; l++)
                ROW(append_loss_row(a, day, &set->batches[i], set->batches[i].losses[l]));
        }
        break;
    case TABLE_STATUS:
        for (size_t i = 0; i < set->batch_count; i++) {
            if (set->batches[i].status == NULL)
                continue;
            enum result r = append_status_row(a, day, &set->batches[i], err);
            if (r != RESULT_OK)
                return r;
            ROW();
        }
        break;
    case TABLE_LINK:
        for (size_t i = 0; i < set->link_count; i++)
            ROW(append_link_row(a, day, set->link_position, &set->links[i]));
        break;
    case TABLE_UNLINKED:
        for (size_t i = 0; i < set->unlinked_count; i++)
            ROW(append_unlinked_row(a, day, set->link_position, &set->unlinked[i]));
        break;
    case TABLE_COUNT:
        break;
    }
#undef ROW
    return RESULT_OK;
}

static enum result append_small(struct store *store, const struct day *day, const struct store_commit_set *set,
                                uint32_t first_new, struct error *err)
{
    static const char *const names[TABLE_COUNT] = {"observer", "batch", "loss", "status", "link", "unlinked"};
    size_t losses = 0, statuses = 0;
    for (size_t i = 0; i < set->batch_count; i++) {
        losses += set->batches[i].loss_count;
        statuses += set->batches[i].status != NULL;
    }
    const size_t rows[TABLE_COUNT] = {
        day->observer_count - first_new, set->batch_count, losses, statuses, set->link_count, set->unlinked_count};
    for (unsigned table = 0; table < TABLE_COUNT; table++) {
        if (rows[table] == 0)
            continue;
        duckdb_appender appender;
        enum result r = appender_open(store, day, names[table], &appender, err);
        if (r == RESULT_OK)
            r = appender_finish(&appender, append_rows(table, appender, day, set, first_new, err), err);
        if (r != RESULT_OK)
            return r;
    }
    return RESULT_OK;
}

static enum result know_observer(struct store *store, struct day *day, const struct observer *observer,
                                 struct error *err)
{
    if (day_observer(day, observer) != UINT32_MAX)
        return RESULT_OK;
    pthread_mutex_lock(&store->lock);
    struct observer *grown = realloc(day->observers, (day->observer_count + 1) * sizeof(*grown));
    if (grown != NULL) {
        day->observers = grown;
        grown[day->observer_count++] = *observer;
    }
    pthread_mutex_unlock(&store->lock);
    return grown != NULL ? RESULT_OK : error_set(err, RESULT_AGAIN, "out of memory");
}

/* Numbers for all observers of the set that the file does not know yet. */
static enum result know_observers(struct store *store, struct day *day, const struct store_commit_set *set,
                                  struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < set->batch_count && r == RESULT_OK; i++) {
        const struct store_batch *b = &set->batches[i];
        r = know_observer(store, day, &b->observer, err);
        for (uint32_t o = 0; b->flows != NULL && o < b->flows->observer_count && r == RESULT_OK; o++)
            r = know_observer(store, day, &b->flows->observers[o], err);
    }
    for (size_t i = 0; i < set->link_count && r == RESULT_OK; i++) {
        r = know_observer(store, day, &set->links[i].inside.observer, err);
        if (r == RESULT_OK)
            r = know_observer(store, day, &set->links[i].outside.observer, err);
    }
    for (size_t i = 0; i < set->unlinked_count && r == RESULT_OK; i++)
        r = know_observer(store, day, &set->unlinked[i].view.observer, err);
    return r;
}

/* Positions in the order of the set; they count only once the transaction has. */
static void give_positions(const struct store *store, struct store_commit_set *set)
{
    uint64_t position = store->position;
    uint64_t last[TOPIC_COUNT];
    memcpy(last, store->last, sizeof(last));
    for (size_t i = 0; i < set->batch_count; i++) {
        struct store_batch *b = &set->batches[i];
        b->position = ++position;
        b->previous_flow = last[TOPIC_FLOW];
        b->previous_loss = last[TOPIC_LOSS];
        b->previous_status = last[TOPIC_STATUS];
        if (b->flows != NULL && b->flows->rows > 0)
            last[TOPIC_FLOW] = position;
        if (b->loss_count > 0)
            last[TOPIC_LOSS] = position;
        if (b->status != NULL)
            last[TOPIC_STATUS] = position;
    }
    set->previous_link = last[TOPIC_LINK];
    set->link_position = set->link_count + set->unlinked_count > 0 ? position + 1 : 0;
}

static void note_status(struct life *life, const struct store_batch *b)
{
    size_t length = pavo__sensor_status__get_packed_size(b->status);
    uint8_t *packed = malloc(length + 1);
    if (packed == NULL)
        return; /* the store has it; only the view in memory stays a status behind */
    pavo__sensor_status__pack(b->status, packed);
    free(life->sums.status);
    life->sums.status = packed;
    life->sums.status_length = length;
    life->sums.status_position = b->position;
    life->sums.status_received_ns = b->received_ns;
}

static void note_batch(struct store *store, struct day *day, const struct store_batch *b)
{
    struct life *life = lives_find(store, &b->observer); /* made and given room before the transaction */
    uint64_t packets = 0;
    int64_t first = INT64_MAX, last = INT64_MIN;
    uint32_t records = b->flows == NULL ? 0 : b->flows->rows;
    if (records > 0) {
        batch_extent(b->flows, &packets, &first, &last);
        day->first_ns = min_ns(day->first_ns, first);
        day->last_ns = max_ns(day->last_ns, last);
        store->last[TOPIC_FLOW] = b->position;
    }
    enum result added = sequences_add(&life->sequences, b->sequence);
    (void)added; /* cannot fail: reserve_names */
    lives_note_batch(life, records, packets, b->received_ns);
    for (size_t i = 0; i < b->loss_count; i++) {
        if (b->losses[i]->kind == PAVO__LOSS__KIND__RECORDS_SPOOL ||
            b->losses[i]->kind == PAVO__LOSS__KIND__RECORDS_REJECTED)
            life->sums.records_lost += b->losses[i]->count;
        store->last[TOPIC_LOSS] = b->position;
    }
    if (b->status != NULL) {
        note_status(life, b);
        store->last[TOPIC_STATUS] = b->position;
    }
    if (day->first_position == 0) {
        day->first_position = b->position;
        day->first_received_ns = b->received_ns;
    }
    day->last_position = b->position;
    day->last_received_ns = max_ns(day->last_received_ns, b->received_ns);
    store->position = b->position;
}

static void note_committed(struct store *store, struct day *day, const struct store_commit_set *set)
{
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < set->batch_count; i++)
        note_batch(store, day, &set->batches[i]);
    for (size_t i = 0; i < set->link_count; i++) {
        struct boundary_counts *counts = lives_boundary(store, set->links[i].boundary);
        if (counts != NULL)
            counts->linked++;
    }
    for (size_t i = 0; i < set->unlinked_count; i++) {
        struct boundary_counts *counts = lives_boundary(store, set->unlinked[i].boundary);
        if (counts != NULL)
            counts->unlinked[set->unlinked[i].reason]++;
    }
    if (set->link_position != 0) {
        store->position = set->link_position;
        day->last_position = set->link_position;
        if (day->first_position == 0)
            day->first_position = set->link_position;
        if (set->link_count > 0)
            store->last[TOPIC_LINK] = set->link_position;
    }
    pthread_mutex_unlock(&store->lock);
}

/* Memory for what note_committed will write, so that nothing can fail once the transaction has come to pass. */
static enum result reserve_names(struct store *store, const struct store_commit_set *set, struct error *err)
{
    enum result r = RESULT_OK;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < set->batch_count && r == RESULT_OK; i++) {
        struct life *life = lives_get(store, &set->batches[i].observer);
        if (life == NULL || sequences_reserve(&life->sequences, set->batch_count) != RESULT_OK)
            r = error_set(err, RESULT_AGAIN, "no room for the names of %s's batches", set->batches[i].observer.sensor);
    }
    pthread_mutex_unlock(&store->lock);
    return r;
}

static enum result write_set(struct store *store, struct day *day, struct store_commit_set *set, uint32_t first_new,
                             struct error *err)
{
    enum result r = db_run(store->writer, err, "BEGIN");
    if (r != RESULT_OK)
        return r;
    size_t rows = 0;
    for (size_t i = 0; i < set->batch_count; i++)
        rows += set->batches[i].flows == NULL ? 0 : set->batches[i].flows->rows;
    if (rows > 0)
        r = append_flows(store, day, set, err);
    if (r == RESULT_OK)
        r = append_small(store, day, set, first_new, err);
    if (r == RESULT_OK)
        r = db_run(store->writer, err, "COMMIT");
    if (r != RESULT_OK) {
        enum result ignored = db_run(store->writer, NULL, "ROLLBACK"); /* a failed COMMIT has rolled back already */
        (void)ignored;
    }
    return r;
}

enum result store_commit(struct store *store, int64_t now_ns, struct store_commit_set *set, struct error *err)
{
    struct day *day;
    enum result r = days_today(store, now_ns, &day, err);
    if (r == RESULT_OK)
        r = reserve_names(store, set, err);
    if (r != RESULT_OK)
        return r;
    uint32_t first_new = day->observer_count;
    give_positions(store, set);
    r = know_observers(store, day, set, err);
    if (r == RESULT_OK)
        r = write_set(store, day, set, first_new, err);
    if (r == RESULT_OK) {
        note_committed(store, day, set);
        return RESULT_OK;
    }
    pthread_mutex_lock(&store->lock);
    day->observer_count = first_new;
    pthread_mutex_unlock(&store->lock);
    return r;
}
