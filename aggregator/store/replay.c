/* SPDX-License-Identifier: Apache-2.0 */
/* Reading in the order committed, out of the journal: what was published, again; and what the correlator had not
 * concluded when the process ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "aggregator/store/read.h"

/* Flows that have a verdict at a boundary, as hashes of their names: 128 bits, so none is taken for another. */
struct done {
    XXH128_hash_t *slots; /* owned; zero: free */
    size_t slot_count, count;
};

struct waiting {
    char boundary[BOUNDARY_NAME_MAX];
    char inside[SENSOR_NAME_MAX], outside[SENSOR_NAME_MAX];
    struct done done;
};

void waiting_free(struct waiting **waiting)
{
    if (*waiting == NULL)
        return;
    free((*waiting)->done.slots);
    free(*waiting);
    *waiting = NULL;
}

/* ---- the set of names */

static XXH128_hash_t hash_of(const struct observer *observer, uint64_t flow)
{
    struct {
        char sensor[OBSERVER_NAME_MAX];
        uint64_t epoch, flow;
    } name = {.epoch = observer->epoch, .flow = flow};
    memcpy(name.sensor, observer->sensor, strlen(observer->sensor));
    XXH128_hash_t hash = XXH3_128bits(&name, sizeof(name));
    hash.low64 |= hash.low64 == 0;
    return hash;
}

static XXH128_hash_t *slot_of(const struct done *done, XXH128_hash_t hash)
{
    size_t at = hash.high64 & (done->slot_count - 1);
    while (done->slots[at].low64 != 0 && !XXH128_isEqual(done->slots[at], hash))
        at = (at + 1) & (done->slot_count - 1);
    return &done->slots[at];
}

static bool done_has(const struct done *done, const struct observer *observer, uint64_t flow)
{
    return done->slot_count > 0 && slot_of(done, hash_of(observer, flow))->low64 != 0;
}

static bool done_grow(struct done *done)
{
    struct done grown = {.slot_count = done->slot_count == 0 ? 1024 : done->slot_count * 2, .count = done->count};
    grown.slots = calloc(grown.slot_count, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return false;
    for (size_t i = 0; i < done->slot_count; i++) {
        if (done->slots[i].low64 != 0)
            *slot_of(&grown, done->slots[i]) = done->slots[i];
    }
    free(done->slots);
    *done = grown;
    return true;
}

static bool done_add(struct done *done, const struct observer *observer, uint64_t flow)
{
    if (done->count * 2 >= done->slot_count && !done_grow(done))
        return false;
    XXH128_hash_t hash = hash_of(observer, flow), *slot = slot_of(done, hash);
    done->count += slot->low64 == 0;
    *slot = hash;
    return true;
}

/* ---- entries */

/* The next entry, without its bytes. What is damaged is noted and passed over, what was dropped is passed over: whoever
 * replays asks store_missing_before. RESULT_END: no more. */
static enum result next_entry(struct store_reader *reader, struct journal_entry *ret_entry, struct error *err)
{
    for (;;) {
        struct journal_damage damage;
        enum result r = reader_go_on(reader, err);
        if (r != RESULT_OK)
            return r;
        err->text[0] = '\0';
        r = journal_next(reader->cursor, false, ret_entry, &damage, err);
        if (r == RESULT_REJECT) {
            if (!damage.dropped)
                store_note_journal(reader->store, &damage);
            continue;
        }
        if (r == RESULT_AGAIN && err->text[0] == '\0')
            return RESULT_END;
        if (r == RESULT_OK && reader->query.through != 0 && ret_entry->position > reader->query.through)
            return RESULT_END;
        return r;
    }
}

/* An entry's batch. RESULT_REJECT: damaged, and noted; or dropped meanwhile. */
static enum result open_entry(struct store_reader *reader, const struct journal_entry *entry, struct batch **ret_batch,
                              struct error *err)
{
    struct journal_buffer buffer = {0};
    struct journal_entry whole;
    enum result r = journal_read(reader->store->journal, &entry->place, &buffer, &whole, err);
    const char *why = HOT_UNREADABLE;
    if (r == RESULT_OK) {
        why = err->text;
        r = batch_of_entry(&whole, ret_batch, err);
    }
    journal_buffer_fini(&buffer);
    if (r == RESULT_REJECT)
        store_note_entry(reader->store, entry, why);
    return r == RESULT_END ? RESULT_REJECT : r;
}

/* ---- what a verdict says is done */

static bool is_at(const struct waiting *w, const struct verdict_columns *v, uint32_t row)
{
    return strcmp(v->boundary[row] == NULL ? "" : v->boundary[row], w->boundary) == 0;
}

static bool add_verdicts(struct waiting *w, const struct records *records)
{
    const struct verdict_columns *v = verdict_columns(records);
    bool added = true;
    for (uint32_t row = 0; added && row < records->rows; row++) {
        if (!is_at(w, v, row))
            continue;
        added = done_add(&w->done, &records->observers[v->observer[row]], v->flow[row]);
        if (added && verdict_is_linked(v->verdict[row]))
            added = done_add(&w->done, &records->observers[v->partner_observer[row]], v->partner_flow[row]);
    }
    return added;
}

static enum result read_verdicts(struct store_reader *reader, struct error *err)
{
    struct journal_entry entry;
    enum result r;
    while ((r = next_entry(reader, &entry, err)) == RESULT_OK) {
        struct batch *batch = NULL;
        if (entry.rows[RECORD_VERDICT] == 0)
            continue;
        r = open_entry(reader, &entry, &batch, err);
        if (r == RESULT_REJECT)
            continue;
        if (r == RESULT_OK && !add_verdicts(reader->waiting, batch->records[RECORD_VERDICT]))
            r = error_set(err, RESULT_AGAIN, "out of memory");
        batch_destroy(&batch);
        if (r != RESULT_OK)
            return r;
    }
    return r == RESULT_END ? RESULT_OK : r;
}

static bool is_of_boundary(const struct waiting *w, const char *sensor)
{
    return strcmp(sensor, w->inside) == 0 || strcmp(sensor, w->outside) == 0;
}

/* Rows without a verdict. NULL: none, or (*failed) out of memory. */
static struct records *undone(const struct waiting *w, const struct records *records, bool *failed)
{
    const struct flow_batch *flows = flow_batch_of(records);
    uint32_t *rows = malloc((records->rows + 1u) * sizeof(*rows)), count = 0;
    for (uint32_t row = 0; rows != NULL && row < records->rows; row++) {
        const struct observer *observer = &records->observers[flows->observer[row]];
        if (is_of_boundary(w, observer->sensor) && !done_has(&w->done, observer, flows->flow[row]))
            rows[count++] = row;
    }
    struct records *left = rows == NULL || count == 0 ? NULL : records_copy(records, rows, 0, count);
    *failed = rows == NULL || (count > 0 && left == NULL);
    free(rows);
    return left;
}

/* Rows that match the query's filter. NULL: none, or (*failed) out of memory. Takes *records. */
static struct records *matching(const struct filter *filter, struct records **records, bool *failed)
{
    struct records *all = *records;
    *records = NULL;
    *failed = false;
    if (filter == NULL)
        return all; /* with what a newer contract had in it */
    uint32_t *rows = malloc((all->rows + 1u) * sizeof(*rows));
    uint32_t count = rows == NULL ? 0 : filter_select(filter, all, rows);
    struct records *left = count == 0 ? NULL : records_copy(all, rows, 0, count);
    *failed = rows == NULL || (count > 0 && left == NULL);
    free(rows);
    records_free(&all);
    return left;
}

/* ---- beginning, and on */

enum result replay_begin(struct store_reader *reader, struct error *err)
{
    return journal_seek(reader->store->journal, reader->query.after + 1, &reader->cursor, err);
}

enum result replay_next(struct store_reader *reader, struct records **ret_records, uint64_t *ret_position,
                        struct error *err)
{
    enum record_kind_number kind = reader->query.kind;
    struct journal_entry entry;
    enum result r;
    while ((r = next_entry(reader, &entry, err)) == RESULT_OK) {
        struct batch *batch = NULL;
        bool failed = false;
        if (entry.rows[kind] == 0)
            continue;
        r = open_entry(reader, &entry, &batch, err);
        if (r == RESULT_REJECT)
            continue;
        if (r != RESULT_OK)
            return r;
        struct records *found = reader->waiting != NULL
                                    ? undone(reader->waiting, batch->records[kind], &failed)
                                    : matching(reader->query.filter, &batch->records[kind], &failed);
        batch_destroy(&batch);
        if (failed)
            return error_set(err, RESULT_AGAIN, "out of memory");
        if (found == NULL)
            continue;
        *ret_records = found;
        if (ret_position != NULL)
            *ret_position = entry.position;
        return RESULT_OK;
    }
    return r;
}

/* The position of the first batch that came at or after a time; the clock may have run back behind it. */
static enum result first_since(struct store_reader *reader, int64_t since_ns, uint64_t *ret_position, struct error *err)
{
    struct journal_entry entry;
    enum result r;
    while ((r = next_entry(reader, &entry, err)) == RESULT_OK) {
        if (entry.received_ns < since_ns)
            continue;
        *ret_position = entry.position;
        return RESULT_OK;
    }
    return r;
}

enum result store_find_waiting(struct store_reader *reader, const char *boundary, const char *inside,
                               const char *outside, int64_t since_ns, struct error *err)
{
    reader_end(reader);
    if (!sensor_name_valid(boundary) || !sensor_name_valid(inside) || !sensor_name_valid(outside))
        return error_set(err, RESULT_REJECT, "boundary %s has a bad name", boundary);
    struct waiting *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    reader->waiting = w;
    strcpy(w->boundary, boundary);
    strcpy(w->inside, inside);
    strcpy(w->outside, outside);
    reader->query = (struct store_query){.kind = RECORD_FLOW, .by_position = true};
    reader->left = 0;
    uint64_t from = 0;
    enum result r = journal_seek(reader->store->journal, 0, &reader->cursor, err);
    if (r == RESULT_OK)
        r = first_since(reader, since_ns, &from, err);
    for (int pass = 0; pass < 2 && r == RESULT_OK; pass++) {
        journal_cursor_close(&reader->cursor);
        r = journal_seek(reader->store->journal, from, &reader->cursor, err);
        if (r == RESULT_OK && pass == 0)
            r = read_verdicts(reader, err);
    }
    if (r == RESULT_END) { /* nothing came since */
        journal_cursor_close(&reader->cursor);
        r = journal_seek(reader->store->journal, journal_last(reader->store->journal) + 1, &reader->cursor, err);
    }
    return r;
}
