/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the store, and what it knows without looking anything up. */
#include "aggregator/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/store/internal.h"
#include "common/clock.h"

/* ---- the directory */

/* Holds the lock as long as the process lives; a crash releases it. */
static enum result take_directory(struct store *store, struct error *err)
{
    if (mkdir(store->directory, 0700) != 0 && errno != EEXIST)
        return error_set(err, RESULT_FATAL, "%s cannot be made: %s", store->directory, strerror(errno));
    char path[4096];
    snprintf(path, sizeof(path), "%s/lock", store->directory);
    store->lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_file < 0)
        return error_set(err, RESULT_FATAL, "%s cannot be written: %s", path, strerror(errno));
    if (flock(store->lock_file, LOCK_EX | LOCK_NB) != 0) {
        char pid[32] = "";
        ssize_t length = read(store->lock_file, pid, sizeof(pid) - 1);
        pid[length > 0 ? strcspn(pid, "\n") : 0] = '\0';
        return error_set(
            err, RESULT_FATAL,
            "%s is in use by another pavo-aggregator (process %s): stop that one, or give this one its own --data",
            store->directory, pid[0] == '\0' ? "unknown" : pid);
    }
    char pid[32];
    int length = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(store->lock_file, 0) != 0 || write(store->lock_file, pid, (size_t)length) != length)
        return RESULT_OK; /* only the sentence above wants the number; a full disk must not stop the start */
    return RESULT_OK;
}

static enum result look_at_directory(const struct store *store, struct error *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/segments", store->directory);
    if (access(path, R_OK | X_OK) == 0)
        return RESULT_OK;
    return error_set(err, RESULT_FATAL, "%s is no store of an aggregator's (its --data) that can be read: %s: %s",
                     store->directory, path, strerror(errno));
}

/* ---- what the journal has that is not sealed */

/* A life that is not among its speaker's newest may be in the catalogue alone, with names of its own. */
static enum result recover_life(struct store *store, const struct batch *batch, struct error *err)
{
    enum result r = remember_life(store, &batch->observer, err);
    if (r != RESULT_OK)
        return r;
    r = lives_reserve(&store->lives, batch, 1, err);
    pthread_mutex_unlock(&store->lock);
    return r;
}

/* A batch that cannot be read stays among what is hot, so that its name is sealed. */
static enum result recover_name(struct store *store, const struct journal_entry *entry, struct error *err)
{
    struct hot_batch *hot = hot_reserve(store->hot, 1) ? hot_batch_new(NULL) : NULL;
    if (hot == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = remember_life(store, &entry->speaker, err);
    if (r == RESULT_OK) {
        r = lives_note_damaged(&store->lives, entry, err);
        pthread_mutex_unlock(&store->lock);
    }
    if (r == RESULT_OK)
        hot_put(store->hot, &hot, entry, clock_monotonic_ns());
    hot_batch_release(&hot);
    return r;
}

static enum result recover_entry(void *context, const struct journal_entry *entry, struct error *err)
{
    struct store *store = context;
    struct batch *batch = NULL;
    struct hot_batch *hot = NULL;
    enum result r = batch_of_entry(entry, &batch, err);
    if (r == RESULT_REJECT) {
        store_note_entry(store, entry, err->text);
        return recover_name(store, entry, err);
    }
    if (r == RESULT_OK && (!hot_reserve(store->hot, 1) || (hot = hot_batch_new(batch)) == NULL))
        r = error_set(err, RESULT_AGAIN, "out of memory");
    if (r == RESULT_OK)
        r = recover_life(store, batch, err);
    if (r == RESULT_OK) {
        lives_note(&store->lives, batch, entry);
        hot_put(store->hot, &hot, entry, clock_monotonic_ns());
    }
    hot_batch_release(&hot);
    batch_destroy(&batch);
    return r;
}

static enum result recover_damage(void *context, const struct journal_damage *damage, struct error *err)
{
    struct store *store = context;
    if (damage->dropped)
        return RESULT_OK;
    store_note_journal(store, damage);
    return damage->named ? recover_name(store, &damage->head, err) : RESULT_OK;
}

/* The journal lets go only what is in segments. When it has let go more, those are an older copy than itself. */
static void tell_older(struct store *store, uint64_t through)
{
    uint64_t dropped = journal_sizes(store->journal).dropped;
    struct store_damage told = {.file = "journal/dropped"};
    if (dropped <= through)
        return;
    snprintf(told.text, sizeof(told.text),
             "positions %" PRIu64 " to %" PRIu64 " were let go from the journal when segments had them, and no segment "
             "has them now: was an older copy put back?",
             through + 1, dropped);
    store_note_damage(store, &told);
}

static enum result recover(struct store *store, struct error *err)
{
    uint64_t through = segments_through(store->segments);
    enum result r = remember_all(store, err);
    if (r == RESULT_OK)
        tell_older(store, through);
    if (r == RESULT_OK)
        r = journal_recover(store->journal, through, recover_entry, recover_damage, store, err);
    if (r == RESULT_OK)
        journal_begin_at(store->journal, through); /* it may have been taken away */
    return r;
}

/* ---- opening */

static enum result open_engine(struct store *store, struct error *err)
{
    const struct engine_options options = {.memory_limit = store->options.memory_limit};
    return engine_open(&options, &store->database, err);
}

static enum result open_parts(struct store *store, struct error *err)
{
    const struct journal_options journal = {.directory = store->directory,
                                            .file_bytes = store->options.journal_file,
                                            .read_only = store->options.read_only};
    const struct segments_options segments = {.directory = store->directory,
                                              .memory_limit = store->options.memory_limit,
                                              .read_only = store->options.read_only,
                                              .notice = store->options.notice,
                                              .context = store->options.context,
                                              .rebuild = remember_note,
                                              .join = remember_join};
    enum result r = journal_open(&journal, &store->journal, err);
    if (r == RESULT_OK)
        r = segments_open(&segments, &store->segments, err);
    if (r != RESULT_OK)
        return r;
    store->hot = hot_new(store->journal, store->options.hot_memory, store_note_entry, store);
    if (store->hot == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    return open_engine(store, err);
}

static struct store *store_new(const struct store_options *options)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return NULL;
    store->options = *options;
    if (options->memory_limit == 0)
        store->options.memory_limit = STORE_MEMORY_DEFAULT;
    if (options->hot_memory == 0)
        store->options.hot_memory = STORE_HOT_DEFAULT;
    if (options->seal_rows == 0)
        store->options.seal_rows = STORE_SEAL_ROWS;
    if (options->seal_age_ns == 0)
        store->options.seal_age_ns = STORE_SEAL_AGE_NS;
    store->lock_file = -1;
    store->directory = strdup(options->directory);
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->writing, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return store;
}

enum result store_open(const struct store_options *options, struct store **ret_store, struct error *err)
{
    struct store *store = store_new(options);
    if (store == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    enum result r = store->directory == NULL ? error_set(err, RESULT_FATAL, "out of memory")
                    : options->read_only     ? look_at_directory(store, err)
                                             : take_directory(store, err);
    if (r == RESULT_OK)
        r = open_parts(store, err);
    if (r == RESULT_OK)
        r = recover(store, err);
    if (r == RESULT_OK && !options->read_only)
        r = sealer_start(store, err);
    if (r != RESULT_OK) {
        store_close(&store);
        return RESULT_FATAL;
    }
    *ret_store = store;
    return RESULT_OK;
}

void store_close(struct store **store_pointer)
{
    struct store *store = *store_pointer;
    if (store == NULL)
        return;
    sealer_stop(store);
    hot_free(&store->hot);
    if (store->database != NULL)
        duckdb_close(&store->database);
    segments_close(&store->segments);
    journal_close(&store->journal);
    lives_fini(&store->lives);
    ranges_fini(&store->missing);
    free(store->damages.list);
    free(store->directory);
    if (store->lock_file >= 0)
        close(store->lock_file);
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->writing);
    pthread_mutex_destroy(&store->lock);
    free(store);
    *store_pointer = NULL;
}

/* ---- names */

/* A life that is in memory, or will never be in the catalogue alone. */
static enum store_name name_in_memory(const struct store *store, const struct observer *observer, uint64_t sequence,
                                      uint64_t *ret_digest)
{
    const struct life *life = lives_find(&store->lives, observer);
    if (life == NULL) {
        const struct speaker *speaker = lives_speaker(&store->lives, observer->sensor);
        return speaker != NULL && speaker->lives >= LIVES_MAX ? STORE_NAME_REFUSED : STORE_NAME_NEW;
    }
    if (ranges_has(&life->sequences, (int64_t)sequence)) {
        if (life->digests != NULL && life->digests[sequence % LIVES_DIGESTS].sequence == sequence)
            *ret_digest = life->digests[sequence % LIVES_DIGESTS].digest;
        return STORE_NAME_COMMITTED;
    }
    return life->sequences.count + STORE_SPARE >= LIVES_RANGES_MAX ? STORE_NAME_REFUSED : STORE_NAME_NEW;
}

enum store_name store_name(struct store *store, const struct observer *observer, uint64_t sequence,
                           uint64_t *ret_digest)
{
    *ret_digest = 0;
    if (remember_life(store, observer, NULL) != RESULT_OK)
        return STORE_NAME_LATER;
    enum store_name name = name_in_memory(store, observer, sequence, ret_digest);
    pthread_mutex_unlock(&store->lock);
    return name;
}

/* ---- lives */

static bool copy_life(const struct store_life *life, bool texts, struct store_life *ret_copy)
{
    *ret_copy = *life;
    ret_copy->status = NULL;
    ret_copy->has_lists = texts && life->has_lists;
    if (life->status == NULL)
        return true;
    ret_copy->status = ret_copy->has_lists ? records_copy(life->status, NULL, 0, 1) : lives_status(life, texts);
    return ret_copy->status != NULL;
}

enum result store_lives(struct store *store, bool texts, struct store_life **ret_lives, size_t *ret_count,
                        struct error *err)
{
    pthread_mutex_lock(&store->lock);
    size_t count = store->lives.count;
    struct store_life *copies = calloc(count + 1, sizeof(*copies));
    bool failed = copies == NULL;
    for (size_t i = 0; !failed && i < count; i++)
        failed = !copy_life(&store->lives.list[i].sums, texts, &copies[i]);
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

void store_boundary_counts(struct store *store, const char *boundary, uint64_t ret_counts[static VERDICT_COUNT])
{
    memset(ret_counts, 0, VERDICT_COUNT * sizeof(*ret_counts));
    pthread_mutex_lock(&store->lock);
    const struct boundary_counts *counts = lives_boundary(&store->lives, boundary);
    if (counts != NULL)
        memcpy(ret_counts, counts->verdicts, sizeof(counts->verdicts));
    pthread_mutex_unlock(&store->lock);
}

/* ---- the whole */

void store_summarise(struct store *store, struct store_summary *ret_summary)
{
    struct store_summary s = {.position = journal_last(store->journal)};
    struct hot_sums hot;
    int64_t first = INT64_MAX, last = INT64_MIN;
    hot_sums(store->hot, &hot);
    segments_extent(store->segments, RECORD_FLOW, &first, &last);
    first = min_ns(first, hot.first_ns);
    last = max_ns(last, hot.last_ns);
    pthread_mutex_lock(&store->lock);
    memcpy(s.last, store->lives.last, sizeof(s.last));
    for (size_t i = 0; i < store->lives.count; i++)
        s.last_received_ns = max_ns(s.last_received_ns, store->lives.list[i].sums.last_received_ns);
    pthread_mutex_unlock(&store->lock);
    if (first <= last) {
        s.first_ns = first;
        s.last_ns = last;
    }
    *ret_summary = s;
}

void store_health(struct store *store, struct store_health *ret_health)
{
    struct journal_sizes journal = journal_sizes(store->journal);
    struct segments_sizes segments = segments_sizes(store->segments);
    struct hot_sums hot;
    hot_sums(store->hot, &hot);
    *ret_health = (struct store_health){.journal_files = journal.files,
                                        .journal_bytes = journal.bytes,
                                        .journal_first = journal.first,
                                        .journal_last = journal.last,
                                        .hot_batches = hot.batches,
                                        .hot_rows = hot.rows,
                                        .hot_bytes = hot.bytes,
                                        .segments = segments.segments,
                                        .segment_rows = segments.rows,
                                        .segment_bytes = segments.bytes,
                                        .index_bytes = segments.index_bytes,
                                        .sealed_through = segments_through(store->segments)};
    pthread_mutex_lock(&store->lock);
    ret_health->sealings = store->sealings;
    ret_health->compactions = store->compactions;
    ret_health->sealed_ns = store->sealed_ns;
    ret_health->damages = store->damages.count;
    memcpy(ret_health->trouble, store->trouble, sizeof(ret_health->trouble));
    pthread_mutex_unlock(&store->lock);
}
