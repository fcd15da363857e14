# SPDX-License-Identifier: Apache-2.0
"""What the IP header of a packet says, from the RFCs; shares nothing with the sensor.

`outermost(packet)` gives an Answer: what became of the packet, its IP protocol and its IP bytes; `innermost(packet)` the
same of what is inside its tunnels, where that can be read. The names of what is not metered are those that docs/flows.md
promises for the sensor's counters.
"""

import collections
import struct

Answer = collections.namedtuple("Answer", "outcome protocol bytes")

ARP = 0  # protocol of ARP messages: they have none
RESERVED = 255  # stands for 0 in IP headers, which says that hop-by-hop options follow
TUNNELS_MAX = 4
IPV6_EXTENSIONS = {0, 43, 60, 135, 139, 140}  # length in units of 8 bytes, the first not counted (RFC 8200, 6275, 7401, 5533)
FRAGMENT = 44
TCP, UDP, ICMP, ICMPV6, SCTP, DCCP, UDP_LITE, ESP, AH = 6, 17, 1, 58, 132, 33, 136, 50, 51
MESSAGES = {135, 139, 140}  # of these, extension headers with nothing behind are messages of their own: Mobility, HIP, Shim6
NO_NEXT = 59
LENGTHS = {SCTP: 12, DCCP: 12, UDP_LITE: 8, ESP: 8, AH: 12, ICMP: 8, ICMPV6: 8}
ERRORS = {TCP: "malformed_tcp", UDP: "malformed_udp", ICMP: "malformed_icmp", ICMPV6: "malformed_icmp"}


class Refused(Exception):
    """The packet has no place in a flow: the reason's name."""


class Bytes:
    """Bytes of a packet, of which the snap length left only the first ones."""

    def __init__(self, data, wire, tunnels, tunnelled=False):
        self.data, self.wire, self.at = data, wire, 0
        self.captured = len(data)
        self.tunnels = tunnels  # how many more may be opened
        self.tunnelled = tunnelled
        self.labels = 0

    def inside(self):
        """The rest, to be read on its own."""
        return Bytes(self.data[self.at:self.captured], self.wire - self.at, self.tunnels - 1, True)

    def left(self):
        return self.wire - self.at

    def need(self, count, malformed):
        """The packet has so many more bytes, and they were captured."""
        if self.wire - self.at < count:
            raise Refused(malformed)
        if self.captured - self.at < count:
            raise Refused("truncated")

    def take(self, count, malformed):
        self.need(count, malformed)
        self.at += count
        return self.data[self.at - count:self.at]

    def limit(self, count):
        """An inner length of the link layer: what follows is padding."""
        self.wire = max(self.at, min(self.wire, self.at + count))
        self.captured = min(self.captured, self.wire)

    def believe(self, count, malformed):
        """The length in an IP header. Where the frame has less, something cut it that did not say so; in a tunnel it is
        the outer packet that has less, and its own header says so."""
        if self.tunnelled and count > self.left():
            raise Refused(malformed)
        self.wire = self.at + count
        self.captured = min(self.captured, self.wire)


def transport(b, protocol, fragmented, first):
    """Refuses a transport header that cannot be one. In the first fragment it may go on in the next; in others it is none.

    The answer is what is inside a tunnel, if this is one that can be read."""
    length = b.left()
    have = b.captured - b.at
    if fragmented:
        if first and protocol == TCP and have >= 20 and b.data[b.at + 12] >> 4 < 5:
            raise Refused("malformed_tcp")
        if first and protocol == UDP and have >= 8 and 0 < struct.unpack_from(">H", b.data, b.at + 4)[0] < 8:
            raise Refused("malformed_udp")
        return None
    if protocol == TCP:
        if length < 20:
            raise Refused("malformed_tcp")
        if have >= 13:
            header = b.data[b.at + 12] >> 4 << 2
            if header < 20 or header > length:
                raise Refused("malformed_tcp")
    elif protocol == UDP:
        if length < 8:
            raise Refused("malformed_udp")
        if have >= 6:
            said = struct.unpack_from(">H", b.data, b.at + 4)[0]
            if said < 8 and said != 0:
                raise Refused("malformed_udp")
    elif protocol in LENGTHS and length < LENGTHS[protocol]:
        raise Refused(ERRORS.get(protocol, "malformed_transport"))
    if protocol == DCCP and have >= 5 and not 12 <= b.data[b.at + 4] * 4 <= length:  # data offset (RFC 4340)
        raise Refused("malformed_transport")
    if protocol == AH and have >= 2 and not 12 <= (b.data[b.at + 1] + 2) * 4 <= length:  # length in words, less 2 (RFC 4302)
        raise Refused("malformed_transport")
    return tunnel(b, protocol)


def tunnel(b, protocol):
    """What is inside, or None: no tunnel, one too deep, or nothing in it that can be read."""
    reader = {4: ip_by_version, 41: ip_by_version, 47: gre, UDP: udp_tunnel}.get(protocol)
    if reader is None or b.tunnels == 0:
        return None
    try:
        return reader(b.inside())
    except Refused:
        return None


def gre(b):
    """RFC 2784, 2890; version 1, RFC 2637, carries PPP; ERSPAN: draft-foschiano-erspan."""
    flags, kind = struct.unpack(">HH", b.take(4, "gre"))
    if flags & 7 == 1 and kind == 0x880B and not flags & 0x4000:
        length = struct.unpack_from(">H", b.take(4 + 4 * bool(flags & 0x1000) + 4 * bool(flags & 0x80), "gre"))[0]
        b.limit(length)
        return ppp(b)
    if flags & 7 or kind == 0x880B or flags & 0x4000:  # version 1 is PPTP's alone; source routing is obsolete
        raise Refused("gre version")
    b.take(4 * bool(flags & 0x8000) + 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000), "gre")
    if kind == 0x6558:
        return ethernet(b)
    if kind == 0x88BE:
        if flags & 0x1000:  # type II numbers its packets; type I has no header
            b.tunnelled = not b.take(8, "erspan")[2] & 4  # T: the switch truncated what it mirrored
        return ethernet(b)
    if kind == 0x22EB:
        header = b.take(12, "erspan")
        b.tunnelled = not header[2] & 4
        if header[11] & 1:
            b.take(8, "erspan")
        return ip_by_version(b) if header[10] >> 2 & 31 == 2 else ethernet(b)  # P, FT (5), Hw (6), D, Gra (2), O
    return by_ethertype(kind, b)


def udp_tunnel(b):
    source, destination, length = struct.unpack_from(">HHH", b.take(8, "udp"))
    if length:
        b.limit(length - 8)
    if destination in (4789, 8472):  # RFC 7348, and Linux before it
        if not b.take(8, "vxlan")[0] & 8:
            raise Refused("vxlan")
        return ethernet(b)
    if destination == 6081:  # RFC 8926
        version, _, kind = struct.unpack_from(">BBH", b.take(8, "geneve"))
        if version >> 6:
            raise Refused("geneve version")
        b.take((version & 0x3F) * 4, "geneve")
        return ethernet(b) if kind == 0x6558 else by_ethertype(kind, b)
    if destination == 2152:
        return gtpu(b)
    if 3544 in (source, destination):
        return teredo(b)
    raise Refused("no tunnel")


def gtpu(b):
    """3GPP TS 29.281."""
    flags, kind, length = struct.unpack_from(">BBH", b.take(8, "gtpu"))
    if flags >> 5 != 1 or not flags & 16 or kind != 255:
        raise Refused("no user data")
    b.limit(length)
    if flags & 7:
        following = b.take(4, "gtpu")[3]
        while following and flags & 4:
            units = b.take(1, "gtpu")[0]
            if units == 0:
                raise Refused("gtpu extension")
            following = b.take(units * 4 - 1, "gtpu")[-1]
    return ip_by_version(b)


def teredo(b):
    """RFC 4380."""
    if b.data[b.at:b.at + 2] == b"\0\1":  # authentication
        _, client, value = struct.unpack(">HBB", b.take(4, "teredo"))
        b.take(client + value + 9, "teredo")
    if b.data[b.at:b.at + 2] == b"\0\0":  # origin
        b.take(8, "teredo")
    length, following = struct.unpack_from(">4xHB", b.data[:b.captured].ljust(b.at + 7, b"\0"), b.at)
    if 40 + length != b.left() and (length, following) != (0, 59):  # the packet fills the datagram; or RFC 6081's trailers
        raise Refused("teredo")
    return ipv6(b)


def ipv4(b):
    rest = b.left()
    header = b.take(20, "malformed_ipv4")
    length = (header[0] & 15) * 4
    if header[0] >> 4 != 4 or length < 20:
        raise Refused("malformed_ipv4")
    total, _, fragment, _, protocol = struct.unpack_from(">HHHBB", header, 2)
    if total == 0:  # segmentation offload: the frame is all there is
        total = rest
    if total < length:
        raise Refused("malformed_ipv4_length")
    b.believe(total - 20, "malformed_ipv4_length")
    offset, more = (fragment & 0x1FFF) * 8, fragment & 0x2000
    if b.captured - b.at >= length - 20:
        b.at += length - 20
        if offset and offset + total - length > 65535:
            raise Refused("malformed_fragment")
        inner = transport(b, protocol, offset or more, offset == 0)
        if inner:
            return inner
    return Answer("metered", protocol or RESERVED, total)


def ipv6(b):
    rest = b.left()
    header = b.take(40, "malformed_ipv6")
    if header[0] >> 4 != 6:
        raise Refused("malformed_ipv6")
    payload, protocol = struct.unpack_from(">HB", header, 4)
    size = 40 + payload
    # Jumbograms (RFC 2675) and segments larger than the field have no length here: the frame's is all there is.
    if payload == 0 and (protocol == 0 or rest > 40 + 65535):
        size = rest
    b.believe(size - 40, "malformed_ipv6")
    first, fragmented = True, False
    for _ in range(9):
        if protocol not in IPV6_EXTENSIONS and protocol != FRAGMENT:
            break
        if protocol in MESSAGES and b.data[b.at:b.captured][:1] == bytes([NO_NEXT]):
            break
        if b.left() < 8:
            raise Refused("malformed_ipv6_extension")
        if b.captured - b.at < 8:
            return Answer("metered", protocol or RESERVED, size)
        here, more = b.data[b.at], b.data[b.at + 1]
        length = 8 if protocol == FRAGMENT else 8 + more * 8
        if protocol == FRAGMENT:
            word = struct.unpack_from(">H", b.data, b.at + 2)[0]
            fragmented = word & 0xFFF9 != 0
            first = word & 0xFFF8 == 0
            if not first and (word & 0xFFF8) + b.left() - 8 > 65535:
                raise Refused("malformed_fragment")
        if b.left() < length:
            raise Refused("malformed_ipv6_extension")
        protocol = here
        b.at += length
        if b.at > b.captured:
            return Answer("metered", protocol or RESERVED, size)
        if not first:
            break
    else:
        raise Refused("malformed_ipv6_extension")
    return transport(b, protocol, fragmented, first) or Answer("metered", protocol or RESERVED, size)


def ip_by_version(b):
    if b.left() == 0:
        raise Refused("malformed_link")
    b.need(1, "malformed_link")
    version = b.data[b.at] >> 4
    if version not in (4, 6):
        raise Refused("ignored_ethertype")
    return ipv4(b) if version == 4 else ipv6(b)


def arp(b):
    header = b.take(8, "malformed_arp")
    _, protocol, hardware_length, protocol_length, _ = struct.unpack(">HHBBH", header)  # of any hardware with such addresses
    if (protocol, hardware_length, protocol_length) != (0x0800, 6, 4):
        raise Refused("malformed_arp")
    b.take(20, "malformed_arp")
    return Answer("metered", ARP, 28)


def mpls(b):
    while b.labels < 8:  # in all: a pseudowire may carry labels again
        b.labels += 1
        entry = b.take(4, "malformed_link")
        if entry[2] & 1:
            return below_labels(b)
    raise Refused("malformed_link")


def below_labels(b):
    """IP, or Ethernet with or without a pseudowire's control word (RFC 4385): no label says which."""
    data = b.data[b.at:b.captured]
    known = [b"\x08\x00", b"\x86\xdd", b"\x08\x06", b"\x81\x00", b"\x88\xa8", b"\x91\x00", b"\x88\x47", b"\x88\x64"]
    frame = data[12:14] in known
    nibble = data[0] >> 4 if data else None
    if nibble == 0 and (data[16:18] in known or not frame):
        b.take(4, "malformed_link")
        return ethernet(b)
    if frame and not (nibble == 4 and right_ipv4(data, b.left())) and \
            not (nibble == 6 and 40 + struct.unpack_from(">H", data, 4)[0] == b.left()):
        return ethernet(b)
    return ip_by_version(b)


def right_ipv4(data, left):
    """Its length is possible and its checksum right, or left to the card."""
    length, total = (data[0] & 15) * 4, struct.unpack_from(">H", data, 2)[0]
    if not 20 <= length <= min(len(data), total) or total > left:
        return False
    return sum(struct.unpack_from(f">{length // 2}H", data)) % 0xFFFF == 0 or data[10:12] == b"\0\0"


def ppp(b):
    if b.data[b.at:b.at + 2] == b"\xff\x03":
        b.take(2, "malformed_link")
    protocol = b.take(1, "malformed_link")[0]
    if not protocol & 1:
        protocol = protocol << 8 | b.take(1, "malformed_link")[0]
    known = {0x21: ipv4, 0x57: ipv6, 0x281: mpls, 0x283: mpls}
    if protocol not in known:
        raise Refused("ignored_ethertype")
    return known[protocol](b)


def pppoe(b):
    version_type, code, _, length = struct.unpack(">BBHH", b.take(6, "malformed_link"))
    if version_type != 0x11 or code != 0:
        raise Refused("ignored_ethertype")
    b.limit(length)
    return ppp(b)


def by_ethertype(kind, b, tags=0):
    if kind in (0x8100, 0x88A8, 0x9100):
        if tags == 4:
            raise Refused("malformed_link")
        tag = b.take(4, "malformed_link")
        return by_ethertype(struct.unpack(">HH", tag)[1], b, tags + 1)
    known = {0x0800: ipv4, 0x86DD: ipv6, 0x0806: arp, 0x8847: mpls, 0x8848: mpls, 0x8864: pppoe}
    if kind in known:
        return known[kind](b)
    if kind > 1500:
        raise Refused("ignored_ethertype")
    b.limit(kind)
    return llc(b)


def llc(b):
    header = b.take(3, "malformed_link")
    if header[:2] == b"\x06\x06":
        return ipv4(b)
    if header[:2] != b"\xaa\xaa":
        raise Refused("ignored_ethertype")
    organisation, kind = struct.unpack(">3sH", b.take(5, "malformed_link"))
    if organisation not in (b"\0\0\0", b"\0\0\xf8"):  # RFC 1042, IEEE 802.1H
        raise Refused("ignored_ethertype")
    if kind <= 1500:
        raise Refused("ignored_ethertype")
    return by_ethertype(kind, b)


def ethernet(b):
    header = b.take(14, "malformed_link")
    return by_ethertype(struct.unpack_from(">H", header, 12)[0], b)


def loopback(b):
    word = b.take(4, "malformed_link")
    families = {struct.unpack(order + "I", word)[0] for order in "<>"}
    if 2 in families:
        return ipv4(b)
    if families & {10, 24, 28, 30}:  # AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS
        return ipv6(b)
    raise Refused("ignored_ethertype")


def cooked(b):
    header = b.take(16, "malformed_link")
    return below_cooked(struct.unpack_from(">H", header, 14)[0], b)


def cooked2(b):
    header = b.take(20, "malformed_link")
    return below_cooked(struct.unpack_from(">H", header, 0)[0], b)


def below_cooked(kind, b):
    """Types below 1501 are Linux's own; 4 is LLC."""
    if kind == 4:
        return llc(b)
    if kind <= 1500:
        raise Refused("ignored_ethertype")
    return by_ethertype(kind, b)


def ppp_hdlc(b):
    return hdlc(b) if b.data[:1] in (b"\x0f", b"\x8f") else ppp(b)


def ppp_behind(count):
    def read(b):
        b.take(count, "malformed_link")
        return ppp(b)
    return read


def hdlc(b):
    header = b.take(4, "malformed_link")
    kind = struct.unpack_from(">H", header, 2)[0]
    if kind <= 1500:
        raise Refused("ignored_ethertype")
    return by_ethertype(kind, b)


LINKS = {0: loopback, 1: ethernet, 9: ppp, 12: ip_by_version, 14: ip_by_version, 50: ppp_hdlc, 51: pppoe, 101: ip_by_version,
         104: hdlc, 108: loopback, 113: cooked, 166: ppp_behind(2), 204: ppp_behind(1), 228: ip_by_version, 229: ip_by_version,
         276: cooked2}


def answer(packet, tunnels):
    if packet.link not in LINKS:
        return Answer("unsupported_link", None, 0)
    try:
        return LINKS[packet.link](Bytes(packet.data, packet.wire, tunnels))
    except Refused as refused:
        return Answer(refused.args[0], None, 0)


def outermost(packet):
    return answer(packet, 0)


def innermost(packet):
    return answer(packet, TUNNELS_MAX)
