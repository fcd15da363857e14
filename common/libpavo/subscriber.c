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

#include "common/bus.h"
#include "common/clock.h"

#define WAIT_STEP_MS 500 /* replays' time-outs are looked at as often */

/* ---------------------------------------------------------------- birth and death */

static enum result connect_doors(pavo_subscriber *s, const pavo_options *options, struct error *err)
{
    char publish[DOOR_TEXT_MAX], answer[DOOR_TEXT_MAX];
    enum result result = options_publish_door(options, publish, err);
    if (result == RESULT_OK)
        result = options_answer_door(options, answer, err);
    if (result == RESULT_OK)
        result = door_open(s->zmq, publish, BUS_PUBLISH_PORT, &s->keys, (int)options->queue, &s->live, err);
    if (result == RESULT_OK)
        result = asker_open(s->zmq, answer, &s->keys, &s->asker, err);
    return result;
}

static enum result choose_topics(pavo_subscriber *s, const pavo_options *options, struct error *err)
{
    if (options->topics == 0 || options->topics >> TOPIC_COUNT != 0)
        return error_set(err, RESULT_REJECT, "topics 0x%x: one or more of enum pavo_topic were expected",
                         options->topics);
    for (unsigned i = 0; i < TOPIC_COUNT; i++) {
        struct chain *chain = &s->chains[i];
        uint64_t start = options->start[i];
        chain->done = start;
        if ((options->topics & topic_bit(i)) == 0)
            continue;
        enum result result = topic_init(&chain->topic, record_kinds[i], options->filters[i], options->files, err);
        if (result != RESULT_OK)
            return result;
        chain->start_pending = start != PAVO_START_NOW;
        chain->begun = chain->start_pending && start != PAVO_START_OLDEST;
        chain->seen = chain->begun ? start : 0;
    }
    return RESULT_OK;
}

static bool is_wanted(const struct chain *chain)
{
    return chain->topic.shape != NULL;
}

/* Says the topics; what is said before the connection stands waits for it. */
static enum result subscribe(pavo_subscriber *s)
{
    uint8_t packed[256];
    char *topics[TOPIC_COUNT];
    Pavo__Subscribe message = PAVO__SUBSCRIBE__INIT;
    message.version = 1;
    message.topics = topics;
    for (unsigned i = 0; i < TOPIC_COUNT; i++) {
        if (is_wanted(&s->chains[i]))
            topics[message.n_topics++] = (char *)record_kinds[i]->name;
    }
    if (pavo__subscribe__get_packed_size(&message) > sizeof(packed))
        return RESULT_FATAL;
    return bus_send(s->live.socket, packed, pavo__subscribe__pack(&message, packed), false);
}

/* Over each new connection anew. */
static void subscribe_anew(pavo_subscriber *s)
{
    if (s->live.state == DOOR_OPEN && s->live.opened > s->subscribed && subscribe(s) == RESULT_OK)
        s->subscribed = s->live.opened;
}

/* One descriptor that is readable when one of the sockets' is. */
static enum result make_fd(pavo_subscriber *s, struct error *err)
{
    void *const sockets[] = {s->live.socket, s->live.watch, s->asker.door.socket};
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < 3; i++) {
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
    enum result result = options_keys(options, false, &s->keys, err);
    if (result == RESULT_OK)
        result = choose_topics(s, options, err);
    if (result != RESULT_OK)
        return result;
    s->zmq = zmq_ctx_new();
    if (s->zmq == NULL)
        return error_set(err, RESULT_FATAL, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    result = connect_doors(s, options, err);
    if (result != RESULT_OK)
        return result;
    if (subscribe(s) != RESULT_OK)
        return error_set(err, RESULT_FATAL, "%s: cannot subscribe: %s", s->live.endpoint, zmq_strerror(errno));
    s->subscribed = 1; /* it goes out over the first */
    return make_fd(s, err);
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
    pavo_subscriber *s = subscriber == NULL ? NULL : *subscriber;
    if (s == NULL)
        return;
    event_clear(&s->event);
    reading_close(&s->reading);
    reading_close(&s->held);
    asker_close(&s->asker);
    if (s->live.socket != NULL) /* what was not said so far is of no interest to anybody */
        zmq_setsockopt(s->live.socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    door_close(&s->live);
    if (s->epoll >= 0)
        close(s->epoll);
    if (s->zmq != NULL)
        zmq_ctx_term(s->zmq);
    for (unsigned i = 0; i < TOPIC_COUNT; i++)
        topic_fini(&s->chains[i].topic);
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
    snprintf(s->gap_reason, sizeof(s->gap_reason), "%.*s", GAP_REASON_MAX - 1, reason);
    text_clean(s->gap_reason);
    s->counts[PAVO_COUNT_GAPS_LOST]++;
    chain->seen = through;
    chain->begun = true;
}

/* Asks for (replay.after, replay.through]. */
static void replay_ask(pavo_subscriber *s)
{
    struct replay *r = &s->replay;
    char after[24], through[24];
    Pavo__Argument arguments[3], *pointers[3];
    const char *const names[] = {"topic", "after", "through"};
    const char *const values[] = {r->chain->topic.kind->name, after, through};
    Pavo__Query query = PAVO__QUERY__INIT;
    r->after = r->chain->seen > r->after ? r->chain->seen : r->after; /* asked again: what has come has come */
    snprintf(after, sizeof(after), "%" PRIu64, r->after);
    snprintf(through, sizeof(through), "%" PRIu64, r->through);
    for (unsigned i = 0; i < 3; i++) {
        pavo__argument__init(&arguments[i]);
        arguments[i].name = (char *)names[i];
        arguments[i].value = (char *)values[i];
        pointers[i] = &arguments[i];
    }
    query.question = (char *)"replay";
    query.arguments = pointers;
    query.n_arguments = 3;
    r->heard_ns = clock_monotonic_ns();
    r->patience_ns = REPLAY_SILENCE_NS;
    r->attempts++;
    /* A full queue: the next attempt, when this one has been silent for long enough. */
    if (asker_send(&s->asker, &query, &r->id, NULL) != RESULT_OK)
        r->id = 0;
}

static void replay_begin(pavo_subscriber *s, struct chain *chain, uint64_t after, uint64_t through)
{
    s->replay = (struct replay){.chain = chain, .after = after, .through = through};
    replay_ask(s);
}

/* A start after a position that this store has not come to: it is another one. All it has is new to us. */
static void begin_anew(pavo_subscriber *s, struct chain *chain)
{
    gap_say(s, chain, chain->seen, "the aggregator has another store than before: its positions began again");
    chain->seen = 0;
    chain->begun = false;
    chain->start_pending = true;
}

/* Over, filled or not. What is missing is said. */
static void replay_finish(pavo_subscriber *s)
{
    struct replay *r = &s->replay;
    struct chain *chain = r->chain;
    bool failed = r->failure.text[0] != '\0';
    if (!failed && r->reached > r->after && r->reached < r->through) { /* it went some of the way: on from there */
        replay_begin(s, chain, r->reached, r->through);
        return;
    }
    r->chain = NULL;
    if (r->through > chain->seen) {
        const char *why = r->why[0] != '\0' ? r->why : "no longer in the store";
        gap_say(s, chain, r->through, failed ? r->failure.text : why);
    } else if (failed && r->through == 0) {
        gap_say(s, chain, chain->seen, r->failure.text); /* how much is missing is not known */
    } else if (r->through == 0 && r->reached != 0 && r->reached < chain->seen) {
        begin_anew(s, chain);
    } else if (!chain->begun && r->reached != 0) {
        /* The store had nothing up to there, so what is between there and the first live message is missing. */
        chain->seen = chain->done = r->reached;
        chain->begun = true;
    }
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
    chain->seen = s->reading.position;
    chain->begun = true;
    s->counts[PAVO_COUNT_RECORDS] += s->reading.received;
    s->counts[PAVO_COUNT_RECORDS_CHOSEN] += reading_chosen(&s->reading);
    if (reading_exhausted(&s->reading))
        chain->done = chain->seen;
}

/* Has the message been here before? A message too large for one comes in parts of one position, each after the first
 * with itself as predecessor: those are new when the part before them was. */
static bool is_duplicate(pavo_subscriber *s, struct chain *chain, const struct reading *message)
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
    struct error err;
    s->counts[PAVO_COUNT_MESSAGES]++;
    s->counts[PAVO_COUNT_REPLAYED]++;
    enum result result = reading_open_message(&s->reading, &chain->topic, message, &err);
    if (result == RESULT_FATAL) {
        replay_fail(s, err.text);
        return;
    }
    if (result != RESULT_OK) {
        s->counts[PAVO_COUNT_MALFORMED]++;
        return; /* the chain breaks here, which the next message or the end of the replay shows */
    }
    if (is_duplicate(s, chain, &s->reading)) {
        reading_close(&s->reading);
        return;
    }
    if (chain->begun && s->reading.previous > chain->seen)
        gap_say(s, chain, s->reading.previous, "no longer in the store");
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

static void replay_coverage(struct replay *r, const Pavo__Coverage *coverage)
{
    r->reached = coverage->position;
    /* Other gaps than these were never published: they are no reason for a message to be missing. */
    for (size_t i = 0; i < coverage->n_gaps && r->why[0] == '\0'; i++) {
        if (coverage->gaps[i]->kind == PAVO__GAP__KIND__DAMAGED)
            snprintf(r->why, sizeof(r->why), "%.*s", GAP_REASON_MAX - 1, coverage->gaps[i]->reason);
    }
}

static void replay_reply(pavo_subscriber *s, const Pavo__Reply *reply)
{
    struct replay *r = &s->replay;
    r->heard_ns = clock_monotonic_ns();
    if (reply->error[0] != '\0') {
        replay_error(s, reply->error);
        return;
    }
    r->attempts = 1; /* it goes on */
    r->patience_ns = REPLAY_SILENCE_NS;
    r->ended = !reply->more;
    if (reply->published != NULL)
        replayed(s, reply->published);
    if (reply->coverage != NULL)
        replay_coverage(r, reply->coverage);
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
    replay_reply(s, reply);
    pavo__reply__free_unpacked(reply, NULL);
    return true;
}

/* ---------------------------------------------------------------- live */

static struct chain *chain_of_topic(pavo_subscriber *s, const void *name, size_t length)
{
    for (unsigned i = 0; i < TOPIC_COUNT; i++) {
        const char *topic = record_kinds[i]->name;
        if (is_wanted(&s->chains[i]) && strlen(topic) == length && memcmp(topic, name, length) == 0)
            return &s->chains[i];
    }
    return NULL;
}

/* A message that was just received into s->reading. */
static void place_live(pavo_subscriber *s, struct chain *chain)
{
    const struct reading *message = &s->reading;
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
    replay_begin(s, chain, chain->seen, s->held.previous);
}

/* The next live message. False: there is none. */
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
        if (bytes != NULL && reading_open(&s->reading, &chain->topic, bytes, size, &err) == RESULT_OK)
            place_live(s, chain);
        else
            s->counts[PAVO_COUNT_MALFORMED]++; /* the next message of the topic shows the hole */
    }
    zmq_msg_close(&topic);
    zmq_msg_close(&body);
    return got;
}

static struct chain *chain_of_reading(pavo_subscriber *s)
{
    return &s->chains[record_kind_number(s->reading.topic->kind)];
}

/* The gap before it is filled, or said. */
static void unhold(pavo_subscriber *s)
{
    s->reading = s->held;
    s->held = (struct reading){0};
    take_in(s, chain_of_reading(s));
}

static bool start_step(pavo_subscriber *s)
{
    for (unsigned i = 0; i < TOPIC_COUNT; i++) {
        struct chain *chain = &s->chains[i];
        if (!chain->start_pending)
            continue;
        chain->start_pending = false;
        replay_begin(s, chain, chain->seen, 0);
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- next */

static void hand_out_gap(pavo_subscriber *s)
{
    struct pavo_event *event = &s->event;
    s->gap_pending = false;
    event->kind = PAVO_EVENT_GAP;
    event->topic = (unsigned)(s->gap_chain - s->chains);
    event->position = s->gap_through;
    event->gap_after = s->gap_after;
    memcpy(event->gap_reason, s->gap_reason, sizeof(s->gap_reason));
    if (s->reading.topic != &s->gap_chain->topic)
        s->gap_chain->done = s->gap_through;
}

static bool hand_out(pavo_subscriber *s)
{
    event_clear(&s->event);
    if (s->gap_pending) {
        hand_out_gap(s);
        return true;
    }
    if (reading_next(&s->reading, &s->event)) {
        if (reading_exhausted(&s->reading))
            chain_of_reading(s)->done = s->event.position;
        return true;
    }
    reading_close(&s->reading);
    return false;
}

void pavo_subscriber_skip(pavo_subscriber *s)
{
    if (s == NULL || s->event.columns == NULL)
        return;
    reading_skip(&s->reading);
    chain_of_reading(s)->done = s->event.position;
}

/* Does one thing. False: there is nothing to do but wait. */
static bool step(pavo_subscriber *s)
{
    if (s->replay.chain != NULL)
        return replay_step(s);
    if (s->held.topic != NULL) {
        unhold(s);
        return true;
    }
    return start_step(s) || live_step(s);
}

static bool is_refused(pavo_subscriber *s)
{
    door_watch(&s->live);
    door_watch(&s->asker.door);
    subscribe_anew(s);
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
        {.socket = s->live.watch, .events = ZMQ_POLLIN},
        {.socket = s->asker.door.watch, .events = ZMQ_POLLIN},
        {.socket = s->live.socket, .events = ZMQ_POLLIN},
    };
    (void)zmq_poll(items, replaying ? 3 : 4, (long)(ms > WAIT_STEP_MS ? WAIT_STEP_MS : ms));
}

int pavo_subscriber_next(pavo_subscriber *s, int timeout_ms, const pavo_event **event)
{
    if (s == NULL || event == NULL)
        return PAVO_FAILED;
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
    return s == NULL ? -1 : s->epoll;
}

const char *pavo_subscriber_error(pavo_subscriber *s)
{
    if (s == NULL)
        return "there is no subscriber";
    (void)is_refused(s);
    const struct door *door =
        s->asker.door.state == DOOR_REFUSED || s->live.state == DOOR_OPEN ? &s->asker.door : &s->live;
    return door->state == DOOR_OPEN ? NULL : door_text(door, s->keys.name, s->error);
}

uint64_t pavo_subscriber_position(const pavo_subscriber *s, unsigned topic)
{
    for (unsigned i = 0; s != NULL && i < TOPIC_COUNT; i++) {
        if (topic_bit(i) == topic)
            return s->chains[i].done;
    }
    return PAVO_START_NOW;
}

uint64_t pavo_subscriber_count(const pavo_subscriber *s, enum pavo_count count)
{
    return s == NULL || (unsigned)count > PAVO_COUNT_RECORDS_CHOSEN ? 0 : s->counts[count];
}
