# SPDX-License-Identifier: Apache-2.0
"""Questions to a stand-in for an aggregator."""

import datetime
import json
import signal
import time
import unittest

import pavo
import zmq
from pavo import pavo_pb2 as pb
from standin import EPOCH, PATIENCE, StandIn, vector

HEAD, PAGE, COVERAGE, ERROR = (
    pb.Reply.FromString(vector(f"reply_{name}")) for name in ("head", "page", "coverage", "error"))


def changed(reply, change):
    """A copy on which `change` has been called."""
    copy = pb.Reply.FromString(reply.SerializeToString())
    change(copy)
    return copy


def covering(rows):
    return changed(COVERAGE, lambda reply: setattr(reply.coverage, "rows", rows))


def replies(*kept):
    """The vectors as an answer: a fresh copy each time, the id left to the stand-in."""
    def answer(query):
        for each in kept:
            yield changed(each, lambda reply: reply.ClearField("id"))
    return answer


def head_of(*columns):
    return pb.Reply(more=True, head=pb.Head(question="nat", columns=[pb.Column(**column) for column in columns]))


def page_of(rows, *columns):
    return pb.Reply(more=True, page=pb.Page(rows=rows, columns=[pb.Values(**column) for column in columns]))


U32, TEXT = 3, 10  # enum field_type
NUMBER, LIST, WORD = {"type": U32, "kind": 1}, {"type": U32, "kind": 22}, {"type": 7, "kind": 18}
LISTED = head_of({"name": "terms", **LIST}, {"name": "term_weight", "list": "terms", **NUMBER})



class Values(unittest.TestCase):
    def test_a_real_number_travels_as_its_bits(self):
        convert = pavo.values.converter("real", [])
        for bits, real in ((0, 0.0), (0x3ff8000000000000, 1.5), (0xbfb999999999999a, -0.1), (0x7ff8000000000000, 0.0)):
            self.assertEqual(convert(bits), real)

class Ask(unittest.TestCase):
    def asking(self, answer, **options):
        at = self.enterContext(StandIn(answer))
        aggregator = self.enterContext(pavo.Aggregator(
            key_file=at.key_file(), publish=at.publish_at, answer=at.answer_at, **options))
        return at, aggregator

    def test_what_ends_here_ends_on_the_aggregator(self):
        at, aggregator = self.asking(replies(HEAD, PAGE))  # and nothing more
        after = []

        def interrupt(*_):
            raise KeyboardInterrupt

        def asked_and_ended(end):
            answer = aggregator.ask("nat", end="203.0.113.5:40312")
            number = at.query().id
            end(answer)
            self.assertEqual(at.cancelled.get(timeout=PATIENCE), number)
            return answer

        def interrupted(answer):
            signal.signal(signal.SIGALRM, interrupt)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with self.assertRaises(KeyboardInterrupt):
                list(answer)

        def next_question(_):
            after.append(aggregator.ask("nat", end="203.0.113.5:40312"))
            at.query()

        def with_it(answer):
            with answer:
                next(answer)

        asked_and_ended(lambda answer: answer.close()).close()
        asked_and_ended(with_it)
        asked_and_ended(interrupted)
        asked_and_ended(next_question)
        after[0].close()
        self.assertEqual(at.cancelled.get(timeout=PATIENCE), 5)
        self.assertTrue(at.cancelled.empty())

    def test_a_complete_answer_is_not_cancelled(self):
        at, aggregator = self.asking(replies(HEAD, PAGE, covering(2)))
        with aggregator.ask("nat", end="203.0.113.5:40312") as answer:
            self.assertEqual(len(list(answer)), 2)
        self.assertEqual(answer.coverage.rows, 2)
        list(aggregator.ask("nat", end="203.0.113.5:40312"))
        self.assertTrue(at.cancelled.empty())

    def test_rows_and_what_they_rest_on(self):
        _, aggregator = self.asking(replies(HEAD, PAGE, PAGE, covering(4)))
        answer = aggregator.ask("nat", end="203.0.113.5:40312")
        self.assertEqual(answer.command, "pavo nat --at 2023-11-14T22:13:21Z 203.0.113.5:40312")
        self.assertEqual([column.name for column in answer.columns[:2]], ["answer", "first_time"])
        self.assertEqual((answer.columns[1].kind, answer.columns[1].heading), ("time", "TIME"))
        self.assertEqual(answer.columns[2].words, ("unknown", "translated", "forwarded"))
        self.assertEqual(answer.columns[13].list, "terms")
        self.assertIsNone(answer.coverage)
        rows = list(answer)
        self.assertEqual(len(rows), 4)
        self.assertEqual(rows[0], rows[2])
        first, second = rows[:2]
        self.assertEqual((first.answer, first.verdict), ("it was 10.0.1.17:51544", "translated"))
        self.assertEqual((first.src, first.src_port), ("10.0.1.17", 51544))
        self.assertEqual((first.confidence, first.odds), (0.998, 9.767))
        self.assertEqual(first.evidence, ["src_isn", "dst_isn"])
        self.assertEqual(first.terms, [{"kind": "prior", "inside": "0000000000000000", "weight": -11.966},
                                       {"kind": "src_isn", "inside": "0000000012345678", "weight": 21.733}])
        self.assertEqual((first.sensor, first.epoch), ("inner", EPOCH))
        # What is not known is None; what is known is there, zero or not.
        self.assertEqual((second.verdict, second.src_port, second.confidence, second.odds), (None, None, None, None))
        self.assertEqual((second.evidence, second.terms, second.src), ([], [], "2001:db8:1::11"))
        self.assertEqual(second.flow, 2**53 + 1)
        self.assertEqual(json.loads(pavo.dumps(second))["flow"], str(2**53 + 1))
        coverage = answer.coverage
        self.assertEqual((coverage.state, coverage.rows, coverage.position), ("partial", 4, 47))
        self.assertEqual([gap.kind for gap in coverage.gaps], ["loss", "silent", "damaged", "limit", "state"])
        self.assertEqual((coverage.gaps[0].at_most, coverage.gaps[1].at_most), (12, None))
        self.assertEqual([reach.through_ns for reach in coverage.reaches], [1700000001000000007, None])

    def test_arguments_travel_as_text(self):
        at, aggregator = self.asking(replies(HEAD, covering(0)), session="f0f1")
        when = datetime.datetime(2026, 11, 23, 20, 36, 40, 500000, tzinfo=datetime.timezone.utc)
        list(aggregator.ask("nat", end="10.0.0.1:80", at=when, from_=17, slack=datetime.timedelta(seconds=5), limit=20,
                            again=True, protocol=None))
        query = at.query()
        self.assertEqual((query.version, query.question, query.session), (1, "nat", b"f0f1"))
        self.assertEqual({each.name: each.value for each in query.arguments},
                         {"end": "10.0.0.1:80", "at": "1795466200500000000", "from": "17", "slack": "5000000us",
                          "limit": "20", "again": "yes"})
        aggregator.act_for(None)
        list(aggregator.ask("sensors"))
        query = at.query()
        self.assertEqual((query.session, len(query.arguments)), (b"", 0))

    def test_questions_are_asked_for(self):
        at, aggregator = self.asking(replies(HEAD, PAGE, COVERAGE))
        self.assertEqual(len(aggregator.questions("nat")), 2)
        self.assertEqual(at.asked(), ("questions", {"name": "nat"}))
        aggregator.questions()
        self.assertEqual(at.asked(), ("questions", {}))

    def test_an_error_names_argument_and_place(self):
        _, aggregator = self.asking(replies(ERROR))
        with self.assertRaisesRegex(pavo.QuestionError, "unknown field 'prot'") as caught:
            aggregator.ask("find", filter="src net 10/8 prot tcp")
        self.assertEqual((caught.exception.parameter, caught.exception.offset), ("filter", 12))

    def test_an_error_in_the_middle_ends_the_answer(self):
        _, aggregator = self.asking(replies(HEAD, PAGE, ERROR))
        answer = aggregator.ask("nat", end="10.0.0.1")
        rows = [next(answer), next(answer)]
        self.assertEqual(len(rows), 2)
        with self.assertRaises(pavo.QuestionError):
            next(answer)
        self.assertIsNone(answer.coverage)

    def test_the_next_question_ends_the_one_before(self):
        _, aggregator = self.asking(replies(HEAD, PAGE, PAGE, covering(4)))
        first = aggregator.ask("nat", end="10.0.0.1")
        next(first)
        second = aggregator.ask("nat", end="10.0.0.2")
        self.assertEqual(len(list(second)), 4)
        next(first)  # its page is here already
        with self.assertRaisesRegex(pavo.Error, "another question"):
            next(first)

    def test_a_page_that_does_not_fit_is_an_error(self):
        short = pb.Reply.FromString(PAGE.SerializeToString())
        short.page.columns[1].i64.append(7)
        fewer = pb.Reply.FromString(PAGE.SerializeToString())
        del fewer.page.columns[-1]
        for page in (short, fewer):
            _, aggregator = self.asking(replies(HEAD, page, COVERAGE))
            with self.assertRaisesRegex(pavo.Error, "page"):
                list(aggregator.ask("nat", end="10.0.0.1"))

    def refused(self, sentence, *kept):
        """At once: what a hostile aggregator says costs no more than reading it."""
        _, aggregator = self.asking(replies(*kept))
        began = time.monotonic()
        with self.subTest(sentence), self.assertRaisesRegex(pavo.Error, sentence) as caught:
            list(aggregator.ask("nat", end="10.0.0.1"))
        self.assertNotIsInstance(caught.exception, pavo.Unreachable)
        self.assertLess(time.monotonic() - began, PATIENCE)

    def test_a_head_that_cannot_be_is_an_error(self):
        for column in ({"type": TEXT, "kind": 22}, {"type": TEXT, "kind": 1}, {"type": U32, "kind": 12},
                       {"type": U32, "kind": 0}, {"type": 0, "kind": 1}, {"type": 99, "kind": 1},
                       {"type": U32, "kind": 4}, {"type": U32, "kind": 6}, {"type": 4, "kind": 5},
                       {"type": 4, "kind": 19, "words": ["w"] * 65}, {"name": "", **NUMBER}, {"name": "A b", **NUMBER},
                       {"name": "a\x1b[2J", **NUMBER}):
            self.refused("column .* of an answer cannot be", head_of({"name": "terms", **column}), covering(0))
        self.refused("0 columns", head_of(), covering(0))
        self.refused("513 columns", head_of(*({"name": f"c{n}", **NUMBER} for n in range(513))), covering(0))
        self.refused("two columns src", head_of({"name": "src", **NUMBER}, {"name": "src", **NUMBER}), covering(0))

    def test_lists_that_nothing_counts_are_an_error(self):
        item, other = ({"name": f"term_{name}", "list": "terms", **NUMBER} for name in ("a", "b"))
        counter, number = {"name": "terms", **LIST}, {"name": "src_port", **NUMBER}
        three = [{"name": f"{name}_list", **LIST} for name in "abc"]
        for columns in ((item,), ({"name": "terms", **NUMBER}, item), ({"name": "terms", "type": 4, "kind": 22}, item),
                        ({"list": "terms", **counter}, item), (counter, item, number, other),
                        (*three, *({"name": f"i{each['name']}", "list": each["name"], **NUMBER} for each in three))):
            self.refused("lists that do not fit", head_of(*columns), covering(0))

    def test_a_page_of_no_end_is_an_error(self):
        port = head_of({"name": "src_port", **NUMBER})
        self.refused("a page of 4294967295 rows", port, page_of(2**32 - 1, {}), covering(2**32 - 1))
        self.refused("a page of 65537 rows", port, page_of(65537, {"u32": [7] * 65537}), covering(65537))
        self.refused("counts 4294967295 items", LISTED, page_of(1, {"u32": [2**32 - 1]}, {}), covering(1))

    def test_columns_that_do_not_agree_are_an_error(self):
        port = head_of({"name": "src_port", **NUMBER})
        for page in (page_of(2, {}), page_of(2, {"u32": [1]}), page_of(2, {"i64": [1, 2]}),
                     page_of(2, {"u32": [1, 2], "known": b"\3\3"})):
            self.refused("column src_port of the answer does not fit", port, page, covering(2))
        self.refused("column term_weight .* does not fit", LISTED, page_of(1, {"u32": [2]}, {"u32": [5]}), covering(1))

    def test_an_answer_without_a_head_is_an_error(self):
        for first in (COVERAGE, covering(0), PAGE):
            self.refused("does not say what columns", first, covering(0))

    def test_an_end_that_does_not_agree_is_an_error(self):
        self.refused("the answer has 3 rows, and 2 came", HEAD, PAGE, covering(3))
        self.refused("ended without saying what it rests on", HEAD,
                     changed(PAGE, lambda reply: setattr(reply, "more", False)))

    def test_a_word_below_zero_is_unknown(self):
        head = head_of({"name": "state", "words": ["S0", "SF"], **WORD})
        _, aggregator = self.asking(replies(head, page_of(2, {"i64": [-1, 1]}), covering(2)))
        self.assertEqual([row.state for row in aggregator.ask("nat", end="10.0.0.1")], ["unknown", "SF"])

    def test_foreign_text_is_cleaned(self):
        page = pb.Reply.FromString(PAGE.SerializeToString())
        page.page.columns[0].texts[0] = "a\x1b[2J"
        _, aggregator = self.asking(replies(HEAD, page, COVERAGE))
        self.assertEqual(next(aggregator.ask("nat", end="10.0.0.1")).answer, "a?[2J")
        head = changed(HEAD, lambda reply: setattr(reply.head.columns[0], "heading", "a\x1b[2J"))
        end = changed(covering(0), lambda reply: setattr(reply.coverage.gaps[0], "reason", "b\x1b[2J"))
        _, aggregator = self.asking(replies(head, end))
        answer = aggregator.ask("nat", end="10.0.0.1")
        self.assertEqual((list(answer), answer.columns[0].heading), ([], "a?[2J"))
        self.assertEqual(answer.coverage.gaps[0].reason, "b?[2J")

    def test_another_version_is_refused(self):
        other = pb.Reply(version=2, error="something else")
        _, aggregator = self.asking(replies(other))
        with self.assertRaisesRegex(pavo.Error, "speaks version 2"):
            aggregator.ask("sensors")

    def test_an_aggregator_that_is_silent(self):
        at, aggregator = self.asking(None, timeout=0.3)
        with self.assertRaisesRegex(pavo.Unreachable, "let us in, but does not answer"):
            aggregator.ask("sensors")
        self.assertEqual(at.asked()[0], "sensors")

    def test_an_aggregator_that_is_not_there(self):
        at = self.enterContext(StandIn())
        with pavo.Aggregator("127.0.0.1:1", key_file=at.key_file(), timeout=0.3) as aggregator:
            with self.assertRaisesRegex(pavo.Unreachable, "tcp://127.0.0.1:3 cannot be reached"):
                aggregator.ask("sensors")

    def test_a_key_of_another_aggregator(self):
        at = self.enterContext(StandIn())
        other, _ = zmq.curve_keypair()
        with pavo.Aggregator(key_file=at.key_file(aggregator=other), answer=at.answer_at) as aggregator:
            with self.assertRaisesRegex(pavo.Refused, "refuses the key 'analyst'"):
                aggregator.ask("sensors")


if __name__ == "__main__":
    unittest.main(verbosity=2)
