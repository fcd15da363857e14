#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many real connections in little time.

  traffic.py serve ADDRESS...                         TCP and UDP on port 7000 until ended; prints "ready"
  traffic.py talk [--tcp N] [--udp N] [--pause S] [--port P] ADDRESS...
                                                      N connections of each kind, spread over the addresses

Every connection is a socket of its own and says something no other says, of its own length. A TCP server answers
and one side closes first, by turns; a UDP server answers each datagram, some twice.
"""

import argparse
import asyncio
import os
import random
import sys

PORT = 7000
MARKER = b"pavo-test-marker-"  # what must never be read between sensor and aggregator


async def answer(reader, writer):
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        said = await reader.readexactly(size)
        writer.write(MARKER + said[::-1] * (1 + size % 3))
        await writer.drain()
        if size % 2 == 0:
            await reader.read()  # the client closes first
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data[::-1], address)
        if len(data) % 3 == 0:
            self.transport.sendto(MARKER + data, address)


async def serve(addresses):
    loop = asyncio.get_running_loop()
    for address in addresses:
        await asyncio.start_server(answer, address, PORT, backlog=1024)
        await loop.create_datagram_endpoint(Echo, local_addr=(address, PORT))
    print("ready", flush=True)
    await asyncio.Event().wait()


async def talk_tcp(address, port):
    reader, writer = await asyncio.open_connection(address, port)
    said = os.urandom(random.randint(1, 4000))
    writer.write(len(said).to_bytes(4, "big") + said)
    await writer.drain()
    heard = await reader.readexactly(len(MARKER) + len(said) * (1 + len(said) % 3))
    assert heard.startswith(MARKER)
    writer.close()
    await writer.wait_closed()


class Client(asyncio.DatagramProtocol):
    def __init__(self):
        self.heard = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, address):
        if not self.heard.done():
            self.heard.set_result(data)


async def talk_udp(address, port):
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_datagram_endpoint(Client, remote_addr=(address, port))
    try:
        transport.sendto(MARKER + os.urandom(random.randint(8, 800)))
        await asyncio.wait_for(client.heard, 10)
    finally:
        transport.close()


async def talk(arguments):
    jobs = [talk_tcp] * arguments.tcp + [talk_udp] * arguments.udp
    random.shuffle(jobs)
    slots, failures = asyncio.Semaphore(20), []

    async def one(job, number):
        async with slots:
            try:
                await job(arguments.address[number % len(arguments.address)], arguments.port)
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
                failures.append(repr(error))
            await asyncio.sleep(arguments.pause)

    await asyncio.gather(*(one(job, number) for number, job in enumerate(jobs)))
    print(f"{len(jobs)} connections, {len(failures)} failed {failures[:3]}", flush=True)
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("serve")
    server.add_argument("address", nargs="+")
    client = commands.add_parser("talk")
    client.add_argument("--tcp", type=int, default=0)
    client.add_argument("--udp", type=int, default=0)
    client.add_argument("--port", type=int, default=PORT)
    client.add_argument("--pause", type=float, default=0, help="seconds each of 20 slots rests after a connection")
    client.add_argument("address", nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "serve":
        return asyncio.run(serve(arguments.address))
    return asyncio.run(talk(arguments))


if __name__ == "__main__":
    sys.exit(main())
