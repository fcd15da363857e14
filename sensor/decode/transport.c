/* SPDX-License-Identifier: Apache-2.0 */
/* TCP, UDP and the other transports above IP. */
#include <netinet/in.h>

#include "sensor/decode/walk.h"

enum {
    TCP_BYTES = 20,
    UDP_BYTES = 8,
    SCTP_BYTES = 12,
    DCCP_BYTES = 12,
    ESP_BYTES = 8,
    AH_BYTES = 12,
    CONTENT_MAX = 64
};

/* The payload begins here; `length` is what its datagram says it has, which may be more than this fragment. */
void walk_content(struct walk *w, size_t length)
{
    size_t captured = w->c.left < length ? w->c.left : length;
    w->d->content = w->c.at;
    w->d->content_captured = (uint16_t)(captured < CONTENT_MAX ? captured : CONTENT_MAX);
    w->d->content_length = (uint16_t)(length < CONTENT_MAX ? length : CONTENT_MAX);
}

/* The snap length (or a tiny first fragment) cut the transport header: take the ports if they are there. */
static enum decode_outcome walk_cut(struct walk *w, enum decoded_kind kind, size_t header)
{
    size_t left = walk_left(w);
    w->d->payload = (uint32_t)(left > header ? left - header : 0);
    if (w->c.left >= 4) {
        w->d->kind = kind;
        w->d->src_port = get_be16(w->c.at);
        w->d->dst_port = get_be16(w->c.at + 2);
    }
    return DECODE_METERED;
}

static enum decode_outcome walk_tcp(struct walk *w, bool more)
{
    struct decoded *d = w->d;
    size_t left = walk_left(w);
    if (__builtin_expect(w->c.left < TCP_BYTES, 0))
        return left < TCP_BYTES && !more ? DECODE_MALFORMED_TCP : walk_cut(w, DECODED_TCP, TCP_BYTES);
    const uint8_t *tcp = cursor_take(&w->c, TCP_BYTES);
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    if (header < TCP_BYTES || (header > left && !more))
        return DECODE_MALFORMED_TCP;
    d->kind = DECODED_TCP;
    d->tcp_header = true;
    d->src_port = get_be16(tcp);
    d->dst_port = get_be16(tcp + 2);
    d->sequence = get_be32(tcp + 4);
    d->acknowledgement = get_be32(tcp + 8);
    d->tcp_flags = tcp[13];
    d->window = get_be16(tcp + 14);
    d->payload = (uint32_t)(header < left ? left - header : 0);
    size_t options = header - TCP_BYTES;
    if (options > w->c.left)
        options = w->c.left;
    d->tcp_options = w->c.at;
    d->tcp_options_length = (uint8_t)options;
    cursor_skip(&w->c, options);
    walk_content(w, d->payload);
    return DECODE_METERED;
}

static enum decode_outcome walk_udp_cut(struct walk *w, bool more)
{
    if (walk_left(w) >= UDP_BYTES || more)
        return walk_cut(w, DECODED_PORTS, UDP_BYTES);
    return w->d->protocol == IPPROTO_UDP ? DECODE_MALFORMED_UDP : DECODE_MALFORMED_TRANSPORT;
}

static enum decode_outcome walk_udp(struct walk *w, bool more)
{
    struct decoded *d = w->d;
    size_t left = walk_left(w);
    if (__builtin_expect(w->c.left < UDP_BYTES, 0))
        return walk_udp_cut(w, more);
    const uint8_t *udp = cursor_take(&w->c, UDP_BYTES);
    size_t length = get_be16(udp + 4);
    if (d->protocol == IPPROTO_UDPLITE || length == 0) /* checksum coverage; a jumbogram or offload */
        length = left;
    if (length < UDP_BYTES)
        return DECODE_MALFORMED_UDP;
    d->kind = DECODED_PORTS;
    d->src_port = get_be16(udp);
    d->dst_port = get_be16(udp + 2);
    d->payload = (uint32_t)((length < left ? length : left) - UDP_BYTES);
    walk_content(w, length - UDP_BYTES);
    if (d->protocol == IPPROTO_UDP && !d->fragment)
        walk_udp_tunnel(w);
    return DECODE_METERED;
}

static enum decode_outcome walk_sctp(struct walk *w, bool more)
{
    if (walk_left(w) < SCTP_BYTES && !more)
        return DECODE_MALFORMED_TRANSPORT;
    return walk_cut(w, DECODED_PORTS, SCTP_BYTES);
}

/* The headers of DCCP and AH say how long they are, in words: with DCCP's options and AH's check value. What was
 * captured of them may end before. */
static enum decode_outcome walk_sized(struct walk *w, bool more, size_t least, size_t length_at, unsigned words_more,
                                      size_t *ret_header)
{
    size_t left = walk_left(w), header = least;
    if (w->c.left > length_at) {
        header = (w->c.at[length_at] + words_more) * 4;
        if (header < least)
            return DECODE_MALFORMED_TRANSPORT;
    }
    if (header > left && !more)
        return DECODE_MALFORMED_TRANSPORT;
    *ret_header = header;
    return DECODE_METERED;
}

/* RFC 4340 section 5.1: the data offset is the fifth byte. */
static enum decode_outcome walk_dccp(struct walk *w, bool more)
{
    size_t header;
    enum decode_outcome outcome = walk_sized(w, more, DCCP_BYTES, 4, 0, &header);
    return outcome == DECODE_METERED ? walk_cut(w, DECODED_PORTS, header) : outcome;
}

static void walk_spi(struct walk *w, size_t spi_at, size_t header)
{
    size_t left = walk_left(w);
    w->d->payload = (uint32_t)(left > header ? left - header : 0);
    if (w->c.left >= spi_at + 4) {
        w->d->kind = DECODED_SPI;
        w->d->discriminator = get_be32(w->c.at + spi_at);
        walk_content(w, left);
    }
}

static enum decode_outcome walk_esp(struct walk *w, bool more)
{
    if (walk_left(w) < ESP_BYTES && !more)
        return DECODE_MALFORMED_TRANSPORT;
    walk_spi(w, 0, ESP_BYTES);
    return DECODE_METERED;
}

/* RFC 4302 section 2.2: the length is that in words, less two. */
static enum decode_outcome walk_ah(struct walk *w, bool more)
{
    size_t header;
    enum decode_outcome outcome = walk_sized(w, more, AH_BYTES, 1, 2, &header);
    if (outcome == DECODE_METERED)
        walk_spi(w, 4, header);
    return outcome;
}

enum decode_outcome walk_transport(struct walk *w, unsigned protocol, bool more)
{
    w->d->protocol = (uint8_t)protocol;
    switch (protocol) {
    case IPPROTO_TCP:
        return walk_tcp(w, more);
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
        return walk_udp(w, more);
    case IPPROTO_ICMP:
        return walk_icmp(w, more);
    case IPPROTO_ICMPV6:
        return walk_icmpv6(w, more);
    case IPPROTO_SCTP:
        return walk_sctp(w, more);
    case IPPROTO_DCCP:
        return walk_dccp(w, more);
    case IPPROTO_ESP:
        return walk_esp(w, more);
    case IPPROTO_AH:
        return walk_ah(w, more);
    default:
        w->d->protocol = walk_protocol(protocol);
        w->d->payload = (uint32_t)walk_left(w);
        walk_content(w, w->d->payload);
        if (!w->d->fragment)
            walk_ip_tunnel(w, protocol);
        return DECODE_METERED;
    }
}
