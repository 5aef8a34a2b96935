from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessment.daytime import local_day
from assessment.report import DAY_LIMIT, Dipping, Report, dipping, summarise

PARIS = ZoneInfo("Europe/Paris")
START, END = local_day(date(2026, 6, 1), PARIS)
QUARTER = timedelta(minutes=15)

pressures = st.tuples(st.integers(90, 220), st.integers(40, 85))
minutes = st.integers(-60, 25 * 60)


def document(at: datetime = START, systolic: float = 124, diastolic: float = 78, **others: Any) -> dict[str, Any]:
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"@timestamp": stamp, "systolic": systolic, "diastolic": diastolic, "status": "final", "flags": []} | others


def at_local(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, 1, hour, minute, tzinfo=PARIS).astimezone(UTC)


def summary(documents: Iterable[dict[str, Any]], start: datetime = START, end: datetime = END) -> Report:
    return summarise(documents, start=start, end=end, zone=PARIS, expected_interval=QUARTER)


def every_quarter(start: datetime = START, end: datetime = END) -> list[dict[str, Any]]:
    return [document(start + number * QUARTER) for number in range(int((end - start) / QUARTER))]


def test_day_and_night_are_told_apart_by_the_local_clock() -> None:
    report = summary([document(at_local(7, 59), 100), document(at_local(8), 120), document(at_local(22), 110)])

    assert [report.day.systolic.mean, report.night.systolic.mean] == [120, 105]


def test_figures_are_mean_extremes_and_sample_deviation() -> None:
    report = summary([document(at_local(9), 120), document(at_local(10), 130), document(at_local(11), 140)])

    figures = report.whole.systolic
    assert (figures.count, figures.mean, figures.minimum, figures.maximum, figures.sd) == (3, 130, 120, 140, 10)


def test_one_reading_has_no_deviation_and_none_has_no_figures() -> None:
    report = summary([document(at_local(9))])

    assert report.whole.systolic.sd is None
    assert (report.night.readings, report.night.systolic.mean, report.night.systolic_load) == (0, None, None)
    assert (report.dipping, report.night_day_ratio) == (Dipping.UNKNOWN, None)


@pytest.mark.parametrize(
    ("ratio", "kind"),
    [
        (0.79, Dipping.EXTREME),
        (0.8, Dipping.NORMAL),
        (0.8999, Dipping.NORMAL),
        (0.9, Dipping.REDUCED),
        (1.0, Dipping.REDUCED),
        (1.001, Dipping.RISING),
        (None, Dipping.UNKNOWN),
    ],
)
def test_dipping_is_named_by_the_ratio_of_night_to_day(ratio: float | None, kind: Dipping) -> None:
    assert dipping(ratio) == kind


def test_a_reading_at_the_limit_counts_towards_the_load() -> None:
    at_limit = document(at_local(9), DAY_LIMIT.systolic, DAY_LIMIT.diastolic)
    below = document(at_local(10), DAY_LIMIT.systolic - 1, DAY_LIMIT.diastolic - 1)

    report = summary([at_limit, below])

    assert (report.day.systolic_load, report.day.diastolic_load) == (0.5, 0.5)


def test_retracted_readings_lone_heart_rates_and_other_days_are_left_out() -> None:
    report = summary(
        [
            document(at_local(9), status="entered-in-error"),
            {"@timestamp": "2026-06-01T10:00:00.000Z", "heart_rate": 80, "status": "final", "flags": []},
            document(START - timedelta(microseconds=1)),
            document(END),
            document(at_local(12), heart_rate=71),
        ]
    )

    assert [reading.heart_rate for reading in report.readings] == [71]


def test_a_full_day_is_of_sufficient_quality() -> None:
    quality = summary(every_quarter()).quality

    assert (quality.expected, quality.valid, quality.valid_share, quality.sufficient) == (96, 96, 1.0, True)


@pytest.mark.parametrize("hours", [range(8, 22), range(22)])
def test_quality_needs_seven_readings_by_night_and_seven_of_ten_overall(hours: range) -> None:
    kept = [at_local(hour, minute) for hour in hours for minute in (0, 15, 30, 45)][:67]

    assert not summary(map(document, kept)).quality.sufficient


def test_an_unlikely_value_stays_in_the_figures_but_does_not_count_as_valid() -> None:
    report = summary([document(at_local(9), 252, flags=["implausible_systolic"]), document(at_local(10), 130)])

    assert (report.whole.systolic.maximum, report.quality.valid) == (252, 1)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_the_days_on_which_clocks_change_lose_and_repeat_no_reading(day: date, hours: int) -> None:
    start, end = local_day(day, PARIS)

    report = summary(every_quarter(start, end), start, end)

    assert [hour.readings for hour in report.hours] == [4] * hours
    assert (report.quality.expected, len(report.readings)) == (hours * 4, hours * 4)
    assert report.day.readings == 14 * 4


def test_an_hour_without_readings_stays_empty() -> None:
    report = summary([document(at_local(9)), document(at_local(11))])

    hour = report.hours[10]
    assert (hour.start, hour.readings, hour.systolic, hour.heart_rate) == (at_local(10), 0, None, None)


@given(st.lists(st.tuples(minutes, pressures)))
def test_parts_add_up_to_the_whole_whatever_the_order(rows: list[tuple[int, tuple[int, int]]]) -> None:
    documents = [document(START + timedelta(minutes=minute), *pressure) for minute, pressure in rows]

    report = summary(documents)

    assert report.day.readings + report.night.readings == report.whole.readings == len(report.readings)
    assert sum(hour.readings for hour in report.hours) == report.whole.readings
    assert summary(reversed(documents)).whole.systolic.mean == pytest.approx(report.whole.systolic.mean)


@given(st.lists(pressures, min_size=1))
def test_a_mean_lies_between_its_extremes_and_a_load_is_a_share(rows: list[tuple[int, int]]) -> None:
    report = summary(document(START + number * timedelta(minutes=1), *pressure) for number, pressure in enumerate(rows))

    for figures in (report.whole.systolic, report.whole.diastolic, report.whole.mean_arterial_pressure):
        assert figures.minimum is not None
        assert figures.mean is not None
        assert figures.maximum is not None
        assert figures.minimum - 1e-9 <= figures.mean <= figures.maximum + 1e-9
    assert 0 <= (report.whole.systolic_load or 0) <= 1
    assert 0 <= report.quality.valid_share <= 1
