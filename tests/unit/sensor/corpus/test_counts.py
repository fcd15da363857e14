#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Packets and IP bytes of every capture in the corpus, by outcome and by protocol: the sensor's against those of a second
reader that shares nothing with it (captures.py, headers.py).

  test_counts.py PAVO-SENSOR outer|inner

`outer` counts by the outermost IP header and also compares the second reader with the corpus's manifest, which a third
party made; `inner` opens tunnels. Together: packets in the file = metered + dropped, by reason, whatever the file.
"""

import collections
import os
import sys

import captures
import corpus
import headers

# Where the manifest reads less than headers.py does, and why.
PSEUDOWIRE = "pseudowires and PPP payloads in MPLS are opened, as their RFCs say"
NO_LENGTH = "IPv6 payload length 0: of jumbograms and of segments larger than the field, the frame's length is taken"
CUT = "IPv6 packets cut in their extension headers have their addresses and lengths"
LABELS = "MPLS labels that tcpdump reads as well"
MANIFEST_DIFFERS = {
    "pcap/akvorado-inner/mpls-eompls-cw.pcap": PSEUDOWIRE,
    "pcap/pcapflowlab/mpls_pw/01_mpls_pw_eth_ipv4_tcp_no_cw.pcap": PSEUDOWIRE,
    "pcap/pcapflowlab/mpls_pw/04_mpls_pw_eth_ipv6_udp_cw.pcap": PSEUDOWIRE,
    "pcap/pcapflowlab/mpls_pw/06_mpls_pw_eth_vlan_ipv4_tcp_cw.pcap": PSEUDOWIRE,
    "pcap/pcapflowlab/mpls_pw/07_mpls_pw_eth_qinq_ipv4_udp_cw.pcap": PSEUDOWIRE,
    "pcap/pcapflowlab/mpls_pw/14_mpls_pw_control_word_with_sequence.pcap": PSEUDOWIRE,
    "pcap/pcapflowlab/mpls_pw/16_mpls_pw_outer_vlan_inner_qinq_ipv4_udp_cw.pcap": PSEUDOWIRE,
    "pcap/pcapflowlab/mpls_pw/17_mpls_pw_outer_qinq_inner_ipv4_udp_cw.pcap": PSEUDOWIRE,
    "pcap/pcapflowlab/mpls_pw/18_mpls_pw_outer_legacy_vlan_ipv4_tcp_cw.pcap": PSEUDOWIRE,
    "pcap/pcapplusplus/MplsPackets.pcap": PSEUDOWIRE,
    "pcap/tcpdump/lspping-fec-rsvp.pcap": PSEUDOWIRE,
    "malformed/tcpdump/ipv6-too-long-jumbo.pcap": NO_LENGTH,
    "malformed/tcpdump/ipv6_jumbogram_invalid_length.pcap": NO_LENGTH,
    "pcap/tcpdump/bigtcp-ipv6-geneve-ipv4.pcap": NO_LENGTH,
    "pcap/tcpdump/bigtcp-ipv6-hbh.pcap": NO_LENGTH,
    "pcap/tcpdump/bigtcp-ipv6-vxlan-ipv6.pcap": NO_LENGTH,
    "pcap/tcpdump/bigtcp-ipv6.pcap": NO_LENGTH,
    "pcap/tcpdump/ipv6_jumbogram_1.pcap": NO_LENGTH,
    "pcap/tcpdump/ipv6_missing_jumbo_payload_option.pcap": NO_LENGTH,
    "malformed/tcpdump/hoobr_rt6_print.pcap": CUT,
    "malformed/tcpdump/ipv6-next-header-oobr-2.pcap": CUT,
    "pcap/zeek/trunc/ip6-ext-trunc.pcap": CUT,
    "nat/tcprewrite/test.pcap": LABELS,
    "nat/tcprewrite/test.rewrite_endpoint.pcap": LABELS,
    "nat/tcprewrite/test.rewrite_pnat.pcap": LABELS,
    "nat/tcprewrite/test.rewrite_portmap.pcap": LABELS,
    "pcap/tcpreplay/test.replay_unique_ip.pcap": LABELS,
    "pcap/tcpreplay/test.rewrite_l7fuzzing.pcap": LABELS,
    "pcap/tcpreplay/test.rewrite_mtutrunc.pcap": LABELS,
    "pcap/tcpreplay/test.rewrite_trunc.pcap": LABELS,
    "pcap/tcpreplay/test.rewrite_vlan802.1ad.pcap": LABELS,
    "pcap/tcpreplay/test2.rewrite_endpoint.pcap": LABELS,
}


class Expected:
    """The second reader's answer for a capture."""

    def __init__(self, name, read_packet):
        self.outcomes = collections.Counter()
        self.drops = collections.Counter()  # before the file was written, as it says itself
        self.by_protocol = {}
        self.broken = None
        try:
            for packet in captures.read(name, self.drops):
                answer = read_packet(packet)
                self.outcomes[answer.outcome] += 1
                if answer.outcome == "metered":
                    entry = self.by_protocol.setdefault(answer.protocol, [0, 0])
                    entry[0] += 1
                    entry[1] += answer.bytes
        except captures.Broken as broken:
            self.broken = str(broken)


def differences(expected, metered, name):
    """Sentences."""
    if metered.totals is None:
        yield f"no totals, status {metered.status}: {metered.errors.strip()}"
        return
    outcomes, right = metered.outcomes(), expected.outcomes + expected.drops
    for outcome in sorted({*outcomes, *right}):
        if outcomes.get(outcome, 0) != right[outcome]:
            yield f"{outcome}: {outcomes.get(outcome, 0)} packets, not {right[outcome]}"
    if metered.totals["packets_offered"] != sum(outcomes.values()):
        yield f"offered {metered.totals['packets_offered']} packets, accounted for {sum(outcomes.values())}"
    by_protocol = metered.by_protocol()
    for protocol in sorted({*by_protocol, *expected.by_protocol}):
        found, right = by_protocol.get(protocol, [0, 0]), expected.by_protocol.get(protocol, [0, 0])
        if found != right:
            yield f"protocol {protocol}: {found[0]} packets, {found[1]} bytes, not {right[0]} and {right[1]}"
    if (metered.status != 0) != (expected.broken is not None):
        yield f"status {metered.status}, but the file is {'broken: ' + expected.broken if expected.broken else 'whole'}"
    if expected.broken and os.path.basename(name) not in metered.errors and not name.endswith(".gz"):
        yield f"does not say which file is broken: {metered.errors.strip()}"


def manifest_differences(expected, row):
    """What the second reader and the manifest do not agree on, unless a refused packet explains it."""
    packets = sum(expected.outcomes.values())
    if packets != int(row["packets"]):
        yield f"second reader: {packets} packets, manifest {row['packets']}"
    ip = [sum(entry[i] for protocol, entry in expected.by_protocol.items() if protocol != headers.ARP) for i in (0, 1)]
    manifest = [int(row["ip_packets"]), int(row["ip_bytes"])]
    refused = packets - sum(entry[0] for entry in expected.by_protocol.values())
    # The manifest takes every packet with an IP header, also those that are malformed above or cannot be read to the end.
    explained = ip == manifest if refused == 0 else ip[0] <= manifest[0] <= ip[0] + refused
    if explained == (row["path"] in MANIFEST_DIFFERS):
        yield f"second reader: {ip[0]} IP packets, {ip[1]} bytes, manifest {manifest[0]} and {manifest[1]}"


def main():
    sensor, view = sys.argv[1:]
    root = corpus.folder()
    rows = corpus.captures(root)
    names = [os.path.join(root, row["path"]) for row in rows]
    options = ["--outer"] if view == "outer" else []
    read_packet = headers.outermost if view == "outer" else headers.innermost
    packets = failures = 0
    for row, name, metered in zip(rows, names, corpus.meter_all(sensor, names, *options)):
        expected = Expected(name, read_packet)
        packets += sum(expected.outcomes.values())
        found = list(differences(expected, metered, name))
        if view == "outer":
            found += manifest_differences(expected, row)
        for sentence in found:
            print(f"{row['path']}: {sentence}")
        failures += bool(found)
    print(f"{len(rows)} captures, {packets} packets: {failures} captures differ")
    sys.exit(failures > 0 or packets == 0)


if __name__ == "__main__":
    main()
