"""Hours of the day and days of the week, at the clock of a place. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN: Final = 24 * 60
WHOLE_WEEK: Final = 8  # days that are looked ahead: after a week the same day comes again


@dataclass(frozen=True, slots=True)
class Hours:
    """From one time of the day until another one, in minutes after midnight; over midnight where `to` is not later."""

    start: int
    to: int

    @classmethod
    def read(cls, text: Any) -> Hours:
        """Return what ``07:00-19:00`` says; raise ValueError for anything else."""
        found = re.fullmatch(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)", str(text))
        start, to = (60 * int(found[at]) + int(found[at + 1]) for at in (1, 3)) if found else (0, 0)
        if not found or start == to or start >= DAY_MIN or to > DAY_MIN or int(found[2]) > 59 or int(found[4]) > 59:
            raise ValueError("hours are written as 07:00-19:00, or 22:00-06:00 over midnight")
        return cls(start, to)

    @property
    def length(self) -> int:
        """Return how many minutes they last."""
        return (self.to - self.start) % DAY_MIN or DAY_MIN

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return when they begin and end that begin on a day, in UTC."""
        midnight = datetime.combine(day, time(), zone)  # minutes are added at the clock of the place, as people read it
        begin, end = (midnight + timedelta(minutes=minutes) for minutes in (self.start, self.start + self.length))
        return begin.astimezone(UTC), end.astimezone(UTC)


ALL_DAY: Final = Hours(0, DAY_MIN)


def next_within(at: datetime, hours: Hours, days: Collection[str], zone: ZoneInfo) -> datetime:
    """Return the first moment from `at` on that lies within hours which begin on one of the days."""
    today = at.astimezone(zone).date()
    for ahead in range(-1, WHOLE_WEEK):
        day = today + timedelta(days=ahead)
        begin, end = hours.on(day, zone)
        if DAYS[day.weekday()] in days and at < end:
            return max(at, begin)
    raise ValueError("no day is among the days")


def next_outside(at: datetime, hours: Hours, zone: ZoneInfo) -> datetime:
    """Return the first moment from `at` on that does not lie within hours which begin on every day."""
    today = at.astimezone(zone).date()
    for ahead in (-1, 0):
        begin, end = hours.on(today + timedelta(days=ahead), zone)
        if begin <= at < end:
            return end
    return at
