# SPDX-License-Identifier: Apache-2.0
"""An answer: rows in pages, and what they rest on."""

import itertools
from typing import NamedTuple

from . import _records, values
from .errors import Error
from .rows import Column, Row

_WIRE = {"U64": "u64", "F64": "f64", "I32": "i64", "I64": "i64", "TIME": "i64"}  # all others: u32


class Gap(NamedTuple):
    """Something that is missing. `kind`: loss, silent, damaged, limit, state; times and `at_most` None: not known."""

    kind: str
    sensor: str
    from_ns: int
    to_ns: int
    at_most: int
    unit: str
    reason: str


class Reach(NamedTuple):
    """Through what time a sensor has reported; None: not known."""

    sensor: str
    epoch: int
    through_ns: int


class Coverage(NamedTuple):
    """What an answer rests on. `state`: whole, partial (see gaps), none (the store holds nothing of that time)."""

    state: str
    gaps: list
    reaches: list
    from_ns: int  # what was asked about; None: unbounded
    to_ns: int
    oldest_ns: int  # what the store holds; None: nothing
    newest_ns: int
    rows: int
    elapsed_ns: int
    position: int  # the stream's, up to which the answer knows it


def _word(message, field):
    """The word of an enumeration; one that a newer aggregator may have is "unknown"."""
    kind = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(getattr(message, field))
    return kind.name.lower() if kind is not None else "unknown"


def _coverage(message):
    gaps = [Gap(_word(g, "kind"), g.sensor, g.from_ns or None, g.to_ns or None, g.at_most or None, g.unit, g.reason)
            for g in message.gaps]
    reaches = [Reach(r.sensor, r.epoch, r.through_ns or None) for r in message.reaches]
    return Coverage(_word(message, "state"), gaps, reaches, message.from_ns or None, message.to_ns or None,
                    message.oldest_ns or None, message.newest_ns or None, message.rows, message.elapsed_ns,
                    message.position)


class _Head:
    """The columns of an answer: how each is read from a page."""

    def __init__(self, message):
        self.columns = [Column(c.name, values.KINDS.get(c.kind, "number"), c.help, c.heading, c.list, tuple(c.words))
                        for c in message.columns]
        self.types = [_records.TYPES.get(c.type, "U32") for c in message.columns]
        self.getters = {}
        self.times = {}
        for place, column in enumerate(self.columns):
            if column.list:
                continue
            if column.kind == "list":
                self._add_list(place, column)
                continue
            self.getters[column.name] = self._reader(place)
            if column.kind == "time":
                self.times[column.name] = True

    def _add_list(self, place, column):
        items = [(n, inner) for n, inner in enumerate(self.columns) if inner.list == column.name]
        prefix = items[0][1].name.partition("_")[0] + "_" if items else ""
        strip = len(prefix) if all(inner.name.startswith(prefix) for _, inner in items) else 0
        readers = [(inner.name[strip:], self._reader(n)) for n, inner in items]
        self.times[column.name] = {inner.name[strip:]: True for _, inner in items if inner.kind == "time"}

        def read(page, row):
            first, last = page.span(place, row)
            return [{key: reader(page, index) for key, reader in readers} for index in range(first, last)]

        self.getters[column.name] = read

    def _reader(self, place):
        column = self.columns[place]
        if column.kind == "address":
            return lambda page, index: page.address(place, index) if page.known(place, index) else None
        convert = values.converter(column.kind, column.words)

        def read(page, index):
            if not page.known(place, index):
                return None
            value = page.raw(place, index)
            return value if convert is None else convert(value)

        return read


class _Page:
    """Rows of one page; Error if it does not fit the head."""

    def __init__(self, head, message):
        self.getters = head.getters
        self.times = head.times
        self.rows = message.rows
        if len(message.columns) != len(head.columns):
            raise Error("a page of the answer has other columns than its head")
        self._known = [values.known for values in message.columns]
        self._columns = [self._take(head.types[n], each) for n, each in enumerate(message.columns)]
        self._starts = {}
        places = {}
        for n, column in enumerate(head.columns):
            if column.kind == "list" and not column.list:
                self._starts[n] = list(itertools.accumulate((self.raw(n, row) for row in range(self.rows)), initial=0))
                places[column.name] = self._starts[n][-1]
        for n, column in enumerate(head.columns):
            count = places.get(column.list, 0) if column.list else self.rows
            size = count * 2 if column.kind == "address" else count
            if len(self._columns[n][0]) not in (0, size) or len(self._known[n]) not in (0, (count + 7) // 8):
                raise Error(f"column {column.name} of the answer does not fit its page")

    @staticmethod
    def _take(type_, message):
        if type_ == "TEXT":
            return message.u32, [values.UNCLEAN.sub("?", text) for text in message.texts]
        return getattr(message, _WIRE.get(type_, "u32")), None

    def known(self, place, index):
        bits = self._known[place]
        return not bits or bits[index >> 3] >> (index & 7) & 1 == 1

    def raw(self, place, index):
        column, texts = self._columns[place]
        if texts is not None:
            which = column[index] if column else len(texts)
            return texts[which] if which < len(texts) else ""
        return column[index] if len(column) > index else 0

    def address(self, place, index):
        column, _ = self._columns[place]
        return values.address(column[2 * index], column[2 * index + 1]) if column else "::"

    def span(self, place, row):
        return self._starts[place][row], self._starts[place][row + 1]


class Answer:
    """Rows as they come: `for row in answer`. Once they have all come, `coverage` says what they rest on.

    `columns` (of class Column) and `command`, the command line that asks the same in absolute times, are there from the
    beginning.
    """

    def __init__(self, replies):
        self._replies = replies
        self._coverage = None
        reply = next(replies)
        self._head = _Head(reply.head)
        self.columns = self._head.columns
        self.command = values.UNCLEAN.sub("?", reply.head.command)
        self.question = reply.head.question
        self._pending = self._rows(reply)

    def _rows(self, reply):
        while reply is not None:
            if reply.HasField("page"):
                page = _Page(self._head, reply.page)
                yield from (Row(page, index) for index in range(page.rows))
            if reply.HasField("coverage"):
                self._coverage = _coverage(reply.coverage)
            reply = next(self._replies, None)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._pending)

    @property
    def coverage(self):
        """What the answer rests on; None until all rows have been taken."""
        return self._coverage
