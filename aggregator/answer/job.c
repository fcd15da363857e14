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

struct job *job_new(const uint8_t *peer, uint8_t peer_length, const struct asker *asker, Pavo__Query *query,
                    struct queue *wake)
{
    const char *nearest;
    const struct question *question = question_find_name(query->question, &nearest);
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return NULL;
    memcpy(job->peer, peer, peer_length);
    job->peer_length = peer_length;
    job->asker = *asker;
    job->query = query;
    job->wake = wake;
    job->question = question;
    job->time_max_ns = question == NULL || question->time_max_ns == 0 ? ANSWER_TIMEOUT_NS : question->time_max_ns;
    job->lane = question_is_short(question) ? LANE_SHORT : question_is_long(question) ? LANE_LONG : LANE_TRIED;
    pthread_mutex_init(&job->lock, NULL);
    pthread_cond_init(&job->room, NULL);
    return job;
}

static void drop_first(struct job *job)
{
    struct packed *packed = &job->replies[job->first];
    job->bytes -= packed->length;
    free(packed->data);
    job->first = (job->first + 1) % ANSWER_REPLIES_MAX;
    job->count--;
}

static void drop_all(struct job *job)
{
    while (job->count > 0)
        drop_first(job);
}

void job_free(struct job *job)
{
    drop_all(job);
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
    bool wanted = job->stop == JOB_GOES_ON;
    pthread_mutex_unlock(&job->lock);
    return wanted;
}

enum job_stop job_end(struct job *job, struct error *ret_error)
{
    pthread_mutex_lock(&job->lock);
    memset(job->readers, 0, sizeof(job->readers));
    enum job_stop stop = job->stop;
    if (stop == JOB_TIMED_OUT)
        error_set(ret_error, RESULT_AGAIN, "the query took too long and was ended: narrow it by time or by address");
    else if (stop == JOB_REFUSED)
        *ret_error = job->sentence;
    pthread_mutex_unlock(&job->lock);
    return stop;
}

static bool has_room(const struct job *job, size_t bytes)
{
    return job->count == 0 || (job->count < ANSWER_REPLIES_MAX && job->bytes + bytes <= ANSWER_WAITING_BYTES);
}

/* There is a place for it. */
static void put(struct job *job, struct packed packed)
{
    if (job->count == 0)
        job->progress_ns = clock_monotonic_ns();
    job->replies[(job->first + job->count++) % ANSWER_REPLIES_MAX] = packed;
    job->bytes += packed.length;
}

enum result job_reply(void *context, Pavo__Reply *reply)
{
    struct job *job = context;
    struct packed packed = reply_pack(reply, job->query->id);
    if (packed.data == NULL)
        return RESULT_AGAIN;
    pthread_mutex_lock(&job->lock);
    while (!has_room(job, packed.length) && job->stop == JOB_GOES_ON) {
        job->filled = true;
        queue_wake(job->wake);
        pthread_cond_wait(&job->room, &job->lock); /* the door gives up on a stalled client */
    }
    job->filled = false;
    bool take = job->stop == JOB_GOES_ON;
    if (take) {
        put(job, packed);
        job->complete = !reply->more;
    }
    pthread_mutex_unlock(&job->lock);
    if (!take) {
        free(packed.data);
        return RESULT_AGAIN;
    }
    queue_wake(job->wake);
    return RESULT_OK;
}

/* The last reply finds a place even where the client takes none. */
static void put_last(struct job *job, Pavo__Reply *last)
{
    struct packed packed = reply_pack(last, job->query->id);
    if (packed.data == NULL)
        return; /* the client's patience ends it */
    if (job->count == ANSWER_REPLIES_MAX)
        drop_first(job);
    put(job, packed);
}

void job_finish(struct job *job, Pavo__Reply *last)
{
    struct queue *wake = job->wake;
    pthread_mutex_lock(&job->lock);
    if (last != NULL && job->stop != JOB_GIVEN_UP)
        put_last(job, last);
    job->finished = true; /* once the lock is free the door may free the job */
    pthread_mutex_unlock(&job->lock);
    queue_wake(wake);
}

void job_begin_anew(struct job *job)
{
    struct queue *wake = job->wake;
    pthread_mutex_lock(&job->lock);
    drop_all(job);
    job->lane = LANE_LONG;
    job->given_out = job->complete = false;
    if (job->stop == JOB_MOVED_ON)
        job->stop = JOB_GOES_ON;
    pthread_mutex_unlock(&job->lock);
    queue_wake(wake);
}

/* ---- the door's side; under the job's lock where it says so */

bool job_is_at_work(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    bool at_work = job->given_out && !job->finished;
    pthread_mutex_unlock(&job->lock);
    return at_work;
}

bool job_is_waiting(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    bool waiting = !job->given_out && !job->finished && job->stop == JOB_GOES_ON;
    pthread_mutex_unlock(&job->lock);
    return waiting;
}

enum job_lane job_lane(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    enum job_lane lane = job->lane;
    pthread_mutex_unlock(&job->lock);
    return lane;
}

void job_give_out(struct job *job, bool given_out)
{
    pthread_mutex_lock(&job->lock);
    job->given_out = given_out;
    pthread_mutex_unlock(&job->lock);
}

bool job_is_found_long(struct job *job, int64_t now_ns)
{
    pthread_mutex_lock(&job->lock);
    bool found = job->lane == LANE_TRIED && job->readers[0] != NULL && job->stop == JOB_GOES_ON &&
                 (job->filled || now_ns - job->started_ns > ANSWER_SHORT_NS);
    pthread_mutex_unlock(&job->lock);
    return found;
}

void job_go_on(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    job->lane = LANE_LONG;
    job->progress_ns = clock_monotonic_ns(); /* its client could take nothing before */
    pthread_mutex_unlock(&job->lock);
}

static void interrupt(struct job *job)
{
    for (unsigned i = 0; i < 2; i++) {
        if (job->readers[i] != NULL)
            store_reader_interrupt(job->readers[i]);
    }
}

static void stop(struct job *job, enum job_stop why)
{
    if (why > job->stop)
        job->stop = why;
    pthread_cond_signal(&job->room);
    interrupt(job);
}

void job_stop(struct job *job, enum job_stop why)
{
    pthread_mutex_lock(&job->lock);
    stop(job, why);
    pthread_mutex_unlock(&job->lock);
}

void job_refuse(struct job *job, const struct error *sentence)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    pthread_mutex_lock(&job->lock);
    if (job->stop < JOB_REFUSED) {
        drop_all(job);
        job->sentence = *sentence;
        stop(job, JOB_REFUSED);
        if (!job->given_out || job->finished) { /* no worker says it */
            reply.error = job->sentence.text;
            put_last(job, &reply);
            job->finished = true;
        }
    }
    pthread_mutex_unlock(&job->lock);
}

/* Nothing goes out of an answer that may be begun anew, nor its end before the worker is done: a client that has its
 * answer and goes did not give it up. */
static bool has_to_send(const struct job *job)
{
    bool held = !job->finished && (job->lane == LANE_TRIED || (job->complete && job->count == 1));
    return job->count > 0 && !held && job->stop != JOB_GIVEN_UP;
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
    while (has_to_send(job) && (r = send_first(job, socket)) == RESULT_OK) {
        drop_first(job);
        job->progress_ns = clock_monotonic_ns();
        pthread_cond_signal(&job->room);
    }
    if (r == RESULT_AGAIN)
        *ret_blocked = true;
    else if (r != RESULT_OK)
        stop(job, JOB_GIVEN_UP);
    pthread_mutex_unlock(&job->lock);
}

void job_check_times(struct job *job, int64_t now_ns)
{
    pthread_mutex_lock(&job->lock);
    bool at_work = job->readers[0] != NULL;
    if (job->count > 0 && now_ns - job->progress_ns > ANSWER_STALL_NS)
        stop(job, JOB_GIVEN_UP);
    else if (at_work && now_ns - job->started_ns > job->time_max_ns)
        stop(job, JOB_TIMED_OUT);
    else if (job->stop != JOB_GOES_ON)
        interrupt(job); /* again: an interrupt between two statements is not heard by DuckDB */
    pthread_mutex_unlock(&job->lock);
}

bool job_is_over(struct job *job, bool *ret_given_up)
{
    pthread_mutex_lock(&job->lock);
    *ret_given_up = job->stop == JOB_GIVEN_UP;
    bool over = *ret_given_up ? job->finished || !job->given_out : job->finished && job->count == 0;
    pthread_mutex_unlock(&job->lock);
    return over;
}
