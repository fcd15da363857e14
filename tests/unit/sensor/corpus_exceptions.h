/* SPDX-License-Identifier: Apache-2.0 */
/* Captures of the corpus that are counted by another rule than the manifest's. Included within an array. */
#define PSEUDOWIRE "the manifest stops at MPLS; Ethernet in a pseudowire is opened here, and MPLS over PPP"
#define BAD_IP "an IPv4 header whose version or lengths are wrong is refused here, and counted as malformed"
#define JUMBO "an IPv6 packet of payload length 0 with hop-by-hop options counts with its length on the wire, not with 40 bytes"
{"fuzz-2006-06-26-2594.pcap", BAD_IP},
{"fuzz-2020-02-16-11740.pcap", BAD_IP},
{"tcpdump/kday3.pcap", BAD_IP},
{"test.rewrite_dltuser.pcap", BAD_IP},
{"17_ipv4_options_missing_length_byte_malformed.pcap", BAD_IP},
{"pcapplusplus/ipv4-malformed.pcap", BAD_IP},
{"hoobr_rt6_print.pcap", JUMBO},
{"ipv6-next-header-oobr-2.pcap", JUMBO},
{"ipv6-too-long-jumbo.pcap", JUMBO},
{"ipv6_jumbogram", JUMBO},
{"bigtcp-ipv6-hbh.pcap", JUMBO},
{"ipv6_missing_jumbo_payload_option.pcap", JUMBO},
{"nat/tcprewrite/test", PSEUDOWIRE},
{"tcpreplay/test", PSEUDOWIRE},
{"mpls-eompls-cw.pcap", PSEUDOWIRE},
{"pcapflowlab/mpls_pw/", PSEUDOWIRE},
{"pcapplusplus/MplsPackets.pcap", PSEUDOWIRE},
{"lspping-fec-rsvp.pcap", PSEUDOWIRE},
{"30_pppoe_session_unsupported_code_with_ipv4_trailer.pcap", "a PPPoE code other than session data carries no packet"},
{"zeek/trunc/ipv4-truncated-broken-header.pcap", BAD_IP},
{"zeek/trunc/mpls-6in6-broken.pcap.gz", BAD_IP},
{"zeek/trunc/ip6-ext-trunc.pcap", "an IPv6 packet cut within its extension headers is metered by its addresses"},
