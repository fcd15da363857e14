# SPDX-License-Identifier: Apache-2.0
"""The whole path: packets in a file become rows committed in the aggregator's store, over the loopback interface."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from subjects import Nfpcapd

PORTS_FROM = 17461  # not those of an aggregator that may run here
DOORS = ("intake", "publish", "answer")  # on ports that follow each other: so the clients reckon
READY_S = 60
LONGEST_S = 300  # for a sensor to have everything committed
TICKS = os.sysconf("SC_CLK_TCK")


def usage(pid):
    """Processor seconds and peak memory of a process until now."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        status = dict(line.split(":", 1) for line in file)
    return (int(fields[11]) + int(fields[12])) / TICKS, int(status["VmHWM"].split()[0]) * 1024


def free_ports():
    """The first of as many ports in a row as there are doors, with nobody there."""
    for first in range(PORTS_FROM, PORTS_FROM + 1000, 10):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + len(DOORS)):
                    probe = stack.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
                return first
            except OSError:
                continue
    raise RuntimeError("no free ports for an aggregator")


class Aggregator:
    """One aggregator with a store of its own on a core, or those given, and a sensor's key for it."""

    def __init__(self, run, folder, options=(), cores=None):
        self.run, self.options = run, options
        self.cores = ",".join(str(core) for core in cores or [run.other_core])
        self.folder = folder
        self.pavo = run.program("aggregator", "cli", "pavo")
        self.sensor_key, self.reader_key = f"{folder}/bench.key", f"{folder}/analyst.key"
        self.port = free_ports()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None

    def keys(self, *arguments):
        subprocess.run([self.pavo, "keys", *arguments, "--dir", f"{self.folder}/keys"], check=True,
                       stdout=subprocess.DEVNULL)

    def start(self):
        self.keys("make")
        self.keys("enrol", "sensor", "bench", "--output", self.sensor_key)
        self.keys("enrol", "reader", "analyst", "--output", self.reader_key)
        doors = [word for i, name in enumerate(DOORS) for word in (f"--{name}", f"127.0.0.1:{self.port + i}")]
        with open(f"{self.folder}/log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", self.cores, self.run.program("aggregator", "pavo-aggregator"),
                 "--data", f"{self.folder}/data", "--keys", f"{self.folder}/keys", *doors, *self.options], stdout=log, stderr=log)
        until = time.monotonic() + READY_S
        while ": ready " not in self.log():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"pavo-aggregator did not get ready:\n{self.log()}")
            time.sleep(0.05)

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8") as log:
            return log.read()

    def committed(self):
        """(records, packets) in the store, as `pavo sensors` tells."""
        asked = subprocess.run([self.pavo, "--aggregator", self.address, "--key", self.reader_key, "--json",
                                "sensors"], stdout=subprocess.PIPE, text=True, check=False, timeout=READY_S)
        for line in asked.stdout.splitlines():
            row = json.loads(line)
            if row.get("sensor") == "bench" and "committed" in row:
                return row["committed"], row["packets_committed"]
        raise RuntimeError(f"pavo sensors does not know the sensor:\n{asked.stdout}")

    def store(self):
        """The rows of `pavo store`."""
        asked = subprocess.run([self.pavo, "--aggregator", self.address, "--key", self.reader_key, "--json", "store"],
                               stdout=subprocess.PIPE, text=True, check=False, timeout=READY_S)
        return [row for row in map(json.loads, asked.stdout.splitlines()) if "part" in row]

    def hot(self):
        return next(row for row in self.store() if row["part"] == "hot")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)


@contextlib.contextmanager
def aggregator(run, place=None, *options, cores=None):
    """One in a folder of its own in `place`, or in memory."""
    folder = tempfile.mkdtemp(dir=place or run.scratch)
    os.chmod(folder, 0o711)
    one = Aggregator(run, folder, options, cores)
    try:
        one.start()
        yield one
    finally:
        one.stop()
        shutil.rmtree(folder)


def path_once(run, capture):
    with aggregator(run) as one:
        try:
            measured = run.measure([run.program("sensor", "pavo-sensor"), "-r", capture, "--key", one.sensor_key,
                                    "--aggregator", one.address], longest=LONGEST_S)
        except subprocess.TimeoutExpired as late:
            raise RuntimeError(f"pavo-sensor was not done after {LONGEST_S} s; the aggregator said:\n{one.log()}") from late
        cpu, rss = usage(one.process.pid)
        records, packets = one.committed()
        return {"wall": measured.wall, "sensor cpu": measured.cpu, "sensor rss": measured.rss, "aggregator cpu": cpu,
                "aggregator rss": rss, "records": records, "packets": packets}


def bench_path(run):
    """Records a second from packets in a file to rows committed: sensor on one core, aggregator on another."""
    for kind in ("mix", "flood"):
        name = f"path/{kind}"
        capture, contents = run.capture(kind)
        taken, peer, nfpcapd = [], [], Nfpcapd("nfpcapd")
        for turn in range(run.arguments.runs):
            run.say(f"{name}: {turn + 1} of {run.arguments.runs}")
            taken.append(path_once(run, capture))
            peer.append(run.measure(nfpcapd.command(capture, run.scratch)))
        middle = sorted(taken, key=lambda one: one["wall"])[len(taken) // 2]
        rate = middle["records"] / middle["wall"] / 1e3
        beside = sorted(peer, key=lambda one: one.wall)[len(peer) // 2]
        # Nearest in Debian to a whole path: records in files that a query tool reads. Its records are of one direction.
        records = nfpcapd.counted(beside.output, run.scratch)["records"]
        base = records / beside.wall / 1e3
        run.row(name, "pavo, to rows committed", rate, "krecord/s", ("nfpcapd, to files", base))
        run.row(name, "nfpcapd, to files", base, "krecord/s", ("pavo, to rows committed", rate))
        run.row(name, "pavo, to rows committed", middle["wall"], "s")
        run.row(name, "nfpcapd, to files", beside.wall, "s")
        run.row(name, "pavo, to rows committed", middle["records"], "records")
        run.row(name, "nfpcapd, to files", records, "records")
        for who in ("sensor", "aggregator"):
            run.row(name, f"pavo-{who}", middle[f"{who} cpu"], "s of processor")
            run.row(name, f"pavo-{who}", middle[f"{who} rss"] / 2**20, "MiB peak")
        if middle["packets"] != contents["packets"]:
            run.note(f"{name}: the store counts {middle['packets']:,} of {contents['packets']:,} packets")
        os.unlink(capture)
