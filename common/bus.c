/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets with every option set that keeps them sealed, bounded and alive. */
#include "common/bus.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ENDPOINT_MAX     320
#define HEARTBEAT_MS     5000
#define DEAD_AFTER_MS    15000
#define RECONNECT_MS     100
#define RECONNECT_MAX_MS 5000
#define HANDSHAKE_MS     10000 /* a connection that has not shown its key by then is closed */
#define CONNECT_MS       10000
#define LINGER_MS        1000
#define UNREAD_MAX       (16 << 20) /* bytes of messages that one connection may have waiting for a door's thread */

/* What a watch tells: to a client how its connection fares; to a server only who goes, for strangers come at will. */
#define CLIENT_EVENTS                                                                                                  \
    (ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |                 \
     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
#define SERVER_EVENTS ZMQ_EVENT_DISCONNECTED

/* 1 to 65535, or * for any free one. */
static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return strcmp(text, "*") == 0 ||
           (digits > 0 && digits <= 5 && text[digits] == '\0' && atoi(text) > 0 && atoi(text) <= UINT16_MAX);
}

/* "host:port", "host", "[v6]:port", "v6" or a full endpoint, as a full endpoint. */
static enum result full_endpoint(const char *text, uint16_t default_port, char to[static ENDPOINT_MAX],
                                 struct error *err)
{
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[';
    bool bare_v6 = !bracketed && colon != NULL && strchr(text, ':') != colon;
    bool has_port = !bare_v6 && colon != NULL && (!bracketed || (colon > text && colon[-1] == ']'));
    int length;
    if (has_port && strstr(text, "://") == NULL && !is_port(colon + 1))
        return error_set(err, RESULT_REJECT, "'%.64s' names no port after the colon; write HOST or HOST:PORT", text);
    if (text[0] == '\0')
        return error_set(err, RESULT_REJECT, "the endpoint is empty; write HOST or HOST:PORT");
    if (strstr(text, "://") != NULL)
        length = snprintf(to, ENDPOINT_MAX, "%s", text);
    else if (has_port)
        length = snprintf(to, ENDPOINT_MAX, "tcp://%s", text);
    else
        length = snprintf(to, ENDPOINT_MAX, bare_v6 ? "tcp://[%s]:%u" : "tcp://%s:%u", text, default_port);
    if (length >= ENDPOINT_MAX)
        return error_set(err, RESULT_REJECT, "endpoint '%.40s...' is too long", text);
    return RESULT_OK;
}

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

static bool set_text(void *socket, int option, const char *value)
{
    return zmq_setsockopt(socket, option, value, strlen(value)) == 0;
}

static bool set_common(void *socket, int queue_messages)
{
    return set_int(socket, ZMQ_LINGER, LINGER_MS) && set_int(socket, ZMQ_SNDHWM, queue_messages) &&
           set_int(socket, ZMQ_RCVHWM, queue_messages) && set_int(socket, ZMQ_IPV6, 1) &&
           set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) && set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, DEAD_AFTER_MS) &&
           set_int(socket, ZMQ_HEARTBEAT_TTL, DEAD_AFTER_MS) && set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE, 1) && set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, 60) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, 10) && set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
}

/* Before the handshake any bytes may come from whoever answers at the address, and from a server's they are held. */
static int64_t client_message_max(const struct keys *keys)
{
    return key_role_speaks(keys->role) ? BUS_SPEAKER_MESSAGE_MAX : BUS_READER_MESSAGE_MAX;
}

static bool set_client(void *socket, const struct keys *keys)
{
    int64_t message_max = client_message_max(keys);
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof(message_max)) == 0 &&
           set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) &&
           set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) &&
           set_int(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) &&
           set_text(socket, ZMQ_CURVE_SERVERKEY, keys->aggregator) &&
           set_text(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key) &&
           set_text(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key);
}

static bool set_server(void *socket, const struct keys *keys, enum key_door door, int queue_messages,
                       int64_t message_max)
{
    int64_t unread = UNREAD_MAX / message_max;
    /* Of fewer than a handful libzmq stalls. */
    unread = unread < 4 ? 4 : unread < queue_messages ? unread : queue_messages;
    return set_int(socket, ZMQ_RCVHWM, (int)unread) &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof(message_max)) == 0 &&
           set_int(socket, ZMQ_CURVE_SERVER, 1) && set_text(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key) &&
           set_text(socket, ZMQ_ZAP_DOMAIN, key_door_name(door));
}

/* Closes what there is of them. */
static void close_both(void *socket, void *watch)
{
    if (watch != NULL) {
        zmq_socket_monitor(socket, NULL, 0);
        zmq_close(watch);
    }
    if (socket != NULL)
        zmq_close(socket);
}

static enum result close_with(void *socket, void *watch, struct error *err, enum result result, const char *doing,
                              const char *endpoint)
{
    int cause = errno;
    close_both(socket, watch);
    return error_set(err, result, "%s %s: %s", doing, endpoint, zmq_strerror(cause));
}

/* Before the socket is bound or connected: libzmq's own thread goes ahead at once, and tells nobody of what happened
 * before. No bound: that thread waits for room, and all sockets with it. */
static bool set_watch(void *zmq_context, void *socket, int events, void **ret_watch)
{
    static atomic_uint count; /* a name is free again only when its socket was reaped: hence a new one each time */
    char name[64];
    if (ret_watch == NULL)
        return true;
    snprintf(name, sizeof(name), "inproc://pavo-watch-%u", atomic_fetch_add(&count, 1));
    *ret_watch = zmq_socket(zmq_context, ZMQ_PAIR);
    return *ret_watch != NULL && set_int(*ret_watch, ZMQ_RCVHWM, 0) && set_int(*ret_watch, ZMQ_LINGER, 0) &&
           zmq_socket_monitor(socket, name, events) == 0 && zmq_connect(*ret_watch, name) == 0;
}

enum result bus_connect(void *zmq_context, int type, const char *endpoint, uint16_t default_port,
                        const struct keys *keys, int queue_messages, void **ret_socket, void **ret_watch,
                        struct error *err)
{
    char full[ENDPOINT_MAX];
    enum result r = full_endpoint(endpoint, default_port, full, err);
    if (r != RESULT_OK)
        return r;
    void *socket = zmq_socket(zmq_context, type), *watch = NULL;
    if (socket == NULL || !set_common(socket, queue_messages) || !set_client(socket, keys) ||
        !set_watch(zmq_context, socket, CLIENT_EVENTS, ret_watch == NULL ? NULL : &watch))
        return close_with(socket, watch, err, RESULT_FATAL, "setting up a connection to", full);
    if (zmq_connect(socket, full) != 0)
        return close_with(socket, watch, err, RESULT_REJECT, "connecting to", full);
    *ret_socket = socket;
    if (ret_watch != NULL)
        *ret_watch = watch;
    return RESULT_OK;
}

enum result bus_bind(void *zmq_context, int type, const char *endpoint, uint16_t default_port, const struct keys *keys,
                     enum key_door door, int queue_messages, int64_t message_max, void **ret_socket, void **ret_watch,
                     struct error *err)
{
    char full[ENDPOINT_MAX];
    enum result r = full_endpoint(endpoint, default_port, full, err);
    if (r != RESULT_OK)
        return r;
    void *socket = zmq_socket(zmq_context, type), *watch = NULL;
    if (socket == NULL || !set_common(socket, queue_messages) ||
        !set_server(socket, keys, door, queue_messages, message_max) ||
        !set_watch(zmq_context, socket, SERVER_EVENTS, ret_watch == NULL ? NULL : &watch))
        return close_with(socket, watch, err, RESULT_FATAL, "setting up", full);
    if (zmq_bind(socket, full) != 0)
        return close_with(socket, watch, err, RESULT_REJECT, "listening at", full);
    *ret_socket = socket;
    if (ret_watch != NULL)
        *ret_watch = watch;
    return RESULT_OK;
}

void bus_close(void **socket, void **watch)
{
    close_both(*socket, watch == NULL ? NULL : *watch);
    *socket = NULL;
    if (watch != NULL)
        *watch = NULL;
}

enum result bus_send(void *socket, const void *data, size_t length, bool more)
{
    int sent;
    do {
        sent = zmq_send(socket, data, length, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return RESULT_OK;
    return errno == EAGAIN ? RESULT_AGAIN : errno == EHOSTUNREACH ? RESULT_REJECT : RESULT_FATAL;
}

enum result bus_receive(void *socket, uint8_t ret_id[static BUS_ID_MAX], uint8_t *ret_id_length, zmq_msg_t *ret_payload)
{
    zmq_msg_t id, payload;
    zmq_msg_init(&id);
    zmq_msg_init(&payload);
    unsigned frames = 0;
    if (zmq_msg_recv(&id, socket, ZMQ_DONTWAIT) >= 0) {
        frames = 1;
        for (bool more = zmq_msg_more(&id); more && zmq_msg_recv(&payload, socket, ZMQ_DONTWAIT) >= 0; frames++)
            more = zmq_msg_more(&payload);
    }
    size_t length = zmq_msg_size(&id);
    enum result r = frames == 0 ? RESULT_AGAIN : frames == 2 && length <= BUS_ID_MAX ? RESULT_OK : RESULT_REJECT;
    if (r == RESULT_OK) {
        memcpy(ret_id, zmq_msg_data(&id), length);
        *ret_id_length = (uint8_t)length;
        zmq_msg_init(ret_payload);
        zmq_msg_move(ret_payload, &payload);
    }
    zmq_msg_close(&id);
    zmq_msg_close(&payload);
    return r;
}

int bus_connection(zmq_msg_t *message)
{
    return zmq_msg_get(message, ZMQ_SRCFD);
}

int bus_event(void *watch, int *ret_value)
{
    /* First frame: event (16 bits) and value (32 bits); second: the endpoint. */
    struct __attribute__((packed)) {
        uint16_t event;
        int32_t value;
    } first;
    char rest[BUS_ENDPOINT_MAX];
    if (zmq_recv(watch, &first, sizeof(first), ZMQ_DONTWAIT) != (int)sizeof(first))
        return 0;
    (void)zmq_recv(watch, rest, sizeof(rest), ZMQ_DONTWAIT);
    *ret_value = first.value;
    return first.event;
}

int bus_gone(void *watch)
{
    int event, value;
    while ((event = bus_event(watch, &value)) != 0) {
        if (event == ZMQ_EVENT_DISCONNECTED)
            return value;
    }
    return -1;
}

void bus_endpoint(void *socket, char ret_endpoint[static BUS_ENDPOINT_MAX])
{
    size_t length = BUS_ENDPOINT_MAX;
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, ret_endpoint, &length) != 0)
        ret_endpoint[0] = '\0';
}
