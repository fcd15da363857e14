/* SPDX-License-Identifier: Apache-2.0 */
/* The program: workers, the shipper, status, and an orderly end. */
#include "sensor/sensor.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/keys.h"
#include "common/log.h"
#include "common/speak/shipper.h"
#include "sensor/print.h"
#include "sensor/privileges.h"
#include "sensor/status.h"
#include "sensor/worker.h"

#define STATUS_NS       (5 * NS_PER_S)
#define DRAIN_NS        (10 * NS_PER_S) /* a sensor told to stop waits so long for acknowledgements */
#define DRAIN_STEP_NS   (500 * NS_PER_MS)
#define WATCH_NS        (200 * NS_PER_MS)
#define SIGNAL_FINISHED SIGUSR1         /* from a worker to the main thread, which is waiting for signals */
#define LAG_WARNING_NS  (2 * NS_PER_S)  /* a sensor that far behind says so */
#define WARNING_NS      (60 * NS_PER_S) /* but not more often */

struct sensor;

/* Where a worker's batches go. */
struct outlet {
    struct sensor *sensor;
    struct capture *capture; /* the worker's own, of its thread */
    struct json json;        /* --print --json: used for each record in turn */
};

struct sensor {
    const struct config *config;
    struct keys keys;
    bool has_keys;
    struct observer observer;
    int64_t started_ns;
    struct shipper *shipper; /* NULL: --print, --dry-run */
    struct worker **workers;
    size_t worker_count;                /* started */
    struct outlet outlets[THREADS_MAX]; /* the workers' */
    struct totals before;               /* when status was last shipped */
    int64_t status_at;                  /* monotonic */
    struct totals told;                 /* when the log last told of losses */
    struct log_gate loss_gate, lag_gate;
    bool stopping;             /* a signal came */
    atomic_bool output_failed; /* standard output takes no more */
};

/* ---------------------------------------------------------------- where batches go */

static void submit_to_shipper(void *context, struct records **records)
{
    shipper_submit(((struct outlet *)context)->sensor->shipper, records);
}

static void fail_output(struct sensor *s, const char *cause)
{
    if (!atomic_exchange(&s->output_failed, true))
        log_error("standard output: %s", cause);
}

/* A disk that is full must not look like a quiet network. */
static void note_output(struct sensor *s)
{
    errno = EIO; /* of an error from before, only the flag is left */
    if (fflush(stdout) != 0 || ferror(stdout))
        fail_output(s, strerror(errno));
}

static void print_text(const struct flow_batch *flows)
{
    for (uint32_t row = 0; row < flows->rows; row++)
        print_flow(stdout, flows, row);
}

static void print_json(struct outlet *outlet, const struct flow_batch *flows)
{
    char name[PRINT_NAME_MAX];
    struct capture_source source;
    for (uint32_t row = 0; row < flows->rows; row++) {
        if (row == 0 || flows->interface[row] != flows->interface[row - 1]) { /* live, asking is a system call */
            capture_source_get(outlet->capture, flows->interface[row], &source);
            print_name(source.name, name);
        }
        if (print_flow_json(stdout, &outlet->json, flows, row, name) != RESULT_OK) {
            fail_output(outlet->sensor, "out of memory");
            return;
        }
    }
}

static void print_batch(void *context, struct records **records)
{
    struct outlet *outlet = context;
    const struct flow_batch *flows = flow_batch_of(*records);
    if (outlet->sensor->output_failed)
        return;
    flockfile(stdout);
    if (outlet->sensor->config->json)
        print_json(outlet, flows);
    else
        print_text(flows);
    note_output(outlet->sensor);
    funlockfile(stdout);
}

static void forget_batch(void *context, struct records **records)
{
    (void)context;
    (void)records;
}

/* ---------------------------------------------------------------- start */

static void say(void *context, enum capture_say kind, const char *sentence)
{
    (void)context;
    if (kind == CAPTURE_SAY_WARNING)
        log_warning("%s", sentence);
    else
        log_notice("%s", sentence);
}

static bool ships(const struct config *config)
{
    return !config->print && !config->dry_run;
}

/* Files are read by one thread. */
static size_t thread_count(const struct config *config)
{
    return config->interfaces.count > 0 ? config->threads : 1;
}

static enum result read_keys(struct sensor *s, struct error *err)
{
    snprintf(s->observer.sensor, sizeof(s->observer.sensor), "sensor");
    if (s->config->key == NULL)
        return RESULT_OK;
    enum result result = keys_read(s->config->key, &s->keys, err);
    if (result != RESULT_OK)
        return result;
    if (s->keys.role != KEY_ROLE_SENSOR)
        return error_set(err, RESULT_REJECT,
                         "%s is the key of a %s, not of a sensor: `pavo keys enrol sensor NAME` makes one",
                         s->config->key, key_role_name(s->keys.role));
    s->has_keys = true;
    memcpy(s->observer.sensor, s->keys.name, sizeof(s->observer.sensor));
    return RESULT_OK;
}

static enum result open_capture(const struct sensor *s, size_t thread, uint32_t *groups, struct capture **ret_capture,
                                struct error *err)
{
    const struct config *c = s->config;
    bool live = c->interfaces.count > 0;
    const struct option_list *names = live ? &c->interfaces : &c->files;
    struct capture_options options = {
        .names = (const char *const *)names->items,
        .name_count = names->count,
        .filter = c->filter,
        .buffer_size = c->buffer_size,
        .snaplen = (uint32_t)c->snaplen,
        .thread_count = (uint32_t)thread_count(c),
        .thread = (uint32_t)thread,
        .groups = groups,
        .progress = c->progress,
        .follow = c->follow,
        .say = say,
    };
    return live ? capture_open_live(&options, ret_capture, err) : capture_open_files(&options, ret_capture, err);
}

static void wake_main_thread(void)
{
    (void)kill(getpid(), SIGNAL_FINISHED);
}

static struct worker_options worker_options_of(struct sensor *s, size_t thread, struct capture *capture)
{
    const struct config *c = s->config;
    uint64_t flows_max = c->flows_max / thread_count(c);
    s->outlets[thread] = (struct outlet){.sensor = s, .capture = capture};
    struct worker_options options = {
        .capture = capture,
        .live = c->interfaces.count > 0,
        .follow = c->follow,
        .decode = {.outer = c->outer},
        .meter = meter_options_default(),
        .batcher =
            {
                .kind = record_kinds[RECORD_FLOW],
                .observer = s->observer,
                .rows = (uint32_t)c->batch_rows,
                .age_ns = c->batch_age,
                .submit = c->print     ? print_batch
                          : c->dry_run ? forget_batch
                                       : submit_to_shipper,
                .context = &s->outlets[thread],
            },
        .finished = wake_main_thread,
    };
    struct meter_options *m = &options.meter;
    m->idle_ns = c->idle_timeout;
    m->established_ns = c->tcp_timeout;
    m->udp_ns = c->udp_timeout;
    m->icmp_ns = c->icmp_timeout;
    m->unanswered_ns = c->unanswered_timeout;
    m->linger_ns = c->linger;
    m->status_ns = c->status_interval;
    m->flows_max = (uint32_t)(flows_max > METER_FLOWS_MIN ? flows_max : METER_FLOWS_MIN);
    m->first_flow = 1 + thread;
    m->flow_step = thread_count(c);
    m->digest_key = s->has_keys && s->keys.has_digest ? s->keys.digest : NULL;
    randombytes_buf(&m->seed, sizeof(m->seed));
    return options;
}

static void say_kept(void *context, const char *sentence)
{
    (void)context;
    log_warning("%s", sentence);
}

/* A directory that cannot be made is no reason not to capture. */
static void make_state_directory(const struct sensor *s)
{
    struct error err;
    if (ships(s->config) && s->config->state != NULL &&
        privileges_directory(s->config->user, s->config->state, &err) != RESULT_OK)
        log_warning("%s", err.text);
}

static enum result drop_privileges(const struct sensor *s, struct error *err)
{
    enum result result = privileges_drop(s->config->user, s->config->files.count > 0, err);
    if (result == RESULT_AGAIN) {
        if (s->config->interfaces.count > 0)
            log_warning("%s", err->text);
        return RESULT_OK;
    }
    return result;
}

static enum result start_shipper(struct sensor *s, struct error *err)
{
    if (!ships(s->config))
        return RESULT_OK;
    struct shipper_options options = {
        .endpoint = s->config->aggregator,
        .keys = &s->keys,
        .software = "pavo-sensor " PAVO_VERSION,
        .epoch = s->observer.epoch,
        .held_max = s->config->held_max,
        .patient = s->config->files.count > 0,
        .state = s->config->state,
        .say = {say_kept, NULL},
    };
    return shipper_start(&options, &s->shipper, err);
}

/* Takes the capture. */
static enum result start_worker(struct sensor *s, struct capture *capture, struct error *err)
{
    struct worker_options options = worker_options_of(s, s->worker_count, capture);
    enum result result = worker_start(&options, &s->workers[s->worker_count], err);
    s->worker_count += result == RESULT_OK;
    return result;
}

/* Captures are opened first, while there may be the right to; then rights are given up; then threads begin. */
static enum result start(struct sensor *s, struct error *err)
{
    struct capture *captures[THREADS_MAX] = {NULL};
    uint32_t groups[CAPTURE_SOURCES_MAX] = {0};
    size_t wanted = thread_count(s->config), opened = 0;
    enum result result = read_keys(s, err);
    while (result == RESULT_OK && opened < wanted) {
        result = open_capture(s, opened, groups, &captures[opened], err);
        opened += result == RESULT_OK;
    }
    s->workers = calloc(wanted, sizeof(*s->workers));
    if (result == RESULT_OK && s->workers == NULL)
        result = error_set(err, RESULT_FATAL, "out of memory");
    if (result == RESULT_OK) {
        make_state_directory(s);
        result = drop_privileges(s, err);
    }
    if (result == RESULT_OK)
        result = start_shipper(s, err);
    if (result == RESULT_OK && s->config->print && !s->config->json) {
        print_header(stdout); /* before there is a worker that has records */
        note_output(s);
    }
    for (size_t n = 0; n < opened; n++) {
        if (result == RESULT_OK)
            result = start_worker(s, captures[n], err);
        else
            capture_close(&captures[n]);
    }
    return result;
}

/* ---------------------------------------------------------------- run */

/* What was lost is told once a minute, in sum, and at the end. */
static void log_trouble(struct sensor *s, const struct totals *now, bool last)
{
    uint64_t suppressed;
    int64_t at = clock_monotonic_ns();
    if (losses_any(&s->told, now) && (last || log_gate_pass(&s->loss_gate, at, WARNING_NS, &suppressed))) {
        losses_log(&s->told, now);
        s->told = *now;
    }
    if (now->sum.lag_ns > LAG_WARNING_NS && log_gate_pass(&s->lag_gate, at, WARNING_NS, &suppressed))
        log_warning("up to %.1f s behind the interfaces: packets wait in the kernel's buffer",
                    (double)now->sum.lag_ns / 1e9);
}

static void tell_status(struct sensor *s, bool last)
{
    static struct totals now;
    totals_collect(s->workers, s->worker_count, s->started_ns, &now);
    if (s->shipper != NULL) {
        losses_ship(s->shipper, &s->before, &now);
        struct records *status = status_make(&now, last);
        if (status != NULL) /* else the next one tells more */
            shipper_status(s->shipper, status);
        records_free(&status);
    }
    log_trouble(s, &now, last);
    s->before = now;
    s->status_at = clock_monotonic_ns();
}

static bool all_finished(const struct sensor *s)
{
    for (size_t n = 0; n < s->worker_count; n++) {
        if (!worker_finished(s->workers[n]))
            return false;
    }
    return true;
}

/* Waits up to `ns` for a signal, and returns whether it is one that ends the program: a finished worker sends another.
 */
static bool stop_asked(const sigset_t *signals, int64_t ns)
{
    struct timespec wait = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    int got = sigtimedwait(signals, NULL, &wait);
    return got > 0 && got != SIGNAL_FINISHED;
}

/* Until the files are read, or somebody says stop. */
static void watch(struct sensor *s, const sigset_t *signals)
{
    s->status_at = clock_monotonic_ns();
    while (!all_finished(s) && !s->output_failed) {
        if (stop_asked(signals, WATCH_NS)) {
            s->stopping = true;
            break;
        }
        if (clock_monotonic_ns() - s->status_at >= STATUS_NS)
            tell_status(s, false);
    }
}

/* False: a worker is stuck, and the time is up. */
static bool stop_workers(struct sensor *s)
{
    int64_t until = clock_monotonic_ns() + DRAIN_NS;
    for (size_t n = 0; n < s->worker_count; n++)
        worker_stop(s->workers[n]);
    if (s->stopping && s->shipper != NULL)
        shipper_hurry(s->shipper);
    while (!all_finished(s)) {
        if (clock_monotonic_ns() >= until)
            return false;
        usleep(10000);
    }
    return true;
}

/* Everything submitted is acknowledged, or the patience of this way of ending is over. */
static bool drain(struct sensor *s, const sigset_t *signals)
{
    int64_t until = clock_monotonic_ns() + DRAIN_NS;
    while (!shipper_drain(s->shipper, DRAIN_STEP_NS)) {
        if (!s->stopping && stop_asked(signals, 0)) {
            s->stopping = true;
            until = clock_monotonic_ns() + DRAIN_NS;
        }
        if (s->stopping && clock_monotonic_ns() >= until)
            return false;
    }
    return true;
}

/* What is not acknowledged waits for the next life, if it has a place to. */
static int leave(struct sensor *s)
{
    struct error err;
    uint64_t kept = 0;
    enum result result = s->config->state == NULL ? RESULT_REJECT : shipper_keep(s->shipper, &kept, &err);
    uint64_t left = shipper_stop(&s->shipper);
    if (result == RESULT_OK) {
        log_warning("%" PRIu64
                    " records were not acknowledged by the aggregator at %s; they are kept in %s and sent by "
                    "the next start of this sensor",
                    kept, s->config->aggregator, s->config->state);
        return SENSOR_EXIT_UNSHIPPED;
    }
    if (s->config->state != NULL)
        log_error("%s", err.text);
    log_error("%" PRIu64 " records were not acknowledged by the aggregator at %s and are lost with this process", left,
              s->config->aggregator);
    return SENSOR_EXIT_UNSHIPPED;
}

/* The last status says what became of all records, so it goes when they are acknowledged. */
static int finish_shipping(struct sensor *s, const sigset_t *signals)
{
    bool drained = drain(s, signals);
    tell_status(s, true);
    if (drained)
        drained = drain(s, signals);
    if (!drained)
        return leave(s);
    shipper_stop(&s->shipper);
    return SENSOR_EXIT_OK;
}

static int finish(struct sensor *s, const sigset_t *signals)
{
    static struct totals totals;
    if (!stop_workers(s)) {
        log_error("flows could not be handed over within %d s and are lost with this process",
                  (int)(DRAIN_NS / NS_PER_S));
        _exit(SENSOR_EXIT_UNSHIPPED); /* a thread that waits cannot be joined */
    }
    int code = s->shipper != NULL ? finish_shipping(s, signals) : SENSOR_EXIT_OK;
    totals_collect(s->workers, s->worker_count, s->started_ns, &totals);
    log_trouble(s, &totals, true);
    if (s->config->dry_run)
        totals_print(stdout, &totals, s->config->json);
    note_output(s);
    if (s->output_failed)
        code = SENSOR_EXIT_FAILED;
    for (size_t i = 0; i < totals.sum.source_count; i++) {
        if (totals.sum.sources[i].source.broken && code == SENSOR_EXIT_OK)
            code = SENSOR_EXIT_FAILED;
    }
    log_notice("%" PRIu64 " packets metered, %" PRIu64 " flows in %" PRIu64 " records", totals.sum.meter.packets,
               totals.sum.meter.flows_made, totals.sum.meter.records_made);
    return code;
}

static void announce(const struct sensor *s)
{
    if (s->shipper != NULL)
        log_notice("sensor %s, shipping to %s", s->observer.sensor, s->config->aggregator);
    for (size_t i = 0; i < s->config->interfaces.count; i++)
        log_notice("capturing on %s", s->config->interfaces.items[i]);
}

int sensor_run(const struct config *config)
{
    static struct sensor sensor;
    struct sensor *s = &sensor;
    struct error err;
    sigset_t signals;
    *s = (struct sensor){.config = config, .started_ns = clock_wall_ns()};
    if (sodium_init() < 0) {
        log_error("libsodium cannot be initialised");
        return SENSOR_EXIT_FAILED;
    }
    s->observer.epoch = epoch_new(s->started_ns, randombytes_random());
    /* Blocked in every thread: the main one asks for them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGNAL_FINISHED);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, ships(config) ? SIG_IGN : SIG_DFL); /* `--print | head` ends quietly */

    enum result result = start(s, &err);
    int code = SENSOR_EXIT_FAILED;
    if (result != RESULT_OK) {
        log_error("%s", err.text);
        for (size_t n = 0; n < s->worker_count; n++)
            worker_stop(s->workers[n]);
    } else {
        announce(s);
        watch(s, &signals);
        code = finish(s, &signals);
    }
    for (size_t n = 0; n < s->worker_count; n++) {
        worker_destroy(&s->workers[n]);
        json_fini(&s->outlets[n].json);
    }
    if (s->shipper != NULL)
        shipper_stop(&s->shipper);
    free(s->workers);
    keys_clear(&s->keys);
    return code;
}
