"""When a reading is too old, and when its time cannot be right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessment.freshness import Freshness, freshness, stale_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), Freshness.FRESH),
        (timedelta(minutes=30), Freshness.FRESH),
        (timedelta(minutes=30) + MOMENT, Freshness.STALE),
        (timedelta(days=400), Freshness.STALE),
        (-timedelta(minutes=1), Freshness.FRESH),
        (-timedelta(minutes=1) - MOMENT, Freshness.FUTURE),
    ],
)
def test_a_reading_is_stale_after_two_expected_intervals_and_wrong_in_the_future(
    age: timedelta, expected: Freshness
) -> None:
    assert freshness(NOW - age, NOW, INTERVAL) is expected


def test_a_change_of_the_clocks_makes_nothing_stale() -> None:
    """At 01:00 UTC on 29 March 2026 the clocks of Paris jump from 2 to 3."""
    before = datetime(2026, 3, 29, 1, 50, tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)
    after = datetime(2026, 3, 29, 3, 10, tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)
    assert after - before == timedelta(minutes=20)
    assert freshness(before, after, INTERVAL) is Freshness.FRESH


@given(st.timedeltas(timedelta(minutes=1), timedelta(days=1)), st.timedeltas(timedelta(0), timedelta(days=10)))
def test_staleness_depends_on_the_expected_interval_alone(interval: timedelta, age: timedelta) -> None:
    assert (freshness(NOW - age, NOW, interval) is Freshness.STALE) == (age > stale_after(interval))
