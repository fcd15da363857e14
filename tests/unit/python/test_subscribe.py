# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to a stand-in for an aggregator: chains, parts, duplicates, gaps, replays."""

import time
import unittest

import pavo
import zmq
from pavo import pavo_pb2 as pb, subscription
from standin import PATIENCE, StandIn, flows, message, vector


def replayed(through, messages):
    """Replies of the question replay: messages, and through where it went."""
    for each in messages:
        reply = pb.Reply(more=True)
        reply.published.CopyFrom(each)
        yield reply
    yield pb.Reply(coverage=pb.Coverage(position=through))


class Follow(unittest.TestCase):
    def setUp(self):
        self.store = []  # messages that can be replayed
        self.newest = 0  # position the store knows of
        self.refusals = 0  # so many requests are answered with an error first
        self.most = 1000  # messages in one replay
        self.at = self.enterContext(StandIn(self.answer))
        self.aggregator = self.enterContext(pavo.Aggregator(
            key_file=self.at.key_file(), publish=self.at.publish_at, answer=self.at.answer_at))

    def answer(self, query):
        return self.replay(query) if query.question == "replay" else iter([
            pb.Reply(more=True, head=pb.Head(columns=[pb.Column(name="sensor", type=10, kind=12)])),
            pb.Reply(coverage=pb.Coverage())])

    def replay(self, query):
        if self.refusals:
            self.refusals -= 1
            return iter([pb.Reply(error="too many queries wait\n")])
        asked = {each.name: each.value for each in query.arguments}
        after, through = int(asked["after"]), int(asked["through"]) or self.newest
        fitting = [each for each in self.store if after < each.position <= through]
        cut = fitting[:self.most]
        return replayed(through if cut == fitting else cut[-1].position, cut)

    def subscribe(self, *topics, **options):
        subscribed = self.aggregator.subscribe(*topics, **options)
        self.at.await_subscription(max(1, len(topics)))
        return subscribed

    def events(self, subscribed, count):
        events = [subscribed.next(PATIENCE) for _ in range(count)]
        self.assertNotIn(None, events, "an event is missing")
        return events

    def numbers(self, subscribed, count):
        """Flow numbers of the next events, "gap" for one."""
        return [event.flow if event.kind == "flow" else event.kind for event in self.events(subscribed, count)]

    def test_messages_come_in_order_and_positions_move_with_them(self):
        followed = self.subscribe("flow")
        self.assertEqual(followed.positions, {"flow": None})
        self.at.send(message(10, 7, 1, 2))
        self.at.send(message(12, 10, 3))
        first, second, third = self.events(followed, 3)
        self.assertEqual([(e.kind, e.position, e.flow) for e in (first, second, third)],
                         [("flow", 10, 1), ("flow", 10, 2), ("flow", 12, 3)])
        self.assertEqual(first.sensor, "inner")
        self.assertEqual(followed.positions, {"flow": 12})
        self.assertIsNone(followed.next(0))
        self.assertIsNone(followed.error)

    def test_the_position_of_a_message_is_done_with_its_last_event(self):
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1, 2))
        self.events(followed, 1)
        self.assertEqual(followed.positions, {"flow": None})
        self.events(followed, 1)
        self.assertEqual(followed.positions, {"flow": 10})

    def test_every_kind_is_followed(self):
        kinds = ("flow", "verdict", "binding", "loss", "status", "alert")
        followed = self.subscribe(*kinds)
        for kind in kinds:
            self.at.send(vector(f"published_{kind}"), kind.encode())
        seen = [event.kind for event in self.events(followed, 3 + 3 + 2 + 2 + 1 + 2)]
        self.assertEqual(list(dict.fromkeys(seen)), list(kinds))
        self.assertEqual(followed.counts["records"], 13)

    def test_duplicates_are_dropped(self):
        followed = self.subscribe("flow")
        for one in (message(10, 7, 1), message(12, 10, 2), message(10, 7, 1), message(12, 10, 2), message(13, 12, 3)):
            self.at.send(one)
        self.assertEqual(self.numbers(followed, 3), [1, 2, 3])
        self.assertEqual(followed.counts["duplicates"], 2)

    def test_parts_of_one_position_are_taken_with_the_first_and_dropped_with_it(self):
        followed = self.subscribe("flow")
        for one in (message(10, 7, 1), message(10, 10, 2), message(10, 10, 3),  # taken
                    message(10, 7, 1), message(10, 10, 2),  # again: dropped, both
                    message(11, 10, 4)):
            self.at.send(one)
        self.assertEqual(self.numbers(followed, 4), [1, 2, 3, 4])
        self.assertEqual(followed.counts["duplicates"], 2)

    def test_what_is_missing_is_replayed_before_what_follows(self):
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1))
        self.assertEqual(self.numbers(followed, 1), [1])
        self.store = [message(12, 10, 2), message(15, 12, 3)]
        self.at.send(message(17, 15, 4))
        self.at.send(message(18, 17, 5))
        self.assertEqual(self.numbers(followed, 4), [2, 3, 4, 5])
        self.assertEqual(self.at.asked(), ("replay", {"topic": "flow", "after": "10", "through": "15"}))
        self.assertEqual([followed.counts[name] for name in ("gaps", "gaps_lost", "replayed")], [1, 0, 2])
        self.assertEqual(followed.positions, {"flow": 18})

    def test_what_the_store_has_no_more_is_a_gap(self):
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1))
        self.assertEqual(self.numbers(followed, 1), [1])
        self.store = [message(15, 13, 3)]  # 11 .. 13 are gone
        self.at.send(message(17, 16, 4))  # and so is 16
        first, replayed, second, live = self.events(followed, 4)
        self.assertEqual(first, pavo.Gap("flow", 10, 13, "no longer in the store"))
        self.assertEqual((replayed.flow, live.flow), (3, 4))
        self.assertEqual((second.kind, second.after, second.position), ("gap", 15, 16))
        self.assertEqual(followed.counts["gaps_lost"], 2)
        self.assertEqual(pavo.dumps(first),
                         '{"event":"gap","position":13,"topic":"flow","after":10,"reason":"no longer in the store"}')

    def test_a_replay_that_goes_some_of_the_way_is_asked_on(self):
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1))
        self.assertEqual(self.numbers(followed, 1), [1])
        self.most = 1
        self.store = [message(12, 10, 2), message(15, 12, 3)]
        self.at.send(message(17, 15, 4))
        self.assertEqual(self.numbers(followed, 3), [2, 3, 4])
        self.assertEqual([self.at.asked()[1]["after"] for _ in range(2)], ["10", "12"])

    def test_an_error_is_asked_again_and_then_a_gap(self):
        subscription.PAUSE = 0.05
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1))
        self.assertEqual(self.numbers(followed, 1), [1])
        self.store, self.refusals = [message(12, 10, 2)], 2
        self.at.send(message(13, 12, 3))
        self.assertEqual(self.numbers(followed, 2), [2, 3])
        self.refusals = 3
        self.at.send(message(15, 14, 4))
        gap, live = self.events(followed, 2)
        self.assertEqual((gap.kind, gap.after, gap.position, gap.reason), ("gap", 13, 14, "too many queries wait?"))
        self.assertEqual(live.flow, 4)

    def test_topics_are_said_again_over_a_new_connection(self):
        followed = self.subscribe("flow", "loss")
        self.at.send(message(10, 7, 1))
        self.assertEqual(self.numbers(followed, 1), [1])
        self.at.open_publish_door_anew()
        until = time.monotonic() + PATIENCE
        while not self.at.publish.poll(0) and time.monotonic() < until:
            self.assertIsNone(followed.next(0.1))
        self.at.await_subscription(2)
        self.store = [message(11, 10, 2)]
        self.at.send(message(12, 11, 3))
        self.assertEqual(self.numbers(followed, 2), [2, 3])

    def test_a_message_that_cannot_be_read_is_asked_for(self):
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1))
        broken = message(12, 10, 2)
        broken.flows.src_port.extend([1, 2, 3])
        self.at.send(broken)
        self.at.send(b"\xff nonsense")
        self.at.send(None)
        self.store = [message(12, 10, 2)]
        self.at.send(message(13, 12, 3))
        self.assertEqual(self.numbers(followed, 3), [1, 2, 3])
        self.assertEqual(followed.counts["malformed"], 3)

    def test_a_topic_that_only_begins_alike_is_none(self):
        followed = self.subscribe("flow")
        self.at.send(message(9, 7, 1), b"flowers")
        self.at.send(message(10, 7, 2))
        self.assertEqual(self.numbers(followed, 1), [2])

    def test_another_version_is_not_taken(self):
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1))
        self.at.send(pb.Published(version=2, position=11, previous=10, flows=flows(2)))
        self.at.send(message(12, 10, 3))
        self.assertEqual(self.numbers(followed, 2), [1, 3])

    def test_a_message_without_records_moves_the_position(self):
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1))
        self.at.send(pb.Published(version=1, position=11, previous=10))
        self.at.send(message(12, 11, 2))
        self.assertEqual(self.numbers(followed, 2), [1, 2])
        self.assertEqual(followed.counts["gaps"], 0)

    def test_another_store_begins_again(self):
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1))
        self.at.send(message(2, 0, 2))
        self.at.send(message(3, 2, 3))
        self.assertEqual(self.numbers(followed, 3), [1, 2, 3])
        self.assertEqual(followed.positions, {"flow": 3})

    def test_oldest_begins_with_the_store_and_goes_on_live(self):
        self.store, self.newest = [message(5, 0, 1), message(7, 5, 2)], 8
        followed = self.subscribe("flow", start="oldest")
        self.assertEqual(self.numbers(followed, 2), [1, 2])
        self.assertEqual(self.at.asked(), ("replay", {"topic": "flow", "after": "0", "through": "0"}))
        self.at.send(message(7, 5, 2))  # was in the store already
        self.at.send(message(10, 7, 3))
        self.assertEqual(self.numbers(followed, 1), [3])
        self.assertEqual(followed.counts["gaps"], 0)

    def test_a_position_begins_after_it(self):
        self.store, self.newest = [message(5, 0, 1), message(7, 5, 2)], 8
        followed = self.subscribe("flow", "loss", start={"flow": 5})
        self.assertEqual(self.numbers(followed, 1), [2])
        self.assertEqual(self.at.asked()[1]["after"], "5")
        self.assertIsNone(followed.next(0.05))
        self.assertEqual(followed.positions, {"flow": 8, "loss": None})

    def test_what_is_gone_before_the_start_is_a_gap(self):
        self.store, self.newest = [message(7, 6, 2)], 8
        followed = self.subscribe("flow", start=3)
        gap, event = self.events(followed, 2)
        self.assertEqual((gap.kind, gap.after, gap.position, event.flow), ("gap", 3, 6, 2))

    def test_starts_and_topics_that_make_no_sense(self):
        for topics, start, said in ((("flows",), "now", "no topic 'flows'"), (("flow",), "then", "not 'then'"),
                                    (("flow",), -1, "not -1")):
            with self.subTest(start), self.assertRaisesRegex(ValueError, said):
                self.aggregator.subscribe(*topics, start=start)

    def test_asking_does_not_disturb_following(self):
        followed = self.subscribe("flow")
        self.at.send(message(10, 7, 1))
        self.assertEqual(self.numbers(followed, 1), [1])
        self.store = [message(12, 10, 2)]
        self.at.send(message(13, 12, 3))
        self.assertEqual(list(self.aggregator.ask("sensors")), [])
        self.assertEqual(self.numbers(followed, 2), [2, 3])

    def test_closed_subscriptions_say_so(self):
        with self.subscribe("flow") as followed:
            pass
        with self.assertRaisesRegex(pavo.Error, "closed"):
            followed.next(0)


class Refused(unittest.TestCase):
    def test_a_key_that_is_not_let_in_is_told_and_goes_on_trying(self):
        at = self.enterContext(StandIn())
        other, _ = zmq.curve_keypair()
        aggregator = self.enterContext(pavo.Aggregator(
            key_file=at.key_file(aggregator=other), publish=at.publish_at, answer=at.answer_at))
        followed = aggregator.subscribe("flow")
        with self.assertRaisesRegex(pavo.Refused, "refuses the key"):
            next(followed)
        with self.assertRaises(pavo.Refused):
            followed.next(0.05)
        self.assertIn("refuses the key", followed.error)


if __name__ == "__main__":
    unittest.main(verbosity=2)
