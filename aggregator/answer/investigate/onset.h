/* SPDX-License-Identifier: Apache-2.0 */
/* When did a host begin to scan? First contacts of the host with hosts on one port (a sweep), or with ports of one
 * host, counted in steps of five minutes; the stretch of time that a Poisson process of its rate outside it explains
 * worst (the largest likelihood ratio), its beginning refined to a first contact.
 *
 * It is a scan when the walk over its first contacts (+1 for one that failed, -1 for one that was answered, never below
 * zero) rises to ONSET_HEIGHT, or when so many were reached on a port where many are not usual. No window bounds the
 * walk, so a slow scan is one too. */
#ifndef PAVO_AGGREGATOR_ANSWER_INVESTIGATE_ONSET_H
#define PAVO_AGGREGATOR_ANSWER_INVESTIGATE_ONSET_H

#include "aggregator/answer/investigate/contact.h"

#define ONSET_STEP_NS      (300ll * 1000000000)
#define ONSET_HEIGHT       10u /* of a sweep */
#define ONSET_HEIGHT_PORTS 12u
#define ONSET_FAN_OUT      50u /* first contacts in an hour, where the walk says nothing */
#define ONSET_FAN_TIMES    8u  /* and so many times what it was before */
#define ONSET_RATIO_MIN    8.0

enum onset_kind { ONSET_SWEEP, ONSET_PORTS };

struct onset {
    enum onset_kind kind;
    uint8_t protocol;
    uint16_t port;       /* SWEEP */
    struct address peer; /* PORTS */
    int64_t at, until;   /* its first and its last first contact */
    double ratio;        /* natural logarithm of the likelihood ratio */
    uint32_t contacts, failed, answered;
    uint32_t before;      /* first contacts of that kind before it; 0: never before in the store */
    uint32_t before_hour; /* the most of them in an hour */
};

/* Contacts in the order of their beginnings, of [from, to). The most unlikely first, at most `most`; returns how many.
 * Out of memory: none, and *ret_memory is false. */
size_t onsets_find(const struct contact *contacts, size_t count, int64_t from_ns, int64_t to_ns,
                   struct onset *ret_onsets, size_t most, bool *ret_memory);

#endif
