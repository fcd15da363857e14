/* SPDX-License-Identifier: Apache-2.0 */
/* A connection as the steps of `investigate` look at it: from the side of the host that is asked about, and of both
 * views of one only one. The steps are pure: contacts by their beginning go in, findings come out; nothing is read,
 * and no clock. Times are nanoseconds since 1970, bytes are of IP. */
#ifndef PAVO_AGGREGATOR_ANSWER_INVESTIGATE_CONTACT_H
#define PAVO_AGGREGATOR_ANSWER_INVESTIGATE_CONTACT_H

#include "common/records/flow.h"

/* What became of an attempt. UNCERTAIN: joined midway, seen one way only, or of a protocol that need not answer: no
 * evidence of either. */
enum contact_outcome { CONTACT_UNCERTAIN, CONTACT_FAILED, CONTACT_ANSWERED };

struct contact {
    int64_t first, last;
    struct address peer;
    uint64_t sent, received; /* by the host */
    uint64_t flow;
    uint32_t packets_sent, packets_received;
    uint16_t observer; /* number in the caller's list */
    uint16_t port;     /* the responder's; 0: the protocol has none */
    uint16_t src_port;
    uint8_t protocol;
    uint8_t outcome; /* enum contact_outcome */
    bool outward;    /* the host began it */
};

/* By state; of a TCP attempt without an answer, one whose src sent an ACK was seen one way only. */
enum contact_outcome contact_outcome(unsigned protocol, unsigned state, unsigned src_tcp_flags);

static inline int address_compare(struct address a, struct address b)
{
    return a.hi != b.hi ? (a.hi < b.hi ? -1 : 1) : a.lo < b.lo ? -1 : a.lo > b.lo;
}

/* Of a whole flow of the host. */
struct contact contact_of(const struct flow *flow, uint16_t observer, struct address host);

/* By beginning, and of the views of one connection by several observers only the one with the most packets. Returns how
 * many are left, in front. */
size_t contacts_settle(struct contact *contacts, size_t count);

/* Middle of `count` (above 0) values, which are sorted by it; and the middle distance from that, in units of it: 0:
 * all the same. */
uint64_t median_of(uint64_t *values, size_t count);
double dispersion_of(uint64_t *values, size_t count);

#endif
