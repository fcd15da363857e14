#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares links with a table of true translations beside a pair of captures.

  truth.py TABLE LINKS LAB-FOLDER       exits 1 if a link is wrong, or less than 99 % of TCP and UDP is linked

TABLE has a header line; of its columns those named proto (absent: TCP), in_*, dst, dport and out_* are read; ICMP has no
ports to compare. Connections with the same ends count once: what matters is that the translation is found, and no other.
"""

import csv
import json
import sys


def main():
    table, links, lab = sys.argv[1:]
    sys.path.insert(0, lab)
    from conntrack import NUMBERS, read_links, view

    truth, answered = set(), set()
    with open(table) as file:
        for row in csv.DictReader(file, delimiter="\t"):
            protocol = NUMBERS[row.get("proto", "tcp")]
            sport = row.get("in_sport") or row["in_sport_or_icmpid"]
            out_sport = row.get("out_sport") or row["out_sport_or_icmpid"]
            if protocol in (1, 58):
                continue
            dport = row.get("in_dport") or row["dport"]
            out_dport = row.get("out_dport") or row["dport"]
            inside = view(protocol, row["in_src"], sport, row.get("in_dst") or row["dst"], dport)
            outside = view(protocol, row["out_src"], out_sport, row.get("out_dst") or row["dst"], out_dport)
            # The table has a packet as it came and as it went on: with DNAT it came from outside.
            forwarded = inside.dst != outside.dst
            truth.add((outside, inside) if forwarded else (inside, outside))
    known = {pair[0].protocol for pair in truth}
    with open(links) as file:
        found = {(inside, outside) for _, inside, outside, _ in read_links(file) if inside.protocol in known}
    wrong = found - truth
    missing = truth - found
    print(f"{len(truth)} translations, {len(found)} linked, {len(wrong)} wrong, {len(missing)} missing")
    for what, pairs in (("wrong", wrong), ("missing", missing)):
        for pair in sorted(pairs, key=str)[:10]:
            print(f"{what}: {' '.join(map(str, pair[0]))} -> {' '.join(map(str, pair[1]))}")
    return 1 if wrong or len(missing) > 0.01 * len(truth) else 0


if __name__ == "__main__":
    sys.exit(main())
