/* SPDX-License-Identifier: Apache-2.0 */
/* In place of an aggregator: its publish and answer doors, real sockets under CURVE, that do what a test tells them. */
#ifndef PAVO_TESTS_UNIT_COMMON_LIBPAVO_STAND_IN_H
#define PAVO_TESTS_UNIT_COMMON_LIBPAVO_STAND_IN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pavo.h>

#include "common/records/records.h"
#include "pavo.pb-c.h"

#define PATIENCE_MS 20000 /* bound of every wait; none is expected to come near */

struct peer {
    uint8_t id[256];
    size_t size;
};
/* Answers a question that is not "replay", on the stand-in's own thread. */
typedef void stand_in_handler(const struct peer *peer, const Pavo__Query *query);

struct stand_in {
    char directory[64], reader_key[128], gateway_key[128], stranger_key[128], sensor_key[128];
    char publish_at[128], answer_at[128];
    void *zmq, *publish, *answer;
};
extern struct stand_in door;

/* Group set-up and tear-down; and before each test: an empty store that answers. */
int stand_in_open(void **state);
int stand_in_close(void **state);
int stand_in_forget(void **state);

/* ---- the answer door */

void stand_in_set_handler(stand_in_handler *handler);
/* Nobody answers any more, and connections break. */
void stand_in_close_answer_door(void);
/* With version and id filled in. */
void stand_in_reply(const struct peer *peer, const Pavo__Query *query, Pavo__Reply *reply);
void stand_in_reply_bytes(const struct peer *peer, const void *bytes, size_t size);
/* Reply with the head of a kind, `command` and nothing else; with rows of records; and the last one, with a coverage of
 * so many rows. */
void stand_in_reply_head(const struct peer *peer, const Pavo__Query *query, const struct record_kind *kind,
                         const char *command);
void stand_in_reply_page(const struct peer *peer, const Pavo__Query *query, const struct records *records,
                         uint32_t first, uint32_t count);
void stand_in_reply_end(const struct peer *peer, const Pavo__Query *query, uint64_t rows);
/* "replay": so many are answered with "busy"; then all with this (NULL: from the store), with this position (0: the
 * newest stored) and this damage (NULL: none) in the coverage. */
void stand_in_set_replay(unsigned busy, const char *error, uint64_t position, const char *gap);
/* At most so many messages an answer, which says how far it went. 0: all. */
void stand_in_set_replay_most(unsigned messages);

/* ---- the publish door */

/* Connections break, and new ones come in where it was. */
void stand_in_open_publish_door_anew(void);

enum { SENT = 1, STORED = 2 };
/* The records as a message of their topic; `previous` as given. */
void stand_in_publish(const struct records *records, uint64_t position, uint64_t previous, int how);
/* Bytes NULL: the topic alone. */
void stand_in_send(const char *topic, const void *bytes, size_t size);

/* Options that lead here, with the reader's key. */
pavo_options *stand_in_options(unsigned topics);
/* Waits for a Subscribe with so many topics; from then on it is they that are sent. */
void stand_in_hear_subscribe(unsigned topics);
/* The subscriber, when the publish door has heard of all its topics; options are used up. */
pavo_subscriber *stand_in_subscribe(pavo_options *options, unsigned topics);

#endif
