/* SPDX-License-Identifier: Apache-2.0 */
/* One query, from arrival until its last reply is with ZeroMQ: shared by the door's thread and one worker. Inside the
 * answer stage. */
#ifndef PAVO_AGGREGATOR_ANSWER_JOB_H
#define PAVO_AGGREGATOR_ANSWER_JOB_H

#include <pthread.h>

#include "aggregator/answer/answer.h"
#include "aggregator/answer/sessions.h"
#include "aggregator/queue.h"
#include "aggregator/store/store.h"
#include "common/bus.h"
#include "pavo.pb-c.h"

struct packed {
    uint8_t *data; /* owned */
    size_t length;
};
/* NULL data: out of memory. */
struct packed reply_pack(Pavo__Reply *reply, uint64_t id);

struct job {
    struct job *next; /* the door's list, oldest first */
    bool given_out;   /* to the workers; the door's alone */
    uint8_t peer[BUS_ID_MAX];
    uint8_t peer_length;
    struct asker asker;
    Pavo__Query *query; /* owned */
    int64_t time_max_ns;
    struct queue *wake; /* the door's: a reply is there */

    pthread_mutex_t lock; /* guards these */
    pthread_cond_t room;
    struct packed replies[ANSWER_REPLIES_MAX];
    unsigned first, count;
    struct store_reader *readers[2]; /* of the worker at work on it; NULL before and after */
    int64_t started_ns, progress_ns; /* monotonic */
    bool given_up, timed_out, finished;
};

/* Takes the query. NULL: out of memory; the query stays the caller's. */
struct job *job_new(const uint8_t *peer, uint8_t peer_length, const struct asker *asker, Pavo__Query *query,
                    struct queue *wake);
void job_free(struct job *job);

/* ---- the worker's side */

/* From here to job_end the door may interrupt the readers for this job. False: it is given up already. */
bool job_begin(struct job *job, struct store_reader *const readers[static 2], int64_t *ret_started_ns);
/* True: it ran into its limit of time. */
bool job_end(struct job *job);
/* Waits for room. RESULT_AGAIN: the client is gone or too slow, or there is no memory: stop. */
MUST_CHECK enum result job_reply(void *job, Pavo__Reply *reply);
/* No more replies come. */
void job_finish(struct job *job);

/* ---- the door's side */

/* Of the same key, by the name it is enrolled under. */
bool job_is_of(const struct job *job, const struct asker *asker);
/* A worker has it, or is to have it. */
bool job_is_at_work(struct job *job);

/* Sends what there is and the client takes; *ret_blocked is set when its queue is full. */
void job_send(struct job *job, void *socket, bool *ret_blocked);
/* Gives up on a client that stalls, and interrupts what takes too long. */
void job_check_times(struct job *job, int64_t now_ns);
/* No more replies go out, and who works on it stops soon. */
void job_give_up(struct job *job);
/* Nothing is left to be done: it may be freed. */
bool job_is_over(struct job *job);

#endif
