"""From the device to the eye: what each step of the way took the crises of the last hours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final

from elastic.search.passages import Passage

SINCE_HOURS: Final = 6
MOST_DRAWN: Final = 60
PERCENTILE: Final = 0.95
STEPS: Final = (  # name, and the two times between which it lies
    ("device", "measured_at", "received_at"),
    ("store", "received_at", "stored_at"),
    ("raise", "stored_at", "raised_at"),
    ("show", "raised_at", "shown_at"),
    ("score", "received_at", "scored_at"),
    ("whole", "received_at", "shown_at"),
)
DRAWN: Final = ("store", "raise", "show")  # one upon the other they are the way from Kafka to the board


@dataclass(frozen=True)
class Step:
    """One step of the way, in seconds."""

    name: str
    number: int  # of crises of which both its times are known
    median_s: float
    p95_s: float


def steps(passages: Sequence[Passage]) -> list[Step]:
    """Return the steps of which anything is known, in the order of the way."""
    found = []
    for name, begin, end in STEPS:
        taken = sorted(took for passage in passages if (took := seconds(passage, begin, end)) is not None)
        if taken:
            p95_s = taken[int(PERCENTILE * (len(taken) - 1))]
            found.append(Step(name, len(taken), median(taken), p95_s))
    return found


def columns(passages: Sequence[Passage]) -> list[dict[str, float]]:
    """Return the drawn steps of the newest crises that have come the whole way, in seconds, oldest first."""
    bounds = {name: (begin, end) for name, begin, end in STEPS if name in DRAWN}
    complete = [passage for passage in passages if passage.received_at and passage.raised_at and passage.shown_at]
    return [
        {name: seconds(passage, *ends) or 0.0 for name, ends in bounds.items()} for passage in complete[-MOST_DRAWN:]
    ]


def seconds(passage: Passage, begin: str, end: str) -> float | None:
    """Return the seconds between two times of a passage, None where one is not known; clocks may differ a little."""
    first, last = getattr(passage, begin), getattr(passage, end)
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    return max(0.0, (last - first).total_seconds())
