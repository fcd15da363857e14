#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs around the aggregator (folders under aggregator/ that have a main.c) see it through pavo.h alone.

  test_includes.py AGGREGATOR-FOLDER
"""

import pathlib
import re
import sys
import unittest

AGGREGATOR = pathlib.Path(sys.argv[1])

# What any of them may include of Pavo beside pavo.h and its own folder, and why.
ALLOWED = {
    "common/options.h": "options, help and configuration files look alike in every program",
    "common/clock.h": "times are shown, and durations typed, alike in every program",
    "common/when.h": "and so are moments typed",
    "common/log.h": "so are log lines",
    "common/result.h": "what those above answer with",
    "common/nearest.h": "did you mean ...?",
    "common/address.h": "addresses as people type them",
}
# What one file may include beyond that.
FILES = {"cli/nat_paste.c": {"common/pasted.h": "reports as people paste them"},
         "cli/keys.c": {"common/keys.h": "key files are its business; it speaks to no aggregator"},
         "cli/local.c": {"common/keys.h": "it makes keys for an aggregator of its own"}}
# Ways around pavo.h that would not show in the names of Pavo's own headers.
FORBIDDEN = {
    "zmq.h": "libpavo has the sockets",
    "pavo.pb-c.h": "libpavo has the messages",
    "protobuf-c/protobuf-c.h": "libpavo has the messages",
    "duckdb.h": "the store is the aggregator's",
}


def programs():
    return sorted(main.parent for main in AGGREGATOR.glob("*/main.c"))


def includes(file):
    """(kind, name) of every include: kind is < or "."""
    return re.findall(r'(?m)^\s*#\s*include\s*([<"])([^>"]+)[>"]', file.read_text())


class Includes(unittest.TestCase):
    def test_programs(self):
        self.assertIn("cli", [folder.name for folder in programs()])
        for folder in programs():
            for file in sorted(folder.rglob("*.[ch]")):
                self.check(folder, file)

    def check(self, folder, file):
        name = str(file.relative_to(AGGREGATOR))
        allowed = {"pavo.h", *ALLOWED, *FILES.get(name, {})}
        for kind, header in includes(file):
            with self.subTest(file=name, header=header):
                self.assertNotIn(header, FORBIDDEN)
                if kind == '"' and not header.startswith(f"aggregator/{folder.name}/"):
                    self.assertIn(header, allowed)

    def test_allowed_are_used(self):
        """A reason that nobody needs any more is removed."""
        used = {header for folder in programs() for file in folder.rglob("*.[ch]") for _, header in includes(file)}
        for name, headers in FILES.items():
            self.assertLessEqual(set(headers), {header for _, header in includes(AGGREGATOR / name)})
        self.assertIn("pavo.h", used)

    def test_pavo_h_stands_alone(self):
        """It includes nothing of Pavo's, so that seeing it is seeing nothing else."""
        header = AGGREGATOR.parent / "common" / "libpavo" / "pavo.h"
        self.assertEqual([name for kind, name in includes(header) if kind == '"' or "/" in name], [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
