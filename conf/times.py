"""Instants: whole microseconds since 1970 UTC inside the pipeline, ISO 8601 in UTC at its borders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND_US: Final = 1_000
SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US

CLOCK_TOLERANCE_US: Final = MINUTE_US  # by which the clocks of devices and servers may differ


def from_us(instant_us: int) -> datetime:
    """Return the instant as a datetime in UTC; raise `OverflowError` outside the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=instant_us)


def to_us(instant: datetime) -> int:
    """Return an aware datetime as whole microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def present_until_us(now_us: int) -> int:
    """Return the last instant that does not lie in the future, in microseconds; every later one does."""
    return now_us + CLOCK_TOLERANCE_US


def present_until(now: datetime) -> datetime:
    """Return the same as `present_until_us` of datetimes."""
    return now + timedelta(microseconds=CLOCK_TOLERANCE_US)


def iso(instant: datetime, timespec: str = "milliseconds") -> str:
    """Write an aware datetime as ISO 8601 in UTC with ``Z``, to milliseconds unless told otherwise."""
    return instant.astimezone(UTC).isoformat(timespec=timespec).removesuffix("+00:00") + "Z"


def iso_us(instant_us: int) -> str:
    """Write an instant in microseconds as `iso` does, but several times faster; Elasticsearch keeps milliseconds."""
    day, of_day_us = divmod(instant_us, DAY_US)
    seconds, below_us = divmod(of_day_us, SECOND_US)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_day_text(day)}T{hour:02d}:{minute:02d}:{second:02d}.{below_us // MILLISECOND_US:03d}Z"


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    """Return the date of a day since 1970; kept, because the readings of a micro-batch are of few days."""
    return (EPOCH + timedelta(days=day)).date().isoformat()
