/* SPDX-License-Identifier: Apache-2.0 */
/* The worker thread: from packets to batches. */
#include "sensor/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/clock.h"

enum { WAIT_MS = 100 };
#define SNAPSHOT_NS (250 * NS_PER_MS)
/* With nothing to read, time is the wall clock's, less what a packet may need to come through the kernel. */
#define IDLE_MARGIN_NS (500 * NS_PER_MS)
/* A flow's first record is made at most the status interval after its first packet, and what the wheel is late by;
 * packets may be out of order by the rest. */
#define THROUGH_MARGIN_NS NS_PER_S
/* Told to stop: the kernel holds packets back until a block of them is full or 100 ms old. */
#define LAST_BLOCK_NS (250 * NS_PER_MS)
#define LAST_MAX_NS   (5 * NS_PER_S)

/* Files that grow are read some time after their packets came: as long as who writes them keeps packets back. That is
 * learned from what comes after a wait, and a silence is only believed after it; of files this old it is not believed
 * at all. */
#define FOLLOW_MARGIN_NS    NS_PER_S
#define FOLLOW_RECENT_NS    (60 * NS_PER_S)
#define FOLLOW_DELAY_MAX_NS (600 * NS_PER_S)

struct worker {
    struct worker_options options;
    struct meter *meter;
    struct batcher *batcher;
    pthread_t thread;
    atomic_bool stop, finished;
    int64_t reached_ns;                 /* the meter's time before the packets now in hand */
    int64_t delay_ns;                   /* follow: packets are read so late; negative: not known */
    bool waited;                        /* follow: nothing came before what comes now */
    struct worker_snapshot counts;      /* the thread's own */
    uint64_t left[CAPTURE_SOURCES_MAX]; /* what came before the end and could not be metered in time */
    pthread_mutex_t lock;               /* of what follows */
    struct worker_snapshot published;
    bool got; /* since it was published */
};

/* A batch was handed on, and with it everything reported up to reached_ns. */
static void note_handed_on(struct worker *w)
{
    if (w->reached_ns != 0)
        w->counts.through_ns = w->reached_ns - w->options.meter.status_ns - THROUGH_MARGIN_NS;
}

static void emit(void *context, const struct flow *flow)
{
    struct worker *w = context;
    uint32_t waiting = batcher_waiting(w->batcher);
    batcher_add(w->batcher, flow);
    if (batcher_waiting(w->batcher) <= waiting)
        note_handed_on(w);
}

static void handle_packets(struct worker *w, const struct packet *packets, size_t count)
{
    struct decoded decoded[CAPTURE_BATCH];
    size_t metered = 0;
    for (size_t i = 0; i < count; i++) {
        enum decode_outcome outcome = decode(&w->options.decode, &packets[i], &decoded[metered]);
        struct source_counts *source = &w->counts.sources[packets[i].interface];
        source->received++;
        source->outcomes[outcome]++;
        source->bytes[outcome] += outcome == DECODE_METERED ? decoded[metered].bytes : packets[i].length;
        metered += outcome == DECODE_METERED;
    }
    meter_add(w->meter, decoded, metered);
    if (count > 0)
        w->reached_ns = packets[count - 1].time_ns;
}

static void publish(struct worker *w)
{
    meter_counts_get(w->meter, &w->counts.meter);
    w->counts.lost = batcher_lost(w->batcher);
    w->counts.taken_ns = clock_wall_ns();
    w->counts.source_count = capture_source_count(w->options.capture);
    for (size_t i = 0; i < w->counts.source_count; i++) {
        capture_source_get(w->options.capture, i, &w->counts.sources[i].source);
        w->counts.sources[i].source.kernel_dropped += w->left[i];
    }
    pthread_mutex_lock(&w->lock);
    int64_t lag_before = w->got ? 0 : w->published.lag_ns;
    w->published = w->counts;
    if (w->published.lag_ns < lag_before)
        w->published.lag_ns = lag_before;
    w->got = false;
    pthread_mutex_unlock(&w->lock);
    w->counts.lag_ns = 0;
}

/* With nothing to read, time goes on by the wall clock. */
static void pass_time(struct worker *w, int64_t now_ns)
{
    meter_advance(w->meter, now_ns);
    w->reached_ns = now_ns;
}

static void follow_time(struct worker *w, const struct packet *packets, size_t count)
{
    int64_t wall = clock_wall_ns();
    if (count > 0) {
        int64_t delay = wall - packets[0].time_ns;
        if (w->waited && delay > w->delay_ns)
            w->delay_ns = delay;
        w->waited = false;
        return;
    }
    if (w->delay_ns < 0 && w->reached_ns != 0 && wall - w->reached_ns < FOLLOW_RECENT_NS)
        w->delay_ns = wall - w->reached_ns;
    w->waited = true;
    int64_t now = wall - w->delay_ns - FOLLOW_MARGIN_NS;
    if (w->delay_ns >= 0 && w->delay_ns <= FOLLOW_DELAY_MAX_NS && now > w->reached_ns)
        pass_time(w, now);
}

/* Files end where they are when it is time to stop. A live capture ends with the last packet from before. */
struct ending {
    int64_t wall_ns, monotonic_ns; /* when it began; 0: not yet */
    size_t nothing; /* calls in a row without a packet from before, at each of which another source was first */
};

static bool should_stop(struct worker *w, struct ending *ending)
{
    if (!atomic_load_explicit(&w->stop, memory_order_relaxed))
        return false;
    if (!w->options.live)
        return true;
    if (ending->monotonic_ns == 0)
        *ending = (struct ending){.wall_ns = clock_wall_ns(), .monotonic_ns = clock_monotonic_ns()};
    int64_t since = clock_monotonic_ns() - ending->monotonic_ns;
    return since > LAST_MAX_NS ||
           (since > LAST_BLOCK_NS && ending->nothing >= capture_source_count(w->options.capture));
}

/* Leaves the packets from before the end began. */
static size_t from_before(struct ending *ending, struct packet *packets, size_t count)
{
    if (ending->monotonic_ns == 0)
        return count;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (packets[i].time_ns < ending->wall_ns)
            packets[kept++] = packets[i];
    }
    ending->nothing = kept > 0 ? 0 : ending->nothing + 1;
    return kept;
}

/* The time to meter the last packets may be up: then those that still wait are lost in the kernel's buffer, and counted
 * so. */
static void count_left(struct worker *w, struct ending *ending)
{
    struct packet packets[CAPTURE_BATCH];
    while (ending->monotonic_ns != 0 && ending->nothing < capture_source_count(w->options.capture)) {
        size_t count = 0;
        if (capture_next(w->options.capture, 0, packets, &count) == RESULT_END)
            break;
        count = from_before(ending, packets, count);
        for (size_t i = 0; i < count; i++)
            w->left[packets[i].interface]++;
    }
}

static void *run(void *argument)
{
    struct worker *w = argument;
    struct packet packets[CAPTURE_BATCH];
    struct ending ending = {0};
    int64_t published_at = 0;
    while (!should_stop(w, &ending)) {
        size_t count = 0;
        enum result result = capture_next(w->options.capture, WAIT_MS, packets, &count);
        if (result == RESULT_END)
            break;
        count = from_before(&ending, packets, count);
        handle_packets(w, packets, count);
        if (w->options.live) {
            int64_t wall = clock_wall_ns();
            if (result == RESULT_AGAIN)
                pass_time(w, wall - IDLE_MARGIN_NS);
            if (count > 0 && wall - w->reached_ns > w->counts.lag_ns)
                w->counts.lag_ns = wall - w->reached_ns;
        }
        if (w->options.follow && (count > 0 || result == RESULT_AGAIN)) /* what a filter left out is no silence */
            follow_time(w, packets, count);
        int64_t now = clock_monotonic_ns();
        batcher_tick(w->batcher, now);
        if (batcher_waiting(w->batcher) == 0)
            note_handed_on(w);
        if (now - published_at >= SNAPSHOT_NS) {
            publish(w);
            published_at = now;
        }
    }
    count_left(w, &ending);
    meter_flush(w->meter);
    batcher_flush(w->batcher);
    publish(w);
    atomic_store(&w->finished, true);
    if (w->options.finished != NULL)
        w->options.finished();
    return NULL;
}

static void worker_free(struct worker *w)
{
    meter_destroy(&w->meter);
    batcher_destroy(&w->batcher);
    capture_close(&w->options.capture);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

enum result worker_start(const struct worker_options *options, struct worker **ret_worker, struct error *err)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        struct capture *capture = options->capture;
        capture_close(&capture);
        return error_set(err, RESULT_FATAL, "out of memory");
    }
    w->options = *options;
    w->delay_ns = -1;
    pthread_mutex_init(&w->lock, NULL);
    enum result result = batcher_new(&options->batcher, &w->batcher, err);
    if (result == RESULT_OK) {
        w->options.meter.sink = (struct meter_sink){.emit = emit, .context = w};
        result = meter_new(&w->options.meter, &w->meter, err);
    }
    if (result == RESULT_OK) {
        publish(w);
        if (pthread_create(&w->thread, NULL, run, w) != 0)
            result = error_set(err, RESULT_FATAL, "no thread can be made");
    }
    if (result != RESULT_OK) {
        worker_free(w);
        return result;
    }
    *ret_worker = w;
    return RESULT_OK;
}

void worker_stop(struct worker *worker)
{
    atomic_store(&worker->stop, true);
}

bool worker_finished(struct worker *worker)
{
    return atomic_load(&worker->finished);
}

void worker_snapshot_get(struct worker *worker, struct worker_snapshot *ret_snapshot)
{
    pthread_mutex_lock(&worker->lock);
    *ret_snapshot = worker->published;
    worker->got = true;
    pthread_mutex_unlock(&worker->lock);
}

void worker_destroy(struct worker **worker)
{
    if (*worker == NULL)
        return;
    pthread_join((*worker)->thread, NULL);
    worker_free(*worker);
    *worker = NULL;
}
