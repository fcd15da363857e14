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


def same(row, end, address, port):
    return end in row and ipaddress.ip_address(row[end]) == address and row[f"{end}_port"] == port


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
            if not any(same(row, "src", inside.src, inside.sport) and
                       same(row, "post_nat_src", outside.src, outside.sport) for row in got):
                wrong += 1
                print(f"{question}: wanted {inside.src}:{inside.sport} as {outside.src}:{outside.sport}, got {got}")
    print(f"{min(ASKED, len(masqueraded))} connections asked about from both sides, {wrong} wrong answers")
    return 1 if wrong or not masqueraded else 0


if __name__ == "__main__":
    sys.exit(main())
