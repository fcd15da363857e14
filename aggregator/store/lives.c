/* SPDX-License-Identifier: Apache-2.0 */
/* What the store knows in memory: sums and the last status per sensor's life, committed names, counts per boundary. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"

/* ---- by name */

struct life *lives_find(const struct store *store, const struct observer *observer)
{
    struct observer name = *observer;
    memset(name.unknown, 0, sizeof(name.unknown)); /* a property, not a part of the name */
    uint32_t number = observers_find(&store->life_numbers, &name);
    return number == UINT32_MAX ? NULL : &store->lives[number];
}

static struct observer sensor_key(const char *sensor)
{
    struct observer key = {0};
    snprintf(key.sensor, sizeof(key.sensor), "%s", sensor);
    return key;
}

uint32_t lives_sensor(const struct store *store, const char *sensor)
{
    struct observer key = sensor_key(sensor);
    return observers_find(&store->sensor_numbers, &key);
}

static bool is_own(const struct batch *batch, const struct observer *observer)
{
    return observer_equal(observer, &batch->observer) && observer->unknown[0] == 0 && observer->unknown[1] == 0;
}

uint32_t lives_charged(const struct store *store, const struct batch *batch, const struct observer *observer)
{
    return is_own(batch, observer) ? OBSERVERS_NOBODY : lives_sensor(store, batch->observer.sensor);
}

static bool grow(struct store *store)
{
    size_t capacity = store->life_capacity == 0 ? 16 : store->life_capacity * 2;
    if (store->life_count < store->life_capacity)
        return true;
    struct life *lives = capacity > STORE_LIVES_MAX ? NULL : realloc(store->lives, capacity * sizeof(*lives));
    if (lives == NULL)
        return false;
    store->lives = lives;
    struct kin *kin = realloc(store->kin, capacity * sizeof(*kin));
    if (kin == NULL)
        return false;
    store->kin = kin;
    store->life_capacity = capacity;
    return true;
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

/* A new life among those of its sensor. */
static void note_kin(struct store *store, uint32_t sensor, uint32_t number)
{
    struct kin *kin = &store->kin[sensor];
    if (kin->lives++ == 0)
        kin->newest = number;
    if (store->lives[number].sums.observer.epoch <= store->lives[kin->newest].sums.observer.epoch)
        return;
    drop_lists(&store->lives[kin->newest].sums);
    kin->newest = number;
}

struct life *lives_get(struct store *store, const struct observer *observer)
{
    struct life *life = lives_find(store, observer);
    if (life != NULL || !grow(store))
        return life;
    struct observer name = {.epoch = observer->epoch}, key = sensor_key(observer->sensor);
    memcpy(name.sensor, observer->sensor, sizeof(name.sensor));
    uint32_t sensors = store->sensor_numbers.count, number = store->life_numbers.count;
    if (observers_add(&store->sensor_numbers, &key, OBSERVERS_NOBODY) != RESULT_OK)
        return NULL;
    if (sensors < store->sensor_numbers.count)
        store->kin[sensors] = (struct kin){0};
    if (observers_add(&store->life_numbers, &name, OBSERVERS_NOBODY) != RESULT_OK) {
        observers_cut(&store->sensor_numbers, sensors);
        return NULL;
    }
    life = &store->lives[store->life_count++];
    *life = (struct life){.sums = {.observer = name}};
    note_kin(store, observers_find(&store->sensor_numbers, &key), number);
    return life;
}

static bool is_newest(const struct store *store, const struct life *life)
{
    return &store->lives[store->kin[lives_sensor(store, life->sums.observer.sensor)].newest] == life;
}

/* ---- sums */

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
    life->sums.has_lists = true;
    if (!is_newest(store, life))
        drop_lists(&life->sums);
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

/* ---- what may be asked */

static bool copy_life(const struct store_life *life, bool texts, struct store_life *ret_copy)
{
    *ret_copy = *life;
    ret_copy->status = NULL;
    ret_copy->has_lists = texts && life->has_lists;
    if (life->status == NULL)
        return true;
    ret_copy->status =
        ret_copy->has_lists ? records_copy(life->status, NULL, 0, 1) : without_lists(life->status, texts);
    return ret_copy->status != NULL;
}

enum result store_lives(struct store *store, bool texts, struct store_life **ret_lives, size_t *ret_count,
                        struct error *err)
{
    pthread_mutex_lock(&store->lock);
    size_t count = store->life_count;
    struct store_life *copies = calloc(count + 1, sizeof(*copies));
    bool failed = copies == NULL;
    for (size_t i = 0; !failed && i < count; i++)
        failed = !copy_life(&store->lives[i].sums, texts, &copies[i]);
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

/* What a life that is not known yet is told. */
static enum store_name new_life(const struct store *store, const char *sensor)
{
    uint32_t number = lives_sensor(store, sensor);
    if (number != OBSERVERS_NOBODY && store->kin[number].lives >= STORE_LIVES_SHARE)
        return STORE_NAME_REFUSED;
    return store->life_count + STORE_SPARE < STORE_LIVES_MAX ? STORE_NAME_NEW : STORE_NAME_LATER;
}

enum store_name store_name(struct store *store, const struct observer *observer, uint64_t sequence)
{
    pthread_mutex_lock(&store->lock);
    const struct life *life = lives_find(store, observer);
    enum store_name name = STORE_NAME_NEW;
    if (life == NULL)
        name = new_life(store, observer->sensor);
    else if (sequences_has(&life->sequences, sequence))
        name = STORE_NAME_COMMITTED;
    else if (life->sequences.count + STORE_SPARE >= SEQUENCES_RANGES_MAX)
        name = STORE_NAME_REFUSED;
    pthread_mutex_unlock(&store->lock);
    return name;
}

/* The batch's observers that the file does not know, each once, but for its own. False: out of memory. */
static bool new_observers(const struct observers *known, const struct batch *batch, struct observers *ret_new)
{
    bool done = true;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        for (uint32_t i = 0; done && batch_rows(batch, kind) > 0 && i < batch->records[kind]->observer_count; i++) {
            const struct observer *observer = &batch->records[kind]->observers[i];
            if (!is_own(batch, observer) && observers_find(known, observer) == UINT32_MAX)
                done = observers_add(ret_new, observer, OBSERVERS_NOBODY) == RESULT_OK;
        }
    }
    return done;
}

static enum store_room room_for(const struct store *store, const struct observers *known, const struct batch *batch,
                                const struct store_coming *coming, uint32_t more)
{
    uint32_t speaker = lives_sensor(store, batch->observer.sensor);
    uint32_t charged = speaker == OBSERVERS_NOBODY ? 0 : observers_charged(known, speaker);
    if (charged + more > STORE_OBSERVERS_SHARE)
        return STORE_ROOM_REFUSED;
    /* What comes may name the same ones: only what is known to be too much is refused. */
    if (charged + coming->of_speaker + more > STORE_OBSERVERS_SHARE ||
        known->count + coming->of_all + more > STORE_OBSERVERS_MAX)
        return STORE_ROOM_LATER;
    return STORE_ROOM;
}

enum store_room store_room(struct store *store, const struct batch *batch, const struct store_coming *coming,
                           uint32_t *ret_new)
{
    struct observers new = {0};
    pthread_mutex_lock(&store->lock);
    const struct observers *known = &store->days[store->day_count - 1]->observers; /* store_open has made one */
    enum store_room room = !new_observers(known, batch, &new) ? STORE_ROOM_LATER
                           : new.count == 0                   ? STORE_ROOM
                                                              : room_for(store, known, batch, coming, new.count);
    pthread_mutex_unlock(&store->lock);
    *ret_new = room == STORE_ROOM ? new.count : 0;
    observers_fini(&new);
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
