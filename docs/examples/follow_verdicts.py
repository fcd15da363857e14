#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What becomes of connections at the boundaries, a line of JSON each; goes on where it was when it ended:
follow_verdicts.py AGGREGATOR KEY-FILE POSITION-FILE"""
import pathlib
import sys

import pavo

host, key_file, file = sys.argv[1:]
kept = pathlib.Path(file)
start = done = int(kept.read_text()) if kept.exists() else 0  # 0: with the oldest there is
try:
    with pavo.Aggregator(host, key_file=key_file) as aggregator:
        verdicts = aggregator.subscribe("verdict", start=start)
        for event in verdicts:  # verdicts, and what could not be had again as a gap
            print(pavo.dumps(event), flush=True)
            if verdicts.positions["verdict"] != done:
                done = verdicts.positions["verdict"]
                new = kept.with_suffix(".new")
                new.write_text(f"{done}\n")
                new.replace(kept)
except pavo.Error as error:
    sys.exit(f"follow_verdicts: {error}")
