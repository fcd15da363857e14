#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pavo --store: a folder that an aggregator wrote is asked without one, whatever state it is in, and stays as it is.

  test_local.py PAVO PAVO-AGGREGATOR PAVO-SENSOR
"""

import glob
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lab"))
from conversation import capture, conversation, free_ports, tcp  # noqa: E402

PAVO, AGGREGATOR, SENSOR = sys.argv[1:4]
PATIENCE = 60  # seconds; bound of every wait


def tree(folder):
    """What is in a folder: modes, times of change and contents, by name."""
    found = {}
    for at, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(at, name)
            status = os.lstat(path)
            content = pathlib.Path(path).read_bytes() if name in files else b""
            found[path] = (status.st_mode, status.st_size, status.st_mtime_ns, hashlib.sha256(content).hexdigest())
    return found


class Local(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="pavo-test-local-")
        cls.folder = cls.holder.name
        cls.tmp = cls.path("tmp")
        os.mkdir(cls.tmp)
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith("PAVO_")}
        cls.environment.update(TZ="UTC", HOME=cls.folder, TMPDIR=cls.tmp,
                               PATH=os.path.dirname(AGGREGATOR) + ":" + os.environ["PATH"])
        cls.environment.pop("XDG_CONFIG_HOME", None)
        subprocess.run([PAVO, "keys", "make", "--dir", cls.path("keys")], check=True, stdout=subprocess.DEVNULL)
        for role, name in ("sensor", "inner"), ("sensor", "outer"), ("reader", "analyst"):
            subprocess.run([PAVO, "keys", "enrol", role, name, "--dir", cls.path("keys"), "--output",
                            cls.path(name + ".key")], check=True, stdout=subprocess.DEVNULL)
        capture(cls.path("inner.pcap"), conversation("10.0.1.17", 51544, 40000, 0) +
                [(0.5, tcp("10.0.1.17", 51545, "198.51.100.9", 445, 5, 0, 2))])
        capture(cls.path("outer.pcap"), conversation("203.0.113.5", 40312, 40313, 0.0003))
        # The first sensor's records are sealed at once, the other's stay in the journal.
        cls.data = cls.path("data")
        at = cls.start("--seal-age", "1ms")
        cls.sense("inner", at)
        asked = ["--aggregator", at, "--key", cls.path("analyst.key")]
        cls.wait("segments", lambda: any(row["part"] == "segments" and row.get("kind") == "flow" and row["records"] == 3
                                         for row in cls.rows(asked, "store")))
        cls.stop()
        at = cls.start()
        cls.sense("outer", at)
        cls.asked = ["--aggregator", at, "--key", cls.path("analyst.key")]
        cls.wait("two links", lambda: len(cls.rows(cls.asked, "links")) == 2)
        cls.questions = [("find",), ("flows",), ("links",), ("nat", "203.0.113.5:40312", "--at", "2023-11-14T22:13:20Z"),
                         ("verdicts",), ("series", "--step", "1h"), ("top", "--by", "host"), ("find", "dst port 443")]
        cls.wanted = {question: cls.rows(cls.asked, *question) for question in cls.questions}
        # While the aggregator has it.
        cls.meanwhile = {question: cls.rows(["--store", cls.data], *question) for question in cls.questions}
        cls.stop()

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def start(cls, *options):
        port = free_ports()
        at = f"127.0.0.1:{port}"
        cls.log = open(cls.path("log"), "w")
        cls.aggregator = subprocess.Popen(
            [AGGREGATOR, "--data", cls.data, "--keys", cls.path("keys"), "--intake", at, "--publish",
             f"127.0.0.1:{port + 1}", "--answer", f"127.0.0.1:{port + 2}", "--boundary",
             "nat inside=inner outside=outer", *options], stderr=cls.log, env=cls.environment)
        cls.wait("the aggregator", lambda: "ready" in cls.said())
        return at

    @classmethod
    def said(cls):
        with open(cls.path("log")) as log:
            return log.read()

    @classmethod
    def stop(cls):
        cls.aggregator.terminate()
        status = cls.aggregator.wait(PATIENCE)
        cls.log.close()
        log = cls.said()
        if status != 0 or "Sanitizer" in log:
            raise AssertionError(f"the aggregator ended with {status}:\n{log}")

    @classmethod
    def sense(cls, name, at):
        subprocess.run([SENSOR, "-r", cls.path(name + ".pcap"), "--key", cls.path(name + ".key"), "--aggregator", at,
                        "--user", "root"], check=True, timeout=PATIENCE, env=cls.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def wait(what, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not come")
            time.sleep(0.1)

    @classmethod
    def pavo(cls, *arguments):
        """(exit status, standard output, standard error)"""
        done = subprocess.run([PAVO, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              env=cls.environment)
        return done.returncode, done.stdout, done.stderr

    @classmethod
    def rows(cls, where, *question):
        status, out, err = cls.pavo(*where, *question, "--json")
        if status in (2, 3):
            raise AssertionError(f"{where} {question}: status {status}: {err}")
        return [json.loads(line) for line in out.splitlines()][:-1]

    def copy(self, name):
        folder = self.path(name)
        shutil.copytree(self.data, folder)
        return folder

    def tearDown(self):
        self.assertEqual(os.listdir(self.tmp), [])  # keys, door and log are gone

    def test_every_question_as_from_the_aggregator(self):
        before = tree(self.data)
        for question in self.questions:
            self.assertTrue(self.wanted[question], question)
            self.assertEqual(self.meanwhile[question], self.wanted[question], question)
            self.assertEqual(self.rows(["--store", self.data], *question), self.wanted[question], question)
        self.assertEqual(tree(self.data), before)
        self.assertEqual({row["sensor"] for row in self.rows(["--store", self.data], "sensors")}, {"inner", "outer"})

    def test_for_people_and_after_the_command(self):
        status, out, err = self.pavo("find", "--store", self.data, "dst port 443")
        self.assertEqual(status, 0, err)
        self.assertEqual(len(out.splitlines()), 2)
        status, out, _ = self.pavo("--store", self.data, "questions")
        self.assertEqual(status, 0)
        self.assertIn("verdicts", out)

    def test_segments_alone(self):
        """Without journal and catalogue: what was sealed is there, and the folder stays without."""
        folder = self.copy("segments-alone")
        shutil.rmtree(folder + "/journal")
        os.unlink(folder + "/catalogue.sqlite")
        before = tree(folder)
        rows = self.rows(["--store", folder], "flows")
        self.assertEqual({row["sensor"] for row in rows}, {"inner"})
        self.assertEqual(len(rows), sum(row["sensor"] == "inner" for row in self.wanted[("flows",)]))
        self.assertEqual(tree(folder), before)

    def test_damaged_catalogue(self):
        folder = self.copy("damaged-catalogue")
        with open(folder + "/catalogue.sqlite", "r+b") as file:
            file.seek(5000)
            file.write(b"\xff" * 300)
        before = tree(folder)
        self.assertEqual(self.rows(["--store", folder], "flows"), self.wanted[("flows",)])
        self.assertEqual(tree(folder), before)

    def test_vanished_segment_is_named(self):
        folder = self.copy("vanished")
        for name in glob.glob(folder + "/segments/*.parquet"):
            os.unlink(name)
        status, out, err = self.pavo("--store", folder, "find")
        self.assertEqual(status, 4)
        self.assertIn("outer", out)
        self.assertRegex(err, r"segments/[0-9a-f]{16}\.parquet cannot be opened: No such file")

    def test_where_nothing_can_be_written(self):
        folder = self.path("read-only")
        os.mkdir(folder)
        mounted = subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c",
                                  'mount --bind "$1" "$2" && mount -o remount,bind,ro "$2" && '
                                  '! touch "$2/x" 2>/dev/null && shift 2 && exec "$@"', "sh", self.data, folder,
                                  PAVO, "--store", folder, "find", "--json"],
                                 capture_output=True, text=True, timeout=PATIENCE, env=self.environment)
        if mounted.returncode not in (0, 4):
            self.skipTest("no namespace to mount in: " + mounted.stderr)
        self.assertEqual([json.loads(line) for line in mounted.stdout.splitlines()][:-1], self.wanted[("find",)])

    def test_mistakes(self):
        status, _, err = self.pavo("--store", self.path("nowhere"), "find")
        self.assertEqual(status, 3)
        self.assertIn(f"--store {self.path('nowhere')}: ", err)
        self.assertIn("is no store of an aggregator's (its --data)", err)
        self.assertFalse(os.path.exists(self.path("nowhere")))
        status, _, err = self.pavo("--store", self.data, "find", "--from", "22:60")
        self.assertEqual(status, 2)
        status, _, err = self.pavo("--store", self.data, "watch")
        self.assertEqual(status, 2)
        self.assertIn("watch follows an aggregator that runs", err)
        environment = dict(self.environment, TMPDIR=self.path("x" * 90))
        os.mkdir(environment["TMPDIR"])
        done = subprocess.run([PAVO, "--store", self.data, "find"], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment)
        self.assertEqual(done.returncode, 3)
        self.assertIn("set TMPDIR", done.stderr)
        self.assertEqual(os.listdir(environment["TMPDIR"]), [])

    def test_interrupted(self):
        """Whenever it is ended, its aggregator ends and nothing of it is left."""
        for moment in 0, 0.05, 0.2, 0.5:
            process = subprocess.Popen([PAVO, "--store", self.data, "find"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, env=self.environment)
            time.sleep(moment)
            process.send_signal(signal.SIGTERM)
            self.assertIn(process.wait(PATIENCE), (0, 130, 4, -signal.SIGTERM))
            self.wait("its end", lambda: not subprocess.run(["pgrep", "-f", self.tmp], capture_output=True).stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
