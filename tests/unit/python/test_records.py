# SPDX-License-Identifier: Apache-2.0
"""Rows in Python say what the same rows say in libpavo: random records of every kind, and the golden vectors.

  test_records.py SOME_RECORDS
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest

import pavo
from pavo import pavo_pb2, records
from pavo.answer import Answer

SOME_RECORDS = sys.argv.pop(1)
VECTORS = pathlib.Path(os.environ["PAVO_SOURCE"]) / "tests/unit/proto/vectors"


def columns_of(kind, packed):
    """Records of one kind from an XColumns message."""
    field = pavo_pb2.Published.DESCRIPTOR.fields_by_number[kind.number]
    message = pavo_pb2.Published()
    getattr(message, field.name).ParseFromString(packed)
    return records.Records(kind, getattr(message, field.name))


def answer_of(head, page):
    replies = [pavo_pb2.Reply(more=True), pavo_pb2.Reply(more=True), pavo_pb2.Reply()]
    replies[0].head.ParseFromString(head)
    replies[1].page.ParseFromString(page)
    replies[2].coverage.rows = replies[1].page.rows
    return Answer(iter(replies))


def published(name):
    message = pavo_pb2.Published.FromString((VECTORS / f"published_{name}.bin").read_bytes())
    kind = records.KINDS[name]
    table = records.Records(kind, getattr(message, message.DESCRIPTOR.fields_by_number[kind.number].name))
    return [pavo.Event(table, row, message.position) for row in range(table.rows)]


class Words(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lines = subprocess.run([SOME_RECORDS], check=True, capture_output=True, text=True).stdout.splitlines()
        cls.printed = []
        for line in lines:
            what, _, rest = line.partition(" ")
            if what == "row":
                cls.printed[-1][2].append(json.loads(rest))
            else:
                name, *packed = rest.split(" ")
                cls.printed.append((what, name, [], [bytes.fromhex(text) for text in packed]))

    def same(self, rows, expected, name):
        self.assertEqual(len(rows), len(expected))
        for number, (row, words) in enumerate(zip(rows, expected)):
            said = json.loads(pavo.dumps(row))
            for key in words.keys() | said.keys():
                self.assertEqual(said.get(key, "unknown"), words.get(key, "unknown"), f"{name} row {number}: {key}")
            self.assertEqual(list(said), list(words), f"{name} row {number}: order of the keys")

    def test_every_kind_is_compared(self):
        self.assertEqual({name for what, name, _, _ in self.printed if what == "kind"}, set(records.KINDS))
        self.assertEqual({name for what, name, _, _ in self.printed if what == "answer"}, set(records.KINDS))

    def test_records_say_what_libpavo_says(self):
        for what, name, expected, packed in self.printed:
            if what == "kind":
                table = columns_of(records.KINDS[name], *packed)
                self.same([pavo.Row(table, row) for row in range(table.rows)], expected, name)

    def test_answers_say_what_libpavo_says(self):
        for what, name, expected, packed in self.printed:
            if what == "answer":
                answer = answer_of(*packed)
                self.assertIsNone(answer.coverage)
                self.same(list(answer), expected, f"answer of {name}")
                self.assertEqual(answer.coverage.state, "whole")


class Rows(unittest.TestCase):
    def test_values_have_their_forms(self):
        row = published("flow")[0]
        self.assertEqual((row.kind, row.position), ("flow", 42))
        self.assertEqual(row.src, "10.0.1.17")
        self.assertEqual(row["src_mac"], "02:00:00:00:00:01")
        self.assertEqual(row.state, "SF")
        self.assertEqual(row.first_time, 1700000001000000000)
        self.assertEqual(pavo.to_datetime(row.first_time).isoformat(), "2023-11-14T22:13:21+00:00")
        self.assertEqual(pavo.from_datetime(pavo.to_datetime(row.first_time)), row.first_time)
        self.assertEqual(row.fragments, ["seen"])
        self.assertEqual(row.duration, 1500000000)
        self.assertEqual((row.sensor, row.epoch), ("edge", 891289600077777))
        self.assertEqual(published("alert")[0].flows[2], {"sensor": "outer", "epoch": 891289595257120, "number": 3})
        self.assertIs(published("status")[0].last, True)
        self.assertEqual(published("verdict")[0].odds, 31.5)

    def test_unknown_is_none_and_zero_is_zero(self):
        tcp, icmp, udp = published("flow")
        self.assertIsNone(icmp.dst_port)
        self.assertIsNone(tcp.mpls_label)
        self.assertEqual(icmp.src_dscp, 0)
        self.assertIsNone(udp.src_ttl, "its observer cannot know it")
        self.assertIsNone(udp._asdict()["src_ttl"])
        self.assertNotIn("src_ttl", json.loads(pavo.dumps(udp)))
        self.assertEqual(udp.src_dscp, 46)
        blocked = published("verdict")[2]
        self.assertIsNone(blocked.partner_sensor)
        self.assertIsNone(blocked.confidence)

    def test_names_that_are_not_there(self):
        row = published("loss")[0]
        with self.assertRaisesRegex(AttributeError, "'colour'.* from_time"):
            row.colour
        with self.assertRaises(KeyError):
            row["colour"]
        self.assertIn("count", row)
        self.assertNotIn("colour", row)
        self.assertEqual(set(row._asdict()), {column.name for column in pavo.columns("loss")})

    def test_rows_compare_by_value(self):
        self.assertEqual(published("loss"), published("loss"))
        self.assertNotEqual(published("loss")[0], published("loss")[1])
        self.assertIn("count=12", repr(published("loss")[0]))


class Malformed(unittest.TestCase):
    """What libpavo refuses is refused here, so that it is asked for again instead of failing later."""

    def columns(self, **change):
        columns = pavo_pb2.AlertColumns(rows=2, observers=[pavo_pb2.Observer(sensor="a", epoch=1)], flows=[1, 2],
                                        flow_number=[7, 8, 9])
        for name, value in change.items():
            columns.ClearField(name)
            if isinstance(value, list):
                getattr(columns, name).extend(value)
            else:
                setattr(columns, name, value)
        return records.Records(records.KINDS["alert"], columns)

    def test_what_fits_is_taken(self):
        table = self.columns()
        self.assertEqual([each["number"] for each in pavo.Row(table, 1).flows], [8, 9])

    def test_what_does_not_fit_is_refused(self):
        for change in ({"rows": 0}, {"rows": 3}, {"observers": []}, {"severity": [1]}, {"observer": [0, 1]},
                       {"flows": [1, 1]}, {"flows": []}, {"flow_number": [7]}, {"flow_observer": [0, 0, 1]},
                       {"text": ["fine", "a\x1b[2J"]}, {"text": ["fine", "\u202egpj.exe"]},
                       {"observers": [pavo_pb2.Observer(sensor="a b", epoch=1)]},
                       {"rows": 2**32 - 1, "flows": [], "flow_number": []},
                       {"flows": [2**32 - 1, 0], "flow_number": []}):
            with self.subTest(change), self.assertRaises(records.Malformed):
                self.columns(**change)


if __name__ == "__main__":
    unittest.main(verbosity=2)
