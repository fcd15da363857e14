# SPDX-License-Identifier: Apache-2.0
"""What a connection costs on disk: the same capture in nfdump's files and in the aggregator's segments."""

import json
import math
import os
import subprocess
import time

import path
from subjects import Nfpcapd, pavo_totals

MERGED = 12  # segments that a first merge takes
SEALED_S = 60  # for everything to be sealed and merged
BATCH_ROWS = 1000  # few, so that each sealing has nearly as many rows as it is told


class Lz4(Nfpcapd):
    """With intervals and time-outs that are nearest to the sensor's."""

    def command(self, capture, scratch):
        return [*super().command(capture, scratch), "-y", "-e", "60,15"]

    def bytes(self, scratch):
        return sum(file.stat().st_size for file in os.scandir(self.folder(scratch)) if file.name.startswith("nfcapd."))


def wait_merged(one):
    """Until no flow is hot or in a segment of level 0. Whether it came to that."""
    until = time.monotonic() + SEALED_S
    while time.monotonic() < until:
        asked = subprocess.run([one.pavo, "--aggregator", one.address, "--key", one.reader_key, "--json", "store"],
                               stdout=subprocess.PIPE, text=True, check=False, timeout=path.READY_S)
        rows = [json.loads(line) for line in asked.stdout.splitlines()]
        hot = sum(row.get("records", 0) for row in rows if row.get("part") == "hot")
        flows = [row for row in rows if row.get("part") == "segments" and row.get("kind") == "flow"]
        if flows and hot == 0 and all(row["level"] > 0 for row in flows):
            return True
        time.sleep(0.5)
    return False


def segments(run, capture, records):
    """The sizes of the segments that a capture with so many records becomes."""
    options = ["--seal-rows", str(math.ceil(records / MERGED)), "--seal-age", "10s"]
    with path.aggregator(run, None, *options) as one:
        run.measure([run.program("sensor", "pavo-sensor"), "-r", capture, "--key", one.sensor_key, "--aggregator",
                     one.address, "--batch-rows", str(BATCH_ROWS)], longest=path.LONGEST_S)
        if not wait_merged(one):
            run.note("size: not all segments were merged")
        one.stop()
        return json.loads(run.measure([run.tool("bench_size"), f"{one.folder}/data"]).output)


def bench_size(run):
    """Bytes on disk a connection: segments after merging, with and without evidence, beside nfdump's LZ4 files."""
    for kind in ("mix",):
        name = f"size/{kind}"
        capture, contents = run.capture(kind)
        run.say(name)
        flows = contents["flows"]
        peer = Lz4("nfpcapd")
        run.measure(peer.command(capture, run.scratch))
        base = peer.bytes(run.scratch) / flows
        dry = run.measure([run.program("sensor", "pavo-sensor"), "-r", capture, "--dry-run", "--json"])
        records = pavo_totals(dry.output)["records"]
        sizes = segments(run, capture, records)
        reference = ("nfdump, LZ4", base)
        run.row(name, "nfdump, LZ4", base, "byte/connection")
        for what, title in (("whole", "segments, everything"), ("without_evidence", "segments, without evidence")):
            run.row(name, title, sizes[what]["bytes"] / flows, "byte/connection", reference)
            run.row(name, title, sizes[what]["rows"] / flows, "row/connection")
        run.row(name, "their index", sizes["whole"]["index_bytes"] / flows, "byte/connection", reference)
        run.row(name, "their seals", sizes["whole"]["seal_bytes"] / flows, "byte/connection", reference)
        run.row(name, "records, as they were sent", records / flows, "row/connection")
        os.unlink(capture)
