"""How old a reading may be: fresh, stale, or from the future."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from conf.times import present_until

STALE_INTERVALS: Final = 2  # a reading is stale when a second one is overdue


class Freshness(StrEnum):
    """What can be said of a reading's age."""

    FRESH = "fresh"
    STALE = "stale"
    FUTURE = "future"  # a technical fault: the device's clock is wrong


def stale_after(expected_interval: timedelta) -> timedelta:
    """Return the age beyond which a reading is stale."""
    return STALE_INTERVALS * expected_interval


def freshness(measured_at: datetime, now: datetime, expected_interval: timedelta) -> Freshness:
    """Judge the age of a patient's newest reading."""
    if measured_at > present_until(now):
        return Freshness.FUTURE
    return Freshness.STALE if now - measured_at > stale_after(expected_interval) else Freshness.FRESH
