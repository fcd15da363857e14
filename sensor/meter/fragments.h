/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the meter: which flow a fragment belongs to.
 *
 * Only the first fragment of a packet has ports. What it had is remembered for FRAGMENTS_KNOWN_NS; a later fragment
 * that comes before it waits, up to FRAGMENTS_WAIT_NS of packet time and FRAGMENTS_WAITING_MAX of them together. One
 * that waits in vain, or finds no room to wait, is counted by its addresses and protocol alone: never dropped. */
#ifndef PAVO_SENSOR_METER_FRAGMENTS_H
#define PAVO_SENSOR_METER_FRAGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/result.h"
#include "sensor/decode/decode.h"

#define FRAGMENTS_KNOWN_MAX   4096u
#define FRAGMENTS_WAITING_MAX 1024u
#define FRAGMENTS_KNOWN_NS    (30ll * 1000000000)
#define FRAGMENTS_WAIT_NS     (5ll * 1000000000)

struct fragments;

MUST_CHECK enum result fragments_new(uint64_t seed, struct fragments **ret_fragments);
void fragments_destroy(struct fragments **fragments);

/* A first fragment: the later ones are of its flow. */
void fragments_learn(struct fragments *f, const struct decoded *first);

/* A later fragment. */
enum fragment_fate {
    FRAGMENT_KNOWN,  /* to be counted now: the ports (or ICMP fields) of its first fragment are in *later */
    FRAGMENT_WAITS,  /* for that */
    FRAGMENT_ORPHAN, /* there is no room to wait: to be counted by its addresses */
};
enum fragment_fate fragments_resolve(struct fragments *f, struct decoded *later);

/* One that waited for `first`, now with its ports; false when there is none left. */
bool fragments_release(struct fragments *f, const struct decoded *first, struct decoded *ret_later);

/* One that has waited too long at `now` (INT64_MAX: all); false when there is none left. */
bool fragments_expire(struct fragments *f, int64_t now, struct decoded *ret_later);

uint32_t fragments_waiting(const struct fragments *f);

#endif
