/* SPDX-License-Identifier: Apache-2.0 */
/* Tunnels: finding the inner packet, which is what is metered. */
#include <netinet/in.h>

#include "common/records/flow_table.h"
#include "sensor/decode/walk.h"

enum { PORT_VXLAN = 4789, PORT_VXLAN_LINUX = 8472, PORT_GENEVE = 6081, PORT_GTPU = 2152, PORT_TEREDO = 3544 };
enum { ERSPAN_SESSION = 0x3ff, ERSPAN_TRUNCATED = 0x400, ERSPAN_FRAME_IP = 2 };

/* Decodes the inner packet, which ends after `length` bytes at the latest, with `step`, of which `type` is an argument,
 * in place of the outer one. When that fails, all is as before: the packet counts as the outer one. */
static bool walk_inside_limited(struct walk *w, struct cursor inner, size_t length, enum flow_tunnel tunnel,
                                uint32_t id, enum decode_outcome (*step)(struct walk *w, unsigned type), unsigned type)
{
    struct decoded d;
    memset(&d, 0, offsetof(struct decoded, outer));
    d.time_ns = w->d->time_ns;
    d.interface = w->d->interface;
    d.vlan = w->d->vlan;
    d.inner_vlan = w->d->inner_vlan;
    d.mpls_label = w->d->mpls_label;
    d.src_mac = w->d->src_mac;
    d.encapsulated = true;
    d.outer = (struct encapsulation){.src = w->d->src, .dst = w->d->dst, .id = id, .tunnel = (uint8_t)tunnel};
    struct walk inside = {
        .c = inner,
        .unseen = w->unseen,
        .d = &d,
        .tunnels = (uint8_t)(w->tunnels + 1),
        .vlans = w->vlans,
        .outer = w->outer,
        .bounded = !w->cut,
    };
    if (length < walk_left(&inside))
        walk_limit(&inside, length);
    if (step(&inside, type) != DECODE_METERED)
        return false;
    *w->d = d;
    return true;
}

static bool walk_inside(struct walk *w, struct cursor inner, enum flow_tunnel tunnel, uint32_t id,
                        enum decode_outcome (*step)(struct walk *w, unsigned type), unsigned type)
{
    return walk_inside_limited(w, inner, SIZE_MAX, tunnel, id, step, type);
}

static enum decode_outcome step_ethernet(struct walk *w, unsigned type)
{
    (void)type;
    return walk_ethernet(w);
}

static enum decode_outcome step_ip(struct walk *w, unsigned type)
{
    (void)type;
    return walk_ip_by_version(w);
}

static enum decode_outcome step_ppp(struct walk *w, unsigned type)
{
    (void)type;
    return walk_ppp(w);
}

/* GRE (RFC 2784, 2890), its PPTP form (RFC 2637) and ERSPAN within it. */
static bool walk_gre(struct walk *w)
{
    struct cursor c = w->c;
    unsigned flags = cursor_be16(&c), type = cursor_be16(&c);
    unsigned version = flags & 7;
    uint32_t key = 0;
    size_t length = SIZE_MAX;
    bool sequenced = flags & 0x1000;
    if (version > 1 || (flags & 0x4000) != 0) /* source routing is obsolete */
        return false;
    if ((version == 1) != (type == ETHERTYPE_PPP)) /* it is PPTP's, and carries nothing else */
        return false;
    if (flags & 0x8000)
        cursor_skip(&c, 4);
    if (flags & 0x2000)
        key = cursor_be32(&c);
    if (sequenced)
        cursor_skip(&c, 4);
    if (version == 1) {
        if (flags & 0x0080)
            cursor_skip(&c, 4);
        length = key >> 16;
        key &= 0xffff; /* call id */
    }
    if (c.failed)
        return false;
    switch (type) {
    case ETHERTYPE_BRIDGING:
        return walk_inside(w, c, FLOW_TUNNEL_GRE, key, step_ethernet, 0);
    case ETHERTYPE_PPP:
        return walk_inside_limited(w, c, length, FLOW_TUNNEL_GRE, key, step_ppp, 0);
    case ETHERTYPE_ERSPAN: { /* type I has no header, type II one of eight bytes and a GRE sequence number */
        uint32_t session = 0;
        if (sequenced) {
            session = cursor_be32(&c);
            cursor_skip(&c, 4);
        }
        w->cut = session & ERSPAN_TRUNCATED;
        return !c.failed && walk_inside(w, c, FLOW_TUNNEL_ERSPAN, session & ERSPAN_SESSION, step_ethernet, 0);
    }
    case ETHERTYPE_ERSPAN_III: {
        uint32_t session = cursor_be32(&c);
        w->cut = session & ERSPAN_TRUNCATED;
        session &= ERSPAN_SESSION;
        cursor_skip(&c, 4);
        unsigned tail = cursor_be32(&c);
        if (tail & 1)
            cursor_skip(&c, 8); /* platform-specific */
        if (c.failed)
            return false;
        return (tail >> 10 & 31) == ERSPAN_FRAME_IP ? walk_inside(w, c, FLOW_TUNNEL_ERSPAN, session, step_ip, 0)
                                                    : walk_inside(w, c, FLOW_TUNNEL_ERSPAN, session, step_ethernet, 0);
    }
    default:
        return type > ETHERTYPE_LLC_MAX && walk_inside(w, c, FLOW_TUNNEL_GRE, key, walk_ethertype, type);
    }
}

bool walk_ip_tunnel(struct walk *w, unsigned protocol)
{
    if (w->outer || w->tunnels == DECODE_TUNNELS_MAX)
        return false;
    switch (protocol) {
    case IPPROTO_IPIP:
    case IPPROTO_IPV6:
        return walk_inside(w, w->c, FLOW_TUNNEL_IPIP, 0, step_ip, 0);
    case IPPROTO_GRE:
        return walk_gre(w);
    default:
        return false;
    }
}

static bool walk_vxlan(struct walk *w)
{
    struct cursor c = w->c;
    const uint8_t *header = cursor_take(&c, 8);
    if (header == NULL || (header[0] & 0x08) == 0) /* the I flag: a VNI is there */
        return false;
    return walk_inside(w, c, FLOW_TUNNEL_VXLAN, get_be32(header + 4) >> 8, step_ethernet, 0);
}

static bool walk_geneve(struct walk *w)
{
    struct cursor c = w->c;
    const uint8_t *header = cursor_take(&c, 8);
    if (header == NULL || header[0] >> 6 != 0)
        return false;
    cursor_skip(&c, (size_t)(header[0] & 63) * 4);
    unsigned type = get_be16(header + 2);
    uint32_t vni = get_be32(header + 4) >> 8;
    if (c.failed)
        return false;
    if (type == ETHERTYPE_BRIDGING)
        return walk_inside(w, c, FLOW_TUNNEL_GENEVE, vni, step_ethernet, 0);
    return type > ETHERTYPE_LLC_MAX && walk_inside(w, c, FLOW_TUNNEL_GENEVE, vni, walk_ethertype, type);
}

/* 3GPP TS 29.281: G-PDUs, with extension headers passed over. */
static bool walk_gtpu(struct walk *w)
{
    struct cursor c = w->c;
    const uint8_t *header = cursor_take(&c, 8);
    if (header == NULL || header[0] >> 5 != 1 || (header[0] & 0x10) == 0 || header[1] != 255)
        return false;
    struct cursor behind = c; /* the header's length field counts from here */
    if (header[0] & 7) {
        const uint8_t *more = cursor_take(&c, 4);
        unsigned next = more != NULL && (header[0] & 4) ? more[3] : 0;
        for (unsigned i = 0; next != 0; i++) {
            size_t words = cursor_u8(&c);
            if (words == 0 || i == DECODE_EXTENSIONS_MAX)
                return false;
            cursor_skip(&c, words * 4 - 2);
            next = cursor_u8(&c);
        }
    }
    size_t length = get_be16(header + 2), options = behind.left - c.left;
    return !c.failed && options <= length &&
           walk_inside_limited(w, c, length - options, FLOW_TUNNEL_GTPU, get_be32(header + 4), step_ip, 0);
}

/* An IPv6 packet that fills the datagram, or a bubble, which may have trailers (RFC 6081). Nothing else tells Teredo
 * from whatever else a client's port 3544 is sent. */
static bool is_teredo(struct cursor c, size_t left)
{
    const uint8_t *ip = cursor_take(&c, 40);
    if (ip == NULL || ip[0] >> 4 != 6)
        return false;
    unsigned length = get_be16(ip + 4);
    return length + 40u == left || (length == 0 && ip[6] == IPPROTO_NONE && left >= 40);
}

/* RFC 4380: optional authentication and origin indications before the IPv6 packet. */
static bool walk_teredo(struct walk *w)
{
    struct cursor c = w->c;
    if (c.left >= 4 && get_be16(c.at) == 1)
        cursor_skip(&c, 4u + c.at[2] + c.at[3] + 9);
    if (c.left >= 8 && get_be16(c.at) == 0)
        cursor_skip(&c, 8);
    if (c.failed || !is_teredo(c, c.left + w->unseen))
        return false;
    return walk_inside(w, c, FLOW_TUNNEL_TEREDO, 0, step_ip, 0);
}

typedef bool tunnel_walk(struct walk *w);

static tunnel_walk *tunnel_of_ports(unsigned src_port, unsigned dst_port)
{
    switch (dst_port) {
    case PORT_VXLAN:
    case PORT_VXLAN_LINUX:
        return walk_vxlan;
    case PORT_GENEVE:
        return walk_geneve;
    case PORT_GTPU:
        return walk_gtpu;
    default:
        return dst_port == PORT_TEREDO || src_port == PORT_TEREDO ? walk_teredo : NULL;
    }
}

bool walk_udp_tunnel(struct walk *w)
{
    tunnel_walk *walk = tunnel_of_ports(w->d->src_port, w->d->dst_port);
    if (__builtin_expect(walk == NULL, 1) || w->outer || w->tunnels == DECODE_TUNNELS_MAX)
        return false;
    walk_limit(w, w->d->payload); /* the datagram may be shorter than its packet */
    return walk(w);
}
