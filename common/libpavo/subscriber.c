/* SPDX-License-Identifier: Apache-2.0 */
/* A subscriber: live messages in order, and what is missing between them out of the store.
 *
 * At any moment one of these is being done, in this order of preference (pavo_subscriber_next):
 *   1. hand out a gap that could not be filled,
 *   2. hand out the events of the message in `reading`,
 *   3. take the next reply of the replay under way,
 *   4. go on with the live message that was held back for that replay,
 *   5. ask for the replay a topic begins with,
 *   6. take the next live message; if messages are missing before it, hold it and ask for them. */
#include "common/libpavo/subscriber.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <zmq.h>

#include "common/clock.h"

#define WAIT_STEP_MS 500 /* replays' time-outs are looked at as often */

/* ---------------------------------------------------------------- birth and death */

static enum result connect_doors(pavo_subscriber *s, const pavo_options *options, struct error *err)
{
    char publish[DOOR_TEXT_MAX], answer[DOOR_TEXT_MAX];
    const char *aggregator = options->aggregator == NULL ? "localhost" : options->aggregator;
    enum result result = door_endpoint(aggregator, options->publish, 1, publish, err);
    if (result == RESULT_OK)
        result = door_endpoint(aggregator, options->answer, 2, answer, err);
    if (result == RESULT_OK)
        result = door_open(s->zmq, ZMQ_SUB, publish, &s->keys, (int)options->queue, &s->live, err);
    if (result == RESULT_OK)
        result = asker_open(s->zmq, answer, &s->keys, &s->asker, err);
    return result;
}

static enum result subscribe(pavo_subscriber *s, const pavo_options *options, struct error *err)
{
    for (unsigned i = 0; i < TOPIC_COUNT; i++) {
        struct chain *chain = &s->chains[i];
        uint64_t start = options->start[i];
        *chain = (struct chain){.topic = &topic_names[i], .done = start};
        chain->wanted = (options->topics & topic_names[i].bit) != 0;
        if (!chain->wanted)
            continue;
        chain->start_pending = start != PAVO_START_NOW;
        chain->begun = chain->start_pending && start != PAVO_START_OLDEST;
        chain->seen = chain->begun ? start : 0;
        if (zmq_setsockopt(s->live.socket, ZMQ_SUBSCRIBE, topic_names[i].name, strlen(topic_names[i].name)) != 0)
            return error_set(err, RESULT_FATAL, "cannot subscribe to %s: %s", topic_names[i].name, zmq_strerror(errno));
    }
    return RESULT_OK;
}

/* One descriptor that is readable when one of the sockets' is. */
static enum result make_fd(pavo_subscriber *s, struct error *err)
{
    void *const sockets[] = {s->live.socket, s->asker.door.socket};
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < 2; i++) {
        int fd = -1;
        size_t size = sizeof(fd);
        struct epoll_event event = {.events = EPOLLIN};
        if (s->epoll < 0 || zmq_getsockopt(sockets[i], ZMQ_FD, &fd, &size) != 0 ||
            epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            return error_set(err, RESULT_FATAL, "cannot make a descriptor to poll: %s", strerror(errno));
    }
    return RESULT_OK;
}

static enum result set_up(pavo_subscriber *s, const pavo_options *options, struct error *err)
{
    if (options->out_of_memory)
        return error_set(err, RESULT_FATAL, "out of memory");
    if (options->key_file == NULL)
        return error_set(err, RESULT_REJECT, "no key file was given (pavo_options_set_key_file)");
    enum result result = keys_read(options->key_file, &s->keys, err);
    if (result != RESULT_OK)
        return result;
    if (s->keys.role != KEY_ROLE_READER)
        return error_set(err, RESULT_REJECT, "%s is the key of a %s, a reader's is needed: pavo keys enrol reader NAME",
                         options->key_file, key_role_name(s->keys.role));
    if (options->filter != NULL) {
        result = filter_parse(options->filter, &s->filter, NULL, err);
        if (result != RESULT_OK)
            return result;
    }
    s->zmq = zmq_ctx_new();
    if (s->zmq == NULL)
        return error_set(err, RESULT_FATAL, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    result = connect_doors(s, options, err);
    if (result == RESULT_OK)
        result = subscribe(s, options, err);
    return result == RESULT_OK ? make_fd(s, err) : result;
}

pavo_subscriber *pavo_subscriber_new(const pavo_options *options, char error[PAVO_ERROR_MAX])
{
    struct error err = {""};
    pavo_subscriber *s = calloc(1, sizeof(*s));
    enum result result = RESULT_OK;
    if (s == NULL) {
        result = error_set(&err, RESULT_FATAL, "out of memory");
    } else {
        s->epoll = -1;
        result = set_up(s, options, &err);
    }
    if (result != RESULT_OK) {
        pavo_subscriber_destroy(&s);
        if (error != NULL)
            snprintf(error, PAVO_ERROR_MAX, "%s", err.text);
    }
    return s;
}

void pavo_subscriber_destroy(pavo_subscriber **subscriber)
{
    pavo_subscriber *s = *subscriber;
    if (s == NULL)
        return;
    event_clear(&s->event);
    reading_close(&s->reading);
    reading_close(&s->held);
    asker_close(&s->asker);
    door_close(&s->live);
    if (s->epoll >= 0)
        close(s->epoll);
    if (s->zmq != NULL)
        zmq_ctx_term(s->zmq);
    filter_destroy(&s->filter);
    keys_clear(&s->keys);
    free(s);
    *subscriber = NULL;
}

/* ---------------------------------------------------------------- replay */

static void gap_say(pavo_subscriber *s, struct chain *chain, uint64_t through, const char *reason)
{
    s->gap_pending = true;
    s->gap_chain = chain;
    s->gap_after = chain->seen;
    s->gap_through = through;
    snprintf(s->gap_reason, sizeof(s->gap_reason), "%.255s", reason);
    s->counts[PAVO_COUNT_GAPS_LOST]++;
    chain->seen = through;
    chain->begun = true;
}

static void replay_ask(pavo_subscriber *s)
{
    struct replay *r = &s->replay;
    Pavo__Replay body = PAVO__REPLAY__INIT;
    Pavo__Query query = PAVO__QUERY__INIT;
    body.topic = (char *)r->chain->topic->name;
    body.after = r->chain->seen;
    body.through = r->through;
    query.body_case = PAVO__QUERY__BODY_REPLAY;
    query.replay = &body;
    r->heard_ns = clock_monotonic_ns();
    r->patience_ns = REPLAY_SILENCE_NS;
    r->attempts++;
    /* A full queue: the next attempt, when this one has been silent for long enough. */
    if (asker_send(&s->asker, &query, &r->id, NULL) != RESULT_OK)
        r->id = 0;
}

/* Asks for (chain->seen, through]. */
static void replay_begin(pavo_subscriber *s, struct chain *chain, uint64_t through)
{
    s->replay = (struct replay){.chain = chain, .through = through};
    replay_ask(s);
}

/* Over, filled or not. What is missing is said. */
static void replay_finish(pavo_subscriber *s)
{
    struct replay *r = &s->replay;
    struct chain *chain = r->chain;
    r->chain = NULL;
    if (r->through > chain->seen)
        gap_say(s, chain, r->through, r->failure.text[0] != '\0' ? r->failure.text : "no longer in the store");
    else if (r->failure.text[0] != '\0' && r->through == 0)
        gap_say(s, chain, chain->seen, r->failure.text); /* how much is missing is not known */
}

static void replay_fail(pavo_subscriber *s, const char *reason)
{
    snprintf(s->replay.failure.text, sizeof(s->replay.failure.text), "%.500s", reason);
    s->replay.ended = true;
}

/* The aggregator said no: perhaps for now only. */
static void replay_error(pavo_subscriber *s, const char *reason)
{
    struct replay *r = &s->replay;
    if (r->attempts >= REPLAY_ATTEMPTS) {
        replay_fail(s, reason);
        return;
    }
    r->id = 0;
    r->patience_ns = REPLAY_ERROR_NS;
}

static void take_in(pavo_subscriber *s, struct chain *chain)
{
    const Pavo__Published *message = s->reading.message;
    chain->seen = message->position;
    chain->begun = true;
    s->counts[PAVO_COUNT_FLOWS] += s->reading.batch == NULL ? 0 : s->reading.batch->rows;
    s->counts[PAVO_COUNT_FLOWS_CHOSEN] += s->reading.chosen;
    if (reading_exhausted(&s->reading))
        chain->done = chain->seen;
}

/* Has the message been here before? A message too large for one comes in parts of one position, each after the first
 * with itself as predecessor: those are new when the part before them was. */
static bool is_duplicate(pavo_subscriber *s, struct chain *chain, const Pavo__Published *message)
{
    bool part = message->previous == message->position && message->position == chain->seen &&
                message->position != chain->dropped;
    if (!chain->begun || message->position > chain->seen || part)
        return false;
    chain->dropped = message->position;
    s->counts[PAVO_COUNT_DUPLICATES]++;
    return true;
}

/* A message out of the store. */
static void replayed(pavo_subscriber *s, const Pavo__Published *message)
{
    struct replay *r = &s->replay;
    struct chain *chain = r->chain;
    size_t size = pavo__published__get_packed_size(message);
    uint8_t *bytes = malloc(size + 1);
    struct error err;
    s->counts[PAVO_COUNT_MESSAGES]++;
    s->counts[PAVO_COUNT_REPLAYED]++;
    r->attempts = 1; /* it goes on */
    r->patience_ns = REPLAY_SILENCE_NS;
    if (bytes == NULL) {
        replay_fail(s, "out of memory");
        return;
    }
    pavo__published__pack(message, bytes);
    if (reading_open(&s->reading, chain->topic->bit, bytes, size, s->filter, &err) != RESULT_OK) {
        s->counts[PAVO_COUNT_MALFORMED]++;
        return; /* the chain breaks here, which the next message or the end of the replay shows */
    }
    message = s->reading.message;
    if (is_duplicate(s, chain, message)) {
        reading_close(&s->reading);
        return;
    }
    if (chain->begun && message->previous > chain->seen)
        gap_say(s, chain, message->previous, "no longer in the store");
    take_in(s, chain);
}

static void replay_time(pavo_subscriber *s)
{
    struct replay *r = &s->replay;
    int64_t now = clock_monotonic_ns();
    char why[DOOR_TEXT_MAX];
    if (now - r->heard_ns < r->patience_ns)
        return;
    if (s->asker.door.state != DOOR_OPEN) {
        if (now - r->heard_ns > REPLAY_AWAY_NS)
            replay_fail(s, door_text(&s->asker.door, s->keys.name, why));
        return;
    }
    if (r->attempts >= REPLAY_ATTEMPTS)
        replay_fail(s, "the aggregator does not answer the request to replay");
    else
        replay_ask(s);
}

/* One step of the replay. False: nothing has come. */
static bool replay_step(pavo_subscriber *s)
{
    Pavo__Reply *reply = NULL;
    struct error err;
    if (s->replay.ended) {
        replay_finish(s);
        return true;
    }
    enum result result = asker_receive(&s->asker, s->replay.id, &reply, &err);
    if (result == RESULT_AGAIN) {
        replay_time(s);
        return s->replay.ended;
    }
    if (result != RESULT_OK) {
        replay_fail(s, err.text);
        return true;
    }
    s->replay.heard_ns = clock_monotonic_ns();
    if (reply->error[0] != '\0') {
        replay_error(s, reply->error);
    } else {
        s->replay.ended = !reply->more;
        if (reply->published != NULL)
            replayed(s, reply->published);
    }
    pavo__reply__free_unpacked(reply, NULL);
    return true;
}

/* ---------------------------------------------------------------- live */

static struct chain *chain_of_topic(pavo_subscriber *s, const void *name, size_t length)
{
    for (unsigned i = 0; i < TOPIC_COUNT; i++) {
        struct chain *chain = &s->chains[i];
        if (chain->wanted && strlen(chain->topic->name) == length && memcmp(chain->topic->name, name, length) == 0)
            return chain;
    }
    return NULL;
}

/* A message that was just received into s->reading. */
static void place_live(pavo_subscriber *s, struct chain *chain)
{
    const Pavo__Published *message = s->reading.message;
    bool anew = message->previous == 0 && message->position < chain->seen; /* another store: positions began again */
    if (!anew && is_duplicate(s, chain, message)) {
        reading_close(&s->reading);
        return;
    }
    if (!chain->begun || anew || message->previous <= chain->seen) {
        take_in(s, chain);
        return;
    }
    s->counts[PAVO_COUNT_GAPS]++;
    s->held = s->reading;
    s->reading = (struct reading){0};
    replay_begin(s, chain, s->held.message->previous);
}

/* The next message of the SUB socket. False: there is none. */
static bool live_step(pavo_subscriber *s)
{
    zmq_msg_t topic, body;
    zmq_msg_init(&topic);
    zmq_msg_init(&body);
    bool got = zmq_msg_recv(&topic, s->live.socket, ZMQ_DONTWAIT) != -1;
    if (got) {
        bool two = zmq_msg_more(&topic) && zmq_msg_recv(&body, s->live.socket, ZMQ_DONTWAIT) != -1;
        struct chain *chain = chain_of_topic(s, zmq_msg_data(&topic), zmq_msg_size(&topic));
        size_t size = zmq_msg_size(&body);
        uint8_t *bytes = two && chain != NULL && !zmq_msg_more(&body) ? malloc(size + 1) : NULL;
        struct error err;
        s->counts[PAVO_COUNT_MESSAGES]++;
        if (bytes != NULL)
            memcpy(bytes, zmq_msg_data(&body), size);
        while (two && zmq_msg_more(&body) && zmq_msg_recv(&body, s->live.socket, ZMQ_DONTWAIT) != -1) {
        }
        if (bytes != NULL && reading_open(&s->reading, chain->topic->bit, bytes, size, s->filter, &err) == RESULT_OK)
            place_live(s, chain);
        else
            s->counts[PAVO_COUNT_MALFORMED]++; /* the next message of the topic shows the hole */
    }
    zmq_msg_close(&topic);
    zmq_msg_close(&body);
    return got;
}

static struct chain *chain_of_bit(pavo_subscriber *s, unsigned bit)
{
    unsigned i = 0;
    while (topic_names[i].bit != bit)
        i++;
    return &s->chains[i];
}

/* The gap before it is filled, or said. */
static void unhold(pavo_subscriber *s)
{
    s->reading = s->held;
    s->held = (struct reading){0};
    take_in(s, chain_of_bit(s, s->reading.topic));
}

static bool start_step(pavo_subscriber *s)
{
    for (unsigned i = 0; i < TOPIC_COUNT; i++) {
        struct chain *chain = &s->chains[i];
        if (!chain->start_pending)
            continue;
        chain->start_pending = false;
        replay_begin(s, chain, 0);
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- next */

static bool hand_out(pavo_subscriber *s)
{
    event_clear(&s->event);
    if (s->gap_pending) {
        s->gap_pending = false;
        s->event.kind = PAVO_EVENT_GAP;
        s->event.topic = s->gap_chain->topic->bit;
        s->event.position = s->gap_through;
        s->event.gap_after = s->gap_after;
        memcpy(s->event.gap_reason, s->gap_reason, sizeof(s->gap_reason));
        if (s->reading.message == NULL || s->reading.topic != s->event.topic)
            s->gap_chain->done = s->gap_through;
        return true;
    }
    if (reading_next(&s->reading, &s->event)) {
        if (reading_exhausted(&s->reading))
            chain_of_bit(s, s->reading.topic)->done = s->event.position;
        return true;
    }
    reading_close(&s->reading);
    return false;
}

/* Does one thing. False: there is nothing to do but wait. */
static bool step(pavo_subscriber *s)
{
    if (s->replay.chain != NULL)
        return replay_step(s);
    if (s->held.message != NULL) {
        unhold(s);
        return true;
    }
    return start_step(s) || live_step(s);
}

static bool is_refused(pavo_subscriber *s)
{
    door_watch(&s->live);
    door_watch(&s->asker.door);
    bool refused = s->live.state == DOOR_REFUSED || s->asker.door.state == DOOR_REFUSED;
    if (!refused)
        s->refusal_told = false;
    return refused;
}

static void wait_for_something(pavo_subscriber *s, int64_t ms)
{
    /* While a replay is under way live messages stay where they are, so they must not wake us. */
    bool replaying = s->replay.chain != NULL;
    zmq_pollitem_t items[] = {
        {.socket = s->asker.door.socket, .events = ZMQ_POLLIN},
        {.socket = s->live.monitor, .events = ZMQ_POLLIN},
        {.socket = s->asker.door.monitor, .events = ZMQ_POLLIN},
        {.socket = s->live.socket, .events = ZMQ_POLLIN},
    };
    (void)zmq_poll(items, replaying ? 3 : 4, (long)(ms > WAIT_STEP_MS ? WAIT_STEP_MS : ms));
}

int pavo_subscriber_next(pavo_subscriber *s, int timeout_ms, const pavo_event **event)
{
    int64_t end = clock_monotonic_ns() + (int64_t)timeout_ms * NS_PER_MS;
    for (;;) {
        if (hand_out(s)) {
            *event = &s->event;
            return PAVO_OK;
        }
        if (step(s))
            continue;
        bool refused = is_refused(s);
        if (refused && !s->refusal_told) {
            s->refusal_told = true;
            return PAVO_REFUSED;
        }
        int64_t left = end - clock_monotonic_ns();
        if (timeout_ms >= 0 && left <= 0)
            return refused ? PAVO_REFUSED : PAVO_TIMEOUT;
        wait_for_something(s, timeout_ms < 0 ? WAIT_STEP_MS : (left + NS_PER_MS - 1) / NS_PER_MS);
    }
}

int pavo_subscriber_fd(const pavo_subscriber *s)
{
    return s->epoll;
}

const char *pavo_subscriber_error(pavo_subscriber *s)
{
    (void)is_refused(s);
    const struct door *door =
        s->asker.door.state == DOOR_REFUSED || s->live.state == DOOR_OPEN ? &s->asker.door : &s->live;
    return door->state == DOOR_OPEN ? NULL : door_text(door, s->keys.name, s->error);
}

uint64_t pavo_subscriber_position(const pavo_subscriber *s, unsigned topic)
{
    for (unsigned i = 0; i < TOPIC_COUNT; i++) {
        if (s->chains[i].topic->bit == topic)
            return s->chains[i].done;
    }
    return PAVO_START_NOW;
}

uint64_t pavo_subscriber_count(const pavo_subscriber *s, enum pavo_count count)
{
    return count <= PAVO_COUNT_FLOWS_CHOSEN ? s->counts[count] : 0;
}
