/* SPDX-License-Identifier: Apache-2.0 */
/* What the store knows in memory: sums and the last status per sensor's life, committed names, counts per boundary. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"

struct life *lives_find(const struct store *store, const struct observer *observer)
{
    /* The newest lives are asked for most. */
    for (size_t i = store->life_count; i-- > 0;) {
        if (observer_equal(&store->lives[i].sums.observer, observer))
            return &store->lives[i];
    }
    return NULL;
}

struct life *lives_get(struct store *store, const struct observer *observer)
{
    struct life *life = lives_find(store, observer);
    if (life != NULL)
        return life;
    if (store->life_count == store->life_capacity) {
        size_t capacity = store->life_capacity == 0 ? 16 : store->life_capacity * 2;
        struct life *grown = capacity > STORE_LIVES_MAX ? NULL : realloc(store->lives, capacity * sizeof(*grown));
        if (grown == NULL)
            return NULL;
        store->lives = grown;
        store->life_capacity = capacity;
    }
    life = &store->lives[store->life_count++];
    *life = (struct life){.sums = {.observer = *observer}};
    return life;
}

void lives_note_batch(struct life *life, uint64_t records, uint64_t packets, int64_t received_ns)
{
    life->sums.records += records;
    life->sums.packets += packets;
    life->sums.batches++;
    life->sums.last_received_ns = max_ns(life->sums.last_received_ns, received_ns);
}

void lives_note_lost(struct life *life, uint64_t records)
{
    uint64_t room = UINT64_MAX - life->sums.records_lost;
    life->sums.records_lost += records < room ? records : room;
}

void lives_note_status(struct store *store, const struct records *records, uint32_t row, uint64_t position,
                       int64_t received_ns)
{
    struct life *life = lives_find(store, &records->observers[status_columns(records)->observer[row]]);
    if (life == NULL || position < life->sums.status_position)
        return; /* of an observer that does not speak itself */
    struct records *status = records_copy(records, NULL, row, 1);
    if (status == NULL)
        return; /* out of memory: the store has it; only the view in memory stays a status behind */
    records_free(&life->sums.status);
    life->sums.status = status;
    life->sums.status_position = position;
    life->sums.status_received_ns = received_ns;
}

struct boundary_counts *lives_boundary(struct store *store, const char *name)
{
    for (size_t i = 0; i < store->boundary_count; i++) {
        if (strcmp(store->boundaries[i].name, name) == 0)
            return &store->boundaries[i];
    }
    struct boundary_counts *grown = realloc(store->boundaries, (store->boundary_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    store->boundaries = grown;
    struct boundary_counts *made = &grown[store->boundary_count++];
    *made = (struct boundary_counts){0};
    strncpy(made->name, name, sizeof(made->name) - 1);
    return made;
}

enum result store_lives(struct store *store, struct store_life **ret_lives, size_t *ret_count, struct error *err)
{
    pthread_mutex_lock(&store->lock);
    size_t count = store->life_count;
    struct store_life *copies = calloc(count + 1, sizeof(*copies));
    bool failed = copies == NULL;
    for (size_t i = 0; !failed && i < count; i++) {
        copies[i] = store->lives[i].sums;
        copies[i].status = NULL;
        if (store->lives[i].sums.status == NULL)
            continue;
        copies[i].status = records_copy(store->lives[i].sums.status, NULL, 0, 1);
        failed = copies[i].status == NULL;
    }
    pthread_mutex_unlock(&store->lock);
    if (failed) {
        store_lives_free(&copies, count);
        return error_set(err, RESULT_AGAIN, "out of memory listing sensors");
    }
    *ret_lives = copies;
    *ret_count = count;
    return RESULT_OK;
}

void store_lives_free(struct store_life **lives, size_t count)
{
    for (size_t i = 0; *lives != NULL && i < count; i++)
        records_free(&(*lives)[i].status);
    free(*lives);
    *lives = NULL;
}

enum store_name store_name(struct store *store, const struct observer *observer, uint64_t sequence)
{
    pthread_mutex_lock(&store->lock);
    const struct life *life = lives_find(store, observer);
    enum store_name name = STORE_NAME_NEW;
    if (life == NULL)
        name = store->life_count + STORE_SPARE < STORE_LIVES_MAX ? STORE_NAME_NEW : STORE_NAME_REFUSED;
    else if (sequences_has(&life->sequences, sequence))
        name = STORE_NAME_COMMITTED;
    else if (life->sequences.count + STORE_SPARE >= SEQUENCES_RANGES_MAX)
        name = STORE_NAME_REFUSED;
    pthread_mutex_unlock(&store->lock);
    return name;
}

bool store_has_room(struct store *store, const struct batch *batch)
{
    bool room = true;
    pthread_mutex_lock(&store->lock);
    const struct day *day = store->days[store->day_count - 1]; /* store_open has made one */
    if (day->observers.count >= STORE_OBSERVERS_MAX) {
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
            for (uint32_t i = 0; batch_rows(batch, kind) > 0 && i < batch->records[kind]->observer_count; i++)
                room = room && observers_find(&day->observers, &batch->records[kind]->observers[i]) != UINT32_MAX;
        }
    }
    pthread_mutex_unlock(&store->lock);
    return room;
}

void store_summarise(struct store *store, struct store_summary *ret_summary)
{
    pthread_mutex_lock(&store->lock);
    struct store_summary s = {.position = store->position};
    struct extent times = {INT64_MAX, INT64_MIN};
    memcpy(s.last, store->last, sizeof(s.last));
    for (size_t i = 0; i < store->day_count; i++) {
        const struct day *day = store->days[i];
        extent_add(&times, day->times[RECORD_FLOW].first_ns, day->times[RECORD_FLOW].last_ns);
        s.last_received_ns = max_ns(s.last_received_ns, day->last_received_ns);
    }
    pthread_mutex_unlock(&store->lock);
    if (times.first_ns <= times.last_ns) {
        s.first_ns = times.first_ns;
        s.last_ns = times.last_ns;
    }
    *ret_summary = s;
}

void store_boundary_counts(struct store *store, const char *boundary, uint64_t ret_counts[static VERDICT_COUNT])
{
    memset(ret_counts, 0, VERDICT_COUNT * sizeof(*ret_counts));
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->boundary_count; i++) {
        if (strcmp(store->boundaries[i].name, boundary) == 0)
            memcpy(ret_counts, store->boundaries[i].verdicts, sizeof(store->boundaries[i].verdicts));
    }
    pthread_mutex_unlock(&store->lock);
}
