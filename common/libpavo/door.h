/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of one of the aggregator's doors, and what its connection has come to.
 *
 * One thread at a time. Internal to libpavo. */
#ifndef PAVO_COMMON_LIBPAVO_DOOR_H
#define PAVO_COMMON_LIBPAVO_DOOR_H

#include <stdint.h>

#include "common/keys.h"
#include "common/result.h"

enum door_state {
    DOOR_CONNECTING, /* nothing heard yet, or the last connection attempt failed: see `reason` */
    DOOR_OPEN,       /* the CURVE handshake succeeded */
    DOOR_REFUSED,    /* the aggregator does not let this key in. It tells it nothing, so this is concluded
                        from a handshake that ended early or took longer than DOOR_HANDSHAKE_NS; libzmq tries on */
};

#define DOOR_HANDSHAKE_NS (3 * 1000000000ll)

struct door {
    void *socket; /* zmq_close by door_close */
    void *watch;  /* tells what becomes of it */
    enum door_state state;
    int reason;         /* errno of the last failed attempt; 0 none */
    int64_t shaking_ns; /* a handshake is under way since; 0 none */
    unsigned opened;    /* connections that came to stand */
    unsigned lost;      /* connections that stood, and were lost: what was asked over them is never answered */
    char endpoint[256]; /* as people know it */
};

#define DOOR_TEXT_MAX 320

/* The place of a door: `given` if not NULL; otherwise `aggregator` (HOST or HOST:PORT, where PORT is the intake's, as
 * sensors use it, and the other doors are the ports after it) with `step` added to the port (0 intake, 1 publish, 2
 * answer). RESULT_REJECT with a sentence. */
MUST_CHECK enum result door_endpoint(const char *aggregator, const char *given, unsigned step,
                                     char ret_endpoint[static DOOR_TEXT_MAX], struct error *err);

/* Connects (in the background) and watches. */
MUST_CHECK enum result door_open(void *zmq_context, const char *endpoint, uint16_t default_port,
                                 const struct keys *keys, int queue_messages, struct door *ret_door, struct error *err);
void door_close(struct door *door);

/* Takes in what the watch has to say. Call after a poll and before reading `state`. */
void door_watch(struct door *door);

/* One sentence on why nothing comes: place, what happened, way out. Returns `text`. */
const char *door_text(const struct door *door, const char *key_name, char text[static DOOR_TEXT_MAX]);

#endif
