#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""investigate on the lab's day (tests/lab/case_day.py), on loopback alone: every part of the case is found in its time, the
command of every line shows something, another host of that day and a day without the case have nothing that stands out.

  investigate.py PAVO PAVO-AGGREGATOR PAVO-SENSOR [--seeds N,N] [--transcript FILE]
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
from case_day import make  # noqa: E402
from conversation import free_ports  # noqa: E402

PATIENCE = 180
BOUNDARIES = ("nat inside=inner outside=outer window=5s", "nat2 inside=second outside=outer window=5s")
failures = 0
checks = 0


def check(what, holds, detail=""):
    global checks, failures
    checks += 1
    failures += not holds
    print(f"{'ok' if holds else 'not ok'} {checks} - {what}" + ("" if holds else f"\n# {detail}"), flush=True)


def wait(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come")
        time.sleep(0.2)


class Lab:
    """An aggregator, fed with a day's captures."""

    def __init__(self, programs, folder):
        self.pavo_program, aggregator, self.sensor = programs
        self.folder = folder
        path = lambda name: os.path.join(folder, name)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("PAVO_")}
        self.environment.update(TZ="UTC", HOME=folder)
        subprocess.run([self.pavo_program, "keys", "make", "--dir", path("keys")], check=True, stdout=subprocess.DEVNULL)
        for role, name in (("sensor", "inner"), ("sensor", "outer"), ("sensor", "second"), ("reader", "analyst")):
            subprocess.run([self.pavo_program, "keys", "enrol", role, name, "--dir", path("keys"), "--output",
                            path(name + ".key")], check=True, stdout=subprocess.DEVNULL)
        port = free_ports()
        self.at = f"127.0.0.1:{port}"
        self.log = open(path("aggregator.log"), "w+")
        self.aggregator = subprocess.Popen(
            [aggregator, "--data", path("data"), "--keys", path("keys"), "--intake", self.at, "--publish",
             f"127.0.0.1:{port + 1}", "--answer", f"127.0.0.1:{port + 2}"]
            + [word for boundary in BOUNDARIES for word in ("--boundary", boundary)],
            stderr=self.log, env=self.environment)
        wait("the aggregator", lambda: "ready" in open(path("aggregator.log")).read())

    def feed(self):
        readers = [subprocess.Popen([self.sensor, "-r", os.path.join(self.folder, name + ".pcap"), "--key",
                                     os.path.join(self.folder, name + ".key"), "--aggregator", self.at, "--user", "root"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment)
                   for name in ("inner", "outer", "second")]
        for reader in readers:
            if reader.wait(PATIENCE) != 0:
                raise AssertionError(f"a sensor ended with {reader.returncode}")
        wait("the links", lambda: all(row["waiting"] == 0 for row in self.ask("boundaries")[1]))

    def pavo(self, *words):
        done = subprocess.run([self.pavo_program, "--aggregator", self.at, "--key", os.path.join(self.folder, "analyst.key"),
                               *words], capture_output=True, text=True, timeout=PATIENCE, env=self.environment)
        return done.returncode, done.stdout, done.stderr

    def ask(self, *words):
        status, out, err = self.pavo(*words, "--json")
        if status in (2, 3):
            raise AssertionError(f"{words}: {status} {err}")
        *rows, _ = map(json.loads, out.splitlines())
        return status, rows

    def end(self):
        self.aggregator.terminate()
        status = self.aggregator.wait(PATIENCE)
        self.log.seek(0)
        said = self.log.read()
        check("the aggregator ends well", status == 0 and "Sanitizer" not in said, said[-2000:])


def seconds(row, name="time"):
    whole, part = row[name].rstrip("Z").split(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float("0." + part)


def of(rows, step, **values):
    return [row for row in rows if row["step"] == step and all(row.get(k) == v for k, v in values.items())]


def check_case(lab, truth, transcript):
    case = truth["case"]
    status, rows = lab.ask("investigate", case["host"])
    sentences = "\n# ".join(f"{row['step']} {row['score']}: {row['answer']}" for row in rows)
    has = lambda what, found, holds=lambda row: True: check(what, any(holds(row) for row in found), sentences)
    near = lambda moment, within: lambda row: abs(seconds(row) - moment) <= within
    check("seed %d: it is answered" % truth["seed"], status in (0, 4), status)
    for row in of(rows, "onset"):
        print(f"# seed {truth['seed']}: the onset is {seconds(row) - case['onset']:+.3f} s off", flush=True)
    has("the onset, within a minute", of(rows, "onset", port=22), near(case["onset"], 60))
    logins = sorted(of(rows, "login"), key=lambda row: -row["score"])
    check("the login first, and when", logins and logins[0]["peer"] == case["intruder"] and
          abs(seconds(logins[0]) - case["login"]) <= 1, sentences)
    has("after attempts", logins[:1], lambda row: "attempts that resemble each other by the same" in row["answer"])
    has("what it fetched", of(rows, "fetch", peer=case["shelf"]), near(case["fetched"], 1))
    has("what the scan got into, behind the other NAT", of(rows, "entry"),
        lambda row: case["second"] + ":22" in row["answer"] and abs(seconds(row) - case["entered"]) <= 1)
    has("the second host, by the remote addresses", of(rows, "spread", host=case["second"], sensor="second"))
    has("that it scans", of(rows, "changed", host=case["second"], port=22), near(case["change"], 60))
    has("the calls", of(rows, "callback", peer=case["caller"]))
    check("no other host scans", not [row for row in of(rows, "changed") if row["host"] != case["second"]], sentences)
    check("nothing is said to be because", "because" not in sentences.lower(), sentences)
    check("by time", [row["time"] for row in rows] == sorted(row["time"] for row in rows), sentences)
    for row in rows:
        name, *words = shlex.split(row["command"])
        _, again = lab.ask(*words)
        check(f"the command of {row['step']} shows it", name == "pavo" and bool(again) == (row["connections"] > 0),
              f"{row['command']}\n# {row['answer']}")
    status, out, err = lab.pavo("investigate", case["host"], "--around", f"@{int(case['onset'])}", "--utc")
    check("for people, around that moment", status in (0, 4) and "began to scan tcp port 22" in out, out + err)
    if transcript:
        with open(transcript, "w") as file:
            file.write(out)
    status, rows = lab.ask("investigate", case["host"], "--around", f"@{int(case['onset'] - 6 * 3600)}")
    check("around another moment there is nothing", [row["step"] for row in rows] == ["nothing"], rows)
    return [case["host"], case["second"]]


def check_documented(lab):
    """docs/case.md is what is printed of seed 1, but for how far sensors have reported."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "case.md")) as file:
        block = file.read().split("```\n")[1]
    command, _, documented = block.partition("\n")
    _, out, _ = lab.pavo(*shlex.split(command)[2:])
    printed = out[:out.rindex("\nNot seen:")]
    check("docs/case.md has what is printed", documented.rstrip() == printed.rstrip(), printed.replace("\n", "\n# "))


def check_quiet(lab, hosts, what):
    for host in hosts:
        status, rows = lab.ask("investigate", host)
        check(f"{what}: nothing stands out of {host}", status in (1, 4) and [row["step"] for row in rows] == ["nothing"],
              "\n# ".join(row["answer"] for row in rows))


def run(programs, seed, plain, transcript, every):
    with tempfile.TemporaryDirectory(prefix="pavo-case-") as folder:
        truth = make(folder, seed, plain)
        lab = Lab(programs, folder)
        try:
            lab.feed()
            busy = [] if plain else check_case(lab, truth, transcript)
            if seed == 1 and not plain:
                check_documented(lab)
            quiet = [host for host in truth["hosts"] if host not in busy]
            kept = truth["hosts"][1:3] + [truth.get("quiet", quiet[3])] + quiet[-2:]  # the monitor and the sharer among them
            check_quiet(lab, quiet if every else [host for host in dict.fromkeys(kept) if host not in busy],
                        f"seed {seed}, {'a plain day' if plain else 'beside the case'}")
        finally:
            lab.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs=3)
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--every", action="store_true", help="look at every host of the day")
    parser.add_argument("--transcript", help="write what people are told here")
    arguments = parser.parse_args()
    for seed in map(int, arguments.seeds.split(",")):
        run(arguments.programs, seed, False, arguments.transcript, arguments.every)
        run(arguments.programs, seed, True, None, arguments.every)
    print(f"1..{checks}")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
