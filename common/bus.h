/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ sockets as Pavo uses them: CURVE always, heartbeats always, bounded queues, linger bounded.
 *
 * Sockets are plain libzmq sockets (void *), so callers use zmq_poll, zmq_msg_* as documented there.
 * Heartbeat: every 5 s, dead after 15 s without an answer (ZMTP PING); reconnect 100 ms doubling to 5 s;
 * TCP keep-alive on; IPv6 on. A message above `message_max` drops the connection that sent it. */
#ifndef PAVO_COMMON_BUS_H
#define PAVO_COMMON_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "common/keys.h"
#include "common/result.h"

#define BUS_INTAKE_PORT 7461
#define BUS_PUBLISH_PORT 7462
#define BUS_ANSWER_PORT 7463

/* Client end (DEALER, SUB): `keys` are the client's; the server's key is keys->aggregator. `endpoint` as
 * "host:port", "host" (then `default_port`), or a full ZeroMQ endpoint "tcp://..." "ipc://...".
 * ret_socket: to be closed with zmq_close. */
MUST_CHECK enum result bus_connect(void *zmq_context, int type, const char *endpoint, uint16_t default_port,
                                   const struct keys *keys, int queue_messages, void **ret_socket, struct error *err);

/* Server end (ROUTER, XPUB): CURVE server with `keys` (the aggregator's); `domain` is the ZAP domain, by which the
 * authenticator knows which role the door is for. */
MUST_CHECK enum result bus_bind(void *zmq_context, int type, const char *endpoint, uint16_t default_port,
                                const struct keys *keys, const char *domain, int queue_messages, int64_t message_max,
                                void **ret_socket, struct error *err);

/* ZAP (RFC 27) handler: one thread that answers libzmq's question "may this key come in?".
 * A domain is a role's name ("sensor", "reader"): a key of another role is refused there. Refusals are
 * counted by reason and reported through `refused` at most once a minute per address. The user id of a
 * let-in connection is the enrolled name: zmq_msg_gets(msg, "User-Id"). */
struct authenticator;
struct authenticator_counts {
    uint64_t accepted, refused_unknown, refused_role, refused_malformed;
};
typedef void authenticator_refused(void *context, const char *address, const char *domain, const char *reason,
                                   uint64_t suppressed);
MUST_CHECK enum result authenticator_start(void *zmq_context, struct enrolled **enrolled,
                                           authenticator_refused *refused, void *context,
                                           struct authenticator **ret_authenticator, struct error *err);
/* Takes a fresh list (SIGHUP). Any thread. Connections already open stay open: doors ask authenticator_knows. */
void authenticator_replace(struct authenticator *authenticator, struct enrolled **enrolled);
void authenticator_counts_get(struct authenticator *authenticator, struct authenticator_counts *ret_counts);
/* May this name still speak under this role? For doors to ask per message, so that a revoked key is silenced. Any thread. */
bool authenticator_knows(struct authenticator *authenticator, enum key_role role, const char *name);
void authenticator_stop(struct authenticator **authenticator);

/* Sends one message of `length` bytes; with `more` further frames follow. RESULT_AGAIN: queue full (ZMQ_DONTWAIT). */
MUST_CHECK enum result bus_send(void *socket, const void *data, size_t length, bool more);

#endif
