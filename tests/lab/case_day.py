#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A day of ordinary traffic on a campus of two NATs, as three sensors would capture it, and in it the case of a host
that was broken into.

  case_day.py [--seed N] [--plain] FOLDER    writes inner.pcap, outer.pcap, second.pcap and truth.json

    10.1.0.0/24  --- inner ---  203.0.113.1 \\
                                             >-- outer -- the net
    10.2.0.0/24  --- second --  203.0.113.2 /

The day: people at work load pages from servers that few or many others use (6 % of attempts fail), names, clocks and mail
are asked for regularly, a monitor asks its servers, a file sharer calls high ports, bots try the doors, an administrator
logs in, and for a few minutes the uplink is down. The case: a remote address guesses the password of a host behind the
first NAT, comes in, fetches a file; the host calls another address every few minutes, scans port 22, gets into a host
behind the second NAT, which fetches the same file, calls the same address, and scans as well. --plain: the day without
the case.
"""

import argparse
import json
import math
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from conversation import START, capture, tcp, udp  # noqa: E402

DAY = 86400
NATS = {"10.1.": "203.0.113.1", "10.2.": "203.0.113.2"}
SENSORS = {"10.1.": "inner", "10.2.": "second"}
SYN, ACK, PSH, FIN, RST = 2, 16, 8, 1, 4
DNS, NTP, MAIL = "198.51.100.53", "198.51.100.123", "198.51.100.25"
ADMIN = "192.0.2.10"


class Day:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.captures = {"inner": [], "outer": [], "second": []}
        self.ports = {}

    # ---- one connection, as each sensor on its way sees it

    def port(self, of):
        """The next port that an address gives out."""
        self.ports[of] = self.ports.get(of, self.random.randrange(0, 20000)) + self.random.randrange(1, 7)
        return 32768 + self.ports[of] % 28000

    def views(self, client, server, port, forward=None):
        """[(sensor, client end, server end, delay)]; forward: (host, port) behind the server's address."""
        inside = SENSORS.get(client[:5])
        end = (client, self.port(client))
        found = []
        if inside:
            found.append((inside, end, (server, port), 0.0))
            end = (NATS[client[:5]], self.port(NATS[client[:5]]))
        found.append(("outer", end, (server, port), 0.0003))
        if forward:
            found.append((SENSORS[forward[0][:5]], end, forward, 0.0006))
        return found

    def put(self, views, packets):
        """packets: [(time, by the client?, function of source and destination)]"""
        for sensor, client, server, delay in views:
            self.captures[sensor] += [(at + delay, make(*client, *server) if forth else make(*server, *client))
                                      for at, forth, make in packets]

    def tcp(self, at, client, server, port, up=200, down=2000, last=0.2, forward=None, typed=0):
        """One that is answered; `typed`: so many small packets to and fro over its length."""
        r = self.random
        c, s, rtt = r.getrandbits(32), r.getrandbits(32), r.uniform(0.004, 0.04)
        packets, sent, got = [], [1], [1]

        def forth(when, flags, length=0):
            seq, ack = c + sent[0] if flags != SYN else c, s + got[0] if flags != SYN else 0
            data = bytes([0x41 + seq % 23]) * length
            packets.append((when, True, lambda a, p, b, q: tcp(a, p, b, q, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, flags, data)))
            sent[0] += length + (flags & FIN)

        def back(when, flags, length=0):
            seq, ack = s + got[0] if not flags & SYN else s, c + sent[0]
            data = bytes([0x61 + seq % 23]) * length
            packets.append((when, False, lambda a, p, b, q: tcp(a, p, b, q, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, flags, data, 57)))
            got[0] += length + (flags & FIN)

        forth(at, SYN)
        back(at + rtt, SYN | ACK)
        forth(at + rtt * 1.1, ACK)
        when = at + rtt * 1.2
        if typed:
            for n in range(typed):
                when += last / typed
                forth(when, PSH | ACK, r.randrange(36, 52))
                back(when + rtt, PSH | ACK, r.randrange(36, 160))
        else:
            while up > 0:
                forth(when, PSH | ACK, min(up, 1400))
                up -= 1400
                when += 0.001
            chunks = max(1, math.ceil(down / 4000))
            for n in range(chunks):
                when += last / chunks
                back(when, PSH | ACK, max(1, min(down, 4000)))
                down -= 4000
                forth(when + 0.001, ACK)
        forth(when + 0.01, FIN | ACK)
        back(when + 0.01 + rtt, FIN | ACK)
        forth(when + 0.02 + rtt, ACK)
        self.put(self.views(client, server, port, forward), packets)

    def failed(self, at, client, server, port, refused=False, outside=True):
        c = self.random.getrandbits(32)
        syn = lambda a, p, b, q: tcp(a, p, b, q, c, 0, SYN)
        packets = [(at, True, syn)]
        if refused:
            packets.append((at + 0.02, False, lambda a, p, b, q: tcp(a, p, b, q, 0, (c + 1) & 0xFFFFFFFF, RST | ACK, b"", 57)))
        else:
            packets += [(at + 1, True, syn), (at + 3, True, syn)]
        self.put(self.views(client, server, port)[: None if outside else 1], packets)

    def udp(self, at, client, server, port, up=40, down=90):
        r = self.random
        asked, said = r.randbytes(up), r.randbytes(down)
        self.put(self.views(client, server, port), [
            (at, True, lambda a, p, b, q: udp(a, p, b, q, asked)),
            (at + 0.01, False, lambda a, p, b, q: udp(a, p, b, q, said, 57))])

    # ---- the ordinary

    def busy(self, at):
        """How much people do at that time of the day (UTC)."""
        hour = (START + at) / 3600 % 24
        return 0.06 + math.exp(-(((hour - 10.5) / 2.2) ** 2)) + 0.9 * math.exp(-(((hour - 15) / 2.2) ** 2))

    def moments(self, count):
        found = []
        while len(found) < count:
            at = self.random.uniform(0, DAY)
            if self.random.random() < self.busy(at) / 1.1:
                found.append(at)
        return sorted(found)

    def person(self, host, servers, down):
        r = self.random
        favourites = r.sample(servers, 25)
        for at in self.moments(r.randrange(25, 45)):
            self.udp(at - 0.05, host, DNS, 53, r.randrange(30, 50), r.randrange(60, 300))
            for _ in range(r.randrange(1, 5)):
                server = r.choice(favourites) if r.random() < 0.7 else servers[int(len(servers) * r.random() ** 2.5)]
                port = 443 if r.random() < 0.85 else 80
                at += r.uniform(0, 0.8)
                if down[0] <= at < down[1]:
                    self.failed(at, host, server, port)
                elif r.random() < 0.06:
                    self.failed(at, host, server, port, refused=r.random() < 0.5)
                else:
                    self.tcp(at, host, server, port, r.randrange(200, 1500),
                             min(40000, int(r.lognormvariate(7.6, 1.2))), r.uniform(0.05, 3))
        at = r.uniform(0, 1800)
        while at < DAY:
            self.udp(at, host, NTP, 123, 48, 48)
            at += 3600 + r.uniform(-5, 5)
        for at in self.moments(12):
            self.tcp(at, host, MAIL, 993, 400, r.randrange(800, 3000), 0.5)

    def ordinary(self, hosts):
        r = self.random
        servers = [f"198.18.{r.randrange(256)}.{r.randrange(1, 255)}" for _ in range(500)]
        begin = r.uniform(0.45, 0.7) * DAY
        down = (begin, begin + r.choice((0, 60, 240)))
        for host in hosts:
            self.person(host, servers, down)
        watched = [f"198.51.100.{n}" for n in range(150, 170)]
        for n in range(48):
            for server in watched:
                self.tcp(n * 1800 + r.uniform(0, 60), hosts[1], server, 5666, 120, 200)
        for _ in range(40):  # a sharer
            peer, port = f"192.88.{r.randrange(256)}.{r.randrange(1, 255)}", r.randrange(10000, 60000)
            at = r.uniform(0.5, 0.6) * DAY
            if r.random() < 0.35:
                self.failed(at, hosts[2], peer, port)
            else:
                self.tcp(at, hosts[2], peer, port, 500, r.randrange(500, 9000), 5)
        for _ in range(250):  # weather
            self.failed(r.uniform(0, DAY), f"192.31.{r.randrange(256)}.{r.randrange(1, 255)}",
                        r.choice(list(NATS.values())), r.choice((22, 23, 80, 445, 3389, 5900, 8080)))

    def logins(self, host):
        """What comes to a host's forwarded SSH port on any day."""
        r = self.random
        door = NATS[host[:5]]
        for hour in (10.4, 16.2):  # of the capture, which begins at 22:13 UTC
            self.tcp((hour + r.uniform(-0.5, 0.5)) * 3600, ADMIN, door, 22, last=r.uniform(200, 600), forward=(host, 22),
                     typed=r.randrange(60, 200))
        for _ in range(3):
            bot, at = f"192.31.{r.randrange(256)}.{r.randrange(1, 255)}", r.uniform(0, DAY - 900)
            for _ in range(r.randrange(4, 9)):
                self.tcp(at, bot, door, 22, 900 + r.randrange(20), 1300 + r.randrange(20), r.uniform(2, 3), (host, 22))
                at += r.uniform(5, 40)

    # ---- the case

    def case(self, host, second):
        r = self.random
        intruder, shelf, caller = r.sample(["192.0.2." + str(n) for n in range(20, 250)], 3)
        begin = r.uniform(0.55, 0.75) * DAY
        door, other = NATS[host[:5]], NATS[second[:5]]
        at = begin
        for _ in range(r.randrange(25, 80)):
            self.tcp(at, intruder, door, 22, 900 + r.randrange(20), 1300 + r.randrange(20), r.uniform(2, 3), (host, 22))
            at += r.uniform(3, 9)
        login = at + r.uniform(5, 120)
        self.tcp(login, intruder, door, 22, last=r.uniform(400, 1200), forward=(host, 22), typed=r.randrange(80, 300))
        fetched = login + r.uniform(60, 240)
        self.tcp(fetched, host, shelf, 80, 180, r.randrange(120000, 400000), 4)
        called, gap = fetched + r.uniform(20, 90), r.uniform(150, 400)
        self.calls(called, gap, host, caller)
        onset = fetched + r.uniform(120, 1500)
        until = self.scan(onset, host, r.randrange(60, 200), 2.0, r)
        entered = r.uniform(onset + 30, until - 5)
        self.tcp(entered, host, other, 22, last=r.uniform(60, 200), forward=(second, 22), typed=r.randrange(50, 120))
        again = entered + r.uniform(40, 120)
        self.tcp(again, second, shelf, 80, 180, 250000, 4)
        self.calls(again + 60, gap * r.uniform(0.9, 1.1), second, caller)
        change = again + r.uniform(300, 1500)
        self.scan(change, second, r.randrange(50, 150), 3.0, r)
        return {"host": host, "second": second, "intruder": intruder, "shelf": shelf, "caller": caller,
                "login": START + login, "fetched": START + fetched, "onset": START + onset, "entered": START + entered,
                "change": START + change}

    def calls(self, at, gap, host, caller):
        while at < DAY - 5:
            self.tcp(at, host, caller, 443, 310, 420, 0.3)
            at += gap * self.random.uniform(0.93, 1.07)

    def scan(self, at, host, count, pace, r):
        net = r.randrange(256)
        for n in r.sample(range(1, 254), count):
            server, chance = f"198.19.{net}.{n}", r.random()
            if chance < 0.85:
                self.failed(at, host, server, 22)
            elif chance < 0.95:
                self.failed(at, host, server, 22, refused=True)
            else:
                self.tcp(at, host, server, 22, 40, 40, 0.2)
            at += r.expovariate(1 / pace)
        return at

    def write(self, folder):
        for name, packets in self.captures.items():
            packets.sort(key=lambda packet: packet[0])
            capture(os.path.join(folder, name + ".pcap"), packets)


def make(folder, seed, plain):
    """The captures, and what is true of them."""
    day = Day(seed)
    hosts = [f"10.1.0.{n}" for n in range(11, 26)] + [f"10.2.0.{n}" for n in range(11, 21)]
    host, second = day.random.choice(hosts[3:15]), day.random.choice(hosts[15:])
    day.ordinary(hosts)
    day.logins(host)
    truth = {"seed": seed, "hosts": hosts, "begin": START, "end": START + DAY}
    if not plain:
        truth["case"] = day.case(host, second)
    else:
        truth["quiet"] = host
    day.write(folder)
    with open(os.path.join(folder, "truth.json"), "w") as file:
        json.dump(truth, file, indent=1)
    return truth


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("folder")
    arguments = parser.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    print(json.dumps(make(arguments.folder, arguments.seed, arguments.plain), indent=1))
