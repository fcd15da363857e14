# SPDX-License-Identifier: Apache-2.0
"""Records without end: a capture again and again, each time by a new sensor process, at so many records a second."""

import os
import time

import path

SECONDS = 600
RATES = (150_000, 100_000)
LOOK_S = 5.0


def sustained(run, capture, rate):
    """As many captures as make `rate`, each begun when its turn has come; late where the one before is not acknowledged."""
    name, seconds = f"sustain/{rate // 1000}k", SECONDS * run.arguments.scale
    both = sorted({run.subject_core, run.other_core})
    run.say(f"{name}: {seconds:.0f} s")
    with path.aggregator(run, run.build, cores=both) as one:
        sensor = [run.program("sensor", "pavo-sensor"), "-r", capture, "--key", one.sensor_key, "--aggregator", one.address]
        run.measure(sensor, both)
        each = one.committed()[0]
        before, _ = path.usage(one.process.pid)
        start, lates, hot, sensor_cpu, sensor_rss, turn = time.monotonic(), [], [], 0.0, 0, 0
        looked = start
        while (due := start + turn * each / rate) < start + seconds:
            lates.append(max(0.0, time.monotonic() - due))
            time.sleep(max(0.0, due - time.monotonic()))
            done = run.measure(sensor, both, path.LONGEST_S)
            sensor_cpu, sensor_rss, turn = sensor_cpu + done.cpu, max(sensor_rss, done.rss), turn + 1
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                hot.append(one.hot()["records"])
        took = time.monotonic() - start
        cpu, rss = path.usage(one.process.pid)
        records = turn * each  # each sensor ended when all of its own was acknowledged
        parts = one.store()
        asked = time.monotonic()
        one.stop()
        stopped = time.monotonic() - asked
    run.row(name, "taken", records / took / 1e3, "krecord/s", ("wanted", rate / 1e3))
    run.row(name, "taken", records, "records")
    run.row(name, "longest behind its turn", max(lates), "s")
    run.row(name, "behind at the end", lates[-1], "s")
    half = len(hot) // 2
    run.row(name, "not sealed, most in the second half", max(hot[half:]) / 1e3, "krecord", ("the first", max(hot[:half]) / 1e3))
    run.row(name, "pavo-aggregator", (cpu - before) / records * 1e6, "us of processor a record")
    run.row(name, "pavo-aggregator", rss / 2**20, "MiB peak")
    run.row(name, "pavo-sensor", sensor_cpu / records * 1e6, "us of processor a record")
    run.row(name, "pavo-sensor", sensor_rss / 2**20, "MiB peak")
    run.row(name, "SIGTERM to end", stopped, "s")
    levels = ", ".join(f"level {row['level']}: {row['files']} with {row['records']:,} in {row['bytes'] / 2**20:,.0f} MiB"
                       for row in parts if row["part"] == "segments" and row.get("kind") == "flow")
    state = next(row["state"] for row in parts if row["part"] == "hot")
    run.note(f"{name}: segments of flows at the end: {levels}; {state}")


def bench_sustain(run):
    """Records a second kept up for ten minutes with sealing and merging on two cores: what waits at the end, memory, time to stop."""
    capture, _ = run.capture("mix", 1)
    for rate in RATES:
        sustained(run, capture, rate)
    os.unlink(capture)
