# SPDX-License-Identifier: Apache-2.0
"""When a field says something, by the names of enum field_guard (common/records/field.h); and what is computed from
other fields (common/records/kinds.c). Each takes the records and a row."""

import base64
import hashlib
import math
import socket
import struct

_PORTS = {6, 17, 33, 132, 136}
_ICMP = {1, 58}


def _above(column, least):
    return lambda records, row: records.raw(column, row) > least


def _tcp(packets):
    return lambda records, row: records.raw("protocol", row) == 6 and records.raw(packets, row) > 0


def _protocol(numbers):
    return lambda records, row: records.raw("protocol", row) in numbers


def _linked(records, row):
    return records.word("verdict", row) in ("translated", "forwarded", "proxied")


_GUARDS = {
    "SRC_SENT": _above("src_packets", 0),
    "DST_SENT": _above("dst_packets", 0),
    "SRC_GAP": _above("src_packets", 1),
    "DST_GAP": _above("dst_packets", 1),
    "SRC_TCP": _tcp("src_packets"),
    "DST_TCP": _tcp("dst_packets"),
    "PORTS": _protocol(_PORTS),
    "PORTS_OR_ICMP": _protocol(_PORTS | _ICMP),
    "ICMP": _protocol(_ICMP),
    "TUNNEL": _above("tunnel", 0),
    "ERROR": _above("icmp_errors", 0),
    "PEER": lambda records, row: bool(records.raw("peer_hi", row) | records.raw("peer_lo", row)),
    "LINKED": _linked,
    "CLOCK": _above("clock_known", 0),
}


def guard(name, field, fields):
    """The guard called `name` of `field`; None: it always says something."""
    if name in ("NONE", "SRC_NONE", "DST_NONE"):
        return None
    if name in ("SET", "SRC_SET", "DST_SET"):
        return lambda records, row: bool(records.raw(field.name, row))
    if name in _GUARDS:
        return _GUARDS[name]
    # The rest are bits of `evidence`, by the names of those.
    bit = next(other for other in fields if other.name == "evidence").words.index(name.lower())
    return lambda records, row: records.raw("evidence", row) >> bit & 1 == 1


# ---- computed


def _duration(records, row):
    return records.raw("last_time", row) - records.raw("first_time", row)


def _confidence(records, row):
    if not _linked(records, row):
        return None
    odds = records.raw("odds", row) / 1000
    share = 1000 / (1 + math.exp2(-odds)) if odds > -1000 else 0
    return min(math.floor(share), 999) / 1000


# A type that asks, and the type that answers it; all others go one way.
_PAIRS = {
    1: {8: 0, 10: 9, 13: 14, 15: 16, 17: 18},
    58: {128: 129, 130: 131, 133: 134, 135: 136, 139: 140, 144: 145},
}


def _icmp_ends(protocol, type_code, direction):
    """ICMP's type and code as ports, and whether the order of the ends carries meaning."""
    kind = type_code >> 8
    for request, reply in _PAIRS[protocol].items():
        if kind in (request, reply):
            asked = kind == request or direction == "request"
            return (request, reply, False) if asked else (reply, request, False)
    return kind, type_code & 0xFF, True


def _community_id(records, row):
    """The published flow hash, version 1, seed 0: common/records/community_id.c."""
    protocol = records.raw("protocol", row)
    ends = [struct.pack("!QQ", records.raw(f"{end}_hi", row), records.raw(f"{end}_lo", row)) for end in ("src", "dst")]
    v4 = [end.startswith(b"\0" * 10 + b"\xff\xff") for end in ends]
    if protocol == 0 or v4[0] != v4[1]:
        return None
    ends = [end[12:] if v4[0] else end for end in ends]
    ports = [records.raw("src_port", row), records.raw("dst_port", row)]
    has_ports, one_way = protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP, 132), False
    if protocol in _PAIRS:
        has_ports = True
        *ports, one_way = _icmp_ends(protocol, records.raw("icmp_type_code", row), records.word("direction", row))
    order = list(zip(ends, ports if has_ports else (0, 0)))
    if not one_way:
        order.sort()
    data = b"\0\0" + order[0][0] + order[1][0] + bytes((protocol, 0))
    if has_ports:
        data += struct.pack("!HH", order[0][1], order[1][1])
    return "1:" + base64.b64encode(hashlib.sha1(data).digest()).decode()


COMPUTED = {"duration": _duration, "confidence": _confidence, "community_id": _community_id}
