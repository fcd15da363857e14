# SPDX-License-Identifier: Apache-2.0
"""The XColumns messages of pavo.proto as rows, for any kind of record."""

import itertools
import re
from typing import NamedTuple

from . import _records, guards, values
from .rows import Column

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)?")


class Malformed(Exception):
    """Columns that do not fit together."""


class _Field(NamedTuple):
    number: int
    name: str
    label: str
    type: str
    kind: str
    guard: str
    list: int
    words: tuple
    help: str


def _known(field, fields):
    """Whether a row knows the field: by its guard, and by what its observer cannot know. None: all do."""
    says = guards.guard(field.guard, field, fields)
    number = field.number

    def known(records, row):
        if number in records.unknown and number in records.observers[records.raw("observer", row)].unknown:
            return False
        return says is None or says(records, row)

    return known


def _reader(field):
    """The value of a field of which one is known, at an index of its column."""
    name = field.name
    if field.kind == "address":
        low = name.removesuffix("_hi") + "_lo"
        return lambda records, index: values.address(records.raw(name, index), records.raw(low, index))
    convert = values.converter(field.kind, field.words)
    if convert is None:
        return lambda records, index: records.raw(name, index)
    return lambda records, index: convert(records.raw(name, index))


def _observer_readers(field, strip):
    """An observer is two columns: x_sensor and x_epoch for x_observer."""
    stem, name = field.name[strip:].removesuffix("observer"), field.name
    yield stem + "sensor", lambda records, index: records.observers[records.raw(name, index)].sensor
    yield stem + "epoch", lambda records, index: records.observers[records.raw(name, index)].epoch


def _list_readers(fields, number, prefix):
    for field in fields:
        if field.list == number and field.kind == "observer":
            yield from _observer_readers(field, len(prefix))
        elif field.list == number and field.kind != "lower":
            yield field.label[len(prefix):], _reader(field)


def _guarded(known, read):
    return lambda records, row: read(records, row) if known(records, row) else None


def _items(name, readers):
    def read(records, row):
        first, last = records.span(name, row)
        return [{key: reader(records, index) for key, reader in readers} for index in range(first, last)]

    return read


class Kind:
    """A kind of record: how each column of its rows is read."""

    def __init__(self, name, table):
        self.name = name
        self.number = table["number"]
        self.fields = [_Field(*row)._replace(kind=values.KINDS[row[4]]) for row in table["fields"]]
        self.stored = [field for field in self.fields if field.number != 0]
        self.lists = table["lists"]
        self.getters = {}
        self.times = {}
        self.columns = []
        self.words = {field.name: field.words for field in self.fields}
        for field in self.fields:
            if field.list == 0 and field.kind != "lower":
                self._add(field)

    def _add(self, field):
        made = {}
        if field.guard == "COMPUTED":
            made[field.label] = guards.COMPUTED[field.name]
        elif field.kind == "list":
            number, prefix = next((n + 1, p) for n, (name, p) in enumerate(self.lists) if name == field.name)
            made[field.label] = _items(field.name, list(_list_readers(self.fields, number, prefix)))
            self.times[field.label] = {inner.label[len(prefix):]: True for inner in self.fields
                                       if inner.list == number and inner.kind == "time"}
        else:
            known = _known(field, self.fields)
            readers = _observer_readers(field, 0) if field.kind == "observer" else [(field.label, _reader(field))]
            made.update((key, _guarded(known, read)) for key, read in readers)
        if field.kind == "time":
            self.times[field.label] = True
        for key in made:
            kind = field.kind if field.kind != "observer" else "epoch" if key.endswith("epoch") else "text"
            self.columns.append(Column(key, kind, field.help, words=field.words))
        self.getters.update(made)


KINDS = {name: Kind(name, table) for name, table in _records.KINDS.items()}


def columns(kind):
    """The columns of a kind of record (flow, verdict, binding, loss, status, alert), as an answer has its own."""
    return list(KINDS[kind].columns)


class _Observer(NamedTuple):
    sensor: str
    epoch: int
    unknown: frozenset


class Records:
    """The rows of one message; Malformed if it is not what it should be."""

    def __init__(self, kind, message):
        self.kind = kind
        self.getters = kind.getters
        self.times = kind.times
        self.rows = message.rows
        self.base = message.base_ns
        self.observers = [_Observer(o.sensor, o.epoch, frozenset(o.unknown)) for o in message.observers]
        # Numbers of FlowColumns: in other kinds they mean nothing.
        self.unknown = frozenset().union(*(o.unknown for o in self.observers)) if kind.name == "flow" else frozenset()
        self._columns = {}
        self._starts = {}
        if self.rows == 0 or not self.observers:
            raise Malformed("no rows, or nobody who saw them")
        if self.rows > _records.ROWS_MAX:
            raise Malformed(f"{self.rows} rows; {_records.ROWS_MAX} are taken")
        for observer in self.observers:
            if not _NAME.fullmatch(observer.sensor):
                raise Malformed("an observer without a valid name")
        for field in kind.stored:
            self._take(field, getattr(message, field.name))

    def _take(self, field, column):
        places = self.rows
        if field.list != 0:
            name = self.kind.lists[field.list - 1][0]
            places = self._starts[name][-1] if name in self._starts else 0
        if len(column) not in (0, places):
            raise Malformed(f"column {field.name} has {len(column)} values for {places}")
        if field.kind == "observer" and len(column) != 0 and max(column) >= len(self.observers):
            raise Malformed(f"column {field.name} names an observer that is not there")
        if field.type == "TEXT" and any(values.UNCLEAN.search(text) for text in column):
            raise Malformed(f"column {field.name} has control or direction characters")
        if field.kind == "list" and len(column) != 0:
            self._starts[field.name] = list(itertools.accumulate(column, initial=0))
            if self._starts[field.name][-1] > _records.ITEMS_MAX:
                raise Malformed(f"column {field.name} counts {self._starts[field.name][-1]} items")
        zero = "" if field.type == "TEXT" else 0
        base = self.base if field.type == "TIME" else 0
        self._columns[field.name] = (column if len(column) != 0 else None, zero, base)

    def raw(self, name, index):
        """A value as it travels; an absent column is zero in every row."""
        column, zero, base = self._columns[name]
        if base:
            return base + (0 if column is None else column[index])
        return zero if column is None else column[index]

    def word(self, name, index):
        words = self.kind.words[name]
        value = self.raw(name, index)
        return words[value] if value < len(words) else "unknown"

    def span(self, name, row):
        """Where the items of a row's list stand: from, to."""
        starts = self._starts.get(name)
        return (starts[row], starts[row + 1]) if starts else (0, 0)
