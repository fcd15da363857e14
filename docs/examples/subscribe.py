#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Follows flows without libpavo: ZeroMQ and the protocol are all it takes.

  protoc --proto_path=../../proto --python_out=. pavo.proto      makes pavo_pb2.py; put it on PYTHONPATH
  subscribe.py --aggregator HOST[:PORT] --key FILE [--count N]

Prints one JSON object a line. A message whose `previous` is not the position seen last tells that something is
missing; what to do about it (ask the answer door to replay) is in docs/protocol.md and done by libpavo.
"""

import argparse
import configparser
import ipaddress
import json
import sys

import zmq

import pavo_pb2


def subscribe(host, port, key):
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.curve_serverkey = key["aggregator"].encode()
    socket.curve_publickey = key["public"].encode()
    socket.curve_secretkey = key["secret"].encode()
    socket.set(zmq.HEARTBEAT_IVL, 5000)
    socket.subscribe(b"flow")
    socket.connect(f"tcp://{host}:{port}")
    return socket


def address(hi, lo):
    full = ipaddress.IPv6Address(hi << 64 | lo)
    return str(full.ipv4_mapped or full)


def rows(flows):
    """The columns turned into one dictionary a flow. A column that is absent is zero in every row."""
    columns = {field.name: getattr(flows, field.name) for field in flows.DESCRIPTOR.fields if field.number >= 10}
    for row in range(flows.rows):
        flow = {name: column[row] for name, column in columns.items() if len(column) > row}
        observer = flows.observers[flow.pop("observer", 0)]
        flow.update(sensor=observer.sensor, epoch=observer.epoch)
        for end in ("src", "dst"):
            flow[end] = address(flow.pop(f"{end}_hi", 0), flow.pop(f"{end}_lo", 0))
        for time in ("first_time", "last_time"):
            flow[time] = flows.base_ns + flow.get(time, 0)  # nanoseconds since 1970
        yield flow


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aggregator", default="localhost", help="HOST, or HOST:PORT with the port sensors use (7461)")
    parser.add_argument("--key", required=True, help="a reader's key (pavo keys enrol reader NAME)")
    parser.add_argument("--count", type=int, default=0, help="end after so many flows")
    arguments = parser.parse_args()
    host, _, port = arguments.aggregator.partition(":")
    key = configparser.ConfigParser(interpolation=None)
    key.read(arguments.key)
    socket = subscribe(host, int(port or 7461) + 1, key["pavo-key"])

    printed, seen = 0, None
    while arguments.count == 0 or printed < arguments.count:
        _, payload = socket.recv_multipart()
        message = pavo_pb2.Published.FromString(payload)
        if seen is not None and message.previous > seen:
            print(f"missing: positions after {seen} up to {message.previous}", file=sys.stderr)
        seen = message.position
        for flow in rows(message.flows):
            print(json.dumps(flow), flush=True)
            printed += 1
            if printed == arguments.count:
                return


if __name__ == "__main__":
    main()
