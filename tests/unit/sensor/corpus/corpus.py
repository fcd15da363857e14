# SPDX-License-Identifier: Apache-2.0
"""The corpus of real captures, and pavo-sensor run on one of them.

The corpus is no part of the project: PAVO_CORPUS names it, or it lies beside the checkout. Without it tests skip.
"""

import concurrent.futures
import csv
import gzip
import json
import os
import subprocess
import sys

SKIPPED = 77  # meson's exit status for it
WORKERS = 2
LONGEST_RUN_S = 120


def folder():
    source = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../../.."))
    name = os.environ.get("PAVO_CORPUS") or os.path.join(source, "../shared/corpus")
    if not os.path.exists(os.path.join(name, "MANIFEST.tsv")):
        print("SKIPPED: the corpus of real captures is not here (PAVO_CORPUS)")
        sys.exit(SKIPPED)
    return name


def captures(root):
    """The manifest's rows of capture files."""
    with open(os.path.join(root, "MANIFEST.tsv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row for row in rows if row["kind"] in ("pcap", "pcapng")]


class Metered:
    """What pavo-sensor makes of a capture."""

    def __init__(self, status, output, errors):
        objects = [json.loads(line) for line in output.splitlines()]
        self.status = status
        self.errors = errors
        self.records = [one for one in objects if "packets_offered" not in one]
        self.totals = next((one for one in objects if "packets_offered" in one), None)

    def outcomes(self):
        """Packets by what became of them; none that are 0."""
        metered = self.totals["packets_metered"]
        return {**self.totals["dropped"], **({"metered": metered} if metered else {})}

    def by_protocol(self):
        """{protocol: [packets, IP bytes]} in the records; ARP, which has none, is 0."""
        sums = {}
        for record in self.records:
            entry = sums.setdefault(record.get("protocol", 0), [0, 0])
            entry[0] += record["src_packets"] + record["dst_packets"]
            entry[1] += record["src_bytes"] + record["dst_bytes"]
        return sums


def meter(sensor, capture, *options):
    """Runs the sensor; a gzipped capture goes in by its standard input."""
    command = [sensor, "--dry-run", "--print", "--json", *options, "-r"]
    if capture.endswith(".gz"):
        with gzip.open(capture) as file:
            done = subprocess.run([*command, "-"], input=file.read(), capture_output=True, timeout=LONGEST_RUN_S, check=False)
    else:
        done = subprocess.run([*command, capture], stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST_RUN_S,
                              check=False)
    errors = done.stderr.decode(errors="replace")
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{capture}: pavo-sensor ended with status {done.returncode}:\n{errors}")
    return Metered(done.returncode, done.stdout.decode(), errors)


def meter_all(sensor, names, *options):
    """Metered, in the order of names."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(lambda name: meter(sensor, name, *options), names)
