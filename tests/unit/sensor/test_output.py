# SPDX-License-Identifier: Apache-2.0
"""pavo-sensor at the ends of pipes: what it prints, when, and how it ends. Called with the program; prints TAP."""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PROGRAM = sys.argv[1]
PATIENCE_S = 60


def datagram(port):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton("10.0.0.1"), socket.inet_aton("10.0.0.2"))
    return ip + struct.pack("!HHHH", port, 53, 8, 0)


def capture(packets):
    """(seconds, port)"""
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
    for seconds, port in packets:
        data = datagram(port)
        out += struct.pack("<IIII", 1700000000 + seconds, 0, len(data), len(data)) + data
    return out


def start(*arguments, **streams):
    return subprocess.Popen([PROGRAM, *arguments], stderr=subprocess.PIPE, **streams)


def full_disk_is_an_error(folder):
    for mode in (["--print"], ["--print", "--json"], ["--dry-run"]):
        with open("/dev/full", "wb") as full:
            sensor = start("-r", f"{folder}/many.pcap", *mode, stdout=full)
            said = sensor.communicate(timeout=PATIENCE_S)[1]
        assert sensor.returncode == 1, (mode, sensor.returncode)
        assert b"standard output: No space left on device" in said, said


def reader_that_leaves_is_none(folder):
    sensor = start("-r", f"{folder}/many.pcap", "--print", stdout=subprocess.PIPE)
    sensor.stdout.readline()
    sensor.stdout.close()
    said = sensor.stderr.read()
    sensor.wait(PATIENCE_S)
    assert sensor.returncode == -signal.SIGPIPE and said == b"", (sensor.returncode, said)


def reader_of_totals_that_left_is_none(folder):
    """`--dry-run | true`"""
    ends = os.pipe()
    os.close(ends[0])
    with os.fdopen(ends[1], "wb") as closed:
        sensor = start("-r", f"{folder}/one.pcap", "--dry-run", stdout=closed)
    said = sensor.communicate(timeout=PATIENCE_S)[1]
    assert sensor.returncode == -signal.SIGPIPE and b"standard output" not in said, (sensor.returncode, said)


def quiet_pipe(_):
    """What is due is printed while the pipe is quiet, and the rest when it is told to stop."""
    sensor = start("-r", "-", "--print", "--json", "--batch-age", "10ms", "--unanswered-timeout", "5s",
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sensor.stdin.write(capture([(0, 1000), (40, 2000)]))
    sensor.stdin.flush()
    assert select.select([sensor.stdout], [], [], PATIENCE_S)[0], "nothing was printed"
    first = json.loads(sensor.stdout.readline())
    assert first["src_port"] == 1000 and first["end_reason"] == "idle", first
    sensor.send_signal(signal.SIGTERM)
    rest = [json.loads(line) for line in sensor.stdout]
    assert sensor.wait(PATIENCE_S) == 0, sensor.stderr.read()
    assert [(record["src_port"], record["end_reason"]) for record in rest] == [(2000, "forced")], rest


def totals_of_each_interface(folder):
    done = subprocess.run([PROGRAM, "-r", f"{folder}/many.pcap", "-r", f"{folder}/one.pcap", "--dry-run", "--json"], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    totals = json.loads(done.stdout)
    assert totals["packets_offered"] == 2001, totals
    told = {os.path.basename(i["name"]): (i["link_type"], i["packets_offered"], i["packets_metered"]) for i in totals["interfaces"]}
    assert told == {"many.pcap": ("RAW", 2000, 2000), "one.pcap": ("RAW", 1, 1)}, told


def lives_of_one_second_differ(folder):
    """An epoch is no time: its start in seconds, and random bits behind them; JSON readers do not round it."""
    for _ in range(20):
        sensors = [start("-r", f"{folder}/one.pcap", "--print", "--json", stdout=subprocess.PIPE) for _ in range(2)]
        epochs = [json.loads(sensor.communicate(timeout=PATIENCE_S)[0])["epoch"] for sensor in sensors]
        assert all(abs((epoch >> 19) - time.time()) < 60 and epoch < 1 << 53 for epoch in epochs), epochs
        if epochs[0] >> 19 == epochs[1] >> 19:
            break
    assert epochs[0] >> 19 == epochs[1] >> 19, epochs
    assert epochs[0] != epochs[1], epochs


def main():
    tests = (full_disk_is_an_error, reader_that_leaves_is_none, reader_of_totals_that_left_is_none, quiet_pipe, totals_of_each_interface,
             lives_of_one_second_differ)
    print(f"1..{len(tests)}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/many.pcap", "wb") as file:
            file.write(capture((n, 1000 + n) for n in range(2000)))
        with open(f"{folder}/one.pcap", "wb") as file:
            file.write(capture([(5000, 7)]))
        for number, test in enumerate(tests, 1):
            try:
                test(folder)
                print(f"ok {number} - {test.__name__}", flush=True)
            except (AssertionError, KeyError, ValueError, subprocess.SubprocessError) as error:
                failed += 1
                print(f"not ok {number} - {test.__name__}\n# {type(error).__name__}: {error}", flush=True)
    return failed > 0


sys.exit(main())
