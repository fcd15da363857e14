/* SPDX-License-Identifier: Apache-2.0 */
/* What tcpdump, nfdump, ra and Wireshark write means here what it means there. */
#include "tests/unit/common/filter/filter_support.h"

/* What tcpdump, nfdump, ra and Wireshark write, of the same rows; u is two more records: a SYN without an answer, and
 * s one that is answered with a reset. */
static const struct meaning borrowed_meanings[] = {
    /* tcpdump: lists */
    {"dst port (80 or 443)", "hsu"},
    {"port (53 or 443) and udp", "d"},
    {"host (10.0.1.17 and 192.0.2.1)", "p"},
    {"dst port (443 and not 80)", "hsu"},
    {"net (10.0.0.0/8 and not (10.0.2.0/24 or 10.0.3.0/24))", "hpsu"},
    {"tcp dst port not 443", "pd"}, /* all of it turned round, as tcpdump has it: not only of TCP */
    {"src net 10.0.0.0 mask 255.0.0.0", "hpsu"},
    {"net 10.0 mask 255.255.0.0", "hpsu"},
    /* tcpdump: a packet of the flow */
    {"tcp[tcpflags] & tcp-syn != 0", "hsu"},
    {"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "hsu"},
    {"tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)", "h"},
    {"tcp[tcpflags] == tcp-syn|tcp-ack", "h"},
    {"tcp[13] = 2", "hsu"},
    {"tcp[13] & 2 != 0", "hsu"},
    {"tcp[tcpflags] & (tcp-rst) != 0", "s"},
    {"tcp[tcpflags] & (tcp-rst|tcp-fin) != 0", "hs"},
    {"tcp[tcpflags] & tcp-rst == 0", "hu"}, /* has no such packet */
    {"tcp[tcpflags] != tcp-syn", ""},
    {"tcp [ tcpflags ] & 0x04 != 0", "s"},
    {"icmp[icmptype] == icmp-echo", "p"},
    {"icmp[icmptype] = icmp-echoreply", ""}, /* there was no answer */
    {"icmp[0] != 8", ""},
    {"icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply", ""},
    {"icmp[icmptype] != icmp-unreach", "p"},
    {"icmp[1] = 0", "p"},
    {"icmp6[icmp6type] == icmp6-echo", ""},
    {"ip[8] < 60", "h"},
    {"ip[9] = 17", ""}, /* the one that is UDP is IPv6 */
    {"ip6[6] = 17", "d"},
    {"greater 1000", "h"},
    {"greater 1500", "h"}, /* as tcpdump has it: or as large */
    {"less 60", "h"},
    {"less 39", ""},
    {"len > 1500", ""},
    {"len <= 40", "h"},
    {"len = 1500", "h"},
    {"len = 1501", ""},
    {"len != 1500", "hpdsu"},
    {"len != 84", "h"},
    {"len = 84", "hpdsu"},
    {"ether host 00:11:22:33:44:55", "h"},
    {"ether src 00:11:22:33:44:55", "h"},
    {"ether dst host 00:11:22:33:44:55", ""},
    {"ether proto \\ip6", "d"},
    {"ether proto 0x0800", "hpsu"},
    {"broadcast", ""},
    {"multicast", ""},
    {"mpls", ""},
    {"vlan 12 and ip", "h"},
    /* ends */
    {"10.0.1.17:51544", "h"},
    {"host 10.0.1.17:443", ""}, /* one end has the address, the other the port */
    {"dst 198.51.100.9:443", "h"},
    {"src host 198.51.100.9:443", ""},
    {"[2001:db8::1]:53", "d"},
    {"host 10.0.1.17:443 or 198.51.100.9:443", "h"},
    {"not host 198.51.100.9:443", "pdsu"},
    {"10.0.1.17:443", ""}, /* a ping's identifier is no port */
    /* nfdump */
    {"src ip 10.0.1.17", "hpsu"},
    {"src ip 10.0.0.0/8 and proto TCP", "hsu"},
    {"dst ip 192.0.2.1", "p"},
    {"any ip 192.0.2.1", "p"},
    {"ip 10.0.1.17", "hpsu"},
    {"ip in [192.0.2.1 198.51.100.9]", "hp"},
    {"src ip in [10.0.0.0/8, 2001:db8::/32]", "hpdsu"},
    {"any", "hpdsu"},
    {"all", "hpdsu"},
    {"not any", ""},
    {"any port 53", "d"},
    {"port in [53 443]", "hdsu"},
    {"port not in [53 443]", ""},
    {"port != 53,80", "hsu"},
    {"flags S and not flags AFRPU", "u"},
    {"flags S and not (flags AFRPU)", "u"},
    {"flags S and not not flags AFRPU", ""},
    {"src flags S and not src flags AFRPU", "su"},
    {"not flags AFRPU", "pdu"},
    {"inet", "hpsu"},
    {"IPv4 and TCP", "hsu"},
    {"inet6", "d"},
    {"ipv6", "d"},
    {"bytes > 1K", "h"},
    {"bytes > 0.5M", "h"},
    {"bytes > 0.5MB", "h"},
    {"bytes < 1KiB", "pdsu"},
    {"duration > 1min", ""},
    {"duration < 1hour", "hpdsu"},
    {"in if 0", "hpdsu"},
    {"first seen > @1699999999", "h"},
    {"icmp type 8", "p"},
    {"icmp-type 8", "p"},
    {"bpp > 100", "hd"},
    {"bpp = 140", "d"}, /* 280 bytes in 2 packets */
    {"src bpp = 150", "h"},
    {"dst bpp > 0", "hds"}, /* what sent nothing sent no packets of 0 bytes */
    {"dst bpp != 5", "hds"},
    {"bps = 2884800", "h"}, /* 901500 bytes in 2.5 s */
    {"bps > 2884799", "h"},
    {"bps < 2884800", "d"}, /* the others took no time, or are of one packet */
    {"pps = 400", "d"},
    {"src pps = 4", "h"},
    {"both pps > 4", "d"},
    {"either pps > 4", "hd"},
    /* ra */
    {"sport 51544", "h"},
    {"dport 443", "hsu"},
    {"saddr 10.0.1.17 and dport 443", "hsu"},
    {"pkts gt 5", "h"},
    {"bytes ge 901500", "h"},
    {"spkts eq 10", "h"},
    {"dur gt 2s", "h"},
    {"sttl 255", "d"},
    /* Wireshark */
    {"ip.src == 10.0.1.17 && tcp.dstport == 443", "hsu"},
    {"ip.addr == 198.51.100.9", "h"},
    {"ip.addr != 198.51.100.9", "psu"},
    {"ipv6.addr == 2001:db8::/32", "d"},
    {"tcp.port in {80..90, 443}", "hsu"},
    {"udp.port == 53", "d"},
    {"tcp.port == 53", ""},
    {"eth.src == 00-11-22-33-44-55", "h"},
    {"vlan.id == 12", "h"},
    /* lists and ranges of ours */
    {"port 443,53", "hdsu"},
    {"port 443, 53 or 80", "hdsu"},
    {"proto tcp,icmp", "hpsu"},
    {"state SF,REJ", "hds"},
    {"ttl in {50..60}", "h"},
    {"bytes 80..99", "p"},
    {"bytes != 80..901500", "u"},
    {"vlan 1..100", "h"},
    {"mac 0011.2233.4455", "h"},
    {"host 10.0.1.17 AND NOT tcp OR port 53", "pd"},
    /* what stands in a file: 10.0.1.17, 192.0.2.1-9, 203.0.113.0/24, 2001:db8::/64, :: */
    {"host in file bad.txt", "hpdsu"},
    {"dst in file bad.txt", "pdsu"},
    {"dst host not in file \"bad.txt\"", "h"},
    {"src net in file bad.txt and udp", "d"},
    {"both host in file bad.txt", "pdsu"},
    {"host not in file bad.txt", ""},
    {"not dst ip in file bad.txt or icmp", "hp"},
    /* what is known */
    {"known server_rtt", "h"},
    {"not known server_rtt", "pdsu"},
    {"known ttl", "hpdsu"},
    {"known dst ttl", "hds"},
    {"known both ttl", "hds"},
    {"known vlan", "h"},
    {"known port", "hdsu"},
    {"known bytes", "hpdsu"},
    {"known bps", "hd"},
    {"known icmp_type", "p"},
    /* computed */
    {"community_id 1:7+wKK3mW6rlUUhXUXzPKVS8DuCU=", "h"},
    {"community_id \"1:7+wKK3mW6rlUUhXUXzPKVS8DuCU=\"", "h"},
    {"1:7+wKK3mW6rlUUhXUXzPKVS8DuCU=", "h"},
    {"community_id != 1:7+wKK3mW6rlUUhXUXzPKVS8DuCU=", "pdsu"},
    {"not community_id 1:7+wKK3mW6rlUUhXUXzPKVS8DuCU=", "pdsu"},
};

/* A SYN to port 443, and what came back. */
static struct flow attempt_flow(bool reset)
{
    struct flow flow = {.src_hi = 0,
                        .src_lo = address_of("10.0.1.17").lo,
                        .dst_lo = address_of("203.0.113.7").lo,
                        .src_port = 40000,
                        .dst_port = 443,
                        .protocol = 6,
                        .state = reset ? FLOW_STATE_REJ : FLOW_STATE_S0,
                        .history = flow_history_add(0, 'S'),
                        .src_packets = 1,
                        .src_bytes = 60,
                        .src_tcp_flags = 2,
                        .src_ttl = 64};
    if (reset) {
        flow.history = flow_history_add(flow.history, 'r');
        flow.dst_packets = 1;
        flow.dst_bytes = 40;
        flow.dst_tcp_flags = 0x14;
        flow.dst_ttl = 64;
    }
    return flow;
}

static void test_borrowed_meanings(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(5);
    struct flow flows[] = {https_flow(), ping_flow(), dns6_flow(), attempt_flow(true), attempt_flow(false)};
    for (unsigned i = 0; i < 5; i++)
        flows[i].src_size_min = flows[i].src_size_max = flows[i].dst_size_min = flows[i].dst_size_max = 84;
    flows[0].src_size_min = 40, flows[0].src_size_max = 576;
    flows[0].dst_size_min = 40, flows[0].dst_size_max = 1500;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(flow_batch_add(batch, &flows[i]), RESULT_OK);
    CHECK_MEANINGS(RECORD_FLOW, flow_records(batch), "hpdsu", borrowed_meanings);
    flow_batch_destroy(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_borrowed_meanings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
