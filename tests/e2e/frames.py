#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Frames of known flows, sent at an interface just as they are.

  frames.py flood IFACE NET FRAMES FLOWS    UDP to and from 10.NET.0.1; FRAMES 0: until SIGTERM
  frames.py tap IFACE IFACE                 50 TCP connections and 50 UDP questions: clients on one, servers on the other
  frames.py mix IFACE                       some hundred conversations of every kind, interleaved
  frames.py sent FILE                       is what `pavo-sensor --print --json` wrote to FILE just what mix sends?
  frames.py same FILE FILE                  do two such files say the same?

Sending prints "sending", and at its end one JSON object: how many frames the kernel took, and how long that took.
"""

import argparse
import errno
import ipaddress
import itertools
import json
import random
import signal
import socket
import struct
import sys
import time

IPV4, IPV6, ARP, MPLS, PPPOE, VLAN, QINQ, QINQ_OLD, TEB = (0x0800, 0x86DD, 0x0806, 0x8847, 0x8864, 0x8100, 0x88A8, 0x9100,
                                                           0x6558)
ICMP, IPIP, TCP, UDP, SIXIN4, GRE, ESP, ICMPV6, SCTP, FRAGMENT, OPTIONS = 1, 4, 6, 17, 41, 47, 50, 58, 132, 44, 60
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
IP_MORE = 0x2000


# ---------------------------------------------------------------- headers

def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ethernet(kind, payload, tags=(), macs=(1, 2)):
    """`tags` are (type, VLAN) from the outside in."""
    header = b"".join(struct.pack(">IH", 0x02000000, mac) for mac in reversed(macs))
    for tag, vlan in tags:
        header += struct.pack(">HH", tag, vlan)
    return header + struct.pack(">H", kind) + payload


def ipv4(src, dst, protocol, payload, identification=0, fragment=0):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification, fragment, 64, protocol, 0, src.packed,
                         dst.packed)
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def ipv6(src, dst, protocol, payload, label=0):
    return struct.pack(">IHBB16s16s", 6 << 28 | label, len(payload), protocol, 64, src.packed, dst.packed) + payload


def pseudo(src, dst, protocol, segment):
    if src.version == 4:
        return src.packed + dst.packed + struct.pack(">BBH", 0, protocol, len(segment)) + segment
    return src.packed + dst.packed + struct.pack(">IHBB", len(segment), 0, 0, protocol) + segment


def udp(src, dst, sport, dport, data):
    datagram = struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data
    return datagram[:6] + struct.pack(">H", checksum(pseudo(src, dst, UDP, datagram)) or 0xFFFF) + data


def tcp(src, dst, sport, dport, seq, ack, flags, data=b""):
    segment = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 65000, 0, 0) + data
    return segment[:16] + struct.pack(">H", checksum(pseudo(src, dst, TCP, segment))) + segment[18:]


def icmp(src, dst, kind, code, rest, data):
    message = struct.pack(">BBHI", kind, code, 0, rest) + data
    summed = message if src.version == 4 else pseudo(src, dst, ICMPV6, message)
    return message[:2] + struct.pack(">H", checksum(summed)) + message[4:]


def ip(src, dst, protocol, payload, **more):
    return (ipv4 if src.version == 4 else ipv6)(src, dst, protocol, payload, **more)


def plain(packet, **more):
    return ethernet(IPV4 if packet[0] >> 4 == 4 else IPV6, packet, **more)


# ---------------------------------------------------------------- conversations

class Conversation:
    """Frames in their order, and the flows they make: {(src, sport, dst, dport, protocol): [packets and bytes each way]}."""

    def __init__(self):
        self.frames, self.flows = [], {}

    def add(self, flow, answer, packet, frame):
        """`packet` is what counts: its length is its IP bytes."""
        sums = self.flows.setdefault(flow, [0, 0, 0, 0])
        sums[2 * answer] += 1
        sums[2 * answer + 1] += len(packet)
        self.frames.append(frame)


def text(address, port=0):
    return str(address), port


def talk_tcp(c, a, b, aport, bport, wrap):
    flow = (*text(a, aport), *text(b, bport), TCP)
    seq, hello, answer = [1000 + aport, 5000 + bport], b"q" * 40, b"a" * 900

    def say(side, flags, data=b""):
        ends = ((a, b), (b, a))[side]
        ports = ((aport, bport), (bport, aport))[side]
        packet = ip(*ends, TCP, tcp(*ends, *ports, seq[side], seq[1 - side] if flags & ACK else 0, flags, data))
        seq[side] += len(data) + (1 if flags & (SYN | FIN) else 0)
        c.add(flow, side, packet, wrap(packet, side))

    say(0, SYN)
    say(1, SYN | ACK)
    say(0, ACK)
    say(0, PSH | ACK, hello)
    say(1, ACK, answer)
    say(1, PSH | ACK, answer[:300])
    say(0, ACK)
    say(0, FIN | ACK)
    say(1, FIN | ACK)
    say(0, ACK)


def talk_udp(c, a, b, aport, bport, wrap, rounds=3):
    flow = (*text(a, aport), *text(b, bport), UDP)
    for number in range(rounds):
        for side, (src, dst, sport, dport) in enumerate(((a, b, aport, bport), (b, a, bport, aport))):
            packet = ip(src, dst, UDP, udp(src, dst, sport, dport, bytes(30 + 100 * side + number)))
            c.add(flow, side, packet, wrap(packet, side))


def talk_echo(c, a, b, identifier, wrap):
    request, reply, protocol = (8, 0, ICMP) if a.version == 4 else (128, 129, ICMPV6)
    flow = (*text(a, identifier), *text(b), protocol)
    for number in range(3):
        for side, (src, dst, kind) in enumerate(((a, b, request), (b, a, reply))):
            packet = ip(src, dst, protocol, icmp(src, dst, kind, 0, identifier << 16 | number, bytes(56)))
            c.add(flow, side, packet, wrap(packet, side))


def fragments(src, dst, protocol, payload, identification, size):
    """The packets of a datagram, cut after each `size` bytes."""
    for at in range(0, len(payload), size):
        more = at + size < len(payload)
        if src.version == 4:
            yield ipv4(src, dst, protocol, payload[at:at + size], identification, (IP_MORE if more else 0) | at // 8)
        else:
            header = struct.pack(">BBHI", protocol, 0, at | more, identification)
            yield ipv6(src, dst, FRAGMENT, header + payload[at:at + size])


def talk_fragments(c, a, b, aport, bport, wrap, order):
    """Small datagrams and datagrams in fragments, both ways; `order` says in which order the four of one come."""
    flow = (*text(a, aport), *text(b, bport), UDP)
    talk_udp(c, a, b, aport, bport, wrap, rounds=1)
    for number in range(2):
        for side, (src, dst, sport, dport) in enumerate(((a, b, aport, bport), (b, a, bport, aport))):
            datagram = udp(src, dst, sport, dport, bytes(range(256)) * 15)
            pieces = list(fragments(src, dst, UDP, datagram, aport * 4 + number * 2 + side, 1024))
            for which in order:
                c.add(flow, side, pieces[which], wrap(pieces[which], side))
    talk_udp(c, a, b, aport, bport, wrap, rounds=1)


def talk_gre(c, a, b, aport, bport, inside):
    """TCP between hosts behind the ends of a tunnel."""
    talk_tcp(c, *inside, aport, bport, lambda packet, side: plain(
        ip(*((a, b), (b, a))[side], GRE, struct.pack(">HH", 0, IPV4 if packet[0] >> 4 == 4 else IPV6) + packet)))


def talk_ipip(c, a, b, aport, bport, inside):
    talk_tcp(c, *inside, aport, bport, lambda packet, side: plain(
        ip(*((a, b), (b, a))[side], IPIP if packet[0] >> 4 == 4 else SIXIN4, packet)))


def talk_vxlan(c, a, b, aport, bport, inside):
    """Each end takes the outer source port from a hash of its own: two directions of one connection have two."""
    def wrap(packet, side):
        ends = ((a, b), (b, a))[side]
        return plain(ip(*ends, UDP, udp(*ends, 50000 + aport % 1000 + 77 * side, 4789,
                                        struct.pack(">II", 0x08000000, 42 << 8) + plain(packet))))
    talk_tcp(c, *inside, aport, bport, wrap)


def talk_gtpu(c, a, b, aport, bport, inside):
    def wrap(packet, side):
        ends = ((a, b), (b, a))[side]
        return plain(ip(*ends, UDP, udp(*ends, 2152, 2152, struct.pack(">BBHI", 0x30, 255, len(packet), 9 + side) + packet)))
    talk_tcp(c, *inside, aport, bport, wrap)


def talk_error(c, a, b, aport, bport, who):
    """A datagram that nobody wants, and what `who` says of it."""
    packet = ip(a, b, UDP, udp(a, b, aport, bport, bytes(50)))
    c.add((*text(a, aport), *text(b, bport), UDP), 0, packet, plain(packet))
    kind, code, protocol = (3, 3, ICMP) if a.version == 4 else (1, 4, ICMPV6)
    error = ip(who, a, protocol, icmp(who, a, kind, code, 0, packet))
    c.add((*text(who), *text(a), protocol), 0, error, plain(error))


def talk_arp(c, a, b):
    flow = (*text(a), *text(b), 0)
    for side, (src, dst) in enumerate(((a, b), (b, a))):
        message = struct.pack(">HHBBHIH4sIH4s", 1, IPV4, 6, 4, 1 + side, 0x02000000, 1 + side, src.packed, 0, 0, dst.packed)
        c.add(flow, side, message, ethernet(ARP, message))


def talk_neighbours(c, a, b):
    """The question goes to a group, so it is no answer to it that the one asked gives."""
    group = ipaddress.IPv6Address((0xFF02 << 112) + (1 << 32 | 0xFF << 24 | int(b) & 0xFFFFFF))
    for answer, src, dst, kind in ((0, a, group, 135), (1, b, a, 136)):
        packet = ipv6(src, dst, ICMPV6, icmp(src, dst, kind, 0, 0, b.packed))
        c.add((*text(a), *text(b if answer else group), ICMPV6), answer, packet, plain(packet))


def talk_esp(c, a, b, spi):
    for src, dst, index in ((a, b, spi), (b, a, spi + 1)):
        for number in range(2):
            packet = ip(src, dst, ESP, struct.pack(">II", index, number) + bytes(64))
            c.add((*text(src), *text(dst), ESP), 0, packet, plain(packet))


def talk_sctp(c, a, b, aport, bport):
    flow = (*text(a, aport), *text(b, bport), SCTP)
    for side, (src, dst, sport, dport) in enumerate(((a, b, aport, bport), (b, a, bport, aport))):
        packet = ip(src, dst, SCTP, struct.pack(">HHII", sport, dport, 7, 0) + struct.pack(">BBH", 10, 0, 4))
        c.add(flow, side, packet, plain(packet))


def talk_lonely_fragments(c, a, b, identification):
    """Of one datagram only the first, of another only the last."""
    pieces = list(fragments(a, b, UDP, udp(a, b, 5000, 5001, bytes(1500)), identification, 1024))
    c.add((*text(a, 5000), *text(b, 5001), UDP), 0, pieces[0], plain(pieces[0]))
    pieces = list(fragments(b, a, UDP, udp(b, a, 5001, 5000, bytes(1500)), identification + 1, 1024))
    c.add((*text(b), *text(a), UDP), 0, pieces[-1], plain(pieces[-1]))


def talk_options(c, a, b, aport, bport):
    """IPv6 with an extension header on the way there, and flow labels of their own on both."""
    flow = (*text(a, aport), *text(b, bport), UDP)
    for number in range(2):
        for side, (src, dst, sport, dport) in enumerate(((a, b, aport, bport), (b, a, bport, aport))):
            datagram = udp(src, dst, sport, dport, bytes(40 + number))
            packet = ipv6(src, dst, UDP, datagram, label=0x12345) if side else \
                ipv6(src, dst, OPTIONS, struct.pack(">BBBBI", UDP, 0, 1, 4, 0) + datagram, label=0x54321)
            c.add(flow, side, packet, plain(packet))


def mix():
    """All conversations: each between hosts of its own, except where it says otherwise."""
    conversations = []
    number = itertools.count()

    def hosts(version):
        n = next(number)
        if version == 4:
            return ipaddress.IPv4Address(0x0A200000 + n), ipaddress.IPv4Address(0xC6120000 + n * 7 % 1021)
        return ipaddress.IPv6Address((0x20010DB8 << 96) + n), ipaddress.IPv6Address((0x20010DB8FFFF << 80) + n * 7 % 1021)

    def begin():
        conversations.append(Conversation())
        return conversations[-1]

    def untagged(packet, _):
        return plain(packet)

    def tagged(*tags):
        return lambda packet, _: plain(packet, tags=tags)

    def two_vlans(packet, side):
        return plain(packet, tags=((VLAN, 100 + side),))

    def mpls(packet, side):
        return ethernet(MPLS, struct.pack(">I", (1000 + side) << 12 | 1 << 8 | 64) + packet)

    def pppoe(packet, _):
        protocol = 0x0021 if packet[0] >> 4 == 4 else 0x0057
        return ethernet(PPPOE, struct.pack(">BBHHH", 0x11, 0, 7, len(packet) + 2, protocol) + packet)

    links = [untagged] * 4 + [tagged((VLAN, 10)), tagged((QINQ, 20), (VLAN, 30)), tagged((VLAN, 20), (VLAN, 30)),
                              tagged((QINQ_OLD, 5), (VLAN, 6)), two_vlans, mpls, pppoe]
    orders = [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (3, 0, 2, 1)]
    for version in (4, 6):
        for link in links:
            for port in range(4):
                talk_tcp(begin(), *hosts(version), 30000 + port, 443, link)
                talk_udp(begin(), *hosts(version), 40000 + port, 53, link)
                talk_echo(begin(), *hosts(version), 77 + port, link)
                talk_fragments(begin(), *hosts(version), 1000 + port, 2049, link, orders[port])
        ends = hosts(version)
        for port in range(30):  # many between the same two
            talk_tcp(begin(), *ends, 20000 + port, 80, untagged)
            talk_udp(begin(), *ends, 20000 + port, 80, untagged)
        for port in range(8):
            for talk in talk_gre, talk_ipip, talk_vxlan, talk_gtpu:
                talk(begin(), *hosts(version), 10000 + port, 80, hosts(4 + 2 * (port % 2)))
            a, b = hosts(version)
            talk_error(begin(), a, b, 3000 + port, 33434, b)
            talk_error(begin(), *hosts(version), 3000 + port, 33434, hosts(version)[1])  # a router on the way
            talk_lonely_fragments(begin(), *hosts(version), 500 + 2 * port)
            talk_esp(begin(), *hosts(version), 1 << 16 | port << 1)
            talk_sctp(begin(), *hosts(version), 7000 + port, 2905)
            if version == 6:
                talk_options(begin(), *hosts(version), 9000 + port, 9001)
                talk_neighbours(begin(), *hosts(version))
            else:
                talk_arp(begin(), *hosts(version))
    return conversations


def interleaved(conversations):
    """All frames, those of each conversation in their order; the same every time."""
    turns = [c for c in conversations for _ in c.frames]
    random.Random(1).shuffle(turns)
    left = {id(c): iter(c.frames) for c in conversations}
    return [next(left[id(c)]) for c in turns]


def flood(net, frames, flows):
    """Frame after frame of another flow, in a circle; every second time round the answers. 0 frames: without end."""
    here, once = ipaddress.IPv4Address(f"10.{net}.0.1"), []
    for number in range(flows):
        there = ipaddress.IPv4Address(0xC6120000 + number)
        ends = (there, here, 1024 + number, 9), (here, there, 9, 1024 + number)
        data = struct.pack(">HH14x", net, number)
        once.append([plain(ipv4(src, dst, UDP, udp(src, dst, sport, dport, data))) for src, dst, sport, dport in ends])
    for number in itertools.count() if frames == 0 else range(frames):
        yield once[number % flows][number // flows % 2]


def tap():
    """The frames of one conversation after the other, each with the number of its direction."""
    for number in range(50):
        a, b = (ipaddress.IPv4Address(f"10.{side}.0.{number}") for side in (1, 2))
        for talk in talk_tcp, lambda *ends: talk_udp(*ends, rounds=1):
            c = Conversation()
            talk(c, a, b, 20000 + number, 53, lambda packet, side: (side, plain(packet)))
            yield from c.frames


# ---------------------------------------------------------------- what was metered of the mix

KEY = "src", "src_port", "dst", "dst_port", "protocol"
SUMS = "src_packets", "src_bytes", "dst_packets", "dst_bytes"
# Which flow of that sensor's it is, and at which end of the wire; and the times: each socket may have been told another.
NOT_COMPARED = {"epoch", "flow", "interface_name", "first_time", "last_time", "duration", "client_rtt", "server_rtt", "src_gap_mean", "dst_gap_mean",
                "src_gap_deviation", "dst_gap_deviation"}


def read_records(file):
    """Records of --print --json among other lines: {key: [records]}."""
    records = {}
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith('{"flow"'):
                record = json.loads(line)
                key = tuple(record.get(name, 0 if "port" in name else None) for name in KEY)
                records.setdefault(key, []).append(record)
    return records


def compare_sent(file):
    """Sentences of what is otherwise in the file than it was sent."""
    sent = {flow: sums for conversation in mix() for flow, sums in conversation.flows.items()}
    records = read_records(file)
    for flow in sorted(sent.keys() | records.keys(), key=str):
        got = [[record[name] for name in SUMS] for record in records.get(flow, [])]
        if got != [sent.get(flow)]:
            yield f"{flow}: sent {sent.get(flow)}, metered {got}"


def compare_files(left, right):
    """Sentences of what is otherwise in one file than in the other."""
    def contents(file):
        return {json.dumps({name: value for name, value in record.items() if name not in NOT_COMPARED}, sort_keys=True)
                for records in read_records(file).values() for record in records}
    for one, other in ((left, right), (right, left)):
        for record in sorted(contents(one) - contents(other)):
            yield f"only in {one}: {record}"


# ---------------------------------------------------------------- the program

def open_sender(interface):
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # protocol 0: receives nothing
    sender.bind((interface, 0))
    return sender


def send(interfaces, frames, pause):
    """`frames` are with the number of their interface. Every one that the kernel takes counts; SIGTERM ends it after the
    one in hand."""
    senders = [open_sender(interface) for interface in interfaces]
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    sent, start = 0, time.monotonic()
    print("sending", flush=True)
    for number, frame in frames:
        while True:
            try:
                senders[number].send(frame)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                    raise
        sent += 1
        if ended:
            break
        if pause or sent % 200 == 0:
            time.sleep(pause or 0.001)  # or the queue between the two interfaces overflows, where softirqs come late
    print(json.dumps({"frames": sent, "seconds": round(time.monotonic() - start, 3)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in "flood", "mix":
        command = commands.add_parser(name)
        command.add_argument("interface")
        command.add_argument("--pause", type=float, default=0, help="seconds after each frame")
    commands.add_parser("tap").add_argument("interfaces", nargs=2)
    for name in "net", "frames", "flows":
        commands.choices["flood"].add_argument(name, type=int)
    for name in "sent", "same":
        commands.add_parser(name).add_argument("file", nargs=1 if name == "sent" else 2)
    arguments = parser.parse_args()
    if arguments.command == "flood":
        frames = ((0, frame) for frame in flood(arguments.net, arguments.frames, arguments.flows))
        send([arguments.interface], list(frames) if arguments.frames else frames, arguments.pause)
    elif arguments.command == "tap":
        send(arguments.interfaces, list(tap()), 0.004)
    elif arguments.command == "mix":
        send([arguments.interface], [(0, frame) for frame in interleaved(mix())], arguments.pause)
    else:
        wrong = list((compare_sent if arguments.command == "sent" else compare_files)(*arguments.file))
        print("\n".join(wrong[:8] + [f"{len(wrong)} differences"]))
        return 1 if wrong else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
