#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pavo.h, libpavo.map and the library say the same, with no name that is not prefixed; and C++ takes the header.

  test_header.py LIBPAVO-FOLDER LIBPAVO.SO
"""

import os
import re
import shutil
import subprocess
import sys
import unittest

FOLDER, LIBRARY = sys.argv[1:3]
HEADER = os.path.join(FOLDER, "pavo.h")


def read(path):
    with open(path) as file:
        return file.read()


def code():
    """pavo.h without comments."""
    return re.sub(r"/\*.*?\*/", " ", read(HEADER), flags=re.S)


def declared():
    return set(re.findall(r"\b(\w+)\s*\([^;{}]*\);", code()))


class Header(unittest.TestCase):
    def test_names_are_prefixed(self):
        self.assertGreater(len(declared()), 60)
        for name in declared():
            self.assertRegex(name, r"^pavo_[a-z]")
        for name in re.findall(r"(?m)^#define (\w+)", code()):
            self.assertRegex(name, r"^PAVO_")
        for body in re.findall(r"enum (?:\w+ )?\{(.*?)\}", code(), flags=re.S):
            for constant in re.findall(r"(\w+)\s*(?:=[^,}]*)?(?:,|$)", body.strip()):
                self.assertRegex(constant, r"^PAVO_[A-Z]")
        for name in re.findall(r"\b(?:enum|struct) (\w+)", code()) + re.findall(r"(?m)^typedef .*\b(\w+);", code()):
            self.assertRegex(name, r"^pavo_[a-z]")

    def test_every_constant_has_its_number(self):
        for body in re.findall(r"enum \w+ \{(.*?)\}", code(), flags=re.S):
            constants = [line for line in body.split(",") if line.strip()]
            numbers = [re.search(r"=\s*(\d+)\s*$", line.strip())[1] for line in constants]
            self.assertEqual(len(set(numbers)), len(constants))

    def test_map_lists_each(self):
        listed = re.findall(r"(?m)^\s+(\S+);", read(os.path.join(FOLDER, "libpavo.map")))
        self.assertEqual(listed[-1], "*")  # local: all others
        self.assertEqual(sorted(listed[:-1]), listed[:-1])
        self.assertEqual(set(listed[:-1]), declared())

    def test_library_has_each_and_no_other(self):
        listed = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True).stdout
        symbols = [line.split() for line in listed.splitlines()]
        self.assertEqual({name for _, kind, name in symbols if kind != "A"}, {f"{name}@@PAVO_0" for name in declared()})

    @unittest.skipUnless(shutil.which("c++"), "no c++")
    def test_cplusplus(self):
        subprocess.run(["c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", HEADER], check=True)

    def test_the_first_comment_is_a_program(self):
        comment = read(HEADER)
        program = comment[comment.index(" *     #include <pavo.h>") : comment.index(" *     cc follow.c")]
        source = re.sub(r"(?m)^ \* ?(?:    )?", "", program)
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", FOLDER, "-x", "c", "-"], input=source,
                       text=True, check=True)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
