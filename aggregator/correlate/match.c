/* SPDX-License-Identifier: Apache-2.0 */
/* How well two views fit: evidence weighed, contradictions that forbid. */
#include <stdlib.h>

#include "aggregator/correlate/internal.h"

/* Weights are the bits that would have to agree by chance, a little less where senders are less than random. */
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

/* One kind of evidence over both halves: how many agree, how many contradict. */
struct tally {
    unsigned agree, differ;
    uint32_t bits;
};

static struct tally tally_u32(const uint32_t inside[2], const uint32_t outside[2], uint32_t inside_has,
                              uint32_t outside_has, uint32_t has_bit, uint32_t link_bit, bool swapped)
{
    struct tally t = {0};
    for (unsigned h = 0; h < HALF_COUNT; h++) {
        unsigned o = h ^ (unsigned)swapped;
        if ((inside_has & has_bit << h) == 0 || (outside_has & has_bit << o) == 0)
            continue;
        bool same = inside[h] == outside[o];
        t.agree += same;
        t.differ += !same;
        t.bits |= same ? link_bit << h : 0;
    }
    return t;
}

static struct tally tally_digests(const struct view *a, const struct view *b, bool swapped)
{
    struct tally t = {0};
    for (unsigned h = 0; h < HALF_COUNT; h++) {
        unsigned o = h ^ (unsigned)swapped;
        if ((a->evidence & FLOW_HAS_SRC_DIGEST << h) == 0 || (b->evidence & FLOW_HAS_SRC_DIGEST << o) == 0)
            continue;
        bool same = a->digest[h] == b->digest[o];
        t.agree += same;
        t.differ += !same;
        t.bits |= same ? (uint32_t)LINK_SRC_DIGEST << h : 0;
    }
    return t;
}

/* Zero is what a sender without identifications writes, and proves nothing. Whether a difference forbids depends on the
 * boundary: some rewrite them (correlate.c learns it). */
static struct tally tally_ip_ids(const struct view *a, const struct view *b, bool swapped)
{
    uint32_t inside[2] = {a->ip_id[0], a->ip_id[1]}, outside[2] = {b->ip_id[0], b->ip_id[1]};
    uint32_t inside_has = a->evidence, outside_has = b->evidence;
    for (unsigned h = 0; h < HALF_COUNT; h++) {
        inside_has &= inside[h] == 0 ? ~((uint32_t)FLOW_HAS_SRC_IP_ID << h) : UINT32_MAX;
        outside_has &= outside[h] == 0 ? ~((uint32_t)FLOW_HAS_SRC_IP_ID << h) : UINT32_MAX;
    }
    return tally_u32(inside, outside, inside_has, outside_has, FLOW_HAS_SRC_IP_ID, LINK_SRC_IP_ID, swapped);
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

/* Direction by a handshake or a request is sure; two sure views that disagree are two connections. */
static bool direction_is_sure(const struct view *v)
{
    return v->direction == FLOW_DIRECTION_HANDSHAKE || v->direction == FLOW_DIRECTION_REQUEST;
}

/* The method the evidence carries, or UNKNOWN: not one connection, or nothing says so. */
static uint8_t method_of(const struct view *a, const struct view *b, const struct match *m, const struct tally *isn,
                         const struct tally *stamp, const struct tally *digest)
{
    bool peer = (m->evidence & LINK_PEER) != 0, in_time = (m->evidence & LINK_TIME) != 0;
    if (isn->agree == 2)
        return PAVO__LINK__METHOD__SEQUENCE_NUMBERS;
    if (!in_time || stamp->differ > 0)
        return PAVO__LINK__METHOD__UNKNOWN;
    if (isn->differ > 0) {
        /* A firewall that rewrites sequence numbers leaves time stamps: without those it is another connection. */
        return isn->agree == 0 && stamp->agree > 0 && digest->agree > 0 && digest->differ == 0 && peer
                   ? PAVO__LINK__METHOD__DIGESTS
                   : PAVO__LINK__METHOD__UNKNOWN;
    }
    if (isn->agree == 1)
        return (peer && digest->differ == 0) || stamp->agree > 0 ? PAVO__LINK__METHOD__INITIAL_SEQUENCE
                                                                 : PAVO__LINK__METHOD__UNKNOWN;
    if (digest->differ > 0)
        return PAVO__LINK__METHOD__UNKNOWN;
    if (is_icmp(a->protocol) && (a->evidence & b->evidence & FLOW_HAS_ICMP_SEQUENCE) != 0) {
        bool same = a->icmp_sequence == b->icmp_sequence;
        return same && peer && (digest->agree > 0 || (m->evidence & LINK_TUPLE) != 0) ? PAVO__LINK__METHOD__ICMP_ECHO
                                                                                      : PAVO__LINK__METHOD__UNKNOWN;
    }
    if (digest->agree == 2 || (digest->agree == 1 && peer))
        return PAVO__LINK__METHOD__DIGESTS;
    return (m->evidence & LINK_TUPLE) != 0 ? PAVO__LINK__METHOD__TUPLE : PAVO__LINK__METHOD__UNKNOWN;
}

static bool match_way(const struct view *a, const struct view *b, const struct boundary *boundary, bool swapped,
                      struct match *ret_match)
{
    struct match m = {.swapped = swapped, .offset_ns = b->first_ns - a->first_ns};
    struct tally isn = tally_u32(a->isn, b->isn, a->evidence, b->evidence, FLOW_HAS_SRC_ISN, LINK_SRC_ISN, swapped);
    struct tally stamp = tally_u32(a->timestamp, b->timestamp, a->evidence, b->evidence, FLOW_HAS_SRC_TIMESTAMP,
                                   LINK_SRC_TIMESTAMP, swapped);
    struct tally digest = tally_digests(a, b, swapped);
    struct tally id = tally_ip_ids(a, b, swapped);
    unsigned ends = 0, amounts = 0, packets = 0;
    for (unsigned h = 0; h < HALF_COUNT; h++) {
        ends += same_end(a, h, b, h ^ (unsigned)swapped);
        amounts += a->payload[h] == b->payload[h ^ (unsigned)swapped];
        packets += a->packets[h] == b->packets[h ^ (unsigned)swapped];
    }
    m.evidence = isn.bits | stamp.bits | digest.bits | id.bits | (ends >= 1 ? LINK_PEER : 0) |
                 (ends == 2 ? LINK_TUPLE : 0) | (amounts == 2 ? LINK_PAYLOAD : 0) |
                 (llabs(m.offset_ns) <= boundary->tolerance_ns ? LINK_TIME : 0);
    m.method = method_of(a, b, &m, &isn, &stamp, &digest);
    if (m.method == PAVO__LINK__METHOD__UNKNOWN || llabs(m.offset_ns) > boundary->tolerance_ns + boundary->window_ns)
        return false;
    if (m.method == PAVO__LINK__METHOD__ICMP_ECHO)
        m.evidence |= LINK_ICMP_SEQUENCE;
    int proof = (int)(WEIGHT_ISN * isn.agree + WEIGHT_TIMESTAMP * stamp.agree + WEIGHT_DIGEST * digest.agree);
    m.proven = proof >= STRONG;
    proof += (int)(WEIGHT_IP_ID * id.agree);
    m.strong = proof >= STRONG;
    m.ids_agree = (uint8_t)id.agree;
    m.ids_differ = (uint8_t)id.differ;
    m.score =
        proof + (int)(WEIGHT_PEER * ends) + (amounts == 2 ? WEIGHT_PAYLOAD : 0) + (packets == 2 ? WEIGHT_PACKETS : 0);
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

/* ---- the link */

static uint8_t confidence_of(const struct match *m)
{
    unsigned digests = (m->evidence & LINK_SRC_DIGEST ? 1 : 0) + (m->evidence & LINK_DST_DIGEST ? 1 : 0);
    switch (m->method) {
    case PAVO__LINK__METHOD__SEQUENCE_NUMBERS:
        return 99;
    case PAVO__LINK__METHOD__INITIAL_SEQUENCE:
        return m->strong ? 98 : 95;
    case PAVO__LINK__METHOD__DIGESTS:
        return m->strong ? 98 : digests == 2 ? 95 : 90;
    case PAVO__LINK__METHOD__ICMP_ECHO:
        return 95;
    default:
        return 85;
    }
}

void match_link(const struct view *inside, const struct view *outside, const struct match *m, struct link *ret_link)
{
    /* Written from the initiator: where the views disagree, the one that is sure of it is followed. */
    bool turn_inside = m->swapped && direction_is_sure(outside) && !direction_is_sure(inside);
    bool turn_outside = m->swapped && !turn_inside;
    const struct link_endpoint *in = inside->ends, *out = outside->ends;
    struct link link = {.method = m->method,
                        .confidence = confidence_of(m),
                        .evidence = m->evidence,
                        .offset_ns = m->offset_ns,
                        .protocol = inside->protocol,
                        .source = in[turn_inside ? HALF_DST : HALF_SRC],
                        .destination = in[turn_inside ? HALF_SRC : HALF_DST],
                        .post_nat_source = out[turn_outside ? HALF_DST : HALF_SRC],
                        .post_nat_destination = out[turn_outside ? HALF_SRC : HALF_DST],
                        .first_ns = inside->first_ns < outside->first_ns ? inside->first_ns : outside->first_ns,
                        .last_ns = inside->last_ns > outside->last_ns ? inside->last_ns : outside->last_ns};
    bool source = link.source.port != link.post_nat_source.port ||
                  !address_equal(link.source.address, link.post_nat_source.address);
    bool destination = link.destination.port != link.post_nat_destination.port ||
                       !address_equal(link.destination.address, link.post_nat_destination.address);
    link.event = source && destination ? PAVO__NAT_BINDING__EVENT__BOTH
                 : source              ? PAVO__NAT_BINDING__EVENT__SNAT
                 : destination         ? PAVO__NAT_BINDING__EVENT__DNAT
                                       : PAVO__NAT_BINDING__EVENT__NONE;
    *ret_link = link;
}
