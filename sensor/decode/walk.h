/* SPDX-License-Identifier: Apache-2.0 */
/* Inside decode: where the walk through a packet's headers has come to, and the steps from one layer to the next. */
#ifndef PAVO_SENSOR_DECODE_WALK_H
#define PAVO_SENSOR_DECODE_WALK_H

#include <netinet/in.h>

#include "common/cursor.h"
#include "sensor/decode/decode.h"

struct walk {
    struct cursor c;
    size_t unseen; /* bytes of the packet behind the captured ones */
    struct decoded *d;
    uint8_t tunnels; /* opened so far */
    uint8_t vlans;
    uint8_t labels;
    bool outer;   /* open none */
    bool bounded; /* the packet around it tells how long it can be */
    bool cut;     /* what is inside says it was cut: its own length is the right one */
};

/* The captured bytes ended within a header: cut by the snap length, or too short when it was sent. */
static inline enum decode_outcome walk_ended(const struct walk *w, enum decode_outcome malformed)
{
    return w->unseen > 0 ? DECODE_TRUNCATED : malformed;
}

/* Bytes left of the packet, captured or not. */
static inline size_t walk_left(const struct walk *w)
{
    return w->c.left + w->unseen;
}

/* The packet ends `length` bytes from here, says a header: what follows is padding, or was not captured. */
static inline void walk_limit(struct walk *w, size_t length)
{
    if (length <= w->c.left) {
        w->c.left = length;
        w->unseen = 0;
    } else {
        w->unseen = length - w->c.left;
    }
}

/* The outermost IP header is believed when it says more than the frame has: something cut the frame. One inside a
 * tunnel is not: the packet that carries it has a length of its own. */
static inline bool walk_overflows(const struct walk *w, size_t length)
{
    return __builtin_expect(w->bounded, 0) && length > walk_left(w);
}

/* Protocol 0 in a header is no protocol, but "hop-by-hop options follow"; in records it is ARP's. A packet of which
 * nothing else is known (0 in IPv4, or cut in those options) has the reserved number. */
static inline uint8_t walk_protocol(unsigned protocol)
{
    return (uint8_t)(protocol == IPPROTO_HOPOPTS ? IPPROTO_RAW : protocol);
}

/* Big-endian values within bytes that are known to be there. */
static inline uint16_t get_be16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return be16toh(value);
}

static inline uint32_t get_be32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return be32toh(value);
}

enum ethertype {
    ETHERTYPE_LLC_MAX = 1500, /* up to here a length, IEEE 802.3 */
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_ARP = 0x0806,
    ETHERTYPE_BRIDGING = 0x6558, /* GRE: an Ethernet frame */
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_PPP = 0x880b,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_MPLS_MULTICAST = 0x8848,
    ETHERTYPE_PPPOE = 0x8864,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_ERSPAN = 0x88be,
    ETHERTYPE_ERSPAN_III = 0x22eb,
    ETHERTYPE_QINQ_OLD = 0x9100,
};

/* link.c */
enum decode_outcome walk_link(struct walk *w, unsigned link_type);
enum decode_outcome walk_ethernet(struct walk *w);
enum decode_outcome walk_ethertype(struct walk *w, unsigned type);
enum decode_outcome walk_ppp(struct walk *w);
enum decode_outcome walk_ip_by_version(struct walk *w);

/* ip.c */
enum decode_outcome walk_ipv4(struct walk *w);
enum decode_outcome walk_ipv6(struct walk *w);
enum decode_outcome walk_arp(struct walk *w);

/* Passes over extension headers, from the one that *ret_protocol names. METERED: w stands at the transport header,
 * which it names then; a header that was not captured leaves w->c.failed set, with what is known so far. */
enum decode_outcome walk_extensions(struct walk *w, unsigned *ret_protocol, bool *ret_more);

/* transport.c; `more` says that later fragments follow. */
enum decode_outcome walk_transport(struct walk *w, unsigned protocol, bool more);
void walk_content(struct walk *w, size_t length);

/* icmp.c */
enum decode_outcome walk_icmp(struct walk *w, bool more);
enum decode_outcome walk_icmpv6(struct walk *w, bool more);

/* tunnel.c: true when the inner packet was decoded into w->d; false and w->d unchanged when it was not, or is no
 * tunnel. */
bool walk_ip_tunnel(struct walk *w, unsigned protocol);
bool walk_udp_tunnel(struct walk *w);

#endif
