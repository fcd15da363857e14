#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pavo export, against what pavo find --records says; and that an anonymised export tells nobody's address.

  test_export.py PAVO PAVO-AGGREGATOR PAVO-SENSOR
"""

import csv
import fcntl
import io
import ipaddress
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lab"))
from conversation import capture, conversation, free_ports, tcp  # noqa: E402

PAVO, AGGREGATOR, SENSOR = sys.argv[1:4]
PATIENCE = 60  # seconds; bound of every wait
DAY = 86400


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="pavo-test-export-")
        cls.folder = cls.holder.name
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith("PAVO_")}
        cls.environment.update(TZ="UTC", HOME=cls.folder, PATH=os.path.dirname(AGGREGATOR) + ":" + os.environ["PATH"])
        subprocess.run([PAVO, "keys", "make", "--dir", cls.path("keys")], check=True, stdout=subprocess.DEVNULL)
        for role, name in ("sensor", "inner"), ("reader", "analyst"):
            subprocess.run([PAVO, "keys", "enrol", role, name, "--dir", cls.path("keys"), "--output",
                            cls.path(name + ".key")], check=True, stdout=subprocess.DEVNULL)
        # Several days, and a record that begins on one day and ends on the next.
        packets = []
        for day in range(5):
            packets += [(day * DAY + when, packet) for when, packet in conversation("10.0.1.17", 51544 + day, 40000, 0)]
        midnight = 2 * DAY - 1700000000 % DAY
        packets += [(midnight + after, tcp("10.0.1.18", 50000, "198.51.100.9", 22, 10 + after, 0, 16)) for after in (-2, 3)]
        capture(cls.path("inner.pcap"), sorted(packets, key=lambda one: one[0]))
        port = free_ports()
        cls.at = f"127.0.0.1:{port}"
        with open(cls.path("log"), "w") as log:
            cls.aggregator = subprocess.Popen(
                [AGGREGATOR, "--data", cls.path("data"), "--keys", cls.path("keys"), "--intake", cls.at, "--publish",
                 f"127.0.0.1:{port + 1}", "--answer", f"127.0.0.1:{port + 2}"], stderr=log, env=cls.environment)
        subprocess.run([SENSOR, "-r", cls.path("inner.pcap"), "--key", cls.path("inner.key"), "--aggregator", cls.at,
                        "--user", "root"], check=True, timeout=PATIENCE, env=cls.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while len(cls.find()) < 11:
            if time.monotonic() > end:
                raise AssertionError("the flows did not come")
            time.sleep(0.1)
        cls.found = cls.find()

    @classmethod
    def tearDownClass(cls):
        cls.aggregator.terminate()
        status = cls.aggregator.wait(PATIENCE)
        with open(cls.path("log")) as file:
            log = file.read()
        cls.holder.cleanup()
        if status != 0 or "Sanitizer" in log:
            raise AssertionError(f"the aggregator ended with {status}:\n{log}")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def pavo(cls, *arguments):
        """(exit status, standard output, standard error)"""
        done = subprocess.run([PAVO, "--aggregator", cls.at, "--key", cls.path("analyst.key"), *arguments],
                              capture_output=True, text=True, timeout=PATIENCE, env=cls.environment)
        return done.returncode, done.stdout, done.stderr

    @classmethod
    def find(cls, *words):
        return [json.loads(line) for line in cls.pavo("flows", "--json", *words)[1].splitlines()][:-1]

    def export(self, *words):
        status, out, err = self.pavo("export", *words)
        self.assertIn(status, (0, 4), err)
        return out

    @staticmethod
    def sorted(rows):
        return sorted(rows, key=lambda row: (row["flow"], row["report"]))

    def test_jsonl_is_what_find_says(self):
        for words in ((), ("dst port 443",), ("--from", "2023-11-16", "--to", "2023-11-17"),
                      ("--from", "2023-11-15T23:59:59.5Z", "tcp or udp"), ("--to", "2023-11-14T22:13:20.05Z")):
            rows = [json.loads(line) for line in self.export("--format", "jsonl", *words).splitlines()]
            wanted = self.find(*words)
            self.assertTrue(wanted, words)
            self.assertEqual(self.sorted(rows), self.sorted(wanted), words)

    def test_csv_is_what_find_says(self):
        rows = list(csv.DictReader(io.StringIO(self.export(), newline="")))
        wanted = list(csv.DictReader(io.StringIO(self.pavo("flows", "--csv")[1], newline="")))
        key = lambda row: (int(row["flow"]), int(row["report"]))
        self.assertEqual(sorted(rows, key=key), sorted(wanted, key=key))

    def test_zeek(self):
        lines = self.export("--format", "zeek").splitlines()
        fields = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
        types = next(line for line in lines if line.startswith("#types")).split("\t")[1:]
        self.assertEqual(len(fields), len(types))
        self.assertTrue(lines[-1].startswith("#close\t"))
        rows = [dict(zip(fields, line.split("\t"), strict=True)) for line in lines if line[0] != "#"]
        self.assertEqual(len(rows), len(self.found))
        for flow in self.found:
            uid = f"Cinner.{flow['epoch']:x}.{flow['flow']:x}"
            row, = [row for row in rows if row["uid"] == uid and int(row["orig_pkts"]) == flow["src_packets"]]
            self.assertEqual((row["id.orig_h"], int(row["id.orig_p"]), row["id.resp_h"], int(row["id.resp_p"]), row["proto"],
                              row["conn_state"], int(row["orig_ip_bytes"]), int(row["resp_bytes"])),
                             (flow["src"], flow["src_port"], flow["dst"], flow["dst_port"], {6: "tcp", 17: "udp"}[flow["protocol"]], flow["state"],
                              flow["src_bytes"], flow["dst_payload"]))

    def test_anonymised(self):
        key = self.path("share.key")
        rows = [json.loads(line) for line in self.export("--format", "jsonl", "--anonymise", key).splitlines()]
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        again = [json.loads(line) for line in self.export("--format", "jsonl", "--anonymise", key).splitlines()]
        self.assertEqual(self.sorted(rows), self.sorted(again))
        self.assertEqual(len(rows), len(self.found))
        names = {}
        for before, after in zip(self.sorted(self.found), self.sorted(rows)):
            for name, value in after.items():
                if name in ("src", "dst"):
                    self.assertEqual(names.setdefault(before[name], value), value)
                else:
                    self.assertEqual(value, before[name], name)
            gone = set(before) - set(after)
            self.assertLessEqual({"community_id", "evidence", "src_ip_id"}, gone)
            self.assertFalse([name for name in after if name.endswith(("_mac", "_digest", "_isn", "_origin", "_ip_id"))])
        self.assertFalse(set(names) & set(names.values()))
        shared = lambda a, b: 32 - (int(ipaddress.ip_address(a)) ^ int(ipaddress.ip_address(b))).bit_length()
        for a in names:
            for b in names:
                self.assertEqual(shared(a, b), shared(names[a], names[b]))
        for form in "csv", "zeek":
            out = self.export("--format", form, "--anonymise", key)
            for address in names:
                self.assertNotIn(address, out)
                self.assertIn(names[address], out)

    def test_key_files(self):
        for text, mode, words in (("0" * 64 + "\n", 0o644, "chmod 600"), ("0" * 63 + "\n", 0o600, "no key"), ("", 0o600, "no key")):
            with open(self.path("other.key"), "w") as file:
                file.write(text)
            os.chmod(self.path("other.key"), mode)
            status, out, err = self.pavo("export", "--anonymise", self.path("other.key"))
            self.assertEqual((status, out), (2, ""))
            self.assertIn(words, err)
        self.assertEqual(self.pavo("export", "--anonymise", self.folder)[0], 2)

    def test_a_file(self):
        path = self.path("flows.csv")
        with open(path, "w") as file:
            file.write("of before")
        status, out, err = self.pavo("export", "--output", path)
        self.assertEqual((status, out), (0, ""), err)
        self.assertIn(f"{len(self.found)} records in {path}", err)
        with open(path) as file:
            self.assertEqual(len(file.read().splitlines()), len(self.found) + 1)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertFalse(os.path.exists(path + ".part"))
        status, _, err = self.pavo("export", "--output", self.path("no/flows.csv"))
        self.assertEqual(status, 3)
        self.assertIn("no/flows.csv.part: No such file", err)

    def test_what_is_no_file_is_not_replaced(self):
        """A device or a pipe by the name of --output had been: /dev/null would be a file of flows afterwards."""
        path = self.path("pipe")
        os.mkfifo(path)
        for name in path, self.folder:
            status, _, err = self.pavo("export", "--output", name)
            self.assertEqual(status, 3, err)
            self.assertIn(f"{name} is no file", err)
            self.assertFalse(os.path.exists(name + ".part"))
        self.assertTrue(stat.S_ISFIFO(os.stat(path).st_mode))
        os.rename(path, self.path("flows.part"))
        status, _, err = self.pavo("export", "--output", self.path("flows"))
        self.assertEqual(status, 3, err)
        self.assertIn("flows.part is no file", err)

    def test_two_at_once_are_not_mixed_up(self):
        path = self.path("both.csv")
        with open(path + ".part", "w") as other:
            other.write("of another export")
            other.flush()
            fcntl.flock(other, fcntl.LOCK_EX)
            status, _, err = self.pavo("export", "--output", path)
            self.assertEqual(status, 3, err)
            self.assertIn("another export", err)
        with open(path + ".part") as file:
            self.assertEqual(file.read(), "of another export")
        self.assertEqual(self.pavo("export", "--output", path)[0], 0)  # what one that was killed left
        with open(path) as file:
            self.assertEqual(len(file.read().splitlines()), len(self.found) + 1)

    def test_mistakes(self):
        status, out, err = self.pavo("export", "dst", "port", "eighty")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("  dst port eighty\n           ^", err)  # of what was typed, not of what is asked
        self.assertEqual(self.pavo("export", "--format", "parket")[0], 2)
        status, out, err = self.pavo("export", "host 192.0.2.99")
        self.assertEqual(status, 1)
        self.assertEqual(len(out.splitlines()), 1)  # the heading
        status, out, err = self.pavo("export", "--from", "2033-01-01", "--to", "2033-01-02")
        self.assertEqual(status, 4)
        self.assertEqual(len(out.splitlines()), 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
