# SPDX-License-Identifier: Apache-2.0
"""Questions to a store of thirty days: a real aggregator on its folder, and the real command asking."""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

from path import Aggregator, usage

LONGEST_S = 120
CONNECTIONS = 5_000_000  # a day: as many flows inside, and outside
DAYS, BUILT = 30, 3


def drop_caches():
    """False: this needs root."""
    try:
        os.sync()
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("3")
        return True
    except OSError:
        return False


def questions(about):
    """(what, options, arguments, whether its first row alone is waited for)"""
    return [
        ("a rare host inside", [], ["find", "host", about["rare_inside"]], False),
        ("a rare host inside, all columns", ["--json"], ["find", "host", about["rare_inside"]], False),
        ("a rare host outside", [], ["find", "host", about["rare_outside"]], False),
        ("a busy host, its first row", ["--json"], ["find", "host", about["busy"]], True),
        ("nat", [], ["nat", about["nat"], "--at", about["at"]], False),
        ("links --limit 20", [], ["links", "--limit", "20"], False),
    ]


def ask(one, options, arguments, first):
    """Wall-clock seconds, and the aggregator's of processor."""
    before, began = usage(one.process.pid)[0], time.monotonic()
    with subprocess.Popen([one.pavo, "--aggregator", one.address, "--key", one.reader_key, "--timeout", f"{LONGEST_S}s",
                           *options, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
        if first:
            asked.stdout.readline()
        else:
            said, why = asked.communicate(timeout=2 * LONGEST_S)
        wall = time.monotonic() - began
        if first:
            asked.kill()
        elif not said:
            raise RuntimeError(f"{' '.join(arguments)} has no answer: {why.decode(errors='replace')}")
    return wall, usage(one.process.pid)[0] - before


def bench_answers(run):
    """Milliseconds to answer of a store of thirty days, warm, and with nothing in the page cache."""
    connections = max(1000, int(CONNECTIONS * run.arguments.scale))
    folder = tempfile.mkdtemp(prefix="answers.", dir=run.build)  # a disk: not in memory
    one = None
    try:
        os.mkdir(f"{folder}/data")
        run.say(f"answers: making {DAYS} days of {2 * connections:,} flows, {BUILT} of them built")
        made = subprocess.run([run.tool("bench_answers"), f"{folder}/data", str(DAYS), str(BUILT), str(connections)],
                              check=True, stdout=subprocess.PIPE)
        about = json.loads(made.stdout)
        one = Aggregator(run, folder)
        one.start()
        os.sched_setaffinity(one.process.pid, os.sched_getaffinity(0))
        for what, options, arguments, first in questions(about):
            run.say(f"answers: {what}")
            taken = [ask(one, options, arguments, first) for _ in range(run.arguments.runs + 1)][1:]
            run.row("answers", what, statistics.median(wall for wall, _ in taken) * 1e3, "ms, warm")
            run.row("answers", what, statistics.median(cpu for _, cpu in taken) * 1e3, "ms of processor")
            if drop_caches():
                run.row("answers", what, ask(one, options, arguments, first)[0] * 1e3, "ms, cold")
        run.note(f"answers: {about['flows']:,} flows and {about['records'] - about['flows']:,} verdicts and bindings in "
                 f"{about['segments']} segments; {BUILT} of {DAYS} days built, the others copies and links of those")
    finally:
        if one is not None:
            one.stop()
        shutil.rmtree(folder)
