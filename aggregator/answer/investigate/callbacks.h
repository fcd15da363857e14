/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that the host has begun to call regularly since a moment. Four measures of equal weight, each from 0 to 1: how
 * even the gaps between the calls are, how much alike what was sent and what was received, and how near their number is
 * to what such gaps would make of the time from the first to the last. */
#ifndef PAVO_AGGREGATOR_ANSWER_INVESTIGATE_CALLBACKS_H
#define PAVO_AGGREGATOR_ANSWER_INVESTIGATE_CALLBACKS_H

#include "aggregator/answer/investigate/contact.h"

#define CALLBACK_CALLS_MIN 8u
#define CALLBACK_SPAN_NS   (600ll * 1000000000) /* from the first to the last, at least */
#define CALLBACK_SCORE_MIN 0.8

struct callback {
    struct address peer;
    uint16_t port;
    uint8_t protocol;
    int64_t first, last;
    int64_t gap_ns; /* the middle one */
    uint32_t calls;
    double score;
};

/* Contacts in the order of their beginnings; answered calls of services that were first called at `since` or later.
 * The most regular first, at most `most` of at least CALLBACK_SCORE_MIN. Returns how many. Out of memory: none, and
 * *ret_memory is false. */
size_t callbacks_find(const struct contact *contacts, size_t count, int64_t since_ns, struct callback *ret_callbacks,
                      size_t most, bool *ret_memory);

#endif
