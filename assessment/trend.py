"""Where the systolic pressure is heading: the slope of a straight line through the last readings, in mmHg per 30 min.

Withheld when it would mislead: after stale data, from fewer than three readings, or from readings too close in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import linear_regression
from typing import Final

from assessment.freshness import Freshness, freshness

LOOKBACK: Final = timedelta(hours=2)  # before the newest reading
LEAST_READINGS: Final = 3
LEAST_SPAN: Final = timedelta(minutes=15)
UNIT: Final = timedelta(minutes=30)
STEADY_BELOW_MMHG: Final = 2.0  # per 30 min: no arrow up or down


def trend(readings: Iterable[tuple[datetime, float]], now: datetime, expected_interval: timedelta) -> float | None:
    """Return the slope in mmHg per 30 min of (time, systolic) pairs in any order; None where it is withheld."""
    known = sorted(readings)
    if not known or freshness(known[-1][0], now, expected_interval) is not Freshness.FRESH:
        return None
    newest = known[-1][0]
    recent = [(at, systolic) for at, systolic in known if newest - at <= LOOKBACK]
    if len(recent) < LEAST_READINGS or newest - recent[0][0] < LEAST_SPAN:
        return None
    return linear_regression([(at - newest) / UNIT for at, _ in recent], [systolic for _, systolic in recent]).slope


def direction(slope: float | None) -> str | None:
    """Name the direction of a slope: ``up``, ``down`` or ``steady``; None where there is none."""
    if slope is None:
        return None
    if abs(slope) < STEADY_BELOW_MMHG:
        return "steady"
    return "up" if slope > 0 else "down"
