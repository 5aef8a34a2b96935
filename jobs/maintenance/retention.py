"""What is past retention: pure rules on settings, and on the names of months and days.

A month may go when all of it is older than `BP_RETENTION_DAYS`, and this may not be less than `BP_MAX_AGE_DAYS`: else a
reading that the intake still accepts would bring the deleted month back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from conf.errors import UserError
from conf.settings import Settings
from elastic.names import OBSERVATIONS, PREDICTIONS

CANARY_DAYS: Final = 1
MONTHLY: Final = (OBSERVATIONS, PREDICTIONS)

_match_month = re.compile(rf"(?:{'|'.join(map(re.escape, MONTHLY))})-([0-9]{{4}})\.(0[1-9]|1[0-2])").fullmatch


class RetentionError(UserError):
    """The settings contradict each other."""


class Limits(NamedTuple):
    """From when on is kept: readings, predictions and alerts, by when they were measured; rejects; a canary."""

    data_from: datetime
    rejected_from: datetime
    canary_from: datetime


def limits(settings: Settings, now: datetime) -> Limits:
    """Return the limits at this time; raise `RetentionError` if what is deleted could come back."""
    if settings.max_age_days == 0:
        raise RetentionError(
            "BP_MAX_AGE_DAYS is 0, so readings of any age are accepted and a deleted month may come back. "
            f"Set it to {settings.retention_days} (BP_RETENTION_DAYS) or less, for the stream too."
        )
    if settings.retention_days < settings.max_age_days:
        raise RetentionError(
            f"Readings are accepted up to an age of {settings.max_age_days} days (BP_MAX_AGE_DAYS), so a month deleted "
            f"after {settings.retention_days} days may come back. Raise BP_RETENTION_DAYS or lower BP_MAX_AGE_DAYS."
        )
    kept_days = settings.retention_days, settings.rejected_days, CANARY_DAYS
    return Limits(*(now - timedelta(days=days) for days in kept_days))


def past_months(names: Iterable[str], data_from: datetime) -> list[str]:
    """Return those of the names that are months of ours, all of which lies before `data_from`."""
    return sorted(name for name in names if (end := month_end(name)) is not None and end <= data_from)


def month_end(index_name: str) -> datetime | None:
    """Return when the month of an index ends; None if the name is not that of a month of ours."""
    found = _match_month(index_name)
    if found is None:
        return None
    year, month = map(int, found.groups())
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def is_past_day(day: str, data_from: datetime) -> bool:
    """Tell whether a day, written ``2026-11-24``, lies before `data_from` to its end; other texts are no day."""
    try:
        begins = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return False
    return begins + timedelta(days=1) <= data_from
