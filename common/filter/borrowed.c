/* SPDX-License-Identifier: Apache-2.0 */
/* What tcpdump, nfdump, ra and Wireshark call things: with our word where it means the same, otherwise with the
 * sentence that says what can be asked instead. A borrowed word never means something else in silence. */
#include <string.h>

#include "common/filter/parser.h"

static const struct borrowed words[] = {
    /* tcpdump */
    {"mpls", "mpls_label", FILTER_EITHER, NULL},
    /* nfdump: `src ip ADDR` takes networks as well */
    {"ip", "net", FILTER_EITHER, NULL},
    {"addr", "net", FILTER_EITHER, NULL},
    {"address", "net", FILTER_EITHER, NULL},
    {"type", "icmp_type", FILTER_EITHER, NULL},
    {"code", "icmp_code", FILTER_EITHER, NULL},
    /* ra, by the names it prints */
    {"saddr", "net", FILTER_SRC, NULL},
    {"daddr", "net", FILTER_DST, NULL},
    {"sport", "port", FILTER_SRC, NULL},
    {"dport", "port", FILTER_DST, NULL},
    {"pkts", "packets", FILTER_EITHER, NULL},
    {"spkts", "packets", FILTER_SRC, NULL},
    {"dpkts", "packets", FILTER_DST, NULL},
    {"sbytes", "bytes", FILTER_SRC, NULL},
    {"dbytes", "bytes", FILTER_DST, NULL},
    {"appbytes", "payload", FILTER_EITHER, NULL},
    {"sappbytes", "payload", FILTER_SRC, NULL},
    {"dappbytes", "payload", FILTER_DST, NULL},
    {"sttl", "ttl", FILTER_SRC, NULL},
    {"dttl", "ttl", FILTER_DST, NULL},
    {"smac", "mac", FILTER_SRC, NULL},
    {"dmac", "mac", FILTER_DST, NULL},
    {"dur", "duration", FILTER_EITHER, NULL},
    {"stime", "first_time", FILTER_EITHER, NULL},
    {"ltime", "last_time", FILTER_EITHER, NULL},
    /* Wireshark */
    {"ip.addr", "net", FILTER_EITHER, "ip"},
    {"ip.src", "net", FILTER_SRC, "ip"},
    {"ip.dst", "net", FILTER_DST, "ip"},
    {"ip.proto", "proto", FILTER_EITHER, "ip"},
    {"ip.ttl", "ttl", FILTER_EITHER, "ip"},
    {"ip.dsfield.dscp", "dscp", FILTER_EITHER, "ip"},
    {"ipv6.addr", "net", FILTER_EITHER, "ip6"},
    {"ipv6.src", "net", FILTER_SRC, "ip6"},
    {"ipv6.dst", "net", FILTER_DST, "ip6"},
    {"ipv6.hlim", "ttl", FILTER_EITHER, "ip6"},
    {"tcp.port", "port", FILTER_EITHER, "tcp"},
    {"tcp.srcport", "port", FILTER_SRC, "tcp"},
    {"tcp.dstport", "port", FILTER_DST, "tcp"},
    {"udp.port", "port", FILTER_EITHER, "udp"},
    {"udp.srcport", "port", FILTER_SRC, "udp"},
    {"udp.dstport", "port", FILTER_DST, "udp"},
    {"icmp.type", "icmp_type", FILTER_EITHER, "icmp"},
    {"icmp.code", "icmp_code", FILTER_EITHER, "icmp"},
    {"icmpv6.type", "icmp_type", FILTER_EITHER, "icmp6"},
    {"icmpv6.code", "icmp_code", FILTER_EITHER, "icmp6"},
    {"eth.addr", "mac", FILTER_EITHER, NULL},
    {"eth.src", "mac", FILTER_SRC, NULL},
    {"eth.dst", "mac", FILTER_DST, NULL},
    {"vlan.id", "vlan", FILTER_EITHER, NULL},
    {"mpls.label", "mpls_label", FILTER_EITHER, NULL},
    {"communityid", "community_id", FILTER_EITHER, NULL},
};

/* A name that ends in * stands for all that begin so. */
static const struct {
    const char *name, *instead;
} refusals[] = {
    {"gateway", "what a router passed on is `mac 00:11:22:33:44:55 and not host ADDR` with its addresses"},
    {"inbound", "a flow goes both ways; who began it is `src net 10.0.0.0/8`, where it was seen `sensor NAME`"},
    {"outbound", "a flow goes both ways; who began it is `src net 10.0.0.0/8`, where it was seen `sensor NAME`"},
    {"pppoe*", "PPPoE is looked through and not kept; ask for what is in it, `host ADDR`"},
    {"protochain", "extension headers are looked through; the protocol behind them is `proto tcp`"},
    {"vxlan", "what came in a tunnel is `tunnel vxlan`, its number `tunnel_id 77`"},
    {"geneve", "what came in a tunnel is `tunnel geneve`, its number `tunnel_id 77`"},
    {"gtp*", "what came in a tunnel is `tunnel gtpu`, its number `tunnel_id 77`"},
    {"erspan", "what came in a tunnel is `tunnel erspan`, its number `tunnel_id 77`"},
    {"teredo", "what came in a tunnel is `tunnel teredo`"},
    {"llc", "flows below IP are `arp` alone"},
    {"wlan", "flows below IP are `arp` alone"},
    {"stp", "flows below IP are `arp` alone"},
    {"lldp", "flows below IP are `arp` alone"},
    {"tos", "kept are its upper six bits, the DSCP: tos 184 is `dscp 46`"},
    {"as", "AS numbers are not kept; ask for the networks, `net 203.0.113.0/24`"},
    {"asn", "AS numbers are not kept; ask for the networks, `net 203.0.113.0/24`"},
    {"country", "countries are not kept; ask for the networks, `net 203.0.113.0/24`"},
    {"geo", "countries are not kept; ask for the networks, `net 203.0.113.0/24`"},
    {"router", "who exported or saw a flow is `sensor NAME`"},
    {"exporter", "who exported or saw a flow is `sensor NAME`"},
    {"next", "next hops are not kept; the interface a flow left by is `out_interface N`"},
    {"nexthop", "next hops are not kept; the interface a flow left by is `out_interface N`"},
    {"bgpnext", "next hops are not kept; the interface a flow left by is `out_interface N`"},
    {"if", "an interface is `in if N` or `out if N`"},
    {"in", "an interface is `in if N`, a list `port in [80 443]`"},
    {"out", "an interface is `out if N`"},
    {"flow_flags", "TCP flags are `flags S`"},
    {"true", "every record is `any`, or no filter at all"},
    {"false", "no record is `not any`"},
    {"syn", "flows with a SYN are `flags S`, those with nothing else `flags S and not flags AFRPU`"},
    {"synack", "flows with a SYN-ACK are `flags = SA` or `history Sh`"},
    {"ack", "TCP flags are `flags A`"},
    {"fin", "TCP flags are `flags F`"},
    {"finack", "TCP flags are `flags FA`"},
    {"rst", "TCP flags are `flags R`"},
    {"reset", "TCP flags are `flags R`"},
    {"psh", "TCP flags are `flags P`"},
    {"urg", "TCP flags are `flags U`"},
    {"tcp_*", "it stands behind tcp[tcpflags], as in `tcp[tcpflags] & tcp-syn != 0`; shorter, `flags S`"},
    {"tcpflags", "it stands in `tcp[tcpflags] & tcp-syn != 0`; shorter, `flags S`"},
    {"icmp_echo*", "ICMP's types are `icmp_type 8`, or `icmp[icmptype] == icmp-echo`"},
    {"icmp6_*", "ICMP's types are `icmp_type 128`, or `icmp6[icmp6type] == icmp6-echo`"},
    {"icmptype", "ICMP's types are `icmp_type 8`, or `icmp[icmptype] == icmp-echo`"},
    {"icmpcode", "ICMP's codes are `icmp_code 0`, or `icmp[icmpcode] == 0`"},
    {"echo", "ICMP's types are `icmp_type 8`, or `icmp[icmptype] == icmp-echo`"},
    {"con", "connection states are `state S1 or SF`"},
    {"est", "connection states are `state S1 or SF`"},
    {"clo", "connection states are `state S1 or SF`"},
    {"retrans", "segments sent again are `retransmits > 0`"},
    {"winshut", "closed windows are `zero_windows > 0`"},
    {"frag", "fragments are `fragments seen`"},
    {"frags", "fragments are `fragments seen`"},
    {"load", "rates are `bps > 1m`, `pps > 10`, `bpp > 100`"},
    {"rate", "rates are `bps > 1m`, `pps > 10`, `bpp > 100`"},
    {"tcp.flags*", "TCP flags are `flags S`, none of them `not flags S`"},
    {"tcp.len", "bytes above the transport header are `payload > 0`"},
    {"tcp.analysis.*", "segments sent again are `retransmits > 0`"},
    {"tcp.stream", "one connection is `community_id ID`, or `flow N and sensor NAME`"},
    {"tcp.*", "fields are `src port 80`, `flags S`, `window 0`, `mss 1460` ... (`pavo kinds`)"},
    {"ip.flags*", "fragments are `fragments seen`"},
    {"ip.len", "packets' sizes are `len > 1000`"},
    {"frame.len", "packets' sizes are `len > 1000`"},
    {"frame.time*", "times are `first_time >= 2026-11-23T20:36:40Z`"},
    {"frame*", "contents are not kept; fields are in `pavo kinds`"},
    {"ip.*", "fields are `host ADDR`, `ttl 64`, `dscp 46` ... (`pavo kinds`)"},
    {"http.*", "contents are not kept; a service is `port http`"},
    {"dns.*", "contents are not kept; a service is `port dns`"},
    {"tls*", "contents are not kept; a service is `port https`"},
    {"ssl*", "contents are not kept; a service is `port https`"},
    {"linked", "`pavo find` takes it, and flows that are joined with their other view are `pavo links`"},
    {"nat", "`pavo find` takes it, and who was behind an address is `pavo nat`"},
};

const struct borrowed *borrowed_word(const char *name)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(words[i].name, name) == 0)
            return &words[i];
    }
    return NULL;
}

const char *borrowed_refusal(const char *name)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        size_t length = strcspn(refusals[i].name, "*");
        if (strncmp(refusals[i].name, name, length) == 0 && (refusals[i].name[length] == '*' || name[length] == '\0'))
            return refusals[i].instead;
    }
    return NULL;
}
