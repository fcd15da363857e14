#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asserts from `pavo sensors --json` (standard input) what docs/design.md calls invariants 1 and 2.

  sums.py [--ended]        prints the sums as one JSON object, or exits 1 with what does not hold

  1  packets offered = metered + dropped by reason, on every interface; and metered = in records + still in the table
  2  records made = acknowledged + lost + held

With --ended the sensors have ended in order: then nothing is held, and what they made and did not declare lost is
what the store holds, packet for packet.
"""

import json
import sys


def read(lines):
    """(sensor reports, boundary reports, intake)"""
    sensors, boundaries, intake = [], [], {}
    for line in lines:
        report = json.loads(line)
        if "observer" in report:
            sensors.append(report)
        elif "linked" in report:
            boundaries.append(report)
        elif "paused" in report:
            intake = report
    return sensors, boundaries, intake


def check(sensors, ended):
    wrong = []

    def same(name, what, left, right):
        if left != right:
            wrong.append(f"{name}: {what}: {left} is not {right}")

    for report in sensors:
        name = "{sensor}/{epoch}".format(**report["observer"])
        status = report.get("status")
        if status is None:
            wrong.append(f"{name}: said nothing about itself")
            continue
        metered = 0
        for interface in status.get("interfaces", []):
            dropped = sum(interface.get("dropped", {}).values())
            metered += interface["packets_metered"]
            same(name, f"packets offered on {interface['name']} = metered + dropped", interface["packets_offered"],
                 interface["packets_metered"] + dropped)
        same(name, "records made = acknowledged + lost + held", status["records_made"],
             status["records_acknowledged"] + status["records_lost"] + status["records_held"])
        if report["records_committed"] < status["records_acknowledged"]:
            wrong.append(f"{name}: {status['records_acknowledged']} records acknowledged, but only "
                         f"{report['records_committed']} committed")
        if ended:
            same(name, "it said that it ends", status["last"], True)
            same(name, "packets left in its table", status["packets_in_table"], 0)
            same(name, "records made = committed + lost", status["records_made"],
                 report["records_committed"] + status["records_lost"])
            if status["records_lost"] == 0:
                same(name, "packets metered = packets in committed records", metered, report["packets_committed"])
    return wrong


def main():
    sensors, boundaries, intake = read(sys.stdin)
    wrong = check(sensors, "--ended" in sys.argv[1:])
    if not sensors:
        wrong.append("no sensor is known")
    for line in wrong:
        print(line)
    print(json.dumps({"sensors": {report["observer"]["sensor"]: report["records_committed"] for report in sensors},
                      "boundaries": boundaries, "intake": intake}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
