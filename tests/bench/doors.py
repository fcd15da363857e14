# SPDX-License-Identifier: Apache-2.0
"""What hostile readers cost intake: the path alone, and with a crowd before the publish and the answer door.

Run as a program this file is the crowd: doors.py still|mute|greedy PORT KEY...
"""

import configparser
import os
import subprocess
import sys
import time

TOPICS = (b"flow", b"verdict", b"binding", b"loss", b"status", b"alert")
STALLED, READERS = 10, 4
CONNECTIONS, QUERIES = 8, 8  # of a reader; more than it may have
SETTLE_S = 3.0


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


def bench_doors(run):
    """Seconds from packets in a file to rows committed: alone, and beside readers that harm; processor and memory."""
    from path import aggregator, usage

    capture, _ = run.capture("mix")
    with aggregator(run) as one:
        keys = {name: f"{one.folder}/{name}.key" for name in ("still", *(f"reader-{i}" for i in range(READERS)))}
        for name, file in keys.items():
            one.keys("enrol", "reader", name, "--output", file)
        one.process.send_signal(1)  # SIGHUP: the list is read again
        readers = [file for name, file in keys.items() if name != "still"]

        def sensed():
            return run.measure([run.program("sensor", "pavo-sensor"), "-r", capture, "--key", one.sensor_key,
                                "--aggregator", one.address]).wall

        sensed()  # something to ask for
        alone = None
        for what, who in (("alone", []), ("still", [keys["still"]] * STALLED), ("mute", readers), ("greedy", readers)):
            crowds = [subprocess.Popen(["nice", "/usr/bin/python3", __file__, what,
                                        str(one.port + (1 if what == "still" else 2)), *who])] if who else []
            time.sleep(SETTLE_S if who else 0)
            cpu, _ = usage(one.process.pid)
            wall = sorted(sensed() for _ in range(run.arguments.runs))[run.arguments.runs // 2]
            after, rss = usage(one.process.pid)
            for process in crowds:
                process.kill()
                process.wait()
            alone = alone or wall
            run.row("doors", what, wall, "s", ("alone", alone))
            run.row("doors", f"pavo-aggregator, {what}", (after - cpu) / run.arguments.runs, "s of processor")
            run.row("doors", f"pavo-aggregator, {what}", rss / 2**20, "MiB peak so far")
    os.unlink(capture)


if __name__ == "__main__":
    crowd(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
