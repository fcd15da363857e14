#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the aggregator's journal, after it has ended, by what frame.h says of it and with other people's zlib and protobuf,
and asserts what must hold in it.

  store.py DATA-FOLDER        prints one JSON object with the sums, or exits 1 with what does not hold

  - a batch name (sensor, epoch, sequence) is there once                              (invariant 3)
  - a record (sensor, epoch, flow, report) is there once
  - every batch has as many records and packets as its frame says
  - two verdicts never link one view at one boundary, but for those that a later one replaced, and the weights of a
    verdict's terms add up to its odds                                                (invariant 8)

PAVO_BUILD is the build with the module `pavo` in it. What is kept of the journal must be all of it (keep-batches).
"""

import collections
import glob
import json
import os
import struct
import sys
import zlib

sys.path.insert(0, os.path.join(os.environ["PAVO_BUILD"], "common/libpavo/python"))
from pavo import pavo_pb2  # noqa: E402  (its place is known only now)

PAGE, HEAD = 4096, 256
KINDS = {"flows": 0, "verdicts": 1, "bindings": 2, "losses": 3, "statuses": 4, "alerts": 5}
COUNTED = ("flows", "verdicts", "bindings", "alerts")
LINKED = (1, 2, 5)  # translated, forwarded, proxied: verdict_table.h

Entry = collections.namedtuple("Entry", "sensor epoch sequence packets rows batch")


def frames(path):
    """(after, position, Entry) of every batch in a file, in order."""
    with open(path, "rb") as file:
        content = file.read()
    at = PAGE
    while content[at:at + 8] == b"PAVOfram":
        head = content[at:at + HEAD]
        kind, = struct.unpack_from("<I", head, 16)
        after, = struct.unpack_from("<Q", head, 40)
        length, = struct.unpack_from("<Q", head, 64)
        body = content[at + HEAD:at + HEAD + length]
        if kind == 1:
            position, epoch, sequence = struct.unpack_from("<3Q", head, 80)
            packets, = struct.unpack_from("<Q", head, 128)
            rows = struct.unpack_from("<10I", head, 136)
            sensor = head[180:244].split(b"\0")[0].decode()
            batch = pavo_pb2.Batch.FromString(zlib.decompress(body))
            yield after, position, Entry(sensor, epoch, sequence, packets, rows, batch)
        at += HEAD + (length + 7) // 8 * 8


def entries(folder):
    """By position; what a later file says is not in an earlier one is void there."""
    found = {}
    files = sorted(glob.glob(f"{folder}/journal/*.log"))
    for path in files:
        for after, position, entry in frames(path):
            for void in [p for p in found if p > after and p >= position]:
                del found[void]
            found[position] = entry
    return files, [found[position] for position in sorted(found)]


def column(columns, name):
    values = getattr(columns, name)
    return values if len(values) > 0 else [0] * columns.rows


def named(columns, observer, number):
    """(sensor, epoch, number) of each row."""
    return [(columns.observers[o].sensor, columns.observers[o].epoch, n)
            for o, n in zip(column(columns, observer), column(columns, number))]


def repeated(names):
    return [name for name, count in collections.Counter(names).items() if count > 1]


def wrong_sums(all_entries):
    for e in all_entries:
        flows = e.batch.flows
        packets = sum(flows.src_packets) + sum(flows.dst_packets)
        rows = {kind: getattr(e.batch, kind).rows for kind in KINDS}
        if packets != e.packets or any(rows[kind] != e.rows[at] for kind, at in KINDS.items()):
            yield e.sensor, e.epoch, e.sequence, e.packets, packets, e.rows, rows


def verdicts(all_entries):
    """The last revision of each: (boundary, view, partner or None, odds, weights)."""
    last = {}
    for e in all_entries:
        v = e.batch.verdicts
        at = 0
        weights = column(v, "term_weight") if sum(v.terms) else []
        views, partners = named(v, "observer", "flow"), named(v, "partner_observer", "partner_flow")
        for row in range(v.rows):
            terms = column(v, "terms")[row]
            linked = column(v, "verdict")[row] in LINKED
            last[(v.boundary[row] if v.boundary else "", views[row])] = (
                partners[row] if linked else None, column(v, "odds")[row], sum(weights[at:at + terms]))
            at += terms
    return last


def main():
    files, all_entries = entries(sys.argv[1])
    if not files:
        sys.exit(f"no journal in {sys.argv[1]}")
    last = verdicts(all_entries)
    links = {key: value for key, value in last.items() if value[0] is not None}
    claims = [key for key in links] + [(boundary, value[0]) for (boundary, _), value in links.items()]
    broken = {
        "a batch name is there more than once": repeated((e.sensor, e.epoch, e.sequence) for e in all_entries if e.sensor),
        "a record is there more than once": repeated(
            name + (report,) for e in all_entries
            for name, report in zip(named(e.batch.flows, "observer", "flow"), column(e.batch.flows, "report"))),
        "a batch does not have the records and packets its frame says": list(wrong_sums(all_entries)),
        "a view is claimed by two links of one boundary": repeated(claims),
        "a verdict's odds are not the sum of its terms' weights": [key for key, value in links.items()
                                                                   if value[1] != value[2]],
    }
    for what, rows in broken.items():
        if rows:
            print(f"{what}: {len(rows)} times, as {rows[:5]}")
    sums = collections.defaultdict(lambda: {"batches": 0, "records": 0, "packets": 0})
    for e in all_entries:
        if e.sensor:
            sums[e.sensor]["batches"] += 1
            sums[e.sensor]["records"] += sum(e.rows[KINDS[kind]] for kind in COUNTED)
            sums[e.sensor]["packets"] += e.packets
    print(json.dumps({"sensors": sums, "links": len(links), "files": len(files)}))
    return any(broken.values())


if __name__ == "__main__":
    sys.exit(main())
