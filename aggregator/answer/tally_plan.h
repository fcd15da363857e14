/* SPDX-License-Identifier: Apache-2.0 */
/* What is summed up by what: keys and measures as people write them, as the columns that an answer has of them, and as
 * the fields of flows that they are read from.
 *
 * A key is a word of flows (src, dst_port, vlan, state ...), an address's prefix (src/24), or one of those below; a
 * measure is a field that is summed up (bytes, retransmits ...) or one of those below. Pure. */
#ifndef PAVO_AGGREGATOR_ANSWER_TALLY_PLAN_H
#define PAVO_AGGREGATOR_ANSWER_TALLY_PLAN_H

#include "aggregator/geo.h"
#include "common/records/flow.h"

#define TALLY_PARTS_MAX    12u /* of keys, and of what is counted distinct */
#define TALLY_MEASURES_MAX 16u
#define TALLY_WORDS_MAX    (2 * TALLY_PARTS_MAX)
#define TALLY_NAME_MAX     48u

#define TALLY_BY_HELP                                                                                                  \
    "what is summed up beside the sensor, each a column, with commas between: host (an address, whichever end it is) " \
    "and peer (the other end then), src, dst, pair (src and dst), service (protocol and dst_port), country and asn "   \
    "(of "                                                                                                             \
    "the host; also src_country, dst_asn, peer_country ...; out of the aggregator's --geo), hour, day, sensor alone, " \
    "or any field of flows that is no sum and no time (pavo kinds flow). Of addresses also networks: src/24, or "      \
    "src/24/48 with IPv6's own length, which is 64 otherwise; with one above 32 it is IPv6's. A flow both of whose "   \
    "ends are in one key counts once"
#define TALLY_MEASURE_HELP                                                                                             \
    "flows, records, duration, first_time, last_time; bytes, packets, payload, retransmits and other fields that are " \
    "summed up, also as src_bytes (what src sent) and bytes_sent (what the host sent, or src) and bytes_received; "    \
    "bps, "                                                                                                            \
    "pps, bpp (over the time from its first packet to its last); or `distinct KEY`, which counts the different ones"

enum tally_part_kind {
    TALLY_FIELD, /* of the flow */
    TALLY_HOST,  /* either end in turn */
    TALLY_PEER,  /* the other end */
    TALLY_TIME,  /* the interval of `step_ns` that the record begins in */
    TALLY_GEO,   /* country or AS number of an end */
    TALLY_ROLE,  /* what the host is in it: enum tally_role */
};

enum tally_end { TALLY_END_HOST, TALLY_END_PEER, TALLY_END_SRC, TALLY_END_DST };

enum tally_role { TALLY_USES, TALLY_OFFERS, TALLY_UNANSWERED, TALLY_ROLE_COUNT };

struct tally_part {
    enum tally_part_kind what;
    uint16_t field;  /* of the flow; of an address the upper half */
    bool is_address; /* two words of a key, otherwise one */
    bool is_net;     /* the address's first `length`s bits, as a text in answers */
    unsigned length_ipv4, length_ipv6;
    enum tally_end end; /* GEO: of whom */
    enum geo_what geo;
    int64_t step_ns;
    char label[TALLY_NAME_MAX], heading[TALLY_NAME_MAX];
};

enum tally_measure_kind {
    TALLY_SUM,
    TALLY_FLOWS,
    TALLY_RECORDS,
    TALLY_DURATION,
    TALLY_FIRST_TIME,
    TALLY_LAST_TIME,
    TALLY_RATE, /* scale * measure `of` for each of `over`, or of the time from its first packet to its last */
    TALLY_DISTINCT,
};

struct tally_measure {
    enum tally_measure_kind what;
    unsigned field, more;  /* SUM: of `field`, and of `more` if it is another */
    unsigned turned;       /* the field in place of `field` where the host is the dst; otherwise it itself */
    unsigned of, over;     /* RATE: measures of the plan; `over` TALLY_MEASURES_MAX: time */
    unsigned first, count; /* DISTINCT: parts of the plan */
    uint64_t scale;
    bool hidden; /* only for a rate */
    char label[TALLY_NAME_MAX], heading[TALLY_NAME_MAX];
};

struct tally_plan {
    struct tally_part parts[TALLY_PARTS_MAX]; /* of the key, then those that are counted */
    unsigned key_count, part_count;
    struct tally_measure measures[TALLY_MEASURES_MAX];
    unsigned measure_count;
    unsigned shown[TALLY_MEASURES_MAX]; /* measures in the order of their columns; the hidden ones are not among them */
    unsigned shown_count;
    unsigned sort;                     /* the measure that rows stand in the order of ... */
    bool by_time;                      /* ... unless it is the first part of the key */
    bool both_ends;                    /* a record counts for its src and for its dst */
    const struct geo *geo;             /* borrowed */
    bool from_dst;                     /* dst is the host */
    struct address only;               /* with both_ends: that host alone; zeros: any */
    bool offers_alone;                 /* only what somebody answered: tally_is_offer */
    bool fields[FLOW_FIELD_COUNT];     /* of flows, that it is read from ... */
    bool key_fields[FLOW_FIELD_COUNT]; /* ... and that its key alone is */

    struct field columns[2 * TALLY_PARTS_MAX + TALLY_MEASURES_MAX + 1];
    struct record_kind kind; /* of the answer: the sensor, the key, the measures; points into the plan */
};

/* Which texts of a plan are wrong. */
enum tally_text { TALLY_TEXT_BY, TALLY_TEXT_SORT };

/* `by`: keys with commas between. `sort`: measures with commas between, the first of which rows are sorted by; those of
 * flows, packets and bytes are columns anyway. `step_ns` not 0: the time comes first, and rows stand in its order. The
 * plan must not move afterwards. RESULT_REJECT: a sentence, and which text it is about and where in it. */
struct tally_texts {
    const char *question; /* static */
    const char *by, *sort;
    int64_t step_ns;
    const struct geo *geo; /* for the keys of countries and AS numbers; NULL: there are none */
};
MUST_CHECK enum result tally_plan_init(struct tally_plan *plan, const struct tally_texts *texts,
                                       enum tally_text *ret_text, size_t *ret_offset, struct error *err);

/* Only what somebody answered counts. */
void tally_plan_offers_alone(struct tally_plan *plan);

/* Do hours (common/records/hour.h) have what is asked for, or of it the key? */
bool tally_plan_is_of_hours(const struct tally_plan *plan, bool key_alone);

#endif
