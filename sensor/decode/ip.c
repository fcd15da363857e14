/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4, IPv6 with its extension headers, and ARP. */
#include <netinet/in.h>

#include "sensor/decode/walk.h"

enum { IPV4_BYTES = 20, IPV6_BYTES = 40, ARP_BYTES = 28, DATAGRAM_MAX = 65535 };
enum { PROTOCOL_HIP = 139, PROTOCOL_SHIM6 = 140 }; /* RFC 7401, 5533 */
enum { JUMBO_MAX = 1 << 24 };                      /* no card makes longer ones; the meter's counters rely on it */

/* A later fragment has no transport header: the meter finds its flow by the first fragment. */
static enum decode_outcome walk_fragment(struct walk *w, unsigned protocol)
{
    if (w->d->fragment_offset + walk_left(w) > DATAGRAM_MAX)
        return DECODE_MALFORMED_FRAGMENT;
    w->d->protocol = walk_protocol(protocol);
    w->d->kind = DECODED_OTHER;
    w->d->payload = (uint32_t)walk_left(w);
    return DECODE_METERED;
}

enum decode_outcome walk_ipv4(struct walk *w)
{
    const uint8_t *ip = cursor_take(&w->c, IPV4_BYTES);
    if (ip == NULL)
        return walk_ended(w, DECODE_MALFORMED_IPV4);
    size_t header = (size_t)(ip[0] & 15) * 4;
    if (ip[0] >> 4 != 4 || header < IPV4_BYTES)
        return DECODE_MALFORMED_IPV4;
    size_t total = get_be16(ip + 2);
    if (__builtin_expect(total == 0, 0)) {
        /* Segmentation offload leaves it to the card: the frame's own length is the best there is. */
        total = IPV4_BYTES + walk_left(w);
        if (total > JUMBO_MAX)
            return DECODE_MALFORMED_IPV4_LENGTH;
    }
    if (total < header || walk_overflows(w, total - IPV4_BYTES))
        return DECODE_MALFORMED_IPV4_LENGTH;
    walk_limit(w, total - IPV4_BYTES);

    struct decoded *d = w->d;
    d->src = address_from_ipv4(get_be32(ip + 12));
    d->dst = address_from_ipv4(get_be32(ip + 16));
    d->ttl = ip[8];
    d->dscp = ip[1] >> 2;
    d->bytes = (uint32_t)total;
    d->ip_id = get_be16(ip + 4);
    d->has_ip_id = true;
    unsigned protocol = ip[9];
    bool options_cut = header > IPV4_BYTES && cursor_take(&w->c, header - IPV4_BYTES) == NULL;
    if (options_cut) { /* addresses are there, the rest is not */
        d->protocol = walk_protocol(protocol);
        d->payload = (uint32_t)(total - header);
        return DECODE_METERED;
    }
    unsigned fragment = get_be16(ip + 6) & 0x3fff;
    if (__builtin_expect(fragment != 0, 0)) {
        d->fragment = true;
        d->fragment_id = d->ip_id;
        d->fragment_offset = (uint16_t)((fragment & 0x1fff) * 8);
        if (d->fragment_offset != 0)
            return walk_fragment(w, protocol);
    }
    return walk_transport(w, protocol, fragment != 0);
}

enum decode_outcome walk_extensions(struct walk *w, unsigned *ret_protocol, bool *ret_more)
{
    unsigned next = *ret_protocol;
    for (unsigned i = 0; i <= DECODE_EXTENSIONS_MAX; i++) {
        size_t unit, least;
        bool message = false; /* of its own, not a header before another */
        switch (next) {
        case IPPROTO_MH:
        case PROTOCOL_HIP:
        case PROTOCOL_SHIM6:
            message = w->c.left > 0 && w->c.at[0] == IPPROTO_NONE;
            unit = 8;
            least = 8;
            break;
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
            unit = 8;
            least = 8;
            break;
        case IPPROTO_FRAGMENT:
            unit = 0;
            least = 8;
            break;
        default:
            *ret_protocol = next;
            return DECODE_METERED;
        }
        if (message) {
            *ret_protocol = next;
            return DECODE_METERED;
        }
        const uint8_t *header = cursor_take(&w->c, least);
        if (header == NULL) {
            *ret_protocol = next;
            return w->unseen > 0 ? DECODE_METERED : DECODE_MALFORMED_IPV6_EXTENSION;
        }
        if (next == IPPROTO_FRAGMENT) {
            unsigned fragment = get_be16(header + 2);
            w->d->fragment_id = get_be32(header + 4);
            w->d->fragment_offset = fragment & 0xfff8;
            w->d->fragment = (fragment & 0xfff9) != 0; /* an "atomic fragment" (RFC 6946) is a whole packet */
            *ret_more = fragment & 1;
            if (w->d->fragment_offset != 0) {
                *ret_protocol = header[0];
                return DECODE_METERED;
            }
        } else if (header[1] > 0) {
            size_t rest = header[1] * unit;
            if (rest > walk_left(w))
                return DECODE_MALFORMED_IPV6_EXTENSION;
            cursor_skip(&w->c, rest);
            if (w->c.failed) {
                *ret_protocol = header[0];
                return DECODE_METERED;
            }
        }
        next = header[0];
    }
    return DECODE_MALFORMED_IPV6_EXTENSION;
}

enum decode_outcome walk_ipv6(struct walk *w)
{
    const uint8_t *ip = cursor_take(&w->c, IPV6_BYTES);
    if (ip == NULL)
        return walk_ended(w, DECODE_MALFORMED_IPV6);
    if (ip[0] >> 4 != 6)
        return DECODE_MALFORMED_IPV6;
    size_t length = get_be16(ip + 4);
    unsigned protocol = ip[6];
    /* A jumbogram (RFC 2675), or a segment for offload that is larger than the field: the frame's length is all there
     * is. */
    if (length == 0 && (protocol == IPPROTO_HOPOPTS || walk_left(w) > DATAGRAM_MAX))
        length = walk_left(w);
    if (length > JUMBO_MAX || walk_overflows(w, length))
        return DECODE_MALFORMED_IPV6;
    walk_limit(w, length);

    struct decoded *d = w->d;
    d->src = address_from_bytes(ip + 8);
    d->dst = address_from_bytes(ip + 24);
    d->ttl = ip[7];
    d->dscp = (uint8_t)((ip[0] & 15) << 2 | ip[1] >> 6);
    d->bytes = (uint32_t)(IPV6_BYTES + length);
    d->has_ip_id = false;
    bool more = false;
    enum decode_outcome outcome = walk_extensions(w, &protocol, &more);
    if (outcome != DECODE_METERED)
        return outcome;
    if (w->c.failed) {
        d->protocol = walk_protocol(protocol);
        d->payload = (uint32_t)walk_left(w);
        return DECODE_METERED;
    }
    return d->fragment_offset != 0 ? walk_fragment(w, protocol) : walk_transport(w, protocol, more);
}

enum decode_outcome walk_arp(struct walk *w)
{
    const uint8_t *arp = cursor_take(&w->c, ARP_BYTES);
    if (arp == NULL)
        return walk_ended(w, DECODE_MALFORMED_ARP);
    /* hardware addresses of 6 bytes, protocol IPv4 with 4 */
    if (get_be16(arp + 2) != ETHERTYPE_IPV4 || arp[4] != 6 || arp[5] != 4)
        return DECODE_MALFORMED_ARP;
    struct decoded *d = w->d;
    d->kind = DECODED_ARP;
    d->src = address_from_ipv4(get_be32(arp + 14));
    d->dst = address_from_ipv4(get_be32(arp + 24));
    d->bytes = ARP_BYTES;
    unsigned operation = get_be16(arp + 6);
    d->icmp_type_code = (uint16_t)operation;
    d->answers = operation == 2;
    return DECODE_METERED;
}
