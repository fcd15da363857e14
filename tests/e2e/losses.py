#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is what the kernel dropped told everywhere as the sensors count it?

  losses.py SENSORS counts                          each interface dropped something, and the kernel did it
  losses.py SENSORS records FILE START FROZEN THAWED   what `pavo watch --topic loss --json` wrote: in sum, and when (ns)
  losses.py SENSORS table FILE                      what `pavo sensors` wrote, with a row for each interface
  losses.py SENSORS answer FILE                     the coverage that `pavo find --json` or `pavo nat --json` end with
  losses.py SENSORS log FILE SENSOR                 what the sensor's log says

SENSORS is what `pavo interfaces --json` wrote. Prints what is not as it should be, and exits 1 if anything is.
"""

import collections
import datetime
import json
import re
import sys
import time


def read_interfaces(file):
    """{(sensor, interface): its row, with what was dropped by reason}"""
    with open(file, encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if "interface" in row]
    return {(row["sensor"], row["interface"]): row | {"by": {r["reason"]: r["packets"] for r in row["reasons"]}}
            for row in rows}


def nanoseconds(text):
    seconds, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(seconds).replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def number(text):
    return int(text.replace(",", ""))


def counts(parts):
    for place, part in parts.items():
        if list(part["by"]) != ["kernel"]:
            yield f"{place}: dropped {part['by']}"


def compare(parts, told):
    """`told` must be just what the kernel dropped at each place."""
    dropped = {place: part["by"].get("kernel", 0) for place, part in parts.items()}
    for place in sorted(dropped.keys() | told.keys()):
        if dropped.get(place) != told.get(place, 0):
            yield f"{place}: {dropped.get(place)} dropped, {told.get(place, 0)} told"


def records(parts, file, start, frozen, thawed):
    told = collections.Counter()
    with open(file, encoding="utf-8") as lines:
        for loss in map(json.loads, (line for line in lines if '"event":"loss"' in line)):
            told[loss["sensor"], loss["interface"]] += loss["count"]
            begin, end = nanoseconds(loss["from_time"]), nanoseconds(loss["to_time"])
            if loss["loss"] != "packets_kernel":
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
        sums = [sum(part["offered"] for part in mine.values()), sum(part["metered"] for part in mine.values()),
                sum(part["by"].get("kernel", 0) for part in mine.values())]
        text = [f"{value:,}" for value in sums]
        if not any(row[:2] == [sensor, "connected"] and row[4:7] == text for row in rows):
            yield f"{sensor}: no row with {text}"
        for name, part in mine.items():
            dropped = f"{part['by'].get('kernel', 0):,}"
            text = [sensor, name, part["link_type"], f"{part['offered']:,}", f"{part['metered']:,}", dropped, "kernel", dropped]
            if text not in [row[:5] + row[-3:] for row in rows]:
                yield f"{sensor}: no row with {text}"


def answer(parts, file):
    told = collections.Counter()
    with open(file, encoding="utf-8") as lines:
        for gap in (gap for row in map(json.loads, lines) for gap in row.get("coverage", {}).get("gaps", [])):
            name = re.fullmatch(r"packets in the kernel's capture buffer on (\w+): the kernel's capture buffer was full",
                                gap["reason"])
            if gap["gap"] == "limit":
                continue  # more rows than were asked for
            if gap["gap"] != "loss" or gap["unit"] != "packets" or name is None:
                yield f"another gap: {gap}"
            else:
                told[gap["sensor"], name[1]] += gap["at_most"]
    yield from compare(parts, told)


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
