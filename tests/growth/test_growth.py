#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does a field, or a question, need no other place than the design says? In a copy of the sources the patches beside
this file add a field to a flow, a verdict and a status, and a question with one parameter. Each may touch what
docs/design.md names and nothing else; then the copy is built, and the new things must be there everywhere: on the wire,
in the store, in filters, JSON, CSV, libpavo, Python, help.

  test_growth.py SOURCE DUCKDB-FOLDER
"""

import csv
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE, DUCKDB = pathlib.Path(sys.argv[1]), sys.argv[2]
PATIENCE = 60  # seconds; bound of every wait
PARTS = ("meson.build", "meson_options.txt", "sensor", "aggregator", "proto", "common", "deploy", "docs")

sys.path.insert(0, str(SOURCE / "tests" / "lab"))
from conversation import capture, conversation, free_ports

# What each patch may touch: the table, the contract, and the place that sets it; or a file of its own and two rows.
MAY = {
    "flow": {"common/records/flow_table.h", "proto/pavo.proto", "sensor/meter/record.c"},
    "verdict": {"common/records/verdict_table.h", "proto/pavo.proto", "aggregator/correlate/correlate.c"},
    "status": {"common/records/status_table.h", "proto/pavo.proto", "sensor/status.c"},
    "question": {"aggregator/answer/lives_of.c", "aggregator/answer/questions.c", "aggregator/meson.build"},
}


class Growth(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="pavo-test-growth-")
        cls.folder = pathlib.Path(cls.holder.name)
        cls.processes = []
        cls.addClassCleanup(cls.holder.cleanup)
        cls.addClassCleanup(cls.end)
        cls.copy_and_build()
        cls.start()

    @classmethod
    def copy_and_build(cls):
        copy = cls.folder / "source"
        copy.mkdir()
        for part in PARTS:
            if (SOURCE / part).is_dir():
                shutil.copytree(SOURCE / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(SOURCE / part, copy / part)
        for name in MAY:
            subprocess.run(["patch", "-p1", "--no-backup-if-mismatch", "-i", str(SOURCE / "tests" / "growth" / f"{name}.patch")],
                           cwd=copy, check=True, stdout=subprocess.DEVNULL)
        cls.build = cls.folder / "build"
        for command in (["meson", "setup", cls.build, copy, f"-Dduckdb={DUCKDB}", "-Doptimization=0", "-Ddebug=false"],
                        ["ninja", "-C", cls.build]):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"{command[0]}:\n" + "\n".join(done.stdout.splitlines()[-30:]))

    @classmethod
    def start(cls):
        cls.pavo = str(cls.build / "aggregator" / "cli" / "pavo")
        cls.environment = {name: value for name, value in os.environ.items() if not name.startswith("PAVO_")}
        port = free_ports()
        cls.key, cls.at = str(cls.folder / "analyst.key"), f"127.0.0.1:{port}"
        keys = str(cls.folder / "keys")
        subprocess.run([cls.pavo, "keys", "make", "--dir", keys], check=True, stdout=subprocess.DEVNULL)
        for role, name in (("sensor", "inner"), ("sensor", "outer"), ("reader", "analyst")):
            subprocess.run([cls.pavo, "keys", "enrol", role, name, "--dir", keys, "--output", str(cls.folder / f"{name}.key")],
                           check=True, stdout=subprocess.DEVNULL)
        (cls.folder / "configuration").write_text("[boundary nat]\ninside = inner\noutside = outer\n")
        doors = [word for n, door in enumerate(("intake", "publish", "answer"))
                 for word in (f"--{door}", f"127.0.0.1:{port + n}")]
        cls.processes.append(subprocess.Popen(
            [cls.build / "aggregator" / "pavo-aggregator", "--config", cls.folder / "configuration", "--keys", keys,
             "--data", cls.folder / "data", *doors], stderr=subprocess.DEVNULL))
        capture(cls.folder / "inner.pcap", conversation("10.0.1.17", 51544, 40000, 0))
        capture(cls.folder / "outer.pcap", conversation("203.0.113.5", 40312, 40313, 0.0003))
        for name in ("inner", "outer"):
            subprocess.run([cls.build / "sensor" / "pavo-sensor", "-r", cls.folder / f"{name}.pcap", "--key",
                            cls.folder / f"{name}.key", "--aggregator", cls.at, "--user", "root"],
                           check=True, timeout=PATIENCE, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while len(cls.rows("links")) < 1:
            if time.monotonic() > until:
                raise RuntimeError("no link")
            time.sleep(0.2)

    @classmethod
    def end(cls):
        for process in cls.processes:
            process.send_signal(signal.SIGTERM)
        for process in cls.processes:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @classmethod
    def ask(cls, *arguments):
        return subprocess.run([cls.pavo, "--aggregator", cls.at, "--key", cls.key, *arguments], stdout=subprocess.PIPE,
                              text=True, timeout=PATIENCE, env=cls.environment).stdout

    @classmethod
    def rows(cls, *arguments):
        objects = [json.loads(line) for line in cls.ask(*arguments, "--json").splitlines()]
        return [row for row in objects if "coverage" not in row]

    def python(self, program):
        """What a Python program prints that has the module and `aggregator`."""
        text = f"import pavo\nwith pavo.Aggregator({self.at!r}, key_file={self.key!r}) as aggregator:\n"
        text += "".join(f"    {line}\n" for line in program.splitlines())
        done = subprocess.run([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, timeout=PATIENCE,
                              env=self.environment | {"PYTHONPATH": str(self.build / "common" / "libpavo" / "python")})
        return done.stdout.split()

    def test_patches_touch_the_table_the_contract_and_what_sets_it(self):
        for name, may in MAY.items():
            text = (SOURCE / "tests" / "growth" / f"{name}.patch").read_text()
            self.assertEqual(set(re.findall(r"^\+\+\+ b/(\S+)$", text, re.M)), may, name)

    def test_a_field_of_a_flow_is_everywhere(self):
        flows = self.rows("find", "tcp and sensor inner")
        self.assertEqual([flow["headers"] for flow in flows], [8 * 40])  # eight packets of 20 + 20
        self.assertEqual(len(self.rows("flows", "headers > 319 and headers < 321")), 2)
        self.assertEqual(self.rows("find", "headers > 320 and tcp"), [])
        table = list(csv.DictReader(self.ask("find", "tcp and sensor inner", "--csv").splitlines()))
        self.assertEqual([row["headers"] for row in table], ["320"])
        events = self.rows("watch", "--from-start", "--limit", "1", "tcp and sensor inner")
        self.assertEqual([event["headers"] for event in events], [320])  # libpavo, out of a published message
        self.assertIn("headers", self.ask("kinds", "flow"))
        self.assertEqual(self.python("print(*(row.headers for row in aggregator.ask('flows', filter='headers = 320')))"),
                         ["320", "320"])
        self.assertEqual(self.python("for event in aggregator.subscribe('flow', start='oldest'):\n"
                                     "    if event.protocol == 6:\n"
                                     "        print(event.headers)\n"
                                     "        break"), ["320"])

    def test_a_field_of_a_verdict_is_everywhere(self):
        payload = len(b"GET / HTTP/1.0\r\n\r\n") + len(b"HTTP/1.0 200 OK\r\n\r\nhello")
        self.assertEqual([row["payload"] for row in self.rows("verdicts", "proto tcp and verdict translated")], [payload])
        self.assertEqual(len(self.rows("verdicts", f"payload = {payload}")), 1)
        self.assertEqual([row["payload"] for row in self.rows("links", "tcp")], [payload])
        self.assertEqual([event["payload"] for event in
                          self.rows("watch", "--topic", "verdict", "--from-start", "--limit", "1", "proto tcp")], [payload])

    def test_a_field_of_a_status_is_everywhere(self):
        statuses = self.rows("statuses", "last and clock_steps = 0")
        self.assertEqual({row["sensor"]: row["clock_steps"] for row in statuses}, {"inner": 0, "outer": 0})
        self.assertEqual(self.rows("statuses", "clock_steps > 0"), [])

    def test_a_question_is_asked_like_any_other(self):
        lives = self.rows("lives")
        self.assertEqual(sorted(row["sensor"] for row in lives), ["inner", "outer"])
        self.assertEqual([row["sensor"] for row in self.rows("lives", "outer")], ["outer"])
        self.assertIn("SENSOR", self.ask("lives").splitlines()[0])
        self.assertIn("of this one only", self.ask("lives", "--help"))
        self.assertIn("lives", self.ask("questions"))
        self.assertEqual(self.python("answer = aggregator.ask('lives', sensor='inner')\n"
                                     "print(*(row.sensor for row in answer), answer.command)"),
                         ["inner", "pavo", "lives", "inner"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
