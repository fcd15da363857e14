#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A sensor that does everything wrong: what an aggregator must count, refuse and survive.

  hostile.py PROTO-FOLDER KEY ENDPOINT WHAT

PROTO-FOLDER holds pavo_pb2.py. Prints one JSON object: what the aggregator answered. WHAT is one of

  stranger   connects with a key nobody enrolled, and stays for two seconds
  frames     sends bytes that are no message, empty frames, many frames, other versions
  large      sends a frame larger than any the protocol allows
  batches    sends well-formed frames whose batches are wrong, each in another way, then a right one, twice
"""

import configparser
import ctypes
import json
import os
import sys
import time
import zlib

import zmq
import zmq.utils.z85

SODIUM = ctypes.CDLL("libsodium.so.23")
SEAL_BYTES = 48  # crypto_box_SEALBYTES


def seal(plain, public):
    compressed = zlib.compress(plain)
    sealed = ctypes.create_string_buffer(len(compressed) + SEAL_BYTES)
    assert SODIUM.crypto_box_seal(sealed, compressed, ctypes.c_ulonglong(len(compressed)), public) == 0
    return sealed.raw


class Sensor:
    def __init__(self, key_file, endpoint, stranger=False):
        key = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("# ",))
        key.read(key_file)
        self.key = {name: value.strip() for name, value in key["pavo-key"].items()}
        self.name = self.key["name"]
        self.seal_public = zmq.utils.z85.decode(self.key["seal"])
        self.epoch = int(time.time()) << 19 | int.from_bytes(os.urandom(2))
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 2000
        public, secret = self.key["public"].encode(), self.key["secret"].encode()
        if stranger:
            public, secret = zmq.curve_keypair()
        self.socket.curve_publickey, self.socket.curve_secretkey = public, secret
        self.socket.curve_serverkey = self.key["aggregator"].encode()
        self.socket.connect(endpoint)

    def batch(self, sequence, plain=None, **changed):
        """A frame with this batch; `changed` are fields of the frame, or of the sealed Batch as inner_FIELD."""
        inner = pb.Batch(sensor=self.name, epoch=self.epoch, sequence=sequence)
        inner.statuses.rows, inner.statuses.base_ns = 1, time.time_ns()
        inner.statuses.observers.add(sensor=self.name, epoch=self.epoch)
        for name in [name for name in changed if name.startswith("inner_")]:
            value = changed.pop(name)
            field = name.removeprefix("inner_")
            if isinstance(value, bytes):
                plain = inner.SerializeToString() + value
            elif field in ("flows", "losses", "alerts"):
                getattr(inner, field).CopyFrom(value)
            else:
                setattr(inner, field, value)
        plain = inner.SerializeToString() if plain is None else plain
        frame = pb.FromSensor(version=1)
        frame.batch.sensor, frame.batch.epoch, frame.batch.sequence = self.name, self.epoch, sequence
        frame.batch.sealed, frame.batch.size = seal(plain, self.seal_public), len(plain)
        for name, value in changed.items():
            setattr(frame.batch, name, value)
        return frame.SerializeToString()

    def hello(self):
        frame = pb.FromSensor(version=1)
        frame.hello.sensor, frame.hello.epoch, frame.hello.next_sequence = self.name, self.epoch, 1
        frame.hello.sent_ns, frame.hello.software = time.time_ns(), "hostile"
        return frame.SerializeToString()

    def answers(self, until, seconds=30):
        """What came, until `until` of it is true."""
        got = {"welcome": 0, "acknowledged": [], "rejected": {}}
        end = time.monotonic() + seconds
        while not until(got) and time.monotonic() < end:
            if not self.socket.poll(200):
                continue
            message = pb.ToSensor.FromString(self.socket.recv())
            if message.HasField("welcome"):
                got["welcome"] += 1
            else:
                got["acknowledged"] += message.acknowledgement.sequences
                for rejection in message.acknowledgement.rejected:
                    got["rejected"][rejection.sequence] = rejection.reason
        return got


def stranger(sensor):
    sensor.socket.send(sensor.hello())
    return sensor.answers(lambda got: got["welcome"], seconds=2)


def frames(sensor):
    sensor.socket.send(sensor.hello())
    assert sensor.answers(lambda got: got["welcome"])["welcome"] == 1
    for junk in (b"", b"\0", b"\xff" * 100, os.urandom(1000), sensor.hello()[:-3], sensor.hello() + b"\xff\xff\xff"):
        sensor.socket.send(junk)
    sensor.socket.send_multipart([sensor.hello(), sensor.hello(), b"more"])
    sensor.socket.send_multipart([b""] * 50)
    future = pb.FromSensor.FromString(sensor.hello())
    future.version = 99
    sensor.socket.send(future.SerializeToString())
    sensor.socket.send(pb.FromSensor(version=1).SerializeToString())
    other = pb.FromSensor.FromString(sensor.hello())
    other.hello.sensor = "inner"  # another sensor's name under this one's key
    sensor.socket.send(other.SerializeToString())
    sensor.socket.send(sensor.hello())
    return sensor.answers(lambda got: got["welcome"], seconds=40)


def large(sensor):
    sensor.socket.send(sensor.hello())
    assert sensor.answers(lambda got: got["welcome"])["welcome"] == 1
    sensor.socket.send(b"\0" * (64 << 20))
    time.sleep(1)
    sensor.socket.send(sensor.hello())
    return sensor.answers(lambda got: got["welcome"], seconds=40)


def not_utf8(losses):
    """The same losses in a Batch, with a byte in the text that no UTF-8 has. Google's library makes no such message."""
    packed = pb.Batch(losses=losses).SerializeToString()
    return packed.replace("\u202e".encode(), b"\xff\xfe\xff")


def batches(sensor):
    sensor.socket.send(sensor.hello())
    assert sensor.answers(lambda got: got["welcome"])["welcome"] == 1
    disagreeing = pb.FlowColumns(rows=3, base_ns=1)
    disagreeing.observers.add(sensor=sensor.name, epoch=sensor.epoch)
    disagreeing.flow.extend([1, 2])
    many = pb.FlowColumns(rows=4_000_000_000)
    others = pb.FlowColumns(rows=1)
    others.observers.add(sensor="inner", epoch=sensor.epoch)
    bad_text = pb.LossColumns(rows=1, reason=["\u202egnp.exe"])  # turns the direction of what stands behind it
    bad_text.observers.add(sensor=sensor.name, epoch=sensor.epoch)
    alert = pb.AlertColumns(rows=1, text=["a sensor is no detector"])
    alert.observers.add(sensor=sensor.name, epoch=sensor.epoch)
    bomb = b"\0" * (31 << 20)
    wrong = {
        1: sensor.batch(1, sealed=os.urandom(500)),                             # sealed to nobody
        2: sensor.batch(2, sealed=b""),
        3: sensor.batch(3, inner_sensor="inner"),                               # a header moved to other contents
        4: sensor.batch(4, inner_sequence=99),
        5: sensor.batch(5, inner_flows=disagreeing),
        6: sensor.batch(6, inner_flows=many),
        7: sensor.batch(7, plain=b"\xff" * 50),                                 # sealed, but no Batch
        8: sensor.batch(8, size=1),                                             # inflates to more than it says
        9: sensor.batch(9, size=30 << 20),                                      # ... to less
        10: sensor.batch(10, plain=bomb, size=100),
        11: sensor.batch(11, size=4_000_000_000),
        12: sensor.batch(12, epoch=sensor.epoch + 1),                           # replayed under another name
        13: sensor.batch(13, sealed=seal(b"", os.urandom(32))),                 # sealed to another
        14: sensor.batch(14, inner_flows=others),                               # flows of another sensor
        15: sensor.batch(15, inner_losses=bad_text),
        16: sensor.batch(16, inner_losses=not_utf8(bad_text)),
        17: sensor.batch(17, inner_alerts=alert),                               # not for this role
        18: sensor.batch(18, signature=b"short"),
    }
    for frame in wrong.values():
        sensor.socket.send(frame)
    right = sensor.batch(20)
    result = {"acknowledged": [], "rejected": {}, "wrong": sorted(wrong)}
    for frame, sequence in ((right, 20), (right, 20), (sensor.batch(21), 21)):
        sensor.socket.send(frame)
        got = sensor.answers(lambda got: sequence in got["acknowledged"], seconds=60)
        result["acknowledged"] += got["acknowledged"]
        result["rejected"] |= got["rejected"]
    return result


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import pavo_pb2 as pb

    what = sys.argv[4]
    print(json.dumps(globals()[what](Sensor(sys.argv[2], sys.argv[3], stranger=what == "stranger"))))
