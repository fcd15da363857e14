/* SPDX-License-Identifier: Apache-2.0 */
/* Lives, speakers and boundaries in arrays, found by hash tables of their numbers. */
#include "aggregator/store/lives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/records/loss.h"
#include "common/records/status.h"

static void life_fini(struct life *life)
{
    ranges_fini(&life->sequences);
    records_free(&life->sums.status);
    free(life->digests);
}

void lives_fini(struct lives *lives)
{
    for (size_t i = 0; i < lives->count; i++)
        life_fini(&lives->list[i]);
    for (size_t i = 0; i < lives->speaker_numbers.count; i++) {
        ranges_fini(&lives->speakers[i].received);
        ranges_fini(&lives->speakers[i].flows);
    }
    free(lives->list);
    free(lives->speakers);
    free(lives->boundaries);
    free(lives->damages);
    observers_fini(&lives->numbers);
    observers_fini(&lives->speaker_numbers);
    *lives = (struct lives){0};
}

/* ---- by name */

/* What an observer cannot know is a property, not a part of the name. */
static struct observer name_of(const char *sensor, uint64_t epoch)
{
    struct observer name = {.epoch = epoch};
    snprintf(name.sensor, sizeof(name.sensor), "%s", sensor);
    return name;
}

struct life *lives_find(const struct lives *lives, const struct observer *observer)
{
    struct observer name = name_of(observer->sensor, observer->epoch);
    uint32_t number = observers_find(&lives->numbers, &name);
    return number == UINT32_MAX ? NULL : &lives->list[number];
}

struct speaker *lives_speaker(const struct lives *lives, const char *sensor)
{
    struct observer name = name_of(sensor, 0);
    uint32_t number = observers_find(&lives->speaker_numbers, &name);
    return number == UINT32_MAX ? NULL : &lives->speakers[number];
}

const struct boundary_counts *lives_boundary(const struct lives *lives, const char *name)
{
    for (size_t i = 0; i < lives->boundary_count; i++) {
        if (strcmp(lives->boundaries[i].name, name) == 0)
            return &lives->boundaries[i];
    }
    return NULL;
}

/* Room for one more in an array. False: out of memory. */
static bool grow(void **list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = realloc(*list, wanted * size);
    if (grown == NULL)
        return false;
    *list = grown;
    *capacity = wanted;
    return true;
}

struct speaker *lives_speaker_get(struct lives *lives, const char *sensor)
{
    struct speaker *there = lives_speaker(lives, sensor);
    struct observer name = name_of(sensor, 0);
    if (there != NULL)
        return there;
    if (!grow((void **)&lives->speakers, lives->speaker_numbers.count, &lives->speaker_capacity,
              sizeof(*lives->speakers)) ||
        observers_add(&lives->speaker_numbers, &name) != RESULT_OK)
        return NULL;
    struct speaker *speaker = &lives->speakers[lives->speaker_numbers.count - 1];
    *speaker = (struct speaker){.newest = UINT32_MAX};
    return speaker;
}

/* The status's row alone, with its text or only the numbers. NULL: out of memory. */
static struct records *without_lists(const struct records *status, bool text)
{
    struct status row;
    records_get(status, 0, &row);
    row.software = text ? row.software : NULL;
    struct records *copy = records_new(status->kind, 1);
    if (copy != NULL && (records_observer(copy, &status->observers[row.observer], &row.observer) != RESULT_OK ||
                         records_add(copy, &row) != RESULT_OK))
        records_free(&copy);
    return copy;
}

struct records *lives_status(const struct store_life *life, bool text)
{
    return without_lists(life->status, text);
}

/* What a sensor said last of its interfaces is kept of its newest life alone: a status may be megabytes. */
static void drop_lists(struct store_life *life)
{
    struct records *row = life->status == NULL ? NULL : without_lists(life->status, true);
    if (row == NULL)
        return; /* none yet; or out of memory, then all of it stays */
    records_free(&life->status);
    life->status = row;
    life->has_lists = false;
}

/* A life among those of its speaker: the one with the greatest epoch is the newest. */
static void note_newest(struct lives *lives, struct speaker *speaker, uint32_t number)
{
    uint32_t newest = speaker->newest;
    if (newest != UINT32_MAX && lives->list[number].sums.observer.epoch <= lives->list[newest].sums.observer.epoch)
        return;
    if (newest != UINT32_MAX)
        drop_lists(&lives->list[newest].sums);
    speaker->newest = number;
}

struct life *lives_get(struct lives *lives, const struct observer *observer)
{
    struct life *life = lives_find(lives, observer);
    struct observer name = name_of(observer->sensor, observer->epoch);
    if (life != NULL)
        return life;
    struct speaker *speaker = lives_speaker_get(lives, observer->sensor);
    if (speaker == NULL || !grow((void **)&lives->list, lives->count, &lives->capacity, sizeof(*lives->list)) ||
        observers_add(&lives->numbers, &name) != RESULT_OK)
        return NULL;
    life = &lives->list[lives->count++];
    *life = (struct life){.sums = {.observer = name}};
    speaker->lives++;
    note_newest(lives, speaker, (uint32_t)lives->count - 1);
    return life;
}

static struct boundary_counts *boundary_get(struct lives *lives, const char *name)
{
    struct boundary_counts *there = (struct boundary_counts *)lives_boundary(lives, name);
    if (there != NULL)
        return there;
    struct boundary_counts *grown = realloc(lives->boundaries, (lives->boundary_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    lives->boundaries = grown;
    struct boundary_counts *made = &grown[lives->boundary_count++];
    *made = (struct boundary_counts){0};
    snprintf(made->name, sizeof(made->name), "%s", name);
    return made;
}

/* ---- noting */

static const char *boundary_of(const struct verdict_columns *v, uint32_t row)
{
    return v->boundary[row] == NULL ? "" : v->boundary[row];
}

static bool reserve_boundaries(struct lives *lives, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch_rows(batch, RECORD_VERDICT); i++) {
        if (boundary_get(lives, boundary_of(verdict_columns(batch->records[RECORD_VERDICT]), i)) == NULL)
            return false;
    }
    return true;
}

/* Lives that the aggregator declares lost. In what a stretch of the stream adds, they need not have spoken. */
static bool reserve_lost(struct lives *lives, const struct batch *batch)
{
    const struct records *losses = batch_has_name(batch) ? NULL : batch->records[RECORD_LOSS];
    for (uint32_t i = 0; losses != NULL && i < losses->observer_count; i++) {
        if (lives_get(lives, &losses->observers[i]) == NULL)
            return false;
    }
    return true;
}

enum result lives_reserve(struct lives *lives, const struct batch *batch, size_t count, struct error *err)
{
    bool reserved = reserve_boundaries(lives, batch) && reserve_lost(lives, batch);
    if (reserved && batch_has_name(batch)) {
        struct life *life = lives_get(lives, &batch->observer);
        struct speaker *speaker = lives_speaker(lives, batch->observer.sensor);
        if (life != NULL && life->digests == NULL)
            life->digests = calloc(LIVES_DIGESTS, sizeof(*life->digests));
        reserved = life != NULL && life->digests != NULL && ranges_reserve(&life->sequences, count) == RESULT_OK &&
                   ranges_reserve(&speaker->received, count) == RESULT_OK &&
                   ranges_reserve(&speaker->flows, count) == RESULT_OK;
        if (reserved)
            life->last_position = UINT64_MAX;
    }
    return reserved ? RESULT_OK : error_set(err, RESULT_AGAIN, "no memory to note what is committed");
}

/* Only the aggregator says that somebody died. */
static void note_losses(struct lives *lives, const struct records *records, bool own)
{
    const struct loss_columns *l = loss_columns(records);
    for (uint32_t i = 0; i < records->rows; i++) {
        struct life *life = lives_find(lives, &records->observers[l->observer[i]]);
        if (life != NULL && loss_kind_is_of_records(l->loss[i]))
            lives_add_count(&life->sums.records_lost, l->count[i]);
        if (life == NULL || !own || l->loss[i] != LOSS_RECORDS_DIED)
            continue;
        life->sums.died = true;
        lives_add_count(&life->sums.records_died, l->count[i]);
    }
}

static void note_verdicts(struct lives *lives, const struct records *records)
{
    const struct verdict_columns *v = verdict_columns(records);
    for (uint32_t i = 0; i < records->rows; i++) {
        struct boundary_counts *counts = boundary_get(lives, boundary_of(v, i)); /* reserved */
        if (counts != NULL && v->verdict[i] < VERDICT_COUNT)
            counts->verdicts[v->verdict[i]]++;
    }
}

void lives_settle_status(struct lives *lives, struct life *life)
{
    const struct speaker *speaker = lives_speaker(lives, life->sums.observer.sensor);
    if (&lives->list[speaker->newest] != life)
        drop_lists(&life->sums);
}

enum result lives_add_counts(struct lives *lives, const char *boundary, const uint64_t *verdicts, size_t count,
                             struct error *err)
{
    struct boundary_counts *counts = boundary_get(lives, boundary);
    for (size_t i = 0; counts != NULL && i < count && i < VERDICT_COUNT; i++)
        counts->verdicts[i] += verdicts[i];
    return counts != NULL ? RESULT_OK : error_set(err, RESULT_AGAIN, "out of memory");
}

static void note_status(struct lives *lives, const struct batch *batch, uint32_t row)
{
    const struct records *records = batch->records[RECORD_STATUS];
    struct life *life = lives_find(lives, &records->observers[status_columns(records)->observer[row]]);
    if (life == NULL || batch->position < life->sums.status_position)
        return; /* of an observer that does not speak itself; or older than what is there */
    struct records *status = records_copy(records, NULL, row, 1);
    if (status == NULL)
        return; /* out of memory: the journal has it; only the view in memory stays a status behind */
    records_free(&life->sums.status);
    life->sums.status = status;
    life->sums.has_lists = true;
    lives_settle_status(lives, life);
    life->sums.status_position = batch->position;
    life->sums.status_received_ns = batch->received_ns;
}

/* Those that are in the books of whoever made them. */
static uint32_t records_of(const struct batch *b)
{
    uint32_t records = 0;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        records += record_kind_counts(record_kinds[kind]) ? batch_rows(b, kind) : 0;
    return records;
}

static void note_heard(struct ranges *ranges, int64_t first_ns, int64_t last_ns)
{
    enum result reserved = ranges_add(ranges, first_ns, last_ns, LIVES_HEARD_GAP_NS);
    (void)reserved; /* room was made by lives_reserve */
    ranges_thin(ranges, LIVES_HEARD_MAX);
}

static void note_name(struct lives *lives, const struct batch *batch, const struct journal_entry *entry)
{
    struct life *life = lives_find(lives, &batch->observer); /* made by lives_reserve, as what follows has room */
    struct speaker *speaker = lives_speaker(lives, batch->observer.sensor);
    int64_t sequence = (int64_t)batch->sequence;
    enum result reserved = ranges_add(&life->sequences, sequence, sequence, 1);
    (void)reserved;
    life->digests[batch->sequence % LIVES_DIGESTS].sequence = batch->sequence;
    life->digests[batch->sequence % LIVES_DIGESTS].digest = entry->digest;
    life->last_position = batch->position;
    life->sums.batches++;
    life->sums.records += records_of(batch);
    if (batch->received_ns > life->sums.last_received_ns)
        life->sums.last_received_ns = batch->received_ns;
    note_heard(&speaker->received, batch->received_ns, batch->received_ns);
    life->sums.packets += entry->packets;
    if (entry->first_ns <= entry->last_ns)
        note_heard(&speaker->flows, entry->first_ns, entry->last_ns);
}

void lives_note(struct lives *lives, const struct batch *batch, const struct journal_entry *entry)
{
    if (batch_has_name(batch))
        note_name(lives, batch, entry);
    if (batch_rows(batch, RECORD_LOSS) > 0)
        note_losses(lives, batch->records[RECORD_LOSS], !batch_has_name(batch));
    if (batch_rows(batch, RECORD_VERDICT) > 0)
        note_verdicts(lives, batch->records[RECORD_VERDICT]);
    for (uint32_t row = 0; row < batch_rows(batch, RECORD_STATUS); row++)
        note_status(lives, batch, row);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        if (batch_rows(batch, kind) > 0)
            lives->last[kind] = batch->position;
    }
}

enum result lives_note_damaged(struct lives *lives, const struct journal_entry *entry, struct error *err)
{
    if (entry->speaker.sensor[0] == '\0')
        return RESULT_OK;
    struct life *life = lives_get(lives, &entry->speaker);
    int64_t sequence = (int64_t)entry->sequence;
    if (life == NULL || ranges_add(&life->sequences, sequence, sequence, 1) != RESULT_OK)
        return error_set(err, RESULT_AGAIN, "out of memory");
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        life->sums.records_lost += record_kind_counts(record_kinds[kind]) ? entry->rows[kind] : 0;
    life->last_position = entry->position;
    return RESULT_OK;
}

enum result lives_add_damage(struct lives *lives, const struct store_damage *damage, struct error *err)
{
    for (size_t i = 0; i < lives->damage_count; i++) {
        if (strcmp(lives->damages[i].file, damage->file) == 0 && strcmp(lives->damages[i].text, damage->text) == 0)
            return RESULT_OK;
    }
    struct store_damage *grown = realloc(lives->damages, (lives->damage_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    lives->damages = grown;
    grown[lives->damage_count++] = *damage;
    return RESULT_OK;
}

/* ---- forgetting */

static int by_epoch(const void *a, const void *b)
{
    const struct life *x = *(const struct life *const *)a, *y = *(const struct life *const *)b;
    int order = strcmp(x->sums.observer.sensor, y->sums.observer.sensor);
    return order != 0 ? order : x->sums.observer.epoch < y->sums.observer.epoch ? -1 : 1;
}

/* Marks (by setting the sensor's name empty) what is to be forgotten of one speaker's lives, in order of their epochs.
 * Returns how many. */
static size_t mark(struct life **of_speaker, size_t count, uint64_t through)
{
    size_t marked = 0;
    if (count <= 2u * LIVES_KEPT)
        return 0;
    for (size_t i = 0; i < count - LIVES_KEPT; i++) {
        if (of_speaker[i]->last_position > through)
            continue;
        of_speaker[i]->sums.observer.sensor[0] = '\0';
        marked++;
    }
    return marked;
}

static size_t mark_all(struct lives *lives, struct life **order, uint64_t through)
{
    size_t marked = 0;
    for (size_t i = 0; i < lives->count; i++)
        order[i] = &lives->list[i];
    qsort(order, lives->count, sizeof(struct life *), by_epoch);
    for (size_t from = 0, to; from < lives->count; from = to) {
        for (to = from + 1;
             to < lives->count && strcmp(order[to]->sums.observer.sensor, order[from]->sums.observer.sensor) == 0;)
            to++;
        marked += mark(order + from, to - from, through);
    }
    return marked;
}

/* Numbers anew what is left: only its memory was needed before, so nothing fails here. */
static void close_ranks(struct lives *lives, struct observers *numbers)
{
    size_t kept = 0;
    for (size_t i = 0; i < lives->count; i++) {
        if (lives->list[i].sums.observer.sensor[0] == '\0')
            life_fini(&lives->list[i]);
        else
            lives->list[kept++] = lives->list[i];
    }
    lives->count = kept;
    observers_fini(&lives->numbers);
    lives->numbers = *numbers;
    for (size_t s = 0; s < lives->speaker_numbers.count; s++)
        lives->speakers[s].newest = UINT32_MAX;
    for (size_t i = 0; i < kept; i++)
        note_newest(lives, lives_speaker(lives, lives->list[i].sums.observer.sensor), (uint32_t)i);
}

static bool number_anew(const struct lives *lives, struct observers *ret_numbers)
{
    bool done = true;
    for (size_t i = 0; done && i < lives->count; i++) {
        if (lives->list[i].sums.observer.sensor[0] != '\0')
            done = observers_add(ret_numbers, &lives->list[i].sums.observer) == RESULT_OK;
    }
    return done;
}

void lives_forget(struct lives *lives, uint64_t through)
{
    struct observers numbers = {0};
    struct observer *names = malloc((lives->count + 1) * sizeof(*names));
    struct life **order = malloc((lives->count + 1) * sizeof(struct life *));
    if (names == NULL || order == NULL) {
        free(names);
        free(order);
        return;
    }
    for (size_t i = 0; i < lives->count; i++)
        names[i] = lives->list[i].sums.observer;
    if (mark_all(lives, order, through) > 0) {
        if (number_anew(lives, &numbers)) {
            close_ranks(lives, &numbers);
        } else {
            observers_fini(&numbers);
            for (size_t i = 0; i < lives->count; i++)
                lives->list[i].sums.observer = names[i];
        }
    }
    free(names);
    free(order);
}
