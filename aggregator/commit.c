/* SPDX-License-Identifier: Apache-2.0 */
/* The committing thread. */
#include "aggregator/commit.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"

#define TICK_NS            (250 * NS_PER_MS)
#define CORRELATE_EVERY_NS NS_PER_S

struct committer {
    struct committer_options options;
    pthread_t thread;
    atomic_bool stopping;

    pthread_mutex_t lock;        /* guards these */
    struct boundary *configured; /* owned; to be taken by the thread, then NULL */
    size_t configured_count;
    struct committer_boundary *boundaries; /* owned */
    size_t boundary_count;
    bool failed;
    struct error failure;

    /* The thread's own. */
    struct correlator *correlator;
    struct boundary *names; /* owned: what the correlator has */
    size_t name_count;
    int64_t paused_ns;     /* in all; the correlator's clock stands meanwhile */
    int64_t correlated_ns; /* when correlator_run was last asked */
    struct conclusions conclusions;
    struct intake_batch *batches[COMMIT_BATCHES_MAX];
    size_t batch_count;
    uint64_t rows;
};

/* The correlator's time: monotonic, without the time intake was paused (when partners could not arrive). */
static int64_t correlator_now(const struct committer *c)
{
    return clock_monotonic_ns() - c->paused_ns;
}

/* ---- gathering */

static bool gathered_enough(const struct committer *c, uint64_t rows)
{
    return c->rows >= rows || c->batch_count == COMMIT_BATCHES_MAX;
}

static void take_queued(struct committer *c, uint64_t rows)
{
    struct intake_batch *batch;
    while (!gathered_enough(c, rows) && (batch = queue_pop(c->options.intake)) != NULL) {
        c->batches[c->batch_count++] = batch;
        c->rows += batch->flows == NULL ? 0 : batch->flows->rows;
    }
}

/* Waits for a first batch (or a tick), then for commit-rows or commit-age, then takes what else has queued up. */
static void gather(struct committer *c)
{
    take_queued(c, c->options.commit_rows);
    if (c->batch_count == 0) {
        if (!atomic_load(&c->stopping))
            queue_wait(c->options.intake, TICK_NS);
        take_queued(c, c->options.commit_rows);
    }
    int64_t since = clock_monotonic_ns();
    while (c->batch_count > 0 && !gathered_enough(c, c->options.commit_rows) && !atomic_load(&c->stopping)) {
        int64_t left = c->options.commit_age_ns - (clock_monotonic_ns() - since);
        if (left <= 0)
            break;
        queue_wait(c->options.intake, left);
        take_queued(c, c->options.commit_rows);
    }
    take_queued(c, COMMIT_ROWS_MAX);
}

/* ---- concluding */

static void note_waiting(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->boundary_count; i++)
        c->boundaries[i].waiting = correlator_waiting(c->correlator, c->boundaries[i].name);
    pthread_mutex_unlock(&c->lock);
}

static void note_heard(struct committer *c, int64_t now)
{
    struct receiver_report report;
    if (c->options.receiver == NULL || receiver_report(c->options.receiver, &report, NULL) != RESULT_OK)
        return;
    for (size_t i = 0; i < report.count; i++) {
        if (report.sensors[i].connected)
            correlator_heard(c->correlator, report.sensors[i].name, now);
    }
    free(report.sensors);
}

static void conclude(struct committer *c)
{
    int64_t now = correlator_now(c);
    for (size_t i = 0; i < c->batch_count; i++) {
        const struct intake_batch *batch = c->batches[i];
        if (batch->flows != NULL)
            correlator_add(c->correlator, batch->flows, now, &c->conclusions);
        const Pavo__SensorStatus *status = batch->message->status;
        if (status != NULL)
            correlator_told(c->correlator, &batch->observer, status->reported_through_ns, status->last, now);
        correlator_heard(c->correlator, batch->observer.sensor, now);
    }
    if (now - c->correlated_ns >= CORRELATE_EVERY_NS) {
        c->correlated_ns = now;
        note_heard(c, now);
        correlator_run(c->correlator, now, &c->conclusions);
    }
    if (c->conclusions.failed)
        log_error("out of memory: some links were dropped");
    note_waiting(c);
}

/* ---- committing */

static void fill_places(const struct committer *c, struct store_batch *places)
{
    for (size_t i = 0; i < c->batch_count; i++) {
        const struct intake_batch *batch = c->batches[i];
        places[i] = (struct store_batch){.observer = batch->observer,
                                         .sequence = batch->sequence,
                                         .received_ns = batch->received_ns,
                                         .flows = batch->flows,
                                         .losses = batch->message->losses,
                                         .loss_count = batch->message->n_losses,
                                         .status = batch->message->status};
    }
}

static void fail(struct committer *c, const struct error *err)
{
    pthread_mutex_lock(&c->lock);
    c->failed = true;
    c->failure = *err;
    pthread_mutex_unlock(&c->lock);
}

/* The same set until it is in. False: never will be (the store is broken, or the program ends). */
static bool commit_surely(struct committer *c, struct store_commit_set *set)
{
    int64_t wait = COMMIT_RETRY_NS, paused_since = 0;
    unsigned tries = 0;
    for (;;) {
        struct error err;
        enum result r = store_commit(c->options.store, clock_wall_ns(), set, &err);
        if (r == RESULT_OK)
            break;
        if (r == RESULT_FATAL) {
            fail(c, &err);
            return false;
        }
        if (paused_since == 0) {
            paused_since = clock_monotonic_ns();
            log_error("intake is paused, sensors hold their batches: %s", err.text);
        }
        receiver_pause(c->options.receiver, true, err.text);
        if (atomic_load(&c->stopping) && ++tries == COMMIT_FINAL_TRIES) {
            log_error("%zu batches could not be committed and were not acknowledged", set->batch_count);
            return false;
        }
        struct timespec pause = {.tv_sec = wait / NS_PER_S, .tv_nsec = wait % NS_PER_S};
        nanosleep(&pause, NULL);
        wait = wait * 2 > COMMIT_RETRY_MAX_NS ? COMMIT_RETRY_MAX_NS : wait * 2;
    }
    if (paused_since != 0) {
        int64_t paused = clock_monotonic_ns() - paused_since;
        c->paused_ns += paused;
        receiver_pause(c->options.receiver, false, NULL);
        log_notice("intake goes on after %lld s: the store can be written again", (long long)(paused / NS_PER_S));
    }
    return true;
}

/* A copy without contents goes back to the receiver, which knows the way to the sensor. */
static void acknowledge(struct committer *c)
{
    for (size_t i = 0; i < c->batch_count; i++) {
        struct intake_batch *outcome = malloc(sizeof(*outcome));
        if (outcome == NULL)
            continue; /* the sensor asks again and is told then */
        *outcome = *c->batches[i];
        outcome->flows = NULL;
        outcome->message = NULL;
        outcome->outcome = RESULT_OK;
        if (queue_push(c->options.outcomes, outcome, 1) != RESULT_OK)
            intake_batch_destroy(&outcome);
    }
}

/* Hands everything of the set to the publisher. */
static void publish(struct committer *c, struct store_batch **places, const struct store_commit_set *set)
{
    struct published *published = calloc(1, sizeof(*published));
    struct intake_batch **batches = calloc(c->batch_count + 1, sizeof(*batches));
    if (published == NULL || batches == NULL) {
        free(published);
        free(batches);
        return; /* subscribers see the gap and replay */
    }
    memcpy(batches, c->batches, c->batch_count * sizeof(struct intake_batch *));
    *published = (struct published){.batches = batches,
                                    .places = *places,
                                    .batch_count = c->batch_count,
                                    .links = c->conclusions.links,
                                    .link_count = c->conclusions.link_count,
                                    .link_position = set->link_position,
                                    .previous_link = set->previous_link};
    *places = NULL;
    c->batch_count = 0;
    c->conclusions.links = NULL;
    publisher_submit(c->options.publisher, &published);
}

static void forget_set(struct committer *c)
{
    for (size_t i = 0; i < c->batch_count; i++)
        intake_batch_destroy(&c->batches[i]);
    c->batch_count = 0;
    c->rows = 0;
    conclusions_fini(&c->conclusions);
}

/* False: the committer is at its end. */
static bool commit_gathered(struct committer *c)
{
    if (c->batch_count == 0 && c->conclusions.link_count == 0 && c->conclusions.unlinked_count == 0)
        return true;
    struct store_batch *places = calloc(c->batch_count + 1, sizeof(*places));
    while (places == NULL) { /* the batches are queued and bounded: memory comes back */
        struct timespec pause = {.tv_nsec = 100 * NS_PER_MS};
        nanosleep(&pause, NULL);
        places = calloc(c->batch_count + 1, sizeof(*places));
    }
    fill_places(c, places);
    struct store_commit_set set = {.batches = places,
                                   .batch_count = c->batch_count,
                                   .links = c->conclusions.links,
                                   .link_count = c->conclusions.link_count,
                                   .unlinked = c->conclusions.unlinked,
                                   .unlinked_count = c->conclusions.unlinked_count};
    bool committed = commit_surely(c, &set);
    if (committed) {
        acknowledge(c);
        if (c->options.publisher != NULL)
            publish(c, &places, &set);
    }
    free(places);
    forget_set(c);
    return committed;
}

/* ---- boundaries */

/* The lives heard lately of a boundary's sensors. */
static void restore_lives(struct committer *c, const struct boundary *boundary, int64_t since_ns)
{
    struct store_life *lives = NULL;
    size_t count = 0;
    struct error err;
    if (store_lives(c->options.store, &lives, &count, &err) != RESULT_OK) {
        log_error("boundary %s starts without what was known of its sensors: %s", boundary->name, err.text);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct store_life *life = &lives[i];
        if (life->last_received_ns < since_ns || (strcmp(life->observer.sensor, boundary->inside) != 0 &&
                                                  strcmp(life->observer.sensor, boundary->outside) != 0))
            continue;
        Pavo__SensorStatus *status =
            life->status == NULL ? NULL : pavo__sensor_status__unpack(NULL, life->status_length, life->status);
        correlator_told(c->correlator, &life->observer, status == NULL ? 0 : status->reported_through_ns,
                        status != NULL && status->last, correlator_now(c));
        if (status != NULL)
            pavo__sensor_status__free_unpacked(status, NULL);
    }
    store_lives_free(&lives, count);
}

/* Views the store holds without a conclusion, for a boundary that is new to the correlator. */
static void restore(struct committer *c, const struct boundary *boundary)
{
    struct store_reader *reader;
    struct store_summary summary;
    struct error err;
    uint64_t rows = 0;
    store_summarise(c->options.store, &summary);
    if (summary.last_received_ns == 0)
        return;
    int64_t since_ns = summary.last_received_ns - CORRELATE_WAIT_MAX_NS;
    restore_lives(c, boundary, since_ns);
    enum result r = store_reader_open(c->options.store, &reader, &err);
    if (r == RESULT_OK) {
        r = store_find_waiting(reader, boundary->name, boundary->inside, boundary->outside, since_ns, &err);
        struct flow_batch *batch;
        while (r == RESULT_OK && (r = store_next(reader, &batch, NULL, &err)) == RESULT_OK) {
            correlator_restore(c->correlator, boundary->name, batch, correlator_now(c), &c->conclusions);
            rows += batch->rows;
            flow_batch_destroy(&batch);
        }
        store_reader_close(&reader);
    }
    if (r == RESULT_END)
        log_debug("boundary %s: %" PRIu64 " records of waiting flows are back", boundary->name, rows);
    else
        log_error("boundary %s starts without the flows that were waiting: %s", boundary->name, err.text);
}

static bool same_boundary(const struct boundary *a, const struct boundary *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->inside, b->inside) == 0 && strcmp(a->outside, b->outside) == 0;
}

/* On the committing thread: the correlator takes a list that committer_configure has checked. */
static void take_configuration(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    struct boundary *list = c->configured;
    size_t count = c->configured_count;
    c->configured = NULL;
    pthread_mutex_unlock(&c->lock);
    if (list == NULL)
        return;
    struct error err;
    struct committer_boundary *shown = calloc(count + 1, sizeof(*shown));
    if (shown == NULL || correlator_configure(c->correlator, list, count, &err) != RESULT_OK) {
        log_error("boundaries stay as they were: %s", shown == NULL ? "out of memory" : err.text);
        free(shown);
        free(list);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bool old = false;
        for (size_t n = 0; n < c->name_count && !old; n++)
            old = same_boundary(&c->names[n], &list[i]);
        if (!old)
            restore(c, &list[i]);
        memcpy(shown[i].name, list[i].name, sizeof(shown[i].name));
        memcpy(shown[i].inside, list[i].inside, sizeof(shown[i].inside));
        memcpy(shown[i].outside, list[i].outside, sizeof(shown[i].outside));
    }
    free(c->names);
    c->names = list;
    c->name_count = count;
    pthread_mutex_lock(&c->lock);
    free(c->boundaries);
    c->boundaries = shown;
    c->boundary_count = count;
    pthread_mutex_unlock(&c->lock);
}

/* ---- the thread */

static void *committer_run(void *argument)
{
    struct committer *c = argument;
    bool more = true;
    while (more) {
        take_configuration(c);
        bool stopping = atomic_load(&c->stopping);
        gather(c);
        bool empty = c->batch_count == 0;
        conclude(c);
        more = commit_gathered(c) && !(stopping && empty);
    }
    return NULL;
}

static void committer_free(struct committer *c)
{
    correlator_destroy(&c->correlator);
    forget_set(c);
    pthread_mutex_destroy(&c->lock);
    free(c->configured);
    free(c->boundaries);
    free(c->names);
    free(c);
}

enum result committer_start(const struct committer_options *options, const struct boundary *boundaries,
                            size_t boundary_count, struct committer **ret_committer, struct error *err)
{
    struct committer *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    c->options = *options;
    pthread_mutex_init(&c->lock, NULL);
    enum result r = correlator_new(&c->correlator, err);
    if (r == RESULT_OK)
        r = committer_configure(c, boundaries, boundary_count, err);
    if (r == RESULT_OK) {
        take_configuration(c); /* so that who asks at once is told of them */
        if (pthread_create(&c->thread, NULL, committer_run, c) != 0)
            r = error_set(err, RESULT_FATAL, "no thread to commit");
    }
    if (r != RESULT_OK) {
        committer_free(c);
        return r;
    }
    *ret_committer = c;
    return RESULT_OK;
}

enum result committer_configure(struct committer *committer, const struct boundary *boundaries, size_t count,
                                struct error *err)
{
    /* Checked on a correlator of its own, so that the caller hears what is wrong. */
    struct correlator *trial;
    enum result r = correlator_new(&trial, err);
    if (r == RESULT_OK) {
        r = correlator_configure(trial, boundaries, count, err);
        correlator_destroy(&trial);
    }
    struct boundary *copy = r == RESULT_OK ? calloc(count + 1, sizeof(*copy)) : NULL;
    if (r == RESULT_OK && copy == NULL)
        r = error_set(err, RESULT_FATAL, "out of memory");
    if (r != RESULT_OK)
        return r;
    if (count > 0)
        memcpy(copy, boundaries, count * sizeof(*copy));
    pthread_mutex_lock(&committer->lock);
    free(committer->configured);
    committer->configured = copy;
    committer->configured_count = count;
    pthread_mutex_unlock(&committer->lock);
    return RESULT_OK;
}

bool committer_boundary(struct committer *committer, size_t number, struct committer_boundary *ret_boundary)
{
    pthread_mutex_lock(&committer->lock);
    bool there = number < committer->boundary_count;
    if (there)
        *ret_boundary = committer->boundaries[number];
    pthread_mutex_unlock(&committer->lock);
    return there;
}

bool committer_failed(struct committer *committer, struct error *ret_error)
{
    pthread_mutex_lock(&committer->lock);
    bool failed = committer->failed;
    if (failed)
        *ret_error = committer->failure;
    pthread_mutex_unlock(&committer->lock);
    return failed;
}

void committer_stop(struct committer **committer)
{
    struct committer *c = *committer;
    if (c == NULL)
        return;
    atomic_store(&c->stopping, true);
    queue_wake(c->options.intake);
    pthread_join(c->thread, NULL);
    committer_free(c);
    *committer = NULL;
}
