#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares Pavo's links with the kernel's own record of what it translated.

  conntrack.py RECORD LINKS [--inside PREFIX]... [--json]

RECORD is what `conntrack -E -e NEW -o timestamp,id` wrote on the router, LINKS what `pavo links --json` wrote.
A connection of the record counts when exactly one of its ends is inside. A link agrees when the record has a
connection with the same addresses and ports on both sides of the router at that time; it is wrong when it has
not. ICMP errors belong to connections and are none: a link of those agrees when the record has a connection between
the same addresses on both sides. Exit status 1: a link is wrong.
"""

import argparse
import bisect
import collections
import datetime
import ipaddress
import json
import re
import sys

TOLERANCE = 2.0  # seconds between the record's time and a link's first packet
NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}

# One view of a connection: protocol and both ends, written from whoever spoke first.
View = collections.namedtuple("View", "protocol src sport dst dport")
Connection = collections.namedtuple("Connection", "time inside outside")


def view(protocol, src, sport, dst, dport):
    return View(protocol, ipaddress.ip_address(src), int(sport), ipaddress.ip_address(dst), int(dport))


def read_record(lines, inside_networks):
    """Connections of the record, oldest first, that cross between inside and outside."""

    def is_inside(address):
        return any(address in network for network in inside_networks)

    connections = []
    for line in lines:
        match = re.match(r"\[(\d+\.\d+)\]\s+\[NEW\]\s+(\w+)\s", line)
        if not match or match[2] not in NUMBERS:
            continue
        protocol = NUMBERS[match[2]]
        # Two tuples: as the first packet came to the router, and as the answer to it will come. The key `id` appears
        # in both for ICMP, and once more at the end as the connection's own number.
        halves = []
        for key, value in re.findall(r"(\w+)=(\S+)", line):
            if key == "src":
                halves.append({})
            halves[-1].setdefault(key, value)
        came, answer = halves
        if protocol in (1, 58):
            before = view(protocol, came["src"], came["id"], came["dst"], 0)
            after = view(protocol, answer["dst"], answer["id"], answer["src"], 0)
        else:
            before = view(protocol, came["src"], came["sport"], came["dst"], came["dport"])
            after = view(protocol, answer["dst"], answer["dport"], answer["src"], answer["sport"])
        outbound, inbound = is_inside(before.src), is_inside(after.dst)
        if outbound != inbound:
            pair = (before, after) if outbound else (after, before)
            connections.append(Connection(float(match[1]), *pair))
    return sorted(connections, key=lambda connection: connection.time)


def seconds(text):
    """RFC 3339 with nanoseconds to Unix seconds."""
    whole, fraction = re.fullmatch(r"(.*?)(\.\d+)?Z", text).groups()
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + float(fraction or 0)


def read_links(lines):
    """(time, view inside, view outside, the link itself) of each link."""
    for line in lines:
        link = json.loads(line)
        if "verdict" not in link:
            continue  # what the answer rests on
        ends = [view(link["protocol"], link[f"{side}src"], link.get(f"{side}src_port", 0), link[f"{side}dst"],
                     link.get(f"{side}dst_port", 0)) for side in ("", "post_nat_")]
        yield seconds(link["first_time"]), *ends, link


def compare(connections, links):
    """Per protocol: how many connections, how many of them linked, how many links, how many of them wrong."""
    by_inside = collections.defaultdict(list)
    for number, connection in enumerate(connections):
        by_inside[connection.inside].append(number)
    hosts = {frozenset(((c.inside.src, c.outside.src), (c.inside.dst, c.outside.dst))) for c in connections}
    linked, counts, wrong = set(), collections.defaultdict(collections.Counter), []
    for connection in connections:
        counts[connection.inside.protocol]["connections"] += 1
    for time, inside, outside, link in links:
        count = counts[inside.protocol]
        count["links"] += 1
        if inside.protocol in (1, 58) and link["method"] != "icmp_echo":
            if frozenset(((inside.src, outside.src), (inside.dst, outside.dst))) not in hosts:
                count["wrong"] += 1
                wrong.append(link)
            continue
        # The connection this link speaks of: the last that began before it, or any that began about when it did.
        candidates = by_inside[inside]
        times = [connections[number].time for number in candidates]
        until = bisect.bisect_right(times, time + TOLERANCE)
        near = bisect.bisect_left(times, time - TOLERANCE)
        fitting = [n for n in candidates[max(0, min(near, until - 1)):until] if connections[n].outside == outside]
        if fitting:
            linked.update(fitting[-1:])
        else:
            count["wrong"] += 1
            wrong.append(link)
    for number in linked:
        counts[connections[number].inside.protocol]["linked"] += 1
    missing = [connection for number, connection in enumerate(connections) if number not in linked]
    return counts, wrong, missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record")
    parser.add_argument("links")
    parser.add_argument("--inside", action="append", type=ipaddress.ip_network,
                        help="what is inside (10.1.0.0/24 and 2001:db8:1::/64, the lab's campus)")
    parser.add_argument("--json", action="store_true", help="one object with the counts and each difference")
    arguments = parser.parse_args()
    inside = arguments.inside or [ipaddress.ip_network("10.1.0.0/24"), ipaddress.ip_network("2001:db8:1::/64")]
    with open(arguments.record) as record, open(arguments.links) as links:
        counts, wrong, missing = compare(read_record(record, inside), read_links(links))

    total = sum(counts.values(), collections.Counter())
    if arguments.json:
        print(json.dumps({
            "total": total,
            "protocols": {NAMES[protocol]: count for protocol, count in sorted(counts.items())},
            "wrong": wrong,
            "missing": [{"time": c.time, "inside": [str(v) for v in c.inside], "outside": [str(v) for v in c.outside]}
                        for c in missing],
        }))
    else:
        parts = [f"{NAMES[protocol]} {count['linked']} of {count['connections']}"
                 for protocol, count in sorted(counts.items()) if count["connections"]]
        print(f"conntrack recorded {total['connections']} connections through the router; Pavo linked "
              f"{total['linked']} of them ({', '.join(parts)}), and {total['wrong'] or 'none'} of its "
              f"{total['links']} links disagree{'s' if total['wrong'] == 1 else ''} with that record.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
