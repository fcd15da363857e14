/* SPDX-License-Identifier: Apache-2.0 */
/* Answer: the door for questions. What can be asked is the table of questions.c (docs/questions.md); how an answer
 * looks is in proto/pavo.proto: a head, pages, a coverage, or an error.
 *
 * One thread owns the ROUTER socket; ANSWER_WORKERS threads, each with its own readers of the store, work on queries.
 *
 * Lanes: at most ANSWER_LONG_MAX workers have long questions, so one at least has not. Whether a question is long is
 * not known before it was tried (question_is_short and _long say of which it is): it may run for ANSWER_SHORT_NS, and
 * its answer fill what may wait for its client. Beyond that it is long. When there is a place for a long one it goes
 * on; otherwise it is stopped, and begun anew when there is, which nobody sees, since nothing of its answer has gone
 * out. Whose key was served longest ago is served next. So a short question waits for the trials of other keys, one of
 * each at most, and never for a long one.
 *
 * An end: a query ends when its client says so (Query.cancel), when its connection ends, when its client takes no reply
 * for ANSWER_STALL_NS, when it runs longer than ANSWER_TIMEOUT_NS (a question may say otherwise), and when its key is
 * revoked or its session over, which is looked at every ANSWER_RECHECK_NS. What DuckDB is doing for it is interrupted.
 *
 * Bounds: at most ANSWER_QUERIES_MAX are under way, ANSWER_CLIENT_MAX of one connection, ANSWER_KEY_MAX of one enrolled
 * name, which has at most ANSWER_KEY_WORKERS workers and ANSWER_KEY_LONG of the long ones' places at a time. One that
 * is worked on holds at most ANSWER_MEMORY_MAX beside what DuckDB's own limit covers (files that its filter names
 * among it; enclosed.h says what of those may wait); its replies that wait for the
 * client ANSWER_WAITING_BYTES and the one that did not fit. A SELECT runs in a process of its own, ANSWER_SQL_AT_ONCE
 * of them, with ANSWER_SQL_MEMORY_MIB each. A reply is ANSWER_REPLY_BYTES or a single row (of a replay: what was
 * published at once). ZeroMQ holds ANSWER_SOCKET_MESSAGES of them for a connection; a name has at most
 * ANSWER_KEY_CONNECTIONS, and the door ANSWER_CONNECTIONS_MAX. */
#ifndef PAVO_AGGREGATOR_ANSWER_H
#define PAVO_AGGREGATOR_ANSWER_H

#include <stdint.h>

#include "common/result.h"

#define ANSWER_WORKERS         4u
#define ANSWER_LONG_MAX        (ANSWER_WORKERS - 1u)
#define ANSWER_SHORT_NS        (250ll * 1000000)
#define ANSWER_REPLIES_MAX     8u
#define ANSWER_REPLY_BYTES     (1u << 20)
#define ANSWER_WAITING_BYTES   (1u << 20)
#define ANSWER_MEMORY_MAX      (64u << 20)
#define ANSWER_SOCKET_MESSAGES 2
#define ANSWER_QUERIES_MAX     64u
#define ANSWER_CLIENT_MAX      8u
#define ANSWER_KEY_MAX         (ANSWER_QUERIES_MAX / 4)
#define ANSWER_KEY_WORKERS     (ANSWER_WORKERS - 1u)
#define ANSWER_KEY_LONG        (ANSWER_LONG_MAX - 1u)
#define ANSWER_KEY_CONNECTIONS 32u
#define ANSWER_CONNECTIONS_MAX 1024u
#define ANSWER_RECHECK_NS      (500ll * 1000000)
#define ANSWER_STALL_NS        (15ll * 1000000000)
#define ANSWER_TIMEOUT_NS      (60ll * 1000000000)
#define ANSWER_REPLAY_NS       (600ll * 1000000000)
#define ANSWER_SQL_SECONDS     60u /* of a SELECT, and of the processor */
#define ANSWER_SQL_AT_ONCE     2u  /* one of a key */
#define ANSWER_SQL_MEMORY_MIB  512u
#define ANSWER_QUERY_MAX       65536    /* bytes of a Query */
#define ANSWER_ROWS_MAX        1000000u /* of stored records without a limit; a larger limit is taken as this */

struct authenticator;
struct committer;
struct geo;
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
    struct receiver *receiver; /* these: NULL where the store is only read */
    struct publisher *publisher;
    struct committer *committer;
    const struct geo *geo; /* NULL: none */
};

struct answerer;
MUST_CHECK enum result answerer_start(const struct answer_options *options, struct answerer **ret_answerer,
                                      struct error *err);
const char *answerer_endpoint(const struct answerer *answerer);
/* Ends queries under way without an answer. */
void answerer_stop(struct answerer **answerer);

#endif
