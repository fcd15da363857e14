#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The pavo command and the examples against a real aggregator, fed by real sensors from two captures made here: one
HTTP connection and one DNS question of 10.0.1.17 through a NAT, as seen on its two sides, and an attempt on the inside
that nobody answered.

  test_real.py PAVO PAVO-AGGREGATOR PAVO-SENSOR ASK-C FOLLOW-C ASK-PY FOLLOW-PY PYTHON-FOLDER
"""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.dom.minidom

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lab"))
import geo_file  # noqa: E402
from conversation import capture, conversation, free_ports, tcp  # noqa: E402

PAVO, AGGREGATOR, SENSOR, ASK_C, FOLLOW_C, ASK_PY, FOLLOW_PY, PYTHON = sys.argv[1:9]
PATIENCE = 60  # seconds; bound of every wait


class Real(unittest.TestCase):
    GEO = {"country.mmdb": ("GeoLite2-Country", {"198.51.100.0/25": {"country": {"iso_code": "DE"}},
                                                 "203.0.113.0/24": {"country": {"iso_code": "FR"}},
                                                 "2001:db8::/32": {"country": {"iso_code": "CH"}},
                                                 "192.0.2.0/24": {"country": {"iso_code": "no country"}}}),
           "asn.mmdb": ("GeoLite2-ASN", {"198.51.100.0/24": {"autonomous_system_number": ("uint32", 64500),
                                                             "autonomous_system_organization": "Example"}})}

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="pavo-test-real-")
        cls.folder = cls.holder.name
        path = lambda name: os.path.join(cls.folder, name)
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith("PAVO_")}
        cls.environment.update(TZ="UTC", HOME=cls.folder, PYTHONPATH=PYTHON)
        cls.environment.pop("XDG_CONFIG_HOME", None)
        subprocess.run([PAVO, "keys", "make", "--dir", path("keys")], check=True, stdout=subprocess.DEVNULL)
        for role, name in (("sensor", "inner"), ("sensor", "outer"), ("reader", "analyst"), ("gateway", "console")):
            subprocess.run([PAVO, "keys", "enrol", role, name, "--dir", path("keys"), "--output", path(name + ".key")],
                           check=True, stdout=subprocess.DEVNULL)
        capture(path("inner.pcap"), conversation("10.0.1.17", 51544, 40000, 0) +
                [(0.5, tcp("10.0.1.17", 51545, "198.51.100.9", 445, 5, 0, 2))])
        capture(path("outer.pcap"), conversation("203.0.113.5", 40312, 40313, 0.0003))
        port = free_ports()
        for file, kind in cls.GEO.items():
            geo_file.write(path(file), *kind)
        cls.at = f"127.0.0.1:{port}"
        cls.key = path("analyst.key")
        cls.log = open(path("aggregator.log"), "w")
        cls.aggregator = subprocess.Popen(
            [AGGREGATOR, "--data", path("data"), "--keys", path("keys"), "--intake", cls.at,
             "--publish", f"127.0.0.1:{port + 1}", "--answer", f"127.0.0.1:{port + 2}",
             "--boundary", "nat inside=inner outside=outer",
             *(word for file, kind in cls.GEO.items() for word in ("--geo", path(file)))], stderr=cls.log, env=cls.environment)
        cls.wait("the aggregator", lambda: "ready" in cls.said())
        cls.sense("inner")
        cls.sense("outer")
        cls.wait("two links", lambda: len(cls.rows("links")) == 2)

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

    @classmethod
    def answer(cls, *arguments, key=None):
        """(exit status, rows, coverage) of --json: the coverage is the last line, in every command."""
        status, out, err = cls.pavo(*arguments, "--json", key=key)
        if status in (2, 3):
            raise AssertionError(f"{arguments}: status {status}: {err}")
        *rows, last = map(json.loads, out.splitlines())
        return status, rows, last["coverage"]

    @classmethod
    def rows(cls, *arguments):
        return cls.answer(*arguments)[1]

    def test_find(self):
        status, out, err = self.pavo("find", "tcp")
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        self.assertRegex(lines[0], r"^TIME +DURATION +PROTO +SOURCE +DESTINATION +STATE +PACKETS +BACK +BYTES +BACK +VERDICT "
                                   r"+SOURCE OUTSIDE +SENSORS$")
        self.assertRegex(lines[1], r"^2023-11-14 22:13:20\.000000 .* tcp +10\.0\.1\.17:51544 +198\.51\.100\.9:443 +SF +5 +3 "
                                   r".* translated +203\.0\.113\.5:40312 +inner,outer$")
        self.assertRegex(lines[2], r"10\.0\.1\.17:51545 +198\.51\.100\.9:445 +S0 +1 +0 .* inner$")
        self.assertEqual(len(lines), 3)
        status, out, err = self.pavo("find", "--records", "sensor inner and tcp")
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        self.assertRegex(lines[0], r"^TIME +DURATION +SENSOR +PROTO +SOURCE +DESTINATION +STATE +PACKETS +BACK +BYTES +BACK")
        self.assertRegex(lines[1], r"^2023-11-14 22:13:20\.000000 .* inner +tcp +10\.0\.1\.17:51544 +198\.51\.100\.9:443 +SF +5 +3 ")
        self.assertRegex(lines[2], r"10\.0\.1\.17:51545 +198\.51\.100\.9:445 +S0 +1 +0 ")
        self.assertEqual(len(lines), 3)
        self.assertEqual(self.pavo("find", "--records", "--views")[0], 2)
        for question in ("find", "links", "verdicts", "sensors"):
            self.assertNotRegex(self.pavo(question)[1], r"(?m) $")

    def test_find_json_and_csv(self):
        status, (flow,), coverage = self.answer("find", "--views", "dst port 443 and sensor outer")
        self.assertEqual((status, coverage["state"], coverage["gaps"], coverage["rows"]), (0, "whole", [], 1))
        self.assertEqual((flow["src"], flow["src_port"], flow["state"], flow["sensor"]), ("203.0.113.5", 40312, "SF", "outer"))
        self.assertEqual((flow["verdict"], flow["boundary"], flow["side"], flow["partner_sensor"]),
                         ("translated", "nat", "outside", "inner"))
        self.assertTrue(flow["community_id"].startswith("1:"))
        self.assertLess(flow["epoch"], 2**53)
        self.assertEqual({reach["sensor"] for reach in coverage["reaches"]}, {"inner", "outer"})
        status, out, err = self.pavo("find", "--views", "--csv", "dst port 443 and sensor outer")
        row, = csv.DictReader(out.splitlines())
        self.assertEqual((status, err), (0, ""))
        for name, value in flow.items():
            text = " ".join(value) if isinstance(value, list) else str(value)
            if isinstance(value, float):
                self.assertEqual(float(row[name]), value, name)
            else:
                self.assertEqual(row[name], {"True": "true", "False": "false"}.get(text, text), name)
        self.assertEqual({name for name, value in row.items() if value == ""} & set(flow), set())

    def test_nat_of_what_was_pasted(self):
        """Words of a report for an address; the terms add up to the odds that the verdict has; and sentences."""
        words = "your 203.0.113.5 port 40312 (tcp) at 2023-11-14 22:13:20 +0000 scanned us"
        status, out, err = self.pavo("nat", "--why", words)
        self.assertEqual((status, err), (0, "pavo: understood: 203.0.113.5:40312, tcp, at 2023-11-14T22:13:20Z\n"))
        self.assertIn("203.0.113.5:40312 was 10.0.1.17:51544", out)
        self.assertRegex(out, r"the initiator's initial sequence number agrees")
        self.assertIn("together, which are the odds of the verdict", out)
        self.assertIn("Nobody is known to have had it in the hour before.", out)
        status, out, err = self.pavo("nat", "--text", words)
        self.assertEqual(status, 0)
        text = " ".join(out.split())
        self.assertIn("203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443. The connection (tcp, SF) was seen from "
                      "2023-11-14T22:13:20", text)
        self.assertIn("Not seen: nothing is known to be missing in that time.", text)
        status, out, err = self.pavo("nat", "203.0.113.5 or 203.0.113.6")
        self.assertEqual((status, out), (2, ""))

    def test_command_asks_the_same(self):
        """The command line an answer names gives the same rows, whenever it is run."""
        for arguments in (["find", "--from", "2023-11-14 22:13:20", "--limit", "2", "host", "10.0.1.17 and tcp"],
                          ["nat", "203.0.113.5:40312", "--at", "22:13:20Z"], ["verdicts", "boundary nat"]):
            _, rows, coverage = self.answer(*arguments)
            name, *words = shlex.split(coverage["command"])
            self.assertEqual(name, "pavo")
            _, again, same = self.answer(*words)
            self.assertEqual(rows, again)
            self.assertEqual(same["command"], coverage["command"])

    @staticmethod
    def plainly(flows, key):
        """Sums of find's rows by a key: {key: (flows, packets, bytes)}."""
        sums = {}
        for f in flows:
            for name in key(f):
                flows_, packets, size = sums.get(name, (0, 0, 0))
                sums[name] = (flows_ + (f.get("report", 0) == 0), packets + f["src_packets"] + f["dst_packets"],
                              size + f["src_bytes"] + f["dst_bytes"])
        return sums

    def test_as_many_links_as_the_limit_are_not_cut(self):
        status, links, coverage = self.answer("links", "--limit", "2")
        self.assertEqual((status, len(links), coverage["state"]), (0, 2, "whole"))
        status, links, coverage = self.answer("links", "--limit", "1")
        self.assertEqual((status, len(links), len(coverage["gaps"])), (0, 1, 1))

    def test_top_is_what_a_plain_reading_finds(self):
        flows = self.rows("flows")
        keys = {"sensor": lambda f: [()], "protocol": lambda f: [f["protocol"]], "host": lambda f: {f["src"], f["dst"]},
                "service": lambda f: [(f["protocol"], f["dst_port"])], "src": lambda f: [f["src"]],
                "dst": lambda f: [f["dst"]], "pair": lambda f: [(f["src"], f["dst"])]}
        names = {"sensor": lambda r: (), "protocol": lambda r: r["protocol"], "host": lambda r: r["host"],
                 "service": lambda r: (r["protocol"], r["dst_port"]), "src": lambda r: r["src"],
                 "dst": lambda r: r["dst"], "pair": lambda r: (r["src"], r["dst"])}
        for by, key in keys.items():
            wanted = self.plainly(flows, lambda f: [(f["sensor"], name) for name in key(f)])
            rows = self.rows("top", "--by", by, "--limit", "0")
            self.assertEqual({(r["sensor"], names[by](r)): (r["flows"], r["packets"], r["bytes"]) for r in rows}, wanted, by)
            sizes = [r["bytes"] for r in rows]
            self.assertEqual(sizes, sorted(sizes, reverse=True))
        status, (most,), coverage = self.answer("top", "--limit", "1", "sensor inner")
        self.assertEqual((status, coverage["state"]), (0, "whole"))  # ten were asked for, and ten came: nothing is missing

    def test_columns_are_the_keys_and_the_measures(self):
        """What is asked for is a column, and no column is empty."""
        out = self.pavo("top")[1].splitlines()
        self.assertEqual(out[0].split(), ["SENSOR", "HOST", "FLOWS", "PACKETS", "BYTES", "SENT", "RECEIVED"])
        out = self.pavo("series", "--by", "service", "--step", "1d", "--measure", "distinct dst", "--table")[1].splitlines()
        self.assertEqual(out[0].split(), "TIME SENSOR PROTO DST PORT DISTINCT DST FLOWS PACKETS BYTES SENT RECEIVED".split())
        out = self.pavo("top", "--by", "dst/16, dst_port", "--sort", "distinct src,bps", "sensor inner")[1].splitlines()
        self.assertEqual(out[0].split()[:8], "SENSOR DESTINATION NET DST PORT DISTINCT SRC BPS".split()[:8])
        self.assertRegex("\n".join(out[1:]), r"inner +198\.51\.0\.0/16 +443 +1 ")
        for option, value, sentence in (("--by", "hots", "by: there is no key 'hots'; did you mean host?"),
                                        ("--sort", "distinct dts_port", "sort: there is no key 'dts_port'; did you mean")):
            status, _, err = self.pavo("top", option, value)
            self.assertEqual(status, 2)
            self.assertIn(sentence, err)
        self.assertIn("pavo top --by src --sort", self.pavo("top", "--help")[1])

    def test_peers_and_services(self):
        flows = self.rows("flows", "host 10.0.1.17")
        rows = self.rows("peers", "10.0.1.17")
        self.assertEqual({(r["sensor"], r["peer"]): (r["flows"], r["packets"], r["bytes_sent"]) for r in rows},
                         {(s, peer): (sum(f["report"] == 0 for f in mine), sum(f["src_packets"] + f["dst_packets"] for f in mine),
                                      sum(f["src_bytes"] for f in mine))
                          for s, peer in {(f["sensor"], f["dst"]) for f in flows}
                          for mine in [[f for f in flows if (f["sensor"], f["dst"]) == (s, peer)]]})
        self.assertEqual(max(r["last_time"] for r in rows), max(f["last_time"] for f in flows))
        mine = lambda *words: {(r["role"], r["protocol"], r["dst_port"]) for r in self.rows("services", *words)}
        self.assertIn(("uses", 6, 443), mine("10.0.1.17"))
        self.assertIn(("unanswered", 6, 445), mine("198.51.100.9"))
        self.assertNotIn(("offers", 6, 445), mine("198.51.100.9"))
        web = next(f["dst"] for f in flows if f["dst_port"] == 443)
        self.assertIn(("offers", 6, 443), mine(web))
        self.assertEqual({r["distinct_peer"] for r in self.rows("services", web, "--filter", "sensor outer")}, {1})
        self.assertEqual(self.pavo("peers", "192.0.2.99")[0], 1)
        self.assertEqual(self.pavo("peers")[0], 2)

    def test_countries_and_systems(self):
        flows = self.rows("flows")
        country = lambda a: "DE" if a.startswith("198.51.100.") and int(a.split(".")[3]) < 128 else "FR" if a.startswith("203.0.113.") else None
        asn = lambda a: 64500 if a.startswith("198.51.100.") else None
        wanted = self.plainly(flows, lambda f: [(f["sensor"], c) for c in {country(f["src"]), country(f["dst"])}])
        rows = self.rows("top", "--by", "country", "--limit", "0")
        self.assertEqual({(r["sensor"], r.get("country")): (r["flows"], r["packets"], r["bytes"]) for r in rows}, wanted)
        self.assertIn("FR", {r.get("country") for r in rows})
        rows = self.rows("top", "--by", "src_country,dst_asn", "--sort", "distinct dst_country", "--limit", "0")
        wanted = self.plainly(flows, lambda f: [(f["sensor"], country(f["src"]), asn(f["dst"]))])
        self.assertEqual({(r["sensor"], r.get("src_country"), r.get("dst_asn")): (r["flows"], r["packets"], r["bytes"]) for r in rows},
                         wanted)
        self.assertEqual(self.pavo("series", "--by", "asn", "--table")[0], 0)
        path = lambda name: os.path.join(self.folder, name)
        open(path("asn.mmdb"), "wb").close()  # what was opened is read, whatever is written over it meanwhile
        self.assertEqual(self.rows("top", "--by", "src_country,dst_asn", "--sort", "distinct dst_country", "--limit", "0"), rows)
        geo_file.write(path("asn.mmdb"), "GeoLite2-ASN", {})
        geo_file.write(path("other.mmdb"), "Example-Anonymous-IP", {})
        for files, sentence in ((["keys/aggregator.key"], "is no MaxMind file"), (["nothing.mmdb"], "No such file"),
                                (["other.mmdb"], "type 'Example-Anonymous-IP': neither countries nor AS numbers"),
                                (["asn.mmdb", "asn.mmdb"], "another file has AS numbers already")):
            done = subprocess.run([AGGREGATOR, "--data", path("other"), "--keys", path("keys"),
                                   *(word for file in files for word in ("--geo", path(file)))],
                                  capture_output=True, text=True, timeout=PATIENCE, env=self.environment)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(sentence, done.stderr)
            self.assertIn(files[0], done.stderr)

    def test_new(self):
        flows = self.rows("flows", "sensor inner")
        first, last = min(f["first_time"] for f in flows), max(f["first_time"] for f in flows)
        self.assertLess(first, last)
        ends = lambda some: {end for f in some for end in (f["src"], f["dst"])}
        keys = {"hosts": lambda r: r["host"], "pairs": lambda r: (r["src"], r["dst"]), "ports": lambda r: (r["protocol"], r["dst_port"])}
        plain = {"hosts": ends, "pairs": lambda some: {(f["src"], f["dst"]) for f in some},
                 "ports": lambda some: {(f["protocol"], f["dst_port"]) for f in some}}
        for at in sorted({f["first_time"] for f in flows})[1:]:
            for what in keys:
                status, rows, coverage = self.answer("new", what, "--from", at, "--filter", "sensor inner")
                now = plain[what]([f for f in flows if f["first_time"] >= at])
                before = plain[what]([f for f in flows if f["first_time"] < at])
                self.assertEqual({keys[what](r) for r in rows}, now - before, (what, at))
                self.assertIn("the store begins at 2023-11-14T22:13:20", coverage["gaps"][0]["reason"])
        status, rows, coverage = self.answer("new", "services", "--from", first, "--before", "1d")
        self.assertIn("all is new", coverage["gaps"][0]["reason"])
        self.assertNotIn(445, {r["dst_port"] for r in rows})  # nobody answered there
        self.assertIn(443, {r["dst_port"] for r in rows})
        status, _, err = self.pavo("new", "hosts")
        self.assertEqual(status, 2)
        self.assertIn("from", err)

    def test_series_by_the_hour_is_series_by_flows(self):
        flows = self.rows("flows")
        wanted = self.plainly(flows, lambda f: [f["sensor"]])
        for step in "1h", "1d", "90m", "1s":
            rows = self.rows("series", "--step", step)
            for sensor, sums in wanted.items():
                mine = [r for r in rows if r["sensor"] == sensor]
                self.assertEqual(tuple(sum(r[name] for r in mine) for name in ("flows", "packets", "bytes")), sums, step)
        for words in (), ("dst port 443",), ("udp or sensor outer",), ("not dst port 443",), ("src port 51544",):
            for by in "protocol", "service":
                self.assertEqual(*({(r["sensor"], r["protocol"], r.get("dst_port")): r["bytes"]
                                    for r in self.rows("series", "--step", step, "--by", by, *words)} for step in ("1h", "61m")))
        cut = self.rows("series", "--from", "2023-11-14T22:13:20.2Z", "--to", "2023-11-14T22:13:21Z", "sensor inner")
        late = [f for f in flows if f["sensor"] == "inner" and f["first_time"] >= "2023-11-14T22:13:20.2"]
        self.assertEqual(sum(r["flows"] for r in cut), len(late))
        self.assertEqual(self.pavo("series", "--step", "0s")[0], 2)

    def test_series_as_a_picture(self):
        """The command, the coverage, the answer; in the terminal, and as SVG that others can read."""
        status, out, err = self.pavo("series", "--by", "protocol", "--step", "1s", "--measure", "packets")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^\$ pavo series (.*\n)Not seen: nothing is known to be missing in that time\.\n\n"
                              r"packets in each 1s, 2023-11-14 22:13:20 to 22:13:21 UTC\n")
        self.assertRegex(out, r"(?m)^inner tcp: 9$")
        self.assertRegex(self.pavo("series", "--by", "dst/16", "--step", "1s", "--measure", "distinct dst_port, bps")[1],
                         r"\ndistinct.dst.port in each 1s, (.*\n)+inner 198\.51\.0\.0/16: ")
        file = os.path.join(self.folder, "series")
        status, out, err = self.pavo("series", "--step", "100ms", "-o", file + ".svg")
        self.assertEqual((status, out, err), (0, "", ""))
        picture = xml.dom.minidom.parse(file + ".svg").documentElement
        self.assertEqual(picture.tagName, "svg")
        self.assertRegex(picture.getElementsByTagName("text")[0].firstChild.data, r"^\$ pavo series ")
        self.assertEqual([rect for rect in picture.getElementsByTagName("rect")
                          if rect.getAttribute("class") in ("pv-loss", "pv-wait")], [])
        status, out, err = self.pavo("series", "-o", file + ".png")
        if shutil.which("rsvg-convert") is None:
            self.assertEqual(status, 2)
            self.assertIn("librsvg2-bin", err)
        else:
            with open(file + ".png", "rb") as png:
                self.assertEqual((status, png.read(4)), (0, b"\x89PNG"))
        self.assertRegex(self.pavo("series", "--table")[1], r"^TIME +SENSOR ")
        help_text = self.pavo("series", "--help")[1]
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/man/pavo.1")) as manual:
            part = re.split(r"(?m)^\.Ss ", manual.read())
        part = next(text for text in part if text.startswith("pavo series"))
        for option in "output", "measure", "table", "step":
            self.assertIn(f"--{option}", help_text)
            self.assertIn(f"Fl -{option}", part)

    def test_report(self):
        status, out, err = self.pavo("report", "day", "2023-11-14")
        self.assertEqual((status, err), (0, ""))
        commands = re.findall(r"(?m)^\$ pavo (.*)$", out)
        self.assertEqual([command.split()[0] for command in commands],
                         ["series", "top", "top", "top", "new", "losses", "sensors", "boundaries"])
        for command in commands:  # each can be asked alone
            self.assertIn(self.pavo(*shlex.split(command))[0], (4,) if command.startswith("new ") else (0, 1), command)
        self.assertRegex(out, r"(?s)\nTop talkers\n.*\n *inner .* 10\.0\.1\.17 .*\nServices\n")
        self.assertRegex(out, r"(?s)\nAttempts\n.*'state S0 or state REJ'\n.*\n *inner .* 10\.0\.1\.17 .*\nLosses\n.*\nNothing\.\n")
        file = os.path.join(self.folder, "day.html")
        status, out, err = self.pavo("report", "day", "2023-11-14", "host 10.0.1.17", "-o", file)
        self.assertEqual((status, out, err), (0, "", ""))
        page = xml.dom.minidom.parse(file).documentElement
        self.assertEqual([h.firstChild.data for h in page.getElementsByTagName("h2")],
                         ["Volumes", "Top talkers", "Services", "Attempts", "New services", "Losses", "Sensors", "Boundaries"])
        self.assertEqual(page.getElementsByTagName("script"), [])
        self.assertEqual(len(page.getElementsByTagName("code")), 8)
        self.assertEqual([svg.getAttribute("class") for svg in page.getElementsByTagName("section")[0].getElementsByTagName("svg")],
                         ["pv"])
        self.assertEqual(self.pavo("report", "day", "2023-11-13")[0], 4, "the store begins later, and says so")

    def test_find_counts_a_connection_once(self):
        """Whichever of its views matches, the row is the same; the volume is that of one view."""
        whole, = self.rows("find", "host 203.0.113.5 and tcp")
        self.assertEqual([whole], self.rows("find", "src host 10.0.1.17 and dst port 443"))
        self.assertEqual([whole], self.rows("find", "sensor outer and port 40312"))
        inner, = self.rows("flows", "sensor inner and port 51544")
        for name in ("src", "src_port", "dst", "first_time", "src_bytes", "dst_bytes", "src_packets", "state", "sensor", "flow"):
            self.assertEqual(whole[name], inner[name], name)
        self.assertEqual((whole["sensors"], whole["post_nat_src"], whole["post_nat_src_port"], whole["partner_sensor"]),
                         ("inner,outer", "203.0.113.5", 40312, "outer"))
        self.assertEqual(len(self.rows("find")), 3)
        self.assertEqual(len(self.rows("find", "--views")), 5)
        name = lambda row: (row["sensor"], row["flow"])
        self.assertEqual(sorted(self.rows("find", "--records"), key=name), sorted(self.rows("flows"), key=name))

    def test_find_time_and_limit(self):
        self.assertEqual(len(self.rows("find", "--from", "2023-11-14T22:13:20.4Z")), 1)
        self.assertEqual(len(self.rows("find", "--records", "--to", "2023-11-14T22:13:20.4Z")), 4)
        self.assertEqual(len(self.rows("find", "--to", "2023-11-14T22:13:20.4Z")), 2)
        for question in ("find", "flows", "links", "verdicts", "statuses"):  # one meaning of it everywhere
            status, rows, coverage = self.answer(question, "--limit", "1")
            self.assertEqual((question, status, len(rows), coverage["state"]), (question, 0, 1, "whole"))
            self.assertEqual([gap["gap"] for gap in coverage["gaps"]], ["limit"], question)
        status, out, err = self.pavo("find", "--limit", "2")
        self.assertEqual((status, len(out.splitlines()), err), (0, 3, "pavo: --limit 2 reached: there are more\n"))
        status, out, err = self.pavo("find", "--limit", "3")
        self.assertEqual((status, len(out.splitlines()), err), (0, 4, ""))
        self.assertEqual([len(self.rows("find", "--limit", limit)) for limit in ("0", "3", "4")], [3, 3, 3])

    def test_find_nothing(self):
        status, out, err = self.pavo("find", "host 192.0.2.99")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err, "pavo: no connection found\n")
        for question in ("find", "flows", "links"):
            status, out, err = self.pavo(question, "tcp", "and", "sensor", "iner")
            self.assertEqual((status, out), (1, ""), question)
            self.assertIn("pavo: no sensor 'iner' is known; did you mean 'inner'?\n", err)
        self.assertIn("pavo: no sensor 'nosuch' is known; there are inner, outer\n", self.pavo("find", "sensor nosuch or port 1")[2])

    def test_usage(self):
        status, _, err = self.pavo("find", "host", "and", "tcp")
        self.assertEqual(status, 2)
        self.assertIn("'host' needs a value", err)
        self.assertIn("  host and tcp\n       ^", err)
        for arguments, words in (
            (["fin"], "did you mean 'find'"),
            (["verdict"], "did you mean 'verdicts'"),
            (["find", "--form", "1"], "did you mean '--from'"),
            (["find", "--from", "yesterday-ish"], "--from: "),
            (["find", "--from", "22:60"], "--from: '22:60': minutes go from 00 to 59, not 60\n  --from 22:60\n            ^"),
            (["find", "--from", "now", "--to", "-1h"], "--from is after --to: "),
            (["links", "--from", "2026-11-24", "--to", "2026-11-23"], "--from is after --to: "),
            (["verdicts", "--from", "05/11/2026"], "5 November or 11 May"),
            (["nat", "10.0.0.1", "--at", "10m"], "'-10m' or '10m ago'"),
            (["find", "--limit", "many"], "  --limit many\n          ^"),
            (["find", "--json", "--csv"], "choose one"),
            (["nat"], "one address was expected"),
            (["nat", "10.0.0.1:99999"], "  10.0.0.1:99999\n"),
            (["nat", "10.0.0.1", "--protocol", "tpc"], "  --protocol tpc\n"),
            (["nat", "10.0.0.1", "--slack", "5x"], "  --slack 5x\n"),
            (["verdicts", "--limti", "5"], "did you mean '--limit'"),
            (["verdicts", "verdict", "blokced"], "^"),
            (["boundaries", "nat"], "takes no argument"),
            (["questions", "verdict"], "did you mean 'verdicts'"),
            (["replay", "--topic", "flow", "--after", "0"], "pavo watch"),
            (["sensors", "all"], "takes no argument"),
            (["watch", "--csv"], "choose one"),
            (["watch", "--from", "-1h"], "watch has no --from: --from-start"),
            (["find", "--fro", "-1h"], "did you mean '--from'"),
            (["watch", "verdict translated"], "of verdict records that is a filter: --topic verdict"),
            (["watch", "--topic", "loss", "loss foo"], "\n  loss foo\n"),
            (["sign", "foo"], "this is no challenge"),
            (["sign", "foo", "--for", "13h"], "from 1s to 12h"),
            (["watch", "--topic", "flows"], "did you mean 'flow'"),
            (["watch", "port eighty"], "'eighty' is not a port"),
        ):
            status, out, err = self.pavo(*arguments)
            self.assertEqual((status, out), (2, ""), (arguments, err))
            self.assertIn(words, err)

    def test_nat(self):
        status, out, _ = self.pavo("nat", "203.0.113.5:40312", "--at", "2023-11-14 22:13:20")
        self.assertEqual(status, 0)
        text = " ".join(out.split())
        self.assertIn("203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443\n", out)
        self.assertRegex(text, r"tcp, SF, from 2023-11-14 22:13:20.000000 to .*; \d+ B sent in 5 packets, \d+ B received in 3 ")
        self.assertRegex(text, r"linked by both sequence numbers, confidence [\d.]+ %; agreeing: ")
        self.assertRegex(text, r"at boundary nat: seen inside by inner \(flow \d+\), outside by outer \(flow \d+\)")
        self.assertIn("Not seen: nothing is known to be missing", out)

    def test_nat_at_what_was_written(self):
        """A minute without seconds is that minute: the connection is of 22:13:20, and the store holds nothing before."""
        for when, slack, status in (("2023-11-14 22:13", "5s", 0), ("2023-11-14 22:13:00", "5s", 4),
                                    ("14/Nov/2023:22:13:20 +0000", "0s", 0), ("Tue, 14 Nov 2023 17:13:20 -0500", "0s", 0),
                                    ("1700000000", "0s", 0), ("2023-11-14T22:13:20.000Z", "0s", 0),
                                    ("2023-11-14 22:12", "20s", 4), ("2023-11-14 22:12", "21s", 0)):
            self.assertEqual(self.pavo("nat", "203.0.113.5:40312", "--at", when, "--slack", slack)[0], status, when)
        coverage = self.answer("nat", "203.0.113.5:40312", "--at", "2023-11-14 22:13")[2]
        self.assertIn(" --at 2023-11-14T22:13Z ", coverage["command"])

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
        status, (row,), _ = self.answer("nat", "10.0.1.17:51545")
        self.assertEqual((status, "partner_sensor" in row), (1, False))

    def test_nat_unknown(self):
        status, out, _ = self.pavo("nat", "203.0.113.99:1", "--at", "2020-01-01T00:00:00Z")
        self.assertEqual(status, 4, "it may have been, before there was a store")
        self.assertIn("none was seen on one side either", out)
        self.assertRegex(out, r"Not seen:\n(.*\n)*  nothing of that time is in the store, which holds flows from 2023-11-14")
        for arguments in (["nat", "203.0.113.99:1", "--at", "2020-01-01T00:00:00Z"], ["find", "--to", "2020-01-01T00:00:00Z"]):
            self.assertEqual(self.pavo(*arguments, "--csv")[0], 4)
            self.assertEqual(self.answer(*arguments)[:2], (4, []))
        self.assertEqual(self.pavo("nat", "203.0.113.99:1")[0], 1)

    def test_nat_json(self):
        status, (row,), coverage = self.answer("nat", "203.0.113.5:40312")
        self.assertEqual((status, coverage["state"]), (0, "whole"))
        self.assertEqual((row["src"], row["src_port"]), ("10.0.1.17", 51544))
        self.assertEqual((row["post_nat_src"], row["post_nat_src_port"]), ("203.0.113.5", 40312))
        self.assertEqual((row["sensor"], row["partner_sensor"]), ("inner", "outer"))
        self.assertAlmostEqual(sum(term["weight"] for term in row["terms"]), row["odds"], places=3)

    def test_links(self):
        status, out, _ = self.pavo("links", "--utc", "tcp")
        self.assertEqual(status, 0)
        heading, line = out.splitlines()
        self.assertRegex(heading, r"^TIME +BOUNDARY +.*PROTO +SOURCE +DESTINATION +SOURCE OUTSIDE +DESTINATION OUTSIDE")
        self.assertRegex(line, r"^2023-11-14T22:13:20\.000000Z nat .*tcp +10\.0\.1\.17:51544 +198\.51\.100\.9:443 "
                               r"+203\.0\.113\.5:40312 +198\.51\.100\.9:443 +source +[\d.]+ % sequence_numbers$")
        links = self.rows("links")
        self.assertEqual(sorted(link["protocol"] for link in links), [6, 17])
        self.assertEqual({link["verdict"] for link in links}, {"translated"})

    def test_sensors(self):
        status, out, err = self.pavo("sensors")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"(?m)^inner +ended +.* 11 +11 +0 +3 +3 +0 +0 ")
        self.assertRegex(out, r"(?m)^Intake: connections accepted \d+, ")
        self.assertRegex(out, r"(?m)^nat +inner +outer +2 +")
        self.assertNotIn("INVARIANT", out)
        _, rows, _ = self.answer("sensors")
        inner = [row for row in rows if row["sensor"] == "inner"]
        self.assertEqual((inner[0]["made"], inner[0]["committed"]), (3, 3))
        rows = list(csv.DictReader(self.pavo("sensors", "--csv")[1].splitlines()))
        self.assertIn(("inner", "11"), [(row["sensor"], row["offered"]) for row in rows])
        self.assertEqual(self.rows("boundaries")[0]["linked"], 2)
        self.assertEqual({row["sensor"] for row in self.rows("interfaces")}, {"inner", "outer"})
        self.assertIn("counter", self.rows("intake")[0])

    def test_questions(self):
        status, out, _ = self.pavo("questions")
        self.assertEqual(status, 0)
        for question in ("find", "links", "nat", "verdicts", "losses", "sensors", "kinds", "challenge"):
            self.assertRegex(out, rf"(?m)^  {question} +\w")
        parameters = {row["name"] for row in self.rows("questions", "verdicts") if row["part"] == "parameter"}
        self.assertEqual(parameters, {"filter", "from", "to", "limit", "columns"})
        status, out, _ = self.pavo("verdicts", "--help")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"Usage: pavo verdicts \[OPTION\]\.\.\. \[FILTER\]\n")
        self.assertRegex(self.pavo("kinds", "--help")[1], r"Usage: pavo kinds \[OPTION\]\.\.\. \[\w+\]\n")
        self.assertRegex(self.pavo("challenge", "--help", key=os.path.join(self.folder, "console.key"))[1],
                         r"Usage: pavo challenge \[OPTION\]\.\.\. READER\n")
        self.assertRegex(out, r"--from TIME")
        self.assertRegex(out, r"(?m)^boundary \(")
        self.assertLess(out.index("--from TIME"), out.index("Columns:"))
        self.assertEqual({row["record"] for row in self.rows("kinds")},
                         {"flow", "verdict", "binding", "loss", "status", "alert"})

    def test_completion_asks_the_aggregator(self):
        """What its names, boundaries and questions are, the shell offers (and test_completion.py what needs none of it)."""
        completion = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy/completion/pavo")
        script = (f"source {completion}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _pavo_complete; "
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")

        def offered(*words):
            done = subprocess.run(["bash", "-c", script, "bash", "pavo", "-a", self.at, "-k", self.key, *words], check=True,
                                  capture_output=True, text=True, timeout=PATIENCE,
                                  env={**self.environment, "PATH": os.path.dirname(PAVO) + ":" + os.environ["PATH"]})
            return done.stdout.split()

        self.assertEqual(offered("find", "sensor", ""), ["inner", "outer"])
        self.assertEqual(offered("verdicts", "boundary", ""), ["nat"])
        self.assertEqual(offered("verd"), ["verdicts"])
        self.assertEqual(offered("links", "--li"), ["--limit"])
        self.assertEqual(offered("verdicts", "--li"), ["--limit"])
        self.assertEqual(offered("find", "src_tcp_f"), ["src_tcp_flags"])
        self.assertEqual(offered("find", "--columns", "src_tcp_f"), ["src_tcp_flags"])

    def test_find_by_what_became_of_it(self):
        """Words of verdicts choose rows of find as a plain reading of all rows does."""
        everything = self.rows("find")
        chosen = {
            "verdict translated": lambda row: row.get("verdict") == "translated",
            "verdict translated or verdict blocked_or_local": lambda row: row.get("verdict") in ("translated", "blocked_or_local"),
            "verdict != translated": lambda row: row.get("verdict", "translated") != "translated",
            "linked": lambda row: "post_nat_src" in row,
            "not linked": lambda row: "post_nat_src" not in row,
            "nat": lambda row: row.get("translated") in ("source", "destination", "both"),
            "boundary nat": lambda row: row.get("boundary") == "nat",
            "known boundary and tcp": lambda row: "boundary" in row and row["protocol"] == 6,
            "post_nat_src 203.0.113.5": lambda row: row.get("post_nat_src") == "203.0.113.5",
            "post_nat_src 203.0.113.5 and post_nat_src_port 40312": lambda row: row.get("post_nat_src_port") == 40312,
            "tcp and verdict translated": lambda row: row["protocol"] == 6 and row.get("verdict") == "translated",
            "dst port 443 and (linked and confidence > 50)": lambda row: row["dst_port"] == 443 and row.get("confidence", 0) > 0.5,
            f'community_id "{everything[0]["community_id"]}" and (linked or not linked)':
                lambda row: row["community_id"] == everything[0]["community_id"],
        }
        for text, matches in chosen.items():
            self.assertEqual(self.rows("find", text), [row for row in everything if matches(row)], text)
        self.assertEqual(len(self.rows("find", "nat")), 2)
        self.assertEqual(len(self.rows("find", "nat", "--limit", "1")), 1)
        views = self.rows("find", "--views")
        for text, side in (("side outside", "outside"), ("side inside", "inside")):
            self.assertEqual(self.rows("find", "--views", text), [row for row in views if row.get("side") == side])
        for command, text, said in (("find", "tcp or verdict translated", "behind `and`"), ("find", "not (tcp and nat)", "behind `and`"),
                                    ("find", "inside", "side inside"), ("top", "verdict translated", "pavo verdicts")):
            status, out, err = self.pavo(command, text)
            self.assertEqual((status, out), (2, ""), text)
            self.assertIn(said, err)

    def test_habits_of_other_tools(self):
        """Each command of docs/from-argus.md and docs/from-nfdump.md is taken, and of the servers' each option is theirs."""
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
        work = tempfile.mkdtemp(dir=self.folder)
        with open(os.path.join(work, "FILE"), "w", encoding="utf-8") as file:
            file.write("10.0.1.17\n203.0.113.0/24\n")
        for page in ("from-argus.md", "from-nfdump.md"):
            with open(os.path.join(root, "docs", page), encoding="utf-8") as file:
                rows = [line.split(" | ") for line in file if line.startswith("| `")]
            self.assertGreaterEqual(len(rows), 30)
            for _, cell, note in rows:
                program, *words = shlex.split(re.fullmatch(r"`(.*)`", cell)[1])
                if program == "pavo":
                    done = subprocess.run([os.path.abspath(PAVO), "--aggregator", self.at, "--key", self.key, *words], capture_output=True, text=True,
                                          timeout=PATIENCE, env=self.environment, cwd=work)
                    self.assertNotIn("Sanitizer", done.stderr)
                    if "--geo" in note and done.returncode == 2:  # this aggregator has none, and says so
                        self.assertIn("--geo", done.stderr)
                        continue
                    self.assertIn(done.returncode, (0, 1, 4), f"{page}: {cell}: {done.stderr}")
                else:
                    said = subprocess.run([{"pavo-sensor": SENSOR, "pavo-aggregator": AGGREGATOR}[program], "--help"],
                                          capture_output=True, text=True, check=True).stdout
                    for word in words:
                        if word.startswith("-"):
                            self.assertRegex(said, rf"(?m)^ +(-., )?{word}[ ,]", f"{page}: {cell}")

    def test_kinds_of_record(self):
        self.assertEqual(self.answer("verdicts", "verdict translated")[2]["rows"], 2)
        bindings = self.rows("bindings", "--from", "2023-11-14T22:00:00Z")
        self.assertIn(("10.0.1.17", 51544, "203.0.113.5", 40312),
                      [(b["inside"], b["inside_port"], b["outside"], b["outside_port"]) for b in bindings])
        self.assertEqual({row["sensor"] for row in self.rows("statuses")}, {"inner", "outer"})
        self.assertEqual(self.answer("losses")[:2], (1, []))
        self.assertEqual(self.answer("alerts")[:2], (1, []))

    def test_watch(self):
        status, out, err = self.pavo("watch", "--from-start", "--limit", "2", "tcp and state SF")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"inner +tcp +10\.0\.1\.17:51544 > 198\.51\.100\.9:443  SF  5/3 packets")
        status, out, _ = self.pavo("watch", "--from-start", "--topic", "verdict", "-n", "2", "verdict translated")
        self.assertEqual(status, 0)
        self.assertIn("inner tcp 10.0.1.17:51544 > 198.51.100.9:443  translated; outside 203.0.113.5:40312 > 198.51.100.9:443", out)
        status, out, _ = self.pavo("watch", "--from-start", "--topic", "status", "-n", "1", "--json")
        self.assertEqual((status, json.loads(out)["event"]), (0, "status"))
        status, out, _ = self.pavo("watch", "--from-start", "--topic", "binding", "-n", "1", "--csv")
        row, = csv.DictReader(out.splitlines())
        self.assertEqual((status, row["boundary"], row["inside"]), (0, "nat", "10.0.1.17"))

    def test_watch_top(self):
        status, out, err = self.pavo("watch", "--from-start", "--top", "service", "--every", "5s", "--limit", "1", "sensor inner")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r" UTC: 3 records\nSENSOR PROTO PORT FLOWS PACKETS BYTES\ninner  tcp   443      1       8 362 B\n"
                              r"inner  udp   53       1       2 118 B\ninner  tcp   445      1       1  40 B\n\n$")

    def test_watch_interrupted(self):
        """Ctrl-C ends it with whole lines and an exit status."""
        process = subprocess.Popen([PAVO, "--aggregator", self.at, "--key", self.key, "watch", "--from-start", "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        try:
            self.assertEqual(json.loads(process.stdout.readline())["event"], "flow")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            if process.poll() is None:
                process.kill()
        self.assertEqual((process.returncode, err), (0, ""))
        for line in out.splitlines():
            json.loads(line)

    def test_delegated_session(self):
        """A console asks in the reader's name on the reader's signature, and never has the reader's key."""
        console = os.path.join(self.folder, "console.key")
        status, _, err = self.pavo("find", key=console)
        self.assertEqual(status, 3, err)
        _, (row,), _ = self.answer("challenge", "--reader", "analyst", key=console)
        status, signature, err = self.pavo("sign", row["challenge"], "--for", "1h")
        self.assertEqual((status, err), (0, ""))
        _, (session,), _ = self.answer("delegate", "--reader", "analyst", "--challenge", row["challenge"], "--signature",
                                       signature.strip(), key=console)
        self.assertEqual(session["reader"], "analyst")
        ask = """import pavo, sys
with pavo.Aggregator(sys.argv[1], key_file=sys.argv[2], session=sys.argv[3]) as console:
    print(len(list(console.ask("links"))))
    console.act_for(None)
    try:
        list(console.ask("links"))
    except pavo.Error as error:
        print(error)
"""
        done = subprocess.run([sys.executable, "-c", ask, self.at, console, session["session"]], capture_output=True, text=True,
                              env=self.environment, timeout=PATIENCE)
        self.assertEqual(done.stderr, "")
        self.assertRegex(done.stdout, r"^2\n.*only in a session that a reader has delegated")
        status, _, err = self.pavo("delegate", "--reader", "analyst", "--challenge", row["challenge"], "--signature",
                                   signature.strip(), key=console)
        self.assertNotEqual(status, 0, "a challenge is good once")

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

    def check_ask(self, *command):
        done = subprocess.run([*command, self.at, self.key, "203.0.113.5:40312"], capture_output=True, text=True,
                              env=self.environment, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443\n", done.stdout)

    def check_follow(self, *command):
        """It begins with the oldest there is, and when it is started again, where it was."""
        position = os.path.join(self.folder, "position" + os.path.basename(command[-1]))
        process = subprocess.Popen([*command, self.at, self.key, position], stdout=subprocess.PIPE, text=True,
                                   env=self.environment)
        try:
            verdicts = [json.loads(process.stdout.readline()) for _ in range(2)]
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)
        self.assertEqual({verdict["boundary"] for verdict in verdicts}, {"nat"})

    def test_examples_that_ask(self):
        self.check_ask(ASK_C)
        self.check_ask(sys.executable, ASK_PY)

    def test_examples_that_follow(self):
        self.check_follow(FOLLOW_C)
        self.check_follow(sys.executable, FOLLOW_PY)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
