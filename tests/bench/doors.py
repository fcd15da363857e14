# SPDX-License-Identifier: Apache-2.0
"""What hostile readers cost intake: the path alone, and with a crowd before the publish and the answer door.

Run as a program this file is the crowd: doors.py still|mute|greedy PORT KEY...
"""

import configparser
import os
import signal
import subprocess
import sys
import time

TOPICS = (b"flow", b"verdict", b"binding", b"loss", b"status", b"alert")
STALLED, READERS = 10, 4
CONNECTIONS, QUERIES = 8, 8  # of a reader; more than it may have
SETTLE_S = 3.0
LONGEST_S = 300  # for a sensor to have everything committed


def connected(zmq, context, key_file, port, most):
    key = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    key.read(key_file)
    socket = context.socket(zmq.DEALER)
    socket.linger, socket.rcvhwm = 0, most
    socket.curve_serverkey = key["pavo-key"]["aggregator"].encode()
    socket.curve_publickey = key["pavo-key"]["public"].encode()
    socket.curve_secretkey = key["pavo-key"]["secret"].encode()
    socket.connect(f"tcp://127.0.0.1:{port}")
    return socket


def query(number):
    """find, everything: version 1, an id below 128, a question."""
    return bytes((8, 1, 16, number)) + b"\x1a\x04find"


def crowd(what, port, keys):
    import zmq  # only here: the benchmarks themselves need none

    context = zmq.Context()
    sockets = [connected(zmq, context, key, port, 1 if what != "greedy" else 100)
               for key in keys for _ in range(1 if what != "mute" else CONNECTIONS)]
    if what == "still":
        said = b"\x08\x01" + b"".join(b"\x12" + bytes((len(topic),)) + topic for topic in TOPICS)
        for socket in sockets:
            socket.send(said)
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    asked = 0.0
    while os.getppid() != 1:
        if what == "greedy":
            for socket, _ in poller.poll(100):
                while socket.poll(0):
                    socket.recv()
        else:
            time.sleep(0.1)
        if what != "still" and time.monotonic() - asked > 1:
            asked = time.monotonic()
            for socket in sockets:
                for number in range(1, QUERIES + 1):
                    try:
                        socket.send(query(number), zmq.DONTWAIT)
                    except zmq.Again:
                        pass


def beside(run, capture, what):
    """Median seconds, and the aggregator's processor seconds each and peak memory; with a store and a crowd of its own."""
    from path import aggregator, usage

    with aggregator(run) as one:
        keys = [f"{one.folder}/reader-{i}.key" for i in range(READERS)]
        for i, file in enumerate(keys):
            one.keys("enrol", "reader", f"reader-{i}", "--output", file)
        one.process.send_signal(signal.SIGHUP)
        sensor = [run.program("sensor", "pavo-sensor"), "-r", capture, "--key", one.sensor_key, "--aggregator",
                  one.address]
        run.measure(sensor)  # something to ask for
        crowds = []
        if what in ("still", "all"):
            crowds.append(("still", one.port + 1, [keys[0]] * STALLED))
        if what in ("mute", "greedy"):
            crowds.append((what, one.port + 2, keys))
        if what == "all":
            crowds += [("mute", one.port + 2, keys[:2]), ("greedy", one.port + 2, keys[2:])]
        started = [subprocess.Popen(["nice", "/usr/bin/python3", __file__, kind, str(port), *who])
                   for kind, port, who in crowds]
        try:
            time.sleep(SETTLE_S)
            cpu, _ = usage(one.process.pid)
            walls = sorted(run.measure(sensor, longest=LONGEST_S).wall for _ in range(run.arguments.runs))
            after, rss = usage(one.process.pid)
        finally:
            for process in started:
                process.kill()
                process.wait()
        return walls[len(walls) // 2], (after - cpu) / len(walls), rss


def bench_doors(run):
    """What intake costs beside readers that harm: ten subscribers that never read (still), four readers that ask for
    everything and never read (mute), or read and ask again at once (greedy), and all of them."""
    capture, _ = run.capture("mix")
    alone = None
    for what in ("alone", "still", "mute", "greedy", "all"):
        run.say(f"doors: {what}")
        wall, cpu, rss = beside(run, capture, what)
        alone = alone or wall
        run.row("doors", what, wall, "s", ("alone", alone))
        run.row("doors", f"pavo-aggregator, {what}", cpu, "s of processor")
        run.row("doors", f"pavo-aggregator, {what}", rss / 2**20, "MiB peak")
    os.unlink(capture)


if __name__ == "__main__":
    crowd(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
