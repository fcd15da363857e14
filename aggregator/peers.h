/* SPDX-License-Identifier: Apache-2.0 */
/* Who stands at a door that speaks to its clients (publish, answer): a table of connections, each with the key it came
 * in with, and what the door keeps for it. ZeroMQ holds messages for a connection, so their number is bounded: so many
 * of one enrolled name, so many in all. A connection that ends is forgotten at once (bus_gone). One thread: the door's.
 */
#ifndef PAVO_AGGREGATOR_PEERS_H
#define PAVO_AGGREGATOR_PEERS_H

#include "common/authenticator.h"
#include "common/bus.h"

/* Who is at the other end of a connection. */
struct asker {
    enum key_role role;
    char name[SENSOR_NAME_MAX];
    char key[KEY_TEXT_SIZE];
};

struct peer {
    struct peer *next;
    uint8_t id[BUS_ID_MAX]; /* its routing id */
    uint8_t id_length;
    int connection; /* bus_connection */
    struct asker asker;
    void *own; /* the door's */
};

struct peers {
    void *watch; /* of the door's socket; borrowed, as is all that follows but `first` */
    struct authenticator *authenticator;
    enum key_door door;
    unsigned of_name_max, all_max;
    void (*gone)(void *context, struct peer *peer); /* before it is freed */
    void *context;
    struct peer *first; /* owned */
};

/* Forgets all; `gone` is called for each. */
void peers_clear(struct peers *peers);

/* Who sent a message: known, or let into the table. NULL, with the sentence to refuse it with: its key is no longer
 * enrolled, or there are too many. Forgets those that have gone, first. */
struct peer *peers_meet(struct peers *peers, const uint8_t *id, uint8_t id_length, zmq_msg_t *message,
                        const char **ret_refusal);
/* Forgets those that have gone. */
void peers_sweep(struct peers *peers);
/* May it still stand here? */
bool peers_admit(const struct peers *peers, const struct asker *asker);
#define PEERS_NOT_ENROLLED "this key is no longer enrolled"

bool asker_is_same(const struct asker *one, const struct asker *other); /* by role and enrolled name */
/* Forgets one. */
void peers_drop(struct peers *peers, struct peer *peer);

#endif
