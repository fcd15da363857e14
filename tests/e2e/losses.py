#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is what the kernel dropped told everywhere as the sensors count it?

  losses.py SENSORS counts                          each interface dropped something, and the kernel did it
  losses.py SENSORS records FILE START FROZEN THAWED   what `pavo watch --losses --json` wrote: in sum, and when (ns)
  losses.py SENSORS table FILE                      what `pavo sensors` wrote, with a row for each of several interfaces
  losses.py SENSORS answer FILE                     what `pavo find` or `pavo nat` say was not seen
  losses.py SENSORS log FILE SENSOR                 what the sensor's log says

SENSORS is what `pavo sensors --json` wrote. Prints what is not as it should be, and exits 1 if anything is.
"""

import collections
import datetime
import json
import re
import sys
import time


def read_interfaces(file):
    """{(sensor, interface): its part of the status}"""
    with open(file, encoding="utf-8") as lines:
        reports = [report for report in map(json.loads, lines) if "observer" in report]
    return {(report["observer"]["sensor"], part["name"]): part for report in reports for part in report["status"]["interfaces"]}


def nanoseconds(text):
    seconds, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(seconds).replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def number(text):
    return int(text.replace(",", ""))


def counts(parts):
    for place, part in parts.items():
        if list(part.get("dropped", {})) != ["kernel"]:
            yield f"{place}: dropped {part.get('dropped', {})}"


def compare(parts, told):
    """`told` must be just what the kernel dropped at each place."""
    dropped = {place: part.get("dropped", {}).get("kernel", 0) for place, part in parts.items()}
    for place in sorted(dropped.keys() | told.keys()):
        if dropped.get(place) != told.get(place, 0):
            yield f"{place}: {dropped.get(place)} dropped, {told.get(place, 0)} told"


def records(parts, file, start, frozen, thawed):
    told = collections.Counter()
    with open(file, encoding="utf-8") as lines:
        for loss in map(json.loads, (line for line in lines if '"event":"loss"' in line)):
            told[loss["sensor"], loss["interface"]] += loss["count"]
            begin, end = nanoseconds(loss["from"]), nanoseconds(loss["to"])
            if loss["kind"] != "packets_kernel":
                yield f"another kind: {loss}"
            if not begin <= int(thawed) or not end >= int(frozen):
                yield f"not in the stall, {frozen} to {thawed}: {loss}"
            if not int(start) <= begin < end <= time.time_ns():
                yield f"no such time: {loss}"
    yield from compare(parts, told)


def table(parts, file):
    with open(file, encoding="utf-8") as lines:
        rows = [line.split() for line in lines]
    for sensor in {sensor for sensor, _ in parts}:
        mine = {name: part for (whose, name), part in parts.items() if whose == sensor}
        sums = [sum(part["packets_offered"] for part in mine.values()), sum(part["packets_metered"] for part in mine.values()),
                sum(part.get("dropped", {}).get("kernel", 0) for part in mine.values())]
        text = [f"{value:,}" for value in sums]
        if not any(row[:2] == [sensor, "connected"] and row[5:8] == text for row in rows):
            yield f"{sensor}: no row with {text}"
        for name, part in mine.items():
            dropped = f"{part.get('dropped', {}).get('kernel', 0):,}"
            text = [f"{part['packets_offered']:,}", f"{part['packets_metered']:,}", f"{part['bytes_metered']:,}", dropped]
            if len(mine) > 1 and [sensor, name, part["link_type"], *text] not in rows:
                yield f"{sensor}: no row of {name} with {text}"
            if [f"{sensor}:", "dropped", "on", f"{name}:", dropped, "kernel"] not in rows:
                yield f"{sensor}: no line of {name} with {dropped}"


def answer(parts, file):
    told = collections.Counter()
    with open(file, encoding="utf-8") as text:
        for sensor, count, name in re.findall(r"sensor (\w+) lost ([\d,]+) packets in the kernel's capture buffer on (\w+) "
                                              r"between .* and .*: the kernel's capture buffer was full", text.read()):
            told[sensor, name] += number(count)
    return compare(parts, told)


def log(parts, file, sensor):
    told = collections.Counter()
    with open(file, encoding="utf-8") as text:
        for name, count in re.findall(r"(\w+): (\d+) packets lost: the kernel's capture buffer was full", text.read()):
            told[sensor, name] += int(count)
    return compare({place: part for place, part in parts.items() if place[0] == sensor}, told)


if __name__ == "__main__":
    wrong = list({"counts": counts, "records": records, "table": table, "answer": answer, "log": log}[sys.argv[2]](
        read_interfaces(sys.argv[1]), *sys.argv[3:]))
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
