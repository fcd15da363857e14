/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: everything of a set as one append to the journal. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"
#include "common/clock.h"

/* What store_commit was given, and what it makes of it. */
struct set {
    struct store *store;
    struct batch *const *batches;
    size_t count;
    struct journal_entry *entries; /* owned: of those that are given a position */
    struct hot_batch **hot;        /* owned, by batch; NULL: it has no position */
    size_t entry_count;
};

static enum result no_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

/* Positions in the order of the set; they count only once they are in the journal. */
static void give_positions(const struct set *set)
{
    uint64_t position = journal_last(set->store->journal);
    uint64_t last[RECORD_KIND_COUNT];
    memcpy(last, set->store->lives.last, sizeof(last)); /* only this thread writes it */
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

/* Room in the life that speaks, which may have been forgotten since the batch was taken. */
static enum result reserve_life(const struct set *set, const struct batch *batch, struct error *err)
{
    struct store *store = set->store;
    enum result r = remember_life(store, &batch->observer, err);
    if (r != RESULT_OK)
        return r == RESULT_REJECT ? RESULT_AGAIN : r;
    r = lives_reserve(&store->lives, batch, set->count, err);
    pthread_mutex_unlock(&store->lock);
    return r;
}

/* Everything that takes memory, so that nothing can fail once the set is in the journal. */
static enum result prepare(struct set *set, struct error *err)
{
    set->entries = calloc(set->count + 1, sizeof(*set->entries));
    set->hot = calloc(set->count + 1, sizeof(struct hot_batch *));
    if (set->entries == NULL || set->hot == NULL || !hot_reserve(set->store->hot, set->count))
        return no_memory(err);
    enum result r = RESULT_OK;
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++) {
        struct batch *b = set->batches[i];
        if (b->position == 0)
            continue;
        if (b->packed.data == NULL)
            r = batch_pack(b, err);
        if (r == RESULT_OK && (set->hot[i] = hot_batch_new(b)) == NULL)
            r = no_memory(err);
        if (r == RESULT_OK)
            set->entries[set->entry_count++] = entry_of_batch(b);
    }
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++)
        r = reserve_life(set, set->batches[i], err);
    return r;
}

/* Frees what may be freed without losing anything that is promised, when the disk is full. */
static void make_room(struct store *store)
{
    uint64_t files = 0;
    enum result r = journal_drop(store->journal, segments_through(store->segments), 1, INT64_MIN, &files, NULL);
    (void)r; /* the next attempt shows whether it helped */
    if (files > 0)
        store_tell(store, "the disk is full: %" PRIu64 " files of the journal that are sealed already were let go",
                   files);
}

static enum result append(struct set *set, struct error *err)
{
    struct store *store = set->store;
    pthread_mutex_lock(&store->writing);
    enum result r = journal_prepare(store->journal, err);
    if (r == RESULT_AGAIN) {
        make_room(store);
        r = journal_prepare(store->journal, err);
    }
    if (r == RESULT_OK)
        r = journal_append(store->journal, set->entries, set->entry_count, err);
    pthread_mutex_unlock(&store->writing);
    return r;
}

static void note(struct set *set)
{
    int64_t now_ns = clock_monotonic_ns();
    struct store *store = set->store;
    size_t at = 0;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < set->count; i++) {
        if (set->hot[i] != NULL)
            lives_note(&store->lives, set->batches[i], &set->entries[at++]);
    }
    pthread_mutex_unlock(&store->lock);
    at = 0;
    for (size_t i = 0; i < set->count; i++) {
        bytes_free(&set->batches[i]->packed);
        if (set->hot[i] != NULL)
            hot_put(store->hot, &set->hot[i], &set->entries[at++], now_ns);
    }
    pthread_cond_signal(&store->wake);
}

enum result store_commit(struct store *store, struct batch *const *batches, size_t count, struct error *err)
{
    struct set set = {.store = store, .batches = batches, .count = count};
    give_positions(&set);
    enum result r = prepare(&set, err);
    if (r == RESULT_OK && set.entry_count > 0)
        r = append(&set, err);
    if (r == RESULT_OK)
        note(&set);
    for (size_t i = 0; i < count && set.hot != NULL; i++)
        hot_batch_release(&set.hot[i]);
    free(set.hot);
    free(set.entries);
    return r == RESULT_REJECT ? RESULT_FATAL : r; /* a set that the journal never takes: a fault of ours */
}
