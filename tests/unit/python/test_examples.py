# SPDX-License-Identifier: Apache-2.0
"""The examples in Python, as their readers would start them, with a stand-in for an aggregator.

  test_examples.py ASK_NAT FOLLOW_VERDICTS
"""

import json
import pathlib
import subprocess
import sys
import time
import unittest

from pavo import pavo_pb2 as pb
from standin import PATIENCE, StandIn, vector

FOLLOW, ASK = sys.argv.pop(), sys.argv.pop()
VERDICTS = pb.Published.FromString(vector("published_verdict"))


def verdicts(position, previous):
    message = pb.Published(version=1, position=position, previous=previous)
    message.verdicts.CopyFrom(VERDICTS.verdicts)
    return message


def columns(*names):
    return [pb.Column(name=name, type=7 if name == "odds" else 10, kind=20 if name == "odds" else 12) for name in names]


class Examples(unittest.TestCase):
    def start(self, at, program, *arguments):
        return subprocess.Popen([sys.executable, program, at.aggregator, at.key_file(), *map(str, arguments)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def await_text(self, file, text):
        for _ in range(PATIENCE * 100):
            if file.exists() and file.read_text() == text:
                return
            time.sleep(0.01)
        self.fail(f"{file} does not become {text!r}")

    def test_they_are_short(self):
        for program in (ASK, FOLLOW):
            self.assertLessEqual(len(pathlib.Path(program).read_text().splitlines()), 25, program)

    def test_ask_nat_prints_the_answer_and_what_was_not_seen(self):
        head = pb.Reply(more=True, head=pb.Head(columns=columns("answer", "boundary", "verdict", "odds", "evidence")))
        page = pb.Reply(more=True)
        page.page.rows = 1
        for text in ("it was 10.0.1.17:51544", "nat", "translated", None, "initial sequence numbers agree"):
            page.page.columns.append(pb.Values(i64=[9767]) if text is None else pb.Values(texts=[text], u32=[0]))
        gap = pb.Gap(kind="SILENT", sensor="outer", reason="said nothing")
        last = pb.Reply(coverage=pb.Coverage(state="PARTIAL", gaps=[gap], rows=1))
        at = self.enterContext(StandIn(lambda query: (head, page, last)))
        with self.start(at, ASK, "203.0.113.5:40312", "2026-11-23T20:36:40Z") as run:
            said, warned = run.communicate(timeout=PATIENCE)
        self.assertEqual(said, "it was 10.0.1.17:51544\n"
                               "   nat translated odds 2^9.767 initial sequence numbers agree\n")
        self.assertEqual(warned, "not all was seen: silent outer said nothing\n")
        self.assertEqual(run.returncode, 0)
        self.assertEqual(at.asked(), ("nat", {"end": "203.0.113.5:40312", "at": "2026-11-23T20:36:40Z"}))

    def test_ask_nat_says_what_is_wrong(self):
        at = self.enterContext(StandIn(lambda query: [pb.Reply(error="end: 'x' is not ADDR", parameter="end")]))
        with self.start(at, ASK, "x") as run:
            _, warned = run.communicate(timeout=PATIENCE)
        self.assertEqual((warned, run.returncode), ("ask_nat: end: 'x' is not ADDR\n", 1))

    def test_follow_verdicts_goes_on_where_it_was(self):
        store = [verdicts(5, 0), verdicts(8, 5)]

        def replay(query):
            after = int(query.arguments[1].value)
            return [pb.Reply(more=True, published=each) for each in store if each.position > after] + \
                [pb.Reply(coverage=pb.Coverage(position=store[-1].position))]

        at = self.enterContext(StandIn(replay))
        kept = pathlib.Path(at.folder.name) / "position"
        for expected in ([5, 8], [9]):
            with self.start(at, FOLLOW, kept) as run:
                lines = [json.loads(run.stdout.readline()) for _ in range(3 * len(expected))]
                self.assertEqual([line["position"] for line in lines], [each for each in expected for _ in range(3)])
                first = lines[0]
                self.assertEqual((first["event"], first["verdict"], first["odds"]), ("verdict", "translated", 31.5))
                self.await_text(kept, f"{expected[-1]}\n")
                run.terminate()
                run.communicate(timeout=PATIENCE)
            store.append(verdicts(9, 8))


if __name__ == "__main__":
    unittest.main(verbosity=2)
