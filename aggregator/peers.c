/* SPDX-License-Identifier: Apache-2.0 */
/* Connections at a door. */
#include "aggregator/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOO_MANY_OF_KEY "this key has as many connections to this door as one may have: close one, or enrol another key"
#define TOO_MANY        "this door has as many connections as it may have: come again later"

static void drop_at(struct peers *peers, struct peer **at)
{
    struct peer *peer = *at;
    *at = peer->next;
    peers->gone(peers->context, peer);
    free(peer);
}

void peers_clear(struct peers *peers)
{
    while (peers->first != NULL)
        drop_at(peers, &peers->first);
}

void peers_drop(struct peers *peers, struct peer *peer)
{
    for (struct peer **at = &peers->first; *at != NULL; at = &(*at)->next) {
        if (*at == peer) {
            drop_at(peers, at);
            return;
        }
    }
}

void peers_sweep(struct peers *peers)
{
    int connection;
    while ((connection = bus_gone(peers->watch)) >= 0) {
        for (struct peer **at = &peers->first; *at != NULL;) {
            if ((*at)->connection == connection)
                drop_at(peers, at);
            else
                at = &(*at)->next;
        }
    }
}

bool asker_is_same(const struct asker *one, const struct asker *other)
{
    return one->role == other->role && strcmp(one->name, other->name) == 0;
}

bool peers_admit(const struct peers *peers, const struct asker *asker)
{
    enum key_role role;
    return authenticator_admits_key(peers->authenticator, peers->door, asker->name, asker->key, &role) &&
           role == asker->role;
}

static const char *full(const struct peers *peers, const struct asker *asker)
{
    unsigned of_name = 0, all = 0;
    for (const struct peer *peer = peers->first; peer != NULL; peer = peer->next) {
        of_name += asker_is_same(&peer->asker, asker);
        all++;
    }
    return of_name >= peers->of_name_max ? TOO_MANY_OF_KEY : all >= peers->all_max ? TOO_MANY : NULL;
}

static struct peer *find(const struct peers *peers, const uint8_t *id, uint8_t id_length)
{
    for (struct peer *peer = peers->first; peer != NULL; peer = peer->next) {
        if (peer->id_length == id_length && memcmp(peer->id, id, id_length) == 0)
            return peer;
    }
    return NULL;
}

struct peer *peers_meet(struct peers *peers, const uint8_t *id, uint8_t id_length, zmq_msg_t *message,
                        const char **ret_refusal)
{
    struct asker asker = {0};
    peers_sweep(peers);
    *ret_refusal = PEERS_NOT_ENROLLED;
    if (!authenticator_admits(peers->authenticator, peers->door, message, &asker.role))
        return NULL;
    snprintf(asker.name, sizeof(asker.name), "%s", zmq_msg_gets(message, "User-Id"));
    snprintf(asker.key, sizeof(asker.key), "%s", authenticator_key(message));
    struct peer *peer = find(peers, id, id_length);
    if (peer != NULL && peer->connection == bus_connection(message) && asker_is_same(&peer->asker, &asker))
        return peer;
    if (peer != NULL)
        peers_drop(peers, peer); /* a routing id that its owner chose himself, on another connection */
    *ret_refusal = full(peers, &asker);
    peer = *ret_refusal == NULL ? calloc(1, sizeof(*peer)) : NULL;
    if (peer == NULL) {
        *ret_refusal = *ret_refusal == NULL ? TOO_MANY : *ret_refusal;
        return NULL;
    }
    memcpy(peer->id, id, id_length);
    peer->id_length = id_length;
    peer->connection = bus_connection(message);
    peer->asker = asker;
    peer->next = peers->first;
    peers->first = peer;
    return peer;
}
