#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Community IDs of real captures: the sensor's equal the published baseline's, and those other programs wrote.

  test_community_id.py PAVO-SENSOR
"""

import glob
import ipaddress
import json
import os
import sys

import corpus

ICMP, ICMPV6, ESP = 1, 58, 50


def published(root, sensor):
    """The specification's own captures: exactly the IDs of its baseline. Returns how many, and sentences."""
    with open(os.path.join(root, "pcap/community-id/expected/baseline_deflt.json"), encoding="ascii") as file:
        baseline = {(entry["proto"], entry["communityid"]) for entry in json.load(file)}
    names = sorted(glob.glob(os.path.join(root, "pcap/community-id/*.pcap")))
    found = {(record["protocol"], record["community_id"])
             for metered in corpus.meter_all(sensor, names) for record in metered.records if "community_id" in record}
    failures = [f"baseline: protocol {protocol}: {one} is not there" for protocol, one in sorted(baseline - found)]
    failures += [f"baseline: protocol {protocol}: {one} is not of it" for protocol, one in sorted(found - baseline)]
    return len(baseline), failures


def ends(source, source_port, destination, destination_port):
    return frozenset(((str(ipaddress.ip_address(source)), source_port), (str(ipaddress.ip_address(destination)), destination_port)))


def arkime(root, sensor):
    """Sessions of Arkime's own tests, where both saw a flow between the same ends.

    Not ICMP, whose ends Arkime gives without the types that go into the ID; not ESP, for which Arkime hashes two ports
    that are not there.
    """
    answers = sorted(glob.glob(os.path.join(root, "pcap/arkime/*.arkime.json")))
    captures = [name.removesuffix(".arkime.json") for name in answers]
    compared, failures = 0, []
    for name, metered in zip(answers, corpus.meter_all(sensor, captures)):
        ids = {}
        for record in metered.records:
            key = (record.get("protocol", 0),
                   ends(record["src"], record.get("src_port", 0), record["dst"], record.get("dst_port", 0)))
            ids.setdefault(key, set()).add(record.get("community_id"))
        with open(name, encoding="utf-8") as file:
            sessions = [session["body"] for session in json.load(file)["sessions3"]]
        for session in sessions:
            right = session.get("network", {}).get("community_id")
            if not right or "ip" not in session["source"] or session["ipProtocol"] in (ICMP, ICMPV6, ESP):
                continue
            source, destination = session["source"], session["destination"]
            key = (session["ipProtocol"], ends(source["ip"], source.get("port", 0), destination["ip"], destination.get("port", 0)))
            if key in ids:
                compared += 1
                if ids[key] != {right}:
                    failures.append(f"{os.path.basename(name)}: {key}: {ids[key]}, not {right}")
    return compared, failures


def main():
    root = corpus.folder()
    bad = 0
    for what in (published, arkime):
        compared, failures = what(root, sys.argv[1])
        for sentence in failures:
            print(sentence)
        print(f"{what.__name__}: {compared} Community IDs compared, {len(failures)} differ")
        bad += len(failures) + (compared == 0)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
