/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ sockets as Pavo uses them: CURVE always, heartbeats always, bounded queues, linger bounded.
 *
 * Sockets are plain libzmq sockets (void *), so callers use zmq_poll, zmq_msg_* as documented there.
 * Heartbeat: every 5 s, dead after 15 s without an answer (ZMTP PING); reconnect 100 ms doubling to 5 s;
 * TCP keep-alive on; IPv6 on. A message above the largest drops the connection that sent it; at a client that is what
 * its role is ever sent. */
#ifndef PAVO_COMMON_BUS_H
#define PAVO_COMMON_BUS_H

#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

#include "common/keys.h"
#include "common/result.h"

#define BUS_INTAKE_PORT  7461
#define BUS_PUBLISH_PORT 7462
#define BUS_ANSWER_PORT  7463

/* Largest message to a client: a ToSensor; a Published or Reply, which may hold all that one batch unpacks to. */
#define BUS_SPEAKER_MESSAGE_MAX (64 << 10)
#define BUS_READER_MESSAGE_MAX  (64 << 20)

/* Client end (DEALER, SUB): `keys` are the client's; the server's key is keys->aggregator. `endpoint` as
 * "host:port", "host" (then `default_port`), or a full ZeroMQ endpoint "tcp://..." "ipc://...".
 * ret_socket: to be closed with bus_close, together with its watch. ret_watch (NULL: nobody watches): a PAIR socket to
 * poll, of which bus_event hands out what became of the connection, from the first attempt on. */
MUST_CHECK enum result bus_connect(void *zmq_context, int type, const char *endpoint, uint16_t default_port,
                                   const struct keys *keys, int queue_messages, void **ret_socket, void **ret_watch,
                                   struct error *err);

/* Server end (ROUTER, XPUB), `endpoint` "*:port", "host:port", "host:*" (any free port) or "tcp://...": CURVE server
 * with `keys` (the aggregator's); `door`, whose name is the ZAP domain, tells the authenticator whom to let in.
 * ret_watch as above: it tells of connections that end.
 * One connection has at most 16 MiB of messages waiting to be received, and `queue_messages`. */
MUST_CHECK enum result bus_bind(void *zmq_context, int type, const char *endpoint, uint16_t default_port,
                                const struct keys *keys, enum key_door door, int queue_messages, int64_t message_max,
                                void **ret_socket, void **ret_watch, struct error *err);

void bus_close(void **socket, void **watch); /* watch: NULL where there is none */

/* Sends one frame of `length` bytes; with `more` further frames follow. Never waits. RESULT_AGAIN: the queue is full,
 * or nobody is connected. RESULT_REJECT: no such peer (ROUTER with ZMQ_ROUTER_MANDATORY). RESULT_FATAL: the socket or
 * its context is gone. */
MUST_CHECK enum result bus_send(void *socket, const void *data, size_t length, bool more);

/* A ROUTER's next message, of exactly two frames: the routing id of who sent it, and what. Never waits. RESULT_AGAIN:
 * none is there. RESULT_REJECT: one of another number of frames was read to its end and dropped; to be counted. With
 * RESULT_OK alone ret_payload is the caller's to close. */
#define BUS_ID_MAX 255u
MUST_CHECK enum result bus_receive(void *socket, uint8_t ret_id[static BUS_ID_MAX], uint8_t *ret_id_length,
                                   zmq_msg_t *ret_payload);

/* What happened to a socket's connections: a ZMQ_EVENT_* with its value; 0: nothing more so far. Never waits. */
int bus_event(void *watch, int *ret_value);

/* Who goes. A connection is known by its descriptor: of a message bus_connection says the one it came over, and of a
 * server's watch bus_gone hands out each whose connection has ended (-1: none now), as soon as the kernel says so: at
 * once when the process at the other end died, after the heartbeat's time when its host did. A descriptor is given to
 * another connection only after it was told here; so whoever asks bus_gone between taking a message and acting upon it
 * never takes the new one for the old. */
int bus_connection(zmq_msg_t *message);
int bus_gone(void *watch);

/* Where a socket is bound or connected: a port of * has become a number. */
#define BUS_ENDPOINT_MAX 256
void bus_endpoint(void *socket, char ret_endpoint[static BUS_ENDPOINT_MAX]);

#endif
