#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asserts from what `pavo sensors`, `interfaces`, `boundaries` and `intake` say as JSON (standard input, one behind the
other) what docs/design.md calls invariants 1 and 2.

  sums.py [--ended [--died N]]    prints the sums as one JSON object, or exits 1 with what does not hold

  1  packets offered = metered + dropped by reason, on every interface; and metered = in records + still in the table
  2  records made = acknowledged + lost + held; of a life that is over: committed + lost + held

With --ended the sensors have ended in order, but N lives that died: then nothing is held, and what they made and is
not declared lost is what the store holds, packet for packet.
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


def check(sensors, interfaces, ended, died):
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
        over = row["state"] in ("ended", "died")
        same(name, "records made = " + ("committed" if over else "acknowledged") + " + lost + held", row["made"],
             row["committed" if over else "acknowledged"] + row["lost"] + row["held"])
        if row["committed"] < row["acknowledged"]:
            wrong.append(f"{name}: {row['acknowledged']} records acknowledged, but only {row['committed']} committed")
        if ended and row["state"] == "died":
            died -= 1
            same(name, "records held by a life that died", row["held"], 0)
        elif ended:
            same(name, "it said that it ends", row["state"], "ended")
            same(name, "packets left in its table", row["in_table"], 0)
            same(name, "records made = committed + lost", row["made"], row["committed"] + row["lost"])
            if row["lost"] == 0 and newest:
                same(name, "packets metered = packets in committed records", metered, row["packets_committed"])
    if ended:
        same("all", "lives that died, and were not to", died, 0)
    return wrong


def main():
    sensors, interfaces, boundaries, intake = read(sys.stdin)
    options = sys.argv[1:]
    died = int(options[options.index("--died") + 1]) if "--died" in options else 0
    wrong = check(sensors, interfaces, "--ended" in options, died)
    if not sensors:
        wrong.append("no sensor is known")
    for line in wrong:
        print(line)
    print(json.dumps({"sensors": {row["sensor"]: row["committed"] for row in sensors if "committed" in row},
                      "boundaries": boundaries, "intake": intake}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
