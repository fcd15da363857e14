#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Faults at random under one aggregator, and the books closed after each few of them: see tests/e2e/faults.

  faults.py FOLDER BUILD ROUTER [--events N] [--seed S] [--minutes M] [--only EVENT,...] [--keep-batches SIZE]

Runs on the aggregator's machine (network and mounts); ROUTER is the process that holds the sensors' machine. FOLDER has
keys, an empty data/ that is a small file system, and wrong_clock.so. What must hold is in faults_books.py; beside that

  - the aggregator starts again after everything, answers, and ends with status 0 when it is told to
  - its memory stays below MEMORY_MAX
  - no sanitizer says anything
"""

import argparse
import datetime
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

from faults_books import SPAN, Books, Broken, Capture
from journal import HEAD, Journal
import pavo

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY_MAX = 2 << 30  # with AddressSanitizer, whose shadow and quarantine are most of it
PATIENCE = 120  # seconds; waiting ends when there is nothing to wait for
GROUP = 6  # events between two closings of the books
SENSOR_OPTIONS = ("--idle-timeout", "5s", "--status-interval", "10s")
AGGREGATOR_OPTIONS = ("--seal-rows", "400", "--seal-age", "2s", "--hot-memory", "1M", "--memory-limit", "64M",
                      "--journal-file", "1M")
CLOCKS = [days * 86400 for days in (-3650, -400, -30, -1, 1, 30, 400, 3650)] + [-3600, 3600, -5, 5]
SANITIZER = re.compile(r"Sanitizer|runtime error:|corrupted|double free")


def wait_for(what, condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Broken(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Clock:
    """A file that says by how much a program's wall clock is wrong, and what preloads it."""

    def __init__(self, folder, name, program):
        self.path = os.path.join(folder, f"clock-{name}")
        self.set(0)
        libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        runtime = re.findall(r"=> (\S*/lib[at]san\.so\S*)", libraries)  # wants to be the first
        self.environment = os.environ | {"PAVO_WRONG_CLOCK": self.path,
                                         "LD_PRELOAD": " ".join([*runtime, f"{folder}/wrong_clock.so"])}

    def set(self, seconds):
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as file:
            file.write(struct.pack("<q", seconds * 10**9))


class Aggregator:
    def __init__(self, folder, build, keep_batches):
        self.folder, self.program = folder, f"{build}/aggregator/pavo-aggregator"
        self.keep_batches = keep_batches
        self.clock = Clock(folder, "aggregator", self.program)
        self.process, self.lives, self.peak = None, 0, 0

    @property
    def log(self):
        return f"{self.folder}/aggregator-{self.lives}.log"

    def start(self):
        self.lives += 1
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [self.program, "--data", f"{self.folder}/data", "--keys", f"{self.folder}/keys", "--boundary",
                 "nat inside=inner outside=outer window=4s", *AGGREGATOR_OPTIONS, "--keep-batches", self.keep_batches],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.clock.environment)
        wait_for("the aggregator", lambda: self.alive() and "ready" in read(self.log))

    def alive(self):
        if self.process.poll() is None:
            return True
        raise Broken(f"the aggregator ended by itself with status {self.process.returncode}: {self.log}\n"
                     + read(self.log)[-3000:])

    def measure(self):
        found = re.search(r"VmHWM:\s+(\d+) kB", read(f"/proc/{self.process.pid}/status"))
        self.peak = max(self.peak, int(found[1]) << 10 if found else 0)
        if self.peak > MEMORY_MAX:
            raise Broken(f"the aggregator took {self.peak >> 20} MiB")

    def end(self, how):
        """With SIGKILL or SIGTERM."""
        self.alive()
        self.measure()
        self.process.send_signal(how)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Broken(f"the aggregator did not end in {PATIENCE} s") from None
        if status != (0 if how == signal.SIGTERM else -how):
            raise Broken(f"the aggregator ended with status {status}: {self.log}\n" + read(self.log)[-3000:])
        self.look()

    def look(self):
        if SANITIZER.search(read(self.log)):
            raise Broken(f"a sanitizer says in {self.log}:\n" + read(self.log)[-6000:])


class Sensor:
    """Life after life of one sensor, each fed with the same packets at its own time."""

    def __init__(self, run, name, capture):
        self.run, self.name, self.capture = run, name, capture
        self.program = f"{run.build}/sensor/pavo-sensor"
        self.clock = Clock(run.folder, name, self.program)
        self.process, self.number, self.over, self.how = None, -1, False, None
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.failure = None

    def live(self):
        try:
            while not self.over:
                self.one_life()
        except Exception as failure:  # told by the main thread
            self.failure = failure

    def one_life(self):
        number, chance = self.number + 1, random.Random(f"{self.run.seed} {self.name} {self.number}")
        log_name, self.how = f"{self.run.folder}/{self.name}-{number}.log", None
        self.run.books.lives[self.name, number] = None
        with open(log_name, "w") as log:
            self.process = subprocess.Popen(
                [*self.run.there, self.program, "-r", "-", "--key", f"{self.run.folder}/{self.name}.key",
                 "--aggregator", "192.0.2.2", "--batch-age", "200ms", "--batch-rows", str(chance.choice((5, 40, 500))),
                 *SENSOR_OPTIONS], stdin=subprocess.PIPE, stdout=log, stderr=log, env=self.clock.environment)
        self.number = number
        self.feed(number, chance.uniform(5, 15))
        status = self.process.wait()
        said = read(log_name)
        if SANITIZER.search(said) or (self.how is None and status not in (0, 4)):
            raise Broken(f"{self.name} ended with status {status}: {said[-5000:]}")
        missing = re.search(r"(\d+) records were not acknowledged", said)
        self.run.books.unsent[self.name, number] = int(missing[1]) if missing else 0
        self.run.books.lives[self.name, number] = {None: "whole", signal.SIGTERM: "early"}.get(self.how, "killed")
        os.unlink(log_name)

    def feed(self, number, seconds):
        begin, pipe = time.monotonic(), self.process.stdin
        try:
            pipe.write(self.capture.head())
            for when, packet in self.capture.moved(number):
                wait = begin + when / SPAN * 2 * seconds - time.monotonic()
                if wait > 0.01:
                    pipe.flush()
                    time.sleep(wait)
                if self.over:
                    self.how = self.how or signal.SIGTERM  # as if it had been told to end
                    self.tell_early(number)
                    break
                pipe.write(packet)
            pipe.close()
        except BrokenPipeError:
            pass

    def end(self, how):
        self.how = how
        self.tell_early(self.number)
        self.process.send_signal(how)

    def tell_early(self, number):
        """What is committed from here on may have been cut short: said before the process is told."""
        if self.how == signal.SIGTERM:
            self.run.books.lives[self.name, number] = "early"


class Run:
    def __init__(self, folder, build, holder, options):
        self.folder, self.build, self.options = folder, build, options
        self.seed, self.chance = options.seed, random.Random(options.seed)
        self.holder = holder
        self.there = ["nsenter", "--target", holder, "--net"]
        self.data = f"{folder}/data"
        self.journal = Journal(self.data)
        self.aggregator = Aggregator(folder, build, options.keep_batches)
        base = int(time.time()) // 86400 * 86400 - 3 * 86400 + 82800  # an hour before a midnight
        captures = {name: Capture(seed, inside, base, f"{build}/sensor/pavo-sensor", f"{folder}/{name}.key", SENSOR_OPTIONS)
                    for name, seed, inside in (("inner", 1, True), ("outer", 1, False), ("third", 2, True))}
        self.books = Books(self.journal, f"{folder}/analyst.key", captures)
        self.sensors = [Sensor(self, name, capture) for name, capture in captures.items()]
        self.told, self.done, self.damages = [], [], 0
        self.subscriber = self.teller = None

    # ---- the programs beside it

    def start(self):
        self.aggregator.start()
        self.start_subscriber()
        self.start_teller()
        for sensor in self.sensors:
            sensor.thread.start()

    def program(self, *words, there=False):
        return subprocess.Popen([*(self.there if there else []), sys.executable, f"{HERE}/faults_ends.py", *words],
                                stdin=subprocess.DEVNULL, stderr=open(f"{self.folder}/{words[0]}.log", "a"))

    def start_subscriber(self):
        self.subscriber = self.program("subscriber", f"{self.folder}/analyst.key", f"{self.folder}/subscriber.json")

    def start_teller(self):
        self.teller = self.program("teller", f"{self.folder}/proto", f"{self.folder}/teller.key",
                                   f"{self.folder}/teller.json", there=True)

    # ---- events: each leaves everything running when it returns

    def event_kill_aggregator(self):
        self.aggregator.end(signal.SIGKILL)
        self.pause(0, 1)
        self.aggregator.start()

    def event_end_aggregator(self):
        self.aggregator.end(signal.SIGTERM)
        self.pause(0, 2)
        self.aggregator.start()

    def event_kill_at_start(self):
        """... once more before it is ready."""
        self.aggregator.end(signal.SIGKILL)
        with open(f"{self.folder}/early.log", "w") as log:
            early = subprocess.Popen([self.aggregator.program, "--data", self.data, "--keys", f"{self.folder}/keys",
                                      *AGGREGATOR_OPTIONS, "--keep-batches", self.options.keep_batches], stdout=log, stderr=log,
                                     env=self.aggregator.clock.environment)
        self.pause(0, 1)
        early.kill()
        early.wait()
        self.aggregator.start()

    def event_kill_sealing(self):
        """When a file is being written aside: in a sealing or a merge."""
        folder, end = f"{self.data}/segments", time.monotonic() + 5
        while time.monotonic() < end and not any(name.endswith(".tmp") for name in os.listdir(folder)):
            time.sleep(0.001)
        self.pause(0, 0.1)
        self.aggregator.end(signal.SIGKILL)
        self.aggregator.start()

    def event_stop_aggregator(self):
        self.aggregator.process.send_signal(signal.SIGSTOP)
        self.pause(0.2, 3)
        self.aggregator.process.send_signal(signal.SIGCONT)

    def event_kill_sensor(self):
        self.chance.choice(self.sensors).end(signal.SIGKILL)

    def event_end_sensor(self):
        self.chance.choice(self.sensors).end(signal.SIGTERM)

    def event_stop_sensor(self):
        process = self.chance.choice(self.sensors).process
        process.send_signal(signal.SIGSTOP)
        self.pause(0.2, 3)
        process.send_signal(signal.SIGCONT)

    def event_kill_teller(self):
        self.teller.kill()
        self.teller.wait()
        self.start_teller()

    def event_stop_subscriber(self):
        self.subscriber.send_signal(signal.SIGSTOP)
        self.pause(1, 4)
        self.subscriber.send_signal(signal.SIGCONT)

    def event_link_down(self):
        self.link("down")
        self.pause(0.5, 4)
        self.link("up")

    def event_silence(self):
        """Packets vanish in one direction or both; nobody is told."""
        hooks = self.chance.choice((["input"], ["output"], ["input", "output"]))
        rules = "".join(f"chain {hook} {{ type filter hook {hook} priority filter; iifname != lo oifname != lo drop; }}\n"
                        for hook in hooks)
        rules = rules.replace("iifname != lo oifname != lo", "meta iifname manage").replace(
            "output priority filter; meta iifname", "output priority filter; meta oifname")
        subprocess.run(["nft", f"table ip silence {{ {rules} }}"], check=True)
        self.pause(0.5, 5)
        subprocess.run(["nft", "delete table ip silence"], check=True)

    def event_disk_full(self):
        ballast = f"{self.data}/ballast"
        with open(ballast, "wb") as file:
            try:
                while True:
                    file.write(b"\0" * (1 << 16))
                    file.flush()
            except OSError:
                pass
            finally:
                try:
                    file.close()
                except OSError:
                    pass
        self.pause(1, 4)
        if self.chance.random() < 0.4:
            self.aggregator.end(self.chance.choice((signal.SIGKILL, signal.SIGTERM)))
            self.aggregator.start()
            self.pause(0.5, 2)
        os.unlink(ballast)

    def event_clock(self):
        """The aggregator's, or one sensor's; half of the times right again."""
        clock = self.chance.choice((self.aggregator, *self.sensors)).clock
        clock.set(self.chance.choice(CLOCKS) if self.chance.random() < 0.5 else 0)

    def event_damage_journal(self):
        """One byte of a committed batch's frame, or of the END of its set."""
        running = self.chance.random() < 0.3
        if not running:
            self.aggregator.end(self.chance.choice((signal.SIGKILL, signal.SIGTERM)))
        self.journal.look()
        files = set(self.journal.files())
        batches = [b for b in self.journal.batches.values() if b.file in files and b not in self.books.frames]
        newest = max((b.set_end for b in batches if b.file == max(files)), default=0)
        batches = [b for b in batches if not (b.file == max(files) and b.set_end == newest)][-200:]
        if batches:
            batch = self.chance.choice(batches)
            inside = self.chance.choice((self.chance.randrange(HEAD), HEAD + self.chance.randrange(max(1, batch.length))))
            self.note(f"{batch.file} at {batch.offset + inside}: position {batch.position} of {batch.sensor}/"
                      f"{batch.epoch}, {batch.rows}")
            flip(f"{self.data}/journal/{batch.file}", batch.offset + inside)
            self.books.forget(batch)
        if not running:
            self.aggregator.start()

    def event_damage_segment(self):
        """One byte, or a whole file away; then it is as it was."""
        self.damage(f"{self.data}/segments", (".parquet", ".seal", ".index"))

    def damage(self, folder, endings):
        running = self.chance.random() < 0.5
        if not running:
            self.aggregator.end(signal.SIGTERM)
        names = sorted(name for name in os.listdir(folder) if name.endswith(endings))
        away = self.chance.random() < 0.2
        if names:
            path = f"{folder}/{self.chance.choice(names)}"
            try:
                size = os.stat(path).st_size
                at = self.chance.randrange(size) if size > 0 else 0
                self.note(f"{os.path.basename(path)}: " + ("away" if away else f"byte {at} of {size}"))
                if away:
                    shutil.move(path, f"{self.folder}/away")  # another file system
                else:
                    flip(path, at)
            except FileNotFoundError:
                names = []  # merged meanwhile
        if not running:
            self.aggregator.start()
        if not names:
            return
        self.books.touched.add(os.path.basename(path).split(".")[0])
        self.ask_some([os.path.basename(path).split(".")[0]])
        self.aggregator.end(self.chance.choice((signal.SIGKILL, signal.SIGTERM)))
        if away:
            shutil.move(f"{self.folder}/away", path)
        elif os.path.exists(path):
            flip(path, at)
        self.aggregator.start()

    def event_damage_catalogue(self):
        """A byte of the catalogue, or all of it away, with the aggregator stopped: made anew from the seals."""
        self.aggregator.end(self.chance.choice((signal.SIGKILL, signal.SIGTERM)))
        path = f"{self.data}/catalogue.sqlite"
        if self.chance.random() < 0.3:
            self.note("away")
            os.unlink(path)
        else:
            at = self.chance.randrange(os.stat(path).st_size)
            self.note(f"byte {at}")
            flip(path, at)
        self.aggregator.start()

    def event_questions(self):
        """Many at once, some given up half way."""
        for _ in range(3):
            process = subprocess.Popen(
                [f"{self.build}/aggregator/cli/pavo", "--aggregator", "127.0.0.1", "--key",
                 f"{self.folder}/analyst.key", *self.chance.choice((["find", "--json"], ["links"], ["statuses"],
                                                                    ["find", "port", "443"]))],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.pause(0.1, 0.6)
            process.kill()
            process.wait()

    # ---- what they are made of

    def link(self, state):
        subprocess.run([*self.there, "ip", "link", "set", "manage", state], check=True)

    def pause(self, least, most):
        time.sleep(self.chance.uniform(least, most))

    def note(self, text):
        self.told[-1] += f" ({text})"

    def ask_some(self, damaged):
        """Some lives while a file is damaged."""
        for sensor in self.sensors:
            low = max(0, self.chance.randrange(max(1, sensor.number + 1)) - 3)
            self.damages += self.patiently(self.books.check, sensor.name, low, low + 6, damaged) > 0

    def patiently(self, ask, *arguments):
        """A question; again when the aggregator's door was closed for a moment."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return ask(*arguments)
            except (pavo.Unreachable, pavo.QuestionError) as error:
                self.aggregator.alive()
                if time.monotonic() > end:
                    raise Broken(f"no answer: {error}") from None
                time.sleep(0.2)

    def close(self):
        """The books, of the lives that may have changed since."""
        self.aggregator.alive()
        self.aggregator.measure()
        self.aggregator.look()
        for sensor in self.sensors:
            if sensor.failure:
                raise sensor.failure
            self.patiently(self.books.check, sensor.name, max(0, sensor.number - 5), sensor.number + 1)
        self.patiently(self.books.check_teller, f"{self.folder}/teller.json")
        if self.subscriber.poll() is not None or self.teller.poll() is not None:
            raise Broken("the subscriber or the teller ended: " + read(f"{self.folder}/subscriber.log")
                         + read(f"{self.folder}/teller.log"))

    def finish(self):
        for clock in (self.aggregator.clock, *(sensor.clock for sensor in self.sensors)):
            clock.set(0)
        for sensor in self.sensors:
            sensor.over = True
        for sensor in self.sensors:
            sensor.thread.join(PATIENCE)
            if sensor.failure or sensor.thread.is_alive():
                raise sensor.failure or Broken(f"{sensor.name} does not end")
        self.teller.kill()
        self.patiently(self.books.check_all)
        self.patiently(self.books.check_sums)
        losses = self.patiently(self.books.check_teller, f"{self.folder}/teller.json")
        self.aggregator.end(signal.SIGTERM)
        self.aggregator.start()
        self.patiently(self.books.check_all)
        wait_for("the subscriber", self.subscriber_done)
        flows, gaps, refused = self.books.check_subscriber(f"{self.folder}/subscriber.json")
        self.aggregator.end(signal.SIGTERM)
        self.subscriber.kill()
        print(f"# {flows} flows and {losses} losses found once; {gaps} gaps told to the subscriber, refused {refused} times; "
              f"{len(self.books.frames)} frames of the journal damaged, named in {self.books.taken} answers; {self.damages} damaged segments named; "
              f"{self.aggregator.lives} lives of the aggregator, {self.aggregator.peak >> 20} MiB at most")

    def subscriber_done(self):
        self.aggregator.alive()
        size = os.stat(f"{self.folder}/subscriber.json").st_size
        time.sleep(3)
        return size == os.stat(f"{self.folder}/subscriber.json").st_size

    def keep(self):
        kept = f"{os.environ.get('TMPDIR', '/tmp')}/pavo-faults-{self.seed}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.folder, kept, ignore=shutil.ignore_patterns("keys", "*.key", "ballast"), symlinks=True)
        with open(f"{kept}/events", "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in self.told))
        print(f"# --seed {self.seed}; everything is kept in {kept}", flush=True)

    def all_events(self):
        names = [name.removeprefix("event_") for name in dir(self) if name.startswith("event_")]
        only = self.options.only.split(",") if self.options.only else names
        return [name for name in names if name in only]

    def run(self):
        names, begin = self.all_events(), time.monotonic()
        self.start()
        time.sleep(3)
        number = 0
        while number < self.options.events and time.monotonic() - begin < self.options.minutes * 60:
            first, number = number, min(number + GROUP, self.options.events)
            for count in range(first, number):
                name = names[count] if count < len(names) and not self.options.only else self.chance.choice(names)
                self.told.append(f"{count} {datetime.datetime.now():%H:%M:%S.%f} {name}")
                getattr(self, "event_" + name)()
                self.pause(0, 1)
            self.close()
            print(f"ok {len(self.done) + 1} - the books close after {number} events", flush=True)
            self.done.append(number)
            if self.options.verbose:
                print("".join(f"#   {line}\n" for line in self.told[first:number]), end="", flush=True)
        self.finish()
        print(f"ok {len(self.done) + 1} - the books close at the end\n1..{len(self.done) + 1}")


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x10]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("build")
    parser.add_argument("router")
    parser.add_argument("--events", type=int, default=18)
    parser.add_argument("--seed", type=int, default=int(time.time() // 86400))
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--only")
    parser.add_argument("--keep-batches", default="4M")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    print(f"# --seed {options.seed}", flush=True)
    run = Run(options.folder, options.build, options.router, options)
    try:
        run.run()
        return 0
    except BaseException as failure:
        print(f"not ok {len(run.done) + 1} - the books close after {len(run.told)} events")
        print("".join(f"#   {line}\n" for line in [*str(failure).splitlines(), "events:", *run.told[-30:]]), end="")
        run.keep()
        if not isinstance(failure, Broken):
            raise
        return 1


if __name__ == "__main__":
    sys.exit(main())
