# SPDX-License-Identifier: Apache-2.0
"""An aggregator, as a reader's program sees it."""

import datetime
import time

import zmq

from . import door, keys, pavo_pb2, values
from .answer import Answer
from .errors import Error, QuestionError, Refused, Unreachable
from .subscription import Subscription

QUEUE = 1000  # messages that wait in a socket
ASK_QUEUE = 16
STEP = 500  # milliseconds; how often the connection is looked at while nothing comes


def argument_text(value):
    """An argument's value in the form that travels: docs/protocol.md, "Arguments"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.datetime):
        return str(values.from_datetime(value))
    if isinstance(value, datetime.timedelta):
        return f"{value // datetime.timedelta(microseconds=1)}us"
    return str(value)


class Asker:
    """Queries and their replies over a connection of their own. One query at a time: replies to others are dropped."""

    def __init__(self, context, place, reader, timeout):
        self.door = door.Door(context, place, reader, ASK_QUEUE)
        self.session = b""
        self._timeout = timeout
        self._last = 0
        self._open = None  # the number of the query whose replies are being taken

    def close(self):
        self.door.close()

    def send(self, question, arguments):
        """The query's id; None: too many wait for a connection."""
        self._last += 1
        query = pavo_pb2.Query(version=1, id=self._last, question=question, session=self.session)
        for name, value in arguments.items():
            query.arguments.add(name=name, value=value)
        try:
            self.door.socket.send(query.SerializeToString(), zmq.DONTWAIT)
        except zmq.Again:
            return None
        return self._last

    def cancel(self, number):
        """No more is wanted of that query. Nothing is lost if it cannot be sent: it ends with the connection."""
        if not self.door.socket.closed:
            try:
                self.door.socket.send(pavo_pb2.Query(version=1, cancel=number).SerializeToString(), zmq.DONTWAIT)
            except zmq.ZMQError:
                pass

    def receive(self, number):
        """The next reply to that query, without waiting; None: there is none."""
        while self.door.socket.poll(0):
            frames = self.door.socket.recv_multipart()
            try:
                reply = pavo_pb2.Reply.FromString(frames[-1])
            except Exception:  # protobuf's DecodeError, which moves between its versions
                raise Error(f"{self.door.place}: a reply of {len(frames[-1])} bytes that cannot be read") from None
            if reply.version != 1:
                raise Error(f"{self.door.place} speaks version {reply.version} of the protocol, this program version 1")
            if reply.id == number:
                return reply
        return None

    def _wait(self, number):
        heard, lost = time.monotonic(), self.door.lost
        while (reply := self.receive(number)) is None:
            self.door.watch()
            if self.door.state == "refused":
                raise Refused(self.door.text())
            if self.door.lost != lost or time.monotonic() - heard > self._timeout:
                raise Unreachable(self.door.text())
            poller = zmq.Poller()
            poller.register(self.door.socket, zmq.POLLIN)
            poller.register(self.door.monitor, zmq.POLLIN)
            poller.poll(STEP)
        return reply

    def replies(self, question, arguments):
        """All replies to a question, as they come. Raises what errors.py has."""
        if self._open is not None:
            self.cancel(self._open)
        self._open = number = self.send(question, arguments)
        if number is None:
            raise Unreachable(f"{self.door.place}: {ASK_QUEUE} queries wait for a connection")
        more = True
        try:
            while more:
                if number != self._last:
                    raise Error("another question was asked before this answer was complete")
                reply = self._wait(number)
                more = reply.more and not reply.error
                if reply.error:
                    raise QuestionError(values.clean(reply.error), values.clean(reply.parameter), reply.offset)
                yield reply
        finally:
            if self._open == number:
                self._open = None
                if more:  # closed, interrupted, or not to be read
                    self.cancel(number)


class Aggregator:
    """Asks an aggregator, and follows what it publishes. One thread at a time; several objects are independent.

    host      HOST, or HOST:PORT where PORT is the aggregator's first (7461)
    key_file  a reader's, as `pavo keys enrol reader NAME` makes it (or a gateway's)
    publish, answer  the two doors themselves, where they are elsewhere: HOST:PORT, tcp://... or ipc://...
    timeout   seconds of silence before a question is given up
    session   asking for somebody else: what the question "delegate" answered
    """

    def __init__(self, host="localhost", key_file=None, publish=None, answer=None, timeout=30, session=None):
        if key_file is None:
            raise TypeError("a key file is needed: pavo keys enrol reader NAME")
        self._keys = keys.read(key_file)
        self._publish = door.endpoint(host, publish, 1)
        self._answer = door.endpoint(host, answer, 2)
        self._context = zmq.Context()
        self._asker = Asker(self._context, self._answer, self._keys, timeout)
        self._subscriptions = []
        self.act_for(session)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions = []
        if not self._context.closed:
            self._asker.close()
            self._context.term()

    def act_for(self, session):
        """Every later question is asked in that session; None: for oneself."""
        self._asker.session = session.encode() if session else b""

    def ask(self, question, **arguments):
        """The answer to a question, once it has begun. The next question ends it, as closing it does.

        Arguments are named as the question has them (`from_` for from); None is left out. Times may be a datetime,
        whole nanoseconds since 1970, or text with a date and a zone (RFC 3339); spans a timedelta or text (5s); all else
        is text, or becomes it.
        Raises QuestionError, Refused, Unreachable.
        """
        given = {name.rstrip("_"): argument_text(value) for name, value in arguments.items() if value is not None}
        return Answer(self._asker.replies(question, given))

    def questions(self, name=None):
        """What can be asked: the rows of the question "questions", of one question or of all."""
        return list(self.ask("questions", name=name))

    def subscribe(self, *topics, start="now"):
        """Follows topics (flow, verdict, binding, loss, status, alert): see Subscription.

        start     "now"; "oldest": with everything the store still has; a position: after that; or a dictionary of
                  these by topic, such as Subscription.positions
        """
        asker = Asker(self._context, self._answer, self._keys, None)
        live = door.Door(self._context, self._publish, self._keys, QUEUE)
        self._subscriptions = [each for each in self._subscriptions if not each.closed]
        self._subscriptions.append(Subscription(live, asker, topics, start))
        return self._subscriptions[-1]
