"""What a chart shows: points, gaps that nothing crosses, nights, limits."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastic.search.observations import INTERVALS
from tests.support.ward import reading
from webapp.patients.chart import (
    MOST_POINTS,
    Chart,
    bucket_interval,
    columns,
    drawing,
    gaps,
    make_chart,
    points_of_buckets,
    points_of_readings,
)
from webapp.patients.periods import SPANS

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HALF = 2 * QUARTER


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def chart(*minutes: float, length: float = 120, **changes: Any) -> Chart:
    points = points_of_readings(reading("P-1", at(minute), 140, 85) for minute in minutes)
    return make_chart(points, start=NOON, end=at(length), zone=PARIS, expected_interval=QUARTER, **changes)


def bucket(minutes: float, **changes: Any) -> dict[str, Any]:
    spread = {"min": 120.0, "avg": 140.5, "max": 183.0}
    measures = dict.fromkeys(("systolic", "diastolic", "mean_arterial_pressure", "heart_rate"), spread)
    return {"@timestamp": at(minutes).isoformat(), "readings": 4, **measures, **changes}


def test_a_gap_is_longer_than_two_expected_intervals() -> None:
    assert chart(0, 30, 60, 90, 120).gaps == ()
    assert chart(0, 31, 60, 90, 120).gaps == ((at(0), at(31)),)


def test_silence_before_the_first_and_after_the_last_reading_is_a_gap() -> None:
    assert chart(40, 60).gaps == ((at(0), at(40)), (at(60), at(120)))
    assert chart().gaps == ((at(0), at(120)),)


def test_a_row_without_values_breaks_the_line_in_each_gap() -> None:
    drawn = columns(chart(0, 15, 75, 90, 105, 120))

    assert drawn["systolic"] == [140, 140, None, 140, 140, 140, 140]
    assert drawn["mean_arterial_pressure"][2] is None
    assert drawn["t"][2] == at(45).timestamp()


def test_a_missing_bucket_is_a_gap_where_it_is_as_long_as_two_expected_intervals() -> None:
    longest = HALF

    assert gaps([at(0), at(15)], at(0), at(30), longest, INTERVALS["15m"]) == []
    assert gaps([at(0), at(30)], at(0), at(45), longest, INTERVALS["15m"]) == []
    assert gaps([at(0), at(45)], at(0), at(60), longest, INTERVALS["15m"]) == [(at(15), at(45))]
    assert gaps([at(0), at(120)], at(0), at(180), longest, INTERVALS["1h"]) == [(at(60), at(120))]


@given(st.lists(st.integers(0, 24 * 60), unique=True), st.integers(1, 120))
def test_each_instant_is_near_a_reading_or_in_a_gap(minutes: list[int], longest: int) -> None:
    times = [at(minute) for minute in sorted(minutes)]
    end = at(24 * 60)

    found = gaps(times, NOON, end, timedelta(minutes=longest))

    for minute in range(0, 24 * 60, 17):
        near = any(abs((time - at(minute)).total_seconds()) <= longest * 60 for time in [NOON, *times, end])
        assert near or any(since < at(minute) < until for since, until in found)
    assert all(not any(since < time < until for time in times) for since, until in found)


def test_retracted_readings_and_lone_heart_rates_are_not_drawn() -> None:
    retracted = reading("P-1", at(15), 200, 100) | {"status": "entered-in-error"}
    lone = {
        name: value for name, value in reading("P-1", at(30), 1, 1).items() if name not in ("systolic", "diastolic")
    }

    assert points_of_readings([retracted, lone]) == []


def test_an_interval_is_in_crisis_by_its_highest_reading_and_keeps_its_spread() -> None:
    (point,) = points_of_buckets([bucket(0, diastolic={"min": 60.0, "avg": 80.0, "max": 90.0})])

    assert (point.systolic.lowest, point.systolic.mean, point.systolic.highest) == (120, 140.5, 183)
    assert (point.crisis, point.readings) == (True, 4)


def test_an_interval_without_pressures_is_no_point() -> None:
    nothing = {"min": None, "avg": None, "max": None}

    assert points_of_buckets([bucket(0, systolic=nothing, diastolic=nothing)]) == []
    assert points_of_buckets([bucket(0, heart_rate=nothing)])[0].heart_rate is None


def test_intervals_are_drawn_with_their_ends_and_readings_without() -> None:
    points = points_of_buckets([bucket(0), bucket(60)])
    together = make_chart(points, start=NOON, end=at(120), zone=PARIS, expected_interval=QUARTER, interval="1h")

    assert columns(together)["systolic_max"] == [183, 183]
    assert drawing(together)["width_s"] == 3600
    assert "systolic_max" not in columns(chart(0))


def test_nights_are_those_of_the_place() -> None:
    made = chart(length=24 * 60)

    assert made.nights == ((at(9 * 60), at(19 * 60)),)  # 22 to 8 o'clock in Paris, in winter an hour ahead


@pytest.mark.parametrize("span", SPANS)
def test_every_span_cut_into_intervals_fits_a_chart(span: str) -> None:
    assert SPANS[span] / INTERVALS[bucket_interval(SPANS[span])] <= MOST_POINTS


def test_a_drawing_is_plain_json() -> None:
    assert json.loads(json.dumps(drawing(chart(0, 60))))["crisis"] == {"systolic": 180, "diastolic": 120}
