# SPDX-License-Identifier: Apache-2.0
"""The one door to all benchmarks: Pavo beside the meters that Debian has, in the same run, on the same input.

  tests/bench/run [--json | --markdown] [--runs N] [--scale X] [--input KIND]... [NAME...]

Every program is pinned to one core and takes its input from memory; what is told is the median of N runs, taken in
turns. A ratio is this line's value over that of the subject it names.

--json prints one object a line (bench, subject, value, unit, ratio_to, ratio); --markdown prints tables and puts them
into docs/benchmarks.md, between the marks of each benchmark that was run. --scale 0.1 takes a tenth of the packets and
of the seconds: for trying it out, not for telling others.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import answers
import doors
import journal
import live
import path
import size
import sustain
from harness import INPUTS, Run
from subjects import subjects

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = os.path.join(HERE, "../../docs/benchmarks.md")

NOISE = 0.10  # share of its time a pinned program may wait for others before a note says so


def median(measured, what):
    return statistics.median(getattr(one, what) for one in measured)


def meter_counts(run, name, subject, capture, contents, output):
    """What it says it counted, as a row; and a note where that is not what the capture has."""
    try:
        counts = subject.counted(output, run.scratch)
    except (TypeError, ValueError, LookupError):
        counts = None
    if counts is None and hasattr(subject, "recount"):
        counts = subject.recount(capture, run.scratch)
    counts = counts or {}
    if "packets" not in counts:
        run.note(f"{name}: {subject.name} does not say how many packets it counted")
    elif counts["packets"] != contents["packets"]:
        run.note(f"{name}: {subject.name} counted {counts['packets']:,} of {contents['packets']:,} packets")
    if "records" in counts:
        run.row(name, subject.name, counts["records"], "records", ("flows in the capture", contents["flows"]))


def meter_one(run, kind):
    name = f"meter/{kind}"
    run.say(f"{name}: making {INPUTS[kind] * run.arguments.scale:,.0f} packets")
    capture, contents = run.capture(kind)
    everyone = subjects(run.build)
    taken = {subject.name: [] for subject in everyone}
    for turn in range(run.arguments.runs):
        for subject in everyone:
            run.say(f"{name}: {subject.name}, {turn + 1} of {run.arguments.runs}")
            taken[subject.name].append(run.measure(subject.command(capture, run.scratch)))
    rates = {who: contents["packets"] / median(runs, "wall") / 1e6 for who, runs in taken.items()}

    base, pavo = everyone[0].name, "pavo-sensor"
    run.row(name, base, rates[base], "Mpacket/s")
    debian = [subject.name for subject in everyone if subject.debian and subject.whole]
    references = [base, max(debian, key=rates.get)] + [who for who in ("yaf", "ipfixprobe") if who in rates]
    for reference in references:
        run.row(name, pavo, rates[pavo], "Mpacket/s", (reference, rates[reference]))
    for subject in everyone[2:]:
        run.row(name, subject.name, rates[subject.name], "Mpacket/s", (pavo, rates[pavo]))
    for subject in everyone:
        runs = taken[subject.name]
        run.row(name, subject.name, median(runs, "rss") / 2**20, "MiB peak")
        waited = 1 - median(runs, "cpu") / median(runs, "wall")
        if waited > NOISE:
            run.note(f"{name}: {subject.name} had no processor for {waited:.0%} of its time: input, output, or other work "
                     "on this machine")
        if subject is not everyone[0]:
            meter_counts(run, name, subject, capture, contents, runs[-1].output)
    os.unlink(capture)


def bench_meter(run):
    """Packets a second from a file in the page cache, one core: decoded, metered, records made."""
    for kind in run.arguments.input or INPUTS:
        meter_one(run, kind)


def bench_memory(run):
    """Packets a second of decode and meter alone, packets already in memory, one core; in four steps."""
    for kind in run.arguments.input or INPUTS:
        run.say(f"memory/{kind}")
        capture, _ = run.capture(kind)
        first = None
        for step in ("decode", "meter", "rows", "encode"):
            command = [run.tool("bench_meter"), step, capture, str(run.arguments.runs)]
            report = json.loads(run.measure(command).output)
            rate = report["packets"] / statistics.median(report["seconds"]) / 1e6
            run.row(f"memory/{kind}", step, rate, "Mpacket/s", first)
            first = first or (step, rate)
            if report["metered"] != report["packets"]:
                run.note(f"memory/{kind}: {report['packets'] - report['metered']:,} packets did not decode")
            if step == "encode":
                run.row(f"memory/{kind}", step, report["message_bytes"] / max(1, report["records"]), "byte/record")
        os.unlink(capture)


BENCHES = {
    "meter": bench_meter,
    "memory": bench_memory,
    "journal": journal.bench_journal,
    "path": path.bench_path,
    "sustain": sustain.bench_sustain,
    "answers": answers.bench_answers,
    "size": size.bench_size,
    "doors": doors.bench_doors,
    "live": live.bench_live,
    "idle": live.bench_idle,
}


def number(value):
    if value == 0 or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f}"


def table(rows):
    head = ("bench", "subject", "value", "unit", "ratio", "to")
    body = [(r.bench, r.subject, number(r.value), r.unit, number(r.ratio) if r.ratio else "", r.ratio_to or "") for r in rows]
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    for line in (head, *body):
        print("  ".join(cell.rjust(width) if i in (2, 4) else cell.ljust(width)
                        for i, (cell, width) in enumerate(zip(line, widths))).rstrip())


def markdown_table(rows):
    """One benchmark, a line a subject, a column a unit; ratios in words beside them."""
    units = list(dict.fromkeys(row.unit for row in rows))
    lines = ["| | " + " | ".join(units) + " | ratios |", "|---|" + "---:|" * len(units) + "---|"]
    for subject in dict.fromkeys(row.subject for row in rows):
        own = [row for row in rows if row.subject == subject]
        values = {row.unit: number(row.value) for row in own}
        ratios = ", ".join(f"{number(row.ratio)} × {row.ratio_to}" for row in own if row.ratio)
        lines.append(f"| {subject} | " + " | ".join(values.get(unit, "") for unit in units) + f" | {ratios} |")
    return lines


def markdown(run, bench):
    """The tables of one entry of BENCHES."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")
    arguments = run.arguments
    scale = f", at {arguments.scale:g} of the size" if arguments.scale != 1 else ""
    lines = [f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({model}), Linux {os.uname().release}, "
             f"median of {arguments.runs} runs{scale}.", ""]
    names = [name for name in dict.fromkeys(row.bench for row in run.rows) if name.split("/")[0] == bench]
    for name in names:
        lines += [f"**{name}**", "", *markdown_table([row for row in run.rows if row.bench == name]), ""]
    notes = [note for note in run.notes if note.split("/")[0].split(":")[0] == bench]
    return "\n".join(lines + [f"- {note}" for note in notes]).rstrip() + "\n"


def refresh(tables):
    """Puts the tables between the marks that docs/benchmarks.md has for them."""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    for bench, lines in tables.items():
        begin, end = f"<!-- tests/bench/run {bench} -->", f"<!-- end {bench} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text, found = pattern.subn(lambda _: f"{begin}\n{lines}{end}", text)
        if found != 1:
            raise RuntimeError(f"docs/benchmarks.md has no single pair of marks for {bench}")
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    names = "\n".join(f"  {name:8}{function.__doc__.splitlines()[0]}" for name, function in BENCHES.items())
    parser = argparse.ArgumentParser(prog="tests/bench/run", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__, epilog=f"NAMES (all when none is given):\n{names}")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--input", action="append", choices=INPUTS, help="of meter and memory, this input alone")
    parser.add_argument("name", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    if arguments.markdown and arguments.input:
        parser.error("--markdown renews whole tables: not with --input")
    for name in arguments.name:
        if name not in BENCHES:
            parser.error(f"no benchmark {name}; there are: {', '.join(BENCHES)}")

    # In memory where there is room for the captures and what peers make of them.
    shared = "/dev/shm" if os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > 6 << 30 else None
    with tempfile.TemporaryDirectory(prefix="pavo-bench.", dir=shared) as scratch:
        run = Run(arguments, scratch)
        chosen = [name for name in BENCHES if name in (arguments.name or BENCHES)]
        for name in chosen:
            BENCHES[name](run)
    if arguments.markdown:
        tables = {name: markdown(run, name) for name in chosen}
        print("\n".join(tables.values()))
        refresh(tables)
    elif not arguments.json:
        table(run.rows)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, RuntimeError) as error:
        sys.exit(f"tests/bench/run: {error}")
