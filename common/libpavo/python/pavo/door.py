# SPDX-License-Identifier: Apache-2.0
"""A connection to one of the aggregator's doors, and what has become of it: as common/libpavo/door.c."""

import re
import time

import zmq
import zmq.utils.monitor

from .errors import Error

INTAKE_PORT = 7461
HANDSHAKE = 3  # seconds; a handshake that takes longer is a refusal: the aggregator tells a foreign key nothing


def endpoint(aggregator, given, step):
    """Where a door is: `given` if there is one, otherwise HOST or HOST:PORT of the intake with `step` added."""
    if given is not None:
        return given if "://" in given else "tcp://" + _with_port(given, INTAKE_PORT + step)
    if "://" in aggregator:
        raise ValueError(f"{aggregator!r} is one endpoint; an aggregator is HOST or HOST:PORT")
    match = re.fullmatch(r"(.+):(\d+)", _with_port(aggregator, INTAKE_PORT))
    if not match or not 0 < int(match[2]) <= 65535 - 2:
        raise ValueError(f"{aggregator!r} is no aggregator: HOST or HOST:PORT was expected")
    return f"tcp://{match[1]}:{int(match[2]) + step}"


def _with_port(text, port):
    """HOST, HOST:PORT, [V6], [V6]:PORT, and a bare V6 address, whose colons are not before a port."""
    if text.count(":") > 1 and not text.startswith("["):
        return f"[{text}]:{port}"
    return f"{text}:{port}" if text.endswith("]") or ":" not in text else text


class Door:
    """A socket and the state of its connection: "connecting", "open" or "refused"."""

    def __init__(self, context, place, keys, queue):
        self.place = place
        self.state = "connecting"
        self.opened = 0  # connections that came to stand
        self.lost = 0  # connections that stood, and were lost: what was asked over them is never answered
        self._name = keys.name
        self._gone = False
        self._shaking = None
        self.socket = context.socket(zmq.DEALER)
        options = {
            zmq.LINGER: 1000, zmq.SNDHWM: queue, zmq.RCVHWM: queue, zmq.IPV6: 1,
            zmq.HEARTBEAT_IVL: 5000, zmq.HEARTBEAT_TIMEOUT: 15000, zmq.HEARTBEAT_TTL: 15000,
            zmq.HANDSHAKE_IVL: 10000, zmq.TCP_KEEPALIVE: 1, zmq.TCP_KEEPALIVE_IDLE: 60, zmq.TCP_KEEPALIVE_INTVL: 10,
            zmq.TCP_KEEPALIVE_CNT: 3,
            zmq.RECONNECT_IVL: 100, zmq.RECONNECT_IVL_MAX: 5000, zmq.CONNECT_TIMEOUT: 10000,
            zmq.CURVE_SERVERKEY: keys.aggregator, zmq.CURVE_PUBLICKEY: keys.public, zmq.CURVE_SECRETKEY: keys.secret,
        }
        for option, value in options.items():
            self.socket.set(option, value)
        self.monitor = self.socket.get_monitor_socket(
            zmq.EVENT_CONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED |
            zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL |
            zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        try:
            self.socket.connect(place)
        except zmq.ZMQError as error:
            self.close()
            raise Error(f"connecting to {place}: {error}") from None

    def close(self):
        self.socket.disable_monitor()
        self.monitor.close()
        self.socket.close()

    def _note(self, event):
        if event == zmq.EVENT_CONNECTED:
            self._shaking = time.monotonic()
            return
        self._shaking = None
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.state, self._gone = "open", False
            self.opened += 1
        elif event == zmq.EVENT_DISCONNECTED:
            if self.state == "open":
                self.state, self._gone = "connecting", True
                self.lost += 1
        elif event != zmq.EVENT_CLOSED:
            self.state = "refused"

    def watch(self):
        """Takes in what has happened to the connection; before `state` is read."""
        while self.monitor.poll(0):
            self._note(zmq.utils.monitor.recv_monitor_message(self.monitor)["event"])
        if self._shaking is not None and time.monotonic() - self._shaking > HANDSHAKE:
            self.state = "refused"

    def text(self):
        """Why nothing comes, in a sentence."""
        if self.state == "refused":
            return (f"{self.place} refuses the key '{self._name}': is it enrolled there (pavo keys show), was the "
                    "aggregator told (SIGHUP), and is it the aggregator the key was made for?")
        if self.state == "open":
            return f"{self.place} let us in, but does not answer"
        if self._gone:
            return f"{self.place} has gone away; connecting again"
        return (f"{self.place} cannot be reached: does pavo-aggregator run there, and does a firewall let the port "
                "through?")
