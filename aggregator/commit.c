/* SPDX-License-Identifier: Apache-2.0 */
/* The committing thread. */
#include "aggregator/commit.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aggregator/lives.h"
#include "aggregator/lost.h"
#include "aggregator/publish/publish.h"
#include "aggregator/receive/receive.h"
#include "aggregator/store/store.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/records/status.h"

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
    struct lost lost;      /* by the correlator's time */
    struct conclusions conclusions;
    struct batch **batches; /* owned: those gathered, and behind them those concluded */
    size_t batch_count, batch_capacity;
    uint64_t rows;
};

/* The correlator's time: monotonic, without the time intake was paused (when partners could not arrive). */
static int64_t correlator_now(const struct committer *c)
{
    return clock_monotonic_ns() - c->paused_ns;
}

/* ---- gathering */

/* Room for one more batch. False: out of memory. */
static bool reserve(struct committer *c)
{
    if (c->batch_count < c->batch_capacity)
        return true;
    size_t capacity = c->batch_capacity == 0 ? 64 : c->batch_capacity * 2;
    struct batch **grown = realloc(c->batches, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    c->batches = grown;
    c->batch_capacity = capacity;
    return true;
}

static void take_queued(struct committer *c)
{
    struct batch *batch;
    while (c->rows < COMMIT_ROWS_MAX && c->batch_count < COMMIT_BATCHES_MAX && reserve(c) &&
           (batch = queue_pop(c->options.intake)) != NULL) {
        c->batches[c->batch_count++] = batch;
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
            c->rows += batch_rows(batch, (enum record_kind_number)kind);
    }
}

/* What has queued up during the last commit goes into the next one: the more there is, the fewer syncs it takes. Waits,
 * for a tick at most, only while there is nothing. */
static void gather(struct committer *c)
{
    take_queued(c);
    if (c->batch_count > 0 || atomic_load(&c->stopping))
        return;
    queue_wait(c->options.intake, TICK_NS);
    take_queued(c);
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

static void take_status(struct committer *c, const struct records *records, int64_t now)
{
    const struct status_columns *status = status_columns(records);
    for (uint32_t row = 0; row < status->rows; row++)
        correlator_told(c->correlator, &status->observers[status->observer[row]], status->reported_through[row],
                        status->last[row] != 0, now);
}

/* The rows from `at` on, as many as a batch may have: all of them at once, without copying, or a part. NULL: none, or
 * out of memory (*failed). */
static struct records *take_part(struct records **records, uint32_t at, bool *failed)
{
    uint32_t left = *records == NULL || (*records)->rows < at ? 0 : (*records)->rows - at;
    struct records *part = *records;
    if (left == 0)
        return NULL;
    if (at == 0 && left <= RECORDS_ROWS_MAX) {
        *records = NULL;
        return part;
    }
    part = records_copy(*records, NULL, at, left < RECORDS_ROWS_MAX ? left : RECORDS_ROWS_MAX);
    *failed = *failed || part == NULL;
    return part;
}

/* Hands the conclusions over as batches of the aggregator's own, each of as many rows as a batch may have. */
static void add_concluded(struct committer *c, int64_t now_wall)
{
    struct conclusions *out = &c->conclusions;
    uint32_t verdicts = out->verdicts == NULL ? 0 : out->verdicts->rows;
    uint32_t bindings = out->bindings == NULL ? 0 : out->bindings->rows;
    uint32_t most = verdicts > bindings ? verdicts : bindings;
    for (uint32_t at = 0; at < most; at += RECORDS_ROWS_MAX) {
        struct batch *batch = reserve(c) ? batch_new() : NULL;
        if (batch == NULL) {
            out->failed = true;
            break;
        }
        batch->received_ns = now_wall;
        batch->records[RECORD_VERDICT] = take_part(&out->verdicts, at, &out->failed);
        batch->records[RECORD_BINDING] = take_part(&out->bindings, at, &out->failed);
        c->batches[c->batch_count++] = batch;
    }
}

/* Declares what lives that died took with them: as a batch of the aggregator's own, in this very set. Before the set's
 * own batches are looked at: the store does not know them yet. */
static void declare_lost(struct committer *c, int64_t now)
{
    struct store_life *lives = NULL;
    size_t count = 0;
    struct error err;
    bool later = true;
    struct batch *batch = NULL;
    if (!lost_due(&c->lost, now))
        return;
    enum result r = lives_read(c->options.store, false, &lives, &count, &err);
    if (r == RESULT_OK && (!reserve(c) || (batch = batch_new()) == NULL))
        r = error_set(&err, RESULT_AGAIN, "out of memory");
    if (r == RESULT_OK)
        r = lost_declare(lives, count, clock_wall_ns(), c->lost.quiet_ns, &batch->records[RECORD_LOSS], &later, &err);
    if (r == RESULT_OK && batch->records[RECORD_LOSS] != NULL) {
        batch->received_ns = clock_wall_ns();
        c->batches[c->batch_count++] = batch;
        batch = NULL;
    }
    if (r != RESULT_OK)
        log_error("what lives that died took with them is not declared yet: %s", err.text);
    batch_destroy(&batch);
    lost_looked(&c->lost, later, now);
    store_lives_free(&lives, count);
}

static void conclude(struct committer *c)
{
    int64_t now = correlator_now(c);
    size_t gathered = c->batch_count;
    declare_lost(c, now);
    for (size_t i = 0; i < gathered; i++) {
        const struct batch *batch = c->batches[i];
        lost_heard(&c->lost, &batch->observer, now);
        if (batch->records[RECORD_FLOW] != NULL)
            correlator_add(c->correlator, flow_batch_of(batch->records[RECORD_FLOW]), now, &c->conclusions);
        if (batch->records[RECORD_STATUS] != NULL)
            take_status(c, batch->records[RECORD_STATUS], now);
        correlator_heard(c->correlator, batch->observer.sensor, now);
    }
    if (now - c->correlated_ns >= CORRELATE_EVERY_NS) {
        c->correlated_ns = now;
        note_heard(c, now);
        correlator_run(c->correlator, now, &c->conclusions);
    }
    add_concluded(c, clock_wall_ns());
    if (c->conclusions.failed)
        log_error("out of memory: some verdicts were dropped");
    conclusions_fini(&c->conclusions);
    note_waiting(c);
}

/* ---- committing */

static void fail(struct committer *c, const struct error *err)
{
    pthread_mutex_lock(&c->lock);
    c->failed = true;
    c->failure = *err;
    pthread_mutex_unlock(&c->lock);
}

static void pause_intake(struct committer *c, bool paused, const char *reason)
{
    if (c->options.receiver != NULL)
        receiver_pause(c->options.receiver, paused, reason);
}

/* The same set until it is in. False: never will be (the store is broken, or the program ends). */
static bool commit_surely(struct committer *c)
{
    int64_t wait = COMMIT_RETRY_NS, paused_since = 0;
    unsigned tries = 0;
    for (;;) {
        struct error err;
        enum result r = store_commit(c->options.store, c->batches, c->batch_count, &err);
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
        pause_intake(c, true, err.text);
        if (atomic_load(&c->stopping) && ++tries == COMMIT_FINAL_TRIES) {
            log_error("%zu batches could not be committed and were not acknowledged", c->batch_count);
            return false;
        }
        struct timespec pause = {.tv_sec = wait / NS_PER_S, .tv_nsec = wait % NS_PER_S};
        nanosleep(&pause, NULL);
        wait = wait * 2 > COMMIT_RETRY_MAX_NS ? COMMIT_RETRY_MAX_NS : wait * 2;
    }
    if (paused_since != 0) {
        int64_t paused = clock_monotonic_ns() - paused_since;
        c->paused_ns += paused;
        lost_looked(&c->lost, true, correlator_now(c)); /* nobody was heard meanwhile */
        pause_intake(c, false, NULL);
        log_notice("intake goes on after %lld s: the store can be written again", (long long)(paused / NS_PER_S));
    }
    return true;
}

/* Tells the receiver, which knows the way to the sensor, of every batch that has a name. */
static void acknowledge(struct committer *c)
{
    for (size_t i = 0; i < c->batch_count; i++) {
        const struct batch *batch = c->batches[i];
        struct receipt *receipt = batch->observer.sensor[0] == '\0' ? NULL : malloc(sizeof(*receipt));
        if (receipt == NULL)
            continue; /* without memory for it: the sensor asks again and is told then */
        *receipt = (struct receipt){batch->observer, batch->sequence, batch->route};
        if (queue_push(c->options.receipts, receipt, 1) != RESULT_OK)
            free(receipt);
    }
}

static void publish(struct committer *c)
{
    for (size_t i = 0; i < c->batch_count && c->options.publisher != NULL; i++)
        publisher_submit(c->options.publisher, &c->batches[i]);
}

static void forget_set(struct committer *c)
{
    for (size_t i = 0; i < c->batch_count; i++)
        batch_destroy(&c->batches[i]);
    c->batch_count = 0;
    c->rows = 0;
}

/* False: the committer is at its end. */
static bool commit_gathered(struct committer *c)
{
    if (c->batch_count == 0)
        return true;
    bool committed = commit_surely(c);
    if (committed) {
        acknowledge(c);
        publish(c);
    }
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
    if (store_lives(c->options.store, false, &lives, &count, &err) != RESULT_OK) {
        log_error("boundary %s starts without what was known of its sensors: %s", boundary->name, err.text);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct store_life *life = &lives[i];
        if (life->last_received_ns < since_ns || (strcmp(life->observer.sensor, boundary->inside) != 0 &&
                                                  strcmp(life->observer.sensor, boundary->outside) != 0))
            continue;
        const struct status_columns *status = life->status == NULL ? NULL : status_columns(life->status);
        correlator_told(c->correlator, &life->observer, status == NULL ? 0 : status->reported_through[0],
                        status != NULL && status->last[0] != 0, correlator_now(c));
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
        struct records *flows;
        while (r == RESULT_OK && (r = store_next(reader, &flows, NULL, &err)) == RESULT_OK) {
            correlator_restore(c->correlator, boundary->name, flow_batch_of(flows), correlator_now(c), &c->conclusions);
            rows += flows->rows;
            records_free(&flows);
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
    lost_fini(&c->lost);
    forget_set(c);
    conclusions_fini(&c->conclusions);
    free(c->batches);
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
    lost_init(&c->lost, correlator_now(c), options->lost_quiet_ns);
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
    if (committer == NULL)
        return false;
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
