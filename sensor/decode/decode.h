/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: the bytes of one packet become the facts the meter counts, or an outcome that says why not.
 *
 * Pure and stateless; any thread. All bytes are read through common/cursor.h. A packet cut by the snap length is
 * decoded from what is there, with lengths from its headers; one whose headers contradict each other is malformed.
 * Inside known tunnels the inner packet is what is decoded, down to DECODE_TUNNELS_MAX; when the inside does not
 * decode, the packet counts as the outer one. */
#ifndef PAVO_SENSOR_DECODE_DECODE_H
#define PAVO_SENSOR_DECODE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "sensor/capture/packet.h"

#define DECODE_TUNNELS_MAX    4u /* tunnels within tunnels that are opened */
#define DECODE_VLANS_MAX      4u /* tags passed over; the first two are kept */
#define DECODE_LABELS_MAX     8u /* MPLS labels passed over, in all stacks of a packet; the first is kept */
#define DECODE_EXTENSIONS_MAX 8u /* IPv6 extension headers */

/* What became of a packet. Every packet has exactly one of these, and each is a counter of the interface it came from:
 * packets offered = metered + the sum of the others. */
#define DECODE_OUTCOMES(X)                                                                                             \
    X(METERED, "metered", "counted in a flow")                                                                         \
    X(TRUNCATED, "truncated", "the snap length cut the packet before its addresses")                                   \
    X(IGNORED_ETHERTYPE, "ignored_ethertype", "no IP, no ARP: spanning tree, LLDP, PPPoE discovery ...")               \
    X(UNSUPPORTED_LINK, "unsupported_link", "a link type this sensor cannot read")                                     \
    X(MALFORMED_LINK, "malformed_link", "the link header ends early or contradicts itself")                            \
    X(MALFORMED_IPV4, "malformed_ipv4", "IPv4 header of wrong version or shorter than 20 bytes")                       \
    X(MALFORMED_IPV4_LENGTH, "malformed_ipv4_length", "IPv4 total length shorter than its header")                     \
    X(MALFORMED_IPV6, "malformed_ipv6", "IPv6 header of wrong version or shorter than 40 bytes")                       \
    X(MALFORMED_IPV6_EXTENSION, "malformed_ipv6_extension", "extension headers run past the end or are too many")      \
    X(MALFORMED_FRAGMENT, "malformed_fragment", "a fragment that reaches beyond 65,535 bytes")                         \
    X(MALFORMED_TCP, "malformed_tcp", "TCP header shorter than 20 bytes or longer than the packet")                    \
    X(MALFORMED_UDP, "malformed_udp", "UDP header or length shorter than 8 bytes")                                     \
    X(MALFORMED_ICMP, "malformed_icmp", "ICMP message shorter than its header")                                        \
    X(MALFORMED_TRANSPORT, "malformed_transport", "SCTP, DCCP, ESP, AH or UDP-Lite header too short or too long")      \
    X(MALFORMED_ARP, "malformed_arp", "ARP message that is no Ethernet/IPv4 one or is too short")

enum decode_outcome {
#define X(symbol, name, doc) DECODE_##symbol, /* doc */
    DECODE_OUTCOMES(X)
#undef X
        DECODE_OUTCOME_COUNT
};

const char *decode_outcome_name(enum decode_outcome outcome);
const char *decode_outcome_doc(enum decode_outcome outcome);

/* How the ends of the packet's flow are told apart from other flows between the same addresses. */
enum decoded_kind {
    DECODED_OTHER, /* addresses and protocol alone */
    DECODED_PORTS, /* UDP, UDP-Lite, SCTP, DCCP */
    DECODED_TCP,
    DECODED_ECHO,       /* ICMP with an identifier: echo, timestamp, information, mask */
    DECODED_ICMP_PAIR,  /* ICMP requests and replies without identifier: by the request's type */
    DECODED_ICMP,       /* one way, by type and code */
    DECODED_ICMP_ERROR, /* the same; may quote a flow */
    DECODED_SPI,        /* ESP, AH */
    DECODED_ARP,
};

/* Of these each direction can be asked independently: who asks is part of what tells flows apart. */
static inline bool decoded_has_asker(unsigned kind)
{
    return kind == DECODED_ECHO || kind == DECODED_ICMP_PAIR || kind == DECODED_ICMP || kind == DECODED_ICMP_ERROR ||
           kind == DECODED_ARP;
}

enum tcp_flag {
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_PSH = 8,
    TCP_ACK = 16,
    TCP_URG = 32,
    TCP_ECE = 64,
    TCP_CWR = 128,
};

/* The start of the packet an ICMP error quotes, as that packet had it. */
struct quoted {
    struct address src, dst;
    uint16_t src_port, dst_port;
    uint32_t discriminator;
    uint8_t protocol;
    uint8_t kind;
    bool answers;
};

struct encapsulation {
    struct address src, dst; /* outer addresses of the innermost tunnel */
    uint32_t id;             /* VNI, TEID, GRE key, ERSPAN session */
    uint8_t tunnel;          /* enum flow_tunnel */
};

struct decoded {
    struct address src, dst;
    uint16_t src_port, dst_port; /* DECODED_TCP, DECODED_PORTS; else 0 */
    uint32_t discriminator;      /* the same both ways: ICMP identifier or type and code, SPI; else 0 */
    uint8_t protocol;            /* 0 with ARP */
    uint8_t kind;                /* enum decoded_kind */
    uint8_t ttl;
    uint8_t dscp;
    uint32_t bytes;   /* of the IP packet (or ARP message), by its header */
    uint32_t payload; /* of these, above the transport header; link padding and trailer are not counted */
    int64_t time_ns;
    const uint8_t *content;    /* payload bytes: borrowed */
    uint16_t content_captured; /* how many of them are there, at most 64 */
    uint16_t content_length;   /* how many the whole datagram or segment has, at most 64 */
    uint32_t sequence;         /* TCP, valid with tcp_header */
    uint32_t acknowledgement;  /* TCP */
    uint16_t window;           /* TCP */
    uint8_t tcp_flags;
    uint8_t tcp_options_length; /* captured bytes at tcp_options */
    const uint8_t *tcp_options; /* borrowed */
    uint16_t ip_id;
    uint16_t icmp_type_code;
    uint16_t icmp_sequence;
    uint16_t interface;
    uint16_t vlan, inner_vlan;
    uint32_t mpls_label;
    const uint8_t *src_mac; /* 6 bytes, borrowed; NULL without */
    uint32_t fragment_id;
    uint16_t fragment_offset; /* bytes; later fragments have no transport fields */
    bool fragment;            /* part of a fragmented packet */
    bool has_ip_id;
    bool tcp_header;   /* sequence, flags and window are there */
    bool answers;      /* ICMP: this type is a reply, src is the responder */
    bool encapsulated; /* `outer` is set */
    bool quotes;       /* `quoted` is set */
    struct encapsulation outer;
    struct quoted quoted;
};

struct decode_options {
    bool outer; /* do not look into tunnels */
};

/* Fills *ret_decoded when DECODE_METERED is returned; else its contents mean nothing. */
enum decode_outcome decode(const struct decode_options *options, const struct packet *packet,
                           struct decoded *ret_decoded);

#endif
