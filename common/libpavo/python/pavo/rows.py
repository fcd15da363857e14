# SPDX-License-Identifier: Apache-2.0
"""Rows: of records that were published, or of an answer."""

from typing import NamedTuple

from . import values


class Column(NamedTuple):
    """What a column is. `kind` is a word (time, address, word ...), `list` names the list it is an item of."""

    name: str
    kind: str
    help: str = ""
    heading: str = ""  # for a table; "": shown only when asked for
    list: str = ""
    words: tuple = ()


class Row:
    """One row: row.src, row["src"], row._asdict(). What is not known is None.

    Times are nanoseconds since 1970 (to_datetime), spans nano- or microseconds as the column's kind says; addresses,
    MACs and digests text; enumerations words; bits lists of words; lists lists of dictionaries.
    """

    __slots__ = ("_table", "_index")

    def __init__(self, table, index):
        self._table = table
        self._index = index

    def __getitem__(self, name):
        return self._table.getters[name](self._table, self._index)

    def __getattr__(self, name):
        if not name.startswith("_") and name in self._table.getters:
            return self[name]
        raise AttributeError(f"there is no column {name!r}; there are {', '.join(self._table.getters)}"
                             if not name.startswith("_") else name)

    def __contains__(self, name):
        return name in self._table.getters

    def __eq__(self, other):
        return isinstance(other, Row) and self._asdict() == other._asdict()

    __hash__ = None

    def __repr__(self):
        known = (f"{name}={value!r}" for name, value in self._asdict().items() if value is not None)
        return f"{type(self).__name__}({', '.join(known)})"

    def _asdict(self):
        """Every column, also those that are not known."""
        return {name: getter(self._table, self._index) for name, getter in self._table.getters.items()}

    def _json(self):
        return values.plain(self._asdict(), self._table.times)
