"""The chart of the report: everything lies where its time and pressure say."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from assessment.daytime import local_day
from assessment.report import summarise
from tests.support.ward import reading
from webapp.patients.report_chart import HEIGHT, WIDTH, ReportChart, draw

PARIS = ZoneInfo("Europe/Paris")
SUMMER = date(2026, 6, 1)


def chart(day: date = SUMMER, *pressures: tuple[int, float, float]) -> ReportChart:
    start, end = local_day(day, PARIS)
    documents = [reading("P-1", start + timedelta(hours=hour), upper, lower) for hour, upper, lower in pressures]
    report = summarise(documents, start=start, end=end, zone=PARIS, expected_interval=timedelta(minutes=15))
    return draw(report, PARIS)


def test_a_reading_at_noon_stands_in_the_middle_and_hangs_from_its_systolic_pressure() -> None:
    made = chart(SUMMER, (12, 120, 80))

    (bar,) = made.bars
    assert bar.x == WIDTH / 2
    assert 0 < bar.top < bar.bottom < HEIGHT
    assert not bar.crisis


def test_a_pressure_beyond_the_usual_scale_still_fits() -> None:
    made = chart(SUMMER, (3, 263, 31))

    (bar,) = made.bars
    assert bar.crisis
    assert 0 <= bar.top < bar.bottom <= HEIGHT
    assert made.pressures[0].label == "20"
    assert made.pressures[-1].label == "280"


def test_both_parts_of_the_night_are_shaded() -> None:
    first, second = chart().nights

    assert (first.start, first.length) == (0, WIDTH * 8 / 24)
    assert (second.start, second.length) == (WIDTH * 22 / 24, WIDTH * 2 / 24)


@pytest.mark.parametrize(("day", "shown"), [(date(2026, 3, 29), 8), (date(2026, 10, 25), 8), (SUMMER, 8)])
def test_hours_are_those_of_the_clock_when_clocks_change(day: date, shown: int) -> None:
    labels = [tick.label for tick in chart(day).hours]

    assert labels == sorted(labels)
    assert len(labels) == shown
