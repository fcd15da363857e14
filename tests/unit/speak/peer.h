/* SPDX-License-Identifier: Apache-2.0 */
/* An aggregator's intake door for tests: a real ROUTER under CURVE with a real authenticator, in a thread of its own,
 * that opens every batch, remembers what it committed, and misbehaves on demand. */
#ifndef PAVO_TESTS_SPEAK_PEER_H
#define PAVO_TESTS_SPEAK_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/keys.h"
#include "common/records/records.h"

struct peer;

struct peer_behaviour {
    uint32_t credit;
    bool silent;           /* reads, and says nothing */
    unsigned drop_acks;    /* so many acknowledgements are lost: committed, not said */
    unsigned reject_every; /* every so many new batches is rejected; 0: none */
    const char *says_for;  /* acknowledgements are for this sensor; NULL: for the one that sent */
};

struct peer_seen {
    uint64_t batches;    /* committed, each name once */
    uint64_t duplicates; /* of them, come again */
    uint64_t records;    /* in committed batches, statuses and losses not counted */
    uint64_t losses;     /* records in the losses told of in committed batches */
    uint64_t statuses;
    uint64_t rejected_records;
    uint64_t hellos;
    uint64_t made, acknowledged, lost, held; /* of the latest status */
    bool wrong;                              /* a batch did not open, or was not what its name said */
};

/* Keys of the aggregator and of sensor "inner", enrolled in a directory of the peer's own. */
struct peer *peer_new(uint32_t credit);
void peer_destroy(struct peer **peer);
const struct keys *peer_sensor_keys(const struct peer *peer);

/* Opens and closes the door: an aggregator that is restarted, at the same port. What it committed it remembers. */
void peer_open(struct peer *peer);
void peer_close(struct peer *peer);
unsigned peer_port(const struct peer *peer);

void peer_behave(struct peer *peer, struct peer_behaviour behaviour);
struct peer_seen peer_seen(struct peer *peer);
/* The latest committed records of a kind, as wire_read gave them; the caller owns them. NULL: none since it was asked.
 */
struct records *peer_records(struct peer *peer, enum record_kind_number kind);

#endif
