/* SPDX-License-Identifier: Apache-2.0 */
/* One Parquet file, with its index and its seal. Rows are handed out in their order by a table function, so that DuckDB
 * neither sorts nor holds more than a row group. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "aggregator/segments/internal.h"
#include "common/records/flow.h"

#define READ_BYTES (1u << 20)

bool field_is_evidence(const struct record_kind *kind, unsigned field)
{
    static const char *const names[] = {"isn", "timestamp_origin", "digest", "ip_id"};
    const char *name = kind->fields[field].name;
    if (kind != record_kinds[RECORD_FLOW] || (strncmp(name, "src_", 4) != 0 && strncmp(name, "dst_", 4) != 0))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(name + 4, names[i]) == 0)
            return true;
    }
    return false;
}

static bool lacks_evidence(const struct record_kind *kind, const bool *missing)
{
    bool has = kind != record_kinds[RECORD_FLOW] || missing == NULL;
    for (unsigned f = 0; !has && f < kind->stored_count; f++)
        has = field_is_evidence(kind, f) && !missing[f];
    return !has;
}

uint64_t fields_check(const struct record_kind *kind, const bool *missing)
{
    uint64_t check = kind->number;
    for (unsigned f = 0; f < kind->stored_count; f++) {
        if (missing == NULL || !missing[f])
            check = XXH3_64bits_withSeed(kind->fields[f].name, strlen(kind->fields[f].name), check);
    }
    return check;
}

void seal_fini(Store__Segment *seal)
{
    for (size_t i = 0; i < seal->n_columns; i++)
        free(seal->columns[i]);
    for (size_t i = 0; i < seal->n_observers; i++)
        free(seal->observers[i]);
    free(seal->columns);
    free(seal->observers);
    free(seal->chunk_offsets);
    free(seal->chunk_lengths);
    free(seal->chunk_checks);
    seal->columns = NULL;
    seal->observers = NULL;
    free(seal->group_first_ns);
    free(seal->group_last_ns);
    seal->chunk_offsets = seal->chunk_lengths = seal->chunk_checks = NULL;
    seal->group_first_ns = seal->group_last_ns = NULL;
    seal->n_group_first_ns = seal->n_group_last_ns = 0;
    seal->n_columns = seal->n_observers = seal->n_chunk_offsets = seal->n_chunk_lengths = seal->n_chunk_checks = 0;
}

static enum result no_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

/* ---- what is noted of rows as they go by */

static int by_hash(const void *a, const void *b)
{
    const struct index_entry *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* One entry for each hash there is so far. */
static void fold_entries(struct writing *w)
{
    size_t kept = 0;
    if (w->entry_count > 0)
        qsort(w->entries, w->entry_count, sizeof(*w->entries), by_hash);
    for (size_t i = 0; i < w->entry_count; i++) {
        if (kept > 0 && w->entries[kept - 1].hash == w->entries[i].hash)
            w->entries[kept - 1].groups |= w->entries[i].groups;
        else
            w->entries[kept++] = w->entries[i];
    }
    w->entry_count = kept;
}

/* Room for the addresses of a chunk. */
static bool reserve_entries(struct writing *w)
{
    if (w->entry_capacity - w->entry_count >= 2 * ENGINE_CHUNK_ROWS)
        return true;
    fold_entries(w);
    if (w->entry_count < w->entry_capacity / 2)
        return true;
    size_t capacity = w->entry_capacity == 0 ? 1u << 16 : w->entry_capacity * 2;
    struct index_entry *grown = realloc(w->entries, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    w->entries = grown;
    w->entry_capacity = capacity;
    return true;
}

static void note_addresses(struct writing *w, const struct engine_rows *rows)
{
    uint64_t group = 1ull << w->written / w->seal->group_rows;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct flow_batch *f = flow_batch_of(rows->refs[i].records);
        uint32_t row = rows->refs[i].row;
        w->entries[w->entry_count++] = (struct index_entry){index_hash(f->src_hi[row], f->src_lo[row]), group};
        w->entries[w->entry_count++] = (struct index_entry){index_hash(f->dst_hi[row], f->dst_lo[row]), group};
    }
}

static void note_times(struct writing *w, const struct engine_rows *rows)
{
    uint64_t group = w->written / w->seal->group_rows;
    const struct record_kind *kind = w->source.kind;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct engine_ref *ref = &rows->refs[i];
        int64_t first = ((const int64_t *)records_column(ref->records, (unsigned)kind->first_time))[ref->row];
        int64_t last = ((const int64_t *)records_column(ref->records, (unsigned)kind->last_time))[ref->row];
        w->seal->first_ns = first < w->seal->first_ns ? first : w->seal->first_ns;
        w->seal->last_ns = last > w->seal->last_ns ? last : w->seal->last_ns;
        w->group_first_ns[group] = first < w->group_first_ns[group] ? first : w->group_first_ns[group];
        w->group_last_ns[group] = last > w->group_last_ns[group] ? last : w->group_last_ns[group];
    }
}

/* As few as a reader of many files at once has room for, as many as a file of so many rows needs: its groups must be no
 * more than bits of a number. */
static uint32_t group_rows(uint64_t rows)
{
    uint64_t least = (rows / SEGMENT_GROUPS_MAX / ENGINE_CHUNK_ROWS + 1) * ENGINE_CHUNK_ROWS;
    return least < SEGMENT_GROUP_LEAST  ? SEGMENT_GROUP_LEAST
           : least > SEGMENT_GROUP_MOST ? SEGMENT_GROUP_MOST
                                        : (uint32_t)least;
}

uint32_t writing_room(const struct writing *w)
{
    uint64_t left = w->seal->group_rows - w->written % w->seal->group_rows;
    return left < ENGINE_CHUNK_ROWS ? (uint32_t)left : ENGINE_CHUNK_ROWS;
}

static enum result next_rows(struct engine_source *source, void *thread, struct engine_rows *ret_rows,
                             struct error *err)
{
    struct writing *w = (struct writing *)((char *)source - offsetof(struct writing, source));
    (void)thread;
    if (atomic_load(&w->segments->stopping))
        return error_set(err, RESULT_AGAIN, "the aggregator ends");
    enum result r = w->next(w, ret_rows, err);
    if (r != RESULT_OK)
        return r;
    if (w->written + ret_rows->count > (uint64_t)w->seal->group_rows * SEGMENT_GROUPS_MAX)
        return error_set(err, RESULT_AGAIN, "more rows than one segment takes");
    note_times(w, ret_rows);
    if (source->kind == record_kinds[RECORD_FLOW]) {
        if (!reserve_entries(w))
            return no_memory(err);
        note_addresses(w, ret_rows);
    }
    w->written += ret_rows->count;
    return RESULT_OK;
}

/* ---- the file */

static enum result copy_rows(struct writing *w, struct error *err)
{
    struct segments *s = w->segments;
    const struct record_kind *kind = w->source.kind;
    struct sql select = {0}, from = {0};
    char path[SEGMENT_PATH_MAX];
    const char *separator = "";
    segments_path(s, w->seal->id, "parquet.tmp", path);
    engine_from(&from, &w->source);
    for (unsigned f = 0; f < kind->stored_count; f++) {
        if (w->missing != NULL && w->missing[f])
            continue;
        sql_add(&select, "%s\"%s\"", separator, kind->fields[f].name);
        if (w->microseconds && kind->fields[f].type == FIELD_TIME)
            sql_add(&select, "::TIMESTAMP AS \"%s\"", kind->fields[f].name);
        separator = ", ";
    }
    enum result r =
        select.failed || from.failed
            ? no_memory(err)
            : db_run(s->writer, err,
                     "COPY (SELECT %s FROM %s) TO '%s' (FORMAT parquet, PARQUET_VERSION V2, COMPRESSION zstd, "
                     "COMPRESSION_LEVEL 1, ROW_GROUP_SIZE %u, WRITE_BLOOM_FILTER false, KV_METADATA {pavo_kind: '%s'})",
                     select.text, from.text, path, w->seal->group_rows, kind->name);
    sql_fini(&select);
    sql_fini(&from);
    return r == RESULT_FATAL ? RESULT_AGAIN : r;
}

/* ---- what is in the file, and its checksums */

/* The text up to the first comma: a list's items are a column "NAME, list, element". */
static char *column_name(const struct db_rows *rows, idx_t row)
{
    size_t length;
    const char *text = db_text(rows, 2, row, &length);
    const char *comma = memchr(text, ',', length);
    return strndup(text, comma == NULL ? length : (size_t)(comma - text));
}

static bool grow_chunks(Store__Segment *seal, size_t count)
{
    uint64_t *offsets = realloc(seal->chunk_offsets, (count + 1) * sizeof(*offsets));
    if (offsets != NULL)
        seal->chunk_offsets = offsets;
    uint64_t *lengths = realloc(seal->chunk_lengths, (count + 1) * sizeof(*lengths));
    if (lengths != NULL)
        seal->chunk_lengths = lengths;
    uint64_t *checks = realloc(seal->chunk_checks, (count + 1) * sizeof(*checks));
    if (checks != NULL)
        seal->chunk_checks = checks;
    return offsets != NULL && lengths != NULL && checks != NULL;
}

static enum result take_chunk(Store__Segment *seal, const struct db_rows *rows, idx_t row, struct error *err)
{
    size_t at = seal->n_chunk_offsets;
    uint64_t group = db_u64(rows, 0, row);
    bool last_group = group == (seal->rows - 1) / seal->group_rows;
    if (!last_group && db_u64(rows, 1, row) != seal->group_rows)
        return error_set(err, RESULT_AGAIN, "DuckDB wrote a row group of %" PRIu64 " rows, not %u",
                         db_u64(rows, 1, row), seal->group_rows);
    if (!grow_chunks(seal, at + 1))
        return no_memory(err);
    if (group == 0) {
        char **columns = realloc(seal->columns, (seal->n_columns + 1) * sizeof(char *));
        char *name = columns == NULL ? NULL : column_name(rows, row);
        seal->columns = columns == NULL ? seal->columns : columns;
        if (name == NULL)
            return no_memory(err);
        seal->columns[seal->n_columns++] = name;
    }
    seal->chunk_offsets[at] = db_u64(rows, 3, row);
    seal->chunk_lengths[at] = db_u64(rows, 4, row);
    seal->n_chunk_offsets = seal->n_chunk_lengths = seal->n_chunk_checks = at + 1;
    seal->groups = (uint32_t)group + 1;
    return RESULT_OK;
}

static enum result read_chunks(struct writing *w, const char *path, struct error *err)
{
    struct sql sql = {0};
    struct db_rows rows = {0};
    sql_add(&sql, "SELECT row_group_id, row_group_num_rows, path_in_schema, least(data_page_offset, "
                  "coalesce(nullif(dictionary_page_offset, 0), data_page_offset)), total_compressed_size FROM "
                  "parquet_metadata(");
    sql_text(&sql, path);
    sql_add(&sql, ") ORDER BY row_group_id, column_id");
    enum result r = db_rows_open(w->segments->writer, &sql, &rows, err);
    while (r == RESULT_OK && (r = db_rows_next(&rows, err)) == RESULT_OK) {
        for (idx_t row = 0; row < rows.count && r == RESULT_OK; row++)
            r = take_chunk(w->seal, &rows, row, err);
    }
    db_rows_close(&rows);
    sql_fini(&sql);
    return r == RESULT_END ? RESULT_OK : r;
}

static enum result check_chunks(Store__Segment *seal, int file, const char *path, struct error *err)
{
    uint64_t most = 0, at = 0;
    for (size_t c = 0; c < seal->n_chunk_offsets; c++)
        most = seal->chunk_lengths[c] > most ? seal->chunk_lengths[c] : most;
    uint8_t *bytes = malloc(most + READ_BYTES);
    XXH3_state_t *rest = XXH3_createState();
    enum result r = bytes == NULL || rest == NULL ? no_memory(err) : RESULT_OK;
    if (r == RESULT_OK)
        XXH3_64bits_reset(rest);
    for (size_t c = 0; c <= seal->n_chunk_offsets && r == RESULT_OK; c++) {
        uint64_t begin = c < seal->n_chunk_offsets ? seal->chunk_offsets[c] : seal->bytes;
        if (begin < at)
            r = error_set(err, RESULT_AGAIN, "%s: DuckDB wrote columns out of order", path);
        while (at < begin && r == RESULT_OK) {
            size_t length = begin - at < READ_BYTES ? begin - at : READ_BYTES;
            r = part_read(file, path, bytes, length, at, err);
            XXH3_64bits_update(rest, bytes, length);
            at += length;
        }
        if (c == seal->n_chunk_offsets || r != RESULT_OK)
            break;
        r = part_read(file, path, bytes, seal->chunk_lengths[c], at, err);
        seal->chunk_checks[c] = XXH3_64bits(bytes, seal->chunk_lengths[c]);
        at += seal->chunk_lengths[c];
    }
    if (r == RESULT_OK)
        seal->rest_check = XXH3_64bits_digest(rest);
    XXH3_freeState(rest);
    free(bytes);
    return r;
}

static enum result describe(struct writing *w, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    int file;
    segments_path(w->segments, w->seal->id, "parquet.tmp", path);
    enum result r = read_chunks(w, path, err);
    if (r != RESULT_OK)
        return r;
    r = part_open(path, &file, &w->seal->bytes, err);
    if (r != RESULT_OK)
        return RESULT_AGAIN;
    r = check_chunks(w->seal, file, path, err);
    close(file);
    return r == RESULT_REJECT ? RESULT_AGAIN : r;
}

static enum result list_observers(Store__Segment *seal, const struct observers *all, struct error *err)
{
    const struct observer *observers = all->list;
    seal->observers = calloc(all->count + 1u, sizeof(*seal->observers));
    if (seal->observers == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < all->count; i++) {
        Store__SegmentObserver *observer = malloc(sizeof(*observer));
        if (observer == NULL)
            return no_memory(err);
        store__segment_observer__init(observer);
        observer->sensor = (char *)observers[i].sensor;
        observer->epoch = observers[i].epoch;
        observer->unknown_low = observers[i].unknown[0];
        observer->unknown_high = observers[i].unknown[1];
        seal->observers[seal->n_observers++] = observer;
    }
    return RESULT_OK;
}

static enum result list_group_times(const struct writing *w, struct error *err)
{
    Store__Segment *seal = w->seal;
    size_t size = seal->groups * sizeof(int64_t);
    seal->group_first_ns = malloc(size);
    seal->group_last_ns = malloc(size);
    if (seal->group_first_ns == NULL || seal->group_last_ns == NULL)
        return no_memory(err);
    memcpy(seal->group_first_ns, w->group_first_ns, size);
    memcpy(seal->group_last_ns, w->group_last_ns, size);
    seal->n_group_first_ns = seal->n_group_last_ns = seal->groups;
    return RESULT_OK;
}

static enum result write_files(struct writing *w, const struct observers *observers, struct error *err)
{
    enum result r = copy_rows(w, err);
    if (r == RESULT_OK && w->written == 0)
        return RESULT_END;
    w->seal->rows = w->written;
    if (r == RESULT_OK)
        r = describe(w, err);
    if (r == RESULT_OK)
        r = list_observers(w->seal, observers, err);
    if (r == RESULT_OK)
        r = list_group_times(w, err);
    if (r == RESULT_OK && w->source.kind == record_kinds[RECORD_FLOW])
        r = index_write(w->segments, w->seal->id, w->entries, w->entry_count, &w->seal->index_bytes, err);
    if (r == RESULT_OK)
        r = part_finish(w->segments, w->seal->id, "parquet", err);
    return r == RESULT_OK ? seal_write(w->segments, w->seal, err) : r;
}

enum result segment_write(struct writing *w, const struct observers *observers, struct error *err)
{
    w->seal->first_ns = INT64_MAX;
    w->seal->last_ns = INT64_MIN;
    for (unsigned g = 0; g < SEGMENT_GROUPS_MAX; g++) {
        w->group_first_ns[g] = INT64_MAX;
        w->group_last_ns[g] = INT64_MIN;
    }
    w->source.threads = 1;
    w->source.nulls = true;
    w->source.next = next_rows;
    for (unsigned kind = 0; kind < STORED_KIND_COUNT; kind++) {
        if (record_kinds[kind]->number == w->seal->kind)
            w->source.kind = record_kinds[kind];
    }
    w->seal->group_rows = group_rows(w->source.rows);
    w->seal->microseconds = w->microseconds;
    w->seal->fields = fields_check(w->source.kind, w->missing);
    w->seal->without_evidence = lacks_evidence(w->source.kind, w->missing);
    enum result r = write_files(w, observers, err);
    if (r != RESULT_OK)
        part_remove(w->segments, w->seal->id);
    free(w->entries);
    w->entries = NULL;
    w->entry_count = w->entry_capacity = 0;
    w->written = 0;
    return r;
}
