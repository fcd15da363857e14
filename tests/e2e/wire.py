#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks in a capture for what must not be readable there: addresses, names, a marker; as they are, or deflated.

  wire.py CAPTURE         prints what was found, and exits 1 if anything was
"""

import ipaddress
import struct
import sys
import zlib

HOSTS = ["10.1.0.11", "10.1.0.12", "10.1.0.13", "203.0.113.80", "203.0.113.1", "198.51.100.53"]
HOSTS6 = ["2001:db8:1::11", "2001:db8:1::12", "2001:db8:1::13", "2001:db8:2::80"]
WORDS = ["pavo-test-marker-", "inside", "outside", "inner", "outer", "EN10MB"]  # payload, interfaces, sensors


def patterns():
    for text in HOSTS + HOSTS6 + WORDS:
        yield text, text.encode()
    for text in HOSTS:
        address = ipaddress.ip_address(text).packed
        yield text + " as in a column", struct.pack("<Q", 0xFFFF_0000_0000 | int.from_bytes(address, "big"))
        yield text + " mapped into IPv6", bytes(10) + b"\xff\xff" + address
    for text in HOSTS[:3]:
        for other in HOSTS[3:]:
            yield f"{text} and {other} as in a packet", b"".join(ipaddress.ip_address(a).packed for a in (text, other))
    for text in HOSTS6:
        high, _ = struct.unpack(">QQ", ipaddress.ip_address(text).packed)
        yield text + " as in a packet", ipaddress.ip_address(text).packed
        yield text + " as in a column", struct.pack("<Q", high) * 2


def inflated(data):
    """Whatever some zlib stream in there inflates to, as far as it goes."""
    at = -1
    while (at := data.find(b"\x78", at + 1)) >= 0:
        if (int.from_bytes(data[at:at + 2], "big") % 31) == 0:
            stream, out = zlib.decompressobj(), b""
            try:
                for start in range(at, min(at + 4096, len(data)), 64):
                    out += stream.decompress(data[start:start + 64], 1 << 16)
            except zlib.error:
                pass
            if len(out) > 8:
                yield out


def packets(data):
    """Bytes of each packet of a pcap file, as tcpdump writes it here."""
    magic, = struct.unpack_from("<I", data)
    assert magic in (0xA1B2C3D4, 0xA1B23C4D), hex(magic)
    at = 24
    while at + 16 <= len(data):
        length, = struct.unpack_from("<I", data, at + 8)
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    found, count, size = set(), 0, 0
    for packet in packets(data):
        count += 1
        size += len(packet)
        for part in (packet, *inflated(packet)):
            found.update(name for name, pattern in patterns() if pattern in part)
    print(f"{count} packets, {size} bytes; found: {sorted(found) or 'nothing'}")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
