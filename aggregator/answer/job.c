/* SPDX-License-Identifier: Apache-2.0 */
/* A query under way. */
#include "aggregator/answer/job.h"

#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/question.h"
#include "common/clock.h"

struct packed reply_pack(Pavo__Reply *reply, uint64_t id)
{
    reply->version = 1;
    reply->id = id;
    struct packed packed = {.length = pavo__reply__get_packed_size(reply)};
    packed.data = malloc(packed.length + 1);
    if (packed.data != NULL)
        pavo__reply__pack(reply, packed.data);
    return packed;
}

static int64_t time_max(const Pavo__Query *query)
{
    const char *nearest;
    const struct question *question = question_find_name(query->question, &nearest);
    return question == NULL || question->time_max_ns == 0 ? ANSWER_TIMEOUT_NS : question->time_max_ns;
}

struct job *job_new(const uint8_t *peer, uint8_t peer_length, const struct asker *asker, Pavo__Query *query,
                    struct queue *wake)
{
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return NULL;
    memcpy(job->peer, peer, peer_length);
    job->peer_length = peer_length;
    job->asker = *asker;
    job->query = query;
    job->time_max_ns = time_max(query);
    job->wake = wake;
    pthread_mutex_init(&job->lock, NULL);
    pthread_cond_init(&job->room, NULL);
    return job;
}

static void drop_first(struct job *job)
{
    free(job->replies[job->first].data);
    job->first = (job->first + 1) % ANSWER_REPLIES_MAX;
    job->count--;
}

void job_free(struct job *job)
{
    while (job->count > 0)
        drop_first(job);
    pavo__query__free_unpacked(job->query, NULL);
    pthread_mutex_destroy(&job->lock);
    pthread_cond_destroy(&job->room);
    free(job);
}

/* ---- the worker's side */

bool job_begin(struct job *job, struct store_reader *const readers[static 2], int64_t *ret_started_ns)
{
    pthread_mutex_lock(&job->lock);
    memcpy(job->readers, readers, sizeof(job->readers));
    job->started_ns = clock_monotonic_ns();
    *ret_started_ns = job->started_ns;
    bool wanted = !job->given_up;
    pthread_mutex_unlock(&job->lock);
    return wanted;
}

bool job_end(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    memset(job->readers, 0, sizeof(job->readers));
    bool timed_out = job->timed_out;
    pthread_mutex_unlock(&job->lock);
    return timed_out;
}

enum result job_reply(void *context, Pavo__Reply *reply)
{
    struct job *job = context;
    struct packed packed = reply_pack(reply, job->query->id);
    if (packed.data == NULL)
        return RESULT_AGAIN;
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
    queue_wake(job->wake);
    return RESULT_OK;
}

void job_finish(struct job *job)
{
    struct queue *wake = job->wake;
    pthread_mutex_lock(&job->lock);
    job->finished = true; /* once the lock is free the door may free the job */
    pthread_mutex_unlock(&job->lock);
    queue_wake(wake);
}

/* ---- the door's side; under the job's lock where it says so */

bool job_is_of(const struct job *job, const struct asker *asker)
{
    return job->asker.role == asker->role && strcmp(job->asker.name, asker->name) == 0;
}

bool job_is_at_work(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    bool at_work = job->given_out && !job->finished;
    pthread_mutex_unlock(&job->lock);
    return at_work;
}

static void interrupt(struct job *job)
{
    for (unsigned i = 0; i < 2; i++) {
        if (job->readers[i] != NULL)
            store_reader_interrupt(job->readers[i]);
    }
}

static void give_up(struct job *job)
{
    job->given_up = true;
    pthread_cond_signal(&job->room);
    interrupt(job);
}

void job_give_up(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    give_up(job);
    pthread_mutex_unlock(&job->lock);
}

static enum result send_first(struct job *job, void *socket)
{
    const struct packed *packed = &job->replies[job->first];
    enum result r = bus_send(socket, job->peer, job->peer_length, true);
    return r == RESULT_OK ? bus_send(socket, packed->data, packed->length, false) : r;
}

void job_send(struct job *job, void *socket, bool *ret_blocked)
{
    pthread_mutex_lock(&job->lock);
    enum result r = RESULT_OK;
    while (job->count > 0 && !job->given_up && (r = send_first(job, socket)) == RESULT_OK) {
        drop_first(job);
        job->progress_ns = clock_monotonic_ns();
        pthread_cond_signal(&job->room);
    }
    if (r == RESULT_AGAIN)
        *ret_blocked = true;
    else if (r != RESULT_OK)
        give_up(job);
    pthread_mutex_unlock(&job->lock);
}

void job_check_times(struct job *job, int64_t now_ns)
{
    pthread_mutex_lock(&job->lock);
    bool at_work = job->readers[0] != NULL;
    if (job->count > 0 && now_ns - job->progress_ns > ANSWER_STALL_NS) {
        give_up(job);
    } else if (at_work && now_ns - job->started_ns > job->time_max_ns) {
        job->timed_out = true;
        interrupt(job);
    } else if (job->given_up && at_work) {
        interrupt(job); /* again: an interrupt between two statements is not heard by DuckDB */
    }
    pthread_mutex_unlock(&job->lock);
}

bool job_is_over(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    bool over = job->finished && (job->count == 0 || job->given_up);
    pthread_mutex_unlock(&job->lock);
    return over;
}
