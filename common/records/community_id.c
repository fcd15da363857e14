/* SPDX-License-Identifier: Apache-2.0 */
/* Community ID: SHA-1 over seed, addresses, protocol and ports, the smaller end first. */
#include "common/records/community_id.h"

#include <netinet/in.h>
#include <sha1.h>
#include <sodium.h>
#include <string.h>

/* A type that asks, and the type that answers it; all others go one way. */
struct icmp_pair {
    uint8_t request, reply;
};

static const struct icmp_pair icmp4_pairs[] = {
    {8, 0},   /* echo */
    {10, 9},  /* router solicitation, advertisement */
    {13, 14}, /* time stamp */
    {15, 16}, /* information */
    {17, 18}, /* address mask */
};

static const struct icmp_pair icmp6_pairs[] = {
    {128, 129}, /* echo */
    {130, 131}, /* multicast listener query, report */
    {133, 134}, /* router solicitation, advertisement */
    {135, 136}, /* neighbour solicitation, advertisement */
    {139, 140}, /* node information */
    {144, 145}, /* home agent discovery */
};

struct end {
    uint8_t address[16]; /* network order; IPv4 has its four bytes in front */
    uint16_t port;
};

/* ICMP's type and code stand where ports do. True: nothing comes back, so the order of the ends carries meaning. */
static bool icmp_ends(const struct flow *flow, struct end *src, struct end *dst)
{
    bool v4 = flow->protocol == IPPROTO_ICMP;
    const struct icmp_pair *pairs = v4 ? icmp4_pairs : icmp6_pairs;
    size_t count = v4 ? sizeof(icmp4_pairs) / sizeof(*pairs) : sizeof(icmp6_pairs) / sizeof(*pairs);
    unsigned type = flow->icmp_type_code >> 8;
    for (size_t i = 0; i < count; i++) {
        if (type != pairs[i].request && type != pairs[i].reply)
            continue;
        /* src sent the request, though the first packet seen (whose type the record has) may have been the answer. */
        bool asked = type == pairs[i].request || flow->direction == FLOW_DIRECTION_REQUEST;
        src->port = asked ? pairs[i].request : pairs[i].reply;
        dst->port = asked ? pairs[i].reply : pairs[i].request;
        return false;
    }
    src->port = (uint16_t)type;
    dst->port = flow->icmp_type_code & 0xff;
    return true;
}

static void put(uint8_t *bytes, size_t *length, const void *data, size_t size)
{
    memcpy(bytes + *length, data, size);
    *length += size;
}

int icmp_type_pair(unsigned protocol, unsigned type)
{
    bool v4 = protocol == IPPROTO_ICMP;
    const struct icmp_pair *pairs = v4 ? icmp4_pairs : icmp6_pairs;
    size_t count = v4 ? sizeof(icmp4_pairs) / sizeof(*pairs) : sizeof(icmp6_pairs) / sizeof(*pairs);
    for (size_t i = 0; i < count; i++) {
        if (type == pairs[i].request || type == pairs[i].reply)
            return type == pairs[i].request ? pairs[i].reply : pairs[i].request;
    }
    return -1;
}

bool community_id(const struct flow *flow, char text[static COMMUNITY_ID_MAX])
{
    text[0] = '\0';
    bool v4 = address_is_ipv4(flow_src(flow));
    if (flow->protocol == 0 || address_is_ipv4(flow_dst(flow)) != v4)
        return false;

    struct end src = {.port = flow->src_port}, dst = {.port = flow->dst_port};
    uint8_t address[16];
    size_t address_size = v4 ? 4 : 16;
    address_to_bytes(flow_src(flow), address);
    memcpy(src.address, address + 16 - address_size, address_size);
    address_to_bytes(flow_dst(flow), address);
    memcpy(dst.address, address + 16 - address_size, address_size);

    bool ports = flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP || flow->protocol == IPPROTO_SCTP;
    bool one_way = false;
    if (flow->protocol == IPPROTO_ICMP || flow->protocol == IPPROTO_ICMPV6) {
        one_way = icmp_ends(flow, &src, &dst);
        ports = true;
    }
    int order = memcmp(src.address, dst.address, address_size);
    bool swap = !one_way && (order > 0 || (order == 0 && ports && src.port > dst.port));
    const struct end *first = swap ? &dst : &src, *second = swap ? &src : &dst;

    uint8_t bytes[2 + 2 * 16 + 2 + 2 * 2] = {0, 0}; /* the seed */
    size_t length = 2;
    put(bytes, &length, first->address, address_size);
    put(bytes, &length, second->address, address_size);
    put(bytes, &length, (uint8_t[]){flow->protocol, 0}, 2);
    if (ports) {
        put(bytes, &length, &(uint16_t){htons(first->port)}, 2);
        put(bytes, &length, &(uint16_t){htons(second->port)}, 2);
    }
    uint8_t digest[SHA1_DIGEST_LENGTH];
    SHA1_CTX context;
    SHA1Init(&context);
    SHA1Update(&context, bytes, length);
    SHA1Final(digest, &context);
    memcpy(text, "1:", 3);
    sodium_bin2base64(text + 2, COMMUNITY_ID_MAX - 2, digest, sizeof(digest), sodium_base64_VARIANT_ORIGINAL);
    return true;
}
