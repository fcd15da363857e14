/* SPDX-License-Identifier: Apache-2.0 */
/* Asking at the answer door: Query out, Reply in. Internal to libpavo; one thread at a time. */
#ifndef PAVO_COMMON_LIBPAVO_ASK_H
#define PAVO_COMMON_LIBPAVO_ASK_H

#include "common/libpavo/door.h"
#include "pavo.pb-c.h"

/* Queries and replies waiting in the socket. */
#define ASK_QUEUE 64

struct asker {
    struct door door;
    uint64_t last_id;
    int64_t heard_ns; /* any reply, also one that nobody waits for; 0 none. Monotonic */
};

MUST_CHECK enum result asker_open(void *zmq_context, const char *endpoint, const struct keys *keys,
                                  struct asker *ret_asker, struct error *err);
void asker_close(struct asker *asker);

/* Sends; version and id are filled in here. The socket keeps it until the connection stands. RESULT_FULL: it keeps too
 * many already. */
MUST_CHECK enum result asker_send(struct asker *asker, Pavo__Query *query, uint64_t *ret_id, struct error *err);

/* Sends a part of a set for the query that is sent next. RESULT_FULL: the socket has too many of them, try again. */
MUST_CHECK enum result asker_send_part(struct asker *asker, const char *name, const uint8_t *part, size_t length,
                                       struct error *err);

/* Says that no more is wanted of query `id`. Nothing is lost if it cannot be sent: the query ends with the connection.
 */
void asker_cancel(struct asker *asker, uint64_t id);

/* The next reply to query `id`; replies to earlier queries are dropped. Never waits. RESULT_AGAIN: none yet.
 * RESULT_REJECT: a reply that cannot be read. The caller frees with pavo__reply__free_unpacked(reply, NULL). */
MUST_CHECK enum result asker_receive(struct asker *asker, uint64_t id, Pavo__Reply **ret_reply, struct error *err);

#endif
