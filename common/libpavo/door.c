/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection to a door, and what its watch tells. */
#include "common/libpavo/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "common/bus.h"
#include "common/clock.h"

enum result door_endpoint(const char *aggregator, const char *given, unsigned step,
                          char ret_endpoint[static DOOR_TEXT_MAX], struct error *err)
{
    if (given != NULL) {
        if (strlen(given) >= sizeof(((struct door *)0)->endpoint))
            return error_set(err, RESULT_REJECT, "'%.64s...' is too long for an endpoint", given);
        snprintf(ret_endpoint, DOOR_TEXT_MAX, "%s", given);
        return RESULT_OK;
    }
    if (strstr(aggregator, "://") != NULL)
        return error_set(err, RESULT_REJECT, "'%.200s' is one endpoint; an aggregator is HOST or HOST:PORT",
                         aggregator);
    /* HOST, HOST:PORT, [V6], [V6]:PORT, and a bare V6 address, whose colons are not before a port. */
    const char *bracket = strchr(aggregator, ']'), *colon = strrchr(aggregator, ':');
    bool bare_v6 = aggregator[0] != '[' && colon != NULL && strchr(aggregator, ':') != colon;
    if (bare_v6 || (bracket != NULL && colon != NULL && colon < bracket))
        colon = NULL;
    size_t host_length = colon == NULL ? strlen(aggregator) : (size_t)(colon - aggregator);
    char *end = NULL;
    unsigned long port = colon == NULL ? BUS_INTAKE_PORT : strtoul(colon + 1, &end, 10);
    if (host_length == 0 || host_length > 200)
        return error_set(err, RESULT_REJECT, "'%.64s' is no aggregator: HOST or HOST:PORT was expected", aggregator);
    if (colon != NULL && (*end != '\0' || end == colon + 1 || port == 0 || port + 2 > 65535))
        return error_set(err, RESULT_REJECT, "'%.200s': after the colon the port of the intake was expected (%d)",
                         aggregator, BUS_INTAKE_PORT);
    snprintf(ret_endpoint, DOOR_TEXT_MAX, bare_v6 ? "[%.*s]:%lu" : "%.*s:%lu", (int)host_length, aggregator,
             port + step);
    return RESULT_OK;
}

enum result door_open(void *zmq_context, const char *endpoint, uint16_t default_port, const struct keys *keys,
                      int queue_messages, struct door *ret_door, struct error *err)
{
    struct door door = {0};
    snprintf(door.endpoint, sizeof(door.endpoint), "%s", endpoint);
    enum result result = bus_connect(zmq_context, ZMQ_DEALER, endpoint, default_port, keys, queue_messages,
                                     &door.socket, &door.watch, err);
    if (result == RESULT_OK)
        *ret_door = door;
    return result;
}

void door_close(struct door *door)
{
    bus_close(&door->socket, &door->watch);
    *door = (struct door){0};
}

static void note(struct door *door, int event)
{
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
        door->shaking_ns = clock_monotonic_ns();
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        door->state = DOOR_OPEN;
        door->opened++;
        door->reason = 0;
        door->shaking_ns = 0;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: /* it hung up */
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        door->state = DOOR_REFUSED;
        door->shaking_ns = 0;
        break;
    case ZMQ_EVENT_DISCONNECTED:
        if (door->state == DOOR_OPEN) {
            door->state = DOOR_CONNECTING;
            door->reason = ECONNRESET;
            door->lost++;
        }
        door->shaking_ns = 0;
        break;
    case ZMQ_EVENT_CLOSED: /* an attempt that did not come as far as a handshake */
        if (door->state == DOOR_CONNECTING && door->reason == 0)
            door->reason = ECONNREFUSED;
        door->shaking_ns = 0;
        break;
    default:
        break;
    }
}

void door_watch(struct door *door)
{
    int event, value;
    while ((event = bus_event(door->watch, &value)) != 0)
        note(door, event);
    if (door->shaking_ns != 0 && clock_monotonic_ns() - door->shaking_ns > DOOR_HANDSHAKE_NS)
        door->state = DOOR_REFUSED;
}

const char *door_text(const struct door *door, const char *key_name, char text[static DOOR_TEXT_MAX])
{
    if (door->state == DOOR_REFUSED)
        snprintf(
            text, DOOR_TEXT_MAX,
            "%.120s refuses the key '%s': is it enrolled there (pavo keys show), was the aggregator told (SIGHUP), "
            "and is it the aggregator the key was made for?",
            door->endpoint, key_name);
    else if (door->state == DOOR_OPEN)
        snprintf(text, DOOR_TEXT_MAX, "%.200s let us in, but does not answer", door->endpoint);
    else if (door->shaking_ns != 0)
        snprintf(
            text, DOOR_TEXT_MAX,
            "%.200s takes the connection, but has not let the key '%s' in so far: perhaps it refuses it, or is busy",
            door->endpoint, key_name);
    else if (door->reason == ECONNRESET)
        snprintf(text, DOOR_TEXT_MAX, "%.200s has gone away; connecting again", door->endpoint);
    else
        snprintf(text, DOOR_TEXT_MAX,
                 "%.200s cannot be reached: does pavo-aggregator run there, and does a firewall let the port through?",
                 door->endpoint);
    return text;
}
