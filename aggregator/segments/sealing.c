/* SPDX-License-Identifier: Apache-2.0 */
/* Batches into segments of level 0: a file for each kind of record in them. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/observers.h"
#include "aggregator/segments/internal.h"
#include "common/records/flow.h"

/* A row, where it stands. */
struct sorted_row {
    struct order_key key;
    uint32_t records, row; /* in the part */
};

/* The rows of one kind in their order. */
struct sealing {
    struct writing writing;
    const struct seal_part *part;
    struct sorted_row *rows; /* owned */
    size_t count, at;
    struct observers observers;
    uint32_t **numbers; /* owned: of each records' observers */
    struct engine_ref refs[ENGINE_CHUNK_ROWS];
};

static int by_key(const void *a, const void *b)
{
    const struct sorted_row *x = a, *y = b;
    int order = order_compare(&x->key, &y->key);
    if (order != 0)
        return order;
    return x->records != y->records ? (x->records < y->records ? -1 : 1) : x->row < y->row ? -1 : x->row > y->row;
}

static bool number_observers(struct sealing *s)
{
    bool done = true;
    for (size_t i = 0; done && i < s->part->count; i++) {
        const struct records *records = s->part->records[i];
        s->numbers[i] = malloc((records->observer_count + 1u) * sizeof(uint32_t));
        done = s->numbers[i] != NULL;
        for (uint32_t o = 0; done && o < records->observer_count; o++) {
            done = observers_add(&s->observers, &records->observers[o]) == RESULT_OK;
            s->numbers[i][o] = done ? observers_find(&s->observers, &records->observers[o]) : 0;
        }
    }
    return done;
}

static bool sort_rows(struct sealing *s)
{
    for (size_t i = 0; i < s->part->count; i++)
        s->count += s->part->records[i]->rows;
    s->rows = malloc((s->count + 1) * sizeof(*s->rows));
    if (s->rows == NULL)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < s->part->count; i++) {
        for (uint32_t row = 0; row < s->part->records[i]->rows; row++)
            s->rows[at++] = (struct sorted_row){order_key(s->part->records[i], row), (uint32_t)i, row};
    }
    qsort(s->rows, s->count, sizeof(*s->rows), by_key);
    return true;
}

static bool all_microseconds(const struct seal_part *part)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < part->count; i++) {
        if (part->records[i]->kind != record_kinds[RECORD_FLOW])
            return false;
        const struct flow_batch *f = flow_batch_of(part->records[i]);
        for (uint32_t row = 0; row < f->rows && rest == 0; row++)
            rest = (uint64_t)(f->first_time[row] % 1000) | (uint64_t)(f->last_time[row] % 1000);
    }
    return rest == 0;
}

static enum result next(struct writing *writing, struct engine_rows *ret_rows, struct error *err)
{
    struct sealing *s = (struct sealing *)writing;
    (void)err;
    uint32_t count = 0;
    if (s->at == s->count)
        return RESULT_END;
    for (; count < writing_room(writing) && s->at + count < s->count; count++) {
        const struct sorted_row *row = &s->rows[s->at + count];
        s->refs[count] = (struct engine_ref){s->part->records[row->records], s->numbers[row->records], row->row};
    }
    *ret_rows = (struct engine_rows){.count = count, .refs = s->refs};
    ret_rows->count = chunk_fits(ret_rows, s->part->records[0]->kind);
    s->at += ret_rows->count;
    return RESULT_OK;
}

static void sealing_free(struct sealing *s)
{
    for (size_t i = 0; s->numbers != NULL && i < s->part->count; i++)
        free(s->numbers[i]);
    free(s->numbers);
    free(s->rows);
    observers_fini(&s->observers);
    free(s);
}

static enum result seal_part(struct segments *segments, const struct seal_part *part, Store__Segment *seal,
                             struct error *err)
{
    struct sealing *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    s->part = part;
    s->writing =
        (struct writing){.segments = segments, .seal = seal, .next = next, .microseconds = all_microseconds(part)};
    s->numbers = calloc(part->count + 1, sizeof(uint32_t *));
    enum result r = s->numbers != NULL && number_observers(s) && sort_rows(s)
                        ? RESULT_OK
                        : error_set(err, RESULT_AGAIN, "out of memory");
    s->writing.source.rows = s->count;
    if (r == RESULT_OK)
        r = segment_write(&s->writing, &s->observers, err);
    /* The seal borrows the observers' names; it is written, and only the catalogue's part of it is wanted from here. */
    seal_fini(seal);
    sealing_free(s);
    return r;
}

/* The kinds that have rows, as segments to be written. Returns how many. */
static size_t plan(const struct seal_input *input, uint64_t first_id, Store__Segment *seals, uint64_t *ids,
                   unsigned *kinds)
{
    size_t count = 0;
    for (unsigned kind = 0; kind < STORED_KIND_COUNT; kind++) {
        if (input->parts[kind].count == 0)
            continue;
        Store__Segment *seal = &seals[count];
        store__segment__init(seal);
        seal->id = ids[count] = first_id + count;
        seal->kind = record_kinds[kind]->number;
        seal->first_position = input->first_position;
        seal->last_position = input->last_position;
        kinds[count++] = kind;
    }
    for (size_t i = 0; i < count; i++) {
        seals[i].siblings = ids;
        seals[i].n_siblings = count;
    }
    if (count > 0)
        seals[0].note = (ProtobufCBinaryData){input->note_length, (uint8_t *)input->note};
    return count;
}

enum result segments_seal(struct segments *segments, const struct seal_input *input, struct error *err)
{
    Store__Segment seals[STORED_KIND_COUNT];
    const Store__Segment *added[STORED_KIND_COUNT];
    uint64_t ids[STORED_KIND_COUNT], first_id;
    unsigned kinds[STORED_KIND_COUNT];
    enum result r = segments_ids(segments, STORED_KIND_COUNT, &first_id, err);
    if (r != RESULT_OK)
        return r;
    size_t count = plan(input, first_id, seals, ids, kinds), written = 0;
    while (written < count && r == RESULT_OK) {
        r = seal_part(segments, &input->parts[kinds[written]], &seals[written], err);
        added[written] = &seals[written];
        written++;
    }
    if (r == RESULT_OK)
        r = part_sync_folder(segments, err);
    if (r == RESULT_OK)
        r = segments_replace(segments, added, count, NULL, 0, input->last_position, input->keep, input->keep_context,
                             err);
    for (size_t i = 0; i < count && r != RESULT_OK && r != RESULT_FATAL; i++)
        part_remove(segments, ids[i]);
    return r == RESULT_REJECT || r == RESULT_FATAL || r == RESULT_END ? RESULT_AGAIN : r;
}
