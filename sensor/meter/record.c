/* SPDX-License-Identifier: Apache-2.0 */
/* Flow records from entries. */
#include "sensor/meter/record.h"

#include <math.h>
#include <netinet/in.h>
#include <string.h>

#include "sensor/meter/tcp.h"

/* Other protocols know only whether there was an answer. */
static enum flow_state plain_state(const struct entry *e)
{
    bool src = e->side[SIDE_SRC].bits & SIDE_SEEN, dst = e->side[SIDE_DST].bits & SIDE_SEEN;
    return src && dst ? FLOW_STATE_SF : src ? FLOW_STATE_S0 : FLOW_STATE_OTH;
}

/* To three digits: the mean and deviation of some gaps tell no more of the flow, and every further digit is noise that
 * is sent and kept as long as the record. */
static uint32_t rounded(double us)
{
    uint64_t whole = us < UINT32_MAX ? (uint64_t)us : UINT32_MAX, unit = 1;
    while (whole / unit >= 1000)
        unit *= 10;
    uint64_t nearest = (whole + unit / 2) / unit * unit;
    return nearest < UINT32_MAX ? (uint32_t)nearest : UINT32_MAX;
}

static void record_gaps(const struct side *s, uint32_t *ret_mean, uint32_t *ret_deviation)
{
    if (s->packets < 2)
        return;
    double gaps = s->packets - 1;
    *ret_mean = rounded((s->last - s->first) / gaps);
    *ret_deviation = s->gap_deviations > 0 ? rounded(sqrt(s->gap_deviations / gaps)) : 0;
}

static void record_tunnel(const struct extension *x, struct flow *f)
{
    f->inner_vlan = x->inner_vlan;
    f->mpls_label = x->mpls_label;
    f->tunnel = x->outer.tunnel;
    f->tunnel_id = x->outer.id;
    f->tunnel_src_hi = x->outer.src.hi;
    f->tunnel_src_lo = x->outer.src.lo;
    f->tunnel_dst_hi = x->outer.dst.hi;
    f->tunnel_dst_lo = x->outer.dst.lo;
}

static void record_ends(const struct flow_key *key, bool src_is_high, struct flow *f)
{
    uint16_t low_port = 0, high_port = 0;
    f->protocol = (uint8_t)(key->transport >> 56);
    switch (f->protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
        low_port = (uint16_t)(key->transport >> 16);
        high_port = (uint16_t)key->transport;
        break;
    case IPPROTO_ESP:
    case IPPROTO_AH:
        f->tunnel_id = (uint32_t)key->transport; /* SPI */
        break;
    default:
        break;
    }
    if (src_is_high) {
        f->src_hi = key->high_hi;
        f->src_lo = key->high_lo;
        f->dst_hi = key->low_hi;
        f->dst_lo = key->low_lo;
        f->src_port = high_port;
        f->dst_port = low_port;
    } else {
        f->src_hi = key->low_hi;
        f->src_lo = key->low_lo;
        f->dst_hi = key->high_hi;
        f->dst_lo = key->high_lo;
        f->src_port = low_port;
        f->dst_port = high_port;
    }
}

/* Members of one side: `way` is src or dst, `number` its index. */
#define RECORD_SIDE(way, number)                                                                                       \
    do {                                                                                                               \
        const struct side *s = &e->side[number];                                                                       \
        f->way##_packets = s->packets;                                                                                 \
        f->way##_bytes = s->bytes;                                                                                     \
        f->way##_payload = s->bytes - s->headers;                                                                      \
        f->way##_tcp_flags = s->tcp_flags;                                                                             \
        f->way##_ttl = s->ttl;                                                                                         \
        f->way##_dscp = s->dscp;                                                                                       \
        f->way##_size_min = s->size_min;                                                                               \
        f->way##_size_max = s->size_max;                                                                               \
        f->way##_retransmits = s->retransmits;                                                                         \
        f->way##_out_of_order = s->out_of_order;                                                                       \
        f->way##_duplicates = s->duplicates;                                                                           \
        f->way##_zero_windows = s->zero_windows;                                                                       \
        f->way##_isn = s->isn;                                                                                         \
        f->way##_timestamp_origin = cold->timestamp_origin[number];                                                    \
        f->way##_digest = cold->digest[number];                                                                        \
        f->way##_ip_id = s->ip_id;                                                                                     \
        f->way##_mac = (uint64_t)s->mac_high << 32 | cold->mac_low[number];                                            \
        f->way##_window = s->window;                                                                                   \
        f->way##_mss = s->mss;                                                                                         \
        f->way##_tcp_options = cold->tcp_options[number];                                                              \
        record_gaps(s, &f->way##_gap_mean, &f->way##_gap_deviation);                                                   \
    } while (0)

/* Side bits as evidence bits, which come in pairs of src and dst. */
static unsigned side_evidence(const struct side *s, unsigned number)
{
    unsigned evidence = 0;
    if (s->bits & SIDE_ISN)
        evidence |= FLOW_HAS_SRC_ISN;
    if (s->bits & SIDE_TIMESTAMP)
        evidence |= FLOW_HAS_SRC_TIMESTAMP;
    if (s->bits & SIDE_DIGEST)
        evidence |= FLOW_HAS_SRC_DIGEST;
    if (s->bits & SIDE_IP_ID)
        evidence |= FLOW_HAS_SRC_IP_ID;
    return evidence << number;
}

void record_make(const struct entry *e, const struct cold *cold, const struct extension *extension,
                 enum flow_end_reason reason, struct flow *ret_flow)
{
    struct flow *f = ret_flow;
    memset(f, 0, sizeof(*f));
    record_ends(&e->head.key, e->head.flags & ENTRY_SRC_IS_HIGH, f);
    if (extension != NULL)
        record_tunnel(extension, f);
    f->flow = cold->flow;
    f->report = cold->report;
    f->vlan = cold->vlan;
    f->interface = cold->interface;
    f->fragments = cold->fragments;
    bool silent = e->side[SIDE_SRC].packets == 0 && e->side[SIDE_DST].packets == 0;
    f->first_time = silent ? e->head.last_time : e->head.first_time;
    f->last_time = e->head.last_time;
    f->end_reason = (uint8_t)reason;
    f->direction = e->head.direction;
    f->history = cold->history;
    f->evidence =
        cold->evidence | side_evidence(&e->side[SIDE_SRC], SIDE_SRC) | side_evidence(&e->side[SIDE_DST], SIDE_DST);
    f->icmp_errors = cold->icmp_errors;
    f->icmp_error_type_code = cold->icmp_error_type_code;
    if (f->protocol == IPPROTO_TCP) {
        f->state = (uint8_t)tcp_state(e);
        f->client_rtt = cold->client_rtt;
        f->server_rtt = cold->server_rtt;
    } else {
        f->state = (uint8_t)plain_state(e);
        f->icmp_type_code = cold->icmp_type_code;
        f->icmp_sequence = cold->icmp_sequence;
        /* Identified messages: the identifier stands where a port would. */
        if ((f->protocol == IPPROTO_ICMP || f->protocol == IPPROTO_ICMPV6) &&
            (e->head.key.transport >> 16 & 0xffff) != 0)
            f->src_port = (uint16_t)e->head.key.transport;
    }
    RECORD_SIDE(src, SIDE_SRC);
    RECORD_SIDE(dst, SIDE_DST);
}
