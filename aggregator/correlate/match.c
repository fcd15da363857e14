/* SPDX-License-Identifier: Apache-2.0 */
/* How well two views fit: evidence weighed, contradictions that forbid. */
#include <math.h>
#include <stdlib.h>

#include "aggregator/correlate/internal.h"

/* The score compares rivals. Weights are the bits that would have to agree by chance, a little less where senders are
 * less than random. */
enum {
    WEIGHT_ISN = 31,
    WEIGHT_TIMESTAMP = 30,
    WEIGHT_IP_ID = 15,
    WEIGHT_DIGEST = 8, /* equal requests are common: the digest finds, it does not tell apart */
    WEIGHT_PEER = 4,
    WEIGHT_PAYLOAD = 6,
    WEIGHT_PACKETS = 3,
    STRONG = 45, /* without peer, payload and packets */
};

/* ---- pieces of evidence that a half has or has not */

enum piece { PIECE_ISN, PIECE_TIMESTAMP, PIECE_DIGEST, PIECE_IP_ID, PIECE_COUNT };

static bool has_piece(const struct view *v, enum piece piece, unsigned half)
{
    static const uint32_t bits[PIECE_COUNT] = {[PIECE_ISN] = FLOW_HAS_SRC_ISN,
                                               [PIECE_TIMESTAMP] = FLOW_HAS_SRC_TIMESTAMP,
                                               [PIECE_DIGEST] = FLOW_HAS_SRC_DIGEST,
                                               [PIECE_IP_ID] = FLOW_HAS_SRC_IP_ID};
    /* Zero is what a sender without IP identifications writes, and proves nothing. */
    return (v->evidence & bits[piece] << half) != 0 && (piece != PIECE_IP_ID || v->ip_id[half] != 0);
}

static uint64_t piece_of(const struct view *v, enum piece piece, unsigned half)
{
    switch (piece) {
    case PIECE_ISN:
        return v->isn[half];
    case PIECE_TIMESTAMP:
        return v->timestamp[half];
    case PIECE_DIGEST:
        return v->digest[half];
    default:
        return v->ip_id[half];
    }
}

/* Half `h` of the inside view with the half of the outside view that would be the same. */
static enum verdict_outcome compare(const struct view *a, const struct view *b, enum piece piece, unsigned h,
                                    bool swapped)
{
    unsigned o = h ^ (unsigned)swapped;
    if (!has_piece(a, piece, h) || !has_piece(b, piece, o))
        return OUTCOME_UNKNOWN;
    return piece_of(a, piece, h) == piece_of(b, piece, o) ? OUTCOME_AGREES : OUTCOME_DIFFERS;
}

/* One piece over both halves: how many agree, how many contradict. */
struct tally {
    unsigned agree, differ;
};

static struct tally tally_of(const struct view *a, const struct view *b, enum piece piece, bool swapped)
{
    struct tally t = {0};
    for (unsigned h = 0; h < HALF_COUNT; h++) {
        enum verdict_outcome outcome = compare(a, b, piece, h, swapped);
        t.agree += outcome == OUTCOME_AGREES;
        t.differ += outcome == OUTCOME_DIFFERS;
    }
    return t;
}

static bool is_icmp(uint8_t protocol)
{
    return protocol == 1 || protocol == 58;
}

static bool same_end(const struct view *a, unsigned h, const struct view *b, unsigned o)
{
    return address_equal(a->ends[h].address, b->ends[o].address) &&
           (is_icmp(a->protocol) || a->ends[h].port == b->ends[o].port);
}

/* What of two views agrees when they are laid over each other this way. */
struct fit {
    struct tally pieces[PIECE_COUNT];
    unsigned ends, payloads, packets; /* halves that agree */
    bool in_time;
};

static struct fit fit_of(const struct view *a, const struct view *b, const struct boundary *boundary, bool swapped)
{
    struct fit fit = {.in_time = llabs(b->first_ns - a->first_ns) <= boundary->tolerance_ns};
    for (unsigned piece = 0; piece < PIECE_COUNT; piece++)
        fit.pieces[piece] = tally_of(a, b, (enum piece)piece, swapped);
    for (unsigned h = 0; h < HALF_COUNT; h++) {
        unsigned o = h ^ (unsigned)swapped;
        fit.ends += same_end(a, h, b, o);
        fit.payloads += a->payload[h] == b->payload[o];
        fit.packets += a->packets[h] == b->packets[o];
    }
    return fit;
}

/* ---- do they fit at all? */

/* Direction by a handshake or a request is sure; two sure views that disagree are two connections. */
static bool direction_is_sure(const struct view *v)
{
    return v->direction == FLOW_DIRECTION_HANDSHAKE || v->direction == FLOW_DIRECTION_REQUEST;
}

/* The method the evidence carries, or UNKNOWN: not one connection, or nothing says so. */
static uint8_t method_of(const struct view *a, const struct view *b, const struct fit *fit)
{
    const struct tally *isn = &fit->pieces[PIECE_ISN], *stamp = &fit->pieces[PIECE_TIMESTAMP],
                       *digest = &fit->pieces[PIECE_DIGEST];
    bool peer = fit->ends >= 1, tuple = fit->ends == HALF_COUNT;
    if (isn->agree == 2)
        return METHOD_SEQUENCE_NUMBERS;
    if (!fit->in_time || stamp->differ > 0)
        return METHOD_UNKNOWN;
    if (isn->differ > 0) {
        /* A firewall that rewrites sequence numbers leaves time stamps: without those it is another connection. */
        return isn->agree == 0 && stamp->agree > 0 && digest->agree > 0 && digest->differ == 0 && peer ? METHOD_DIGESTS
                                                                                                       : METHOD_UNKNOWN;
    }
    if (isn->agree == 1)
        return (peer && digest->differ == 0) || stamp->agree > 0 ? METHOD_INITIAL_SEQUENCE : METHOD_UNKNOWN;
    if (digest->differ > 0)
        return METHOD_UNKNOWN;
    if (is_icmp(a->protocol) && (a->evidence & b->evidence & FLOW_HAS_ICMP_SEQUENCE) != 0) {
        bool same = a->icmp_sequence == b->icmp_sequence;
        return same && peer && (digest->agree > 0 || tuple) ? METHOD_ICMP_ECHO : METHOD_UNKNOWN;
    }
    if (digest->agree == 2 || (digest->agree == 1 && peer))
        return METHOD_DIGESTS;
    return tuple ? METHOD_TUPLE : METHOD_UNKNOWN;
}

static bool match_way(const struct view *a, const struct view *b, const struct boundary *boundary, bool swapped,
                      struct match *ret_match)
{
    struct fit fit = fit_of(a, b, boundary, swapped);
    struct match m = {.swapped = swapped,
                      .method = method_of(a, b, &fit),
                      .offset_ns = b->first_ns - a->first_ns,
                      .digests = (uint8_t)fit.pieces[PIECE_DIGEST].agree,
                      .ids_agree = (uint8_t)fit.pieces[PIECE_IP_ID].agree,
                      .ids_differ = (uint8_t)fit.pieces[PIECE_IP_ID].differ};
    if (m.method == METHOD_UNKNOWN || llabs(m.offset_ns) > boundary->tolerance_ns + boundary->window_ns)
        return false;
    int proof = (int)(WEIGHT_ISN * fit.pieces[PIECE_ISN].agree + WEIGHT_TIMESTAMP * fit.pieces[PIECE_TIMESTAMP].agree +
                      WEIGHT_DIGEST * fit.pieces[PIECE_DIGEST].agree);
    m.proven = proof >= STRONG;
    proof += (int)(WEIGHT_IP_ID * fit.pieces[PIECE_IP_ID].agree);
    m.strong = proof >= STRONG;
    m.score = proof + (int)(WEIGHT_PEER * fit.ends) + (fit.payloads == HALF_COUNT ? WEIGHT_PAYLOAD : 0) +
              (fit.packets == HALF_COUNT ? WEIGHT_PACKETS : 0);
    *ret_match = m;
    return true;
}

bool match_views(const struct view *inside, const struct view *outside, const struct boundary *boundary,
                 struct match *ret_match)
{
    if (inside->protocol != outside->protocol)
        return false;
    bool straight = match_way(inside, outside, boundary, false, ret_match);
    struct match other;
    if ((direction_is_sure(inside) && direction_is_sure(outside)) ||
        !match_way(inside, outside, boundary, true, &other) || (straight && ret_match->score >= other.score))
        return straight;
    *ret_match = other;
    return true;
}

/* Where the views disagree on who began, the one that is sure of it is followed: is that the outside one? */
static bool inside_is_turned(const struct view *inside, const struct view *outside, const struct match *m)
{
    return m->swapped && direction_is_sure(outside) && !direction_is_sure(inside);
}

/* ---- the evidence, as terms */

/* log2 in thousandths. Agreement weighs the bits that would have to agree by chance, less where values are common:
 * payloads repeat (a digest finds 12 bits, not 64), servers are popular, initiators' ports are not. What differs
 * although it is one connection takes a little away: it happens, but seldom (a boundary that rewrites IP
 * identifications, a tap that lost packets). An end that differs was translated, which is what boundaries do; and what
 * first packets near each other say is in the prior. */
static const struct weight {
    int32_t agrees, differs;
} weights[TERM_COUNT] = {
    [TERM_SRC_ISN] = {31000, -4000},
    [TERM_DST_ISN] = {31000, -4000},
    [TERM_SRC_TIMESTAMP] = {30000, -4000},
    [TERM_DST_TIMESTAMP] = {30000, -4000},
    [TERM_SRC_DIGEST] = {12000, -4000},
    [TERM_DST_DIGEST] = {12000, -4000},
    [TERM_SRC_IP_ID] = {15000, -1000},
    [TERM_DST_IP_ID] = {15000, -1000},
    [TERM_ICMP_SEQUENCE] = {1000, -4000},
    [TERM_SRC] = {15000, 0},
    [TERM_DST] = {4000, 0},
    [TERM_PAYLOAD] = {6000, -2000},
    [TERM_PACKETS] = {3000, -1000},
    [TERM_TIME] = {0, -4000},
};

static void add_term(struct evidence *e, enum verdict_term_kind kind, enum verdict_outcome outcome, uint64_t inside,
                     uint64_t outside, int32_t weight)
{
    e->terms[e->count++] = (struct verdict_term){.term_kind = (uint8_t)kind,
                                                 .term_outcome = (uint8_t)outcome,
                                                 .term_inside = inside,
                                                 .term_outside = outside,
                                                 .term_weight = weight};
    e->odds += weight;
}

static void add_compared(struct evidence *e, enum verdict_term_kind kind, bool agrees, uint64_t inside,
                         uint64_t outside)
{
    add_term(e, kind, agrees ? OUTCOME_AGREES : OUTCOME_DIFFERS, inside, outside,
             agrees ? weights[kind].agrees : weights[kind].differs);
}

static void add_pieces(struct evidence *e, const struct view *a, const struct view *b, bool swapped)
{
    static const enum verdict_term_kind kinds[PIECE_COUNT] = {[PIECE_ISN] = TERM_SRC_ISN,
                                                              [PIECE_TIMESTAMP] = TERM_SRC_TIMESTAMP,
                                                              [PIECE_DIGEST] = TERM_SRC_DIGEST,
                                                              [PIECE_IP_ID] = TERM_SRC_IP_ID};
    for (unsigned piece = 0; piece < PIECE_COUNT; piece++) {
        for (unsigned h = 0; h < HALF_COUNT; h++) {
            enum verdict_outcome outcome = compare(a, b, (enum piece)piece, h, swapped);
            if (outcome != OUTCOME_UNKNOWN)
                add_compared(e, kinds[piece] + h, outcome == OUTCOME_AGREES, piece_of(a, (enum piece)piece, h),
                             piece_of(b, (enum piece)piece, h ^ (unsigned)swapped));
        }
    }
    if (a->evidence & b->evidence & FLOW_HAS_ICMP_SEQUENCE)
        add_compared(e, TERM_ICMP_SEQUENCE, a->icmp_sequence == b->icmp_sequence, a->icmp_sequence, b->icmp_sequence);
}

/* An end in 64 bits: the last 48 of its address, which hold all of IPv4, and the port. */
static uint64_t end_value(const struct endpoint *end)
{
    return end->address.lo << 16 | end->port;
}

/* Two amounts in 64 bits: what src sent above, what dst sent below. */
static uint64_t pair_value(const uint64_t amounts[HALF_COUNT], bool swapped)
{
    uint64_t src = amounts[swapped], dst = amounts[!swapped];
    return (src < UINT32_MAX ? src : UINT32_MAX) << 32 | (dst < UINT32_MAX ? dst : UINT32_MAX);
}

static void add_ends(struct evidence *e, const struct view *a, const struct view *b, const struct match *m)
{
    for (unsigned h = 0; h < HALF_COUNT; h++) {
        unsigned o = h ^ (unsigned)m->swapped;
        bool same = same_end(a, h, b, o);
        /* Of ICMP the addresses alone are compared: no port makes the initiator's end rare. */
        bool rare = (h == HALF_SRC) != inside_is_turned(a, b, m) && !is_icmp(a->protocol);
        const struct weight *weight = &weights[rare ? TERM_SRC : TERM_DST];
        add_term(e, TERM_SRC + h, same ? OUTCOME_AGREES : OUTCOME_DIFFERS, end_value(&a->ends[h]),
                 end_value(&b->ends[o]), same ? weight->agrees : weight->differs);
    }
}

/* What a method may claim at most, whatever its terms add up to: log2 of the odds in thousandths, rounded up. How often
 * each is right has not been counted at real boundaries yet, so none claims to be surer than these. */
static int32_t ceiling_of(const struct match *m)
{
    enum { ODDS_99 = 6630, ODDS_98 = 5615, ODDS_95 = 4248, ODDS_90 = 3170, ODDS_85 = 2503 };
    switch (m->method) {
    case METHOD_SEQUENCE_NUMBERS:
        return ODDS_99; /* 64 bits agree; one in a hundred is left to duplicated taps and our own mistakes */
    case METHOD_INITIAL_SEQUENCE:
        return m->strong ? ODDS_98 : ODDS_95; /* 32 bits, which scanners with a fixed number repeat */
    case METHOD_DIGESTS:
        return m->strong ? ODDS_98 : m->digests == HALF_COUNT ? ODDS_95 : ODDS_90; /* payloads repeat */
    case METHOD_ICMP_ECHO:
        return ODDS_95; /* so do pings; nothing else resembled it in time */
    default:
        return ODDS_85; /* the same ends and time: what was seen may still be another use of the ports */
    }
}

void match_evidence(const struct view *inside, const struct view *outside, const struct boundary *boundary,
                    const struct match *match, uint32_t in_time, struct evidence *ret_evidence)
{
    struct evidence e = {0};
    bool swapped = match->swapped;
    struct fit fit = fit_of(inside, outside, boundary, swapped);
    in_time = in_time == 0 ? 1 : in_time;
    add_term(&e, TERM_PRIOR, OUTCOME_UNKNOWN, 0, in_time, -(int32_t)lround(1000 * log2(in_time)));
    add_pieces(&e, inside, outside, swapped);
    add_ends(&e, inside, outside, match);
    add_compared(&e, TERM_PAYLOAD, fit.payloads == HALF_COUNT, pair_value(inside->payload, false),
                 pair_value(outside->payload, swapped));
    add_compared(&e, TERM_PACKETS, fit.packets == HALF_COUNT, pair_value(inside->packets, false),
                 pair_value(outside->packets, swapped));
    add_compared(&e, TERM_TIME, fit.in_time, (uint64_t)inside->first_ns, (uint64_t)outside->first_ns);
    int32_t ceiling = ceiling_of(match);
    if (e.odds > ceiling)
        add_term(&e, TERM_CEILING, OUTCOME_UNKNOWN, 0, 0, ceiling - e.odds);
    *ret_evidence = e;
}

/* ---- the verdict */

static bool is_translated(const struct endpoint *inside, const struct endpoint *outside)
{
    return inside->port != outside->port || !address_equal(inside->address, outside->address);
}

static void set_ends(const struct endpoint *src, const struct endpoint *dst, struct verdict *v)
{
    v->src_hi = src->address.hi;
    v->src_lo = src->address.lo;
    v->src_port = src->port;
    v->dst_hi = dst->address.hi;
    v->dst_lo = dst->address.lo;
    v->dst_port = dst->port;
}

void view_verdict(const struct view *view, enum verdict_word word, struct verdict *ret_verdict)
{
    *ret_verdict = (struct verdict){.side = view->side,
                                    .verdict = (uint8_t)word,
                                    .protocol = view->protocol,
                                    .first_time = view->first_ns,
                                    .last_time = view->last_ns};
    set_ends(&view->ends[HALF_SRC], &view->ends[HALF_DST], ret_verdict);
}

void match_verdict(const struct view *inside, const struct view *outside, const struct match *m,
                   struct verdict *ret_verdict)
{
    /* Written from the initiator. */
    bool turn_inside = inside_is_turned(inside, outside, m);
    bool turn_outside = m->swapped && !turn_inside;
    const struct endpoint *src = &inside->ends[turn_inside ? HALF_DST : HALF_SRC];
    const struct endpoint *dst = &inside->ends[turn_inside ? HALF_SRC : HALF_DST];
    const struct endpoint *post_src = &outside->ends[turn_outside ? HALF_DST : HALF_SRC];
    const struct endpoint *post_dst = &outside->ends[turn_outside ? HALF_SRC : HALF_DST];
    bool source = is_translated(src, post_src), destination = is_translated(dst, post_dst);
    struct verdict v = {.side = SIDE_INSIDE,
                        .verdict = source || destination ? VERDICT_TRANSLATED : VERDICT_FORWARDED,
                        .method = m->method,
                        .offset = m->offset_ns,
                        .translated = source && destination ? TRANSLATED_BOTH
                                      : source              ? TRANSLATED_SOURCE
                                      : destination         ? TRANSLATED_DESTINATION
                                                            : TRANSLATED_NONE,
                        .protocol = inside->protocol,
                        .post_nat_src_hi = post_src->address.hi,
                        .post_nat_src_lo = post_src->address.lo,
                        .post_nat_src_port = post_src->port,
                        .post_nat_dst_hi = post_dst->address.hi,
                        .post_nat_dst_lo = post_dst->address.lo,
                        .post_nat_dst_port = post_dst->port,
                        .first_time = inside->first_ns < outside->first_ns ? inside->first_ns : outside->first_ns,
                        .last_time = inside->last_ns > outside->last_ns ? inside->last_ns : outside->last_ns};
    set_ends(src, dst, &v);
    *ret_verdict = v;
}
