/* SPDX-License-Identifier: Apache-2.0 */
/* What the host fetched in a time from peers it had not spoken with before it: the largest first. How many others of
 * the campus know such a peer is known when its own flows were read (touch.h), and decides which are told. */
#ifndef PAVO_AGGREGATOR_ANSWER_INVESTIGATE_FETCHES_H
#define PAVO_AGGREGATOR_ANSWER_INVESTIGATE_FETCHES_H

#include "aggregator/answer/investigate/contact.h"

#define FETCH_BYTES_MIN 20000u

struct fetch {
    struct address peer;
    int64_t first, last;
    uint64_t received;
    uint32_t connections;
    uint16_t port; /* of the first */
    uint8_t protocol;
};

/* Contacts in the order of their beginnings; those of [from, to). At most `most`; returns how many. Out of memory:
 * none, and *ret_memory is false. */
size_t fetches_find(const struct contact *contacts, size_t count, int64_t from_ns, int64_t to_ns,
                    struct fetch *ret_fetches, size_t most, bool *ret_memory);

#endif
