/* SPDX-License-Identifier: Apache-2.0 */
/* Answer: the door for questions. What can be asked is the table of questions.c (docs/questions.md); how an answer
 * looks is in proto/pavo.proto: a head, pages, a coverage, or an error.
 *
 * One thread owns the ROUTER socket; ANSWER_WORKERS threads, each with its own readers of the store, work on queries
 * and stream replies. A query has at most ANSWER_REPLIES_MAX replies waiting for its client; a client that takes none
 * for ANSWER_STALL_NS, or is gone, loses its query. A query that runs longer than ANSWER_TIMEOUT_NS (a question may say
 * otherwise) is ended with an error that says so. At most ANSWER_QUERIES_MAX are under way; ANSWER_CLIENT_MAX of
 * one client (a connection), and ANSWER_KEY_MAX of one enrolled name, however many connections it has. A name has at
 * most ANSWER_KEY_WORKERS workers at a time: it alone never keeps all of them from the others. Whether a reader is
 * still enrolled, and its session open, is asked again in the middle of an answer, every ANSWER_RECHECK_NS while
 * replies go out. */
#ifndef PAVO_AGGREGATOR_ANSWER_H
#define PAVO_AGGREGATOR_ANSWER_H

#include <stdint.h>

#include "common/result.h"

#define ANSWER_WORKERS     4
#define ANSWER_REPLIES_MAX 8u
#define ANSWER_QUERIES_MAX 64u
#define ANSWER_CLIENT_MAX  8u
#define ANSWER_KEY_MAX     (ANSWER_QUERIES_MAX / 4)
#define ANSWER_KEY_WORKERS (ANSWER_WORKERS - 1u)
#define ANSWER_RECHECK_NS  1000000000ll
#define ANSWER_STALL_NS    (15ll * 1000000000)
#define ANSWER_TIMEOUT_NS  (60ll * 1000000000)
#define ANSWER_REPLAY_NS   (600ll * 1000000000)
#define ANSWER_QUERY_MAX   65536    /* bytes of a Query */
#define ANSWER_ROWS_MAX    1000000u /* of stored records without a limit; a larger limit is taken as this */

struct authenticator;
struct committer;
struct keys;
struct publisher;
struct receiver;
struct store;

struct answer_options {
    void *zmq_context;
    const char *endpoint;
    const struct keys *keys; /* borrowed while the answerer lives, as all the others */
    struct authenticator *authenticator;
    struct store *store;
    struct receiver *receiver;
    struct publisher *publisher;
    struct committer *committer;
};

struct answerer;
MUST_CHECK enum result answerer_start(const struct answer_options *options, struct answerer **ret_answerer,
                                      struct error *err);
const char *answerer_endpoint(const struct answerer *answerer);
/* Ends queries under way without an answer. */
void answerer_stop(struct answerer **answerer);

#endif
