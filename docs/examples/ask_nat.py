#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who was behind an address and port of a NAT? ask_nat.py AGGREGATOR KEY-FILE ADDR:PORT [TIME]"""
import sys

import pavo

host, key_file, end, *at = sys.argv[1:]
try:
    with pavo.Aggregator(host, key_file=key_file) as aggregator:
        answer = aggregator.ask("nat", end=end, at=at[0] if at else None)
        rows = list(answer)
except pavo.Error as error:
    sys.exit(f"ask_nat: {error}")
for row in rows:
    print(row.answer)
    print("  ", row.boundary, row.verdict, "unknown odds" if row.odds is None else f"odds 2^{row.odds}", row.evidence)
for gap in answer.coverage.gaps:
    print("not all was seen:", gap.kind, gap.sensor, gap.reason, file=sys.stderr)
sys.exit(0 if rows else 1)
