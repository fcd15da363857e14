#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Flows against Zeek's connections, for every capture of Zeek's tests whose conn.log lies beside it in the corpus.

  zeek_compare.py PAVO-SENSOR              a test: what differs has an explanation below, and what has one differs
  zeek_compare.py PAVO-SENSOR --markdown   the table of docs/correctness.md

Compared by the ends (protocols without ports: by addresses): packets and IP bytes each way, and how many connections they were cut into;
and the state of TCP connections, where both have one between these ends. Histories are counted only: Zeek repeats letters
and has more of them.
"""

import collections
import csv
import ipaddress
import os
import sys

import corpus

ICMP, ICMPV6 = 1, 58
PROTOCOLS = {"tcp": 6, "udp": 17}
WITH_PORTS = (6, 17)  # what Zeek knows ports of
SIDES = (("orig", "src"), ("resp", "dst"))

# What may differ:
CUT = "cut"          # the same packets in another number of connections
ZEEK = "only Zeek"   # ends that only Zeek has
PAVO = "only Pavo"   # ends that only Pavo has
SUMS = "sums"        # packets or bytes of the same ends
STATE = "state"      # conn_state of one TCP connection

OUTER = {ZEEK}, "Zeek logs the tunnel as a connection of its own; Pavo keeps its ends with the inner flow"
FILTER = {ZEEK, PAVO, SUMS}, "Zeek ran with a packet filter"

# (trace, baseline or its end) -> what differs, and why. The longest match counts.
EXPLAINED = {
    ("chksums/localhost-bad-chksum.pcap", "conn-failed.log"):
        ({CUT, SUMS}, "Zeek leaves out packets with wrong checksums, unless told otherwise; a sensor beside a sender whose "
                      "card computes them sees no others, so Pavo does not check them"),
    ("cisco-fabric-path.pcap", ""):
        ({SUMS}, "Cisco FabricPath (type 0x8903) is not decoded: half of the packets are `ignored_ethertype`"),
    ("globus-url-copy.pcap", ""):
        ({SUMS, STATE}, "the script told Zeek to stop following the bulk transfer"),
    ("ntp/misordered-ntp.pcap", ""):
        ({SUMS}, "the answer comes first; Zeek turns the connection round and counts both packets on one side"),
    ("pppoe-over-qinq.pcap", ""):
        ({CUT}, "235 s of silence between the two FINs: longer than Pavo's idle time-out"),
    ("ssh/ssh.client-side-half-duplex.pcap", ""):
        ({CUT}, "only one direction was captured; Zeek gives an unanswered SYN up after 5 s and what follows is another "
                "connection, Pavo waits 30 s"),
    ("tcp/retransmit-timeout.pcapng", "conn-limited.log"):
        ({CUT}, "Zeek ran with its timers held back; with all of them it finds two connections, as Pavo does"),
    ("tunnels/Teredo.pcap", ""):
        ({CUT, ZEEK, PAVO, SUMS}, "Zeek logs the tunnel beside its inside; it knows Teredo on any port, Pavo on 3544; Pavo "
                                  "also counts bubbles, IPv6 packets without contents; old TCP connections joined midway "
                                  "are cut differently after RST"),
    ("tunnels/ayiya-large-identity.pcap", ""): ({ZEEK}, "AYIYA is not opened: the inside is not seen"),
    ("tunnels/ayiya3.pcap", ""): ({ZEEK}, "AYIYA is not opened: the inside is not seen"),
    ("tunnels/geneve-47101.pcap", ""): OUTER,
    ("tunnels/geneve-ipv6.pcap", ""): OUTER,
    ("tunnels/geneve-many-options.pcap", ""): OUTER,
    ("tunnels/geneve-vxlan-dns-truncated.pcap", ""): OUTER,
    ("tunnels/gre-aruba-amsdu.pcap", ""):
        ({ZEEK, PAVO}, "Aruba's 802.11 in GRE (type 0x8200) is not opened: Pavo counts the GRE packets"),
    ("tunnels/gtp/gtp1_gn_normal_incl_fragmentation.pcap", ""):
        ({SUMS}, "Zeek logs the tunnel beside its inside, and puts fragments together; Pavo does not, and counts fragmented "
                 "tunnel packets as the tunnel's"),
    ("tunnels/gtp/gtp2_different_udp_port.pcap", ""):
        ({ZEEK, SUMS}, "Zeek logs the tunnel beside its inside, and puts fragments together; Pavo does not, and counts "
                       "fragmented tunnel packets as the tunnel's"),
    ("tunnels/gtp/gtp6_gtp_0x32.pcap", ""): OUTER,
    ("tunnels/gtp/gtp7_ipv6.pcap", ""): OUTER,
    ("tunnels/gtp/gtp8_teredo.pcap", ""):
        ({ZEEK, PAVO}, "Zeek logs each of the two tunnels beside the inside; Pavo also counts Teredo's bubbles, IPv6 packets "
                       "without contents"),
    ("vntag.pcap", ""): ({ZEEK}, "Cisco's VN-tag (type 0x8926) is not decoded: `ignored_ethertype`"),
    ("wikipedia.pcap", "core.pcap.dynamic-filter"): FILTER,
    ("wikipedia.pcap", "core.pcap.read-trace-with-filter"): FILTER,
    ("wikipedia.pcap", "scripts.base.frameworks.analyzer.request-analyzer"):
        ({ZEEK, PAVO, SUMS}, "Zeek ran with chosen analyzers only, and without counters"),
    ("wlanmon.pcap", ""): ({ZEEK}, "802.11 with radiotap is not a link layer of a flow sensor: `unsupported_link`"),
}

Log = collections.namedtuple("Log", "trace baseline file connections")


class Ends:
    """All connections between two ends."""

    def __init__(self):
        self.connections = set()
        self.sums = collections.Counter()
        self.state = self.history = None  # of the last one

    def add(self, connection, address, packets, octets):
        self.connections.add(connection)
        self.sums[address, "packets"] += packets
        self.sums[address, "bytes"] += octets


def key(protocol, a, a_port, b, b_port):
    if protocol not in WITH_PORTS:
        a_port = b_port = 0
    return protocol, frozenset(((a, a_port), (b, b_port)))


def number(text):
    return 0 if text == "-" else int(text)


def read_log(name):
    """Rows of a Zeek log as dictionaries; none if it has not the columns needed."""
    fields, rows = [], []
    with open(name, encoding="utf-8", errors="replace") as file:
        for line in file:
            cells = line.rstrip("\n").split("\t")
            if cells[0] == "#fields":
                fields = cells[1:]
            elif not line.startswith("#") and fields:
                rows.append(dict(zip(fields, cells)))
    needed = {"id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "orig_pkts", "orig_ip_bytes", "resp_pkts",
              "resp_ip_bytes"}
    return rows if needed <= set(fields) else None


def read_logs(root):
    folder = os.path.join(root, "pcap/zeek")
    with open(os.path.join(folder, "EXPECTED-commands.tsv"), encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for answer in answers:
        name = os.path.join(folder, answer["trace"] + ".zeek", answer["baseline"], answer["file"])
        rows = read_log(name) if os.path.exists(name) else None
        if rows is not None:
            yield Log(answer["trace"], answer["baseline"], answer["file"], rows)


def of_zeek(rows):
    found = collections.defaultdict(Ends)
    for i, row in enumerate(rows):
        a, b = (str(ipaddress.ip_address(row[f"id.{side}_h"])) for side, _ in SIDES)
        protocol = row.get("ip_proto", "")
        if protocol.isdigit():
            protocol = int(protocol)
        else:
            protocol = PROTOCOLS.get(row["proto"], ICMPV6 if ":" in a else ICMP)
        ends = found[key(protocol, a, int(row["id.orig_p"]), b, int(row["id.resp_p"]))]
        ends.state, ends.history = row.get("conn_state"), row.get("history")
        ends.add(i, a, number(row["orig_pkts"]), number(row["orig_ip_bytes"]))
        ends.add(i, b, number(row["resp_pkts"]), number(row["resp_ip_bytes"]))
    return found


def of_pavo(records):
    found = collections.defaultdict(Ends)
    for record in records:
        if record.get("protocol", 0) == 0:
            continue  # ARP
        a, b = record["src"], record["dst"]
        ends = found[key(record["protocol"], a, record.get("src_port", 0), b, record.get("dst_port", 0))]
        ends.state, ends.history = record["state"], record.get("history", "")
        ends.add(record["flow"], a, record["src_packets"], record["src_bytes"])
        ends.add(record["flow"], b, record["dst_packets"], record["dst_bytes"])
    return found


def single_tcp(zeek, pavo):
    """Pairs of the same TCP connection."""
    return [(zeek[both], pavo[both]) for both in set(zeek) & set(pavo)
            if both[0] == PROTOCOLS["tcp"] and len(zeek[both].connections) == len(pavo[both].connections) == 1
            and zeek[both].state]


def compare(zeek, pavo):
    """The kinds of difference there are."""
    kinds = {STATE for one, other in single_tcp(zeek, pavo) if one.state != other.state}
    if set(zeek) - set(pavo):
        kinds.add(ZEEK)
    if set(pavo) - set(zeek):
        kinds.add(PAVO)
    for both in set(zeek) & set(pavo):
        if +zeek[both].sums != +pavo[both].sums:
            kinds.add(SUMS)
        elif len(zeek[both].connections) != len(pavo[both].connections):
            kinds.add(CUT)
    return kinds


def explanation(log):
    """(trace, part of the baseline's or file's name)"""
    for part in (log.baseline, log.file, ""):
        if (log.trace, part) in EXPLAINED:
            return log.trace, part
    return None


def count(found):
    return sum(len(ends.connections) for ends in found.values())


def main():
    sensor, markdown = sys.argv[1], "--markdown" in sys.argv[2:]
    root = corpus.folder()
    logs = list(read_logs(root))
    traces = sorted({log.trace for log in logs})
    metered = dict(zip(traces, corpus.meter_all(sensor, [os.path.join(root, "pcap/zeek", trace) for trace in traces])))
    failures, used, same, lines, single = [], set(), 0, [], []
    for log in logs:
        zeek, pavo = of_zeek(log.connections), of_pavo(metered[log.trace].records)
        kinds, why = compare(zeek, pavo), explanation(log)
        single += single_tcp(zeek, pavo)
        allowed, sentence = EXPLAINED.get(why, (set(), ""))
        if not kinds <= allowed:
            failures.append(f"{log.trace}, {log.baseline}/{log.file}: not explained: {', '.join(sorted(kinds - allowed))}")
        if kinds:
            used.add(why)
            lines.append(f"| {log.trace} | {log.baseline.split('.')[-1]} | {count(zeek)} | {count(pavo)} | {sentence} |")
        else:
            same += 1
    failures += [f"{' '.join(why)}: explained, but nothing differs" for why in EXPLAINED if why not in used]
    states = sum(one.state == other.state for one, other in single)
    histories = sum(one.history == other.history for one, other in single)
    tcp = f"Of {len(single)} TCP connections one to one {states} agree in state, {histories} in history to the letter."
    if markdown:
        print(f"{len(logs)} logs, {len(traces)} captures. {same} logs agree in every connection, packet, byte and state. {tcp}\n")
        print("| capture | Zeek's test | connections, Zeek | Pavo | why |\n|---|---|---:|---:|---|")
        print("\n".join(lines))
    else:
        print("\n".join(failures))
        print(f"{len(logs)} logs: {same} agree, {len(logs) - same} differ, {len(failures)} not explained. {tcp}")
    sys.exit(bool(failures) or not logs)


if __name__ == "__main__":
    main()
