# SPDX-License-Identifier: Apache-2.0
"""Live capture: a pair of interfaces in a network namespace of its own, a sender at one end and a meter at the other.

The namespace is this file run as a program by `unshare --net`: it ends with it, and nothing is left to clean up.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import types

from harness import Run
from path import Aggregator, TICKS
from subjects import pavo_totals, racount

TRIAL_S = 3.0
STEPS = 7            # of the search: the highest rate is known to 1/2^7 of the sender's
READY_S = 20
SETTLE_S = 1.0       # after the last packet, so that the meter has read what the kernel holds for it
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
        with open(self.output, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(["taskset", "-c", str(self.run.subject_core), *self.command()],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        until = time.monotonic() + READY_S
        while packet_sockets() == 0:
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


class PavoSensor(Meter):
    name = "pavo-sensor"

    def command(self):
        return [self.run.program("sensor", "pavo-sensor"), "-i", METER, "--dry-run", "--json"]

    def counts(self):
        """(counted, said to be dropped)"""
        totals = pavo_totals(self.text())
        return totals["packets"], totals["dropped"]


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


def trial(run, meter_class, capture, rate, seconds):
    """One meter, one rate: (sent, sent a second, counted, said to be dropped)."""
    meter = meter_class(run)
    meter.start()
    try:
        sender = subprocess.run(["taskset", "-c", str(run.other_core), run.tool("send_frames"), capture, SEND,
                                 f"{rate:.0f}", f"{seconds:g}"], check=True, stdout=subprocess.PIPE, text=True)
        time.sleep(SETTLE_S)
    finally:
        meter.stop()
    sent = json.loads(sender.stdout)
    counted, dropped = meter.counts()
    return sent["packets"], sent["packets"] / sent["seconds"], counted, dropped


def search(run, meter_class, capture):
    """The highest rate without a drop, by halving; and one trial as fast as the sender can."""
    seconds = max(0.5, TRIAL_S * run.arguments.scale)
    top = trial(run, meter_class, capture, 0, seconds)
    if top[2] >= top[0]:
        return top[1], top
    best, low, high = 0.0, 0.0, top[1]
    for _ in range(STEPS):
        rate = (low + high) / 2
        sent, reached, counted, _ = trial(run, meter_class, capture, rate, seconds)
        if counted >= sent:
            best, low = max(best, reached), rate
        else:
            high = rate
    return best, top


def live(run):
    capture, _ = run.capture("mix")
    found = {}
    for meter_class in (PavoSensor, Argus, Softflowd):
        run.say(f"live/mix: {meter_class.name}")
        found[meter_class.name] = search(run, meter_class, capture)
    pavo = found["pavo-sensor"][0]
    for name, (best, (sent, rate, counted, dropped)) in found.items():
        reference = max((n for n in found if n != name), key=lambda n: found[n][0]) if name == "pavo-sensor" else "pavo-sensor"
        run.row("live/mix", name, best / 1e3, "kpacket/s without a drop", (reference, found[reference][0] / 1e3))
        run.row("live/mix", name, rate / 1e3, "kpacket/s sent at the top")
        run.row("live/mix", name, sent, "packets sent")
        run.row("live/mix", name, counted, "packets counted")
        if dropped is not None:
            run.row("live/mix", name, dropped, "packets it says it dropped")
        if dropped is None and counted < sent:
            run.note(f"live/mix: at the top {name} missed {sent - counted:,} of {sent:,} packets and says nothing of drops")
        elif dropped is not None and counted + dropped != sent:
            run.note(f"live/mix: at the top {name} counted {counted:,} and says it dropped {dropped:,} of {sent:,} packets")
    if pavo >= found["pavo-sensor"][1][1]:
        run.note("live/mix: the sender was at its end before pavo-sensor was")


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
