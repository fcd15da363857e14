/* SPDX-License-Identifier: Apache-2.0 */
/* The shipper's thread: between the queue of the submitters and the socket, with the session deciding.
 *
 * `lock` guards what submitters and the thread share (struct shared) and nothing else; the session, the socket and the
 * batch in hand are the thread's alone. What the session counts is published under the lock once a turn. */
#include "common/speak/shipper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/records/status.h"
#include "common/speak/encode.h"
#include "common/speak/session.h"

#define FRAMES_A_TURN    64       /* received before something is sent again */
#define CUTS_MAX         17       /* halvings of RECORDS_ROWS_MAX rows until there is one */
#define REBUILD_PAUSE_NS NS_PER_S /* after a socket that could not be made */

struct shared {
    struct records *queue[SHIPPER_QUEUE_BATCHES];
    unsigned head, length;
    struct records *status; /* owned; the next to go, NULL: none */
    uint64_t status_after;  /* ... once so many batches were taken from the queue */
    uint64_t taken;         /* from the queue, ever */
    struct losses losses;   /* on their way to the session */
    uint64_t made;          /* records submitted, or told of as lost instead, ever */
    uint64_t waiting;       /* records in the queue or in the thread's hand */
    uint64_t lost;          /* records given up before the session saw them */
    bool patient, draining, stop;
    bool keep; /* with stop: first all that was submitted is made batches */

    /* Published by the thread. */
    struct session_counts counts;
    struct session_clock clock;
    uint64_t held_records, held_count, held_bytes;
    bool connected, idle; /* idle: nothing held, nothing in hand, no losses to tell */
};

struct shipper {
    struct keys keys;
    struct observer speaker;
    char *endpoint, *software;
    uint64_t held_max;
    int wake;  /* eventfd */
    int state; /* directory; -1: none */
    pthread_t thread;
    bool running, kept;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* room in the queue, or idle */
    struct shared shared;

    /* The thread's alone. */
    void *context, *socket, *watch;
    struct session *session;       /* the caller's of shipper_keep and shipper_stop, once the thread has ended */
    struct held_batch *in_hand;    /* made, and there is no room for it */
    struct records *cut[CUTS_MAX]; /* owned: later parts of records that were too large for one batch, the next last */
    unsigned cut_count;
    uint64_t settled; /* records that left the thread's hand since it last published */
    int64_t no_socket_until;
    bool blocked; /* ZeroMQ's queue is full */
};

static struct moment moment_now(void)
{
    return (struct moment){clock_monotonic_ns(), clock_wall_ns()};
}

static void wake(struct shipper *s)
{
    uint64_t one = 1;
    ssize_t written = write(s->wake, &one, sizeof(one));
    (void)written; /* full means: awake already */
}

/* ---- the submitters' side */

void shipper_submit(struct shipper *s, struct records **records)
{
    struct records *r = *records;
    *records = NULL;
    if (r->rows == 0) {
        records_free(&r);
        return;
    }
    pthread_mutex_lock(&s->lock);
    struct shared *q = &s->shared;
    while (q->length == SHIPPER_QUEUE_BATCHES && q->patient)
        pthread_cond_wait(&s->changed, &s->lock);
    q->made += r->rows;
    q->idle = false;
    if (q->length < SHIPPER_QUEUE_BATCHES) {
        q->waiting += r->rows;
        q->queue[(q->head + q->length++) % SHIPPER_QUEUE_BATCHES] = r;
        r = NULL;
    } else {
        struct pending_loss loss = encode_loss(r, "the shipper fell behind");
        q->lost += loss.count;
        losses_add(&q->losses, &loss);
    }
    pthread_mutex_unlock(&s->lock);
    records_free(&r);
    wake(s);
}

void shipper_loss(struct shipper *s, const struct loss *record)
{
    struct pending_loss loss = loss_pending(record);
    pthread_mutex_lock(&s->lock);
    if (loss_kind_is_of_records(loss.loss)) {
        s->shared.made += loss.count;
        s->shared.lost += loss.count;
    }
    losses_add(&s->shared.losses, &loss);
    s->shared.idle = false;
    pthread_mutex_unlock(&s->lock);
    wake(s);
}

static void counts_locked(const struct shared *q, struct shipper_counts *c)
{
    *c = (struct shipper_counts){
        .records_made = q->made,
        .records_acknowledged = q->counts.records_acknowledged,
        .records_lost = q->counts.records_lost + q->lost,
        .records_held = q->held_records + q->waiting,
        .batches_made = q->counts.batches_made,
        .batches_held = q->held_count,
        .batches_resent = q->counts.batches_resent,
        .batches_rejected = q->counts.batches_rejected,
        .bytes_sent = q->counts.bytes_sent,
        .bytes_held = q->held_bytes,
        .reconnects = q->counts.reconnects,
        .frames_garbled = q->counts.frames_garbled,
        .connected = q->connected,
        .clock_known = q->clock.known,
        .clock_offset_ns = q->clock.offset_ns,
        .clock_error_ns = q->clock.error_ns,
    };
}

void shipper_counts_get(struct shipper *s, struct shipper_counts *ret_counts)
{
    pthread_mutex_lock(&s->lock);
    counts_locked(&s->shared, ret_counts);
    pthread_mutex_unlock(&s->lock);
}

/* What only the shipper knows; the header has the rules. */
static void complete(struct status_columns *status, const struct shipper_counts *c)
{
    uint64_t made = status->records_made[0];
    if (made < c->records_made)
        made = c->records_made; /* the caller counts from time to time */
    status->records_made[0] = made;
    status->records_held[0] = made - c->records_made + c->records_held;
    status->records_acknowledged[0] = c->records_acknowledged;
    status->records_lost[0] = c->records_lost;
    status->batches_made[0] = c->batches_made;
    status->batches_held[0] = c->batches_held;
    status->batches_resent[0] = c->batches_resent;
    status->bytes_sent[0] = c->bytes_sent;
    status->reconnects[0] = c->reconnects;
    status->clock_known[0] = c->clock_known;
    status->clock_offset[0] = c->clock_offset_ns;
    status->clock_error[0] = c->clock_error_ns;
}

/* A copy of ours, spoken by us. NULL: out of memory. */
static struct records *copy_status(const struct shipper *s, const struct records *status)
{
    struct records *copy = records_copy(status, NULL, 0, 1);
    uint16_t speaker;
    if (copy == NULL)
        return NULL;
    copy->observer_count = 0;
    char *software = records_text(copy, s->software, strlen(s->software));
    if (software == NULL || records_observer(copy, &s->speaker, &speaker) != RESULT_OK) {
        records_free(&copy);
        return NULL;
    }
    status_columns(copy)->software[0] = software;
    status_columns(copy)->observer[0] = speaker;
    return copy;
}

void shipper_status(struct shipper *s, const struct records *status)
{
    struct shipper_counts counts;
    struct records *copy = copy_status(s, status);
    if (copy == NULL)
        return; /* the next one tells more */
    pthread_mutex_lock(&s->lock);
    struct shared *q = &s->shared;
    counts_locked(q, &counts);
    complete(status_columns(copy), &counts);
    struct records *old = q->status;
    q->status = copy;
    q->status_after = q->taken + q->length;
    q->idle = false;
    pthread_mutex_unlock(&s->lock);
    records_free(&old);
    wake(s);
}

void shipper_hurry(struct shipper *s)
{
    pthread_mutex_lock(&s->lock);
    s->shared.patient = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    wake(s);
}

bool shipper_drain(struct shipper *s, int64_t wait_ns)
{
    int64_t until = clock_monotonic_ns() + wait_ns;
    struct timespec deadline = {until / NS_PER_S, until % NS_PER_S};
    pthread_mutex_lock(&s->lock);
    s->shared.draining = true;
    wake(s);
    int waited = 0;
    while (!s->shared.idle && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&s->changed, &s->lock, &deadline);
    s->shared.draining = false;
    bool idle = s->shared.idle;
    pthread_mutex_unlock(&s->lock);
    return idle;
}

/* ---- the thread: making batches */

/* Holds the batch in hand. False: there is no room, and it stays in hand. */
static bool hold_in_hand(struct shipper *s, bool patient)
{
    if (s->in_hand == NULL)
        return true;
    uint64_t records = s->in_hand->records;
    if (session_hold(s->session, &s->in_hand, patient, clock_monotonic_ns()) != RESULT_OK)
        return false;
    s->settled += records;
    return true;
}

/* The first half of the records, the second being kept for later. NULL: they cannot be cut. */
static struct records *cut(struct shipper *s, const struct records *records)
{
    uint32_t half = records->rows / 2;
    if (half == 0 || s->cut_count == CUTS_MAX)
        return NULL;
    struct records *first = records_copy(records, NULL, 0, half);
    struct records *second = first == NULL ? NULL : records_copy(records, NULL, half, records->rows - half);
    if (second == NULL)
        records_free(&first);
    else
        s->cut[s->cut_count++] = second;
    return first;
}

/* Makes a batch of what there is to say (`records` may be NULL: losses alone); what cannot be said becomes a loss. */
static void make_batch(struct shipper *s, struct records *records)
{
    struct error err;
    struct encode_name name = {s->speaker.sensor, s->speaker.epoch, session_next_sequence(s->session)};
    bool counts = records != NULL && record_kind_counts(records->kind);
    if (!counts)
        session_supersede(s->session);
    enum result r = encode_batch(&name, &records, records != NULL, session_losses(s->session), s->keys.seal_public,
                                 &s->in_hand, &err);
    struct records *first = r == RESULT_FULL && records != NULL ? cut(s, records) : NULL;
    if (r == RESULT_OK) {
        session_made(s->session);
    } else if (first != NULL) {
        make_batch(s, first);
        records_free(&first);
    } else if (counts) {
        struct pending_loss loss = encode_loss(records, err.text);
        session_lose_records(s->session, &loss, clock_monotonic_ns());
        s->settled += records->rows;
    }
}

/* What one turn took from the submitters. */
struct taken {
    struct records *records; /* owned; NULL: none */
    bool patient, draining, stop, keep;
    bool more; /* there is more to take */
};

static struct taken take_submitted(struct shipper *s)
{
    pthread_mutex_lock(&s->lock);
    struct shared *q = &s->shared;
    struct taken t = {.patient = q->patient && !q->keep,
                      .draining = q->draining || q->keep,
                      .stop = q->stop && !q->keep,
                      .keep = q->keep};
    if (s->in_hand == NULL) {
        for (size_t i = 0; i < q->losses.count; i++)
            session_lose(s->session, &q->losses.items[i], clock_monotonic_ns());
        q->losses.count = 0;
        if (s->cut_count > 0) {
            t.records = s->cut[--s->cut_count];
        } else if (q->status != NULL && q->taken >= q->status_after) {
            t.records = q->status;
            q->status = NULL;
        } else if (q->length > 0) {
            t.records = q->queue[q->head];
            q->head = (q->head + 1) % SHIPPER_QUEUE_BATCHES;
            q->length--;
            q->taken++;
            pthread_cond_broadcast(&s->changed);
        }
        t.more = q->length > 0 || q->status != NULL;
    }
    pthread_mutex_unlock(&s->lock);
    return t;
}

/* Takes one thing from the submitters and makes a batch of it. */
static struct taken make_next(struct shipper *s)
{
    bool waited = s->in_hand != NULL; /* then nothing was taken, and once there is room there may be more */
    struct taken t = take_submitted(s);
    int64_t losses_due = session_losses_due(s->session);
    if (t.records != NULL ||
        (s->in_hand == NULL && (losses_due <= clock_monotonic_ns() || (t.draining && losses_due != INT64_MAX))))
        make_batch(s, t.records);
    t.more = hold_in_hand(s, t.patient) && (t.more || waited || s->cut_count > 0);
    t.stop = t.stop || (t.keep && !t.more && s->cut_count == 0 &&
                        t.records == NULL); /* a turn with nothing to take: all is held */
    records_free(&t.records);
    return t;
}

/* Lives of which all is acknowledged leave nothing behind. */
static void forget_former(struct shipper *s)
{
    for (struct former *former; (former = session_disown(s->session)) != NULL; former_destroy(&former))
        kept_delete(s->state, former->epoch);
}

static void publish(struct shipper *s)
{
    const struct held *held = session_held(s->session);
    pthread_mutex_lock(&s->lock);
    struct shared *q = &s->shared;
    q->waiting -= s->settled;
    q->counts = *session_counts(s->session);
    q->clock = session_clock(s->session);
    q->held_records = held_records(held);
    q->held_count = held_count(held);
    q->held_bytes = held_bytes(held);
    q->connected = session_connected(s->session);
    bool idle = q->held_count == 0 && q->length == 0 && q->status == NULL && q->losses.count == 0 &&
                s->in_hand == NULL && s->cut_count == 0 && session_losses(s->session)->count == 0 &&
                session_former(s->session, 0) == NULL;
    if (idle && !q->idle)
        pthread_cond_broadcast(&s->changed);
    q->idle = idle;
    pthread_mutex_unlock(&s->lock);
    s->settled = 0;
}

/* ---- the thread: the socket */

static void close_socket(struct shipper *s)
{
    int linger = 0; /* whatever is still queued is held here and sent anew */
    if (s->socket != NULL)
        zmq_setsockopt(s->socket, ZMQ_LINGER, &linger, sizeof(linger));
    bus_close(&s->socket, &s->watch);
    s->blocked = false;
}

static bool open_socket(struct shipper *s, struct error *err)
{
    return bus_connect(s->context, ZMQ_DEALER, s->endpoint, BUS_INTAKE_PORT, &s->keys, SHIPPER_QUEUE_BATCHES,
                       &s->socket, &s->watch, err) == RESULT_OK;
}

static void rebuild(struct shipper *s)
{
    struct error err;
    close_socket(s);
    if (!open_socket(s, &err))
        s->no_socket_until = clock_monotonic_ns() + REBUILD_PAUSE_NS; /* memory or files are short: it may pass */
    session_rebuilt(s->session, clock_monotonic_ns());
}

static void take_events(struct shipper *s)
{
    int event, value;
    while ((event = bus_event(s->watch, &value)) != 0) {
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            session_up(s->session, clock_monotonic_ns());
        else if (event == ZMQ_EVENT_DISCONNECTED)
            session_down(s->session, clock_monotonic_ns());
    }
}

/* Every message of the protocol is one frame; of others all frames are read, and garbled. */
static void take_frames(struct shipper *s)
{
    for (int i = 0; i < FRAMES_A_TURN; i++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, s->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&frame);
            return;
        }
        session_receive(s->session, zmq_msg_data(&frame), zmq_msg_size(&frame), moment_now());
        zmq_msg_close(&frame);
    }
}

static enum result send_hello(struct shipper *s)
{
    struct bytes frame;
    struct moment now = moment_now();
    if (session_hello(s->session, now, &frame) != RESULT_OK)
        return RESULT_AGAIN;
    enum result r = bus_send(s->socket, frame.data, frame.length, false);
    if (r == RESULT_OK)
        session_hello_sent(s->session, now);
    bytes_free(&frame);
    return r;
}

/* Sends what is due, until nothing is or ZeroMQ's queue is full. Returns when to look again. */
static int64_t send_due(struct shipper *s)
{
    int64_t until = INT64_MAX;
    struct held_batch *batch;
    enum result r = RESULT_OK;
    s->blocked = false;
    while (r == RESULT_OK) {
        int64_t now = clock_monotonic_ns();
        switch (session_next(s->session, now, &batch, &until)) {
        case SESSION_WAIT:
            return until;
        case SESSION_REBUILD:
            rebuild(s);
            break;
        case SESSION_HELLO:
            r = send_hello(s);
            break;
        case SESSION_BATCH:
            r = bus_send(s->socket, batch->frame.data, batch->frame.length, false);
            if (r == RESULT_OK)
                session_batch_sent(s->session, batch, now);
            break;
        }
        if (s->socket == NULL)
            return s->no_socket_until;
    }
    s->blocked = true;
    return clock_monotonic_ns() + NS_PER_S; /* and as soon as the socket can be written */
}

static void wait_for_something(struct shipper *s, int64_t until)
{
    zmq_pollitem_t items[] = {
        {.fd = s->wake, .events = ZMQ_POLLIN},
        {.socket = s->watch, .events = ZMQ_POLLIN},
        {.socket = s->socket, .events = (short)(ZMQ_POLLIN | (s->blocked ? ZMQ_POLLOUT : 0))},
    };
    int64_t wait_ns = until - clock_monotonic_ns();
    long milliseconds = wait_ns <= 0 ? 0 : wait_ns > 3600 * NS_PER_S ? 3600000 : (long)(wait_ns / NS_PER_MS) + 1;
    zmq_poll(items, s->socket == NULL ? 1 : 3, milliseconds);
    uint64_t count;
    ssize_t got = read(s->wake, &count, sizeof(count));
    (void)got; /* nothing there: something else woke us */
}

static void *run(void *argument)
{
    struct shipper *s = argument;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals are the program's */
    for (bool stop = false; !stop;) {
        if (s->socket == NULL && clock_monotonic_ns() >= s->no_socket_until)
            rebuild(s);
        if (s->socket != NULL) {
            take_events(s);
            take_frames(s);
        }
        struct taken t = make_next(s);
        int64_t until = s->socket == NULL ? s->no_socket_until : send_due(s);
        forget_former(s);
        publish(s);
        stop = t.stop;
        if (session_losses_due(s->session) < until && s->in_hand == NULL)
            until = session_losses_due(s->session);
        if (!stop)
            wait_for_something(s, t.more || t.keep ? 0 : until);
    }
    close_socket(s);
    return NULL;
}

/* ---- beginning and end */

static void destroy(struct shipper *s)
{
    session_destroy(&s->session);
    held_batch_destroy(&s->in_hand);
    while (s->cut_count > 0)
        records_free(&s->cut[--s->cut_count]);
    struct shared *q = &s->shared;
    for (; q->length > 0; q->length--)
        records_free(&q->queue[(q->head + q->length - 1) % SHIPPER_QUEUE_BATCHES]);
    records_free(&q->status);
    close_socket(s);
    if (s->context != NULL)
        zmq_ctx_term(s->context);
    if (s->wake >= 0)
        close(s->wake);
    if (s->state >= 0)
        close(s->state);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    keys_clear(&s->keys);
    free(s->endpoint);
    free(s->software);
    free(s);
}

/* What earlier lives left, as much of it as there is room for. */
static enum result inherit(struct shipper *s, struct session_pace pace, const struct shipper_options *options)
{
    struct former *formers[KEPT_LIVES_MAX];
    const struct kept_say *say = &options->say;
    struct error err;
    if (options->state == NULL)
        return RESULT_OK;
    if (kept_open(options->state, &s->state, &err) != RESULT_OK) {
        say->say(say->context, err.text);
        return RESULT_OK;
    }
    size_t count = kept_read(s->state, &s->keys, pace, say, formers);
    const struct former_speaker speaker = {s->speaker.sensor, s->keys.seal_public};
    enum result r = RESULT_OK;
    if (formers_trim(formers, count, &speaker, s->held_max) > 0)
        say->say(say->context, "what earlier lives kept is more than may be held: the oldest of it becomes a loss");
    for (size_t i = 0; i < count; i++) {
        if (formers[i]->changed &&
            kept_write(s->state, &s->keys, formers[i]->epoch, formers[i]->held, NULL) == RESULT_OK)
            formers[i]->changed = false;
        if (r == RESULT_OK)
            r = session_inherit(s->session, &formers[i]);
        former_destroy(&formers[i]);
    }
    s->shared.idle = session_former(s->session, 0) == NULL;
    return r;
}

enum result shipper_start(const struct shipper_options *options, struct shipper **ret_shipper, struct error *err)
{
    pthread_condattr_t monotonic;
    if (!key_role_speaks(options->keys->role) || !options->keys->has_seal)
        return error_set(err, RESULT_REJECT,
                         "the key of %s %s is none to speak with: enrol a sensor, collector, witness or detector",
                         key_role_name(options->keys->role), options->keys->name);
    if (options->held_max < SHIPPER_HELD_MIN)
        return error_set(err, RESULT_REJECT, "a buffer of %llu bytes is less than %llu",
                         (unsigned long long)options->held_max, SHIPPER_HELD_MIN);
    struct shipper *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->keys = *options->keys;
    s->speaker.epoch = options->epoch;
    snprintf(s->speaker.sensor, sizeof(s->speaker.sensor), "%s", options->keys->name);
    s->shared.patient = options->patient;
    s->held_max = options->held_max;
    s->state = -1;
    s->shared.idle = true;
    s->endpoint = strdup(options->endpoint);
    s->software = strdup(options->software);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->context = zmq_ctx_new();
    struct session_pace pace = options->pace.hello_ns == 0 ? SESSION_PACE_DEFAULT : options->pace;
    s->session = session_new(&(struct session_options){.sensor = s->speaker.sensor,
                                                       .seal_public = s->keys.seal_public,
                                                       .software = s->software,
                                                       .epoch = options->epoch,
                                                       .held_max = options->held_max,
                                                       .pace = pace},
                             clock_monotonic_ns());
    enum result r = RESULT_OK;
    if (s->endpoint == NULL || s->software == NULL || s->wake < 0 || s->context == NULL || s->session == NULL)
        r = error_set(err, RESULT_FATAL, "starting the shipper: %s", strerror(errno));
    else if (!open_socket(s, err)) /* says now that the endpoint is none */
        r = RESULT_REJECT;
    else if (inherit(s, pace, options) != RESULT_OK)
        r = error_set(err, RESULT_FATAL, "out of memory");
    int cause = r == RESULT_OK ? pthread_create(&s->thread, NULL, run, s) : 0;
    if (cause != 0)
        r = error_set(err, RESULT_FATAL, "starting the shipper: %s", strerror(cause));
    if (r != RESULT_OK) {
        destroy(s);
        return r;
    }
    s->running = true;
    *ret_shipper = s;
    return RESULT_OK;
}

static void end_thread(struct shipper *s, bool keep)
{
    if (!s->running)
        return;
    pthread_mutex_lock(&s->lock);
    s->shared.stop = true;
    s->shared.keep = keep;
    pthread_mutex_unlock(&s->lock);
    wake(s);
    pthread_join(s->thread, NULL);
    s->running = false;
}

/* Names, set aside for the loss of each batch should the next life have to give it up. */
static void name_losses(struct shipper *s)
{
    uint64_t sequence = session_next_sequence(s->session);
    for (struct held_batch *batch = NULL; (batch = held_after(session_held(s->session), batch)) != NULL;)
        batch->loss_sequence = sequence++;
}

/* Makes room for ours among what earlier lives left and is still held, and writes what changed by that. */
static enum result keep_former(struct shipper *s, struct error *err)
{
    struct former *formers[KEPT_LIVES_MAX];
    size_t count = 0;
    for (; count < KEPT_LIVES_MAX && session_former(s->session, count) != NULL; count++)
        formers[count] = session_former(s->session, count);
    if (count == KEPT_LIVES_MAX)
        return error_set(err, RESULT_FATAL, "unacknowledged batches cannot be kept: those of %u lives wait already",
                         KEPT_LIVES_MAX);
    uint64_t ours = held_bytes(session_held(s->session));
    const struct former_speaker speaker = {s->speaker.sensor, s->keys.seal_public};
    formers_trim(formers, count, &speaker, s->held_max > ours ? s->held_max - ours : 0);
    enum result r = RESULT_OK;
    for (size_t i = 0; r == RESULT_OK && i < count; i++) {
        if (formers[i]->changed)
            r = kept_write(s->state, &s->keys, formers[i]->epoch, formers[i]->held, err);
    }
    return r;
}

enum result shipper_keep(struct shipper *s, uint64_t *ret_records, struct error *err)
{
    if (s->state < 0)
        return error_set(err, RESULT_REJECT, "there is no state directory");
    end_thread(s, true);
    name_losses(s);
    enum result r = keep_former(s, err);
    if (r == RESULT_OK)
        r = kept_write(s->state, &s->keys, s->speaker.epoch, session_held(s->session), err);
    if (r == RESULT_OK) {
        s->kept = true;
        uint64_t records = held_records(session_held(s->session));
        for (size_t i = 0; session_former(s->session, i) != NULL; i++)
            records += held_records(session_former(s->session, i)->held);
        *ret_records = records;
    }
    return r;
}

uint64_t shipper_stop(struct shipper **shipper)
{
    struct shipper *s = *shipper;
    if (s == NULL)
        return 0;
    end_thread(s, false);
    struct shipper_counts counts;
    shipper_counts_get(s, &counts);
    uint64_t lost = s->kept ? 0 : counts.records_held;
    destroy(s);
    *shipper = NULL;
    return lost;
}
