"""The `date` search parameter of FHIR R4: a prefix and a date of any precision, which stands for its whole length."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

TICK: Final = timedelta(milliseconds=1)  # the precision of what is stored
MOST_DATES: Final = 2
PATTERN: Final = (
    r"^(eq|ge|gt|le|lt)?(19|2[01])\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])"
    r"(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-4]):[0-5]\d)?)?)?)?$"
)
_match = re.compile(PATTERN).fullmatch
_LENGTHS: Final = {10: timedelta(days=1), 16: timedelta(minutes=1), 19: timedelta(seconds=1)}  # by written length


class Span(NamedTuple):
    """Instants in [start, end); None is open."""

    start: datetime | None
    end: datetime | None


def parse_dates(values: Sequence[str]) -> Span:
    """Return what all values together mean; raise ValueError for a text that is no date, or more than two of them."""
    if len(values) > MOST_DATES:
        raise ValueError(f"at most {MOST_DATES} dates")
    spans = [_parse(value) for value in values]
    starts = [span.start for span in spans if span.start]
    ends = [span.end for span in spans if span.end]
    return Span(max(starts, default=None), min(ends, default=None))


def _parse(value: str) -> Span:
    match = _match(value)
    if match is None:
        raise ValueError("not a date with one of the prefixes eq, ge, gt, le, lt")
    prefix = match.group(1) or "eq"
    first, after = _extent(value.removeprefix(match.group(1) or ""))
    return {
        "eq": Span(first, after),
        "ge": Span(first, None),
        "gt": Span(after, None),
        "le": Span(None, after),
        "lt": Span(None, first),
    }[prefix]


def _extent(text: str) -> tuple[datetime, datetime]:
    """Return the first instant that a date stands for, and the first after it; no zone means UTC."""
    if len(text) == len("2026"):
        return _utc(int(text), 1), _utc(int(text) + 1, 1)
    if len(text) == len("2026-03"):
        year, month = int(text[:4]), int(text[5:])
        return _utc(year, month), _utc(year + month // 12, month % 12 + 1)
    instant = datetime.fromisoformat(text)
    aware = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    written = len(re.split(r"Z|[+-]\d\d:\d\d$", text)[0])
    return aware, aware + _LENGTHS.get(written, TICK)


def _utc(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)
