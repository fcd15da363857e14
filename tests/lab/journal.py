# SPDX-License-Identifier: Apache-2.0
"""What the aggregator's journal says was committed, read by somebody else: aggregator/journal/frame.h has the format.

Only heads are read. A set counts once its END frame is there; what stands in a file behind the position after which a
younger file says that the stream goes on is void.
"""

import os
import struct
from typing import NamedTuple

PAGE, HEAD, MAGIC = 4096, 256, b"PAVOfram"
BATCH, END = 1, 2
KINDS = ("flow", "verdict", "binding", "loss", "status", "alert")
FIXED = struct.Struct("<8sQII" + "7Q" + "3Q" + "3qQ" + "10II")  # up to the sensor's name


class Batch(NamedTuple):
    """A committed batch, and where its frame is."""

    position: int
    sensor: str
    epoch: int
    sequence: int
    rows: dict  # by kind
    file: str
    offset: int
    length: int  # of the body
    set_end: int  # where its set's END frame begins


class Journal:
    """All that was ever committed, gathered by looking now and then; files may be dropped in between."""

    def __init__(self, data):
        self.folder = os.path.join(data, "journal")
        self.batches = {}  # by position
        self.places = {}  # file: where to read on
        self.begins = {}  # file: its stream goes on behind this position

    def files(self):
        try:
            return sorted(name for name in os.listdir(self.folder) if name.endswith(".log"))
        except FileNotFoundError:
            return []

    def look(self):
        for name in self.files():
            try:
                with open(os.path.join(self.folder, name), "rb") as file:
                    self._read(name, file)
            except FileNotFoundError:
                continue  # dropped meanwhile

    def _read(self, name, file):
        at, found = self.places.get(name, PAGE), []
        while True:
            file.seek(at)
            head = file.read(HEAD)
            if len(head) < HEAD or head[:8] != MAGIC:
                return
            f = FIXED.unpack_from(head)
            kind, after, length = f[2], f[6], f[9]
            if name not in self.begins:
                self.begins[name] = after
                for position in [p for p, b in self.batches.items() if p > after and b.file < name]:
                    del self.batches[position]
            if kind == BATCH:
                sensor = head[FIXED.size:].split(b"\0", 1)[0].decode()
                rows = dict(zip(KINDS, f[18:24]))
                found.append(Batch(f[11], sensor, f[12], f[13], rows, name, at, length, 0))
            else:
                for batch in found:
                    self.batches[batch.position] = batch._replace(set_end=at)
                found = []
                self.places[name] = at + HEAD + (length + 7 & ~7)
            at += HEAD + (length + 7 & ~7)

    def sums(self):
        """{(sensor, epoch): {kind: rows}}, and names that are there twice."""
        sums, names, twice = {}, set(), []
        for batch in self.batches.values():
            if not batch.sensor:
                continue  # the aggregator's own
            name = (batch.sensor, batch.epoch, batch.sequence)
            if name in names:
                twice.append(name)
            names.add(name)
            life = sums.setdefault(name[:2], dict.fromkeys(KINDS, 0))
            for kind, rows in batch.rows.items():
                life[kind] += rows
        return sums, twice
