/* SPDX-License-Identifier: Apache-2.0 */
/* The door for questions: who asks, who works, whose replies go out. */
#include "aggregator/answer/answer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "aggregator/answer/work.h"
#include "common/bus.h"
#include "common/clock.h"
#include "common/log.h"

#define SOCKET_MESSAGES 32 /* replies in ZeroMQ for one client */
#define TICK_MS         200
#define RETRY_MS        10 /* while a client's queue is full */
#define PEER_MAX        255

struct packed {
    uint8_t *data;
    size_t length;
};

/* One query, from arrival until its last reply is with ZeroMQ. Shared by the door and one worker. */
struct job {
    struct job *next; /* the door's list */
    uint8_t peer[PEER_MAX];
    uint8_t peer_length;
    Pavo__Query *query; /* owned */
    struct answerer *answerer;

    pthread_mutex_t lock; /* guards these */
    pthread_cond_t room;
    struct packed replies[ANSWER_REPLIES_MAX];
    unsigned first, count;
    struct worker *worker; /* at work on it; NULL before and after */
    int64_t started_ns, progress_ns;
    bool given_up, timed_out, finished;
};

struct worker {
    struct answerer *answerer;
    pthread_t thread;
    struct store_reader *reader, *second;
};

struct answerer {
    struct answer_options options;
    void *socket;
    char endpoint[256];
    pthread_t thread;
    struct queue *jobs; /* to the workers */
    struct queue *wake; /* only its descriptor: a worker has a reply */
    struct worker workers[ANSWER_WORKERS];
    unsigned worker_count;
    atomic_bool stopping;
    struct job *first; /* the door's own */
    unsigned job_count;
};

/* ---- the worker's side */

static enum result job_push(struct job *job, struct packed packed)
{
    pthread_mutex_lock(&job->lock);
    while (job->count == ANSWER_REPLIES_MAX && !job->given_up)
        pthread_cond_wait(&job->room, &job->lock); /* the door gives up on a stalled client */
    bool take = !job->given_up;
    if (take) {
        if (job->count == 0)
            job->progress_ns = clock_monotonic_ns();
        job->replies[(job->first + job->count++) % ANSWER_REPLIES_MAX] = packed;
    }
    pthread_mutex_unlock(&job->lock);
    if (!take) {
        free(packed.data);
        return RESULT_AGAIN;
    }
    queue_wake(job->answerer->wake);
    return RESULT_OK;
}

static enum result job_reply(void *context, Pavo__Reply *reply)
{
    struct job *job = context;
    reply->version = 1;
    reply->id = job->query->id;
    struct packed packed = {.length = pavo__reply__get_packed_size(reply)};
    packed.data = malloc(packed.length + 1);
    if (packed.data == NULL)
        return RESULT_AGAIN;
    pavo__reply__pack(reply, packed.data);
    return job_push(job, packed);
}

static enum result answer_query(struct work *work, size_t *ret_offset, struct error *err)
{
    if (work->query->version != 1)
        return error_set(err, RESULT_REJECT, "this aggregator answers queries of version 1, not %u",
                         work->query->version);
    switch (work->query->body_case) {
    case PAVO__QUERY__BODY_FIND:
        return work_find(work, ret_offset, err);
    case PAVO__QUERY__BODY_NAT:
        return work_nat(work, err);
    case PAVO__QUERY__BODY_SENSORS:
        return work_sensors(work, err);
    case PAVO__QUERY__BODY_REPLAY:
        return work_replay(work, ret_offset, err);
    case PAVO__QUERY__BODY__NOT_SET:
    case _PAVO__QUERY__BODY__CASE_IS_INT_SIZE:
        break;
    }
    return error_set(err, RESULT_REJECT, "a query this aggregator does not know");
}

static void job_work(struct worker *worker, struct job *job)
{
    struct error err = {""};
    size_t offset = 0;
    store_reader_resume(worker->reader);
    store_reader_resume(worker->second);
    pthread_mutex_lock(&job->lock);
    job->worker = worker;
    job->started_ns = clock_monotonic_ns();
    bool given_up = job->given_up;
    pthread_mutex_unlock(&job->lock);
    struct work work = {.options = &worker->answerer->options,
                        .reader = worker->reader,
                        .second = worker->second,
                        .query = job->query,
                        .started_ns = job->started_ns,
                        .reply = job_reply,
                        .context = job};
    enum result r = given_up ? RESULT_OK : answer_query(&work, &offset, &err);
    pthread_mutex_lock(&job->lock);
    job->worker = NULL; /* from here the door interrupts this reader for this job no more */
    if (job->timed_out)
        r = error_set(&err, RESULT_AGAIN, "the query took too long and was ended: narrow it by time or by address");
    pthread_mutex_unlock(&job->lock);
    if (r != RESULT_OK) {
        Pavo__Reply reply = PAVO__REPLY__INIT;
        reply.error = err.text;
        reply.error_offset = (uint32_t)offset;
        enum result ignored = job_reply(job, &reply); /* fails when the client is gone: nobody to tell */
        (void)ignored;
    }
    pthread_mutex_lock(&job->lock);
    job->finished = true;
    pthread_mutex_unlock(&job->lock);
    queue_wake(worker->answerer->wake);
}

static void *worker_run(void *argument)
{
    struct worker *worker = argument;
    while (!atomic_load(&worker->answerer->stopping)) {
        struct job *job = queue_pop(worker->answerer->jobs);
        if (job != NULL)
            job_work(worker, job);
        else
            queue_wait(worker->answerer->jobs, TICK_MS * NS_PER_MS);
    }
    return NULL;
}

/* ---- the door's side */

static void job_free(struct job *job)
{
    for (; job->count > 0; job->count--) {
        free(job->replies[job->first].data);
        job->first = (job->first + 1) % ANSWER_REPLIES_MAX;
    }
    pavo__query__free_unpacked(job->query, NULL);
    pthread_mutex_destroy(&job->lock);
    pthread_cond_destroy(&job->room);
    free(job);
}

/* Under the job's lock: no more replies go out, and who works on it stops soon. */
static void job_give_up(struct job *job)
{
    job->given_up = true;
    pthread_cond_signal(&job->room);
    if (job->worker != NULL) {
        store_reader_interrupt(job->worker->reader);
        store_reader_interrupt(job->worker->second);
    }
}

static enum result send_to(struct answerer *a, const uint8_t *peer, uint8_t peer_length, const struct packed *packed)
{
    enum result r = bus_send(a->socket, peer, peer_length, true);
    return r == RESULT_OK ? bus_send(a->socket, packed->data, packed->length, false) : r;
}

/* Sends what the job has and the client takes. */
static void job_send(struct answerer *a, struct job *job, bool *ret_blocked)
{
    while (job->count > 0 && !job->given_up) {
        enum result r = send_to(a, job->peer, job->peer_length, &job->replies[job->first]);
        if (r == RESULT_AGAIN) {
            *ret_blocked = true;
            return;
        }
        if (r != RESULT_OK) {
            job_give_up(job);
            return;
        }
        free(job->replies[job->first].data);
        job->first = (job->first + 1) % ANSWER_REPLIES_MAX;
        job->count--;
        job->progress_ns = clock_monotonic_ns();
        pthread_cond_signal(&job->room);
    }
}

static void job_check_times(struct job *job, int64_t now)
{
    int64_t longest = job->query->body_case == PAVO__QUERY__BODY_REPLAY ? ANSWER_REPLAY_NS : ANSWER_TIMEOUT_NS;
    if (job->count > 0 && now - job->progress_ns > ANSWER_STALL_NS) {
        job_give_up(job);
    } else if (job->worker != NULL && now - job->started_ns > longest) {
        job->timed_out = true;
        store_reader_interrupt(job->worker->reader);
        store_reader_interrupt(job->worker->second);
    } else if (job->given_up && job->worker != NULL) {
        job_give_up(job); /* again: an interrupt between two statements is not heard by DuckDB */
    }
}

/* All jobs once. True: a client's queue was full. */
static bool serve_jobs(struct answerer *a)
{
    bool blocked = false;
    int64_t now = clock_monotonic_ns();
    for (struct job **at = &a->first; *at != NULL;) {
        struct job *job = *at;
        pthread_mutex_lock(&job->lock);
        job_send(a, job, &blocked);
        job_check_times(job, now);
        bool over = job->finished && (job->count == 0 || job->given_up);
        pthread_mutex_unlock(&job->lock);
        if (over) {
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
    reply.version = 1;
    reply.id = id;
    reply.error = (char *)sentence;
    struct packed packed = {.length = pavo__reply__get_packed_size(&reply)};
    packed.data = malloc(packed.length + 1);
    if (packed.data == NULL)
        return;
    pavo__reply__pack(&reply, packed.data);
    if (send_to(a, peer, peer_length, &packed) != RESULT_OK)
        log_debug("a refusal could not be sent to a reader");
    free(packed.data);
}

static struct job *job_new(struct answerer *a, zmq_msg_t *id, Pavo__Query *query)
{
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return NULL;
    job->answerer = a;
    job->peer_length = (uint8_t)zmq_msg_size(id);
    memcpy(job->peer, zmq_msg_data(id), job->peer_length);
    job->query = query;
    pthread_mutex_init(&job->lock, NULL);
    pthread_cond_init(&job->room, NULL);
    return job;
}

static void query_came(struct answerer *a, zmq_msg_t *id, zmq_msg_t *payload)
{
    uint8_t *peer = zmq_msg_data(id);
    uint8_t peer_length = (uint8_t)zmq_msg_size(id);
    if (!authenticator_admits(a->options.authenticator, KEY_ROLE_READER, payload)) {
        refuse(a, peer, peer_length, 0, "this key is no longer enrolled");
        return;
    }
    Pavo__Query *query = pavo__query__unpack(NULL, zmq_msg_size(payload), zmq_msg_data(payload));
    if (query == NULL) {
        refuse(a, peer, peer_length, 0, "not a query");
        return;
    }
    unsigned of_client = 0;
    for (const struct job *job = a->first; job != NULL; job = job->next)
        of_client += job->peer_length == peer_length && memcmp(job->peer, peer, peer_length) == 0;
    struct job *job = a->job_count < ANSWER_QUERIES_MAX && of_client < ANSWER_CLIENT_MAX ? job_new(a, id, query) : NULL;
    if (job == NULL || queue_push(a->jobs, job, 1) != RESULT_OK) {
        refuse(a, peer, peer_length, query->id, "the aggregator is busy with other queries: ask again in a moment");
        if (job != NULL)
            job_free(job);
        else
            pavo__query__free_unpacked(query, NULL);
        return;
    }
    job->next = a->first;
    a->first = job;
    a->job_count++;
}

/* [routing id][payload]; a REQ socket's empty delimiter before the payload is not part of the protocol. */
static bool receive_one(struct answerer *a)
{
    zmq_msg_t id, payload;
    zmq_msg_init(&id);
    zmq_msg_init(&payload);
    bool got = zmq_msg_recv(&id, a->socket, ZMQ_DONTWAIT) >= 0;
    unsigned frames = 0;
    bool more = got && zmq_msg_more(&id);
    while (more && zmq_msg_recv(&payload, a->socket, ZMQ_DONTWAIT) >= 0) {
        frames++;
        more = zmq_msg_more(&payload);
    }
    if (frames == 1)
        query_came(a, &id, &payload);
    else if (got)
        refuse(a, zmq_msg_data(&id), (uint8_t)zmq_msg_size(&id), 0, "a query is one frame");
    zmq_msg_close(&id);
    zmq_msg_close(&payload);
    return got;
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
    }
    for (struct job *job = a->first; job != NULL; job = job->next) {
        pthread_mutex_lock(&job->lock);
        job_give_up(job);
        pthread_mutex_unlock(&job->lock);
    }
    return NULL;
}

/* ---- from outside */

static enum result start_workers(struct answerer *a, struct error *err)
{
    for (unsigned i = 0; i < ANSWER_WORKERS; i++) {
        struct worker *worker = &a->workers[i];
        worker->answerer = a;
        enum result r = store_reader_open(a->options.store, &worker->reader, err);
        if (r == RESULT_OK)
            r = store_reader_open(a->options.store, &worker->second, err);
        if (r == RESULT_OK && pthread_create(&worker->thread, NULL, worker_run, worker) != 0)
            r = error_set(err, RESULT_FATAL, "no thread to answer queries");
        if (r != RESULT_OK) {
            store_reader_close(&worker->reader);
            store_reader_close(&worker->second);
            return r;
        }
        a->worker_count++;
    }
    return RESULT_OK;
}

static void answerer_free(struct answerer *a)
{
    atomic_store(&a->stopping, true);
    for (unsigned i = 0; i < a->worker_count; i++) {
        queue_wake(a->jobs);
        pthread_join(a->workers[i].thread, NULL);
        store_reader_close(&a->workers[i].reader);
        store_reader_close(&a->workers[i].second);
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
    free(a);
}

enum result answerer_start(const struct answer_options *options, struct answerer **ret_answerer, struct error *err)
{
    struct answerer *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    a->options = *options;
    enum result r = queue_new(ANSWER_QUERIES_MAX, &a->jobs, err);
    if (r == RESULT_OK)
        r = queue_new(1, &a->wake, err);
    if (r == RESULT_OK)
        r = bus_bind(options->zmq_context, ZMQ_ROUTER, options->endpoint, BUS_ANSWER_PORT, options->keys, "reader",
                     SOCKET_MESSAGES, ANSWER_QUERY_MAX, &a->socket, err);
    if (r == RESULT_OK) {
        /* A client that is gone or full is told apart, instead of its replies falling away. */
        zmq_setsockopt(a->socket, ZMQ_ROUTER_MANDATORY, &(int){1}, sizeof(int));
        size_t length = sizeof(a->endpoint);
        zmq_getsockopt(a->socket, ZMQ_LAST_ENDPOINT, a->endpoint, &length);
        r = start_workers(a, err);
    }
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
