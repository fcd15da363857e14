/* SPDX-License-Identifier: Apache-2.0 */
/* The door for questions: who asks, who works, whose replies go out. */
#include "aggregator/answer/answer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

#include "aggregator/answer/job.h"
#include "aggregator/answer/question.h"
#include "aggregator/answer/work.h"
#include "aggregator/engine/engine.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/message.h"

#define TICK_MS  200
#define CHECK_MS 50 /* while queries are under way: how late a limit of time may be noticed */
#define RETRY_MS 10 /* while a client's queue is full */
#define BUSY     "the aggregator is busy with other queries: ask again in a moment"

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
    struct peers peers;
    char endpoint[BUS_ENDPOINT_MAX];
    pthread_t thread;
    struct queue *jobs; /* to the workers */
    struct queue *wake; /* only its descriptor: a worker has a reply */
    struct worker workers[ANSWER_WORKERS];
    unsigned worker_count;
    atomic_bool stopping;
    /* The door's own. */
    struct job *first;
    unsigned job_count;
    size_t enclosed; /* bytes with the queries, those that are still to come among them */
    uint64_t turns;  /* times a key was served */
    int64_t rechecked_ns;
};

/* ---- the workers' side */

static void finish_with(struct job *job, struct error *err, struct argument_error *where)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    text_clean(err->text); /* it may quote what was asked */
    reply.error = err->text;
    reply.parameter = where->parameter;
    reply.offset = (uint32_t)where->offset;
    job_finish(job, &reply);
}

static void work_on(struct worker *worker, struct job *job)
{
    struct answer_counts *counts = &worker->answerer->counts;
    struct error err = {""};
    struct work work = {.options = &worker->answerer->options,
                        .counts = counts,
                        .sessions = worker->answerer->sessions,
                        .reader = worker->readers[0],
                        .second = worker->readers[1],
                        .asker = &job->asker,
                        .query = job->query,
                        .enclosed = job->enclosed,
                        .memory = {.left = ANSWER_MEMORY_MAX},
                        .reply = job_reply,
                        .context = job};
    store_reader_resume(worker->readers[0]);
    store_reader_resume(worker->readers[1]);
    bool wanted = job_begin(job, worker->readers, &work.started_ns);
    enum result r = wanted ? work_answer(&work, &err) : RESULT_AGAIN;
    enum job_stop stop = job_end(job, &err);
    if (r != RESULT_OK && stop == JOB_MOVED_ON) {
        job_begin_anew(job);
        return;
    }
    if (stop != JOB_GIVEN_UP)
        atomic_fetch_add(r == RESULT_OK && stop != JOB_REFUSED ? &counts->answered : &counts->failed, 1);
    if (r == RESULT_OK && stop != JOB_REFUSED)
        job_finish(job, NULL);
    else
        finish_with(job, &err, &work.error);
}

/* What is asked takes the processor that intake leaves (invariant 5). DuckDB's own threads that help are as nice. */
static void stand_back(void)
{
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), ENGINE_NICE) != 0)
        log_debug("queries run at the priority of everything else: %s", strerror(errno));
}

static void *worker_run(void *argument)
{
    struct worker *worker = argument;
    stand_back();
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

static void free_enclosed(struct answerer *a, struct enclosed *enclosed)
{
    enclosed_free(&enclosed, &a->enclosed);
}

/* All jobs once. True: a client's queue was full. */
static bool serve_jobs(struct answerer *a, int64_t now)
{
    bool blocked = false, given_up;
    for (struct job **at = &a->first; *at != NULL;) {
        struct job *job = *at;
        job_send(job, a->socket, &blocked);
        job_check_times(job, now);
        if (job_is_over(job, &given_up)) {
            *at = job->next;
            a->job_count--;
            atomic_fetch_add(&a->counts.given_up, given_up);
            free_enclosed(a, job->enclosed);
            job_free(job);
        } else {
            at = &job->next;
        }
    }
    return blocked;
}

static bool is_from(const struct job *job, const struct peer *peer)
{
    return job->peer_length == peer->id_length && memcmp(job->peer, peer->id, peer->id_length) == 0;
}

/* The connection has ended, and with it what was asked over it. */
static void peer_gone(void *context, struct peer *peer)
{
    struct answerer *a = context;
    for (struct job *job = a->first; job != NULL; job = job->next) {
        if (is_from(job, peer))
            job_stop(job, JOB_GIVEN_UP);
    }
    free_enclosed(a, peer->own);
    peer->own = NULL;
}

/* May its asker still have the answer? Its key, or the session it asked in, can have ended since it asked. */
static bool is_allowed(struct answerer *a, const struct job *job, int64_t now, struct error *ret_why)
{
    const ProtobufCBinaryData *session = &job->query->session;
    error_set(ret_why, RESULT_REJECT, PEERS_NOT_ENROLLED);
    return peers_admit(&a->peers, &job->asker) &&
           (session->len == 0 ||
            sessions_check(a->sessions, &job->asker, session->data, session->len, now, ret_why) == RESULT_OK);
}

static void recheck(struct answerer *a, int64_t now)
{
    struct error why;
    if (now - a->rechecked_ns < ANSWER_RECHECK_NS)
        return;
    a->rechecked_ns = now;
    for (struct job *job = a->first; job != NULL; job = job->next) {
        if (!is_allowed(a, job, now, &why))
            job_refuse(job, &why);
    }
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
static const char *full(const struct answerer *a, const struct peer *peer)
{
    unsigned of_client = 0, of_key = 0;
    for (const struct job *job = a->first; job != NULL; job = job->next) {
        of_client += is_from(job, peer);
        of_key += asker_is_same(&job->asker, &peer->asker);
    }
    if (of_client >= ANSWER_CLIENT_MAX)
        return "this connection has as many queries under way as one may have: wait until one is answered";
    if (of_key >= ANSWER_KEY_MAX)
        return "this key has as many queries under way, over all its connections, as one may have: wait until one is "
               "answered";
    return a->job_count < ANSWER_QUERIES_MAX ? NULL : BUSY;
}

/* Behind all others, with its key's turn. */
static void append(struct answerer *a, struct job *job)
{
    struct job **end = &a->first;
    for (; *end != NULL; end = &(*end)->next) {
        if (asker_is_same(&(*end)->asker, &job->asker))
            job->turn = (*end)->turn;
    }
    *end = job;
    a->job_count++;
}

/* Takes the query, or says why not. */
static void take(struct answerer *a, struct peer *peer, Pavo__Query *query)
{
    struct enclosed *pending = peer->own, *enclosed = enclosed_take(&pending, query->id);
    const char *why = enclosed_refusal(enclosed);
    peer->own = pending;
    if (why == NULL)
        why = full(a, peer);
    struct job *job = why == NULL ? job_new(peer->id, peer->id_length, &peer->asker, query, a->wake) : NULL;
    if (job != NULL) {
        job->enclosed = enclosed;
        append(a, job);
        return;
    }
    free_enclosed(a, enclosed);
    refuse(a, peer->id, peer->id_length, query->id, why == NULL ? BUSY : why);
    pavo__query__free_unpacked(query, NULL);
}

/* A part of what the next query has enclosed. */
static void enclose(struct answerer *a, struct peer *peer, const Pavo__Query *query)
{
    struct enclosed *enclosed = peer->own;
    enclosed_add(&enclosed, query->id, query->set, &a->enclosed);
    peer->own = enclosed;
}

/* The client wants no more of the query it sent under that number. Not answered; a number that it has none under is
 * one that was answered meanwhile. */
static void cancel(struct answerer *a, const struct peer *peer, uint64_t id)
{
    for (struct job *job = a->first; job != NULL; job = job->next) {
        if (is_from(job, peer) && job->query->id == id)
            job_stop(job, JOB_GIVEN_UP);
    }
}

/* ---- lanes */

/* What workers are at. */
struct busy {
    struct job *jobs[ANSWER_WORKERS];
    unsigned count;
};

static struct busy busy_now(const struct answerer *a)
{
    struct busy busy = {.count = 0};
    for (struct job *job = a->first; job != NULL && busy.count < ANSWER_WORKERS; job = job->next) {
        if (job_is_at_work(job))
            busy.jobs[busy.count++] = job;
    }
    return busy;
}

/* Is there a place for one more of this key? */
static bool has_place(const struct busy *busy, const struct asker *asker)
{
    unsigned of_key = 0;
    for (unsigned i = 0; i < busy->count; i++)
        of_key += asker_is_same(&busy->jobs[i]->asker, asker);
    return busy->count < ANSWER_WORKERS && of_key < ANSWER_KEY_WORKERS;
}

static bool has_long_place(const struct busy *busy, const struct asker *asker)
{
    unsigned all = 0, of_key = 0;
    for (unsigned i = 0; i < busy->count; i++) {
        bool is_long = job_lane(busy->jobs[i]) == LANE_LONG;
        all += is_long;
        of_key += is_long && asker_is_same(&busy->jobs[i]->asker, asker);
    }
    return all < ANSWER_LONG_MAX && of_key < ANSWER_KEY_LONG;
}

/* Of questions of which only some are worked on at once. */
static bool has_question_place(const struct busy *busy, const struct job *job)
{
    unsigned all = 0, of_key = 0;
    for (unsigned i = 0; i < busy->count; i++) {
        bool same = busy->jobs[i]->question == job->question;
        all += same;
        of_key += same && asker_is_same(&busy->jobs[i]->asker, &job->asker);
    }
    return job->question == NULL || job->question->at_once == 0 || (all < job->question->at_once && of_key == 0);
}

/* Those that were found to be long go on as such, or make room. */
static void move_on(struct answerer *a, int64_t now)
{
    struct busy busy = busy_now(a);
    for (unsigned i = 0; i < busy.count; i++) {
        struct job *job = busy.jobs[i];
        if (!job_is_found_long(job, now))
            continue;
        if (has_long_place(&busy, &job->asker))
            job_go_on(job);
        else
            job_stop(job, JOB_MOVED_ON);
    }
}

/* Whose key was served longest ago, and of those the oldest. NULL: none that may begin. */
static struct job *next_to_begin(const struct answerer *a)
{
    struct busy busy = busy_now(a);
    struct job *next = NULL;
    for (struct job *job = a->first; job != NULL; job = job->next) {
        if ((next == NULL || job->turn < next->turn) && has_place(&busy, &job->asker) && job_is_waiting(job) &&
            (job_lane(job) != LANE_LONG || has_long_place(&busy, &job->asker)) && has_question_place(&busy, job))
            next = job;
    }
    return next;
}

static void give_out(struct answerer *a)
{
    struct job *next;
    while ((next = next_to_begin(a)) != NULL) {
        job_give_out(next, true); /* first: a worker may have it before the push returns */
        if (queue_push(a->jobs, next, 1) != RESULT_OK) {
            job_give_out(next, false); /* no memory: with the next turn */
            return;
        }
        a->turns++;
        for (struct job *job = a->first; job != NULL; job = job->next)
            job->turn = asker_is_same(&job->asker, &next->asker) ? a->turns : job->turn;
    }
}

/* ---- what comes in */

static void query_came(struct answerer *a, const uint8_t *id, uint8_t id_length, zmq_msg_t *payload)
{
    const char *refusal;
    struct error why;
    struct peer *peer = peers_meet(&a->peers, id, id_length, payload, &refusal);
    if (peer == NULL) {
        refuse(a, id, id_length, 0, refusal);
        return;
    }
    Pavo__Query *query = (Pavo__Query *)message_unpack(&pavo__query__descriptor, zmq_msg_data(payload),
                                                       zmq_msg_size(payload), MESSAGE_MEMORY_SMALL, &why);
    if (query == NULL) {
        refuse(a, id, id_length, 0, why.text);
    } else if (query->cancel != 0) {
        cancel(a, peer, query->cancel);
        pavo__query__free_unpacked(query, NULL);
    } else if (query->set != NULL) {
        enclose(a, peer, query);
        pavo__query__free_unpacked(query, NULL);
    } else {
        take(a, peer, query);
    }
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
        zmq_pollitem_t items[3] = {{.socket = a->socket, .events = ZMQ_POLLIN},
                                   {.socket = a->peers.watch, .events = ZMQ_POLLIN},
                                   {.fd = queue_descriptor(a->wake), .events = ZMQ_POLLIN}};
        zmq_poll(items, 3, blocked ? RETRY_MS : a->first != NULL ? CHECK_MS : TICK_MS);
        (void)queue_pop(a->wake); /* nothing is in it: clears the descriptor */
        while (receive_one(a))
            continue;
        int64_t now = clock_monotonic_ns();
        peers_sweep(&a->peers);
        recheck(a, now);
        move_on(a, now);
        blocked = serve_jobs(a, now);
        give_out(a);
    }
    for (struct job *job = a->first; job != NULL; job = job->next)
        job_stop(job, JOB_GIVEN_UP);
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
        free_enclosed(a, job->enclosed);
        job_free(job);
    }
    peers_clear(&a->peers);
    bus_close(&a->socket, &a->peers.watch);
    queue_destroy(&a->jobs);
    queue_destroy(&a->wake);
    sessions_destroy(&a->sessions);
    free(a);
}

static enum result open_door(struct answerer *a, struct error *err)
{
    const struct answer_options *o = &a->options;
    enum result r = bus_bind(o->zmq_context, ZMQ_ROUTER, o->endpoint, BUS_ANSWER_PORT, o->keys, DOOR_ANSWER,
                             ANSWER_SOCKET_MESSAGES, ANSWER_QUERY_MAX, &a->socket, &a->peers.watch, err);
    if (r != RESULT_OK)
        return r;
    /* A client that is gone or full is told apart, instead of its replies falling away. */
    zmq_setsockopt(a->socket, ZMQ_ROUTER_MANDATORY, &(int){1}, sizeof(int));
    bus_endpoint(a->socket, a->endpoint);
    a->peers = (struct peers){.watch = a->peers.watch,
                              .authenticator = o->authenticator,
                              .door = DOOR_ANSWER,
                              .of_name_max = ANSWER_KEY_CONNECTIONS,
                              .all_max = ANSWER_CONNECTIONS_MAX,
                              .gone = peer_gone,
                              .context = a};
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
