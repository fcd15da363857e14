/* SPDX-License-Identifier: Apache-2.0 */
/* Link layers: from the first byte of a packet to its IP header. */
#include "sensor/decode/walk.h"

enum { MAC_BYTES = 6, SLL_BYTES = 16, SLL2_BYTES = 20 };

enum decode_outcome walk_ip_by_version(struct walk *w)
{
    if (w->c.left == 0)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    switch (w->c.at[0] >> 4) {
    case 4:
        return walk_ipv4(w);
    case 6:
        return walk_ipv6(w);
    default:
        return DECODE_IGNORED_ETHERTYPE;
    }
}

static enum decode_outcome walk_vlan(struct walk *w)
{
    const uint8_t *tag = cursor_take(&w->c, 4);
    if (tag == NULL)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    if (w->vlans == DECODE_VLANS_MAX)
        return DECODE_MALFORMED_LINK;
    uint16_t id = get_be16(tag) & 0x0fff;
    /* Inside a tunnel the tags are the inner frame's own: the first ones seen are kept. */
    if (w->vlans == 0)
        w->d->vlan = id;
    else if (w->vlans == 1)
        w->d->inner_vlan = id;
    w->vlans++;
    return walk_ethertype(w, get_be16(tag + 2));
}

/* Is the type an Ethernet frame would have `at` bytes from here one that is known? */
static bool has_ethertype(const struct walk *w, size_t at)
{
    if (w->c.left < at + 2 * MAC_BYTES + 2)
        return false;
    switch (get_be16(w->c.at + at + 2 * MAC_BYTES)) {
    case ETHERTYPE_IPV4:
    case ETHERTYPE_IPV6:
    case ETHERTYPE_ARP:
    case ETHERTYPE_VLAN:
    case ETHERTYPE_QINQ:
    case ETHERTYPE_QINQ_OLD:
    case ETHERTYPE_MPLS:
    case ETHERTYPE_PPPOE:
        return true;
    default:
        return false;
    }
}

/* Does what begins with a nibble of 4 or 6 go on as an IP header: with a checksum and a length that are right? */
static bool is_ip(const struct walk *w)
{
    const uint8_t *at = w->c.at;
    if (at[0] >> 4 == 6)
        return w->c.left >= 6 && get_be16(at + 4) + 40u == walk_left(w);
    size_t header = (size_t)(at[0] & 15) * 4;
    size_t total = w->c.left >= 4 ? get_be16(at + 2) : 0;
    if (header < 20 || header > w->c.left || total < header || total > walk_left(w))
        return false;
    uint32_t sum = 0;
    for (size_t i = 0; i < header; i += 2)
        sum += get_be16(at + i);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum % 0xffff == 0 || get_be16(at + 10) == 0; /* offload leaves it to the card */
}

/* Nothing in a label says what is below: IP by its first nibble; where that is 0, Ethernet behind the control word of a
 * pseudowire (RFC 4385). Or Ethernet without one, whose first nibble is that of a MAC and may be any. */
static enum decode_outcome walk_below_labels(struct walk *w)
{
    unsigned nibble = w->c.left > 0 ? w->c.at[0] >> 4 : 16;
    bool ethernet = has_ethertype(w, 0);
    if (nibble == 0 && !(ethernet && !has_ethertype(w, 4))) {
        cursor_skip(&w->c, 4);
        return walk_ethernet(w);
    }
    if (ethernet && !((nibble == 4 || nibble == 6) && is_ip(w)))
        return walk_ethernet(w);
    return walk_ip_by_version(w);
}

static enum decode_outcome walk_mpls(struct walk *w)
{
    /* A pseudowire's Ethernet may have labels again: all stacks together are bounded, or they would nest without end.
     */
    while (w->labels++ < DECODE_LABELS_MAX) {
        const uint8_t *entry = cursor_take(&w->c, 4);
        if (entry == NULL)
            return walk_ended(w, DECODE_MALFORMED_LINK);
        uint32_t value = get_be32(entry);
        if (w->d->mpls_label == 0)
            w->d->mpls_label = value >> 12;
        if (value & 0x100)
            return walk_below_labels(w);
    }
    return DECODE_MALFORMED_LINK;
}

enum decode_outcome walk_ppp(struct walk *w)
{
    if (w->c.left >= 2 && w->c.at[0] == 0xff && w->c.at[1] == 0x03)
        cursor_skip(&w->c, 2);
    unsigned protocol = cursor_u8(&w->c);
    if ((protocol & 1) == 0) /* not compressed to one byte (RFC 1661 section 2) */
        protocol = protocol << 8 | cursor_u8(&w->c);
    if (w->c.failed)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    switch (protocol) {
    case 0x21:
        return walk_ipv4(w);
    case 0x57:
        return walk_ipv6(w);
    case 0x281:
    case 0x283:
        return walk_mpls(w);
    default:
        return DECODE_IGNORED_ETHERTYPE;
    }
}

static enum decode_outcome walk_pppoe(struct walk *w)
{
    const uint8_t *header = cursor_take(&w->c, 6);
    if (header == NULL)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    if (header[0] != 0x11 || header[1] != 0)
        return DECODE_IGNORED_ETHERTYPE; /* discovery */
    size_t length = get_be16(header + 4);
    if (length < walk_left(w))
        walk_limit(w, length);
    return walk_ppp(w);
}

/* IEEE 802.2: SNAP names an Ethernet type, and 0x06 is IP itself. */
static enum decode_outcome walk_llc(struct walk *w)
{
    const uint8_t *llc = cursor_take(&w->c, 3);
    if (llc == NULL)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    if (llc[0] == 0x06 && llc[1] == 0x06)
        return walk_ipv4(w);
    if (llc[0] != 0xaa || llc[1] != 0xaa)
        return DECODE_IGNORED_ETHERTYPE;
    const uint8_t *snap = cursor_take(&w->c, 5);
    if (snap == NULL)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    /* RFC 1042, and IEEE 802.1H for what is bridged; any other organisation numbers its own protocols. */
    if (snap[0] != 0 || snap[1] != 0 || (snap[2] != 0 && snap[2] != 0xf8))
        return DECODE_IGNORED_ETHERTYPE;
    unsigned type = get_be16(snap + 3);
    /* A length here would nest LLC in LLC without end. */
    return type <= ETHERTYPE_LLC_MAX ? DECODE_IGNORED_ETHERTYPE : walk_ethertype(w, type);
}

enum decode_outcome walk_ethertype(struct walk *w, unsigned type)
{
    switch (type) {
    case ETHERTYPE_IPV4:
        return walk_ipv4(w);
    case ETHERTYPE_IPV6:
        return walk_ipv6(w);
    case ETHERTYPE_ARP:
        return walk_arp(w);
    case ETHERTYPE_VLAN:
    case ETHERTYPE_QINQ:
    case ETHERTYPE_QINQ_OLD:
        return walk_vlan(w);
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
        return walk_mpls(w);
    case ETHERTYPE_PPPOE:
        return walk_pppoe(w);
    default:
        if (type > ETHERTYPE_LLC_MAX)
            return DECODE_IGNORED_ETHERTYPE;
        if (type < walk_left(w))
            walk_limit(w, type);
        return walk_llc(w);
    }
}

enum decode_outcome walk_ethernet(struct walk *w)
{
    const uint8_t *header = cursor_take(&w->c, 2 * MAC_BYTES + 2);
    if (header == NULL)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    w->d->src_mac = header + MAC_BYTES;
    unsigned type = get_be16(header + 2 * MAC_BYTES);
    return __builtin_expect(type == ETHERTYPE_IPV4, 1) ? walk_ipv4(w) : walk_ethertype(w, type);
}

/* BSD loopback: an address family, in the byte order of whoever wrote the file. */
static enum decode_outcome walk_loopback(struct walk *w)
{
    const uint8_t *header = cursor_take(&w->c, 4);
    if (header == NULL)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    uint32_t family = get_be32(header);
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    switch (family) {
    case 2:
        return walk_ipv4(w);
    case 10: /* Linux */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* Darwin */
        return walk_ipv6(w);
    default:
        return DECODE_IGNORED_ETHERTYPE;
    }
}

/* What follows Linux's "cooked" headers, which have the sender's address, up to eight bytes of it, and no other. */
static enum decode_outcome walk_cooked(struct walk *w, const uint8_t *address, unsigned address_length, unsigned type)
{
    if (address_length == MAC_BYTES)
        w->d->src_mac = address;
    if (type == 4) /* ETH_P_802_2: an LLC header without length follows */
        return walk_llc(w);
    return type <= ETHERTYPE_LLC_MAX ? DECODE_IGNORED_ETHERTYPE : walk_ethertype(w, type);
}

static enum decode_outcome walk_sll(struct walk *w)
{
    const uint8_t *header = cursor_take(&w->c, SLL_BYTES);
    if (header == NULL)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    return walk_cooked(w, header + 6, get_be16(header + 4), get_be16(header + 14));
}

static enum decode_outcome walk_sll2(struct walk *w)
{
    const uint8_t *header = cursor_take(&w->c, SLL2_BYTES);
    if (header == NULL)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    return walk_cooked(w, header + 12, header[11], get_be16(header));
}

static enum decode_outcome walk_chdlc(struct walk *w)
{
    const uint8_t *header = cursor_take(&w->c, 4);
    if (header == NULL)
        return walk_ended(w, DECODE_MALFORMED_LINK);
    unsigned type = get_be16(header + 2);
    return type <= ETHERTYPE_LLC_MAX ? DECODE_IGNORED_ETHERTYPE : walk_ethertype(w, type);
}

/* RFC 1662, unless the address byte is Cisco's for unicast or multicast. */
static enum decode_outcome walk_ppp_hdlc(struct walk *w)
{
    bool cisco = w->c.left > 0 && (w->c.at[0] == 0x0f || w->c.at[0] == 0x8f);
    return cisco ? walk_chdlc(w) : walk_ppp(w);
}

enum decode_outcome walk_link(struct walk *w, unsigned link_type)
{
    switch (link_type) {
    case LINK_ETHERNET:
        return walk_ethernet(w);
    case LINK_NULL:
    case LINK_LOOP:
        return walk_loopback(w);
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
        return walk_ip_by_version(w);
    case LINK_LINUX_SLL:
        return walk_sll(w);
    case LINK_LINUX_SLL2:
        return walk_sll2(w);
    case LINK_PPP:
        return walk_ppp(w);
    case LINK_PPP_HDLC:
        return walk_ppp_hdlc(w);
    case LINK_PPP_PPPD:
        cursor_skip(&w->c, 2);
        return walk_ppp(w);
    case LINK_PPP_WITH_DIR:
        cursor_skip(&w->c, 1);
        return walk_ppp(w);
    case LINK_PPPOE:
        return walk_pppoe(w);
    case LINK_CHDLC:
        return walk_chdlc(w);
    default:
        return DECODE_UNSUPPORTED_LINK;
    }
}
