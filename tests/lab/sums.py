#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asserts from what `pavo sensors`, `interfaces`, `boundaries` and `intake` say as JSON (standard input, one behind the
other) what docs/design.md calls invariants 1 and 2.

  sums.py [--ended]        prints the sums as one JSON object, or exits 1 with what does not hold

  1  packets offered = metered + dropped by reason, on every interface; and metered = in records + still in the table
  2  records made = acknowledged + lost + held

With --ended the sensors have ended in order: then nothing is held, and what they made and did not declare lost is
what the store holds, packet for packet.
"""

import json
import sys


def read(lines):
    """(rows of sensors, of interfaces, of boundaries, counters of the intake)"""
    sensors, interfaces, boundaries, intake = [], [], [], {}
    for row in map(json.loads, lines):
        if "interface" in row:
            interfaces.append(row)
        elif "made" in row or "state" in row:
            sensors.append(row)
        elif "boundary" in row:
            boundaries.append(row)
        elif "counter" in row:
            intake[row["counter"]] = row["value"]
    return sensors, interfaces, boundaries, intake


def check(sensors, interfaces, ended):
    wrong = []

    def same(name, what, left, right):
        if left != right:
            wrong.append(f"{name}: {what}: {left} is not {right}")

    for row in sensors:
        name = f"{row['sensor']}/{row['epoch']}"
        if "made" not in row:
            wrong.append(f"{name}: said nothing about itself")
            continue
        if "trouble" in row:
            wrong.append(f"{name}: {row['trouble']}")
        metered = 0
        newest = "metered" in row  # of older lives the aggregator keeps no interfaces
        for part in interfaces:
            if (part["sensor"], part["epoch"]) != (row["sensor"], row["epoch"]):
                continue
            metered += part["metered"]
            dropped = sum(reason["packets"] for reason in part["reasons"])
            same(name, f"packets offered on {part['interface']} = metered + dropped", part["offered"],
                 part["metered"] + dropped)
            same(name, f"packets dropped on {part['interface']} by reason", part["dropped"], dropped)
        if newest:
            same(name, "packets metered, in sum", row["metered"], metered)
        same(name, "records made = acknowledged + lost + held", row["made"],
             row["acknowledged"] + row["lost"] + row["held"])
        if row["committed"] < row["acknowledged"]:
            wrong.append(f"{name}: {row['acknowledged']} records acknowledged, but only {row['committed']} committed")
        if ended:
            same(name, "it said that it ends", row["state"], "ended")
            same(name, "packets left in its table", row["in_table"], 0)
            same(name, "records made = committed + lost", row["made"], row["committed"] + row["lost"])
            if row["lost"] == 0 and newest:
                same(name, "packets metered = packets in committed records", metered, row["packets_committed"])
    return wrong


def main():
    sensors, interfaces, boundaries, intake = read(sys.stdin)
    wrong = check(sensors, interfaces, "--ended" in sys.argv[1:])
    if not sensors:
        wrong.append("no sensor is known")
    for line in wrong:
        print(line)
    print(json.dumps({"sensors": {row["sensor"]: row["committed"] for row in sensors if "committed" in row},
                      "boundaries": boundaries, "intake": intake}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
