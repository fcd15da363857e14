#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The two ends of tests/e2e/faults that are programs of their own: each writes what it knows, a JSON array a line.

  faults_ends.py subscriber KEY FILE           flows and losses from the oldest on, and gaps, as they are handed out
  faults_ends.py teller PROTO-FOLDER KEY FILE  speaks as a sensor: ["made", epoch, sequence, text] before a batch is sent
                                               first, ["acknowledged", epoch, sequence] when it was
"""

import json
import random
import sys
import time

WORDS = ("überlauf", "потеря", "損失", "σφάλμα", "'; DROP TABLE loss; --", "\"quoted\"", "a, b; c", "100 %", "\\n", "🦚")


def subscriber(key, out):
    import pavo

    with pavo.Aggregator("127.0.0.1", key_file=key) as aggregator:
        subscription = aggregator.subscribe("flow", "loss", start="oldest")
        while True:
            try:
                event = subscription.next()
            except pavo.Refused as refusal:  # for a moment, while the aggregator ends or starts: it goes on trying
                out.write(json.dumps(["refused", str(refusal)]) + "\n")
                continue
            if event.kind == "gap":
                line = ["gap", event.topic, event.after, event.position, event.reason]
            elif event.kind == "flow":
                line = ["flow", event.position, event.sensor, event.epoch, event.flow, event.report]
            else:
                line = ["loss", event.position, event.sensor, event.epoch, event.reason]
            out.write(json.dumps(line) + "\n")


def teller(proto, key, out):
    sys.path.insert(0, proto)
    import pavo_pb2 as pb
    import hostile

    hostile.pb = pb
    sensor = hostile.Sensor(key, "tcp://192.0.2.2:7461")
    sensor.socket.linger = 0
    chance = random.Random(sensor.epoch)
    held, credit, sequence, hello, resend, following = {}, 0, 0, 0, 0, 0
    while True:
        now = time.monotonic()
        if now >= hello:
            hello = now + 2
            sensor.socket.send(sensor.hello())
        if now >= resend:
            resend = now + 5
            for frame in list(held.values())[:credit]:
                sensor.socket.send(frame)
        if now >= following and len(held) < credit:
            following = now + 0.1
            sequence += 1
            text = f"{sensor.epoch} {sequence} {' '.join(chance.choices(WORDS, k=4))}"
            losses = pb.LossColumns(rows=1, base_ns=time.time_ns(), reason=[text], count=[1])
            losses.observers.add(sensor=sensor.name, epoch=sensor.epoch)
            held[sequence] = sensor.batch(sequence, inner_losses=losses)
            out.write(json.dumps(["made", sensor.epoch, sequence, text]) + "\n")
            sensor.socket.send(held[sequence])
        while sensor.socket.poll(50):
            message = pb.ToSensor.FromString(sensor.socket.recv())
            if message.HasField("welcome"):
                credit = message.welcome.credit
                continue
            credit = message.acknowledgement.credit
            for number in message.acknowledgement.sequences:
                if held.pop(number, None) is not None:
                    out.write(json.dumps(["acknowledged", sensor.epoch, number]) + "\n")
            for rejection in message.acknowledgement.rejected:
                out.write(json.dumps(["rejected", sensor.epoch, rejection.sequence, rejection.reason]) + "\n")


if __name__ == "__main__":
    with open(sys.argv[-1], "a", buffering=1, encoding="utf-8") as file:
        globals()[sys.argv[1]](*sys.argv[2:-1], file)
