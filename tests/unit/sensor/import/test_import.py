#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pavo-sensor --import against a real aggregator: archives that nfdump and Argus make of a capture here, where they are
installed, and a conn.log; sums are compared with what those tools and a sensor say of the same packets.

  test_import.py PAVO-SENSOR PAVO PAVO-AGGREGATOR
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "lab"))
from conversation import capture, conversation, free_ports  # noqa: E402

SENSOR, PAVO, AGGREGATOR = sys.argv[1:4]
PATIENCE = 60  # seconds; bound of every wait
FLOWS = 30
CONN_LOG = """#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tconn
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes
#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tcount\tstring\tcount\tcount\tcount\tcount
1700000000.000000\tC1\t10.0.1.17\t51544\t198.51.100.9\t443\ttcp\thttp\t0.07\t18\t24\tSF\t-\t0\tShADadFf\t5\t218\t3\t144
1700000000.080000\tC2\t10.0.1.17\t40000\t198.51.100.53\t53\tudp\tdns\t-\t-\t-\tS0\t-\t0\tD\t1\t55\t0\t0
this is no line
#close\t2023-11-14-22-13-21
"""


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, **options)


class Import(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="pavo-test-import-")
        cls.folder = cls.holder.name
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith("PAVO_")}
        cls.environment.update(TZ="UTC", HOME=cls.folder)
        run(PAVO, "keys", "make", "--dir", cls.path("keys"), check=True)
        for role, name in (("reader", "analyst"), *(("sensor", name) for name in ("zeek", "nfdump", "argus", "own"))):
            run(PAVO, "keys", "enrol", role, name, "--dir", cls.path("keys"), "--output", cls.path(name + ".key"), check=True)
        packets = []
        for n in range(FLOWS):
            packets += [(n * 0.1 + when, packet) for when, packet in conversation("10.0.1.17", 50000 + n, 40000 + n, 0)]
        capture(cls.path("own.pcap"), sorted(packets, key=lambda one: one[0]))
        with open(cls.path("conn.log"), "w") as file:
            file.write(CONN_LOG)
        port = free_ports()
        cls.at = f"127.0.0.1:{port}"
        with open(cls.path("log"), "w") as log:
            cls.aggregator = subprocess.Popen(
                [AGGREGATOR, "--data", cls.path("data"), "--keys", cls.path("keys"), "--intake", cls.at, "--publish",
                 f"127.0.0.1:{port + 1}", "--answer", f"127.0.0.1:{port + 2}"], stderr=log, env=cls.environment)

    @classmethod
    def tearDownClass(cls):
        cls.aggregator.terminate()
        status = cls.aggregator.wait(PATIENCE)
        with open(cls.path("log")) as file:
            log = file.read()
        cls.holder.cleanup()
        refused = [line for line in log.splitlines() if "refused" in line and ": own: " not in line]  # one test's own
        if status != 0 or "Sanitizer" in log or refused:
            raise AssertionError(f"the aggregator ended with {status}:\n{log}")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def ship(self, form, *files, status=0):
        done = run(SENSOR, "--import", form, *(word for name in files for word in ("-r", name)), "--key", self.path(form + ".key"),
                   "--aggregator", self.at, env=self.environment)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def find(self, sensor, count):
        """What the store has of the sensor, when it has so many; more would be too many."""
        end = time.monotonic() + PATIENCE
        while True:
            done = run(PAVO, "--aggregator", self.at, "--key", self.path("analyst.key"), "find", "--json", f"sensor {sensor}",
                       env=self.environment)
            rows = [json.loads(line) for line in done.stdout.splitlines()][:-1]
            if len(rows) >= count or time.monotonic() > end:
                self.assertEqual(len(rows), count)
                return rows
            time.sleep(0.1)

    @staticmethod
    def sums(rows):
        return {name: sum(row.get("src_" + name, 0) + row.get("dst_" + name, 0) for row in rows) for name in ("packets", "bytes")}

    def test_zeek_and_the_same_file_again(self):
        said = self.ship("zeek", self.path("conn.log"), status=1)
        self.assertIn("conn.log:10: it has less than 19 columns", said)
        self.assertIn("2 records", said)
        tcp, udp = sorted(self.find("zeek", 2), key=lambda row: row["protocol"])
        self.assertEqual((tcp["src"], tcp["dst_port"], tcp["state"], tcp["src_bytes"], tcp["dst_payload"], tcp["history"]),
                         ("10.0.1.17", 443, "SF", 218, 24, "ShADadFf"))
        self.assertEqual((tcp["first_time"], tcp["duration"]), ("2023-11-14T22:13:20.000000000Z", 70000000))
        for name in "src_ttl", "src_mac", "src_isn", "end_reason", "interface", "src_retransmits":
            self.assertNotIn(name, tcp)
        self.assertNotIn("src_payload", udp)
        self.assertEqual(udp["dst_packets"], 0)
        again = self.ship("zeek", self.path("conn.log"), status=1)
        self.assertEqual(again.split("epoch")[1].split(",")[0], said.split("epoch")[1].split(",")[0])
        self.assertEqual(self.find("zeek", 2), self.find("zeek", 2))
        with gzip.open(self.path("conn.log.gz"), "wt") as file:
            file.write(CONN_LOG.replace("this is no line\n", "").replace("51544", "51545"))
        self.ship("zeek", self.path("conn.log.gz"))
        self.assertEqual({row.get("src_port") for row in self.find("zeek", 4)}, {51544, 51545, 40000})

    def test_print_without_an_aggregator(self):
        done = run(SENSOR, "--import", "zeek", "-r", "-", "--print", "--json", input=CONN_LOG, env=self.environment)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([json.loads(line)["src_packets"] for line in done.stdout.splitlines()], [5, 1])

    def test_a_file_that_is_read_otherwise_is_refused_aloud(self):
        """Its batches have the names of those that are there, and other contents."""
        with open(self.path("local.csv"), "w") as file:
            file.write("StartTime,Dur,Proto,SrcAddr,Sport,DstAddr,Dport,TotPkts,TotBytes\n"
                       "2018/12/18 10:00:00.0,1.0,tcp,10.8.0.1,1,10.8.0.2,80,3,4\n")
        words = [SENSOR, "--import", "argus", "-r", self.path("local.csv"), "--key", self.path("own.key"), "--aggregator", self.at]
        self.assertEqual(run(*words, env=self.environment).returncode, 0)
        done = run(*words, env={**self.environment, "TZ": "America/New_York"})
        self.assertEqual(done.returncode, 1)
        self.assertIn("time zone", done.stderr)

    def test_a_pipe_by_name(self):
        """What cannot be read twice, as `<(zcat FILE)`, had no lines and no fault."""
        done = subprocess.run(["bash", "-c", '"$0" --import zeek -r <(cat "$1") --dry-run', SENSOR, self.path("conn.log")],
                              capture_output=True, text=True, timeout=PATIENCE, env=self.environment)
        self.assertIn("2 records, 1 lines that cannot be read", done.stdout, done.stderr)

    def test_input_that_cannot_be_read(self):
        done = run("bash", "-c", '"$0" --import zeek -r - --dry-run < "$1"', SENSOR, self.folder, env=self.environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard input: Is a directory", done.stderr)

    def test_a_file_without_names_of_columns(self):
        """Zeros, as a crash leaves them, are no archive without flows."""
        for content in b"\0" * 200000, b"#close\t2023-11-14-22-13-21\n":
            with open(self.path("zeros"), "wb") as file:
                file.write(content)
            done = run(SENSOR, "--import", "zeek", "-r", self.path("zeros"), "--dry-run", env=self.environment)
            self.assertEqual(done.returncode, 1)
            self.assertIn("zeros: no line of it names columns", done.stderr)

    def test_a_cut_file_says_so_behind_many_bad_lines(self):
        with open(self.path("cut.gz"), "wb") as file:
            file.write(gzip.compress((CONN_LOG + "".join(f"bad {n * 7919 % 10007}\n" for n in range(2000))).encode())[:-20])
        done = run(SENSOR, "--import", "zeek", "-r", self.path("cut.gz"), "--dry-run", env=self.environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing behind this line can be read", done.stderr)

    def test_mistakes(self):
        done = run(SENSOR, "--import", "zeek", "-r", self.path("own.pcap"), "--dry-run", env=self.environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn("own.pcap:1: these are not the columns of zeek", done.stderr)
        self.assertEqual(run(SENSOR, "--import", "frob", "-r", "x", "--dry-run").returncode, 2)
        self.assertEqual(run(SENSOR, "--import", "zeek", "-i", "lo", "--dry-run").returncode, 2)
        self.assertIn("No such file", run(SENSOR, "--import", "zeek", "-r", self.path("nothing"), "--dry-run").stderr)

    @unittest.skipUnless(shutil.which("nfdump") and shutil.which("nfpcapd"), "no nfdump")
    def test_nfdump(self):
        os.mkdir(self.path("nf"))
        run("nfpcapd", "-r", self.path("own.pcap"), "-w", self.path("nf"))
        text = run("nfdump", "-R", self.path("nf"), "-o", "csv", env=self.environment).stdout
        flows, size, packets = map(int, text.strip().splitlines()[-1].split(",")[:3])
        with open(self.path("nfdump.csv"), "w") as file:
            file.write(text)
        self.ship("nfdump", self.path("nfdump.csv"))
        self.assertEqual(self.sums(self.find("nfdump", flows)), {"packets": packets, "bytes": size})
        own = run(SENSOR, "-r", self.path("own.pcap"), "--print", "--json", "--user", "root", env=self.environment)
        self.assertEqual(self.sums([json.loads(line) for line in own.stdout.splitlines()]), {"packets": packets, "bytes": size})

    @unittest.skipUnless(shutil.which("argus") and shutil.which("ra") and shutil.which("racount"), "no argus")
    def test_argus(self):
        run("argus", "-r", self.path("own.pcap"), "-w", self.path("own.argus"))
        count = run("racount", "-r", self.path("own.argus")).stdout
        total = next(line.split() for line in count.splitlines() if line.split()[:1] == ["sum"])
        text = run("ra", "-nn", "-u", "-r", self.path("own.argus"), "-c,", "-s", "stime,ltime,proto,saddr,sport,daddr,dport,"
                   "spkts,dpkts,sbytes,dbytes,state").stdout
        with open(self.path("argus.csv"), "w") as file:
            file.write(text)
        flows = sum(",man," not in line for line in text.splitlines()) - 1
        self.ship("argus", self.path("argus.csv"))
        self.assertEqual(self.sums(self.find("argus", flows)), {"packets": int(total[2]), "bytes": int(total[5])})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
