#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks `pavo nat` about connections of conntrack's record, and compares the answers with the record.

  nat.py RECORD LAB-FOLDER -- COMMAND... (to which "ADDRESS:PORT --at TIME --protocol P" is added)
"""

import datetime
import ipaddress
import json
import subprocess
import sys

ASKED = 10


def answers(command, protocol, address, port, time):
    when = datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    end = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    run = subprocess.run([*command, end, "--at", when, "--protocol", protocol], stdout=subprocess.PIPE, text=True)
    if run.returncode not in (0, 4):
        raise SystemExit(f"pavo nat {end} --at {when}: status {run.returncode}")
    return [json.loads(line) for line in run.stdout.splitlines()], f"pavo nat {end} --at {when}"


def bindings(objects):
    """Whatever the answer's objects are, the bindings in them."""
    for item in objects:
        if isinstance(item, dict):
            if "binding" in item:
                yield item["binding"]
            else:
                yield from bindings(item.values())
        elif isinstance(item, list):
            yield from bindings(item)


def same(endpoint, address, port):
    return ipaddress.ip_address(endpoint["address"]) == address and endpoint["port"] == port


def main():
    record, lab = sys.argv[1:3]
    command = sys.argv[4:]
    sys.path.insert(0, lab)
    from conntrack import NAMES, read_record

    networks = [ipaddress.ip_network("10.1.0.0/24")]
    with open(record) as file:
        masqueraded = [c for c in read_record(file, networks) if c.inside.protocol in (6, 17) and c.inside.src in networks[0]]
    step = max(1, len(masqueraded) // ASKED)
    wrong = 0
    for connection in masqueraded[::step][:ASKED]:
        inside, outside = connection.inside, connection.outside
        for asked in (outside, inside):
            got, question = answers(command, NAMES[inside.protocol], asked.src, asked.sport, connection.time)
            found = list(bindings(got))
            if not any(same(b["source"], inside.src, inside.sport) and
                       same(b["post_nat_source"], outside.src, outside.sport) for b in found):
                wrong += 1
                print(f"{question}: wanted {inside.src}:{inside.sport} as {outside.src}:{outside.sport}, got {found or got}")
    print(f"{min(ASKED, len(masqueraded))} connections asked about from both sides, {wrong} wrong answers")
    return 1 if wrong or not masqueraded else 0


if __name__ == "__main__":
    sys.exit(main())
