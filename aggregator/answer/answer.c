/* SPDX-License-Identifier: Apache-2.0 */
/* The door for questions: who asks, who works, whose replies go out. */
#include "aggregator/answer/answer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "aggregator/answer/job.h"
#include "aggregator/answer/work.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/message.h"

#define SOCKET_MESSAGES 32 /* replies in ZeroMQ for one client */
#define TICK_MS         200
#define RETRY_MS        10 /* while a client's queue is full */
#define BUSY            "the aggregator is busy with other queries: ask again in a moment"
#define NOT_ENROLLED    "this key is no longer enrolled"

struct worker {
    struct answerer *answerer;
    pthread_t thread;
    struct store_reader *readers[2];
};

struct answerer {
    struct answer_options options;
    struct answer_counts counts;
    struct sessions *sessions;
    void *socket;
    char endpoint[BUS_ENDPOINT_MAX];
    pthread_t thread;
    struct queue *jobs; /* to the workers */
    struct queue *wake; /* only its descriptor: a worker has a reply */
    struct worker workers[ANSWER_WORKERS];
    unsigned worker_count;
    atomic_bool stopping;
    struct job *first; /* the door's own */
    unsigned job_count;
};

/* ---- the workers' side */

static void reply_error(struct job *job, struct error *err, struct argument_error *where)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    text_clean(err->text); /* it may quote what was asked */
    reply.error = err->text;
    reply.parameter = where->parameter;
    reply.offset = (uint32_t)where->offset;
    enum result ignored = job_reply(job, &reply); /* fails when the client is gone: nobody to tell */
    (void)ignored;
}

/* What a worker has in hand. */
struct in_hand {
    struct worker *worker;
    struct job *job;
    int64_t checked_ns; /* monotonic; when the asker was last found to be good */
    struct error why;   /* it is no longer; "": it is */
};

/* May the asker still have this answer? Its key, or the session it asked in, can have ended since it asked. */
static enum result check_asker(struct in_hand *hand, int64_t now_ns)
{
    const struct answerer *a = hand->worker->answerer;
    const struct asker *asker = &hand->job->asker;
    const ProtobufCBinaryData *session = &hand->job->query->session;
    enum key_role role;
    if (!authenticator_admits_key(a->options.authenticator, DOOR_ANSWER, asker->name, asker->key, &role) ||
        role != asker->role)
        return error_set(&hand->why, RESULT_REJECT, NOT_ENROLLED);
    return session->len == 0 ? RESULT_OK
                             : sessions_check(a->sessions, asker, session->data, session->len, now_ns, &hand->why);
}

static enum result reply_to_asker(void *context, Pavo__Reply *reply)
{
    struct in_hand *hand = context;
    int64_t now = clock_monotonic_ns();
    if (now - hand->checked_ns >= ANSWER_RECHECK_NS) {
        enum result r = check_asker(hand, now);
        if (r != RESULT_OK)
            return r;
        hand->checked_ns = now;
    }
    return job_reply(hand->job, reply);
}

static void work_on(struct worker *worker, struct job *job)
{
    struct in_hand hand = {.worker = worker, .job = job};
    struct error err = {""};
    struct work work = {.options = &worker->answerer->options,
                        .counts = &worker->answerer->counts,
                        .sessions = worker->answerer->sessions,
                        .reader = worker->readers[0],
                        .second = worker->readers[1],
                        .asker = &job->asker,
                        .query = job->query,
                        .reply = reply_to_asker,
                        .context = &hand};
    store_reader_resume(worker->readers[0]);
    store_reader_resume(worker->readers[1]);
    bool wanted = job_begin(job, worker->readers, &work.started_ns);
    enum result r = wanted ? work_answer(&work, &err) : RESULT_OK;
    if (job_end(job))
        r = error_set(&err, RESULT_AGAIN, "the query took too long and was ended: narrow it by time or by address");
    else if (hand.why.text[0] != '\0')
        r = error_set(&err, RESULT_REJECT, "%s", hand.why.text);
    if (r != RESULT_OK)
        reply_error(job, &err, &work.error);
    atomic_fetch_add(r == RESULT_OK ? &worker->answerer->counts.answered : &worker->answerer->counts.failed, 1);
    job_finish(job);
}

static void *worker_run(void *argument)
{
    struct worker *worker = argument;
    while (!atomic_load(&worker->answerer->stopping)) {
        struct job *job = queue_pop(worker->answerer->jobs);
        if (job != NULL)
            work_on(worker, job);
        else
            queue_wait(worker->answerer->jobs, TICK_MS * NS_PER_MS);
    }
    return NULL;
}

/* ---- the door's side */

/* All jobs once. True: a client's queue was full. */
static bool serve_jobs(struct answerer *a)
{
    bool blocked = false;
    int64_t now = clock_monotonic_ns();
    for (struct job **at = &a->first; *at != NULL;) {
        struct job *job = *at;
        job_send(job, a->socket, &blocked);
        job_check_times(job, now);
        if (job_is_over(job)) {
            *at = job->next;
            a->job_count--;
            job_free(job);
        } else {
            at = &job->next;
        }
    }
    return blocked;
}

static void refuse(struct answerer *a, const uint8_t *peer, uint8_t peer_length, uint64_t id, const char *sentence)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    reply.error = (char *)sentence;
    struct packed packed = reply_pack(&reply, id);
    enum result r = packed.data == NULL ? RESULT_AGAIN : bus_send(a->socket, peer, peer_length, true);
    if (r == RESULT_OK)
        r = bus_send(a->socket, packed.data, packed.length, false);
    if (r != RESULT_OK)
        log_debug("a refusal could not be sent to a reader");
    atomic_fetch_add(&a->counts.refused, 1);
    free(packed.data);
}

/* Why there is no room for one more query. NULL: there is. */
static const char *full(const struct answerer *a, const uint8_t *peer, uint8_t peer_length, const struct asker *asker)
{
    unsigned of_client = 0, of_key = 0;
    for (const struct job *job = a->first; job != NULL; job = job->next) {
        of_client += job->peer_length == peer_length && memcmp(job->peer, peer, peer_length) == 0;
        of_key += job_is_of(job, asker);
    }
    if (of_client >= ANSWER_CLIENT_MAX)
        return "this connection has as many queries under way as one may have: wait until one is answered";
    if (of_key >= ANSWER_KEY_MAX)
        return "this key has as many queries under way, over all its connections, as one may have: wait until one is "
               "answered";
    return a->job_count < ANSWER_QUERIES_MAX ? NULL : BUSY;
}

/* Takes the query, or says why not. */
static void take(struct answerer *a, const uint8_t *peer, uint8_t peer_length, const struct asker *asker,
                 Pavo__Query *query)
{
    const char *why = full(a, peer, peer_length, asker);
    struct job *job = why == NULL ? job_new(peer, peer_length, asker, query, a->wake) : NULL;
    if (job == NULL) {
        refuse(a, peer, peer_length, query->id, why == NULL ? BUSY : why);
        pavo__query__free_unpacked(query, NULL);
        return;
    }
    struct job **end = &a->first;
    while (*end != NULL)
        end = &(*end)->next;
    *end = job;
    a->job_count++;
}

static unsigned workers_of(const struct answerer *a, const struct asker *asker)
{
    unsigned count = 0;
    for (struct job *job = a->first; job != NULL; job = job->next)
        count += job_is_of(job, asker) && job_is_at_work(job);
    return count;
}

/* Gives out what waits, oldest first; of a key that has its share of the workers the rest goes on waiting. */
static void give_out(struct answerer *a)
{
    for (struct job *job = a->first; job != NULL; job = job->next) {
        if (job->given_out || workers_of(a, &job->asker) >= ANSWER_KEY_WORKERS)
            continue;
        job->given_out = true; /* first: a worker may have it before the push returns */
        if (queue_push(a->jobs, job, 1) != RESULT_OK)
            job->given_out = false; /* no memory: with the next turn */
    }
}

static void query_came(struct answerer *a, const uint8_t *peer, uint8_t peer_length, zmq_msg_t *payload)
{
    struct asker asker = {0};
    if (!authenticator_admits(a->options.authenticator, DOOR_ANSWER, payload, &asker.role)) {
        refuse(a, peer, peer_length, 0, NOT_ENROLLED);
        return;
    }
    snprintf(asker.name, sizeof(asker.name), "%s", zmq_msg_gets(payload, "User-Id"));
    snprintf(asker.key, sizeof(asker.key), "%s", authenticator_key(payload));
    struct error why;
    Pavo__Query *query = (Pavo__Query *)message_unpack(&pavo__query__descriptor, zmq_msg_data(payload),
                                                       zmq_msg_size(payload), MESSAGE_MEMORY_SMALL, &why);
    if (query == NULL)
        refuse(a, peer, peer_length, 0, why.text);
    else
        take(a, peer, peer_length, &asker, query);
}

/* False: there is none. A query is one frame; what comes otherwise (a REQ socket's empty delimiter before it) is not
 * part of the protocol. */
static bool receive_one(struct answerer *a)
{
    uint8_t peer[BUS_ID_MAX], peer_length;
    zmq_msg_t payload;
    enum result r = bus_receive(a->socket, peer, &peer_length, &payload);
    if (r == RESULT_OK) {
        query_came(a, peer, peer_length, &payload);
        zmq_msg_close(&payload);
    } else if (r == RESULT_REJECT) {
        atomic_fetch_add(&a->counts.garbled, 1);
    }
    return r != RESULT_AGAIN;
}

static void *answerer_run(void *argument)
{
    struct answerer *a = argument;
    bool blocked = false;
    while (!atomic_load(&a->stopping)) {
        zmq_pollitem_t items[2] = {{.socket = a->socket, .events = ZMQ_POLLIN},
                                   {.fd = queue_descriptor(a->wake), .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, blocked ? RETRY_MS : TICK_MS);
        (void)queue_pop(a->wake); /* nothing is in it: clears the descriptor */
        while (receive_one(a))
            continue;
        blocked = serve_jobs(a);
        give_out(a);
    }
    for (struct job *job = a->first; job != NULL; job = job->next)
        job_give_up(job);
    return NULL;
}

/* ---- from outside */

static enum result start_worker(struct answerer *a, struct worker *worker, struct error *err)
{
    worker->answerer = a;
    enum result r = store_reader_open(a->options.store, &worker->readers[0], err);
    if (r == RESULT_OK)
        r = store_reader_open(a->options.store, &worker->readers[1], err);
    if (r == RESULT_OK && pthread_create(&worker->thread, NULL, worker_run, worker) != 0)
        r = error_set(err, RESULT_FATAL, "no thread to answer queries");
    if (r != RESULT_OK) {
        store_reader_close(&worker->readers[0]);
        store_reader_close(&worker->readers[1]);
    }
    return r;
}

static enum result start_workers(struct answerer *a, struct error *err)
{
    enum result r = RESULT_OK;
    for (; a->worker_count < ANSWER_WORKERS && r == RESULT_OK; a->worker_count += r == RESULT_OK)
        r = start_worker(a, &a->workers[a->worker_count], err);
    return r;
}

static void answerer_free(struct answerer *a)
{
    atomic_store(&a->stopping, true);
    for (unsigned i = 0; i < a->worker_count; i++) {
        queue_wake(a->jobs);
        pthread_join(a->workers[i].thread, NULL);
        store_reader_close(&a->workers[i].readers[0]);
        store_reader_close(&a->workers[i].readers[1]);
    }
    while (a->jobs != NULL && queue_pop(a->jobs) != NULL)
        continue; /* freed with the list below */
    while (a->first != NULL) {
        struct job *job = a->first;
        a->first = job->next;
        job_free(job);
    }
    if (a->socket != NULL)
        zmq_close(a->socket);
    queue_destroy(&a->jobs);
    queue_destroy(&a->wake);
    sessions_destroy(&a->sessions);
    free(a);
}

static enum result open_door(struct answerer *a, struct error *err)
{
    const struct answer_options *o = &a->options;
    enum result r = bus_bind(o->zmq_context, ZMQ_ROUTER, o->endpoint, BUS_ANSWER_PORT, o->keys, DOOR_ANSWER,
                             SOCKET_MESSAGES, ANSWER_QUERY_MAX, &a->socket, err);
    if (r != RESULT_OK)
        return r;
    /* A client that is gone or full is told apart, instead of its replies falling away. */
    zmq_setsockopt(a->socket, ZMQ_ROUTER_MANDATORY, &(int){1}, sizeof(int));
    bus_endpoint(a->socket, a->endpoint);
    return RESULT_OK;
}

enum result answerer_start(const struct answer_options *options, struct answerer **ret_answerer, struct error *err)
{
    struct answerer *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    a->options = *options;
    a->sessions = sessions_new(options->authenticator, options->keys->public_key);
    enum result r = a->sessions == NULL ? error_set(err, RESULT_FATAL, "out of memory")
                                        : queue_new(ANSWER_QUERIES_MAX, &a->jobs, err);
    if (r == RESULT_OK)
        r = queue_new(1, &a->wake, err);
    if (r == RESULT_OK)
        r = open_door(a, err);
    if (r == RESULT_OK)
        r = start_workers(a, err);
    if (r == RESULT_OK && pthread_create(&a->thread, NULL, answerer_run, a) != 0)
        r = error_set(err, RESULT_FATAL, "no thread for the answer door");
    if (r != RESULT_OK) {
        answerer_free(a);
        return r;
    }
    *ret_answerer = a;
    return RESULT_OK;
}

const char *answerer_endpoint(const struct answerer *answerer)
{
    return answerer->endpoint;
}

void answerer_stop(struct answerer **answerer)
{
    struct answerer *a = *answerer;
    if (a == NULL)
        return;
    atomic_store(&a->stopping, true);
    queue_wake(a->wake);
    pthread_join(a->thread, NULL);
    answerer_free(a);
    *answerer = NULL;
}
