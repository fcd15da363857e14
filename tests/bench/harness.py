# SPDX-License-Identifier: Apache-2.0
"""What every benchmark needs: the programs, a scratch folder, cores, and rows to fill."""

import collections
import json
import os
import subprocess
import sys

Row = collections.namedtuple("Row", "bench subject value unit ratio_to ratio")
Measured = collections.namedtuple("Measured", "wall cpu rss output")

# Synthetic captures (gen_capture.c says what is in them) and how many packets.
INPUTS = {"few": 5_000_000, "mix": 5_000_000, "mild": 10_000_000, "flood": 3_000_000}

LONGEST_RUN_S = 1800


class Run:
    """One call of tests/bench/run."""

    def __init__(self, arguments, scratch):
        self.arguments = arguments
        self.scratch = scratch
        self.build = os.environ["PAVO_BENCH_BUILD"]
        cores = sorted(os.sched_getaffinity(0))
        self.subject_core, self.other_core = cores[-1], cores[0]
        self.rows = []
        self.notes = []

    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def note(self, text):
        """What a reader of the figures has to know."""
        self.say(f"NOTE: {text}")
        self.notes.append(text)

    def program(self, *names):
        return os.path.join(self.build, *names)

    def tool(self, name):
        return self.program("tests", "bench", name)

    def path(self, *names):
        return os.path.join(self.scratch, *names)

    def capture(self, kind, scale=None):
        """Makes a capture of this kind. It lies in the page cache, having just been written; the caller removes it."""
        packets = max(1000, int(INPUTS[kind] * (scale or self.arguments.scale)))
        name = self.path(f"{kind}.pcap")
        made = subprocess.run([self.tool("gen_capture"), kind, str(packets), name], check=True, stdout=subprocess.PIPE)
        return name, json.loads(made.stdout)

    def measure(self, command, cores=None, longest=LONGEST_RUN_S):
        """Runs it once on one core (or those given): wall-clock and processor seconds, peak memory, output."""
        result = self.path("measured")
        cores = ",".join(str(core) for core in cores or [self.subject_core])
        done = subprocess.run([self.tool("measure"), result, cores, *command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=longest)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout[-2000:]}")
        with open(result, encoding="ascii") as file:
            usage = json.load(file)
        return Measured(usage["wall"], usage["user"] + usage["system"], usage["rss"], done.stdout)

    def row(self, bench, subject, value, unit, reference=None):
        """`reference`: (name, value) the ratio is to."""
        name, base = reference or (None, None)
        row = Row(bench, subject, value, unit, name, value / base if base else None)
        self.rows.append(row)
        if self.arguments.json:
            print(json.dumps(row._asdict()), flush=True)
