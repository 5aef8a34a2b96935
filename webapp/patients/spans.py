"""The times that a patient's chart can show, and how finely."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

SPANS: Final[Mapping[str, timedelta]] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
USUAL_SPAN: Final = "24h"
STRIP_LENGTH: Final = timedelta(hours=24)
MOST_POINTS: Final = 2_000  # of one chart; beyond, readings are taken together
INTERVALS: Final[Mapping[str, timedelta]] = {
    "1m": timedelta(minutes=1),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
}


def bucket_interval(length: timedelta) -> str:
    """The shortest interval that cuts a time into at most `MOST_POINTS` parts; the longest one if none does."""
    fitting = (name for name, interval in INTERVALS.items() if length / interval <= MOST_POINTS)
    return next(fitting, "1h")
