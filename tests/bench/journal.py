# SPDX-License-Identifier: Apache-2.0
"""A commit of the journal beside a bare write and fdatasync of the same bytes: alone, and on a disk where an aggregator
takes records, seals and merges them, replays them and answers."""

import contextlib
import json
import os
import subprocess
import tempfile
import threading

import path

SEAL_ROWS = "100000"  # often


def measured(run, name, size, commits):
    run.say(f"{name}: {commits:,} commits of each")
    with tempfile.TemporaryDirectory(prefix="journal.", dir=run.build) as folder:
        command = [run.tool("bench_journal"), "--bytes", str(size * 1024), "--commits", str(commits), folder]
        report = json.loads(run.measure(command).output)
    for point in ("p50", "p99", "max"):
        bare, journal = report[point]["bare"] * 1e3, report[point]["journal"] * 1e3
        run.row(name, f"bare {point}", bare, "ms")
        run.row(name, f"journal {point}", journal, "ms", (f"bare {point}", bare))


class Loop:
    """A command again and again, until it is told to end."""

    def __init__(self, *command):
        self.command, self.count, self.process, self.over = command, 0, None, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.process.wait()
            self.count += 1

    def end(self):
        self.over.set()
        self.process.kill()
        self.thread.join()


@contextlib.contextmanager
def busy_disk(run, capture):
    """An aggregator with all its work on the disk of the build, at half a core."""
    with path.aggregator(run, run.build, "--seal-rows", SEAL_ROWS) as one:
        reader = [one.pavo, "--aggregator", one.address, "--key", one.reader_key]
        sensor = [run.program("sensor", "pavo-sensor"), "-r", capture, "--key", one.sensor_key, "--aggregator", one.address]
        run.measure(sensor)
        loops = [Loop("nice", *sensor), Loop("nice", *reader, "find", "--json", "--limit", "100000"),
                 Loop("nice", *reader, "watch", "--from-start", "--json", "--limit", "100000")]
        try:
            yield one
        finally:
            for loop in loops:
                loop.end()
            run.note("journal, busy: meanwhile " + ", ".join(
                f"{loop.count} times {what}" for loop, what in zip(loops, ("a capture", "find", "a replay"))) +
                f"; the store then: {one.hot()['state']}")


def bench_journal(run):
    """A commit of the journal beside a bare write and fdatasync of the same bytes, in turns on the disk of the build; alone,
    and beside an aggregator on that disk that takes records, seals, merges, replays and answers."""
    commits = max(100, int(10_000 * run.arguments.scale))
    for size in (64, 472):
        measured(run, f"journal/{size}k", size, commits)
    capture, _ = run.capture("mix")
    with busy_disk(run, capture):
        measured(run, "journal/64k, busy", 64, commits)
    os.unlink(capture)
