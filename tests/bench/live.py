# SPDX-License-Identifier: Apache-2.0
"""Live capture: a pair of interfaces in a network namespace of its own, a sender at one end and a meter at the other.

The namespace is this file run as a program by `unshare --net`: it ends with it, and nothing is left to clean up.
"""

import collections
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import types

from harness import Run
from path import Aggregator, TICKS
from subjects import pavo_totals, racount

TRIAL_S = 3.0
STEPS = 7            # of the search: the highest rate is known to 1/2^7 of the sender's
READY_S = 20
SETTLE_S = 1.0       # after the last packet, so that the meter has read what the kernel holds for it
LOADING_S = 0.7      # tcpreplay reads its frames before it sends
FRAMES = 500_000     # sent over and over
FROZEN_RATE = 200_000
IDLE_S = 20.0
SEND, METER = "bench0", "bench1"


def packet_sockets():
    """Packet sockets bound to the meter's interface and running."""
    index = str(socket.if_nametoindex(METER))
    with open("/proc/net/packet", encoding="ascii") as file:
        return sum(fields[4] == index and fields[5] == "1" for fields in (line.split() for line in file))


class Meter:
    """A program that captures on the meter's interface until it is told to stop."""

    def __init__(self, run):
        self.run = run
        self.output = run.path(f"{self.name.split()[0]}.log")
        self.process = None

    def start(self):
        cores = {self.run.subject_core} if self.threads == 1 else {self.run.subject_core, self.run.other_core}
        with open(self.output, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(["taskset", "-c", ",".join(map(str, cores)), *self.command()],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        until = time.monotonic() + READY_S
        while packet_sockets() < self.threads:
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"{self.name} did not begin to capture:\n{self.text()}")
            time.sleep(0.02)
        time.sleep(0.2)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.end_signal)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def text(self):
        with open(self.output, encoding="utf-8", errors="replace") as file:
            return file.read()

    end_signal = signal.SIGTERM
    threads = 1


class PavoSensor(Meter):
    name = "pavo-sensor"

    def command(self):
        return [self.run.program("sensor", "pavo-sensor"), "-i", METER, "--dry-run", "--json", "--user", "nobody"]

    def counts(self):
        """(counted, said to be dropped)"""
        totals = pavo_totals(self.text())
        return totals["packets"], totals["dropped"]


class PavoThreads(PavoSensor):
    """Two threads that the kernel divides the flows among; they may use the sender's core as well."""

    name = "pavo-sensor, 2 threads"
    threads = 2

    def command(self):
        return [*super().command(), "--threads", str(self.threads)]


class PavoLarge(PavoSensor):
    """With the kernel buffer that deploy/sensor.conf has."""

    name = "pavo-sensor, 64 MiB buffer"

    def command(self):
        return [*super().command(), "--buffer-size", "64M"]


class Argus(Meter):
    name = "argus"

    def command(self):
        self.records = self.run.path("argus.live")
        if os.path.exists(self.records):
            os.unlink(self.records)
        return ["argus", "-X", "-F", os.devnull, "-i", METER, "-w", self.records]

    def counts(self):
        # Its records have a count of drops, which is 0 here whatever happens: it cannot be told from silence.
        return racount(self.records)["packets"], None


class Softflowd(Meter):
    name = "softflowd"
    end_signal = signal.SIGINT

    def command(self):
        self.control = self.run.path("softflowd.ctl")
        return ["softflowd", "-i", METER, "-m", "1000000", "-d", "-6", "-v", "10", "-n", "127.0.0.1:9",
                "-p", self.run.path("softflowd.pid"), "-c", self.control]

    def stop(self):
        self.told = subprocess.run(["softflowctl", "-c", self.control, "statistics"], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True, check=False).stdout
        super().stop()

    def counts(self):
        """What the kernel handed over: of a capture that goes quiet, libpcap keeps the last block for itself."""
        received = re.search(r"Packets received by libpcap: (\d+)", self.told)
        dropped = re.search(r"Packets dropped by libpcap: (\d+)", self.told)
        if not received or not dropped:
            raise RuntimeError(f"softflowd said nothing of its packets:\n{self.told}")
        return int(received[1]) - int(dropped[1]), int(dropped[1])


class Tcpreplay:
    """As people replay captures; a system call for each frame."""

    name = "tcpreplay"

    def __init__(self, run, capture):
        self.run, self.capture = run, capture

    def send(self, rate, seconds):
        """Frames sent, and in how many seconds. Rate 0: as fast as it goes."""
        pace = [f"--pps={rate:.0f}"] if rate else ["--topspeed"]
        done = subprocess.run(["taskset", "-c", str(self.run.other_core), "tcpreplay", "-i", SEND, "--preload-pcap",
                               "--loop=0", f"--duration={max(1, round(seconds))}", "--no-flow-stats", *pace, self.capture],
                              check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        frames = re.search(r"Successful packets:\s+(\d+)", done)
        took = re.search(r"sent in ([\d.]+) seconds", done)
        if not frames or not took:
            raise RuntimeError(f"tcpreplay did not say what it sent:\n{done}")
        return int(frames[1]), float(took[1])


class SendFrames:
    """Faster: 32 frames a system call, past the queueing discipline."""

    name = "send_frames"

    def __init__(self, run, capture):
        self.run, self.capture = run, capture

    def send(self, rate, seconds):
        done = subprocess.run(["taskset", "-c", str(self.run.other_core), self.run.tool("send_frames"), self.capture, SEND,
                               f"{rate:.0f}", f"{seconds:g}"], check=True, stdout=subprocess.PIPE, text=True)
        sent = json.loads(done.stdout)
        return sent["packets"], sent["seconds"]


Trial = collections.namedtuple("Trial", "sent rate counted dropped share")


def trial(run, meter_class, source, rate, seconds, frozen=False):
    """One meter, one rate. `frozen`: the meter is stopped for a third of the time, as by a machine that swaps."""
    meter = meter_class(run)
    meter.start()
    timers = []
    try:
        busy = ticks(meter.process.pid)
        if frozen:
            for at, what in ((seconds / 3, signal.SIGSTOP), (seconds * 2 / 3, signal.SIGCONT)):
                timers.append(threading.Timer(LOADING_S + at, meter.process.send_signal, [what]))
                timers[-1].start()
        sent, took = source.send(rate, seconds)
        for timer in timers:
            timer.join()
        share = (ticks(meter.process.pid) - busy) / TICKS / took
        time.sleep(SETTLE_S)
    finally:
        for timer in timers:
            timer.cancel()
        meter.process.send_signal(signal.SIGCONT)
        meter.stop()
    counted, dropped = meter.counts()
    return Trial(sent, sent / took, counted, dropped, share)


def search(run, meter_class, source):
    """The highest rate without a drop, by halving; and one trial as fast as the sender can."""
    seconds = max(1, TRIAL_S * run.arguments.scale)
    top = trial(run, meter_class, source, 0, seconds)
    if top.counted >= top.sent:
        return top, top
    best, low, high = None, 0.0, top.rate
    for _ in range(STEPS):
        one = trial(run, meter_class, source, (low + high) / 2, seconds)
        if one.counted >= one.sent:
            best, low = one, (low + high) / 2
        else:
            high = (low + high) / 2
    return best or Trial(0, 0.0, 0, None, 0.0), top


def tell_trial(run, bench, name, one, which):
    """What became of the packets of one trial, by the meter's own words."""
    run.row(bench, name, one.sent, f"packets sent {which}")
    run.row(bench, name, one.counted, "counted")
    if one.dropped is not None:
        run.row(bench, name, one.dropped, "said to be dropped")
    run.row(bench, name, one.sent - one.counted - (one.dropped or 0), "in no count")


def live(run):
    capture = run.path("frames.pcap")
    subprocess.run([run.tool("gen_capture"), "mix", str(FRAMES), capture], check=True, stdout=subprocess.DEVNULL)
    meters = (PavoSensor, PavoThreads, Argus, Softflowd)
    for source in (Tcpreplay(run, capture), SendFrames(run, capture)):
        bench, found = f"live/{source.name}", {}
        for meter_class in meters:
            run.say(f"{bench}: {meter_class.name}")
            found[meter_class.name] = search(run, meter_class, source)
        peers = {name: best for name, (best, _) in found.items() if not name.startswith("pavo")}
        fastest = max(peers, key=lambda name: peers[name].rate)
        for name, (best, top) in found.items():
            run.row(bench, name, best.rate / 1e3, "kpacket/s without a drop",
                    None if name == fastest else (fastest, peers[fastest].rate / 1e3))
            run.row(bench, name, best.share * 100, "% of a core at that")
            run.row(bench, name, top.rate / 1e3, "kpacket/s at the top")
            tell_trial(run, bench, name, top, "then")
            if best is top:
                run.note(f"{bench}: the sender was at its end before {name} was")
    source, bench = Tcpreplay(run, capture), "live/frozen"
    for meter_class in (PavoSensor, PavoLarge, Argus, Softflowd):
        run.say(f"{bench}: {meter_class.name}")
        tell_trial(run, bench, meter_class.name, trial(run, meter_class, source, FROZEN_RATE, TRIAL_S, frozen=True), "in 3 s")


def idle_one(run, name, start, stop, pid):
    start()
    try:
        time.sleep(2)
        process = pid()
        before, seconds = ticks(process), max(2.0, IDLE_S * run.arguments.scale)
        time.sleep(seconds)
        run.row("idle", name, (ticks(process) - before) / TICKS / seconds * 100, "% of a core")
        run.row("idle", name, resident(process) / 2**20, "MiB resident")
        run.row("idle", name, capture_buffer(process) / 2**20, "MiB of it the kernel's capture buffer")
    finally:
        stop()


def ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return int(dict(line.split(":", 1) for line in file)["VmRSS"].split()[0]) * 1024


def capture_buffer(pid):
    """What is mapped of packet sockets: the ring that the kernel fills."""
    size, of_socket = 0, False
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        for line in file:
            if re.match("[0-9a-f]+-[0-9a-f]+ ", line):
                of_socket = "socket:[" in line
            elif of_socket and line.startswith("Rss:"):
                size += int(line.split()[1]) * 1024
    return size


class ShippingSensor(PavoSensor):
    """As it runs in a campus: with an aggregator to keep in touch with."""

    aggregator = None

    def command(self):
        return [self.run.program("sensor", "pavo-sensor"), "-i", METER, "--key", self.aggregator.sensor_key,
                "--aggregator", self.aggregator.address]


def idle(run):
    folder = run.path("idle")
    os.mkdir(folder)
    os.chmod(folder, 0o711)
    ShippingSensor.aggregator = Aggregator(run, folder)
    ShippingSensor.aggregator.start()
    try:
        for meter_class in (ShippingSensor, Argus, Softflowd):
            run.say(f"idle: {meter_class.name}")
            meter = meter_class(run)
            idle_one(run, meter.name, meter.start, meter.stop, lambda meter=meter: meter.process.pid)
    finally:
        ShippingSensor.aggregator.stop()


def in_namespace(run, what):
    """Runs one of the two functions above in a namespace, and takes over its rows and notes."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        run.note(f"{what}: skipped, since this user may not make network namespaces")
        return
    order = {"what": what, "build": run.build, "scratch": run.scratch, "scale": run.arguments.scale,
             "runs": run.arguments.runs}
    done = subprocess.run(["unshare", "--net", "--kill-child", sys.executable, __file__, json.dumps(order)],
                          stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        told = json.loads(line)
        if "note" in told:
            run.notes.append(told["note"])
        else:
            reference = (told["ratio_to"], told["value"] / told["ratio"]) if told["ratio"] else None
            run.row(told["bench"], told["subject"], told["value"], told["unit"], reference)


def bench_live(run):
    """Highest rate without a drop on a pair of virtual interfaces, and what each says when it drops."""
    in_namespace(run, "live")


def bench_idle(run):
    """Processor and memory of a sensor on a quiet interface, beside the peers."""
    in_namespace(run, "idle")


def main():
    order = json.loads(sys.argv[1])
    os.environ["PAVO_BENCH_BUILD"] = order["build"]
    for command in ("ip link set lo up", f"ip link add {SEND} type veth peer name {METER}"):
        subprocess.run(command.split(), check=True)
    for interface in (SEND, METER):
        # No addresses of its own: nothing is on the link but what is sent.
        with open(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6", "w", encoding="ascii") as file:
            file.write("1")
        subprocess.run(["ip", "link", "set", interface, "up", "promisc", "on"], check=True)
    run = Run(types.SimpleNamespace(json=True, scale=order["scale"], runs=order["runs"]), order["scratch"])
    run.note = lambda text: (run.say(f"NOTE: {text}"), print(json.dumps({"note": text})))
    {"live": live, "idle": idle}[order["what"]](run)


if __name__ == "__main__":
    main()
