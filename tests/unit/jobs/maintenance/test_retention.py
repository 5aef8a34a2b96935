"""Which months and days may go: only what can never come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.settings import Settings
from elastic.names import OBSERVATIONS, PREDICTIONS, monthly_index
from jobs.maintenance.retention import RetentionError, is_past_day, limits, month_end, past_months

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
instants = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def settings(retention_days: int, max_age_days: int) -> Settings:
    return Settings(retention_days=retention_days, max_age_days=max_age_days)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("blood-pressure-observations-2026.02", MARCH),
        ("blood-pressure-predictions-2025.12", datetime(2026, 1, 1, tzinfo=UTC)),
        ("blood-pressure-predictions-2024.02", datetime(2024, 3, 1, tzinfo=UTC)),
    ],
)
def test_month_ends_where_the_next_one_begins(name: str, end: datetime) -> None:
    assert month_end(name) == end


@pytest.mark.parametrize(
    "name",
    [
        *("blood-pressure-observations", "blood-pressure-observations-2026.13", "blood-pressure-observations-2026.1"),
        *("blood-pressure-observations-2026.02-copy", "my-blood-pressure-observations-2026.02", "2026.02"),
        *("blood-pressure-audit-2026.02", "blood-pressure-latest", "blood-pressure-observations-2026x02"),
    ],
)
def test_other_names_are_no_months_of_ours(name: str) -> None:
    assert month_end(name) is None


def test_month_goes_once_all_of_it_is_past() -> None:
    months = [f"{OBSERVATIONS}-2026.{month:02d}" for month in (3, 1, 2)]
    assert past_months(months, MARCH) == [months[1], months[2]]
    assert past_months(months, MARCH - timedelta(microseconds=1)) == [months[1]]


@given(instants, st.integers(1, 2000), st.integers(0, 2000), st.timedeltas(timedelta(0), timedelta(days=2000)))
def test_no_reading_that_the_intake_accepts_falls_into_a_month_that_goes(
    now: datetime, max_age_days: int, more_days: int, age: timedelta
) -> None:
    """However old the reading is that is accepted now or later, its month stays."""
    kept = limits(settings(max_age_days + more_days, max_age_days), now)
    accepted = now - min(age, timedelta(days=max_age_days))
    effective_us = (accepted - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    names = [monthly_index(family, effective_us) for family in (OBSERVATIONS, PREDICTIONS)]

    assert past_months(names, kept.data_from) == []
    assert not is_past_day(f"{accepted:%Y-%m-%d}", kept.data_from)


def test_defaults_fit_each_other() -> None:
    kept = limits(Settings(), NOW)
    assert (kept.data_from, kept.rejected_from) == (NOW - timedelta(days=730), NOW - timedelta(days=90))


def test_retention_below_the_greatest_age_of_a_reading_is_refused_with_the_remedy() -> None:
    assert limits(settings(400, 400), NOW)
    with pytest.raises(RetentionError, match=r"age of 400 days .* after 399 days may come back\. Raise BP_RETENTION_"):
        limits(settings(399, 400), NOW)


def test_readings_of_any_age_allow_no_deletion() -> None:
    with pytest.raises(RetentionError, match=r"BP_MAX_AGE_DAYS is 0, .* Set it to 730 "):
        limits(settings(730, 0), NOW)


@pytest.mark.parametrize(
    ("day", "is_past"),
    [
        ("2026-02-28", True),
        ("2026-03-01", False),
        ("2020-02-29", True),
        ("2026-02-30", False),
        ("old", False),
        ("", False),
    ],
)
def test_day_goes_once_it_is_past_to_its_end(day: str, is_past: bool) -> None:
    assert is_past_day(day, MARCH) is is_past
