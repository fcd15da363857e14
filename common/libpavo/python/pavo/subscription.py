# SPDX-License-Identifier: Apache-2.0
"""A subscription: live messages in order, and what is missing between them out of the store. As
common/libpavo/subscriber.c, whose order of preference it has:

  1. hand out a gap that could not be filled,
  2. hand out the events of the message being read,
  3. take the next reply of the replay under way,
  4. go on with the live message that was held back for that replay,
  5. ask for the replay a topic begins with,
  6. take the next live message; if messages are missing before it, hold it and ask for them.
"""

import collections
import time
from typing import NamedTuple

import zmq

from . import pavo_pb2, values
from .errors import Error, Refused
from .records import KINDS, Malformed, Records
from .rows import Row

STEP = 500  # milliseconds; replays' time-outs are looked at as often
SILENCE = 10  # seconds a replay may be silent before it is asked for again
PAUSE = 1  # seconds after an error before it is asked for again
ATTEMPTS = 3
AWAY = 120  # seconds an aggregator may be away in the middle of a replay


class Event(Row):
    """A record that was published: a Row with `kind` (flow, verdict ...) and the `position` of its message."""

    __slots__ = ("kind", "position")

    def __init__(self, table, index, position):
        super().__init__(table, index)
        self.kind = table.kind.name
        self.position = position

    def _json(self):
        return {"event": self.kind, "position": values.exact(self.position), **super()._json()}


class Gap(NamedTuple):
    """Messages of `topic` that could not be had again: after < p <= position. The two are equal when what came before
    the start could not be had and nobody knows how much that is."""

    topic: str
    after: int
    position: int
    reason: str
    kind: str = "gap"

    def _json(self):
        return {"event": "gap", "position": values.exact(self.position), "topic": self.topic,
                "after": values.exact(self.after), "reason": self.reason}


class _Chain:
    """One topic's chain of positions."""

    def __init__(self, kind, start):
        self.kind = kind
        self.start_pending = start != "now"  # the store has to be asked for what came before us
        self.begun = start not in ("now", "oldest")  # `seen` means something
        self.seen = start if self.begun else 0  # position of the newest message taken in
        self.done = {"now": None, "oldest": 0}.get(start, start)  # and of the newest whose events are all handed out
        self.dropped = None  # of the newest dropped as seen before


class _Replay:
    """The one replay that may be under way. Live messages wait in the socket meanwhile: no queue of ours grows."""

    def __init__(self, chain, through):
        self.chain = chain
        self.through = through  # 0: up to now
        self.number = None  # of the query; None: it was not sent, or refused
        self.after = 0  # what was asked for last: (after, through]
        self.reached = 0  # the store has said everything up to there; 0: it did not tell
        self.ended = False
        self.attempts = 0
        self.heard = 0
        self.patience = SILENCE
        self.failure = ""


def _read(kind, message):
    """The records of a published message; None: it has none of the kind. Malformed."""
    if message.version != 1:
        raise Malformed(f"version {message.version} is not known here")
    member = message.DESCRIPTOR.fields_by_number[kind.number].name
    return Records(kind, getattr(message, member)) if message.HasField(member) else None


class Subscription:
    """Events as they come: `for event in subscription`, for ever. Each is an Event or a Gap.

    `positions` says, by topic, up to where everything has been handed out: where to start again (None: nothing yet).
    `counts` has what libpavo counts: messages, malformed, duplicates, gaps, gaps_lost, replayed, records.
    """

    def __init__(self, live, asker, topics, start):
        self.closed = False
        self.counts = dict.fromkeys(
            ("messages", "malformed", "duplicates", "gaps", "gaps_lost", "replayed", "records"), 0)
        self._live = live
        self._asker = asker
        self._chains = {}
        self._replay = None
        self._held = None  # (chain, message, records): the live message behind a gap
        self._pending = collections.deque()  # (chain, event, position that is done with it or None)
        self._refusal_told = False
        try:
            for topic in topics or ("flow",):
                if topic not in KINDS:
                    raise ValueError(f"there is no topic {topic!r}; there are {', '.join(KINDS)}")
                self._chains[topic] = _Chain(KINDS[topic], self._start(topic, start))
        except ValueError:
            self.close()
            raise
        self._subscribe()  # waits for the first connection
        self._subscribed = 1  # connections over which the topics were said

    @staticmethod
    def _start(topic, start):
        if isinstance(start, dict):
            start = start.get(topic)
        if start is None:
            return "now"
        if start in ("now", "oldest") or isinstance(start, int) and start > 0:
            return start
        if start == 0:
            return "oldest"
        raise ValueError(f"a subscription starts with 'now', 'oldest' or after a position, not {start!r}")

    def _subscribe(self):
        message = pavo_pb2.Subscribe(version=1, topics=list(self._chains))
        self._live.socket.send(message.SerializeToString(), zmq.DONTWAIT)

    def _subscribe_anew(self):
        """Over each new connection."""
        if self._live.state == "open" and self._live.opened > self._subscribed:
            self._subscribe()
            self._subscribed = self._live.opened

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if not self.closed:
            self.closed = True
            self._live.socket.linger = 0  # what was not said so far is of no interest to anybody
            self._live.close()
            self._asker.close()

    @property
    def positions(self):
        return {topic: chain.done for topic, chain in self._chains.items()}

    @property
    def error(self):
        """Why nothing comes, in a sentence; None while the connections stand."""
        for each in (self._live, self._asker.door):
            each.watch()
        refused = self._asker.door.state == "refused" or self._live.state == "open"
        worse = self._asker.door if refused else self._live
        return None if worse.state == "open" else worse.text()

    def next(self, timeout=None):
        """The next event; None when none has come in `timeout` seconds (None: waits for ever). Raises Refused when the
        aggregator does not let the key in; calling again goes on trying."""
        if self.closed:
            raise Error("the subscription is closed")
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._pending:
                return self._hand_out()
            if self._step():
                continue
            refused = self._is_refused()
            left = STEP if end is None else max(0, end - time.monotonic()) * 1000
            if refused and (not self._refusal_told or left <= 0):
                self._refusal_told = True
                raise Refused(self.error)
            if left <= 0:
                return None
            self._wait(min(left, STEP))

    def _hand_out(self):
        chain, event, done = self._pending.popleft()
        if done is not None:
            chain.done = done
        return event

    # ---- what is taken in

    def _take_in(self, chain, message, records):
        chain.seen = message.position
        chain.begun = True
        if records is None:
            self._done(chain, message.position)
            return
        self.counts["records"] += records.rows
        for row in range(records.rows):
            done = message.position if row == records.rows - 1 else None
            self._pending.append((chain, Event(records, row, message.position), done))

    def _done(self, chain, position):
        """Nothing is to be handed out for it; what is pending of the topic (a gap) has it said behind it."""
        for place in range(len(self._pending) - 1, -1, -1):
            if self._pending[place][0] is chain:
                self._pending[place] = (chain, self._pending[place][1], position)
                return
        chain.done = position

    def _gap(self, chain, through, reason):
        gap = Gap(chain.kind.name, chain.seen, through, values.clean(reason))
        self._pending.append((chain, gap, through))
        self.counts["gaps_lost"] += 1
        chain.seen = through
        chain.begun = True

    def _is_duplicate(self, chain, message):
        """Has it been here before? A message too large for one comes in parts of one position, each after the first
        with itself as predecessor: those are new when the part before them was."""
        part = message.previous == message.position == chain.seen and message.position != chain.dropped
        if not chain.begun or message.position > chain.seen or part:
            return False
        chain.dropped = message.position
        self.counts["duplicates"] += 1
        return True

    # ---- replay

    def _replay_begin(self, chain, through):
        self._replay = _Replay(chain, through)
        self._replay_ask()

    def _replay_ask(self):
        r = self._replay
        r.after = r.chain.seen
        r.heard = time.monotonic()
        r.patience = SILENCE
        r.attempts += 1
        r.number = self._asker.send(
            "replay", {"topic": r.chain.kind.name, "after": str(r.after), "through": str(r.through)})

    def _replay_fail(self, reason):
        self._replay.failure = reason
        self._replay.ended = True

    def _replay_finish(self):
        """Over, filled or not. What is missing is said."""
        r, chain = self._replay, self._replay.chain
        self._replay = None
        if not r.failure and r.after < r.reached < r.through:  # it went some of the way: on from there
            chain.seen = max(chain.seen, r.reached)
            self._replay_begin(chain, r.through)
        elif r.through > chain.seen:
            self._gap(chain, r.through, r.failure or "no longer in the store")
        elif r.failure and r.through == 0:
            self._gap(chain, chain.seen, r.failure)  # how much is missing is not known
        elif r.through == 0 and r.reached > chain.seen:
            # There is nothing more up to there: what comes later and says that something was between is believed.
            chain.seen, chain.begun = r.reached, True
            self._done(chain, r.reached)

    def _replayed(self, message):
        """A message out of the store."""
        r, chain = self._replay, self._replay.chain
        self.counts["messages"] += 1
        self.counts["replayed"] += 1
        r.attempts = 1  # it goes on
        r.patience = SILENCE
        try:
            records = _read(chain.kind, message)
        except Malformed:
            self.counts["malformed"] += 1
            return  # the chain breaks here, which the next message or the end of the replay shows
        if self._is_duplicate(chain, message):
            return
        if chain.begun and message.previous > chain.seen:
            self._gap(chain, message.previous, "no longer in the store")
        self._take_in(chain, message, records)

    def _replay_time(self):
        r, door = self._replay, self._asker.door
        silent = time.monotonic() - r.heard
        if silent < r.patience:
            return
        door.watch()
        if door.state != "open":
            if silent > AWAY:
                self._replay_fail(door.text())
        elif r.attempts >= ATTEMPTS:
            self._replay_fail("the aggregator does not answer the request to replay")
        else:
            self._replay_ask()

    def _replay_step(self):
        r = self._replay
        if r.ended:
            self._replay_finish()
            return True
        try:
            reply = self._asker.receive(r.number)
        except Error as error:
            self._replay_fail(str(error))
            return True
        if reply is None:
            self._replay_time()
            return r.ended
        r.heard = time.monotonic()
        if reply.error and r.attempts >= ATTEMPTS:
            self._replay_fail(reply.error)
        elif reply.error:  # perhaps for now only
            r.number, r.patience = None, PAUSE
        else:
            r.ended = not reply.more
            if reply.HasField("coverage"):
                r.reached = reply.coverage.position
            if reply.HasField("published"):
                self._replayed(reply.published)
        return True

    # ---- live

    def _place_live(self, chain, message, records):
        anew = message.previous == 0 and message.position < chain.seen  # another store: positions began again
        if not anew and self._is_duplicate(chain, message):
            return
        if not chain.begun or anew or message.previous <= chain.seen:
            self._take_in(chain, message, records)
            return
        self.counts["gaps"] += 1
        self._held = (chain, message, records)
        self._replay_begin(chain, message.previous)

    def _live_step(self):
        if not self._live.socket.poll(0):
            return False
        frames = self._live.socket.recv_multipart()
        self.counts["messages"] += 1
        chain = self._chains.get(frames[0].decode(errors="replace"))
        try:
            if chain is None or len(frames) != 2:
                raise Malformed("not a topic and a message")
            try:
                message = pavo_pb2.Published.FromString(frames[1])
            except Exception:  # protobuf's DecodeError, which moves between its versions
                raise Malformed("cannot be read") from None
            records = _read(chain.kind, message)
        except Malformed:
            self.counts["malformed"] += 1  # the next message of the topic shows the hole
            return True
        self._place_live(chain, message, records)
        return True

    def _start_step(self):
        for chain in self._chains.values():
            if chain.start_pending:
                chain.start_pending = False
                self._replay_begin(chain, 0)
                return True
        return False

    def _step(self):
        """Does one thing. False: there is nothing to do but wait."""
        if self._replay is not None:
            return self._replay_step()
        if self._held is not None:
            held, self._held = self._held, None
            self._take_in(*held)
            return True
        return self._start_step() or self._live_step()

    def _is_refused(self):
        for each in (self._live, self._asker.door):
            each.watch()
        self._subscribe_anew()
        refused = "refused" in (self._live.state, self._asker.door.state)
        if not refused:
            self._refusal_told = False
        return refused

    def _wait(self, milliseconds):
        poller = zmq.Poller()
        for socket in (self._asker.door.socket, self._live.monitor, self._asker.door.monitor):
            poller.register(socket, zmq.POLLIN)
        if self._replay is None:  # otherwise live messages stay where they are, and must not wake us
            poller.register(self._live.socket, zmq.POLLIN)
        poller.poll(milliseconds)
