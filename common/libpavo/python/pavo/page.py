# SPDX-License-Identifier: Apache-2.0
"""An answer's head and its pages, with the checks of common/records/page.c: what does not pass is an Error."""

import itertools
import re

from . import _records, values
from .errors import Error
from .rows import Column

_WIRE = {"U64": "u64", "F64": "f64", "I32": "i64", "I64": "i64", "TIME": "i64"}  # all others: u32
_NARROW = ("U8", "U16", "U32")  # types that can count the items of a list
_NAME = re.compile(r"[a-z0-9_]+")
_OF_RECORDS = ("observer", "lower")  # kinds that no answer has
_BITS_MAX = 64


def _column(message):
    """A column as the head describes it. Kinds of a newer aggregator are plain numbers; other types cannot be read."""
    kind = values.KINDS.get(message.kind, "number")
    type_ = _records.TYPES.get(message.type)
    if (type_ is None or message.kind == 0 or kind in _OF_RECORDS or (kind == "text") != (type_ == "TEXT")
            or kind in ("address", "real") and type_ != "F64" or kind == "bits" and len(message.words) > _BITS_MAX
            or not _NAME.fullmatch(message.name)):
        raise Error(f"column {values.clean(message.name)!r} of an answer cannot be: its type is {message.type}, its "
                    f"kind {message.kind}")
    return Column(message.name, kind, values.clean(message.help), values.clean(message.heading), message.list,
                  tuple(values.clean(word) for word in message.words))


class Head:
    """The columns of an answer: how each is read from a page."""

    def __init__(self, message):
        if not 0 < len(message.columns) <= _records.COLUMNS_MAX:
            raise Error(f"an answer with {len(message.columns)} columns; 1 to {_records.COLUMNS_MAX} are taken")
        self.columns = [_column(each) for each in message.columns]
        self.types = [_records.TYPES[each.type] for each in message.columns]
        self._check_names()
        self._check_lists()
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

    def _check_names(self):
        seen = set()
        for column in self.columns:
            if column.name in seen:
                raise Error(f"an answer with two columns {column.name}")
            seen.add(column.name)

    def _check_lists(self):
        """The items of a list stand together, and a column of the rows counts them."""
        lists = [name for name, _ in itertools.groupby(column.list for column in self.columns) if name]
        counters = {column.name for column, type_ in zip(self.columns, self.types)
                    if column.kind == "list" and not column.list and type_ in _NARROW}
        if len(lists) > _records.LISTS_MAX or len(lists) != len(set(lists)) or not counters.issuperset(lists) or any(
                column.kind == "list" and column.name not in counters for column in self.columns):
            raise Error("an answer with lists that do not fit its columns")

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


class Page:
    """Rows of one page; Error if it does not fit the head."""

    def __init__(self, head, message):
        self.getters = head.getters
        self.times = head.times
        self.rows = message.rows
        if self.rows > _records.ROWS_MAX:
            raise Error(f"a page of {self.rows} rows; {_records.ROWS_MAX} are taken")
        if len(message.columns) != len(head.columns):
            raise Error("a page of the answer has other columns than its head")
        self._known = [each.known for each in message.columns]
        self._columns = [self._take(head.types[n], each) for n, each in enumerate(message.columns)]
        self._starts = {}
        items = {}
        for n, column in enumerate(head.columns):
            if not column.list:
                self._check(n, column, self.rows)
            if column.kind == "list":
                items[column.name] = self._count(n, column)
        for n, column in enumerate(head.columns):
            if column.list:
                self._check(n, column, items[column.list])

    @staticmethod
    def _take(type_, message):
        if type_ == "TEXT":
            return message.u32, [values.clean(text) for text in message.texts]
        return getattr(message, _WIRE.get(type_, "u32")), None

    def _check(self, place, column, count):
        size = count * 2 if column.kind == "address" else count
        if len(self._columns[place][0]) != size or len(self._known[place]) not in (0, (count + 7) // 8):
            raise Error(f"column {column.name} of the answer does not fit its page")

    def _count(self, place, column):
        """How many items the list has in all rows."""
        starts = list(itertools.accumulate(self._columns[place][0], initial=0))
        if starts[-1] > _records.ITEMS_MAX:
            raise Error(f"column {column.name} of the answer counts {starts[-1]} items; {_records.ITEMS_MAX} are taken")
        self._starts[place] = starts
        return starts[-1]

    def known(self, place, index):
        bits = self._known[place]
        return not bits or bits[index >> 3] >> (index & 7) & 1 == 1

    def raw(self, place, index):
        column, texts = self._columns[place]
        if texts is not None:
            which = column[index]
            return texts[which] if which < len(texts) else ""
        return column[index]

    def address(self, place, index):
        column, _ = self._columns[place]
        return values.address(column[2 * index], column[2 * index + 1])

    def span(self, place, row):
        return self._starts[place][row], self._starts[place][row + 1]
