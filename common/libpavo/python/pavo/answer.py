# SPDX-License-Identifier: Apache-2.0
"""An answer: rows in pages, and what they rest on."""

from typing import NamedTuple

from . import values
from .errors import Error
from .page import Head, Page
from .rows import Row


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
    gaps = [Gap(_word(g, "kind"), values.clean(g.sensor), g.from_ns or None, g.to_ns or None, g.at_most or None,
                values.clean(g.unit), values.clean(g.reason)) for g in message.gaps]
    reaches = [Reach(values.clean(r.sensor), r.epoch, r.through_ns or None) for r in message.reaches]
    return Coverage(_word(message, "state"), gaps, reaches, message.from_ns or None, message.to_ns or None,
                    message.oldest_ns or None, message.newest_ns or None, message.rows, message.elapsed_ns,
                    message.position)


class Answer:
    """Rows as they come: `for row in answer`. Once they have all come, `coverage` says what they rest on.

    `columns` (of class Column) and `command`, the command line that asks the same in absolute times, are there from the
    beginning. One that is not taken to its end is closed, by hand or by `with`; Ctrl-C closes it too: the aggregator then
    works on it no longer.
    """

    def __init__(self, replies):
        self._replies = replies
        self._coverage = None
        reply = next(replies)
        if not reply.HasField("head"):
            raise Error("an answer that does not say what columns it has")
        self._head = Head(reply.head)
        self.columns = self._head.columns
        self.command = values.clean(reply.head.command)
        self.question = values.clean(reply.head.question)
        self._pending = self._rows(reply)

    def _rows(self, reply):
        came = 0
        while True:
            if reply.HasField("page"):
                page = Page(self._head, reply.page)
                came += page.rows
                yield from (Row(page, index) for index in range(page.rows))
            if not reply.more:
                break
            reply = next(self._replies)
        self._end(reply, came)

    def _end(self, reply, came):
        """An answer is whole only when its end agrees with what came before it."""
        if not reply.HasField("coverage"):
            raise Error("the answer ended without saying what it rests on")
        if reply.coverage.rows != came:
            raise Error(f"the answer has {reply.coverage.rows} rows, and {came} came")
        self._coverage = _coverage(reply.coverage)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._pending)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends it, here and on the aggregator. One that is complete stays so."""
        self._pending.close()
        self._replies.close()

    @property
    def coverage(self):
        """What the answer rests on; None until all rows have been taken."""
        return self._coverage
