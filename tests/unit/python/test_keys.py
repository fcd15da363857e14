# SPDX-License-Identifier: Apache-2.0
"""Key files: what is taken, and what is said of what is not."""

import pathlib
import tempfile
import unittest

import pavo
from pavo import door, keys

KEY = "B@=z9G9h<IO=kfO9AIYVwJU{tk.v($6mk?lU5rcs"
GOOD = f"# A comment.\n[pavo-key]\nrole = reader\nname = analyst\npublic = {KEY}\nsecret = {KEY}\naggregator = {KEY}\n"


class Files(unittest.TestCase):
    def read(self, text, mode=0o600):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "reader.key"
            path.write_text(text)
            path.chmod(mode)
            return keys.read(path)

    def test_reader_and_gateway_are_taken(self):
        taken = self.read(GOOD)
        self.assertEqual((taken.role, taken.name, taken.public), ("reader", "analyst", KEY.encode()))
        self.assertEqual(self.read(GOOD.replace("role = reader", "role = gateway")).role, "gateway")

    def test_what_is_wrong_is_said(self):
        for text, said in (
            (GOOD.replace("role = reader", "role = sensor"), "the key of a sensor, a reader's is needed"),
            (GOOD.replace("aggregator = ", "aggregator = x"), "aggregator: not a key"),
            (GOOD.replace(f"secret = {KEY}\n", ""), "secret"),
            (GOOD.replace("[pavo-key]", "[key]"), "pavo-key"),
            ("nonsense", "no key file"),
        ):
            with self.subTest(said), self.assertRaisesRegex(pavo.KeyFileError, said):
                self.read(text)

    def test_a_file_that_others_can_read_is_refused(self):
        with self.assertRaisesRegex(pavo.KeyFileError, "chmod 600"):
            self.read(GOOD, 0o640)

    def test_a_file_that_is_not_there(self):
        with self.assertRaisesRegex(pavo.KeyFileError, "/nowhere/reader.key"):
            keys.read("/nowhere/reader.key")

    def test_a_key_file_is_needed(self):
        with self.assertRaisesRegex(TypeError, "pavo keys enrol"):
            pavo.Aggregator("localhost")


class Places(unittest.TestCase):
    def test_doors_are_the_ports_after_the_first(self):
        for aggregator, place in (
            ("localhost", "tcp://localhost:7463"),
            ("10.0.0.1:8000", "tcp://10.0.0.1:8002"),
            ("[2001:db8::1]", "tcp://[2001:db8::1]:7463"),
            ("[2001:db8::1]:8000", "tcp://[2001:db8::1]:8002"),
            ("2001:db8::1", "tcp://[2001:db8::1]:7463"),
        ):
            self.assertEqual(door.endpoint(aggregator, None, 2), place)

    def test_doors_that_are_elsewhere(self):
        for given, place in (
            ("ipc:///run/pavo", "ipc:///run/pavo"),
            ("tcp://a:1", "tcp://a:1"),
            ("a:1", "tcp://a:1"),
            ("a", "tcp://a:7462"),
            ("2001:db8::1", "tcp://[2001:db8::1]:7462"),
            ("[2001:db8::1]:9", "tcp://[2001:db8::1]:9"),
        ):
            self.assertEqual(door.endpoint("localhost", given, 1), place)

    def test_what_is_no_aggregator(self):
        for aggregator in ("", "a:0", "a:65534", "a:b", "tcp://a:1"):
            with self.subTest(aggregator), self.assertRaises(ValueError):
                door.endpoint(aggregator, None, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
