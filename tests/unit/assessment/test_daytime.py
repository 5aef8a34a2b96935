from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessment.daytime import HOUR, hour_start, hours, is_day, local_day, nights, read_day_hours

PARIS = ZoneInfo("Europe/Paris")
ZONES = ("Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)

instants = st.integers(0, 10 * 366 * 24 * 60).map(
    lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
zones = st.sampled_from(ZONES).map(ZoneInfo)


@pytest.mark.parametrize(("day", "length_h"), [(SPRING, 23), (AUTUMN, 25), (date(2026, 6, 1), 24)])
def test_a_day_has_as_many_hours_as_the_clocks_give_it(day: date, length_h: int) -> None:
    start, end = local_day(day, PARIS)

    assert end - start == timedelta(hours=length_h)
    assert len(list(hours(start, end, PARIS))) == length_h


@pytest.mark.parametrize(("day", "length_h"), [(SPRING, 9), (AUTUMN, 11), (date(2026, 6, 1), 10)])
def test_the_night_before_a_change_of_clocks_is_shorter_or_longer(day: date, length_h: int) -> None:
    midnight, _ = local_day(day, PARIS)

    (dusk, dawn) = nights(midnight - 6 * HOUR, midnight + 14 * HOUR, PARIS)[0]

    assert dawn - dusk == timedelta(hours=length_h)


def test_the_repeated_hour_of_autumn_is_two_hours() -> None:
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)

    assert first.astimezone(PARIS).hour == second.astimezone(PARIS).hour == 2
    assert hour_start(second, PARIS) - hour_start(first, PARIS) == HOUR


@given(instants, st.integers(1, 24 * 40), zones)
def test_an_hour_lies_in_a_night_exactly_when_it_is_not_day(start: datetime, length_h: int, zone: ZoneInfo) -> None:
    end = start + timedelta(hours=length_h)

    dark = nights(start, end, zone)

    assert all(start <= dusk < dawn <= end for dusk, dawn in dark)
    for number in range(length_h):
        at = start + timedelta(hours=number)
        assert any(dusk <= at < dawn for dusk, dawn in dark) != is_day(at, zone)


@given(instants, st.integers(1, 400), zones)
def test_every_instant_belongs_to_exactly_one_clock_hour(start: datetime, length_h: int, zone: ZoneInfo) -> None:
    end = start + timedelta(hours=length_h)

    starts = list(hours(start, end, zone))

    assert starts[0] <= start
    assert starts == sorted(set(starts))
    assert hour_start(end - timedelta(microseconds=1), zone) == starts[-1]


def test_the_hours_of_the_day_are_those_of_the_setting() -> None:
    day = read_day_hours("6-21")

    seven, late = (datetime(2026, 6, 1, hour, tzinfo=PARIS) for hour in (7, 21))
    assert [is_day(at, PARIS, day) for at in (seven, late)] == [True, False]
