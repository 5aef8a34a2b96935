"""The trend: a slope in mmHg per 30 min, withheld when it would mislead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessment.trend import direction, trend

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)

Readings = list[tuple[datetime, float]]


def readings(*systolic: float, every_min: float = 15, newest_min: float = 0) -> Readings:
    """Return readings at even times, the last one `newest_min` minutes ago."""
    newest = NOW - timedelta(minutes=newest_min)
    return [
        (newest - timedelta(minutes=every_min * before), pressure) for before, pressure in enumerate(reversed(systolic))
    ]


def test_a_rise_of_six_in_each_quarter_of_an_hour_is_twelve_in_half_an_hour() -> None:
    assert trend(readings(140, 146, 152, 158), NOW, INTERVAL) == pytest.approx(12)


@pytest.mark.parametrize(
    "known",
    [
        [],
        readings(150),
        readings(150, 160),
        readings(140, 150, 160, newest_min=31),
        readings(140, 150, 160, newest_min=-10),
        readings(140, 150, 160, every_min=5),
    ],
    ids=["none", "one", "two", "stale", "future", "too close in time"],
)
def test_a_trend_that_would_mislead_is_withheld(known: Readings) -> None:
    assert trend(known, NOW, INTERVAL) is None


def test_readings_of_more_than_two_hours_before_do_not_count() -> None:
    old = [(NOW - timedelta(hours=3), 250.0)]
    assert trend(old + readings(140, 140, 140), NOW, INTERVAL) == pytest.approx(0)


@given(st.lists(st.floats(60, 260), min_size=3, max_size=8), st.data())
def test_the_order_in_which_readings_come_does_not_matter(systolic: list[float], data: st.DataObject) -> None:
    known = readings(*systolic)
    mixed = data.draw(st.permutations(known))
    assert trend(mixed, NOW, INTERVAL) == pytest.approx(trend(known, NOW, INTERVAL))


@given(st.lists(st.floats(60, 260), min_size=3, max_size=8))
def test_readings_in_reverse_have_the_opposite_trend(systolic: list[float]) -> None:
    forth, back = (trend(readings(*values), NOW, INTERVAL) for values in (systolic, reversed(systolic)))
    assert forth is not None
    assert back is not None
    assert forth == pytest.approx(-back, abs=1e-6)


@pytest.mark.parametrize(
    ("slope", "name"), [(None, None), (1.9, "steady"), (-1.9, "steady"), (2.0, "up"), (-2.0, "down")]
)
def test_a_slope_of_less_than_two_is_steady(slope: float | None, name: str | None) -> None:
    assert direction(slope) == name
