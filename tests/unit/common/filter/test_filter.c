/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language: what each form means for a flow, what is refused and where, and that the column evaluator
 * agrees with a plain reading of the tree on random filters and rows. */
#include "common/filter/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/alert.h"
#include "common/records/binding.h"
#include "common/records/loss.h"
#include "common/records/status.h"
#include "common/records/verdict.h"
#include "tests/unit/common/filter/filter_generator.h"

static struct filter *parse_of(enum record_kind_number kind, const char *text)
{
    struct filter *filter = NULL;
    struct error err = {""};
    struct filter_set set = generator_set();
    enum result result = filter_parse_with(record_kinds[kind], text, &set, 1, &filter, NULL, &err);
    address_set_unref(&set.set); /* the filter has its own reference */
    if (result != RESULT_OK)
        print_message("%s\n  %s\n", text, err.text);
    assert_int_equal(result, RESULT_OK);
    assert_ptr_equal(filter_kind(filter), record_kinds[kind]);
    return filter;
}

static struct filter *parse(const char *text)
{
    return parse_of(RECORD_FLOW, text);
}

static struct address address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, &address), RESULT_OK);
    return address;
}

/* 10.0.1.17:51544 -> 198.51.100.9:443, TCP, ended well. */
static struct flow https_flow(void)
{
    struct address src = address_of("10.0.1.17"), dst = address_of("198.51.100.9");
    return (struct flow){
        .flow = 7,
        .src_hi = src.hi,
        .src_lo = src.lo,
        .dst_hi = dst.hi,
        .dst_lo = dst.lo,
        .src_port = 51544,
        .dst_port = 443,
        .protocol = 6,
        .first_time = 1700000000000000000,
        .last_time = 1700000002500000000,
        .state = FLOW_STATE_SF,
        .end_reason = FLOW_END_DETECTED,
        .direction = FLOW_DIRECTION_HANDSHAKE,
        .history = flow_history_add(flow_history_add(flow_history_add(0, 'S'), 'h'), 'A'),
        .evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN | FLOW_HAS_SERVER_RTT,
        .src_isn = 1000,
        .dst_isn = 2000,
        .server_rtt = 12000,
        .src_packets = 10,
        .dst_packets = 12,
        .src_bytes = 1500,
        .dst_bytes = 900000,
        .src_tcp_flags = 0x1b,
        .dst_tcp_flags = 0x13,
        .src_ttl = 64,
        .dst_ttl = 52,
        .vlan = 12,
        .src_mac = 0x001122334455,
    };
}

/* 10.0.1.17 pings 192.0.2.1, identifier 443, and hears nothing. */
static struct flow ping_flow(void)
{
    struct address src = address_of("10.0.1.17"), dst = address_of("192.0.2.1");
    return (struct flow){
        .src_hi = src.hi,
        .src_lo = src.lo,
        .dst_hi = dst.hi,
        .dst_lo = dst.lo,
        .src_port = 443,
        .protocol = 1,
        .icmp_type_code = 8 << 8,
        .first_time = 1,
        .last_time = 1,
        .state = FLOW_STATE_S0,
        .end_reason = FLOW_END_IDLE,
        .evidence = FLOW_HAS_ICMP_SEQUENCE,
        .icmp_sequence = 0,
        .src_packets = 1,
        .src_bytes = 84,
        .src_ttl = 64,
    };
}

/* 2001:db8::1 asks 2001:db8::2 for a name, inside VXLAN 77 from 10.9.0.1. */
static struct flow dns6_flow(void)
{
    struct address src = address_of("2001:db8::1"), dst = address_of("2001:db8::2"), outer = address_of("10.9.0.1");
    return (struct flow){
        .src_hi = src.hi,
        .src_lo = src.lo,
        .dst_hi = dst.hi,
        .dst_lo = dst.lo,
        .src_port = 53,
        .dst_port = 53,
        .protocol = 17,
        .state = FLOW_STATE_SF,
        .src_packets = 1,
        .dst_packets = 1,
        .src_bytes = 80,
        .dst_bytes = 200,
        .src_ttl = 255,
        .dst_ttl = 63,
        .tunnel = FLOW_TUNNEL_VXLAN,
        .tunnel_id = 77,
        .tunnel_src_hi = outer.hi,
        .tunnel_src_lo = outer.lo,
        .last_time = 5000000,
    };
}

struct meaning {
    const char *text;
    const char *matches; /* letters of the rows */
};

/* h(ttps), p(ing), d(ns). */
static const struct meaning meanings[] = {
    {"", "hpd"},
    {" \t\n ", "hpd"},
    {"tcp", "h"},
    {"tcp or udp", "hd"},
    {"ip", "hp"},
    {"ip6", "d"},
    {"not ip6", "hp"},
    {"ip proto icmp", "p"},
    {"proto \\tcp", "h"},
    {"proto 17", "d"},
    {"protocol != tcp", "pd"},
    {"host 10.0.1.17", "hp"},
    {"10.0.1.17", "hp"},
    {"src 10.0.1.17", "hp"},
    {"dst 10.0.1.17", ""},
    {"src host 10.0.1.17 and dst host 192.0.2.1", "p"},
    {"host 192.0.2.1 or 198.51.100.9", "hp"},
    {"src or dst host 192.0.2.1", "p"},
    {"host != 192.0.2.1", "hd"},
    {"net 10.0.0.0/8", "hp"},
    {"src net 10", "hp"},
    {"net 10.0.1", "hp"},
    {"net 10.0.2", ""},
    {"net 198.51/16", "h"},
    {"2001:db8::/32", "d"},
    {"src and dst net 2001:db8::/32", "d"},
    {"both net 10.0.0.0/8", ""},
    {"net 0.0.0.0/0", "hp"},
    {"port 443", "h"}, /* and not the ping whose identifier is 443 */
    {"port https", "h"},
    {"src port 443", ""},
    {"dst port 443 or 53", "hd"},
    {"tcp dst port 443", "h"},
    {"udp port 443 or 53", "d"}, /* udp goes with the 53 too */
    {"port != 443", "d"},
    {"not port 443", "pd"},
    {"both port 53", "d"},
    {"portrange 50-60", "d"},
    {"portrange 1-60000", "hd"},
    {"dst portrange 440-450", "h"},
    {"port < 1024", "hd"},
    {"src_port > 1024", "h"},
    {"icmp_id 443", "p"},
    {"icmp_type 8", "p"},
    {"icmp_type != 8", ""}, /* the others have no type */
    {"icmp_code 0", "p"},
    {"icmp_sequence 0", "p"},
    {"bytes > 900k", "h"},
    {"bytes = 901500", "h"},
    {"src bytes > 1k", "h"},
    {"src_bytes = 84", "p"},
    {"dst bytes = 0", "p"},
    {"dst packets = 0", "p"},
    {"either packets = 12", "h"},
    {"both packets > 9", "h"},
    {"packets 1", "p"},
    {"tcp src bytes > 1k", "h"},
    {"bytes >= 0.0009m", "h"},
    {"duration > 2s", "h"},
    {"duration 2.5s", "h"},
    {"duration < 10ms", "pd"},
    {"state SF", "hd"},
    {"state sf or s0", "hpd"},
    {"state != SF", "p"},
    {"end idle", "p"},
    {"end reason end", "h"},
    {"end_reason != idle", "hd"},
    {"direction handshake", "h"},
    {"flags S", "h"},
    {"flags SF", "h"},
    {"src flags P", "h"},
    {"dst flags P", ""},
    {"flags = FSA", "h"},
    {"flags R", ""},
    {"flags 0", ""}, /* the others have no TCP flags at all */
    {"not flags R", "hpd"},
    {"ttl < 60", "h"},
    {"ttl < 10", ""}, /* the ping's other side sent nothing: it has no TTL of 0 */
    {"dst ttl 63", "d"},
    {"ttl != 64", "d"},
    {"vlan", "h"},
    {"not vlan", "pd"},
    {"vlan 12", "h"},
    {"vlan < 100", "h"},
    {"tunnel", "d"},
    {"tunnel vxlan", "d"},
    {"tunnel none", "hp"},
    {"tunnel_id 77 and tunnel_src 10.9.0.0/16", "d"},
    {"tunnel_src != 10.9.0.0/16", ""},
    {"tunnel_id < 10", ""},
    {"evidence isn", "h"},
    {"evidence src_isn and not evidence src_digest", "h"},
    {"evidence != isn", "pd"},
    {"evidence 0x403", "h"},
    {"isn 2000", "h"},
    {"src isn 2000", ""},
    {"isn != 5", "h"},
    {"server_rtt > 10ms", "h"},
    {"server_rtt < 10ms", ""},
    {"client_rtt < 10ms", ""},
    {"not client_rtt < 10ms", "hpd"},
    {"mac 00:11:22:33:44:55", "h"},
    {"history Sh", "h"},
    {"history = Sh", ""},
    {"history = ShA", "h"},
    {"first_time >= 2023-11-14T22:13:20Z", "h"},
    {"first_time > 2023-11-14T22:13:20Z", ""},
    {"first_time = @1700000000", "h"},
    {"last_time = 2023-11-14T22:13:22.5Z", "h"},
    {"sensor inner", "hpd"},
    {"sensor outer", ""},
    {"sensor outer or inner", "hpd"},
    {"sensor != inner", ""},
    {"flow 7", "h"},
    /* and and or bind alike, from the left */
    {"tcp or udp and port 53", "d"},
    {"tcp or (udp and port 53)", "hd"},
    {"port 53 and udp or tcp", "hd"},
    {"not tcp and ip", "p"},
    {"not (tcp and ip)", "pd"},
    {"!tcp&&ip||port 53", "pd"},
    {"not not tcp", "h"},
};

/* What tcpdump, nfdump, ra and Wireshark write, of the same rows; u is two more records: a SYN without an answer, and
 * s one that is answered with a reset. */
static const struct meaning borrowed_meanings[] = {
    /* tcpdump: lists */
    {"dst port (80 or 443)", "hsu"},
    {"port (53 or 443) and udp", "d"},
    {"host (10.0.1.17 and 192.0.2.1)", "p"},
    {"dst port (443 and not 80)", "hsu"},
    {"net (10.0.0.0/8 and not (10.0.2.0/24 or 10.0.3.0/24))", "hpsu"},
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

/* Row n of the records is letter n of `letters`. */
static void check_meanings(enum record_kind_number kind, const struct records *records, const char *letters,
                           const struct meaning *list, size_t count)
{
    unsigned wrong = 0;
    assert_int_equal(records->rows, strlen(letters));
    for (size_t i = 0; i < count; i++) {
        struct filter *filter = parse_of(kind, list[i].text);
        char matched[16] = "";
        unsigned found = 0;
        for (uint32_t row = 0; row < records->rows; row++) {
            if (filter_match(filter, records, row))
                matched[found++] = letters[row];
        }
        if (strcmp(matched, list[i].matches) != 0)
            print_message("filter: %s\n  matches \"%s\", not \"%s\"\n", list[i].text, matched, list[i].matches);
        wrong += strcmp(matched, list[i].matches) != 0;
        filter_destroy(&filter);
    }
    assert_int_equal(wrong, 0);
}
#define CHECK_MEANINGS(kind, records, letters, list)                                                                   \
    check_meanings(kind, records, letters, list, sizeof(list) / sizeof(*(list)))

static void test_meanings(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(3);
    struct flow flows[] = {https_flow(), ping_flow(), dns6_flow()};
    uint16_t index;
    assert_int_equal(flow_batch_observer(batch, &(struct observer){.sensor = "inner", .epoch = 1}, &index), RESULT_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(flow_batch_add(batch, &flows[i]), RESULT_OK);
    CHECK_MEANINGS(RECORD_FLOW, flow_records(batch), "hpd", meanings);
    flow_batch_destroy(&batch);
}

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

static struct records *records_of(enum record_kind_number kind, const void *rows, unsigned count)
{
    static const char *const names[] = {"inner", "outer", "collector/exporter"};
    struct records *records = records_new(record_kinds[kind], count);
    uint16_t index;
    assert_non_null(records);
    for (unsigned i = 0; i < 3; i++) {
        struct observer observer = {.epoch = 1};
        strcpy(observer.sensor, names[i]);
        assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
    }
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(records_add(records, (const char *)rows + (size_t)i * record_kinds[kind]->row_size),
                         RESULT_OK);
    return records;
}

/* t(ranslated), w(aiting). */
static const struct meaning verdict_meanings[] = {
    {"verdict translated", "t"},
    {"verdict translated or waiting", "tw"},
    {"verdict != translated", "w"},
    {"boundary nat", "tw"},
    {"boundary != nat", ""},
    {"boundary na", ""},
    {"host 10.0.1.17", "tw"},
    {"host 203.0.113.5", "t"}, /* the end outside */
    {"src host 203.0.113.5", ""},
    {"post_nat_src 203.0.113.5", "t"},
    {"post_nat_src != 203.0.113.5", ""}, /* who has no partner has no end outside either */
    {"post_nat_src != 203.0.113.6", "t"},
    {"host != 203.0.113.5", "w"}, /* but none of its ends is that one */
    {"not host 203.0.113.5", "w"},
    {"net 203.0.113.0/24", "t"},
    {"net != 203.0.113.0/24", "w"},
    {"port 40000", "t"},
    {"port 51544", "t"},
    {"port != 40000", ""}, /* the other one is ICMP */
    {"port 7", ""},
    {"icmp_id 7", "w"},
    {"src_port 51544", "t"},
    {"post_nat_src_port > 39999", "t"},
    {"port 39990-40010", "t"},
    {"tcp", "t"},
    {"icmp dst 198.51.100.9", "w"},
    {"ip", "tw"},
    {"ip6", ""},
    {"sensor inner", "tw"},
    {"sensor collector/exporter", "t"},
    {"sensor != collector/exporter", "w"},
    {"odds > 6.6", "t"},
    {"odds < 6.6", ""}, /* the other one's are not known */
    {"odds > -3", "t"},
    {"confidence > 90", "t"},
    {"confidence 99", "t"},
    {"confidence 99.0", "t"},
    {"confidence != 99", ""},
    {"confidence >= 99", "t"},
    {"confidence > 99", ""},
    {"confidence <= 99", "t"},
    {"confidence < 99", ""},
    {"confidence < 99.1", "t"},
    {"confidence != 98.9", "t"},
    {"confidence > 0", "t"},
    {"confidence <= 99.9", "t"},
    {"method sequence_numbers", "t"},
    {"method unknown", ""},
    {"offset < -4ms", "t"},
    {"offset > -4ms", ""},
    {"offset = -5ms", "t"},
    {"translated source", "t"},
    {"side inside", "tw"},
    {"candidates", "t"},
    {"candidates 0", "w"},
    {"supersedes", "w"},
    {"supersedes < 10", "w"},
    {"duration > 1s", "t"},
    {"duration < 0s", "w"}, /* a clock ran backwards */
    {"duration = -2s", "w"},
};

static void test_verdicts(void **state)
{
    (void)state;
    struct address inside = address_of("10.0.1.17"), outside = address_of("203.0.113.5"),
                   far = address_of("198.51.100.9");
    struct verdict rows[] = {
        {.observer = 0,
         .flow = 7,
         .boundary = "nat",
         .verdict = VERDICT_TRANSLATED,
         .partner_observer = 2,
         .method = METHOD_SEQUENCE_NUMBERS,
         .odds = 6640,
         .candidates = 3,
         .offset = -5000000,
         .translated = TRANSLATED_SOURCE,
         .protocol = 6,
         .src_hi = inside.hi,
         .src_lo = inside.lo,
         .src_port = 51544,
         .dst_hi = far.hi,
         .dst_lo = far.lo,
         .dst_port = 443,
         .post_nat_src_hi = outside.hi,
         .post_nat_src_lo = outside.lo,
         .post_nat_src_port = 40000,
         .post_nat_dst_hi = far.hi,
         .post_nat_dst_lo = far.lo,
         .post_nat_dst_port = 443,
         .first_time = 0,
         .last_time = 2000000000},
        {.observer = 0,
         .flow = 8,
         .boundary = "nat",
         .verdict = VERDICT_WAITING,
         .supersedes = 3,
         .protocol = 1,
         .src_hi = inside.hi,
         .src_lo = inside.lo,
         .src_port = 7,
         .dst_hi = far.hi,
         .dst_lo = far.lo,
         .first_time = 2000000000,
         .last_time = 0},
    };
    struct records *records = records_of(RECORD_VERDICT, rows, 2);
    CHECK_MEANINGS(RECORD_VERDICT, records, "tw", verdict_meanings);
    records_free(&records);
}

/* c(onntrack), r(ule). */
static const struct meaning binding_meanings[] = {
    {"witness conntrack", "c"},
    {"witness log or rule", "r"},
    {"host 10.0.1.17", "cr"},
    {"host 203.0.113.5", "cr"},
    {"host 198.51.100.9", "c"},
    {"10.0.1.17", "cr"},
    {"inside 10.0.1.17", "cr"},
    {"inside 10.0.0.0/8", "cr"},
    {"outside 10.0.1.17", ""},
    {"peer 198.51.100.9", "c"},
    {"peer != 198.51.100.9", ""},
    {"host != 198.51.100.9", "r"},
    {"port 443", "c"},
    {"port 0", "r"}, /* any port: a rule's own word */
    {"inside_port 51544", "c"},
    {"outside_port 1-65535", "c"},
    {"peer_port 443", "c"},
    {"peer_port < 1000", "c"},
    {"udp", ""},
    {"source \"ip nat pool \\\"a\\\" 12\"", "r"},
    {"source != x", "r"}, /* the other one has none */
    {"source", "r"},
    {"not source", "c"},
    {"sensor outer", "cr"},
    {"odds >= 0", "c"},
    {"odds < 0", "r"},
    {"flow 9", "c"},
    {"flow != 9", ""},
    {"ip6", ""},
};

static void test_bindings(void **state)
{
    (void)state;
    struct address inside = address_of("10.0.1.17"), outside = address_of("203.0.113.5"),
                   peer = address_of("198.51.100.9");
    struct binding rows[] = {
        {.observer = 1,
         .witness = WITNESS_CONNTRACK,
         .boundary = "nat",
         .protocol = 6,
         .inside_hi = inside.hi,
         .inside_lo = inside.lo,
         .inside_port = 51544,
         .outside_hi = outside.hi,
         .outside_lo = outside.lo,
         .outside_port = 40000,
         .peer_hi = peer.hi,
         .peer_lo = peer.lo,
         .peer_port = 443,
         .flow = 9},
        {.observer = 1,
         .witness = WITNESS_RULE,
         .boundary = "nat",
         .inside_hi = inside.hi,
         .inside_lo = inside.lo,
         .outside_hi = outside.hi,
         .outside_lo = outside.lo,
         .odds = -1000,
         .source = "ip nat pool \"a\" 12"},
    };
    struct records *records = records_of(RECORD_BINDING, rows, 2);
    CHECK_MEANINGS(RECORD_BINDING, records, "cr", binding_meanings);
    records_free(&records);
}

/* k(ernel), s(pool). */
static const struct meaning loss_meanings[] = {
    {"loss packets_kernel", "k"},
    {"loss packets_kernel and count > 1k", "k"},
    {"count", "ks"},
    {"interface eth0", "k"},
    {"interface eth1 or eth0", "k"},
    {"interface != eth1", "k"}, /* the other one's is not known */
    {"interface", "k"},
    {"reason \"the disk is full\"", "s"},
    {"reason = the or \"the disk is full\"", "s"},
    {"sequence 12", "s"},
    {"from_time >= @5", "s"},
    {"duration > 1s", "k"},
    {"sensor inner", "k"},
    {"sensor collector/exporter", "s"},
};

static void test_losses(void **state)
{
    (void)state;
    struct loss rows[] = {
        {.observer = 0, .loss = LOSS_PACKETS_KERNEL, .to_time = 2000000000, .count = 5000, .interface = "eth0"},
        {.observer = 2,
         .loss = LOSS_RECORDS_SPOOL,
         .from_time = 5000000000,
         .to_time = 5000000000,
         .count = 1,
         .reason = "the disk is full",
         .sequence = 12},
    };
    struct records *records = records_of(RECORD_LOSS, rows, 2);
    CHECK_MEANINGS(RECORD_LOSS, records, "ks", loss_meanings);
    records_free(&records);
}

/* r(unning), e(nded). */
static const struct meaning status_meanings[] = {
    {"last", "e"},
    {"not last", "r"},
    {"last yes", "e"},
    {"last no", "r"},
    {"last != true", "r"},
    {"clock_known", "r"},
    {"clock_offset < 0s", "r"},
    {"clock_offset = 0s", ""}, /* not compared, and so not zero */
    {"clock_error 250us", "r"},
    {"cpu > 1m", "e"},
    {"records_lost", "e"},
    {"records_made >= 100", "re"},
    {"software \"pavo-sensor 0.3\"", "r"},
    {"rss > 1gi", "e"},
    {"started < 2023-11-14T22:13:20Z", "re"},
};

static void test_statuses(void **state)
{
    (void)state;
    struct status rows[] = {
        {.observer = 0,
         .started = 1,
         .software = "pavo-sensor 0.3",
         .records_made = 100,
         .clock_known = 1,
         .clock_offset = -1,
         .clock_error = 250000},
        {.observer = 0,
         .started = 1,
         .records_made = 101,
         .records_lost = 1,
         .cpu = 61000000000,
         .rss = 1ull << 31,
         .last = 1},
    };
    struct records *records = records_of(RECORD_STATUS, rows, 2);
    CHECK_MEANINGS(RECORD_STATUS, records, "re", status_meanings);
    records_free(&records);
}

static const struct meaning alert_meanings[] = {
    {"detector scan", "s"},     {"detector scan and severity >= 50", "s"},
    {"subject 10.0.1.17", "s"}, {"text \"40 ports in 2 s\"", "s"},
    {"text != \"\"", "s"},      {"severity > 80", ""},
};

static void test_alerts(void **state)
{
    (void)state;
    struct alert row = {.detector = "scan", .subject = "10.0.1.17", .text = "40 ports in 2 s", .severity = 50};
    struct records *records = records_of(RECORD_ALERT, &row, 1);
    CHECK_MEANINGS(RECORD_ALERT, records, "s", alert_meanings);
    records_free(&records);
}

/* s(ensor), e(xporter): the same flow, of which the exporter knows less. */
static const struct meaning unknown_meanings[] = {
    {"dst ttl 52", "s"},
    {"dst ttl != 64", "s"},
    {"not dst ttl 64", "se"}, /* the whole turned round */
    {"ttl 64", "se"},
    {"ttl != 5", "s"}, /* of the exporter's, one side is not known */
    {"both ttl > 5", "s"},
    {"state SF", "s"},
    {"state != S0", "s"},
    {"bytes > 1", "s"},
    {"bytes < 1g", "s"},
    {"src bytes > 1", "s"},
    {"dst bytes > 1", "se"},
    {"evidence isn", "s"},
    {"evidence != digest", "s"},
    {"isn 1000", "s"}, /* for want of its bit */
    {"host != 10.0.1.18", "s"},
    {"dst host != 10.0.1.18", "se"},
    {"ip", "s"},
    {"ip6", ""},
    {"duration > 1s", "s"},
    {"first_time > @5", "se"},
    {"sensor exporter", "e"},
};

static void test_unknown_to_an_observer(void **state)
{
    (void)state;
    static const unsigned unknown[] = {FLOW_FIELD_dst_ttl,  FLOW_FIELD_state,  FLOW_FIELD_src_bytes,
                                       FLOW_FIELD_evidence, FLOW_FIELD_src_hi, FLOW_FIELD_last_time};
    struct flow_batch *batch = flow_batch_new(2);
    struct flow flow = https_flow();
    struct observer sensor = {.sensor = "sensor", .epoch = 1}, exporter = {.sensor = "exporter", .epoch = 1};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        exporter.unknown[flow_fields[unknown[i]].number / 64] |= 1ull << flow_fields[unknown[i]].number % 64;
    assert_int_equal(flow_batch_observer(batch, &sensor, &flow.observer), RESULT_OK);
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    assert_int_equal(flow_batch_observer(batch, &exporter, &flow.observer), RESULT_OK);
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    CHECK_MEANINGS(RECORD_FLOW, flow_records(batch), "se", unknown_meanings);
    flow_batch_destroy(&batch);
}

struct mistake {
    const char *text;
    size_t offset;
    const char *says;
};

static const struct mistake mistakes[] = {
    {"host", 4, "'host' needs a value"},
    {"host and tcp", 5, "'host' needs a value, not 'and'"},
    {"host www.example.org", 5, "not looked up"},
    {"host 10.0.0.0/8", 5, "use net"},
    {"net 10.0.0.1/8", 4, "must be zero"},
    {"net 10.0.0.0/33", 4, "is not a network"},
    {"host > 10.0.0.1", 7, "no order"},
    {"prot 6", 0, "did you mean 'proto'"},
    {"host 10.0.0.1 and prot 6", 18, "did you mean 'proto'"},
    {"quux 6", 0, "'quux' is no word"},
    {"tcp and", 7, "expected"},
    {"(tcp", 4, "')'"},
    {"tcp)", 3, "`and` or `or`"},
    {"tcp udp", 4, "'udp' is no word"},
    {"port 65536", 5, "more than port can be (65535)"},
    {"port 80-79", 5, "is not a port"},
    {"port 80- 90", 5, "is not a port"},
    {"port > 80-90", 7, "range"},
    {"ttl 256", 4, "more than ttl can be (255)"},
    {"bytes > 1.5", 8, "is not a number"},
    {"bytes > 99999999999999999999", 8, "is not a number"},
    {"bytes > 9223372036854775808", 8, "more than bytes can be"},
    {"bytes > -1", 8, "is not a number"},
    {"state XX", 6, "is none of the words of state (OTH, S0,"},
    {"state > SF", 8, "no order"},
    {"flags XYZ", 6, "TCP flags"},
    {"client_rtt > 10", 13, "lacks its unit: 10ms"},
    {"duration 5x", 9, "with its unit"},
    {"first_time > 2023-02-30T00:00:00Z", 13, "UTC time"},
    {"first_time > 2023-02-28", 13, "UTC time"},
    {"mac 00:11", 4, "MAC address"},
    {"src vlan 5", 4, "takes no src or dst"},
    {"src or 80", 7, "'dst' was expected"},
    {"sensor .a", 7, "no sensor's name"},
    {"tcp # x", 4, "'#' means nothing here"},
    {"tcp \x01", 4, "byte 0x01"},
    {"dst 22", 4, "'22' is no word"},
    {"host 10.0.0.1 and 80", 18, "is not an address"},
    {"tcp and = 5", 8, "expected"},
    {"icmp_type > 3", 12, "no order"},
    {"evidence nonsense", 9, "none of the words of evidence (src_isn,"},
    {"history XYZ", 8, "history letters"},
    {"&& tcp", 0, "expected"},
    /* The right form, or the word that is meant, is named. */
    {"vlan 5000", 5, "more than vlan can be (4095)"},
    {"inner_vlan 4096", 11, "more than inner_vlan can be (4095)"},
    {"mpls 1048576", 5, "more than mpls_label can be (1048575)"},
    {"dscp 64", 5, "more than dscp can be (63)"},
    {"duration > 5000", 11, "lacks its unit: 5000ms (nfdump's), 5000s (ra's)"},
    {"bytes > 10 K", 11, "a unit stands at its number"},
    {"net 10.1.0.11/24", 4, "net 10.1.0.0/24"},
    {"host fd00::1/64", 5, "net fd00::/64"},
    {"10.1.0.11/24", 0, "net 10.1.0.0/24"},
    {"host 10.1.0.*", 5, "`net 10.1.0`"},
    {"host 300.1.1.1", 5, "four numbers of 0 to 255"},
    {"host 10.0.0.1-10.0.0.9", 5, "`host in file NAME`"},
    {"host 10.1.0.11 10.1.0.12", 15, "(several values: "},
    {"net 10.0.0.0 mask 255.0.255.0", 18, "has holes"},
    {"net 10.1.0.0 mask 255.0.0.0", 18, "bits behind the mask"},
    {"net 10.1.0.0 mask 16", 18, "a mask such as 255.255.0.0"},
    {"first_time > 2026-11-25T22:00:00", 13, ": 2026-11-25T22:00:00Z"},
    {"tcp, udp", 3, "`proto tcp,udp`"},
    {"port in 80", 8, "`port in [80 443]`"},
    {"port [80 443", 12, "the end of the list"},
    {"port []", 6, "without values"},
    {"port > [80 443]", 7, "a list has no order"},
    {"bytes > 1,000", 9, "a list has no order"},
    {"bytes = 1,500", 9, "numbers have no commas"},
    {"port != (80 or 443)", 8, "port != [80 443]"},
    {"ttl > 1..5", 6, "a range has no order"},
    {"ttl 5..1", 4, "the range is backwards"},
    {"host != 10.0.0.1:80", 8, "not host 10.0.0.1:80"},
    {"* and tcp", 0, "every record `any`"},
    {"tcp[tcpflags] & tcp-syn|tcp-ack != 0", 23, "parentheses were expected"},
    {"tcp[tcpflags] & tcp-syn", 23, "a comparison was expected"},
    {"tcp[tcpflags] & tcp-syn == tcp-ack", 34, "never left by the mask"},
    {"tcp[tcpflags] > 2", 17, "no order"},
    {"tcp[tcpflags] = 0", 17, "`flags = 0`"},
    {"tcp[2:2] = 80", 0, "`tcp dst port 80`"},
    {"ip[6:2] & 0x1fff != 0", 0, "`fragments seen`"},
    {"udp[8:4] = 5", 0, "keeps no packet's bytes"},
    {"tcp-syn", 0, "'tcp-syn' is no word here: it stands behind tcp[tcpflags]"},
    {"ether broadcast", 6, "`broadcast`"},
    {"ether dst ff:ff:ff:ff:ff:ff", 10, "`broadcast` or `multicast`"},
    {"ether proto 0x88cc", 12, "ether proto ip, ip6 or arp"},
    {"gateway router", 0, "`mac 00:11:22:33:44:55 and not host ADDR`"},
    {"inbound", 0, "`src net 10.0.0.0/8`"},
    {"tos 184", 0, "`dscp 46`"},
    {"as 64500", 0, "AS numbers are not kept"},
    {"router ip 10.0.0.1", 0, "`sensor NAME`"},
    {"tcp.flags.syn == 1", 0, "`flags S`"},
    {"arp.opcode == 1", 0, "`pavo kinds`"},
    {"dns", 0, "'dns' is a service: port dns"},
    {"vxlan", 0, "`tunnel vxlan`"},
    {"linked", 0, "`pavo links`"},
    {"nat", 0, "`pavo nat`"},
    {"inside 10.0.0.1", 0, "ask `pavo bindings`"},
    {"known", 5, "a field was expected"},
    {"known foo", 6, "did you mean 'flow'"},
    {"in file none.txt", 8, "no addresses came with 'none.txt'"},
    {"port in file bad.txt", 13, "a file has addresses"},
    {"in file", 7, "a file's name was expected"},
};

static const struct {
    enum record_kind_number kind;
    struct mistake mistake;
} mistakes_of_kinds[] = {
    {RECORD_FLOW, {"boundary nat", 0, "a flow has no 'boundary' (a verdict has: ask `pavo verdicts`)"}},
    {RECORD_VERDICT, {"bytes > 5", 0, "a verdict has no 'bytes' (a flow has)"}},
    {RECORD_VERDICT, {"tcp and verdct waiting", 8, "did you mean 'verdict'"}},
    {RECORD_VERDICT, {"verdict linked", 8, "'linked' is none of the words of verdict (unknown, translated, forwarded"}},
    {RECORD_VERDICT, {"verdict > waiting", 10, "no order"}},
    {RECORD_VERDICT, {"partner_observer 1", 0, "use sensor NAME"}},
    {RECORD_VERDICT, {"terms > 1", 0, "'terms' is a list's, of which a verdict has many"}},
    {RECORD_VERDICT, {"term_kind prior", 0, "'term_kind' is a list's"}},
    {RECORD_VERDICT, {"confidence > 100", 13, "more than confidence can be (99.9)"}},
    {RECORD_VERDICT, {"confidence > 98.55", 13, "is not per cent"}},
    {RECORD_VERDICT, {"odds > 9999999", 7, "more than odds can be"}},
    {RECORD_VERDICT, {"odds > lots", 7, "logarithm of odds"}},
    {RECORD_VERDICT, {"boundary > nat", 11, "no order"}},
    {RECORD_VERDICT, {"boundary", 8, "'boundary' needs a value"}},
    {RECORD_VERDICT, {"boundary \"nat", 9, "no closing quote"}},
    {RECORD_VERDICT, {"boundary \"a\tb\"", 9, "control characters"}},
    {RECORD_VERDICT, {"boundary \"\xff\"", 9, "UTF-8"}},
    {RECORD_VERDICT, {"\"verdict\" waiting", 0, "expected, not \"verdict\""}},
    {RECORD_VERDICT, {"sensor a/b/c", 7, "no sensor's name"}},
    {RECORD_FLOW, {"community_id x", 13, "is no Community ID"}},
    {RECORD_FLOW, {"observer 3", 0, "use sensor NAME"}},
    {RECORD_FLOW, {"history \"\"", 8, "history letters"}},
    {RECORD_FLOW, {"src retransmits 4294967296", 16, "more than retransmits can be (4294967295)"}},
    {RECORD_FLOW, {"tunnel ipsec", 7, "none of the words of tunnel (none, ipip"}},
    {RECORD_BINDING, {"src host 10.0.0.1", 4, "'host' takes no src or dst"}},
    {RECORD_BINDING, {"src 10.0.0.1", 4, "'host' takes no src or dst"}},
    {RECORD_BINDING, {"confidence > 90", 0, "a binding has no 'confidence'"}},
    {RECORD_LOSS, {"host 10.0.0.1", 0, "a loss has no 'host' (a flow has)"}},
    {RECORD_LOSS, {"10.0.0.1", 0, "a loss has no addresses"}},
    {RECORD_LOSS, {"tcp", 0, "a loss has no protocol, and so no 'tcp'"}},
    {RECORD_LOSS, {"count > 1 and ip6", 14, "a loss has no addresses, and so no 'ip6'"}},
    {RECORD_STATUS, {"last maybe", 5, "yes or no"}},
    {RECORD_STATUS, {"interface_name eth0", 0, "'interface_name' is a list's, of which a status has many"}},
    {RECORD_STATUS, {"duration > 5", 0, "a status has no 'duration'"}},
    {RECORD_ALERT, {"ttl 5", 0, "an alert has no 'ttl' (a flow has)"}},
    {RECORD_ALERT, {"severity 256", 9, "more than severity can be (255)"}},
};

static void check_mistake(enum record_kind_number kind, const struct mistake *mistake)
{
    struct filter *filter = (void *)&filter;
    size_t offset = 999;
    struct error err = {""};
    enum result result = filter_parse(record_kinds[kind], mistake->text, &filter, &offset, &err);
    if (result != RESULT_REJECT || offset != mistake->offset || strstr(err.text, mistake->says) == NULL)
        print_message("%s\n  at %zu: %s\n", mistake->text, offset, err.text);
    assert_int_equal(result, RESULT_REJECT);
    assert_int_equal(offset, mistake->offset);
    assert_non_null(strstr(err.text, mistake->says));
    assert_ptr_equal(filter, &filter); /* untouched */
}

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++)
        check_mistake(RECORD_FLOW, &mistakes[i]);
    for (size_t i = 0; i < sizeof(mistakes_of_kinds) / sizeof(*mistakes_of_kinds); i++)
        check_mistake(mistakes_of_kinds[i].kind, &mistakes_of_kinds[i].mistake);
}

static enum result parse_quietly(const char *text)
{
    struct filter *filter = NULL;
    enum result result = filter_parse(record_kinds[RECORD_FLOW], text, &filter, NULL, NULL);
    filter_destroy(&filter);
    return result;
}

static void repeat(char *text, size_t size, const char *part, unsigned times, const char *last)
{
    text[0] = '\0';
    for (unsigned i = 0; i < times; i++) {
        assert_true(strlen(text) + strlen(part) + strlen(last) < size);
        strcat(text, part);
    }
    strcat(text, last);
}

static void test_limits(void **state)
{
    (void)state;
    char text[2 * FILTER_TEXT_MAX];
    repeat(text, sizeof(text), "(", FILTER_DEPTH_MAX, "tcp");
    strcat(text, "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    repeat(text, sizeof(text), "(", FILTER_DEPTH_MAX + 1, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_REJECT);
    repeat(text, sizeof(text), "! ", FILTER_DEPTH_MAX - 1, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    repeat(text, sizeof(text), "! ", FILTER_DEPTH_MAX, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_REJECT);
    /* A long run of one operator is no deep tree ... */
    repeat(text, sizeof(text), "port 5 or ", 300, "port 6");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    /* ... alternation is one, */
    repeat(text, sizeof(text), "tcp or udp and ", 30, "ip");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    repeat(text, sizeof(text), "tcp or udp and ", 40, "ip");
    assert_int_equal(parse_quietly(text), RESULT_REJECT);
    repeat(text, sizeof(text), "ttl 5or ", 500, "ttl 5");
    assert_int_equal(parse_quietly(text), RESULT_REJECT); /* more than FILTER_NODES_MAX */
    repeat(text, sizeof(text), " ", FILTER_TEXT_MAX - 3, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    repeat(text, sizeof(text), " ", FILTER_TEXT_MAX - 2, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_REJECT);
}

/* ---------------------------------------------------------------- every field of every kind */

/* A text that asks for just this value: what is shown to programs, with the unit said; bits as their number. */
static bool value_as_written(const struct field *field, const struct value *value, char *ret_text, size_t size)
{
    char text[FIELD_TEXT_MAX];
    const char *shown = field_text(field, value, STYLE_PLAIN, text);
    switch (field->kind) {
    case KIND_NANOSECONDS:
        return snprintf(ret_text, size, "%sns", shown) > 0;
    case KIND_MICROSECONDS:
        return snprintf(ret_text, size, "%sus", shown) > 0;
    case KIND_TEXT:
        return snprintf(ret_text, size, shown[0] == '"' ? "\"\\%s\"" : "\"%s\"", shown) > 0;
    case KIND_TCP_FLAGS:
        return snprintf(ret_text, size, "%s", value->number == 0 ? "0" : shown) > 0;
    case KIND_BITS:
    case KIND_LOWER:
        return snprintf(ret_text, size, "%llu", (unsigned long long)value->number) > 0;
    default: /* "" of no history cannot be asked for */
        return snprintf(ret_text, size, "%s", shown) > 0;
    }
}

static bool same_value(const struct field *field, const struct value *a, const struct value *b)
{
    if (field->kind == KIND_ADDRESS)
        return address_equal(a->address, b->address);
    if (field->type == FIELD_TEXT)
        return strcmp(a->text, b->text) == 0;
    if (field->kind == KIND_BITS && b->number != 0) /* these, and perhaps more */
        return (a->number & b->number) == b->number;
    return a->number == b->number;
}

static struct value known_value(const struct records *records, uint32_t row, unsigned f)
{
    struct value value = records_value(records, row, f, NULL);
    if (strcmp(records->kind->fields[f].name, "src_port") == 0) { /* as `src port`: ICMP's identifier is none */
        unsigned protocol = (unsigned)kind_field(records->kind, "protocol");
        value.known = value.known && protocol_has_ports((unsigned)records_value(records, row, protocol, NULL).number);
    }
    return value;
}

/* `FIELD = VALUE` and `FIELD != VALUE`, with a row's own value as it is shown, select the rows that know the field and
 * have it, or have another. */
static bool check_field(const struct records *records, unsigned f, uint32_t row)
{
    const struct field *field = &records->kind->fields[f];
    struct value wanted = known_value(records, row, f);
    char value_text[FIELD_TEXT_MAX + 16], text[FIELD_TEXT_MAX + 64];
    if (!wanted.known || !value_as_written(field, &wanted, value_text, sizeof(value_text)))
        return false;
    for (int other = 0; other < 2; other++) {
        snprintf(text, sizeof(text), "%s %s %s", field->label, other ? "!=" : "=", value_text);
        struct filter *filter = parse_of(record_kind_number(records->kind), text);
        for (uint32_t i = 0; i < records->rows; i++) {
            struct value value = known_value(records, i, f);
            bool expected = value.known && same_value(field, &value, &wanted) != other;
            if (filter_match(filter, records, i) != expected)
                fail_msg("%s, row %u: %s", records->kind->name, i, text);
        }
        filter_destroy(&filter);
    }
    return true;
}

/* A line in a kind's table is all that a field needs to be filtered on. */
static void test_every_field(void **state)
{
    (void)state;
    struct filter_random random = {7};
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        struct records *records = filter_generate_records(&random, kind, 60);
        for (unsigned f = 0; f < kind->stored_count; f++) {
            const struct field *field = &kind->fields[f];
            unsigned checked = 0;
            if (field->list != 0 || field->kind == KIND_LIST || field->kind == KIND_OBSERVER)
                continue;
            for (uint32_t row = 0; row < records->rows && checked < 5; row++)
                checked += check_field(records, f, row);
            if (checked == 0)
                fail_msg("no row knows '%s' of a %s", field->name, kind->name);
        }
        records_free(&records);
    }
}

/* Halves of addresses are numbers under their own name, as everything else that stands in a table. */
static void test_halves(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(1);
    struct flow flow = https_flow();
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    static const struct meaning halves[] = {
        {"src_hi 0", "h"}, {"src_hi != 0", ""}, {"src_lo = 0xffff0a000111", "h"}, {"src_lo > 1t", "h"}};
    CHECK_MEANINGS(RECORD_FLOW, flow_records(batch), "h", halves);
    flow_batch_destroy(&batch);
}

/* ---------------------------------------------------------------- a plain reading of the tree, row by row */

static bool compared(enum filter_comparison comparison, __int128 left, __int128 right)
{
    switch (comparison) {
    case FILTER_EQ:
        return left == right;
    case FILTER_NE:
        return left != right;
    case FILTER_LT:
        return left < right;
    case FILTER_LE:
        return left <= right;
    case FILTER_GT:
        return left > right;
    case FILTER_GE:
        return left >= right;
    }
    return false;
}

static __int128 extended(const struct field *field, uint64_t bits)
{
    return field_type_is_signed(field->type) ? (__int128)(int64_t)bits : (__int128)bits;
}

static bool observer_knows(const struct records *records, uint32_t row, unsigned f)
{
    uint32_t number = records->kind->fields[f].number;
    if (records->kind != record_kinds[RECORD_FLOW])
        return true;
    const struct observer *observer = &records->observers[flow_batch_of(records)->observer[row]];
    return number >= OBSERVER_UNKNOWN_MAX || (observer->unknown[number / 64] >> number % 64 & 1) == 0;
}

static bool field_holds(const struct filter_node *node, const struct records *records, uint32_t row, unsigned f)
{
    const struct field *field = &records->kind->fields[f];
    char scratch[FIELD_TEXT_MAX];
    struct value value = records_value(records, row, f, scratch);
    if (f >= records->kind->stored_count) {
        return value.known && (strcmp(value.text, node->text) == 0) == (node->comparison == FILTER_EQ);
    }
    if (!observer_knows(records, row, f))
        return false;
    switch (node->op) {
    case FILTER_ADDRESS:
        return address_in_prefix(value.address, &node->prefix) == (node->comparison == FILTER_EQ);
    case FILTER_SET:
        return address_set_has(node->set, value.address) == (node->comparison == FILTER_EQ);
    case FILTER_TEXT:
        return (strcmp(value.text, node->text) == 0) == (node->comparison == FILTER_EQ);
    case FILTER_MASK:
        return ((value.number & node->mask) == node->value) == (node->comparison == FILTER_EQ);
    default:
        return compared(node->comparison, extended(field, value.number), extended(field, node->value));
    }
}

/* One field of a pair, or both; *ret_known is cleared where an observer cannot know one. */
static __int128 taken(const struct records *records, uint32_t row, enum filter_side side, unsigned src, unsigned dst,
                      bool *ret_known)
{
    __int128 sum = 0;
    if (side != FILTER_DST)
        sum += records_value(records, row, src, NULL).number, *ret_known &= observer_knows(records, row, src);
    if (side != FILTER_SRC)
        sum += records_value(records, row, dst, NULL).number, *ret_known &= observer_knows(records, row, dst);
    return sum;
}

static bool rate_holds(const struct filter_node *node, const struct records *records, uint32_t row)
{
    bool known = true;
    __int128 amount = taken(records, row, node->side, node->field, node->twin, &known), over;
    if (records->kind->fields[node->over].type == FIELD_TIME) {
        over = (int64_t)records_value(records, row, node->over_twin, NULL).number -
               (int64_t)records_value(records, row, node->over, NULL).number;
        known = known && observer_knows(records, row, node->over) && observer_knows(records, row, node->over_twin);
    } else {
        over = taken(records, row, node->side, node->over, node->over_twin, &known);
    }
    return known && over > 0 && compared(node->comparison, amount * node->scale, over * node->value);
}

static bool whole_holds(const struct filter_node *node, const struct records *records, uint32_t row)
{
    const struct field *field = &records->kind->fields[node->field];
    __int128 a = extended(field, records_value(records, row, node->field, NULL).number);
    __int128 b = extended(field, records_value(records, row, node->twin, NULL).number);
    return observer_knows(records, row, node->field) && observer_knows(records, row, node->twin) &&
           (node->value_of == FILTER_VALUE_SUM ? compared(node->comparison, a + b, node->value)
                                               : compared(node->comparison, b - a, (int64_t)node->value));
}

static bool holds(const struct filter_node *node, const struct records *records, uint32_t row)
{
    switch (node->op) {
    case FILTER_TRUE:
        return true;
    case FILTER_AND:
        return holds(node->left, records, row) && holds(node->right, records, row);
    case FILTER_OR:
        return holds(node->left, records, row) || holds(node->right, records, row);
    case FILTER_NOT:
        return !holds(node->left, records, row);
    case FILTER_SENSOR:
        return strcmp(records->observers[records_value(records, row, node->field, NULL).number].sensor, node->text) ==
               0;
    default:
        break;
    }
    if (node->op == FILTER_COMPARE && node->value_of == FILTER_VALUE_RATE)
        return rate_holds(node, records, row);
    if (node->op == FILTER_COMPARE && node->value_of != FILTER_VALUE_FIELD)
        return whole_holds(node, records, row);
    bool src = field_holds(node, records, row, node->field), dst = field_holds(node, records, row, node->twin);
    return node->side == FILTER_SRC    ? src
           : node->side == FILTER_DST  ? dst
           : node->side == FILTER_BOTH ? src && dst
                                       : src || dst;
}

static void check_round(struct filter_random *random, const struct record_kind *kind, unsigned *ret_some,
                        unsigned *ret_all)
{
    uint32_t rows[2000];
    char text[FILTER_TEXT_MAX];
    uint64_t seed = random->state;
    struct records *records = filter_generate_records(random, kind, 1 + filter_random_below(random, 2000));
    filter_generate_text(random, kind, text, sizeof(text));
    struct filter *filter = parse_of(record_kind_number(kind), text);
    uint32_t selected = filter_select(filter, records, rows), next = 0;
    for (uint32_t row = 0; row < records->rows; row++) {
        bool expected = holds(filter_root(filter), records, row);
        bool chosen = next < selected && rows[next] == row;
        next += chosen;
        if (chosen != expected || (row % 37 == 0 && filter_match(filter, records, row) != expected))
            fail_msg("PAVO_SEED=%llu a %s, row %u: %s", (unsigned long long)seed, kind->name, row, text);
    }
    assert_int_equal(next, selected);
    *ret_some += selected > 0;
    *ret_all += selected == records->rows;
    filter_destroy(&filter);
    records_free(&records);
}

static void test_columns_agree_with_rows(void **state)
{
    (void)state;
    const char *given = getenv("PAVO_SEED");
    struct filter_random random = {given == NULL ? 1 : strtoull(given, NULL, 0)};
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        unsigned some = 0, all = 0, rounds = k == RECORD_FLOW ? 300 : 100;
        for (unsigned round = 0; round < rounds; round++)
            check_round(&random, record_kinds[k], &some, &all);
        /* The generator asks questions that tell something. */
        assert_true(some > rounds / 2);
        assert_true(all < rounds / 2);
    }
}

static void test_sum_does_not_wrap(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(1);
    struct flow flow = {.src_bytes = UINT64_MAX, .dst_bytes = 5, .src_retransmits = UINT32_MAX, .dst_retransmits = 1};
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    const struct records *records = flow_records(batch);
    struct filter *bytes = parse("bytes > 9223372036854775807"), *retransmits = parse("retransmits = 4294967296");
    assert_true(filter_match(bytes, records, 0));
    assert_true(filter_match(retransmits, records, 0));
    filter_destroy(&bytes);
    filter_destroy(&retransmits);
    flow_batch_destroy(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_borrowed_meanings),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_unknown_to_an_observer),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_columns_agree_with_rows),
        cmocka_unit_test(test_sum_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
