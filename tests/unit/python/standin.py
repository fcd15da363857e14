# SPDX-License-Identifier: Apache-2.0
"""A stand-in for an aggregator: the publish and the answer door, under CURVE, saying what a test tells them to."""

import os
import pathlib
import queue
import tempfile
import threading
import time

import zmq

from pavo import pavo_pb2 as pb

KINDS = ("flow", "verdict", "binding", "loss", "status", "alert")
PATIENCE = 20  # seconds; bound of every wait
EPOCH = 891289600077777


def vector(name):
    return (pathlib.Path(os.environ["PAVO_SOURCE"]) / "tests/unit/proto/vectors" / f"{name}.bin").read_bytes()


def flows(*numbers):
    """Columns of flows numbered so."""
    return pb.FlowColumns(rows=len(numbers), base_ns=1700000000 * 10**9,
                          observers=[pb.Observer(sensor="inner", epoch=EPOCH)], flow=numbers)


def message(position, previous, *numbers):
    return pb.Published(version=1, position=position, previous=previous, flows=flows(*numbers))


class StandIn:
    """`answer(query)` is called for each query, in a thread of its own, and yields the replies (version and id are
    filled in here); queries are kept in `queries`, and the numbers of those that were cancelled in `cancelled`."""

    def __init__(self, answer=None):
        self.folder = tempfile.TemporaryDirectory(prefix="pavo-test-python-")
        self.context = zmq.Context()
        self.public, self._secret = zmq.curve_keypair()
        self.publish = self._socket(zmq.ROUTER)
        self._subscribers = {}  # their topics by routing id
        self._router = self._socket(zmq.ROUTER)
        self.aggregator = self._bind()
        self.publish_at, self.answer_at = (socket.last_endpoint.decode() for socket in (self.publish, self._router))
        self.queries, self.cancelled = queue.Queue(), queue.Queue()
        self._answer = answer
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _socket(self, kind):
        socket = self.context.socket(kind)
        socket.curve_server, socket.curve_secretkey, socket.linger = True, self._secret, 0
        return socket

    def _bind(self):
        """Two ports in a row; returns the aggregator that has its doors there."""
        for _ in range(100):
            port = self.publish.bind_to_random_port("tcp://127.0.0.1", 20000, 60000)
            try:
                self._router.bind(f"tcp://127.0.0.1:{port + 1}")
                return f"127.0.0.1:{port - 1}"
            except zmq.ZMQError:
                self.publish.unbind(self.publish.last_endpoint)
        raise RuntimeError("no two free ports in a row")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(PATIENCE)
        self.publish.close()
        self._router.close()
        self.context.term()
        self.folder.cleanup()

    def key_file(self, role="reader", aggregator=None, mode=0o600):
        public, secret = zmq.curve_keypair()
        path = pathlib.Path(self.folder.name) / f"{role}.key"
        path.write_text(f"# Pavo key of {role} analyst.\n[pavo-key]\nrole = {role}\nname = analyst\n"
                        f"public = {public.decode()}\nsecret = {secret.decode()}\n"
                        f"aggregator = {(aggregator or self.public).decode()}\n")
        path.chmod(mode)
        return path

    def _run(self):
        while not self._ended.is_set():
            if not self._router.poll(50):
                continue
            client, *_, frame = self._router.recv_multipart()
            query = pb.Query.FromString(frame)
            if query.cancel:
                self.cancelled.put(query.cancel)
                continue
            self.queries.put(query)
            for reply in self._answer(query) if self._answer else ():
                reply.version = reply.version or 1
                reply.id = reply.id or query.id
                self._router.send_multipart([client, reply.SerializeToString()])

    def query(self):
        return self.queries.get(timeout=PATIENCE)

    def asked(self):
        """Name and arguments of the next query."""
        query = self.query()
        return query.question, {each.name: each.value for each in query.arguments}

    def await_subscription(self, count=1):
        """Until so many topics have been subscribed to."""
        while count > 0:
            if not self.publish.poll(PATIENCE * 1000):
                raise AssertionError("nobody subscribes")
            subscriber, frame = self.publish.recv_multipart()
            message = pb.Subscribe.FromString(frame)
            if message.version != 1:
                raise AssertionError("no Subscribe of version 1")
            self._subscribers[subscriber] = set(message.topics)
            count -= len(message.topics)

    def open_publish_door_anew(self):
        """Connections break, and new ones come in where it was."""
        self.publish.close()
        self.publish = self._socket(zmq.ROUTER)
        self._subscribers = {}
        for _ in range(200):  # a port is given back some time after a close
            try:
                self.publish.bind(self.publish_at)
                return
            except zmq.ZMQError:
                time.sleep(0.05)
        raise AssertionError("the port is not given back")

    def send(self, message, topic=b"flow"):
        """To whoever subscribed to it; what is no topic at all, to everybody. None: the topic alone."""
        frames = [topic] if message is None else [
            topic, message if isinstance(message, bytes) else message.SerializeToString()]
        name = topic.decode(errors="replace")
        for subscriber, topics in self._subscribers.items():
            if name in topics or name not in KINDS:
                self.publish.send_multipart([subscriber, *frames])
