"""Hours and days at the clock of a place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notifications.hours import ALL_DAY, DAYS, Hours, next_outside, next_within

PARIS = ZoneInfo("Europe/Paris")
NIGHT, DUTY = Hours.read("22:00-06:00"), Hours.read("07:00-19:00")
HOURS = (
    st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda it: it[0] != it[1]).map(lambda it: Hours(*it))
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def paris(*when: int) -> datetime:
    return datetime(*when, tzinfo=PARIS).astimezone(UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize("text", ["7-19", "07:00", "25:00-26:00", "07:61-19:00", "07:00-07:00", 1320, "07:00-24:01"])
def test_what_is_no_time_from_and_to_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="07:00-19:00"):
        Hours.read(text)


def test_within_hours_and_days_it_is_now_else_when_they_begin_again() -> None:
    weekdays = DAYS[:5]
    assert next_within(paris(2026, 3, 6, 18, 59), DUTY, weekdays, PARIS) == paris(2026, 3, 6, 18, 59)
    assert next_within(paris(2026, 3, 6, 19, 0), DUTY, weekdays, PARIS) == paris(2026, 3, 9, 7)


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    saturday_early = paris(2026, 3, 7, 5, 30)
    assert next_within(saturday_early, NIGHT, ["fri"], PARIS) == saturday_early
    assert next_within(saturday_early, NIGHT, ["sat"], PARIS) == paris(2026, 3, 7, 22)


def test_quiet_hours_end_at_the_clock_of_the_place_also_in_the_night_when_it_is_set_forward() -> None:
    assert next_outside(paris(2026, 3, 28, 23, 15), NIGHT, PARIS) == paris(2026, 3, 29, 6)
    assert paris(2026, 3, 29, 6).hour == 4


@given(MOMENTS, HOURS, st.sets(st.sampled_from(DAYS), min_size=1))
def test_the_next_moment_is_within_and_none_before_it_is(at: datetime, hours: Hours, days: set[str]) -> None:
    found = next_within(at, hours, days, PARIS)
    assert found >= at
    assert next_within(found, hours, days, PARIS) == found
    if found > at:
        assert next_within(found - timedelta(seconds=1), hours, days, PARIS) == found


@given(MOMENTS, HOURS)
def test_what_is_not_within_is_outside(at: datetime, hours: Hours) -> None:
    assert (next_within(at, hours, DAYS, PARIS) == at) == (next_outside(at, hours, PARIS) != at)


@given(MOMENTS)
def test_all_day_is_always(at: datetime) -> None:
    assert next_within(at, ALL_DAY, DAYS, PARIS) == at
