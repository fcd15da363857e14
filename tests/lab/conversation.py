# SPDX-License-Identifier: Apache-2.0
"""One HTTP connection and one DNS question of a client behind a NAT, as captures of either side."""

import ipaddress
import os
import socket
import struct

START = 1700000000.0


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol, src, dst, body, ttl):
    addresses = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0x4000, ttl, protocol, 0) + addresses
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def tcp(src, sport, dst, dport, seq, ack, flags, payload=b"", ttl=64):
    return ipv4(6, src, dst, struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + payload, ttl)


def udp(src, sport, dst, dport, payload, ttl=64):
    return ipv4(17, src, dst, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload, ttl)


def capture(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))  # raw IP
        for when, packet in packets:
            seconds, micros = divmod(round((START + when) * 1e6), 1000000)
            file.write(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)


def conversation(host, port, dns_port, delay):
    """The same traffic with the client's end as it is on one side of the NAT."""
    web, dns = "198.51.100.9", "198.51.100.53"
    request, answer = b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nhello"
    c, s = 0x11111111, 0x22222222
    out = lambda seq, ack, flags, payload=b"": tcp(host, port, web, 443, seq, ack, flags, payload)
    back = lambda seq, ack, flags, payload=b"": tcp(web, 443, host, port, seq, ack, flags, payload, 57)
    packets = [out(c, 0, 2), back(s, c + 1, 18), out(c + 1, s + 1, 16), out(c + 1, s + 1, 24, request),
               back(s + 1, c + 1 + len(request), 24, answer),
               out(c + 1 + len(request), s + 1 + len(answer), 17),
               back(s + 1 + len(answer), c + 2 + len(request), 17),
               out(c + 2 + len(request), s + 2 + len(answer), 16)]
    packets += [udp(host, dns_port, dns, 53, b"question?" * 3), udp(dns, 53, host, dns_port, b"answer!" * 5, 57)]
    return [(delay + 0.01 * n, packet) for n, packet in enumerate(packets)]


def free_ports():
    """The first of three free ports in a row."""
    for base in range(20000 + os.getpid() % 20000, 60000, 3):
        held = [socket.socket() for _ in range(3)]
        try:
            for n, one in enumerate(held):
                one.bind(("127.0.0.1", base + n))
            return base
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
    raise RuntimeError("no free ports")
