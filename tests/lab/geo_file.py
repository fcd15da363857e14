# SPDX-License-Identifier: Apache-2.0
"""A file of MaxMind's form, version 2.0 (maxmind.github.io/MaxMind-DB), with what networks have: for tests of who reads such files."""

import ipaddress
import struct


def _value(value):
    """Strings, maps and whole numbers as the data section has them; the sizes here are below 29 + 256."""
    def control(kind, size):
        size, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
        return bytes([kind << 5 | size]) + more if kind <= 7 else bytes([size, kind - 7]) + more
    if isinstance(value, str):
        return control(2, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return control(7, len(value)) + b"".join(_value(key) + _value(one) for key, one in value.items())
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(_value, value))
    kind, number = value  # "uint16", "uint32", "uint64"
    kinds = {"uint16": (5, 2), "uint32": (6, 4), "uint64": (9, 8)}
    return control(*kinds[kind]) + number.to_bytes(kinds[kind][1], "big")


def write(path, database_type, networks):
    """networks: {"198.51.100.0/24": {"country": {"iso_code": "DE"}}}, IPv6 as well; none within another."""
    nodes, data = [[None, None]], b""
    for text, value in networks.items():
        network = ipaddress.ip_network(text)
        bits, length = int(network.network_address), network.prefixlen + (96 if network.version == 4 else 0)
        at = 0
        for depth in range(length):
            bit = bits >> 127 - depth & 1
            if depth == length - 1:
                nodes[at][bit] = ("data", len(data))
            elif nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit] if depth < length - 1 else at
        data += _value(value)
    record = lambda r: len(nodes) if r is None else r if isinstance(r, int) else len(nodes) + 16 + r[1]
    tree = b"".join(struct.pack(">I", record(r))[1:] for node in nodes for r in node)
    metadata = {"binary_format_major_version": ("uint16", 2), "binary_format_minor_version": ("uint16", 0),
                "build_epoch": ("uint64", 1700000000), "database_type": database_type, "description": {"en": "of a test"},
                "ip_version": ("uint16", 6), "languages": ["en"], "node_count": ("uint32", len(nodes)), "record_size": ("uint16", 24)}
    with open(path, "wb") as file:
        file.write(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + _value(metadata))
