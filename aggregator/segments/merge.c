/* SPDX-License-Identifier: Apache-2.0 */
/* Merging: files that stand in order are read side by side and written as one, or one for each day; the records of a
 * flow within an hour become one, and so do the sums of an hour. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/segments/internal.h"
#include "common/clock.h"

#define DAY_NS   ((int64_t)86400 * NS_PER_S)
#define DAYS     8u     /* that get a file of their own; the others have one together */
#define SHARE    256u   /* if one row of so many is of them */
#define DAYS_MAX 16384u /* that are counted: slots, a power of two */
#define DAY_ODD  INT32_MIN
/* Of a file's seal, which is read with every question: so long a note, so many observers. */
#define NOTE_MOST      (4u << 20)
#define OBSERVERS_MOST 65536u
/* A merge that failed is tried again after so long, and after twice as long each time. */
#define REST_NS   (10 * NS_PER_S)
#define REST_MOST 10u /* doublings: hours */
/* Days that may have a file: of 2000 to 2199. All else is a clock that was wrong, or somebody's joke. */
#define FIRST_DAY 10957
#define LAST_DAY  84005

/* A file that is read. */
struct input {
    const struct segment *segment;
    struct segment_view view;
    duckdb_connection connection;
    struct db_rows rows;
    idx_t read;                              /* rows of the chunk that were made records */
    struct records *records;                 /* owned; NULL: no more */
    uint32_t numbers[RECORDS_OBSERVERS_MAX]; /* of the records' observers in what is written */
    uint32_t at;
    struct order_key key; /* of row `at` */
};

struct merge {
    struct writing writing; /* first */
    const struct record_kind *kind;
    struct merge_plan *plan;
    struct input inputs[MERGE_MOST];
    bool *missing; /* owned: by field, what all inputs have not, and what is left out */
    struct observers observers;
    struct fold *fold; /* owned, while a file is written; NULL: of a kind that has nothing to fold */
    struct engine_ref refs[ENGINE_CHUNK_ROWS];
    uint32_t ref_at, ref_count;
    int32_t days[DAYS + 1]; /* of the files to be written; SEGMENT_DAYS: what is of none before it */
    size_t day_count;
    bool narrowed; /* a file takes not all rows */
    struct bytes note;
    uint64_t observer_count; /* of all inputs, those of several as often */
    uint64_t replaces[MERGE_MOST];
};

static enum result no_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

/* ---- reading one file */

static void add_time(struct sql *sql, const struct record_kind *kind, int32_t day)
{
    const char *name = kind->fields[kind->first_time].name;
    int64_t begin = day * DAY_NS, end = begin + DAY_NS;
    sql_add(sql, "\"%s\" >= make_timestamp_ns(%" PRId64 ") AND \"%s\" < make_timestamp_ns(%" PRId64 ")", name, begin,
            name, end);
}

/* Which rows a file takes. */
static void add_condition(struct sql *sql, const struct merge *m, size_t file)
{
    if (!m->narrowed)
        return;
    sql_add(sql, " WHERE ");
    if (m->days[file] != SEGMENT_DAYS) {
        add_time(sql, m->kind, m->days[file]);
        return;
    }
    sql_add(sql, "NOT (FALSE");
    for (size_t d = 0; d < file; d++) {
        sql_add(sql, " OR ");
        add_time(sql, m->kind, m->days[d]);
    }
    sql_add(sql, ")");
}

static enum result number_observers(struct merge *m, struct input *in, struct error *err)
{
    for (uint32_t o = 0; o < in->records->observer_count; o++) {
        if (observers_add(&m->observers, &in->records->observers[o]) != RESULT_OK)
            return no_memory(err);
        in->numbers[o] = observers_find(&m->observers, &in->records->observers[o]);
    }
    return RESULT_OK;
}

/* The next rows as records, as many of the chunk as records take. */
static enum result read_more(struct merge *m, struct input *in, struct error *err)
{
    const struct sql_observers observers = {in->view.observers, in->view.observer_count};
    records_free(&in->records);
    in->at = 0;
    if (in->rows.chunk == NULL || in->read == in->rows.count) {
        enum result r = db_rows_next(&in->rows, err);
        in->read = 0;
        if (r != RESULT_OK)
            return r;
    }
    uint32_t count = (uint32_t)(in->rows.count - in->read);
    enum result r;
    while ((r = chunk_read(&in->rows, m->kind, NULL, &observers, in->read, count, &in->records, err)) == RESULT_FULL &&
           count > 1)
        count = (count + 1) / 2;
    if (r != RESULT_OK)
        return r == RESULT_END ? RESULT_AGAIN : r;
    in->read += count;
    in->key = order_key(in->records, 0);
    return number_observers(m, in, err);
}

static enum result open_rows(struct merge *m, struct input *in, size_t file, struct error *err)
{
    struct sql sql = {0};
    sql_add(&sql, "SELECT ");
    schema_select(&sql, m->kind, NULL, m->missing);
    sql_add(&sql, " FROM ");
    segment_from(&sql, m->writing.segments, &in->view);
    add_condition(&sql, m, file);
    enum result r = engine_connect(m->writing.segments->database, &in->connection, err);
    if (r == RESULT_OK)
        r = db_rows_open(in->connection, &sql, &in->rows, err);
    sql_fini(&sql);
    return r;
}

static void close_rows(struct input *in)
{
    db_rows_close(&in->rows);
    if (in->connection != NULL)
        duckdb_disconnect(&in->connection);
    records_free(&in->records);
    in->read = 0;
}

/* ---- side by side */

static struct input *least(struct merge *m)
{
    struct input *found = NULL;
    for (size_t i = 0; i < m->plan->count; i++) {
        struct input *in = &m->inputs[i];
        if (in->records != NULL && (found == NULL || order_compare(&in->key, &found->key) < 0))
            found = in;
    }
    return found;
}

/* Must it wait for more records of its flow? One that is the last that was read may be followed by anything. */
static bool waits(struct merge *m, const struct order_key *key, bool last)
{
    if (m->fold == NULL || last || fold_waits(m->fold))
        return m->fold != NULL;
    const struct input *in = least(m);
    return in != NULL && order_same(&in->key, key);
}

/* Rows in their order until one of the files needs reading: then the records of its rows must have been written. */
static void collect(struct merge *m)
{
    bool last = false;
    m->ref_at = m->ref_count = 0;
    if (m->fold != NULL)
        fold_clear(m->fold);
    while (m->ref_count < ENGINE_CHUNK_ROWS && !last) {
        struct input *in = least(m);
        if (m->fold != NULL && fold_waits(m->fold) && (in == NULL || !fold_same(m->fold, &in->key))) {
            m->ref_count += fold_give(m->fold, m->refs + m->ref_count, ENGINE_CHUNK_ROWS - m->ref_count);
            if (fold_waits(m->fold))
                return;
            continue;
        }
        if (in == NULL)
            return;
        const struct engine_ref ref = {in->records, in->numbers, in->at};
        const struct order_key key = in->key;
        last = ++in->at == in->records->rows;
        if (!last)
            in->key = order_key(in->records, in->at);
        if (!waits(m, &key, last) || !fold_take(m->fold, &ref, &key))
            m->refs[m->ref_count++] = ref;
    }
}

static enum result read_inputs(struct merge *m, struct error *err)
{
    for (size_t i = 0; i < m->plan->count; i++) {
        struct input *in = &m->inputs[i];
        enum result r = in->records != NULL && in->at == in->records->rows ? read_more(m, in, err) : RESULT_OK;
        if (r != RESULT_OK && r != RESULT_END)
            return r;
    }
    return RESULT_OK;
}

static enum result next(struct writing *writing, struct engine_rows *ret_rows, struct error *err)
{
    struct merge *m = (struct merge *)writing;
    while (m->ref_at == m->ref_count) {
        enum result r = read_inputs(m, err);
        if (r != RESULT_OK)
            return r;
        if (least(m) == NULL && (m->fold == NULL || !fold_waits(m->fold)))
            return RESULT_END;
        collect(m);
    }
    uint32_t left = m->ref_count - m->ref_at, room = writing_room(writing);
    *ret_rows = (struct engine_rows){.count = left < room ? left : room, .refs = m->refs + m->ref_at};
    ret_rows->count = chunk_fits(ret_rows, m->kind);
    m->ref_at += ret_rows->count;
    return RESULT_OK;
}

/* ---- one file after the other */

static enum result write_file(struct merge *m, size_t file, Store__Segment *seal, struct error *err)
{
    enum result r = RESULT_OK;
    m->writing.seal = seal;
    m->writing.source.rows = 0;
    m->ref_at = m->ref_count = 0;
    if (fold_folds(m->kind) && (m->fold = fold_new(m->kind)) == NULL)
        r = no_memory(err);
    for (size_t i = 0; i < m->plan->count && r == RESULT_OK; i++) {
        struct input *in = &m->inputs[i];
        m->writing.source.rows += in->segment->rows;
        r = open_rows(m, in, file, err);
        if (r == RESULT_OK)
            r = read_more(m, in, err);
        r = r == RESULT_END ? RESULT_OK : r;
    }
    if (r == RESULT_OK)
        r = segment_write(&m->writing, &m->observers, err);
    for (size_t i = 0; i < m->plan->count; i++)
        close_rows(&m->inputs[i]);
    fold_free(m->fold);
    m->fold = NULL;
    seal_fini(seal); /* it is written, and borrowed the observers' names */
    observers_fini(&m->observers);
    return r == RESULT_END ? error_set(err, RESULT_AGAIN, "a merge found no rows where there were some") : r;
}

static void describe(const struct merge *m, const uint64_t *ids, size_t file, Store__Segment *seal)
{
    const struct segment *first = m->inputs[0].segment;
    store__segment__init(seal);
    seal->id = ids[file];
    seal->kind = m->kind->number;
    seal->level = m->plan->level;
    seal->day = m->days[file];
    seal->first_position = first->first_position;
    seal->last_position = first->last_position;
    for (size_t i = 1; i < m->plan->count; i++) {
        const struct segment *s = m->inputs[i].segment;
        seal->first_position = s->first_position < seal->first_position ? s->first_position : seal->first_position;
        seal->last_position = s->last_position > seal->last_position ? s->last_position : seal->last_position;
    }
    seal->siblings = (uint64_t *)ids;
    seal->n_siblings = m->day_count;
    seal->replaces = (uint64_t *)m->replaces;
    seal->n_replaces = m->plan->count;
    if (file == 0)
        seal->note = (ProtobufCBinaryData){m->note.length, m->note.data};
}

static enum result write_all(struct merge *m, struct error *err)
{
    struct segments *s = m->writing.segments;
    Store__Segment seals[DAYS + 1];
    const Store__Segment *added[DAYS + 1];
    uint64_t ids[DAYS + 1], first_id;
    enum result r = segments_ids(s, m->day_count, &first_id, err);
    if (r != RESULT_OK)
        return r;
    for (size_t d = 0; d < m->day_count; d++)
        ids[d] = first_id + d;
    for (size_t d = 0; d < m->day_count && r == RESULT_OK; d++) {
        describe(m, ids, d, &seals[d]);
        added[d] = &seals[d];
        r = write_file(m, d, &seals[d], err);
    }
    if (r == RESULT_OK)
        r = part_sync_folder(s, err);
    if (r == RESULT_OK)
        r = segments_replace(s, added, m->day_count, m->replaces, m->plan->count, 0, NULL, NULL, err);
    for (size_t d = 0; d < m->day_count && r != RESULT_OK && r != RESULT_FATAL; d++)
        part_remove(s, ids[d]);
    return r;
}

/* ---- which days */

struct day {
    int32_t day;
    uint64_t rows;
};

static int by_rows(const void *a, const void *b)
{
    const struct day *x = a, *y = b;
    return x->rows != y->rows ? (x->rows > y->rows ? -1 : 1) : x->day < y->day ? -1 : x->day > y->day;
}

static int by_day(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

static int32_t day_of(int64_t time)
{
    int64_t day = time / DAY_NS - (time % DAY_NS < 0);
    return day < FIRST_DAY || day > LAST_DAY ? DAY_ODD : (int32_t)day;
}

/* A table that is full counts no new days: those are too many to have files. */
static void count_day(struct day *days, int32_t day)
{
    uint32_t at = (uint32_t)day * 2654435761u;
    for (uint32_t tries = 0; tries < 64; tries++) {
        struct day *slot = &days[(at + tries) & (DAYS_MAX - 1)];
        if (slot->rows == 0)
            slot->day = day;
        if (slot->day == day) {
            slot->rows++;
            return;
        }
    }
}

static enum result count_days(struct merge *m, struct day *days, struct error *err)
{
    struct sql sql = {0};
    struct db_rows rows = {0};
    enum result r = RESULT_OK;
    for (size_t i = 0; i < m->plan->count && r == RESULT_OK; i++) {
        sql_clear(&sql);
        sql_add(&sql, "SELECT \"%s\"::TIMESTAMP_NS FROM ", m->kind->fields[m->kind->first_time].name);
        segment_from(&sql, m->writing.segments, &m->inputs[i].view);
        r = db_rows_open(m->writing.segments->writer, &sql, &rows, err);
        while (r == RESULT_OK && (r = db_rows_next(&rows, err)) == RESULT_OK) {
            for (idx_t row = 0; row < rows.count; row++)
                count_day(days, day_of((int64_t)db_u64(&rows, 0, row)));
        }
        db_rows_close(&rows);
        r = r == RESULT_END ? RESULT_OK : r;
    }
    sql_fini(&sql);
    return r;
}

/* Days with many rows have a file each, oldest first, and what is left has one. */
static void choose_days(struct merge *m, struct day *days)
{
    uint64_t all = 0, of_days = 0;
    for (size_t i = 0; i < m->plan->count; i++)
        all += m->inputs[i].segment->rows;
    qsort(days, DAYS_MAX, sizeof(*days), by_rows);
    for (size_t i = 0; m->day_count < DAYS && i <= DAYS && days[i].rows > all / SHARE; i++) {
        if (days[i].day == DAY_ODD)
            continue;
        m->days[m->day_count++] = days[i].day;
        of_days += days[i].rows;
    }
    qsort(m->days, m->day_count, sizeof(*m->days), by_day);
    m->narrowed = m->day_count > 1 || of_days < all;
    if (of_days < all)
        m->days[m->day_count++] = SEGMENT_DAYS;
}

static enum result plan_days(struct merge *m, struct error *err)
{
    const struct segment *first = m->inputs[0].segment;
    if (first->level > 0 && first->day != SEGMENT_DAYS) {
        m->days[m->day_count++] = first->day;
        return RESULT_OK;
    }
    struct day *days = calloc(DAYS_MAX, sizeof(*days));
    if (days == NULL)
        return no_memory(err);
    enum result r = count_days(m, days, err);
    if (r == RESULT_OK)
        choose_days(m, days);
    free(days);
    return r;
}

/* ---- what is merged */

static int by_position(const void *a, const void *b)
{
    const struct segment *x = ((const struct input *)a)->segment, *y = ((const struct input *)b)->segment;
    return x->first_position != y->first_position ? (x->first_position < y->first_position ? -1 : 1)
                                                  : (x->id < y->id ? -1 : x->id > y->id);
}

static enum result append_note(struct bytes *note, const void *more, size_t length, struct error *err)
{
    uint8_t *grown = realloc(note->data, note->length + length + 1);
    if (grown == NULL)
        return no_memory(err);
    if (length > 0)
        memcpy(grown + note->length, more, length);
    *note = (struct bytes){grown, note->length + length};
    return RESULT_OK;
}

/* What only its seal says of an input: its note, and the unit of its times. RESULT_FULL: with it, the seal of what is
 * written would be too large; of the first nothing is. */
static enum result add_seal(struct merge *m, size_t input, struct error *err)
{
    struct segments *s = m->writing.segments;
    struct bytes note = {0};
    Store__Segment *seal;
    enum result r = seal_read(s, m->inputs[input].segment->id, &seal, err);
    if (r != RESULT_OK)
        return r;
    uint64_t observers = m->observer_count + seal->n_observers;
    r = append_note(&note, m->note.data, m->note.length, err);
    if (r == RESULT_OK)
        r = (s->options.join != NULL ? s->options.join : append_note)(&note, seal->note.data, seal->note.len, err);
    if (r == RESULT_OK && input > 0 && (note.length > NOTE_MOST || observers > OBSERVERS_MOST))
        r = RESULT_FULL;
    if (r == RESULT_OK) {
        bytes_free(&m->note);
        m->note = note;
        m->observer_count = observers;
        m->writing.microseconds = m->writing.microseconds && seal->microseconds;
    } else {
        bytes_free(&note);
    }
    store__segment__free_unpacked(seal, NULL);
    return r == RESULT_REJECT ? RESULT_AGAIN : r; /* of a note: it cannot be, its seal is whole */
}

/* Only those before `count` are merged; or, if that is one alone, nothing is, and the larger of two stays as it is. */
static enum result cut(struct merge *m, size_t count, struct error *err)
{
    for (size_t i = count; i < m->plan->count; i++)
        segment_view_fini(&m->inputs[i].view);
    m->plan->count = count;
    if (count >= 2)
        return RESULT_OK;
    bool first = m->note.length > NOTE_MOST / 2 || m->observer_count > OBSERVERS_MOST / 2;
    ((struct held_segment *)m->inputs[first ? 0 : 1].segment)->stays = true;
    return error_set(err, RESULT_REJECT, "what is known of two segments does not fit one seal");
}

/* One that is damaged, or has columns that are none of ours, stays as it is: written again, the damage would be no more
 * to be seen, and the columns not there. */
static enum result open_input(struct merge *m, struct held_segment *held, struct input *in, struct error *err)
{
    struct segments *s = m->writing.segments;
    enum result r = atomic_load(&s->stopping) ? error_set(err, RESULT_AGAIN, "the aggregator ends")
                                              : segment_open(s, &held->segment, NULL, &in->view, err);
    in->segment = &held->segment;
    if (r == RESULT_OK && fields_check(m->kind, in->view.missing) != held->segment.fields)
        r = error_set(err, RESULT_REJECT, "segment %016" PRIx64 " has fields of a newer version and is not merged",
                      held->segment.id);
    if (r != RESULT_REJECT)
        return r;
    held->stays = true;
    segments_tell(s, "%s", err->text);
    return r;
}

static enum result open_inputs(struct merge *m, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < m->plan->count && r == RESULT_OK; i++)
        r = open_input(m, m->plan->inputs[i], &m->inputs[i], err);
    if (r != RESULT_OK)
        return r;
    qsort(m->inputs, m->plan->count, sizeof(*m->inputs), by_position);
    for (size_t i = 0; i < m->plan->count && r == RESULT_OK; i++) {
        m->replaces[i] = m->inputs[i].segment->id;
        r = add_seal(m, i, err);
        if (r == RESULT_FULL)
            r = cut(m, i, err);
    }
    if (r != RESULT_OK)
        return r;
    m->missing = malloc(m->kind->stored_count * sizeof(*m->missing));
    if (m->missing == NULL)
        return no_memory(err);
    for (unsigned f = 0; f < m->kind->stored_count; f++)
        m->missing[f] = m->inputs[0].view.missing[f] || (m->plan->without_evidence && field_is_evidence(m->kind, f));
    m->writing.missing = m->missing;
    return r;
}

static void merge_free(struct merge *m)
{
    for (size_t i = 0; i < m->plan->count; i++)
        segment_view_fini(&m->inputs[i].view);
    bytes_free(&m->note);
    free(m->missing);
    free(m);
}

/* Those that did not just fail: the others are not kept waiting by them. NULL: out of memory. */
static struct held_segment **rested(const struct segments *segments, size_t *ret_count)
{
    struct held_segment **list = malloc((segments->count + 1) * sizeof(*list));
    int64_t now = clock_monotonic_ns();
    size_t count = 0;
    for (size_t i = 0; list != NULL && i < segments->count; i++) {
        if (segments->list[i]->rest_until <= now)
            list[count++] = segments->list[i];
    }
    *ret_count = count;
    return list;
}

static void put_off(const struct merge_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct held_segment *held = plan->inputs[i];
        held->rest_until = clock_monotonic_ns() + (REST_NS << held->failures);
        held->failures += held->failures < REST_MOST;
    }
}

static enum result merge(struct segments *segments, struct merge_plan *plan, struct error *err)
{
    struct merge *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return no_memory(err);
    m->writing = (struct writing){.segments = segments, .next = next, .microseconds = true};
    m->kind = record_kinds[plan->inputs[0]->segment.kind];
    m->plan = plan;
    enum result r = open_inputs(m, err);
    if (r == RESULT_OK)
        r = plan_days(m, err);
    if (r == RESULT_OK)
        r = write_all(m, err);
    merge_free(m);
    return r;
}

enum result segments_compact(struct segments *segments, int64_t now_ns, int64_t evidence_before_ns, struct error *err)
{
    struct merge_plan plan;
    size_t count;
    struct held_segment **list = rested(segments, &count);
    if (list == NULL)
        return no_memory(err);
    enum result r = merge_choose(list, count, now_ns, evidence_before_ns, &plan, err);
    free(list);
    if (r != RESULT_OK || plan.count == 0)
        return r == RESULT_OK ? RESULT_END : r;
    struct merge_plan chosen = plan;
    r = merge(segments, &plan, err);
    if (r == RESULT_AGAIN && !atomic_load(&segments->stopping))
        put_off(&chosen);
    return r == RESULT_REJECT ? RESULT_OK : r; /* the others are merged without it the next time */
}
