# SPDX-License-Identifier: Apache-2.0
"""What values are, and what becomes of them here: the kinds of common/records/field.h."""

import datetime
import json
import math
import re
import socket
import struct

# Numbers of Column.kind, which only grow; a kind that is not here is a plain number (or text).
KINDS = {
    1: "number", 2: "count", 3: "bytes", 4: "observer", 5: "address", 6: "lower", 7: "port", 8: "protocol", 9: "time",
    10: "nanoseconds", 11: "microseconds", 12: "text", 13: "mac", 14: "hex", 15: "tcp_flags", 16: "history", 17: "flag",
    18: "word", 19: "bits", 20: "odds", 21: "share", 22: "list", 23: "epoch",
    24: "real",
}

# Control and direction characters: foreign text has none before it is shown.
UNCLEAN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")


def clean(text):
    """Foreign text as it may be shown."""
    return UNCLEAN.sub("?", text)


HISTORY = "\0shadfrctwiqSHADFRCTWIQ^"
JSON_EXACT = 2**53 - 1  # a double holds no more; beyond it JSON has text


def address(high, low):
    """Two halves of 128 bits as text; IPv4 is ::ffff:a.b.c.d."""
    if high == 0 and low >> 32 == 0xFFFF:
        return socket.inet_ntop(socket.AF_INET, struct.pack("!I", low & 0xFFFFFFFF))
    return socket.inet_ntop(socket.AF_INET6, struct.pack("!QQ", high, low))


def _mac(value):
    return ":".join(f"{value >> shift & 255:02x}" for shift in range(40, -1, -8))


def _tcp_flags(value):
    return "".join(letter for bit, letter in enumerate("FSRPAUEC") if value >> bit & 1) or "."


def _history(value):
    letters = ""
    while len(letters) < 12 and value & 31:
        letters += HISTORY[value & 31] if value & 31 < len(HISTORY) else "?"
        value >>= 5
    return letters


def _thousandths(value):
    return value / 1000


def _real(bits):
    """IEEE 754."""
    value, = struct.unpack("<d", struct.pack("<Q", bits))
    return value if math.isfinite(value) else 0.0


_BY_KIND = {
    "mac": _mac,
    "hex": "{:016x}".format,
    "tcp_flags": _tcp_flags,
    "history": _history,
    "flag": bool,
    "odds": _thousandths,
    "share": _thousandths,
    "real": _real,
}


def converter(kind, words):
    """From a value as it travels to what a row has. `kind` is one of the words above. None: it stays as it is."""
    if kind == "word":
        return lambda value: words[value] if 0 <= value < len(words) else "unknown"
    if kind == "bits":
        return lambda value: [word for bit, word in enumerate(words) if value >> bit & 1]
    return _BY_KIND.get(kind)


# ---- times


def to_datetime(ns):
    """Nanoseconds since 1970 as a datetime in UTC, which has microseconds. None stays None."""
    if ns is None:
        return None
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=ns // 1000)


def from_datetime(when):
    """A datetime (without a zone: local time) as nanoseconds since 1970."""
    since = when.astimezone(datetime.timezone.utc) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1) * 1000


def time_text(ns):
    """RFC 3339 in UTC with nanoseconds."""
    seconds, fraction = divmod(ns, 10**9)
    return f"{to_datetime(seconds * 10**9):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


# ---- JSON


def exact(number):
    """As it is, or text where a double would round it."""
    return str(number) if abs(number) > JSON_EXACT else number


def _plain(value, times):
    """`times`: True of a time; of a list a dictionary for its items; otherwise None."""
    if times is True:
        return time_text(value)
    if isinstance(value, list):
        return [plain(item, times or {}) if isinstance(item, dict) else item for item in value]
    return exact(value) if isinstance(value, int) else value


def plain(values, times):
    """A row's values as JSON has them. `times` says by name which are times: True, or of a list such a dictionary."""
    return {name: _plain(value, times.get(name)) for name, value in values.items() if value is not None}


def dumps(row):
    """A row or an event as the line of JSON that `pavo --json` and libpavo write: what is not known has no key, times
    are RFC 3339, numbers beyond 2^53 are text."""
    return json.dumps(row._json(), ensure_ascii=False, separators=(",", ":"))
