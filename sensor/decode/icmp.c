/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP and ICMPv6: requests and replies by identifier, errors with the flow they quote. */
#include <netinet/in.h>

#include "sensor/decode/walk.h"

enum { ICMP_BYTES = 8 };

/* What a type is, and for replies, which request they answer. */
enum role {
    ROLE_OTHER,
    ROLE_REQUEST, /* with an identifier */
    ROLE_REPLY,
    ROLE_ASK, /* without */
    ROLE_TELL,
    ROLE_ERROR,
};

static enum role icmp_role(unsigned type)
{
    switch (type) {
    case 8:  /* echo */
    case 13: /* timestamp */
    case 15: /* information */
    case 17: /* address mask */
    case 42: /* extended echo, RFC 8335 */
        return ROLE_REQUEST;
    case 0:
    case 14:
    case 16:
    case 18:
    case 43:
        return ROLE_REPLY;
    case 10: /* router solicitation, advertisement */
        return ROLE_ASK;
    case 9:
        return ROLE_TELL;
    case 3:  /* destination unreachable */
    case 4:  /* source quench */
    case 5:  /* redirect */
    case 11: /* time exceeded */
    case 12: /* parameter problem */
        return ROLE_ERROR;
    default:
        return ROLE_OTHER;
    }
}

static enum role icmpv6_role(unsigned type)
{
    if (type < 128)
        return ROLE_ERROR;
    switch (type) {
    case 128:
    case 160: /* extended echo */
        return ROLE_REQUEST;
    case 129:
    case 161:
        return ROLE_REPLY;
    case 130: /* multicast listener query */
    case 133: /* router solicitation */
    case 135: /* neighbour solicitation */
    case 139: /* node information query */
    case 144: /* home agent discovery */
        return ROLE_ASK;
    case 131:
    case 134:
    case 136:
    case 140:
    case 145:
        return ROLE_TELL;
    default:
        return ROLE_OTHER;
    }
}

/* The type that asks, of a pair. */
static uint32_t asking_type(unsigned protocol, unsigned type, enum role role)
{
    if (role == ROLE_REQUEST || role == ROLE_ASK)
        return type;
    if (protocol == IPPROTO_ICMP && (type == 0 || type == 9))
        return type == 0 ? 8 : 10;
    return type - 1;
}

/* Request and reply of a kind share a discriminator: the identifier, and which kind it is. */
static uint32_t echo_discriminator(unsigned protocol, unsigned type, enum role role, unsigned identifier)
{
    return asking_type(protocol, type, role) << 16 | identifier;
}

/* The header of a quoted packet up to its transport's; false when that is not there: a later fragment, or cut before.
 */
static bool walk_quoted_ip(struct walk *w, struct quoted *q)
{
    struct cursor *c = &w->c;
    unsigned version = c->left > 0 ? c->at[0] >> 4 : 0;
    if (version == 4) {
        const uint8_t *ip = cursor_take(c, 20);
        if (ip == NULL || (ip[0] & 15) < 5 || (get_be16(ip + 6) & 0x1fff) != 0)
            return false;
        cursor_skip(c, (size_t)(ip[0] & 15) * 4 - 20);
        q->src = address_from_ipv4(get_be32(ip + 12));
        q->dst = address_from_ipv4(get_be32(ip + 16));
        q->protocol = ip[9];
        return !c->failed;
    }
    const uint8_t *ip = version == 6 ? cursor_take(c, 40) : NULL;
    if (ip == NULL)
        return false;
    q->src = address_from_bytes(ip + 8);
    q->dst = address_from_bytes(ip + 24);
    unsigned protocol = ip[6];
    bool more;
    if (walk_extensions(w, &protocol, &more) != DECODE_METERED || c->failed || w->d->fragment_offset != 0)
        return false;
    q->protocol = (uint8_t)protocol;
    return true;
}

/* The quoted packet: its addresses and what names its flow within the first eight bytes above, as RFC 792 promises. */
static void walk_quoted(struct walk *w)
{
    struct decoded scratch = {0};
    struct walk inside = {.c = w->c, .d = &scratch};
    struct quoted q = {0};
    if (!walk_quoted_ip(&inside, &q))
        return;
    struct cursor c = inside.c;
    const uint8_t *top;
    switch (q.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
        if ((top = cursor_take(&c, 4)) == NULL)
            return;
        q.kind = q.protocol == IPPROTO_TCP ? DECODED_TCP : DECODED_PORTS;
        q.src_port = get_be16(top);
        q.dst_port = get_be16(top + 2);
        break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
        if ((top = cursor_take(&c, 6)) == NULL)
            return;
        enum role role = q.protocol == IPPROTO_ICMP ? icmp_role(top[0]) : icmpv6_role(top[0]);
        if (role != ROLE_REQUEST && role != ROLE_REPLY)
            return;
        q.kind = DECODED_ECHO;
        q.answers = role == ROLE_REPLY;
        q.discriminator = echo_discriminator(q.protocol, top[0], role, get_be16(top + 4));
        break;
    }
    case IPPROTO_ESP:
    case IPPROTO_AH:
        cursor_skip(&c, q.protocol == IPPROTO_AH ? 4 : 0);
        if ((top = cursor_take(&c, 4)) == NULL)
            return;
        q.kind = DECODED_SPI;
        q.discriminator = get_be32(top);
        break;
    default:
        q.kind = DECODED_OTHER;
        break;
    }
    w->d->quoted = q;
    w->d->quotes = true;
}

/* Advertisements and reports to a group answer nobody: they come unasked as well, and nobody's address is in them. */
static bool to_a_group(struct address dst)
{
    uint32_t ipv4 = address_is_ipv4(dst) ? (uint32_t)dst.lo : 0;
    return address_is_ipv4(dst) ? ipv4 >> 28 == 14 || ipv4 == UINT32_MAX : dst.hi >> 56 == 0xff;
}

static enum decode_outcome walk_message(struct walk *w, bool more, enum role (*role_of)(unsigned type))
{
    struct decoded *d = w->d;
    size_t left = walk_left(w);
    if (left < ICMP_BYTES && !more)
        return DECODE_MALFORMED_ICMP;
    d->kind = DECODED_ICMP;
    d->payload = (uint32_t)(left > ICMP_BYTES ? left - ICMP_BYTES : 0);
    if (w->c.left < ICMP_BYTES) { /* cut: type and code at most */
        if (w->c.left >= 2)
            d->icmp_type_code = get_be16(w->c.at);
        d->discriminator = d->icmp_type_code;
        return DECODE_METERED;
    }
    const uint8_t *icmp = cursor_take(&w->c, ICMP_BYTES);
    d->icmp_type_code = get_be16(icmp);
    d->discriminator = d->icmp_type_code;
    enum role role = role_of(icmp[0]);
    if (role == ROLE_TELL && to_a_group(d->dst))
        role = ROLE_OTHER;
    switch (role) {
    case ROLE_REQUEST:
    case ROLE_REPLY:
        d->kind = DECODED_ECHO;
        d->answers = role == ROLE_REPLY;
        d->discriminator = echo_discriminator(d->protocol, icmp[0], role, get_be16(icmp + 4));
        d->icmp_sequence = get_be16(icmp + 6);
        /* Not the identifier, which NAT rewrites, nor the checksum. */
        walk_content(w, d->payload);
        break;
    case ROLE_ASK:
    case ROLE_TELL:
        d->kind = DECODED_ICMP_PAIR;
        d->answers = role == ROLE_TELL;
        d->discriminator = asking_type(d->protocol, icmp[0], role) << 8;
        break;
    case ROLE_ERROR:
        d->kind = DECODED_ICMP_ERROR;
        walk_quoted(w);
        break;
    case ROLE_OTHER:
        break;
    }
    return DECODE_METERED;
}

enum decode_outcome walk_icmp(struct walk *w, bool more)
{
    return walk_message(w, more, icmp_role);
}

enum decode_outcome walk_icmpv6(struct walk *w, bool more)
{
    return walk_message(w, more, icmpv6_role);
}
