"""When a reading was taken: only a full time with a zone counts, and nothing is made up.

No reading and no record is dated outside the calendar of 1971 to 2099. What lies outside is a clock that was never set
(1970, 1900, year 1), a unit mistaken for another (seconds taken for milliseconds are in January 1970, microseconds
beyond the year 9999) or a text that stands for "no end" (9999-12-31).
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final

import msgspec

from conf.times import DAY_US, MINUTE_US, SECOND_US, present_until_us
from fhir.codes import JsonObject
from fhir.readings import CLOCK_AHEAD, IntakeRules
from fhir.reasons import Reason, Refused

LONGEST_PERIOD_US: Final = 15 * MINUTE_US
FURTHEST_AHEAD_US: Final = DAY_US  # of the record time: a local time sent as UTC, or a wrong day, but no wrong month
FIRST_US: Final = 365 * DAY_US  # 1971-01-01
END_US: Final = (
    47_482 * DAY_US
)  # 2100-01-01, not included; `jobs.streaming.window_state.state_order` would overflow in 2109

_DATE = r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)"
_match_full = re.compile(f"{_DATE}T{_CLOCK}{_ZONE}").fullmatch
_match_without_zone = re.compile(f"{_DATE}T{_CLOCK}").fullmatch
_match_coarse = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?").fullmatch

_EFFECTIVE_KEYS = ("effectiveDateTime", "effectivePeriod", "effectiveTiming", "effectiveInstant")


class Instant(msgspec.Struct, frozen=True, gc=False):
    """Microseconds since the epoch in UTC, and the offset the producer wrote."""

    us: int
    utc_offset_minutes: int


def parse_instant(text: object) -> Instant:
    """Read a FHIR dateTime or instant of full precision; raise `Refused` with one of the TIME_ reasons."""
    found = _match_full(text) if isinstance(text, str) else None
    if found is None:
        raise Refused(_why_not_full(text), text)
    day, hour, minute, second, fraction, zone = found.groups()
    offset = _offset_minutes(zone)
    minutes = int(hour) * 60 + int(minute) - offset
    seconds = 59 if second == "60" else int(second)  # a leap second counts as the one before
    us = minutes * MINUTE_US + seconds * SECOND_US
    if fraction:
        us += int(fraction[1:7].ljust(6, "0"))
    return Instant(_day_start_us(day) + us, offset)


@lru_cache(maxsize=4096)
def _day_start_us(day: str) -> int:
    """Return the begin of a day in UTC, in microseconds; raise `Refused` for one that no calendar has."""
    try:
        return (date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()) * DAY_US
    except ValueError:
        raise Refused(Reason.TIME_UNPARSEABLE, day) from None


@lru_cache(maxsize=2048)
def _offset_minutes(zone: str) -> int:
    """Return how many minutes east of Greenwich a zone is, such as ``Z`` or ``-05:00``."""
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _why_not_full(text: object) -> Reason:
    """Tell a day without a time, and a time without a zone, from what is no date at all."""
    if not isinstance(text, str):
        return Reason.TIME_UNPARSEABLE
    if (found := _match_without_zone(text)) and _is_date(found[1]):
        return Reason.TIME_NO_ZONE
    if (found := _match_coarse(text)) and _is_date("-".join(part or "01" for part in found.groups())):
        return Reason.TIME_TOO_COARSE
    return Reason.TIME_UNPARSEABLE


def _is_date(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def read_instant(observation: JsonObject) -> tuple[Instant, tuple[str, ...]]:
    """Return when it was measured, and the flag of a period, whose end is used; raise `Refused`."""
    found = [key for key in _EFFECTIVE_KEYS if observation.get(key) is not None]
    if not found:
        raise Refused(Reason.TIME_MISSING, "no effective time")
    if len(found) > 1:
        raise Refused(Reason.TIME_AMBIGUOUS, ", ".join(found))
    if found[0] == "effectivePeriod":
        return _end_of(observation["effectivePeriod"]), ("period_end_used",)
    return parse_instant(observation[found[0]]), ()


def _end_of(period: object) -> Instant:
    if not isinstance(period, dict):
        raise Refused(Reason.TIME_UNPARSEABLE, f"effectivePeriod is a {type(period).__name__}")
    if period.get("start") is None or period.get("end") is None:
        raise Refused(Reason.TIME_MISSING, "effectivePeriod without both ends")
    start, end = parse_instant(period["start"]), parse_instant(period["end"])
    if end.us < start.us:
        raise Refused(Reason.TIME_UNPARSEABLE, f"period ends before its start: {period['start']} to {period['end']}")
    return end


def is_long_period(period: object) -> bool:
    """Tell whether a readable effectivePeriod is longer than one measurement takes (15 minutes)."""
    if not isinstance(period, dict):
        return False
    try:
        return parse_instant(period.get("end")).us - parse_instant(period.get("start")).us > LONGEST_PERIOD_US
    except Refused:
        return False


def is_in_calendar(instant_us: int) -> bool:
    """Tell whether a time, of a reading or of a Kafka record, is one that anything can have."""
    return FIRST_US <= instant_us < END_US


def refuse_impossible(record_time_us: int, effective_us: int) -> None:
    """Refuse a time at which nothing can have been measured, whatever the settings; holds for retractions too.

    Compare with the Kafka record time, not the clock, so that a replay decides alike.
    """
    if not is_in_calendar(record_time_us):
        detail = f"the Kafka record time, {record_time_us // 1000} ms, is not in the years 1971 to 2099"
        raise Refused(Reason.RECORD_TIME_OUT_OF_RANGE, detail)
    if effective_us > record_time_us + FURTHEST_AHEAD_US or effective_us >= END_US:
        raise Refused(Reason.TIME_IN_FUTURE, _distance(effective_us - record_time_us, "after"))
    if effective_us < FIRST_US:
        raise Refused(Reason.TIME_TOO_OLD, _distance(record_time_us - effective_us, "before"))


def flags_of_time(record_time_us: int, effective_us: int, rules: IntakeRules) -> tuple[str, ...]:
    """Return the flag of a reading from a clock that runs ahead; refuse an impossible time, and one that is too old.

    A reading of the future is kept, because another clock of the same patient may be right: everything that asks for
    the newest reading or scores a window leaves it out until its time has come (`conf.times.present_until`).
    """
    refuse_impossible(record_time_us, effective_us)
    if rules.max_age_days and effective_us < record_time_us - rules.max_age_days * DAY_US:
        raise Refused(Reason.TIME_TOO_OLD, _distance(record_time_us - effective_us, "before"))
    return (CLOCK_AHEAD,) if effective_us > present_until_us(record_time_us) else ()


def _distance(us: int, side: str) -> str:
    return f"{us / DAY_US:.3f} days {side} the record time"
