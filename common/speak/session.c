/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol's state, and the books. */
#include "common/speak/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "common/speak/former.h"
#include "pavo.pb-c.h"

struct exchange {
    int64_t offset_ns;
    int64_t delay_ns;
};

struct session {
    struct session_options options;
    uint64_t next_sequence;
    struct held *held;
    struct former **formers; /* owned; the oldest first */
    size_t former_count;
    struct losses losses; /* wait for the next batch */
    int64_t losses_since; /* when the oldest of them came */
    struct session_counts counts;

    bool up, welcomed, was_up;
    uint32_t credit;
    int64_t quiet_since; /* not up: since when */
    int64_t next_hello;
    unsigned unanswered; /* Hellos since the aggregator last said something */

    int64_t hellos[SESSION_HELLOS]; /* wall times of the latest; a Welcome must name one */
    unsigned hello_count;
    struct exchange exchanges[SESSION_EXCHANGES];
    unsigned exchange_count;
    int64_t clock_difference; /* wall minus monotonic at the latest exchange */
};

struct session *session_new(const struct session_options *options, int64_t now)
{
    struct session *s = calloc(1, sizeof(*s));
    struct held *held = held_new(options->held_max, options->pace.resend_ns, options->pace.resend_max_ns);
    if (s == NULL || held == NULL) {
        free(s);
        held_destroy(&held);
        return NULL;
    }
    s->options = *options;
    s->next_sequence = 1;
    s->held = held;
    s->quiet_since = now;
    return s;
}

void session_destroy(struct session **session)
{
    if (*session == NULL)
        return;
    held_destroy(&(*session)->held);
    for (size_t i = 0; i < (*session)->former_count; i++)
        former_destroy(&(*session)->formers[i]);
    free((*session)->formers);
    free(*session);
    *session = NULL;
}

/* ---- earlier lives */

enum result session_inherit(struct session *s, struct former **former)
{
    struct former **grown = realloc(s->formers, (s->former_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return RESULT_FATAL;
    s->formers = grown;
    s->formers[s->former_count++] = *former;
    *former = NULL;
    return RESULT_OK;
}

struct former *session_former(const struct session *s, size_t index)
{
    return index < s->former_count ? s->formers[index] : NULL;
}

struct former *session_disown(struct session *s)
{
    for (size_t i = 0; i < s->former_count; i++) {
        struct former *former = s->formers[i];
        if (held_count(former->held) > 0)
            continue;
        s->former_count--;
        memmove(&s->formers[i], &s->formers[i + 1], (s->former_count - i) * sizeof(*s->formers));
        return former;
    }
    return NULL;
}

/* ---- the connection */

void session_down(struct session *s, int64_t now)
{
    s->up = s->welcomed = false;
    s->credit = 0;
    s->unanswered = 0;
    s->quiet_since = now;
    held_connection_lost(s->held);
    for (size_t i = 0; i < s->former_count; i++)
        held_connection_lost(s->formers[i]->held);
}

void session_rebuilt(struct session *s, int64_t now)
{
    session_down(s, now);
}

void session_up(struct session *s, int64_t now)
{
    session_down(s, now); /* a new connection knows nothing of the old */
    s->counts.reconnects += s->was_up;
    s->up = s->was_up = true;
    s->next_hello = now;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The batch to be sent now: the oldest life's first, all within one credit. */
static struct held_batch *next_batch(struct session *s, int64_t now, int64_t *ret_due)
{
    uint64_t credit = s->credit;
    int64_t due;
    *ret_due = INT64_MAX;
    for (size_t i = 0; i <= s->former_count && credit > 0; i++) {
        struct held *held = i < s->former_count ? s->formers[i]->held : s->held;
        struct held_batch *batch = held_next(held, (uint32_t)credit, now, &due);
        if (batch != NULL)
            return batch;
        *ret_due = earlier(*ret_due, due);
        credit -= credit < held_count(held) ? credit : held_count(held);
    }
    return NULL;
}

enum session_action session_next(struct session *s, int64_t now, struct held_batch **ret_batch, int64_t *ret_until)
{
    if (!s->up) {
        *ret_until = s->quiet_since + SESSION_HELLOS * s->options.pace.hello_ns;
        return now >= *ret_until ? SESSION_REBUILD : SESSION_WAIT;
    }
    if (now >= s->next_hello)
        return s->unanswered >= SESSION_HELLOS ? SESSION_REBUILD : SESSION_HELLO;
    int64_t due = INT64_MAX;
    struct held_batch *batch = s->welcomed ? next_batch(s, now, &due) : NULL;
    if (batch != NULL) {
        *ret_batch = batch;
        return SESSION_BATCH;
    }
    *ret_until = earlier(due, s->next_hello);
    return SESSION_WAIT;
}

enum result session_hello(const struct session *s, struct moment now, struct bytes *ret_frame)
{
    Pavo__Hello hello = PAVO__HELLO__INIT;
    hello.sensor = (char *)s->options.sensor;
    hello.software = (char *)s->options.software;
    hello.epoch = s->options.epoch;
    hello.next_sequence = s->next_sequence;
    hello.sent_ns = now.wall_ns;
    Pavo__FromSensor from = PAVO__FROM_SENSOR__INIT;
    from.version = 1;
    from.body_case = PAVO__FROM_SENSOR__BODY_HELLO;
    from.hello = &hello;
    struct bytes frame = {.length = pavo__from_sensor__get_packed_size(&from)};
    frame.data = malloc(frame.length);
    if (frame.data == NULL)
        return RESULT_FATAL;
    pavo__from_sensor__pack(&from, frame.data);
    *ret_frame = frame;
    return RESULT_OK;
}

void session_hello_sent(struct session *s, struct moment now)
{
    s->hellos[s->hello_count++ % SESSION_HELLOS] = now.wall_ns;
    s->unanswered++;
    s->next_hello = now.monotonic_ns + s->options.pace.hello_ns;
}

void session_batch_sent(struct session *s, struct held_batch *batch, int64_t now)
{
    s->counts.batches_resent += batch->ever_sent;
    s->counts.bytes_sent += batch->frame.length;
    held_sent(s->held, batch, now);
}

/* ---- what the aggregator says */

static bool is_our_hello(const struct session *s, int64_t sent_ns)
{
    for (unsigned i = 0; i < SESSION_HELLOS && i < s->hello_count; i++) {
        if (s->hellos[i] == sent_ns)
            return true;
    }
    return false;
}

/* RFC 5905: four time stamps give offset and round trip. */
static void note_exchange(struct session *s, const Pavo__Welcome *w, struct moment now)
{
    int64_t t1 = w->hello_sent_ns, t2 = w->received_ns, t3 = w->sent_ns, t4 = now.wall_ns;
    int64_t there, back, sum, delay;
    if (!is_our_hello(s, t1) || __builtin_sub_overflow(t2, t1, &there) || __builtin_sub_overflow(t3, t4, &back) ||
        __builtin_add_overflow(there, back, &sum) || __builtin_sub_overflow(there, back, &delay) || delay < 0)
        return; /* delay = (t4 - t1) - (t3 - t2) = there - back; below zero one of the clocks was set meanwhile */
    int64_t difference = now.wall_ns - now.monotonic_ns;
    if (llabs(difference - s->clock_difference) > SESSION_CLOCK_STEP_NS)
        s->exchange_count = 0;
    s->clock_difference = difference;
    s->exchanges[s->exchange_count++ % SESSION_EXCHANGES] = (struct exchange){sum / 2, delay};
}

static void acknowledge(struct session *s, uint64_t sequence)
{
    struct held_batch *batch = held_remove(s->held, sequence);
    if (batch == NULL)
        return; /* said again, or given up meanwhile */
    s->counts.records_acknowledged += batch->records;
    held_batch_destroy(&batch);
}

/* A batch leaves without being committed: the losses it told of wait again, and its records are a loss themselves. */
static void give_up(struct session *s, struct held_batch *batch, enum loss_kind kind, const char *reason, int64_t now)
{
    for (size_t i = 0; i < batch->loss_count; i++)
        session_lose(s, &batch->losses[i], now);
    if (batch->records > 0) {
        struct pending_loss loss = {.loss = (uint8_t)kind,
                                    .from_time = batch->from_time,
                                    .to_time = batch->to_time,
                                    .count = batch->records,
                                    .sequence = batch->sequence};
        snprintf(loss.reason, sizeof(loss.reason), "%s", reason);
        session_lose_records(s, &loss, now);
    }
    held_batch_destroy(&batch);
}

/* Of an earlier life, of which nothing is counted here. */
static void take_for_former(const struct session *s, struct former *former, const Pavo__Acknowledgement *a)
{
    const struct former_speaker speaker = {s->options.sensor, s->options.seal_public};
    for (size_t i = 0; i < a->n_sequences; i++) {
        struct held_batch *batch = held_remove(former->held, a->sequences[i]);
        held_batch_destroy(&batch);
    }
    for (size_t i = 0; i < a->n_rejected; i++) {
        struct held_batch *batch = held_remove(former->held, a->rejected[i]->sequence);
        if (batch != NULL &&
            former_give_up(former, &speaker, &batch, LOSS_RECORDS_REJECTED, a->rejected[i]->reason) != RESULT_OK)
            return; /* it is sent, and refused, again */
    }
}

static struct former *find_former(const struct session *s, uint64_t epoch)
{
    for (size_t i = 0; i < s->former_count; i++) {
        if (s->formers[i]->epoch == epoch)
            return s->formers[i];
    }
    return NULL;
}

static void take_acknowledgement(struct session *s, const Pavo__Acknowledgement *a, int64_t now)
{
    if (strcmp(a->sensor, s->options.sensor) != 0)
        return; /* meant for another one behind the same relay */
    struct former *former = find_former(s, a->epoch);
    if (former != NULL) {
        take_for_former(s, former, a);
        s->credit = a->credit;
        return;
    }
    if (a->epoch != s->options.epoch)
        return; /* an earlier life, of which all is acknowledged */
    for (size_t i = 0; i < a->n_sequences; i++)
        acknowledge(s, a->sequences[i]);
    for (size_t i = 0; i < a->n_rejected; i++) {
        struct held_batch *batch = held_remove(s->held, a->rejected[i]->sequence);
        if (batch == NULL)
            continue;
        s->counts.batches_rejected++;
        give_up(s, batch, LOSS_RECORDS_REJECTED, a->rejected[i]->reason, now);
    }
    s->credit = a->credit;
}

void session_receive(struct session *s, const void *frame, size_t length, struct moment now)
{
    Pavo__ToSensor *to =
        (Pavo__ToSensor *)message_unpack(&pavo__to_sensor__descriptor, frame, length, MESSAGE_MEMORY_SMALL, NULL);
    if (to == NULL || to->version != 1) {
        s->counts.frames_garbled++;
    } else if (to->body_case == PAVO__TO_SENSOR__BODY_WELCOME) {
        note_exchange(s, to->welcome, now);
        s->credit = to->welcome->credit;
        s->welcomed = s->up; /* a late one of a connection that is gone opens nothing */
        s->unanswered = 0;
    } else if (to->body_case == PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT) {
        take_acknowledgement(s, to->acknowledgement, now.monotonic_ns);
        s->unanswered = 0;
    } /* else a body from a newer contract, which asks nothing of us */
    if (to != NULL)
        pavo__to_sensor__free_unpacked(to, NULL);
}

/* ---- batches and losses */

uint64_t session_next_sequence(const struct session *s)
{
    return s->next_sequence;
}

const struct losses *session_losses(const struct session *s)
{
    return &s->losses;
}

void session_supersede(struct session *s)
{
    for (struct held_batch *batch; (batch = held_supersede(s->held)) != NULL; held_batch_destroy(&batch))
        losses_add_all(&s->losses, batch->losses, batch->loss_count);
}

void session_made(struct session *s)
{
    s->next_sequence++;
    s->counts.batches_made++;
    s->losses.count = 0;
}

enum result session_hold(struct session *s, struct held_batch **batch, bool patient, int64_t now)
{
    enum result r;
    while ((r = held_add(s->held, batch)) == RESULT_FULL && !patient) {
        struct held_batch *victim = held_give_up(s->held);
        if (victim == NULL)
            break; /* cannot be: what fills the limit can be given up */
        give_up(s, victim, LOSS_RECORDS_SPOOL, "the buffer of unacknowledged batches was full", now);
    }
    if (r == RESULT_REJECT) {
        give_up(s, *batch, LOSS_RECORDS_SPOOL, "the batch is larger than the buffer of unacknowledged ones", now);
        *batch = NULL;
        r = RESULT_OK;
    }
    return r;
}

void session_lose(struct session *s, const struct pending_loss *loss, int64_t now)
{
    if (s->losses.count == 0)
        s->losses_since = now;
    losses_add(&s->losses, loss);
}

void session_lose_records(struct session *s, const struct pending_loss *loss, int64_t now)
{
    s->counts.records_lost += loss->count;
    session_lose(s, loss, now);
}

int64_t session_losses_due(const struct session *s)
{
    return s->losses.count == 0 ? INT64_MAX : s->losses_since + SESSION_LOSS_WAIT_NS;
}

/* ---- what the operator sees */

const struct session_counts *session_counts(const struct session *s)
{
    return &s->counts;
}

const struct held *session_held(const struct session *s)
{
    return s->held;
}

struct session_clock session_clock(const struct session *s)
{
    const struct exchange *best = NULL;
    for (unsigned i = 0; i < SESSION_EXCHANGES && i < s->exchange_count; i++) {
        if (best == NULL || s->exchanges[i].delay_ns < best->delay_ns)
            best = &s->exchanges[i];
    }
    if (best == NULL)
        return (struct session_clock){0};
    return (struct session_clock){true, best->offset_ns, best->delay_ns / 2};
}

bool session_connected(const struct session *s)
{
    return s->welcomed;
}
