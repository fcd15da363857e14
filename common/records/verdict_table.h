/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a verdict, as flow_table.h has them for flows. One verdict is about one view (a flow as one sensor saw
 * it) at one boundary; where it has a partner, about both. */
#ifndef PAVO_COMMON_RECORDS_VERDICT_TABLE_H
#define PAVO_COMMON_RECORDS_VERDICT_TABLE_H

#define VERDICT_TABLE(X)                                                                                               \
    X(10, observer, U16, OBSERVER, SAME, NONE, "who saw the view; of two linked views, the one inside")                \
    X(11, flow, U64, NUMBER, SAME, NONE, "the view's flow number there")                                               \
    X(12, boundary, TEXT, TEXT, SAME, NONE, "name of the boundary")                                                    \
    X(13, side, U8, SIDE, LAST, NONE, "side of the boundary the view was seen on")                                     \
    X(14, verdict, U8, VERDICT, LAST, NONE, "what became of it")                                                       \
    X(15, partner_observer, U16, OBSERVER, LAST, LINKED, "who saw the partner: the view on the other side")            \
    X(16, partner_flow, U64, NUMBER, LAST, LINKED, "its flow number there")                                            \
    X(17, method, U8, METHOD, LAST, LINKED, "the evidence that carries it, in a word")                                 \
    X(18, odds, I32, ODDS, LAST, LINKED, "log2 of the odds that it is so, thousandths: the sum of the terms' weights") \
    X(19, candidates, U32, COUNT, LAST, NONE, "views on the other side that were considered")                          \
    X(20, offset, I64, NANOSECONDS, LAST, LINKED, "partner's first packet minus the view's, nanoseconds")              \
    X(21, revision, U32, NUMBER, LAST, NONE, "0 for the first verdict about this view at this boundary, 1 ...")        \
    X(22, supersedes, U64, NUMBER, LAST, SET, "position of the verdict that this one replaces")                        \
    X(23, translated, U8, TRANSLATED, LAST, LINKED, "which ends were translated")                                      \
    X(24, protocol, U8, PROTOCOL, LAST, NONE, "IANA protocol number")                                                  \
    X(25, src_hi, F64, ADDRESS, LAST, NONE, "initiator's address in the view")                                         \
    X(26, src_lo, F64, LOWER, LAST, NONE, "its lower half")                                                            \
    X(27, src_port, U16, PORT, LAST, PORTS_OR_ICMP, "initiator's port in the view; ICMP: identifier")                  \
    X(28, dst_hi, F64, ADDRESS, LAST, NONE, "responder's address in the view")                                         \
    X(29, dst_lo, F64, LOWER, LAST, NONE, "its lower half")                                                            \
    X(30, dst_port, U16, PORT, LAST, PORTS, "responder's port in the view")                                            \
    X(31, post_nat_src_hi, F64, ADDRESS, LAST, LINKED, "the same initiator's address in the partner (IPFIX 225)")      \
    X(32, post_nat_src_lo, F64, LOWER, LAST, LINKED, "its lower half")                                                 \
    X(33, post_nat_src_port, U16, PORT, LAST, LINKED, "its port there (IPFIX 227)")                                    \
    X(34, post_nat_dst_hi, F64, ADDRESS, LAST, LINKED, "the responder's address in the partner (IPFIX 226)")           \
    X(35, post_nat_dst_lo, F64, LOWER, LAST, LINKED, "its lower half")                                                 \
    X(36, post_nat_dst_port, U16, PORT, LAST, LINKED, "its port there (IPFIX 228)")                                    \
    X(37, first_time, TIME, TIME, LEAST, NONE, "first packet, over both views")                                        \
    X(38, last_time, TIME, TIME, MOST, NONE, "last packet, as known then")                                             \
    X(50, terms, U16, LIST, LAST, NONE, "pieces of evidence, whose weights add up to the odds")

#define VERDICT_TERM_TABLE(X)                                                                                          \
    X(51, term_kind, U8, TERM, LAST, NONE, "what was compared")                                                        \
    X(52, term_outcome, U8, OUTCOME, LAST, NONE, "what that came to")                                                  \
    X(53, term_inside, F64, HEX, LAST, NONE, "the value inside")                                                       \
    X(54, term_outside, F64, HEX, LAST, NONE, "the value outside")                                                     \
    X(55, term_weight, I32, ODDS, LAST, NONE, "what it adds to the odds: log2, thousandths")

/* What became of a view. Words: RECORD_WORDS in words.c. */
#define VERDICTS(X)                                                                                                    \
    X(UNKNOWN, unknown)                                                                                                \
    X(TRANSLATED, translated)             /* linked, and an end was translated */                                      \
    X(FORWARDED, forwarded)               /* linked, nothing was translated */                                         \
    X(BLOCKED, blocked)                   /* it would have been seen on the other side, and was not */                 \
    X(LOCAL, local)                       /* made at the boundary itself */                                            \
    X(PROXIED, proxied)                   /* another connection carries its contents on */                             \
    X(AMBIGUOUS, ambiguous)               /* several partners fit, and nothing tells them apart */                     \
    X(NOT_OBSERVABLE, not_observable)     /* the other side was not watched then */                                    \
    X(BLOCKED_OR_LOCAL, blocked_or_local) /* an attempt seen inside alone: which of the two is not told */             \
    X(NO_PARTNER, no_partner)             /* nothing on the other side fits */                                         \
    X(EVICTED, evicted)                   /* too many views were waiting */                                            \
    X(WAITING, waiting)                   /* it may still find a partner; only in answers */
enum verdict_word {
#define X(name, word) VERDICT_##name,
    VERDICTS(X)
#undef X
        VERDICT_COUNT
};

#define VERDICT_SIDES(X) X(INSIDE, inside) X(OUTSIDE, outside)
enum verdict_side {
#define X(name, word) VERDICT_##name,
    VERDICT_SIDES(X)
#undef X
        VERDICT_SIDE_COUNT
};

#define VERDICT_METHODS(X)                                                                                             \
    X(UNKNOWN, unknown)                                                                                                \
    X(SEQUENCE_NUMBERS, sequence_numbers) /* TCP initial sequence numbers of both directions */                        \
    X(INITIAL_SEQUENCE, initial_sequence) /* the initiator's alone (no answer seen) */                                 \
    X(DIGESTS, digests)                   /* keyed payload digests, and time */                                        \
    X(ICMP_ECHO, icmp_echo)               /* echo sequence and payload digest, and time */                             \
    X(TUPLE, tuple)                       /* the same addresses and ports, and time */
enum verdict_method {
#define X(name, word) METHOD_##name,
    VERDICT_METHODS(X)
#undef X
        METHOD_COUNT
};

/* Which ends a boundary translated, as RFC 8158 tells source from destination. */
#define TRANSLATIONS(X) X(NONE, none) X(SOURCE, source) X(DESTINATION, destination) X(BOTH, both)
enum translation {
#define X(name, word) TRANSLATED_##name,
    TRANSLATIONS(X)
#undef X
        TRANSLATED_COUNT
};

/* What is compared between two views; sides are those of the view inside. */
#define VERDICT_TERMS(X)                                                                                               \
    X(PRIOR, prior) /* before any evidence: the views that could have been it */                                       \
    X(SRC_ISN, src_isn)                                                                                                \
    X(DST_ISN, dst_isn)                                                                                                \
    X(SRC_TIMESTAMP, src_timestamp)                                                                                    \
    X(DST_TIMESTAMP, dst_timestamp)                                                                                    \
    X(SRC_DIGEST, src_digest)                                                                                          \
    X(DST_DIGEST, dst_digest)                                                                                          \
    X(SRC_IP_ID, src_ip_id)                                                                                            \
    X(DST_IP_ID, dst_ip_id)                                                                                            \
    X(ICMP_SEQUENCE, icmp_sequence)                                                                                    \
    X(SRC, src)         /* the initiator's address and port */                                                         \
    X(DST, dst)         /* the responder's */                                                                          \
    X(PAYLOAD, payload) /* bytes of payload each way */                                                                \
    X(PACKETS, packets) /* packets each way */                                                                         \
    X(TIME, time)       /* first packets, within the boundary's tolerance */                                           \
    X(CEILING, ceiling) /* held back: evidence of this method has earned no more belief than what is left */
enum verdict_term_kind {
#define X(name, word) TERM_##name,
    VERDICT_TERMS(X)
#undef X
        TERM_COUNT
};

#define VERDICT_OUTCOMES(X) X(UNKNOWN, unknown) X(AGREES, agrees) X(DIFFERS, differs)
enum verdict_outcome {
#define X(name, word) OUTCOME_##name,
    VERDICT_OUTCOMES(X)
#undef X
        OUTCOME_COUNT
};

#endif
