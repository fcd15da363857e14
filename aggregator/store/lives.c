/* SPDX-License-Identifier: Apache-2.0 */
/* What the store knows in memory: sums per sensor's life, committed names, counts per boundary. */
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
    if (life->first_received_ns == 0 || received_ns < life->first_received_ns)
        life->first_received_ns = received_ns;
    life->sums.last_received_ns = max_ns(life->sums.last_received_ns, received_ns);
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

enum result store_lives(const struct store *store, struct store_life **ret_lives, size_t *ret_count, struct error *err)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;
    pthread_mutex_lock(lock);
    size_t count = store->life_count;
    struct store_life *copies = calloc(count + 1, sizeof(*copies));
    bool failed = copies == NULL;
    for (size_t i = 0; !failed && i < count; i++) {
        copies[i] = store->lives[i].sums;
        copies[i].status = NULL;
        if (store->lives[i].sums.status == NULL)
            continue;
        copies[i].status = malloc(copies[i].status_length + 1);
        failed = copies[i].status == NULL;
        if (!failed)
            memcpy(copies[i].status, store->lives[i].sums.status, copies[i].status_length);
    }
    pthread_mutex_unlock(lock);
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
        free((*lives)[i].status);
    free(*lives);
    *lives = NULL;
}

enum store_name store_name(const struct store *store, const struct observer *observer, uint64_t sequence)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;
    pthread_mutex_lock(lock);
    const struct life *life = lives_find(store, observer);
    enum store_name name = STORE_NAME_NEW;
    if (life == NULL)
        name = store->life_count + STORE_SPARE < STORE_LIVES_MAX ? STORE_NAME_NEW : STORE_NAME_REFUSED;
    else if (sequences_has(&life->sequences, sequence))
        name = STORE_NAME_COMMITTED;
    else if (life->sequences.count + STORE_SPARE >= SEQUENCES_RANGES_MAX)
        name = STORE_NAME_REFUSED;
    pthread_mutex_unlock(lock);
    return name;
}

void store_summarise(const struct store *store, struct store_summary *ret_summary)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;
    pthread_mutex_lock(lock);
    struct store_summary s = {.position = store->position,
                              .last_flow = store->last[TOPIC_FLOW],
                              .last_link = store->last[TOPIC_LINK],
                              .last_loss = store->last[TOPIC_LOSS],
                              .last_status = store->last[TOPIC_STATUS]};
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; i < store->day_count; i++) {
        first = min_ns(first, store->days[i]->first_ns);
        last = max_ns(last, store->days[i]->last_ns);
        s.last_received_ns = max_ns(s.last_received_ns, store->days[i]->last_received_ns);
    }
    if (first <= last) {
        s.first_ns = first;
        s.last_ns = last;
    }
    pthread_mutex_unlock(lock);
    *ret_summary = s;
}

void store_boundary_counts(const struct store *store, const char *boundary, uint64_t *ret_linked,
                           uint64_t ret_unlinked[static UNLINKED_REASON_COUNT])
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;
    pthread_mutex_lock(lock);
    *ret_linked = 0;
    memset(ret_unlinked, 0, UNLINKED_REASON_COUNT * sizeof(*ret_unlinked));
    for (size_t i = 0; i < store->boundary_count; i++) {
        if (strcmp(store->boundaries[i].name, boundary) != 0)
            continue;
        *ret_linked = store->boundaries[i].linked;
        memcpy(ret_unlinked, store->boundaries[i].unlinked, sizeof(store->boundaries[i].unlinked));
    }
    pthread_mutex_unlock(lock);
}
