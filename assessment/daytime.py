"""Day and night by the clock of the place: pure functions that stay right when the clocks change.

Instants are aware; intervals are half open. A day of 23 or 25 hours has as many hours here, and an hour that the clocks
repeat is two hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

HOUR: Final = timedelta(hours=1)

Interval = tuple[datetime, datetime]


class DayHours(NamedTuple):
    """The local hours at which the day starts and ends; the rest is night."""

    start: int
    end: int


DAY: Final = DayHours(8, 22)


def read_day_hours(text: str) -> DayHours:
    """Return the hours as the setting ``BP_DAY_HOURS`` writes them, such as ``8-22``."""
    start, end = map(int, text.split("-"))
    return DayHours(start, end)


def is_day(at: datetime, zone: ZoneInfo, day: DayHours = DAY) -> bool:
    """Tell whether an instant falls into the day of the place."""
    return day.start <= at.astimezone(zone).hour < day.end


def nights(start: datetime, end: datetime, zone: ZoneInfo, day: DayHours = DAY) -> list[Interval]:
    """Return the nights between two instants, in UTC, cut at both ends."""
    before = start.astimezone(zone).date() - timedelta(days=1)
    span_days = (end.astimezone(zone).date() - before).days
    dates = [before + timedelta(days=number) for number in range(span_days + 1)]
    whole = ((local(date, day.end, zone), local(date + timedelta(days=1), day.start, zone)) for date in dates)
    return [(max(start, dusk), min(end, dawn)) for dusk, dawn in whole if dusk < end and dawn > start]


def local(date: date, hour: int, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC at which the clock of the place shows a full hour of a date."""
    return datetime.combine(date, time(hour), zone).astimezone(UTC)


def local_day(date: date, zone: ZoneInfo) -> Interval:
    """Return a date of the place, from midnight to midnight, in UTC: 23, 24 or 25 hours."""
    return local(date, 0, zone), local(date + timedelta(days=1), 0, zone)


def hour_start(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the start, in UTC, of the full hour of the place's clock that an instant belongs to."""
    clock = at.astimezone(zone)
    past = timedelta(minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)
    return at.astimezone(UTC) - past


def hours(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the starts of all clock hours that have a part between two instants."""
    hour = hour_start(start, zone)
    while hour < end:
        yield hour
        hour = hour_start(hour + HOUR, zone)
