/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: everything of a set in one transaction to one file. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"

/* What store_commit was given, and the file it goes to. */
struct set {
    struct store *store;
    struct day *day;
    struct batch *const *batches;
    size_t count;
    uint32_t first_new; /* number of the file's first observer that is not written yet */
};

static bool batch_has_name(const struct batch *b)
{
    return b->observer.sensor[0] != '\0';
}

/* ---- tables */

static enum result appender_open(const struct set *set, const char *table, duckdb_appender *ret_appender,
                                 struct error *err)
{
    duckdb_appender appender = NULL;
    if (duckdb_appender_create_ext(set->store->writer, set->day->catalog, "main", table, &appender) == DuckDBSuccess) {
        *ret_appender = appender;
        return RESULT_OK;
    }
    enum result r = db_appender_error(err, "store, opening a table", appender);
    duckdb_appender_destroy(&appender);
    return r;
}

static enum result appender_finish(duckdb_appender *appender, enum result r, struct error *err)
{
    if (r == RESULT_OK && duckdb_appender_close(*appender) != DuckDBSuccess)
        r = db_appender_error(err, "store, appending", *appender);
    duckdb_appender_destroy(appender);
    return r;
}

static enum result end_row(duckdb_appender a, struct error *err)
{
    return duckdb_appender_end_row(a) == DuckDBSuccess ? RESULT_OK : db_appender_error(err, "store, appending", a);
}

/* ---- records */

/* The chunk being filled, over batch ends, so that small batches do not make small chunks. */
struct filling {
    duckdb_data_chunk chunk;
    duckdb_appender appender;
    uint32_t rows, items;
};

static enum result filling_flush(struct filling *f, struct error *err)
{
    if (f->rows == 0)
        return RESULT_OK;
    duckdb_data_chunk_set_size(f->chunk, f->rows);
    f->rows = f->items = 0;
    if (duckdb_append_data_chunk(f->appender, f->chunk) != DuckDBSuccess)
        return db_appender_error(err, "store, appending records", f->appender);
    duckdb_data_chunk_reset(f->chunk);
    return RESULT_OK;
}

/* How many rows from `from` on the chunk still takes, with how many items. An empty chunk takes one at least. */
static uint32_t rows_that_fit(const struct filling *f, const struct records *records, uint32_t from,
                              uint32_t *ret_items)
{
    uint32_t room = STORE_CHUNK_ROWS - f->rows, rows = records->rows - from;
    rows = rows < room ? rows : room;
    *ret_items = 0;
    if (records->kind->list_count == 0)
        return rows;
    for (uint32_t n = 0; n < rows; n++) {
        uint32_t more = 0;
        for (unsigned l = 0; l < records->kind->list_count; l++)
            more += ((const uint32_t *)records_column(records, records->kind->lists[l].count))[from + n];
        if (f->rows + n > 0 && f->items + *ret_items + more > STORE_CHUNK_ITEMS)
            return n;
        *ret_items += more;
    }
    return rows;
}

static enum result filling_records(struct filling *f, const struct observers *observers, const struct records *records,
                                   uint64_t position, struct error *err)
{
    uint32_t ids[RECORDS_OBSERVERS_MAX];
    for (uint32_t i = 0; i < records->observer_count; i++)
        ids[i] = observers_find(observers, &records->observers[i]);
    for (uint32_t row = 0; row < records->rows;) {
        uint32_t items, rows = rows_that_fit(f, records, row, &items);
        chunk_write(f->chunk, f->rows, records, row, rows, position, ids);
        f->rows += rows;
        f->items += items;
        row += rows;
        enum result r = f->rows == STORE_CHUNK_ROWS || row < records->rows ? filling_flush(f, err) : RESULT_OK;
        if (r != RESULT_OK)
            return r;
    }
    return RESULT_OK;
}

static enum result append_kind(const struct set *set, enum record_kind_number number, struct error *err)
{
    const struct record_kind *kind = record_kinds[number];
    struct filling f = {.chunk = set->store->chunks[number]};
    enum result r = appender_open(set, kind->name, &f.appender, err);
    if (r != RESULT_OK)
        return r;
    /* By name: a file of an older version has added columns in another order. */
    for (unsigned c = 0; c < schema_columns(kind) && r == RESULT_OK; c++) {
        if (duckdb_appender_add_column(f.appender, schema_column(kind, c)) != DuckDBSuccess)
            r = db_appender_error(err, "store, opening a table", f.appender);
    }
    duckdb_data_chunk_reset(f.chunk);
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++) {
        if (batch_rows(set->batches[i], number) > 0)
            r = filling_records(&f, &set->day->observers, set->batches[i]->records[number], set->batches[i]->position,
                                err);
    }
    if (r == RESULT_OK)
        r = filling_flush(&f, err);
    return appender_finish(&f.appender, r, err);
}

static enum result append_kinds(const struct set *set, struct error *err)
{
    enum result r = RESULT_OK;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT && r == RESULT_OK; kind++) {
        uint64_t rows = 0;
        for (size_t i = 0; i < set->count; i++)
            rows += batch_rows(set->batches[i], kind);
        if (rows > 0)
            r = append_kind(set, kind, err);
    }
    return r;
}

/* ---- what stands beside the records */

static void append_time(duckdb_appender a, int64_t ns)
{
    duckdb_value value = duckdb_create_timestamp_ns((duckdb_timestamp_ns){ns});
    duckdb_append_value(a, value); /* like the others: an error shows at the end of the row */
    duckdb_destroy_value(&value);
}

static uint64_t packets_of(const struct records *flows)
{
    const struct flow_batch *b = flow_batch_of(flows);
    uint64_t packets = 0;
    for (uint32_t i = 0; i < b->rows; i++)
        packets += b->src_packets[i] + b->dst_packets[i];
    return packets;
}

/* Those that are in the books of whoever made them. */
static uint32_t records_of(const struct batch *b)
{
    uint32_t records = 0;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        records += record_kind_counts(record_kinds[kind]) ? batch_rows(b, kind) : 0;
    return records;
}

static enum result append_batch(const struct set *set, duckdb_appender a, const struct batch *b, struct error *err)
{
    const struct records *flows = b->records[RECORD_FLOW];
    uint64_t packets = 0;
    int64_t first = 0, last = 0; /* of the flows; NULL when there are none */
    if (b->position == 0)
        return RESULT_OK;
    if (batch_rows(b, RECORD_FLOW) > 0) {
        packets = packets_of(flows);
        records_extent(flows, &first, &last);
    }
    duckdb_append_uint64(a, b->position);
    duckdb_append_uint32(a, observers_find(&set->day->observers, &b->observer));
    duckdb_append_uint64(a, b->sequence);
    duckdb_append_uint32(a, records_of(b));
    duckdb_append_uint64(a, packets);
    append_time(a, b->received_ns);
    for (unsigned i = 0; i < 2; i++) {
        if (batch_rows(b, RECORD_FLOW) == 0)
            duckdb_append_null(a);
        else
            append_time(a, i == 0 ? first : last);
    }
    return end_row(a, err);
}

static enum result append_batches(const struct set *set, duckdb_appender a, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++)
        r = append_batch(set, a, set->batches[i], err);
    return r;
}

static enum result append_observers(const struct set *set, duckdb_appender a, struct error *err)
{
    enum result r = RESULT_OK;
    for (uint32_t i = set->first_new; i < set->day->observers.count && r == RESULT_OK; i++) {
        const struct observer *o = &set->day->observers.list[i];
        duckdb_append_uint32(a, i);
        duckdb_append_varchar(a, o->sensor);
        duckdb_append_uint64(a, o->epoch);
        duckdb_append_uint64(a, o->unknown[0]);
        duckdb_append_uint64(a, o->unknown[1]);
        r = end_row(a, err);
    }
    return r;
}

static const struct unknown_fields *unknown_of(const struct batch *b, unsigned kind)
{
    static const struct unknown_fields none;
    return batch_rows(b, kind) > 0 ? &b->records[kind]->unknown : &none;
}

static enum result append_unknown(const struct set *set, duckdb_appender a, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < set->count; i++) {
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
            const struct unknown_fields *unknown = unknown_of(set->batches[i], kind);
            for (unsigned u = 0; u < unknown->count && r == RESULT_OK; u++) {
                const ProtobufCMessageUnknownField *field = &unknown->fields[u];
                duckdb_append_uint64(a, set->batches[i]->position);
                duckdb_append_uint8(a, (uint8_t)record_kinds[kind]->number);
                duckdb_append_uint32(a, field->tag);
                duckdb_append_uint8(a, (uint8_t)field->wire_type);
                duckdb_append_blob(a, field->data, field->len);
                r = end_row(a, err);
            }
        }
    }
    return r;
}

static bool set_has_unknown(const struct set *set)
{
    unsigned count = 0;
    for (size_t i = 0; i < set->count; i++) {
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
            count |= unknown_of(set->batches[i], kind)->count;
    }
    return count != 0;
}

static enum result append_table(const struct set *set, const char *table,
                                enum result (*append)(const struct set *, duckdb_appender, struct error *),
                                struct error *err)
{
    duckdb_appender appender;
    enum result r = appender_open(set, table, &appender, err);
    return r == RESULT_OK ? appender_finish(&appender, append(set, appender, err), err) : r;
}

static enum result write_set(const struct set *set, struct error *err)
{
    enum result r = db_run(set->store->writer, err, "BEGIN");
    if (r != RESULT_OK)
        return r;
    r = append_kinds(set, err);
    if (r == RESULT_OK && set->first_new < set->day->observers.count)
        r = append_table(set, "observer", append_observers, err);
    if (r == RESULT_OK)
        r = append_table(set, "batch", append_batches, err);
    if (r == RESULT_OK && set_has_unknown(set))
        r = append_table(set, "unknown", append_unknown, err);
    if (r == RESULT_OK)
        r = db_run(set->store->writer, err, "COMMIT");
    if (r != RESULT_OK) {
        enum result ignored =
            db_run(set->store->writer, NULL, "ROLLBACK"); /* a failed COMMIT has rolled back already */
        (void)ignored;
    }
    return r;
}

/* ---- before: numbers, positions, memory */

static enum result know_observer(const struct set *set, const struct batch *b, const struct observer *observer,
                                 struct error *err)
{
    pthread_mutex_lock(&set->store->lock);
    enum result r = observers_add(&set->day->observers, observer, lives_charged(set->store, b, observer));
    pthread_mutex_unlock(&set->store->lock);
    return r == RESULT_OK ? RESULT_OK : error_set(err, RESULT_AGAIN, "out of memory");
}

/* Numbers for all observers of the set that the file does not know yet. */
static enum result know_observers(const struct set *set, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++) {
        const struct batch *b = set->batches[i];
        r = know_observer(set, b, &b->observer, err);
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
            for (uint32_t o = 0; batch_rows(b, kind) > 0 && o < b->records[kind]->observer_count && r == RESULT_OK; o++)
                r = know_observer(set, b, &b->records[kind]->observers[o], err);
        }
    }
    return r;
}

/* Positions in the order of the set; they count only once the transaction has. */
static void give_positions(const struct set *set)
{
    uint64_t position = set->store->position;
    uint64_t last[RECORD_KIND_COUNT];
    memcpy(last, set->store->last, sizeof(last));
    for (size_t i = 0; i < set->count; i++) {
        struct batch *b = set->batches[i];
        uint64_t rows = 0;
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
            rows += batch_rows(b, kind);
        b->position = batch_has_name(b) || rows > 0 ? ++position : 0;
        memcpy(b->previous, last, sizeof(last));
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
            last[kind] = batch_rows(b, kind) > 0 ? position : last[kind];
    }
}

static const char *boundary_of(const struct verdict_columns *v, uint32_t row)
{
    return v->boundary[row] == NULL ? "" : v->boundary[row];
}

static enum result reserve_boundaries(const struct set *set, const struct batch *b, struct error *err)
{
    for (uint32_t i = 0; i < batch_rows(b, RECORD_VERDICT); i++) {
        if (lives_boundary(set->store, boundary_of(verdict_columns(b->records[RECORD_VERDICT]), i)) == NULL)
            return error_set(err, RESULT_AGAIN, "out of memory");
    }
    return RESULT_OK;
}

/* Memory for what note_committed will write, so that nothing can fail once the transaction has come to pass. */
static enum result reserve(const struct set *set, struct error *err)
{
    enum result r = RESULT_OK;
    pthread_mutex_lock(&set->store->lock);
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++) {
        const struct batch *b = set->batches[i];
        if (batch_has_name(b)) {
            struct life *life = lives_get(set->store, &b->observer);
            if (life == NULL || sequences_reserve(&life->sequences, set->count) != RESULT_OK)
                r = error_set(err, RESULT_AGAIN, "no room for the names of %s's batches", b->observer.sensor);
        }
        if (r == RESULT_OK)
            r = reserve_boundaries(set, b, err);
    }
    pthread_mutex_unlock(&set->store->lock);
    return r;
}

/* ---- after: what is known in memory */

static void note_losses(struct store *store, const struct records *records)
{
    const struct loss_columns *l = loss_columns(records);
    for (uint32_t i = 0; i < records->rows; i++) {
        struct life *life = lives_find(store, &records->observers[l->observer[i]]);
        if (life != NULL && loss_kind_is_of_records(l->loss[i]))
            lives_note_lost(life, l->count[i]);
    }
}

static void note_verdicts(struct store *store, const struct records *records)
{
    const struct verdict_columns *v = verdict_columns(records);
    for (uint32_t i = 0; i < records->rows; i++) {
        struct boundary_counts *counts = lives_boundary(store, boundary_of(v, i)); /* made before the transaction */
        if (v->verdict[i] < VERDICT_COUNT)
            counts->verdicts[v->verdict[i]]++;
    }
}

static void note_name(const struct set *set, const struct batch *b)
{
    struct life *life = lives_find(set->store, &b->observer); /* made and given room before the transaction */
    enum result added = sequences_add(&life->sequences, b->sequence);
    (void)added; /* cannot fail: reserve */
    uint64_t packets = batch_rows(b, RECORD_FLOW) == 0 ? 0 : packets_of(b->records[RECORD_FLOW]);
    lives_note_batch(life, records_of(b), packets, b->received_ns);
    set->day->last_received_ns = max_ns(set->day->last_received_ns, b->received_ns);
}

static void note_batch(const struct set *set, const struct batch *b)
{
    struct store *store = set->store;
    struct day *day = set->day;
    if (batch_has_name(b))
        note_name(set, b);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        int64_t first, last;
        if (batch_rows(b, kind) == 0)
            continue;
        records_extent(b->records[kind], &first, &last);
        extent_add(&day->times[kind], first, last);
        store->last[kind] = b->position;
    }
    if (batch_rows(b, RECORD_LOSS) > 0)
        note_losses(store, b->records[RECORD_LOSS]);
    if (batch_rows(b, RECORD_VERDICT) > 0)
        note_verdicts(store, b->records[RECORD_VERDICT]);
    for (uint32_t i = 0; i < batch_rows(b, RECORD_STATUS); i++)
        lives_note_status(store, b->records[RECORD_STATUS], i, b->position, b->received_ns);
    if (day->first_position == 0)
        day->first_position = b->position;
    else if (b->position != day->last_position + 1)
        day->missing = b->position - 1;
    day->last_position = b->position;
    store->position = b->position;
}

static void note_committed(const struct set *set)
{
    pthread_mutex_lock(&set->store->lock);
    for (size_t i = 0; i < set->count; i++) {
        if (set->batches[i]->position != 0)
            note_batch(set, set->batches[i]);
    }
    pthread_mutex_unlock(&set->store->lock);
}

enum result store_commit(struct store *store, int64_t now_ns, struct batch *const *batches, size_t count,
                         struct error *err)
{
    struct set set = {.store = store, .batches = batches, .count = count};
    enum result r = days_today(store, now_ns, &set.day, err);
    if (r == RESULT_OK)
        r = reserve(&set, err);
    if (r != RESULT_OK)
        return r;
    set.first_new = set.day->observers.count;
    give_positions(&set);
    r = know_observers(&set, err);
    if (r == RESULT_OK)
        r = write_set(&set, err);
    if (r == RESULT_OK) {
        note_committed(&set);
        position_note(store);
        return RESULT_OK;
    }
    pthread_mutex_lock(&store->lock);
    observers_cut(&set.day->observers, set.first_new);
    pthread_mutex_unlock(&store->lock);
    return r;
}
