#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The pavo command and the examples against a real aggregator, fed by real sensors from two captures made here: one
HTTP connection and one DNS question of 10.0.1.17 through a NAT, as seen on its two sides, and an attempt on the inside
that nobody answered.

  test_real.py PAVO PAVO-AGGREGATOR PAVO-SENSOR SUBSCRIBE-C SUBSCRIBE-PY PB2-FOLDER
"""

import csv
import ipaddress
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PAVO, AGGREGATOR, SENSOR, SUBSCRIBE_C, SUBSCRIBE_PY, PB2 = sys.argv[1:7]
PATIENCE = 60  # seconds; bound of every wait
START = 1700000000.0


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol, src, dst, body, ttl):
    addresses = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0x4000, ttl, protocol, 0) + addresses
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def tcp(src, sport, dst, dport, seq, ack, flags, payload=b"", ttl=64):
    return ipv4(6, src, dst, struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + payload, ttl)


def udp(src, sport, dst, dport, payload, ttl=64):
    return ipv4(17, src, dst, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload, ttl)


def capture(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))  # raw IP
        for when, packet in packets:
            seconds, micros = divmod(round((START + when) * 1e6), 1000000)
            file.write(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)


def conversation(host, port, dns_port, delay):
    """The same traffic with the client's end as it is on one side of the NAT."""
    web, dns = "198.51.100.9", "198.51.100.53"
    request, answer = b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nhello"
    c, s = 0x11111111, 0x22222222
    out = lambda seq, ack, flags, payload=b"": tcp(host, port, web, 443, seq, ack, flags, payload)
    back = lambda seq, ack, flags, payload=b"": tcp(web, 443, host, port, seq, ack, flags, payload, 57)
    packets = [out(c, 0, 2), back(s, c + 1, 18), out(c + 1, s + 1, 16), out(c + 1, s + 1, 24, request),
               back(s + 1, c + 1 + len(request), 24, answer),
               out(c + 1 + len(request), s + 1 + len(answer), 17),
               back(s + 1 + len(answer), c + 2 + len(request), 17),
               out(c + 2 + len(request), s + 2 + len(answer), 16)]
    packets += [udp(host, dns_port, dns, 53, b"question?" * 3), udp(dns, 53, host, dns_port, b"answer!" * 5, 57)]
    return [(delay + 0.01 * n, packet) for n, packet in enumerate(packets)]


def free_ports():
    """The first of three free ports in a row."""
    for base in range(20000 + os.getpid() % 20000, 60000, 3):
        held = [socket.socket() for _ in range(3)]
        try:
            for n, one in enumerate(held):
                one.bind(("127.0.0.1", base + n))
            return base
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
    raise RuntimeError("no free ports")


class Real(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="pavo-test-real-")
        cls.folder = cls.holder.name
        path = lambda name: os.path.join(cls.folder, name)
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith("PAVO_")}
        cls.environment.update(TZ="UTC", HOME=cls.folder, PYTHONPATH=PB2)
        cls.environment.pop("XDG_CONFIG_HOME", None)
        subprocess.run([PAVO, "keys", "make", "--dir", path("keys")], check=True, stdout=subprocess.DEVNULL)
        for role, name in (("sensor", "inner"), ("sensor", "outer"), ("reader", "analyst")):
            subprocess.run([PAVO, "keys", "enrol", role, name, "--dir", path("keys"), "--output", path(name + ".key")],
                           check=True, stdout=subprocess.DEVNULL)
        capture(path("inner.pcap"), conversation("10.0.1.17", 51544, 40000, 0) +
                [(0.5, tcp("10.0.1.17", 51545, "198.51.100.9", 445, 5, 0, 2))])
        capture(path("outer.pcap"), conversation("203.0.113.5", 40312, 40313, 0.0003))
        port = free_ports()
        cls.at = f"127.0.0.1:{port}"
        cls.key = path("analyst.key")
        cls.log = open(path("aggregator.log"), "w")
        cls.aggregator = subprocess.Popen(
            [AGGREGATOR, "--data", path("data"), "--keys", path("keys"), "--intake", cls.at,
             "--publish", f"127.0.0.1:{port + 1}", "--answer", f"127.0.0.1:{port + 2}",
             "--boundary", "nat inside=inner outside=outer"], stderr=cls.log, env=cls.environment)
        cls.wait("the aggregator", lambda: "ready" in cls.said())
        cls.sense("inner")
        cls.sense("outer")
        cls.wait("two links", lambda: len(cls.pavo("links", "--json")[1].splitlines()) == 2)

    @classmethod
    def tearDownClass(cls):
        cls.aggregator.terminate()
        status = cls.aggregator.wait(PATIENCE)
        cls.log.close()
        log = cls.said()
        cls.holder.cleanup()
        if status != 0 or "Sanitizer" in log:
            raise AssertionError(f"the aggregator ended with {status}:\n{log}")

    @classmethod
    def said(cls):
        with open(cls.log.name) as log:
            return log.read()

    @classmethod
    def sense(cls, name):
        subprocess.run([SENSOR, "-r", os.path.join(cls.folder, name + ".pcap"), "--key", os.path.join(cls.folder, name + ".key"),
                        "--aggregator", cls.at, "--user", "root"], check=True, timeout=PATIENCE, env=cls.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def wait(what, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not come")
            time.sleep(0.1)

    @classmethod
    def pavo(cls, *arguments, key=None):
        """(exit status, standard output, standard error)"""
        done = subprocess.run([PAVO, "--aggregator", cls.at, "--key", key or cls.key, *arguments], capture_output=True,
                              text=True, timeout=PATIENCE, env=cls.environment)
        return done.returncode, done.stdout, done.stderr

    def test_find(self):
        status, out, _ = self.pavo("find", "sensor inner and tcp")
        self.assertEqual(status, 0)
        lines = out.splitlines()
        self.assertRegex(lines[0], r"^TIME .*SENSOR .*SOURCE .*STATE")
        self.assertRegex(lines[1], r"^2023-11-14 22:13:20\.000000 .* inner +tcp +10\.0\.1\.17:51544 +198\.51\.100\.9:443 +SF +5 +3 ")
        self.assertRegex(lines[2], r"10\.0\.1\.17:51545 +198\.51\.100\.9:445 +S0 +1 +0 ")
        self.assertEqual(len(lines), 3)

    def test_find_json_and_csv(self):
        status, out, _ = self.pavo("find", "--json", "dst port 443 and sensor outer")
        flow, = map(json.loads, out.splitlines())
        self.assertEqual(status, 0)
        self.assertEqual((flow["src"], flow["src_port"], flow["state"], flow["sensor"]), ("203.0.113.5", 40312, "SF", "outer"))
        self.assertTrue(flow["community_id"].startswith("1:"))
        status, out, _ = self.pavo("find", "--csv", "dst port 443 and sensor outer")
        row, = csv.DictReader(out.splitlines())
        self.assertEqual(status, 0)
        for name, value in flow.items():
            self.assertEqual(row[name], str(value), name)

    def test_find_time_and_limit(self):
        self.assertEqual(len(self.pavo("find", "--json", "--from", "2023-11-14T22:13:20.4Z")[1].splitlines()), 1)
        self.assertEqual(len(self.pavo("find", "--json", "--to", "2023-11-14T22:13:20.4Z")[1].splitlines()), 4)
        status, out, err = self.pavo("find", "--json", "--limit", "2")
        self.assertEqual((status, len(out.splitlines())), (4, 2))
        self.assertIn("cut off", err)

    def test_find_nothing(self):
        status, out, err = self.pavo("find", "host 192.0.2.99")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("no flow found", err)

    def test_usage(self):
        status, _, err = self.pavo("find", "host", "and", "tcp")
        self.assertEqual(status, 2)
        self.assertIn("'host' needs a value", err)
        self.assertIn("  host and tcp\n       ^", err)
        for arguments, words in (
            (["fin"], "did you mean 'find'"),
            (["find", "--form", "1"], "did you mean '--from'"),
            (["find", "--from", "yesterday-ish"], "--from: "),
            (["nat"], "one address was expected"),
            (["nat", "10.0.0.1:99999"], "is not ADDR or ADDR:PORT"),
            (["nat", "10.0.0.1", "--protocol", "tpc"], "is not a protocol"),
            (["sensors", "all"], "takes no argument"),
            (["watch", "--csv"], "not --csv"),
            (["watch", "port eighty"], "'eighty' is not a port"),
        ):
            status, out, err = self.pavo(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn(words, err)

    def test_nat(self):
        status, out, _ = self.pavo("nat", "203.0.113.5:40312", "--at", "2023-11-14 22:13:20")
        self.assertEqual(status, 0)
        self.assertIn("203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443\n", out)
        self.assertRegex(out, r"tcp, SF, from 2023-11-14 22:13:20.000000 to .*; \d+ B sent in 5 packets, \d+ B received in 3\n")
        self.assertRegex(out, r"linked by both sequence numbers, confidence \d+ %; agreeing: src_isn, dst_isn")
        self.assertIn("seen inside by inner (flow ", out)
        self.assertIn("Not seen: nothing is known to be missing", out)

    def test_nat_other_directions(self):
        self.assertIn("10.0.1.17:51544 came out as 203.0.113.5:40312, talking to 198.51.100.9:443\n",
                      self.pavo("nat", "10.0.1.17:51544")[1])
        self.assertIn("198.51.100.53:53 was spoken to by 203.0.113.5:40313, which was 10.0.1.17:40000\n",
                      self.pavo("nat", "198.51.100.53", "--protocol", "udp")[1])

    def test_nat_unlinked(self):
        status, out, _ = self.pavo("nat", "10.0.1.17:51545")
        self.assertEqual(status, 1)
        self.assertIn("Not known: no connection of 10.0.1.17:51545 is linked", out)
        self.assertIn("Seen on one side only:", out)
        self.assertRegex(out, r"inner: 10\.0\.1\.17:51545 to 198\.51\.100\.9:445, tcp S0")

    def test_nat_unknown(self):
        status, out, _ = self.pavo("nat", "203.0.113.99:1", "--at", "2020-01-01T00:00:00Z")
        self.assertEqual(status, 1)
        self.assertIn("none was seen on one side either", out)
        self.assertRegex(out, r"Not seen:\n(.*\n)*  the store holds flows from 2023-11-14")

    def test_nat_json(self):
        status, out, _ = self.pavo("nat", "203.0.113.5:40312", "--json")
        answer, coverage = map(json.loads, out.splitlines())
        self.assertEqual(status, 0)
        self.assertEqual(answer["link"]["binding"]["source"], {"address": "10.0.1.17", "port": 51544})
        self.assertEqual((answer["inside"]["src"], answer["outside"]["src"]), ("10.0.1.17", "203.0.113.5"))
        self.assertFalse(coverage["coverage"]["truncated"])

    def test_links(self):
        status, out, _ = self.pavo("links", "--utc", "tcp")
        self.assertEqual(status, 0)
        self.assertRegex(out.splitlines()[1], r"^2023-11-14T22:13:20\.000000Z nat +tcp +10\.0\.1\.17:51544 +203\.0\.113\.5:40312 "
                                              r"+198\.51\.100\.9:443 +snat +\d+ % both sequence numbers$")
        links = [json.loads(line) for line in self.pavo("links", "--json")[1].splitlines()]
        self.assertEqual([link["binding"]["protocol"] for link in links], [6, 17])

    def test_sensors(self):
        status, out, _ = self.pavo("sensors")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"(?m)^inner +ended +.* ago +11 +11 +0 +3 +3 +0 +0 ")
        self.assertRegex(out, r"(?m)^nat +2 +")
        self.assertIn("Intake: open", out)
        self.assertNotIn("INVARIANT", out)
        reports = [json.loads(line) for line in self.pavo("sensors", "--json")[1].splitlines()]
        inner = [r for r in reports if r.get("observer", {}).get("sensor") == "inner"]
        self.assertEqual((inner[0]["status"]["records_made"], inner[0]["records_committed"]), (3, 3))
        rows = list(csv.DictReader(self.pavo("sensors", "--csv")[1].splitlines()))
        self.assertIn(("inner", "11"), [(row["sensor"], row["packets_offered"]) for row in rows])

    def test_watch(self):
        status, out, _ = self.pavo("watch", "--oldest", "--count", "2", "tcp and state SF")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"inner +tcp +10\.0\.1\.17:51544 > 198\.51\.100\.9:443  SF  5/3 packets")
        status, out, _ = self.pavo("watch", "--oldest", "--links", "--count", "2")
        self.assertEqual(status, 0)
        self.assertIn("inside 10.0.1.17:51544 > 198.51.100.9:443 is outside 203.0.113.5:40312 > 198.51.100.9:443", out)
        status, out, _ = self.pavo("watch", "--oldest", "--status", "--count", "1", "--json")
        self.assertEqual((status, json.loads(out)["event"]), (0, "status"))

    def test_keys_refused(self):
        status, _, err = self.pavo("find", key=os.path.join(self.folder, "inner.key"))
        self.assertEqual(status, 3)
        self.assertIn("is the key of a sensor", err)
        status, _, err = self.pavo("find", key=os.path.join(self.folder, "none.key"))
        self.assertEqual(status, 3)
        self.assertIn("none.key", err)
        stranger = os.path.join(self.folder, "stranger.key")
        subprocess.run([PAVO, "keys", "make", "--dir", os.path.join(self.folder, "other")], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([PAVO, "keys", "enrol", "reader", "stranger", "--dir", os.path.join(self.folder, "other"), "--output",
                        stranger], check=True, stdout=subprocess.DEVNULL)
        status, _, err = self.pavo("find", key=stranger)
        self.assertEqual(status, 3)
        self.assertIn("refuses the key 'stranger'", err)

    def test_no_key_and_nobody_there(self):
        done = subprocess.run([PAVO, "find"], capture_output=True, text=True, env=self.environment, timeout=PATIENCE)
        self.assertEqual(done.returncode, 3)
        self.assertIn(f"{self.folder}/.config/pavo/reader.key", done.stderr)
        self.assertIn("pavo keys enrol reader NAME", done.stderr)
        status, _, err = self.pavo("find", "--answer", f"ipc://{self.folder}/nobody", "--timeout", "200ms")
        self.assertEqual(status, 3)
        self.assertIn("cannot be reached", err)

    def test_example_in_c(self):
        done = subprocess.run([SUBSCRIBE_C, "--aggregator", self.at, "--key", self.key, "--oldest", "--count", "5"],
                              capture_output=True, text=True, env=self.environment, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        flows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual({flow["sensor"] for flow in flows}, {"inner", "outer"})

    def test_z_example_in_python(self):
        """Last: it takes live flows, so the sensors run again."""
        process = subprocess.Popen([sys.executable, SUBSCRIBE_PY, "--aggregator", self.at, "--key", self.key, "--count", "2"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        try:
            self.wait("a flow for the example", lambda: (self.sense("outer"), process.poll() is not None)[1])
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            if process.poll() is None:
                process.kill()
        self.assertEqual((process.returncode, err), (0, ""))
        flows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([flow["src"] for flow in flows], ["203.0.113.5"] * 2)
        self.assertEqual({flow["dst_port"] for flow in flows}, {53, 443})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
