#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The manual pages name the options the programs have, and no others; and they are well-formed.

  test_manual.py MAN-FOLDER PAVO PAVO-AGGREGATOR PAVO-SENSOR PAVO.H
"""

import os
import re
import shutil
import subprocess
import sys
import unittest

MAN, PAVO, AGGREGATOR, SENSOR, HEADER = sys.argv[1:6]


def page(name):
    with open(os.path.join(MAN, name)) as file:
        return file.read()


def options_of_help(*command):
    """Options as --help lists them: {(letter or None, name)}."""
    text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    return {(letter or None, name) for letter, name in re.findall(r"(?m)^  +(?:-(\w), )?--([a-z][a-z-]*)", text)}


def options_of_page(text):
    """Options as the page's lists have them."""
    found = set()
    for line in re.findall(r"(?m)^\.It (Fl .*)$", text):
        letter = re.match(r"Fl (\w) ", line)
        name = re.search(r"Fl -([a-z][a-z-]*)", line)
        found.add((letter and letter[1], name[1]))
    return found


def sections(text):
    """Text of each subsection by its first two words: "pavo find"."""
    parts = re.split(r"(?m)^\.S[sh] (.*)$", text)
    return {" ".join(title.split()[:2]): body for title, body in zip(parts[1::2], parts[2::2])}


class Manual(unittest.TestCase):
    def test_servers(self):
        self.assertEqual(options_of_page(page("pavo-sensor.8")), options_of_help(SENSOR))
        self.assertEqual(options_of_page(page("pavo-aggregator.8")), options_of_help(AGGREGATOR))

    def test_commands(self):
        parts = sections(page("pavo.1"))
        common = options_of_page(parts["Options of"])
        self.assertEqual(common, options_of_help(PAVO))
        for command in ("find", "nat", "investigate", "links", "sql", "watch", "report", "sensors", "questions", "sign"):
            self.assertEqual(common | options_of_page(parts[f"pavo {command}"]), options_of_help(PAVO, command), command)
        listed = subprocess.run([PAVO, "--help"], capture_output=True, text=True, check=True).stdout
        for command in re.findall(r"(?m)^(\w+): ", listed[listed.index("Commands:"):listed.index("explains each")]):
            self.assertIn(f"pavo {command}", parts)

    def test_examples_with_jq(self):
        """What an example picks out of rows, it does not pick out of the object that ends them."""
        texts = [page("pavo.1")] + [subprocess.run([PAVO, command, "--help"], capture_output=True, text=True, check=True).stdout
                                    for command in ("find", "nat", "investigate", "links", "watch", "sensors", "questions")]
        examples = [example for text in texts for example in re.findall(r"\| jq (?:-\w+ )*(\S+$|'[^']*')", text, re.M)]
        self.assertGreater(len(examples), 5)
        for example in examples:
            self.assertRegex(example, "// empty|select\\(", "of an object without it: nothing, not null")
            if shutil.which("jq") is not None:
                done = subprocess.run(["jq", example.strip("'")], input='{"coverage":{"state":"whole"}}', capture_output=True,
                                      text=True)
                self.assertEqual((example, done.returncode, done.stdout), (example, 0, ""))

    def test_functions(self):
        with open(HEADER) as file:
            declared = set(re.findall(r"(?m)^(?:\w[\w \*]*[ \*])(pavo_\w+)\(", file.read()))
        described = set(re.findall(r"(?m)^\.F[no] (pavo_\w+)", page("libpavo.3")))
        self.assertEqual(described, declared)
        self.assertGreater(len(declared), 30)

    def test_form(self):
        checker = shutil.which("mandoc")
        if checker is None:
            self.skipTest("no mandoc")
        for name in sorted(os.listdir(MAN)):
            if name[-2] != ".":
                continue
            done = subprocess.run([checker, "-Tlint", "-W", "warning", os.path.join(MAN, name)], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (0, ""), name)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
