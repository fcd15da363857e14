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

static bool set_client(void *socket, const struct keys *keys)
{
    return set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) &&
           set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) &&
           set_int(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) &&
           set_text(socket, ZMQ_CURVE_SERVERKEY, keys->aggregator) &&
           set_text(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key) &&
           set_text(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key);
}

static bool set_server(void *socket, const struct keys *keys, enum key_door door, int64_t message_max)
{
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof(message_max)) == 0 &&
           set_int(socket, ZMQ_CURVE_SERVER, 1) && set_text(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key) &&
           set_text(socket, ZMQ_ZAP_DOMAIN, key_door_name(door));
}

static enum result close_with(void *socket, struct error *err, enum result result, const char *doing,
                              const char *endpoint)
{
    int cause = errno;
    if (socket != NULL)
        zmq_close(socket);
    return error_set(err, result, "%s %s: %s", doing, endpoint, zmq_strerror(cause));
}

enum result bus_connect(void *zmq_context, int type, const char *endpoint, uint16_t default_port,
                        const struct keys *keys, int queue_messages, void **ret_socket, struct error *err)
{
    char full[ENDPOINT_MAX];
    enum result r = full_endpoint(endpoint, default_port, full, err);
    if (r != RESULT_OK)
        return r;
    void *socket = zmq_socket(zmq_context, type);
    if (socket == NULL || !set_common(socket, queue_messages) || !set_client(socket, keys))
        return close_with(socket, err, RESULT_FATAL, "setting up a connection to", full);
    if (zmq_connect(socket, full) != 0)
        return close_with(socket, err, RESULT_REJECT, "connecting to", full);
    *ret_socket = socket;
    return RESULT_OK;
}

enum result bus_bind(void *zmq_context, int type, const char *endpoint, uint16_t default_port, const struct keys *keys,
                     enum key_door door, int queue_messages, int64_t message_max, void **ret_socket, struct error *err)
{
    char full[ENDPOINT_MAX];
    enum result r = full_endpoint(endpoint, default_port, full, err);
    if (r != RESULT_OK)
        return r;
    void *socket = zmq_socket(zmq_context, type);
    if (socket == NULL || !set_common(socket, queue_messages) || !set_server(socket, keys, door, message_max))
        return close_with(socket, err, RESULT_FATAL, "setting up", full);
    if (zmq_bind(socket, full) != 0)
        return close_with(socket, err, RESULT_REJECT, "listening at", full);
    *ret_socket = socket;
    return RESULT_OK;
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

enum result bus_watch(void *zmq_context, void *socket, void **ret_watch, struct error *err)
{
    static atomic_uint count;
    char name[64];
    snprintf(name, sizeof(name), "inproc://pavo-watch-%u", atomic_fetch_add(&count, 1));
    void *watch = zmq_socket(zmq_context, ZMQ_PAIR);
    /* No bound here: libzmq's own thread waits for room, and all sockets with it. Each event is a connection. */
    if (watch == NULL || !set_int(watch, ZMQ_RCVHWM, 0) || !set_int(watch, ZMQ_LINGER, 0) ||
        zmq_socket_monitor(socket, name, ZMQ_EVENT_DISCONNECTED) != 0 || zmq_connect(watch, name) != 0)
        return close_with(watch, err, RESULT_FATAL, "watching connections at", name);
    *ret_watch = watch;
    return RESULT_OK;
}

void bus_unwatch(void *socket, void **watch)
{
    if (*watch == NULL)
        return;
    zmq_socket_monitor(socket, NULL, 0);
    zmq_close(*watch);
    *watch = NULL;
}

int bus_connection(zmq_msg_t *message)
{
    return zmq_msg_get(message, ZMQ_SRCFD);
}

int bus_gone(void *watch)
{
    /* First frame: event (16 bits) and value (32 bits), the descriptor; second: the endpoint. */
    struct __attribute__((packed)) {
        uint16_t event;
        int32_t value;
    } first;
    char rest[BUS_ENDPOINT_MAX];
    int gone = -1;
    while (gone < 0 && zmq_recv(watch, &first, sizeof(first), ZMQ_DONTWAIT) == (int)sizeof(first)) {
        (void)zmq_recv(watch, rest, sizeof(rest), ZMQ_DONTWAIT);
        if (first.event == ZMQ_EVENT_DISCONNECTED)
            gone = first.value;
    }
    return gone;
}

void bus_endpoint(void *socket, char ret_endpoint[static BUS_ENDPOINT_MAX])
{
    size_t length = BUS_ENDPOINT_MAX;
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, ret_endpoint, &length) != 0)
        ret_endpoint[0] = '\0';
}
