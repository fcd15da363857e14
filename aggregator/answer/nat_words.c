/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts as sentences. */
#include "aggregator/answer/nat_words.h"

#include <stdio.h>

static bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && address_equal(a->address, b->address);
}

static bool is_asked(const struct endpoint *end, const struct endpoint *asked)
{
    return address_equal(end->address, asked->address) && (asked->port == 0 || end->port == asked->port);
}

static const char *end_text(const struct endpoint *end, char text[static ADDRESS_TEXT_MAX])
{
    return address_port_text(end->address, end->port, text);
}

const char *nat_sentence(const struct nat_ends *ends, const struct endpoint *asked, char text[static NAT_WORDS_MAX])
{
    char texts[4][ADDRESS_TEXT_MAX];
    const char *source = end_text(&ends->source, texts[0]), *destination = end_text(&ends->destination, texts[1]);
    const char *post_source = end_text(&ends->post_source, texts[2]),
               *post_destination = end_text(&ends->post_destination, texts[3]);
    bool source_changed = !endpoint_equal(&ends->source, &ends->post_source);
    bool destination_changed = !endpoint_equal(&ends->destination, &ends->post_destination);
    if (!source_changed && !destination_changed)
        snprintf(text, NAT_WORDS_MAX, "%s was not translated, talking to %s", source, destination);
    else if (source_changed && is_asked(&ends->post_source, asked))
        snprintf(text, NAT_WORDS_MAX, "%s was %s, talking to %s", post_source, source, destination);
    else if (source_changed && is_asked(&ends->source, asked))
        snprintf(text, NAT_WORDS_MAX, "%s came out as %s, talking to %s", source, post_source, post_destination);
    else if (destination_changed && is_asked(&ends->post_destination, asked))
        snprintf(text, NAT_WORDS_MAX, "%s was %s, spoken to by %s", post_destination, destination, source);
    else if (destination_changed && is_asked(&ends->destination, asked))
        snprintf(text, NAT_WORDS_MAX, "%s was reached as %s, spoken to by %s", destination, post_destination,
                 post_source);
    else if (source_changed) /* the end asked about is the peer's */
        snprintf(text, NAT_WORDS_MAX, "%s was spoken to by %s, which was %s", post_destination, post_source, source);
    else
        snprintf(text, NAT_WORDS_MAX, "%s was talking to %s, which was %s", source, post_destination, destination);
    return text;
}

const char *nat_alone(const struct endpoint *source, const struct endpoint *destination, const char *where,
                      char text[static NAT_WORDS_MAX])
{
    char texts[2][ADDRESS_TEXT_MAX];
    snprintf(text, NAT_WORDS_MAX, "%s, talking to %s, was seen %s%s", end_text(source, texts[0]),
             end_text(destination, texts[1]), where == NULL ? "at no boundary" : where, where == NULL ? "" : " only");
    return text;
}

static const char *method_text(unsigned method)
{
    static const char *const texts[METHOD_COUNT] = {[METHOD_UNKNOWN] = "evidence of its own kind",
                                                    [METHOD_SEQUENCE_NUMBERS] = "both sequence numbers",
                                                    [METHOD_INITIAL_SEQUENCE] = "the initiator's sequence number",
                                                    [METHOD_DIGESTS] = "payload digests and time",
                                                    [METHOD_ICMP_ECHO] = "echo sequence, payload and time",
                                                    [METHOD_TUPLE] = "the same addresses and ports, and time"};
    return texts[method < METHOD_COUNT ? method : METHOD_UNKNOWN];
}

/* What agrees, as a person says it; NULL: nothing that was compared. */
static const char *term_text(unsigned kind)
{
    static const char *const texts[TERM_COUNT] = {[TERM_SRC_ISN] = "initiator's sequence number",
                                                  [TERM_DST_ISN] = "responder's sequence number",
                                                  [TERM_SRC_TIMESTAMP] = "initiator's time stamps",
                                                  [TERM_DST_TIMESTAMP] = "responder's time stamps",
                                                  [TERM_SRC_DIGEST] = "initiator's payload",
                                                  [TERM_DST_DIGEST] = "responder's payload",
                                                  [TERM_SRC_IP_ID] = "initiator's IP id",
                                                  [TERM_DST_IP_ID] = "responder's IP id",
                                                  [TERM_ICMP_SEQUENCE] = "echo sequence",
                                                  [TERM_SRC] = "initiator's address and port",
                                                  [TERM_DST] = "responder's address and port",
                                                  [TERM_PAYLOAD] = "bytes of payload",
                                                  [TERM_PACKETS] = "packets",
                                                  [TERM_TIME] = "time"};
    return kind < TERM_COUNT ? texts[kind] : NULL;
}

const char *nat_evidence(const struct verdict *verdict, const struct verdict_term *terms,
                         char text[static NAT_WORDS_MAX])
{
    unsigned share = odds_share(verdict->odds);
    size_t used = (size_t)snprintf(text, NAT_WORDS_MAX, "linked by %s, confidence %u.%u %%",
                                   method_text(verdict->method), share / 10, share % 10);
    const char *before = "; agreeing: ";
    for (unsigned i = 0; i < verdict->terms && used < NAT_WORDS_MAX; i++) {
        const char *name = terms[i].term_outcome == OUTCOME_AGREES ? term_text(terms[i].term_kind) : NULL;
        if (name == NULL)
            continue;
        used += (size_t)snprintf(text + used, NAT_WORDS_MAX - used, "%s%s", before, name);
        before = ", ";
    }
    if (verdict->candidates > 1 && used < NAT_WORDS_MAX)
        snprintf(text + used, NAT_WORDS_MAX - used, "; chosen of %u candidates", verdict->candidates);
    return text;
}

const char *nat_no_partner(unsigned verdict)
{
    static const char *const texts[VERDICT_COUNT] = {
        [VERDICT_UNKNOWN] = "its sensor stands at no boundary",
        [VERDICT_BLOCKED] = "stopped at the boundary: it would have been seen on the other side, and was not",
        [VERDICT_LOCAL] = "made at the boundary itself: it never crossed it",
        [VERDICT_AMBIGUOUS] = "several views on the other side fit, and nothing tells them apart",
        [VERDICT_NOT_OBSERVABLE] = "the other side was not watched then",
        [VERDICT_BLOCKED_OR_LOCAL] =
            "an attempt seen on the inside alone: stopped at the boundary, or never meant to cross it",
        [VERDICT_NO_PARTNER] =
            "nothing on the other side fits: it ended at the boundary, or the other sensor did not see it",
        [VERDICT_EVICTED] = "given up early: too many views were waiting for a partner (see pavo sensors)",
        [VERDICT_WAITING] = "no partner on the other side yet; it may still come"};
    const char *text = verdict < VERDICT_COUNT ? texts[verdict] : NULL;
    return text == NULL ? "for a reason this aggregator has no words for" : text;
}
