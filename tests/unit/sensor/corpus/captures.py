# SPDX-License-Identifier: Apache-2.0
"""Reading pcap and pcapng files, from their formats' descriptions; shares nothing with the sensor.

pcap: draft-ietf-opsawg-pcap; pcapng: draft-ietf-opsawg-pcapng. Link types: tcpdump.org/linktypes.html.
"""

import gzip
import struct

RECORD_MAX = 262144  # libpcap's limit (MAXIMUM_SNAPLEN): a longer record is a broken file

# Magic number as the file has it -> (byte order, nanoseconds, length of a record's header)
PCAP_MAGIC = {
    bytes.fromhex("d4c3b2a1"): ("<", False, 16),
    bytes.fromhex("a1b2c3d4"): (">", False, 16),
    bytes.fromhex("4d3cb2a1"): ("<", True, 16),
    bytes.fromhex("a1b23c4d"): (">", True, 16),
    bytes.fromhex("34cdb2a1"): ("<", False, 24),  # Kuznetzov's, of an old Linux libpcap
    bytes.fromhex("a1b2cd34"): (">", False, 24),
}
PCAPNG_SECTION, PCAPNG_INTERFACE, PCAPNG_OLD_PACKET, PCAPNG_SIMPLE, PCAPNG_STATISTICS, PCAPNG_ENHANCED = 0x0A0D0D0A, 1, 2, 3, 5, 6
DROPS = {5: "interface", 7: "kernel"}  # isb_ifdrop, isb_osdrop


class Broken(Exception):
    """The file cannot be read on from here; what came before stands."""


class Packet:
    __slots__ = ("link", "time_ns", "data", "wire")

    def __init__(self, link, time_ns, data, wire):
        self.link, self.time_ns, self.data, self.wire = link, time_ns, data, max(wire, len(data))


def read_pcap(content):
    order, nanoseconds, header_length = PCAP_MAGIC[content[:4]]
    if len(content) < 24:
        raise Broken("file header cut")
    link = struct.unpack_from(order + "I", content, 20)[0] & 0xFFFF
    record = struct.Struct(order + "IIII")
    at = 24
    while at < len(content):
        if at + header_length > len(content):
            raise Broken("record header cut")
        seconds, fraction, captured, wire = record.unpack_from(content, at)
        at += header_length
        if captured > RECORD_MAX:
            raise Broken("record too long")
        if at + captured > len(content):
            raise Broken("packet cut")
        yield Packet(link, seconds * 1000000000 + fraction * (1 if nanoseconds else 1000), content[at:at + captured], wire)
        at += captured


def read_options(content, at, end, order):
    while at + 4 <= end:
        code, length = struct.unpack_from(order + "HH", content, at)
        if code == 0 or at + 4 + length > end:
            return
        yield code, content[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


class Interface:
    def __init__(self, content, at, end, order):
        self.link, _, self.snap = struct.unpack_from(order + "HHI", content, at)
        self.unit = 1e6
        self.offset = 0
        self.drops = {}  # as the newest of its statistics has them
        for code, value in read_options(content, at + 8, end, order):
            if code == 9 and value:  # if_tsresol
                self.unit = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            if code == 14 and len(value) == 8:  # if_tsoffset
                self.offset = struct.unpack(order + "q", value)[0]

    def time_ns(self, high, low):
        return int((high << 32 | low) * 1000000000 // int(self.unit)) + self.offset * 1000000000


def read_pcapng(content, described):
    """`described`: list that gets every interface, of all sections."""
    order, interfaces, at = "<", [], 0
    while at < len(content):
        if at + 12 > len(content):
            raise Broken("block header cut")
        if content[at:at + 4] == b"\n\r\r\n":
            order = "<" if content[at + 8:at + 12] == bytes.fromhex("4d3c2b1a") else ">"
            interfaces = []
        kind, length = struct.unpack_from(order + "II", content, at)
        if length < 12 or length % 4 or at + length > len(content):
            raise Broken("block length")
        body, end = at + 8, at + length - 4
        if struct.unpack_from(order + "I", content, end)[0] != length:
            raise Broken("block lengths differ")
        if kind == PCAPNG_INTERFACE:
            interfaces.append(Interface(content, body, end, order))
            described.append(interfaces[-1])
        elif kind == PCAPNG_STATISTICS and length >= 24:
            number = struct.unpack_from(order + "I", content, body)[0]
            for code, value in read_options(content, body + 12, end, order):
                if number < len(interfaces) and code in DROPS and len(value) == 8:
                    interfaces[number].drops[DROPS[code]] = struct.unpack(order + "Q", value)[0]
        elif kind in (PCAPNG_ENHANCED, PCAPNG_OLD_PACKET):
            if kind == PCAPNG_ENHANCED:
                number, high, low, captured, wire = struct.unpack_from(order + "IIIII", content, body)
            else:
                number, _, high, low, captured, wire = struct.unpack_from(order + "HHIIII", content, body)
            body += 20
            if number >= len(interfaces):
                raise Broken("packet of an interface that is not described")
            if body + captured > end:
                raise Broken("packet longer than its block")
            interface = interfaces[number]
            yield Packet(interface.link, interface.time_ns(high, low), content[body:body + captured], wire)
        elif kind == PCAPNG_SIMPLE:
            if not interfaces:
                raise Broken("packet of an interface that is not described")
            wire = struct.unpack_from(order + "I", content, body)[0]
            captured = min(wire, interfaces[0].snap or wire, end - body - 4)
            yield Packet(interfaces[0].link, 0, content[body + 4:body + 4 + captured], wire)
        at += length


def read(name, drops):
    """Yields the packets of a capture, which may be gzipped; raises Broken where it cannot go on. Adds to `drops` what the
    file says was lost, by where."""
    described = []
    try:
        yield from read_packets(name, described)
    finally:
        for interface in described:
            for where, count in interface.drops.items():
                drops[where] += count


def read_packets(name, described):
    with gzip.open(name) if name.endswith(".gz") else open(name, "rb") as file:
        content = file.read()
    if content[:4] in PCAP_MAGIC:
        yield from read_pcap(content)
    elif content[:4] == b"\n\r\r\n":
        yield from read_pcapng(content, described)
    else:
        raise Broken("no capture file")
