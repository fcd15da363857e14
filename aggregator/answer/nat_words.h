/* SPDX-License-Identifier: Apache-2.0 */
/* What a verdict says in sentences, from the side of the end that was asked about. Pure. */
#ifndef PAVO_AGGREGATOR_ANSWER_NAT_WORDS_H
#define PAVO_AGGREGATOR_ANSWER_NAT_WORDS_H

#include "common/records/flow.h"
#include "common/records/verdict.h"

#define NAT_WORDS_MAX 512u

/* The two ends of one connection in the view inside and in the view outside, from the initiator. */
struct nat_ends {
    struct endpoint source, destination, post_source, post_destination;
};

/* "203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443". Returns `text`. */
const char *nat_sentence(const struct nat_ends *ends, const struct endpoint *asked, char text[static NAT_WORDS_MAX]);

/* "10.0.1.17:51544, talking to 198.51.100.9:443, was seen inside only". `where`: "inside", "outside"; NULL: at no
 * boundary. Returns `text`. */
const char *nat_alone(const struct endpoint *source, const struct endpoint *destination, const char *where,
                      char text[static NAT_WORDS_MAX]);

/* How a link is known: "linked by both sequence numbers, confidence 99.9 %; agreeing: ...; chosen of 3 candidates".
 * Returns `text`. */
const char *nat_evidence(const struct verdict *verdict, const struct verdict_term *terms,
                         char text[static NAT_WORDS_MAX]);

/* Why a view has no partner. VERDICT_UNKNOWN: its sensor stands at no boundary. */
const char *nat_no_partner(unsigned verdict);

#endif
