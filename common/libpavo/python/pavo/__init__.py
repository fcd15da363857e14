# SPDX-License-Identifier: Apache-2.0
"""Ask a Pavo aggregator, and follow what it publishes.

    import pavo

    with pavo.Aggregator("collector.example.org", key_file="/etc/pavo/reader.key") as aggregator:
        answer = aggregator.ask("nat", end="203.0.113.5:40312", at="2026-11-23T20:36:40Z")
        for row in answer:
            print(row.answer, row.confidence)
        print(answer.coverage.state)

        for event in aggregator.subscribe("verdict", start="oldest"):
            print(event.position, pavo.dumps(event))

The key file comes from the aggregator's administrator: `pavo keys enrol reader NAME`.

What is promised is what libpavo promises: every message published after the start comes once and in order within its
topic; what the network or one's own slowness lost is fetched from the aggregator's store, and where that is not
possible any more a Gap says so. What is not known is None, never 0 or "".

It takes pyzmq and Google's protobuf (Debian: python3-zmq, python3-protobuf).
"""

from .aggregator import Aggregator
from .answer import Answer, Coverage, Gap as CoverageGap, Reach
from .errors import Error, KeyFileError, QuestionError, Refused, Unreachable
from .records import columns
from .rows import Column, Row
from .subscription import Event, Gap, Subscription
from .values import dumps, from_datetime, time_text, to_datetime

__all__ = [
    "Aggregator", "Answer", "Column", "Coverage", "CoverageGap", "Error", "Event", "Gap", "KeyFileError",
    "QuestionError", "Reach", "Refused", "Row", "Subscription", "Unreachable", "columns", "dumps", "from_datetime",
    "time_text", "to_datetime",
]
