/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that moves what is hot into segments, merges segments, and lets go what is too old. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "aggregator/store/hours.h"
#include "aggregator/store/internal.h"
#include "common/clock.h"

/* Behind what comes in, and before what is asked: or it would never end beside readers that do not rest. */
#define SEALER_NICE 5
/* Unless so many sealings wait: a burst may, but not what lasts. */
#define SEALINGS_BEHIND 8
#define TICK_NS         NS_PER_S
#define RETRY_NS        (10 * NS_PER_S) /* after a failure: a full disk mostly */
#define EXPIRE_NS       (60 * NS_PER_S)

/* Batches on their way into segments. */
struct sealing {
    struct store *store;
    struct hot_view view;
    struct batch **batches; /* owned, a reference each; NULL: damaged in the journal, and told */
    struct lives added;
    struct bytes note;
    const struct records **parts[STORED_KIND_COUNT]; /* owned */
    size_t part_count[STORED_KIND_COUNT];
    struct hours hours; /* of flows that came since the last part of them was full */
};

static void sealing_fini(struct sealing *s)
{
    for (size_t i = 0; s->batches != NULL && i < s->view.count; i++)
        batch_destroy(&s->batches[i]);
    free(s->batches);
    for (size_t i = 0; i < s->part_count[RECORD_HOUR]; i++)
        records_free((struct records **)&s->parts[RECORD_HOUR][i]); /* made here */
    for (unsigned kind = 0; kind < STORED_KIND_COUNT; kind++)
        free(s->parts[kind]);
    hours_fini(&s->hours);
    lives_fini(&s->added);
    bytes_free(&s->note);
    hot_view_fini(&s->view);
}

/* What is summed up so far is a part. */
static void end_hours(struct sealing *s)
{
    struct records *hours = hours_take(&s->hours);
    if (hours != NULL)
        s->parts[RECORD_HOUR][s->part_count[RECORD_HOUR]++] = hours;
}

static enum result add_hours(struct sealing *s, const struct batch *batch, struct error *err)
{
    if (batch_rows(batch, RECORD_FLOW) == 0)
        return RESULT_OK;
    enum result r = hours_add(&s->hours, batch->records[RECORD_FLOW]);
    if (r == RESULT_FULL) { /* of more observers than records have: only collectors have so many */
        end_hours(s);
        r = hours_add(&s->hours, batch->records[RECORD_FLOW]);
    }
    return r == RESULT_OK ? r : error_set(err, RESULT_AGAIN, "out of memory");
}

/* The batches' records, and what they add to what is known. */
static enum result open_batches(struct sealing *s, struct error *err)
{
    enum result r = RESULT_OK;
    s->batches = calloc(s->view.count + 1, sizeof(struct batch *));
    for (unsigned kind = 0; kind < STORED_KIND_COUNT; kind++)
        s->parts[kind] = calloc(s->view.count + 1, sizeof(struct records *));
    for (unsigned kind = 0; kind < STORED_KIND_COUNT; kind++)
        r = s->batches == NULL || s->parts[kind] == NULL ? error_set(err, RESULT_AGAIN, "out of memory") : r;
    for (size_t i = 0; i < s->view.count && r == RESULT_OK; i++) {
        struct hot_batch *hot = s->view.list[i];
        r = hot_batch_open(s->store->hot, hot, &s->batches[i], err);
        if (r == RESULT_REJECT) { /* its name stays known as committed: the sensor has let it go */
            r = lives_note_damaged(&s->added, &hot->entry, err);
            continue;
        }
        if (r == RESULT_OK)
            r = lives_reserve(&s->added, s->batches[i], 1, err);
        if (r != RESULT_OK)
            return r;
        lives_note(&s->added, s->batches[i], &hot->entry);
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
            if (batch_rows(s->batches[i], kind) > 0)
                s->parts[kind][s->part_count[kind]++] = s->batches[i]->records[kind];
        }
        r = add_hours(s, s->batches[i], err);
    }
    if (r == RESULT_OK)
        end_hours(s);
    return r;
}

static enum result seal_view(struct sealing *s, struct error *err)
{
    enum result r = open_batches(s, err);
    if (r == RESULT_OK)
        r = store_seal_damage(s->store, &s->added, err);
    if (r == RESULT_OK)
        r = notes_pack(&s->added, &s->note, err);
    if (r != RESULT_OK)
        return r;
    struct seal_input input = {.first_position = s->view.list[0]->entry.position,
                               .last_position = s->view.list[s->view.count - 1]->entry.position,
                               .note = s->note.data,
                               .note_length = s->note.length,
                               .keep = remember_sealed,
                               .keep_context = &s->added};
    for (unsigned kind = 0; kind < STORED_KIND_COUNT; kind++)
        input.parts[kind] = (struct seal_part){s->parts[kind], s->part_count[kind]};
    return segments_seal(s->store->segments, &input, err);
}

/* Seals what is oldest. RESULT_END: there is nothing to seal yet. */
static enum result seal_oldest(struct store *store, struct error *err)
{
    struct hot_sums sums;
    struct sealing s = {.store = store};
    int64_t began = clock_monotonic_ns();
    hot_sums(store->hot, &sums);
    if (sums.batches == 0 || (sums.rows < store->options.seal_rows && sums.bytes < store->options.hot_memory / 2 &&
                              began - sums.oldest_ns < store->options.seal_age_ns))
        return RESULT_END;
    enum result r = hot_oldest(store->hot, store->options.seal_rows, &s.view, err);
    if (r == RESULT_OK)
        r = seal_view(&s, err);
    if (r == RESULT_OK) {
        uint64_t through = s.view.list[s.view.count - 1]->entry.position;
        hot_drop(store->hot, through);
        store_sealed_damage(store, &s.added);
        pthread_mutex_lock(&store->lock);
        lives_forget(&store->lives, through);
        store->sealings++;
        store->sealed_ns = clock_monotonic_ns() - began;
        pthread_mutex_unlock(&store->lock);
    }
    sealing_fini(&s);
    return r;
}

/* ---- letting go */

/* A time so long before those of now; 0: never. Neither the clock on the wall nor a few records say by themselves when
 * that is: one that is wrong by years would have everything let go. */
static int64_t age_limit(struct store *store, int64_t age_ns)
{
    int64_t present = age_ns == 0 ? INT64_MIN : min_ns(segments_present(store->segments), clock_wall_ns());
    return present < INT64_MIN + age_ns ? 0 : present - age_ns;
}

static enum result let_go(struct store *store, struct error *err)
{
    const struct store_keep *keep = &store->options.keep;
    const struct segments_keep segments = {.flows_before_ns = age_limit(store, keep->flows_ns),
                                           .hours_before_ns = age_limit(store, keep->rollups_ns),
                                           .bytes = keep->segments_bytes};
    enum result r = segments_expire(store->segments, &segments, err);
    if (r == RESULT_OK && segments.flows_before_ns != 0)
        r = store_expire_damage(store, segments.flows_before_ns, err);
    if (r != RESULT_OK)
        return r;
    pthread_mutex_lock(&store->writing);
    r = journal_drop(store->journal, segments_through(store->segments), keep->batches_bytes, INT64_MIN, NULL, err);
    pthread_mutex_unlock(&store->writing);
    return r;
}

/* ---- the thread */

static void say_trouble(struct store *store, const char *what, const struct error *err)
{
    pthread_mutex_lock(&store->lock);
    bool new = store->trouble[0] == '\0';
    snprintf(store->trouble, sizeof(store->trouble), "%s: %.200s", what, err->text);
    pthread_mutex_unlock(&store->lock);
    if (new)
        store_tell(store, "%s, and is tried again: %s", what, err->text);
}

static void say_well(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    bool was = store->trouble[0] != '\0';
    store->trouble[0] = '\0';
    pthread_mutex_unlock(&store->lock);
    if (was)
        store_tell(store, "sealing goes on");
}

/* Waits for a commit, or so long. */
static void rest(struct store *store, int64_t ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ns / NS_PER_S;
    pthread_mutex_lock(&store->lock);
    if (!atomic_load(&store->stopping))
        pthread_cond_timedwait(&store->wake, &store->lock, &until);
    pthread_mutex_unlock(&store->lock);
}

/* One piece of work. RESULT_END: there is none. Letting go has its turn also where there is always something to seal: a
 * disk that is full would be the end of that. */
static enum result work(struct store *store, int64_t *expired_ns, const char **ret_what, struct error *err)
{
    enum result r = RESULT_OK;
    int64_t now = clock_monotonic_ns();
    if (now - *expired_ns >= EXPIRE_NS) {
        *expired_ns = now;
        *ret_what = "old records cannot be let go";
        r = let_go(store, err);
    }
    if (r != RESULT_OK)
        return r;
    *ret_what = "records cannot be sealed";
    r = seal_oldest(store, err);
    if (r != RESULT_END)
        return r;
    *ret_what = "segments cannot be merged";
    r = segments_compact(store->segments, clock_wall_ns(), age_limit(store, store->options.keep.evidence_ns), err);
    if (r == RESULT_OK) {
        pthread_mutex_lock(&store->lock);
        store->compactions++;
        pthread_mutex_unlock(&store->lock);
    }
    return r;
}

struct piece {
    struct store *store;
    int64_t *expired_ns;
    const char *what;
    enum result result;
    struct error err;
};

/* What comes in goes first, as what waits to be sealed waits in the journal; but is decoded anew for each answer. */
static void *piece_run(void *argument)
{
    struct piece *piece = argument;
    struct hot_sums sums;
    hot_sums(piece->store->hot, &sums);
    if (sums.rows <= SEALINGS_BEHIND * piece->store->options.seal_rows) {
        int nice = setpriority(PRIO_PROCESS, (id_t)gettid(), SEALER_NICE);
        (void)nice;
    }
    piece->result = work(piece->store, piece->expired_ns, &piece->what, &piece->err);
    return NULL;
}

/* On a thread of its own: without CAP_SYS_NICE one that has been nice cannot be less so again. */
static void piece_do(struct piece *piece)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, piece_run, piece) == 0)
        pthread_join(thread, NULL);
    else
        piece->result = error_set(&piece->err, RESULT_AGAIN, "no thread");
}

static void *sealer_run(void *argument)
{
    struct store *store = argument;
    int64_t expired_ns = clock_monotonic_ns() - EXPIRE_NS;
    while (!atomic_load(&store->stopping)) {
        struct piece piece = {.store = store, .expired_ns = &expired_ns, .what = "records cannot be sealed"};
        piece_do(&piece);
        if (atomic_load(&store->stopping))
            break;
        if (piece.result == RESULT_OK || piece.result == RESULT_END)
            say_well(store);
        else
            say_trouble(store, piece.what, &piece.err);
        if (piece.result != RESULT_OK)
            rest(store, piece.result == RESULT_END ? TICK_NS : RETRY_NS);
    }
    return NULL;
}

enum result sealer_start(struct store *store, struct error *err)
{
    store->sealer_runs = pthread_create(&store->sealer, NULL, sealer_run, store) == 0;
    return store->sealer_runs ? RESULT_OK : error_set(err, RESULT_FATAL, "no thread to seal records");
}

void sealer_stop(struct store *store)
{
    if (!store->sealer_runs)
        return;
    pthread_mutex_lock(&store->lock);
    atomic_store(&store->stopping, true);
    pthread_cond_broadcast(&store->wake);
    pthread_mutex_unlock(&store->lock);
    segments_interrupt(store->segments);
    pthread_join(store->sealer, NULL);
    store->sealer_runs = false;
}
