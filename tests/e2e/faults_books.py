# SPDX-License-Identifier: Apache-2.0
"""The books of tests/e2e/faults: what each life of a sensor must have made, what the journal says was committed, and
what is found by asking.

Every life reads the same capture as its sensor's other lives, moved to a time of its own; so what it makes is known
before, record by record (`pavo-sensor --print --json`), and an answer's times say whose life it was.
"""

import collections
import datetime
import ipaddress
import json
import random
import struct
import subprocess

import conversation
import pavo

CONNECTIONS = 300
LONG = 20  # flows of many records each, which become one an hour when segments are merged
LONG_PACKETS = 14  # of 1, 2, 4 ... bytes: how many bytes a record has tells which of them are in it
SPAN = 120  # seconds between the beginnings of two lives, by their packets
NS = 10**9
TIMES = ("first_time", "last_time")
IDENTITY = ("flow", "report", "protocol", "src", "src_port", "dst", "dst_port", "first_time", "community_id")


class Broken(Exception):
    """The books do not close."""


def nanoseconds(text):
    moment, _, fraction = text.rstrip("Z").partition(".")
    whole = datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.timezone.utc)
    return int(whole.timestamp()) * NS + int(fraction.ljust(9, "0"))


def connections(chance, inside):
    """Packets (seconds, bytes) of clients behind a NAT, as on one side of it; the same `chance` makes the same ones."""
    packets = []
    for number in range(CONNECTIONS):
        begin, host = chance.uniform(0, 60), f"10.1.{chance.randrange(4)}.{chance.randrange(1, 250)}"
        port, outer, server = chance.randrange(1024, 65536), 1024 + number, f"198.51.100.{chance.randrange(1, 250)}"
        c, s, size = chance.getrandbits(31), chance.getrandbits(31), chance.randrange(1, 1200)
        body, delay = chance.randbytes(size), chance.uniform(0.0001, 0.2)
        kind = chance.random()
        if not inside:
            host, port = "203.0.113.1", outer
        if kind < 0.4:  # a question and its answer
            steps = [conversation.udp(host, port, server, 53, body), conversation.udp(server, 53, host, port, body, 57)]
        elif kind < 0.6:  # nobody answers
            steps = [conversation.tcp(host, port, server, 22, c, 0, 2)]
        else:
            end = c + 1 + size
            steps = [conversation.tcp(host, port, server, 443, c, 0, 2),
                     conversation.tcp(server, 443, host, port, s, c + 1, 18, ttl=57),
                     conversation.tcp(host, port, server, 443, c + 1, s + 1, 24, body),
                     conversation.tcp(server, 443, host, port, s + 1, end, 24, body[::-1], 57),
                     conversation.tcp(host, port, server, 443, end, s + 1 + size, 17),
                     conversation.tcp(server, 443, host, port, s + 1 + size, end + 1, 17, ttl=57),
                     conversation.tcp(host, port, server, 443, end + 1, s + 2 + size, 16)]
        packets += [(begin + delay * n + (0 if inside else 0.00003), step) for n, step in enumerate(steps)]
    for number in range(LONG):
        begin, host, port = chance.uniform(0, 5), f"10.1.9.{number + 1}", 2000 + number
        if not inside:
            host, port = "203.0.113.1", 60000 + number
        packets += [(begin + 4 * n + (0 if inside else 0.00003), conversation.udp(host, port, "198.51.100.251", 4500, bytes(1 << n)))
                    for n in range(LONG_PACKETS)]
    return sorted(packets)


class Capture:
    """One sensor's packets, and the records that they make."""

    def __init__(self, seed, inside, base, program, key, options):
        self.base = base  # whole seconds since 1970 of life 0
        self.packets = connections(random.Random(seed), inside)
        printed = subprocess.run([program, "-r", "-", "--print", "--json", "--key", key, *options], check=True, capture_output=True,
                                 input=b"".join([self.head(), *(packet for _, packet in self.moved(0))])).stdout
        rows = [json.loads(line) for line in printed.splitlines()]
        self.truth = {(row["flow"], row["report"]): self.core(row, 0) for row in rows}
        assert len(rows) == len(self.truth) > CONNECTIONS // 2, (len(rows), len(self.truth))
        counts = collections.Counter(row["flow"] for row in rows)
        self.parts = {flow: {} for flow, count in counts.items() if count > 1}  # of long flows: which packets, by report
        for row in rows:
            if row["flow"] in self.parts:
                self.parts[row["flow"]][row["report"]] = self.long_packets(row)
        assert len(self.parts) == LONG and all(min(parts.values()) > 0 for parts in self.parts.values()), self.parts

    @staticmethod
    def head():
        return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)  # raw IP

    def moved(self, number):
        """(seconds from the beginning, the packet as in the file) of a life."""
        for when, packet in self.packets:
            seconds, micros = divmod(round((self.base + number * SPAN + when) * 1e6), 10**6)
            yield when, struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet

    def number(self, row):
        return (nanoseconds(row["first_time"]) // NS - self.base) // SPAN

    @staticmethod
    def long_packets(row):
        """A bit for each packet of a long flow."""
        return row["src_bytes"] - 28 * row["src_packets"]

    def names(self, row):
        """The records that a row is made of: one, or several of a long flow, merged."""
        flow, parts, bits = row["flow"], self.parts.get(row["flow"]), self.long_packets(row)
        if parts is None or bits == 0:
            return [(flow, row["report"])]
        return [(flow, report) for report, of_report in parts.items() if of_report & bits]

    def may_hide_one(self, row):
        """A sensor that is told to end says of an open flow that it is over, be it without a packet since the record before.
        Merged with that, nobody sees whether there was such a record."""
        flow, bits = row["flow"], self.long_packets(row)
        last = self.names(row)[-1]
        return (flow in self.parts and bits > 0 and self.parts[flow][last[1]] & bits == self.parts[flow][last[1]]
                and row["end_reason"] != self.truth[last]["end_reason"] == self.truth[flow, 0]["end_reason"])

    def core(self, row, number):
        """What of a record is the same in every life: (all fields but the names of life and place)."""
        core = {k: v for k, v in row.items() if k not in ("sensor", "epoch", "interface_name")}
        if core["end_reason"] == "forced":
            core["end_reason"] = "idle"  # at the end of the packets, which of the two is a matter of when they come
        for name in TIMES:
            core[name] = nanoseconds(core[name]) - number * SPAN * NS
        return core


class Books:
    def __init__(self, journal, key, captures):
        self.journal, self.key, self.captures = journal, key, captures
        self.lives = {}  # (sensor, number): how it ended: None, "whole", "early", "killed"
        self.epochs = {}  # (sensor, epoch): number
        self.unsent = collections.Counter()  # (sensor, number): records that ended with the process
        self.lost = collections.Counter()  # (sensor, epoch): flows that a damaged frame of the journal took
        self.lost_losses = collections.Counter()
        self.frames = []  # damaged frames: journal.Batch
        self.touched = set()  # files of segments that were damaged once
        self.taken = 0  # answers in which something was missing for that, and said so

    def ask(self, question, **arguments):
        """(rows as JSON has them, coverage)"""
        with pavo.Aggregator("127.0.0.1", key_file=self.key, timeout=60) as aggregator:
            answer = aggregator.ask(question, **arguments)
            rows = [json.loads(pavo.dumps(row)) for row in answer]
            return rows, answer.coverage

    def forget(self, frame):
        """A frame of the journal was damaged on purpose: what it holds may be missing from now on."""
        self.frames.append(frame)
        self.lost[frame.sensor, frame.epoch] += frame.rows["flow"]
        self.lost_losses[frame.sensor, frame.epoch] += frame.rows["loss"]

    def names_frame(self, key, coverage):
        """An answer says that a file with a damaged frame of that life is damaged (invariant 10)."""
        files = {frame.file for frame in self.frames if (frame.sensor, frame.epoch) == key}
        return any(file in gap.reason for gap in coverage.gaps for file in files)

    def check_named(self, coverage, damaged):
        """Nothing is called damaged that was not damaged here."""
        files = {frame.file for frame in self.frames}.union(damaged, self.touched)
        for gap in coverage.gaps:
            if gap.kind == "damaged" and not any(file in gap.reason for file in files):
                raise Broken(f"called damaged, and nobody did anything to it: {gap}; damaged were {sorted(files)}")

    def flows(self, sensor, low, high):
        """Asks for the flows of some lives: ({epoch: {name: row}}, {epoch: how many records more there may be in them},
        coverage)."""
        capture, found, hidden = self.captures[sensor], collections.defaultdict(dict), collections.Counter()
        begin = (capture.base + low * SPAN - 1) * NS
        rows, coverage = self.ask("flows", filter=f"sensor {sensor}", from_=begin, to=begin + (high - low) * SPAN * NS)
        for row in rows:
            number = capture.number(row)
            if row["sensor"] != sensor or not low <= number < high:
                raise Broken(f"a flow that was not asked for: {row}")
            for name in capture.names(row):
                if name in found[row["epoch"]]:
                    raise Broken(f"twice: {sensor}/{row['epoch']} flow {name}")
                found[row["epoch"]][name] = row
            hidden[row["epoch"]] += capture.may_hide_one(row)
            if self.epochs.setdefault((sensor, row["epoch"]), number) != number:
                raise Broken(f"{sensor}/{row['epoch']} has flows of lives {number} and {self.epochs[sensor, row['epoch']]}")
            self.same(capture, row, number, self.lives.get((sensor, number)))
        return found, hidden, coverage

    @staticmethod
    def same(capture, row, number, ended):
        core, true = capture.core(row, number), capture.truth.get((row["flow"], row["report"]))
        names, same = capture.names(row), IDENTITY
        if len(names) > 1:
            wanted = sum(capture.parts[row["flow"]][report] for _, report in names)
            if row["report"] != names[0][1] or (ended != "early" and capture.long_packets(row) != wanted):
                raise Broken(f"not what was merged: {row['sensor']}/{row['epoch']} {names}: {row}")
        elif row["flow"] in capture.parts and capture.long_packets(row) == 0 and ended == "early":
            true = capture.truth.get((row["flow"], 0))  # there may be no such report
            same = [name for name in IDENTITY if name not in ("report", "first_time")]
        if true and (len(names) > 1 or ended == "early"):  # what was open, or over and lingering, when it was told to end
            core, true = ({k: record[k] for k in same} for record in (core, true))
        if core != true:
            wrong = {k: (v, (true or {}).get(k)) for k, v in core.items() if (true or {}).get(k) != v}
            raise Broken(f"not as it was made: {row['sensor']}/{row['epoch']} flow {row['flow']}: {wrong}")

    def check(self, sensor, low, high, damaged=()):
        """The lives [low, high) of a sensor. `damaged`: files that are damaged now; what is missing must be named after
        one of them. Returns how many records are missing for that."""
        ended = dict(self.lives)  # before the journal: a life that ends in between has committed more than is seen here
        self.journal.look()
        before, twice = self.journal.sums()
        if twice:
            raise Broken(f"committed twice: {twice[:5]}")
        found, hidden, coverage = self.flows(sensor, low, high)
        self.journal.look()
        after, _ = self.journal.sums()
        self.touched.update(damaged)
        self.check_named(coverage, damaged)
        named = " ".join(gap.reason for gap in coverage.gaps)
        absent = 0
        for name, epoch in list(self.epochs):
            if name != sensor or not low <= self.epochs[name, epoch] < high:
                continue
            number, key, count = self.epochs[name, epoch], (name, epoch), len(found.get(epoch, ()))
            least, most = (sums.get(key, {"flow": 0})["flow"] for sums in (before, after))
            what = f"{name}/{epoch} (life {number}): {count} found, {least} to {most} committed"
            if count > most:
                raise Broken(f"{what}: too many")
            count = min(count + hidden[epoch], most)
            if count + self.lost[key] < least:
                if not any(file in named for file in damaged):
                    raise Broken(f"{what}, {self.lost[key]} of them in damaged frames; damaged now {damaged}; "
                                 f"the answer names: {named or 'nothing'}")
                absent += least - count
            elif count < least:
                self.taken += 1
                if not self.names_frame(key, coverage):
                    raise Broken(f"{what}: no answer names the damaged frame that they were in; {named or 'nothing'}")
            if ended.get((name, number)) == "whole":
                self.check_end(key, number, most)
        return absent

    def check_end(self, key, number, committed):
        life, truth = (key[0], number), len(self.captures[key[0]].truth)
        if committed + self.unsent[life] < truth:
            raise Broken(f"{key[0]}/{key[1]} (life {number}) ended well, made {truth} records, "
                         f"{self.unsent[life]} were not acknowledged, and only {committed} are committed")

    def check_all(self):
        """Everything there ever was."""
        for sensor in self.captures:
            numbers = [number for name, number in self.lives if name == sensor]
            for low in range(0, max(numbers, default=-1) + 1, 50):
                self.check(sensor, low, low + 50)
        sums, _ = self.journal.sums()
        unseen = [key for key, rows in sums.items()
                  if key[0] in self.captures and rows["flow"] > self.lost[key] and key not in self.epochs]
        if unseen:
            raise Broken(f"committed, and nothing of it is found: {unseen}")

    @staticmethod
    def told_by_teller(file):
        """({(epoch, sequence): text} of what was made, {(epoch, sequence)} that were acknowledged), so far."""
        made, acknowledged = {}, set()
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                if not line.endswith("\n"):
                    break  # being written, or it was killed there
                word, epoch, sequence, *text = json.loads(line)
                if word == "made":
                    made[epoch, sequence] = text[0]
                elif word == "acknowledged":
                    acknowledged.add((epoch, sequence))
                else:
                    raise Broken(f"rejected: {epoch} {sequence} {text}")
        return made, acknowledged

    def check_teller(self, file):
        """Losses with texts of all sorts, by a speaker that knows what was acknowledged."""
        _, acknowledged = self.told_by_teller(file)
        rows, coverage = self.ask("losses", filter="sensor teller")
        made, _ = self.told_by_teller(file)
        found = {}
        for row in rows:
            if row["loss"] == "records_died":
                continue  # the aggregator's own, of a life that was killed
            name = tuple(map(int, row["reason"].split(" ")[:2]))
            if name in found:
                raise Broken(f"twice: the loss {row}")
            found[name] = row["reason"]
            if row["epoch"] != name[0] or made.get(name) != row["reason"]:
                raise Broken(f"another text: {row}, made was {made.get(name)!r}")
        gone = collections.Counter(epoch for epoch, _ in acknowledged - set(found))
        for epoch, count in gone.items():
            if count > self.lost_losses["teller", epoch]:
                raise Broken(f"acknowledged and not found: {count} losses of teller/{epoch}, "
                             f"{self.lost_losses['teller', epoch]} are in damaged frames")
            if not self.names_frame(("teller", epoch), coverage):
                raise Broken(f"{count} losses of teller/{epoch} are missing, and the answer does not name the damaged "
                             f"frame: {coverage.gaps}")
        return len(found)

    def check_sums(self):
        """What the aggregator itself adds up."""
        for row in self.ask("sensors")[0]:
            key = row["sensor"], row["epoch"]
            if row.get("trouble") and key[0] in self.captures and not self.lost[key]:
                raise Broken(f"{key}: {row['trouble']}")

    def check_subscriber(self, file):
        """Each committed flow was handed out once, or lies in a gap that was told."""
        seen, told, gone, refused = collections.Counter(), [], collections.Counter(), 0
        with open(file, encoding="utf-8") as lines:
            for line in map(json.loads, lines):
                if line[0] == "flow":
                    seen[tuple(line[2:6])] += 1
                elif line[0] == "gap" and line[1] == "flow":
                    told.append(line[2:4])
                refused += line[0] == "refused"
        twice = [name for name, count in seen.items() if count > 1]
        if twice:
            raise Broken(f"the subscriber was handed out {len(twice)} flows more than once, as {twice[:5]}")
        sums, _ = self.journal.sums()
        for batch in self.journal.batches.values():
            if any(after < batch.position <= through for after, through in told):
                gone[batch.sensor, batch.epoch] += batch.rows["flow"]
        counts = collections.Counter(name[:2] for name in seen)
        for key, rows in sums.items():
            if not rows["flow"] - gone[key] - self.lost[key] <= counts[key] <= rows["flow"]:
                raise Broken(f"the subscriber saw {counts[key]} flows of {key}, {rows['flow']} are committed, "
                             f"{gone[key]} of them in gaps it was told")
        return sum(counts.values()), len(told), refused
