/* SPDX-License-Identifier: Apache-2.0 */
/* Remote addresses and the hosts of the campus they were in touch with: how many know one, and who else spoke with
 * them. A host is an address as one sensor saw it, for two NATs may have the same addresses behind them. */
#ifndef PAVO_AGGREGATOR_ANSWER_INVESTIGATE_TOUCH_H
#define PAVO_AGGREGATOR_ANSWER_INVESTIGATE_TOUCH_H

#include "aggregator/answer/investigate/contact.h"

struct touch {
    struct address remote;
    struct contact contact; /* of `host`, whose peer is the remote; observer: the number of the host's sensor */
    struct address host;
    bool hidden; /* the host is what a NAT gave out, and who was behind it is not known */
};

/* Others than `host` (at any sensor) that a remote was in touch with, and was answered by or answered, before
 * `before_ns` (0: at any time); TOUCH_KNOWN_MAX: that many or more. */
#define TOUCH_KNOWN_MAX 8u
size_t touches_known(const struct touch *touches, size_t count, struct address remote, struct address host,
                     int64_t before_ns);

/* One other host, over all remotes. */
struct spread {
    struct address host;
    uint16_t sensor;
    bool hidden;
    struct address remote;  /* of the first touch that was answered, or of the first at all */
    int64_t first, last;    /* of those that were answered, if any were */
    uint64_t received;      /* by the host */
    uint32_t answered, all; /* touches */
    bool outward;           /* the host began the first of them */
    uint16_t port;          /* of that one */
    uint8_t protocol;
};

/* Hosts that were in touch with any of the remotes, but not as `host`; those with answered touches first, then by time.
 * At most `most`; *ret_hosts is how many there are, *ret_tried how many of them were only tried. Returns how many.
 * Sorts the touches. */
size_t spreads_find(struct touch *touches, size_t count, struct address host, struct spread *ret_spreads, size_t most,
                    size_t *ret_hosts, size_t *ret_tried);

/* Contacts of a scan that became more than that: answered on its port since `at`, with three times the bytes of the
 * middle one, and more than a handshake. At most `most`, of each peer the largest. */
size_t entries_find(const struct contact *contacts, size_t count, unsigned protocol, unsigned port, int64_t at,
                    struct contact *ret_entries, size_t most);

#endif
