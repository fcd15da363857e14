/* SPDX-License-Identifier: Apache-2.0 */
/* One query, from arrival until its last reply is with ZeroMQ: shared by the door's thread and one worker. Inside the
 * answer stage. */
#ifndef PAVO_AGGREGATOR_ANSWER_JOB_H
#define PAVO_AGGREGATOR_ANSWER_JOB_H

#include <pthread.h>

#include "aggregator/answer/answer.h"
#include "aggregator/answer/enclosed.h"
#include "aggregator/answer/sessions.h"
#include "aggregator/queue.h"
#include "aggregator/store/store.h"
#include "common/bus.h"
#include "pavo.pb-c.h"

struct question;

struct packed {
    uint8_t *data; /* owned */
    size_t length;
};
/* NULL data: out of memory. */
struct packed reply_pack(Pavo__Reply *reply, uint64_t id);

/* A question is short as long as it has not run longer than ANSWER_SHORT_NS and its answer fits into what may wait for
 * its client (ANSWER_WAITING_BYTES, ANSWER_REPLIES_MAX). Until that is known nothing of the answer goes out, so that it
 * can be stopped and begun anew. */
enum job_lane {
    LANE_TRIED, /* not known yet */
    LANE_SHORT, /* answered from memory: always short, and never begun twice */
    LANE_LONG,
};

/* Why it does not go on; each outdoes those before it. */
enum job_stop {
    JOB_GOES_ON,
    JOB_MOVED_ON, /* it is long, and there is no place for a long one now: begun anew later */
    JOB_TIMED_OUT,
    JOB_REFUSED,  /* its asker may not have the answer any longer */
    JOB_GIVEN_UP, /* its client is gone, takes no replies, or said that it does not want it any more */
};

struct job {
    struct job *next; /* the door's list, oldest first */
    uint64_t turn;    /* the door's: when its key was last served */
    uint8_t peer[BUS_ID_MAX];
    uint8_t peer_length;
    struct asker asker;
    Pavo__Query *query;              /* owned */
    struct enclosed *enclosed;       /* with it; NULL: nothing. The door's, for as long as the job is */
    const struct question *question; /* NULL: there is none of that name */
    int64_t time_max_ns;
    struct queue *wake; /* the door's: a reply is there */

    pthread_mutex_t lock; /* guards these */
    pthread_cond_t room;
    struct packed replies[ANSWER_REPLIES_MAX];
    unsigned first, count;
    size_t bytes;                    /* of them */
    struct store_reader *readers[2]; /* of the worker at work on it; NULL before and after */
    int64_t started_ns, progress_ns; /* monotonic */
    enum job_lane lane;
    enum job_stop stop;
    struct error sentence;    /* of JOB_REFUSED */
    bool given_out, finished; /* to the workers; no more replies come */
    bool filled;              /* there is no room for the next reply */
    bool complete;            /* the last of the replies is the answer's last */
};

/* Takes the query. NULL: out of memory; the query stays the caller's. */
struct job *job_new(const uint8_t *peer, uint8_t peer_length, const struct asker *asker, Pavo__Query *query,
                    struct queue *wake);
void job_free(struct job *job);

/* ---- the worker's side */

/* From here to job_end the door may interrupt the readers for this job. False: it is not wanted any more. */
bool job_begin(struct job *job, struct store_reader *const readers[static 2], int64_t *ret_started_ns);
/* Why it was stopped, if it was; ret_error then has the sentence for the asker, of JOB_TIMED_OUT and JOB_REFUSED. */
enum job_stop job_end(struct job *job, struct error *ret_error);
/* Waits for room. RESULT_AGAIN: it was stopped, or there is no memory. */
MUST_CHECK enum result job_reply(void *job, Pavo__Reply *reply);
/* No more replies come; `last`, when it is not NULL, is the last one. */
void job_finish(struct job *job, Pavo__Reply *last);
/* After JOB_MOVED_ON: what there is of the answer is forgotten, and the job waits for its turn among the long ones. */
void job_begin_anew(struct job *job);

/* ---- the door's side */

/* A worker has it, or is to have it. */
bool job_is_at_work(struct job *job);
enum job_lane job_lane(struct job *job);
/* It waits for a worker. */
bool job_is_waiting(struct job *job);
void job_give_out(struct job *job, bool given_out);

/* It was tried, and is long. */
bool job_is_found_long(struct job *job, int64_t now_ns);
/* It goes on as a long one. */
void job_go_on(struct job *job);

/* Sends what there is, may go out and the client takes; *ret_blocked is set when its queue is full. */
void job_send(struct job *job, void *socket, bool *ret_blocked);
/* Gives up on a client that stalls, and interrupts what takes too long. */
void job_check_times(struct job *job, int64_t now_ns);
/* No more replies go out but perhaps an error, and who works on it stops soon. */
void job_stop(struct job *job, enum job_stop why);
/* JOB_REFUSED, with a sentence for its asker. */
void job_refuse(struct job *job, const struct error *sentence);
/* Nothing is left to be done: it may be freed. *ret_given_up: it ended as JOB_GIVEN_UP. */
bool job_is_over(struct job *job, bool *ret_given_up);

#endif
