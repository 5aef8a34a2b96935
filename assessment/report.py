"""The summary of a patient's readings as ambulatory monitoring gives it.

Limits are those of ESH 2023 for ambulatory pressure: 130/80 over 24 h, 135/85 by day, 120/70 by night, and at least
70 % of the expected readings with 20 by day and 7 by night. Means are plain means of readings, not weighted by time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import fmean, stdev
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from assessment.daytime import DAY, DayHours, hour_start, hours, is_day
from assessment.readings import Reading, read

LEAST_VALID_SHARE: Final = 0.70
LEAST_DAY_READINGS: Final = 20
LEAST_NIGHT_READINGS: Final = 7
EXTREME_DIPPING_BELOW: Final = 0.8
DIPPING_BELOW: Final = 0.9
RISING_ABOVE: Final = 1.0


class Limit(NamedTuple):
    """The pressures (mmHg) from which a reading counts towards the load."""

    systolic: float
    diastolic: float


DAY_LIMIT: Final = Limit(135, 85)
NIGHT_LIMIT: Final = Limit(120, 70)
WHOLE_LIMIT: Final = Limit(130, 80)


class Dipping(StrEnum):
    """How the pressure falls by night; the ratio is the mean systolic pressure by night over that by day."""

    EXTREME = "extreme"  # ratio below 0.8
    NORMAL = "normal"  # below 0.9
    REDUCED = "reduced"  # at most 1.0
    RISING = "rising"  # above
    UNKNOWN = "unknown"  # no reading by day or none by night


@dataclass(frozen=True, slots=True)
class Figures:
    """Mean, extremes and standard deviation (of a sample; None below two) of `count` values; None without values."""

    count: int
    mean: float | None
    minimum: float | None
    maximum: float | None
    sd: float | None


@dataclass(frozen=True, slots=True)
class Period:
    """The readings of 24 h, day or night. Loads are shares (0..1) of readings at or above the limit; None if none."""

    readings: int
    systolic: Figures
    diastolic: Figures
    mean_arterial_pressure: Figures
    heart_rate: Figures
    limit: Limit
    systolic_load: float | None
    diastolic_load: float | None


@dataclass(frozen=True, slots=True)
class Hour:
    """The means of one hour of the clock that starts at `start` (UTC); None where nothing was measured."""

    start: datetime
    readings: int
    systolic: float | None
    diastolic: float | None
    heart_rate: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether there are enough readings: valid means plausible, `valid_share` is of the expected ones, at most 1."""

    expected: int
    valid: int
    valid_share: float
    day_readings: int
    night_readings: int
    sufficient: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The summary of the readings from `start` to `end` (UTC, end excluded), oldest reading first."""

    start: datetime
    end: datetime
    readings: tuple[Reading, ...]
    whole: Period
    day: Period
    night: Period
    hours: tuple[Hour, ...]
    dipping: Dipping
    night_day_ratio: float | None
    quality: Quality


def summarise(
    documents: Iterable[Mapping[str, Any]],
    *,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    expected_interval: timedelta,
    day_hours: DayHours = DAY,
) -> Report:
    """Summarise stored observations; retracted ones and those without pressures are left out, as are others' times."""
    readings = [reading for reading in read(documents) if start <= reading.at < end]
    day = [reading for reading in readings if is_day(reading.at, zone, day_hours)]
    night = [reading for reading in readings if not is_day(reading.at, zone, day_hours)]
    ratio = night_day_ratio(day, night)
    return Report(
        start=start,
        end=end,
        readings=tuple(readings),
        whole=_period(readings, WHOLE_LIMIT),
        day=_period(day, DAY_LIMIT),
        night=_period(night, NIGHT_LIMIT),
        hours=_hourly(readings, start, end, zone),
        dipping=dipping(ratio),
        night_day_ratio=ratio,
        quality=_quality(day, night, (end - start) / expected_interval),
    )


def night_day_ratio(day: Sequence[Reading], night: Sequence[Reading]) -> float | None:
    """Return the mean systolic pressure by night over that by day; None if either has no reading."""
    if not day or not night:
        return None
    return fmean(reading.systolic for reading in night) / fmean(reading.systolic for reading in day)


def dipping(ratio: float | None) -> Dipping:
    """Name the fall by night for a ratio of night to day."""
    if ratio is None:
        return Dipping.UNKNOWN
    if ratio < EXTREME_DIPPING_BELOW:
        return Dipping.EXTREME
    if ratio < DIPPING_BELOW:
        return Dipping.NORMAL
    return Dipping.REDUCED if ratio <= RISING_ABOVE else Dipping.RISING


def figures(values: Sequence[float]) -> Figures:
    """Return mean, extremes and standard deviation of values."""
    if not values:
        return Figures(0, None, None, None, None)
    spread = stdev(values) if len(values) > 1 else None
    return Figures(len(values), fmean(values), min(values), max(values), spread)


def _figures_of(readings: Iterable[Reading], measure: str) -> Figures:
    return figures([value for reading in readings if (value := getattr(reading, measure)) is not None])


def _period(readings: Sequence[Reading], limit: Limit) -> Period:
    return Period(
        readings=len(readings),
        systolic=_figures_of(readings, "systolic"),
        diastolic=_figures_of(readings, "diastolic"),
        mean_arterial_pressure=_figures_of(readings, "mean_arterial_pressure"),
        heart_rate=_figures_of(readings, "heart_rate"),
        limit=limit,
        systolic_load=fmean(reading.systolic >= limit.systolic for reading in readings) if readings else None,
        diastolic_load=fmean(reading.diastolic >= limit.diastolic for reading in readings) if readings else None,
    )


def _hourly(readings: Iterable[Reading], start: datetime, end: datetime, zone: ZoneInfo) -> tuple[Hour, ...]:
    """Return the means of all hours of the clock, those without readings too."""
    by_hour: dict[datetime, list[Reading]] = defaultdict(list)
    for reading in readings:
        by_hour[hour_start(reading.at, zone)].append(reading)
    means = ("systolic", "diastolic", "heart_rate")
    return tuple(
        Hour(hour, len(by_hour[hour]), *(_figures_of(by_hour[hour], measure).mean for measure in means))
        for hour in hours(start, end, zone)
    )


def _quality(day: Sequence[Reading], night: Sequence[Reading], expected: float) -> Quality:
    """Count the plausible readings, and say whether they are enough of the expected ones."""
    day_readings, night_readings = (sum(reading.plausible for reading in part) for part in (day, night))
    valid = day_readings + night_readings
    share = min(1.0, valid / expected)
    return Quality(
        expected=round(expected),
        valid=valid,
        valid_share=share,
        day_readings=day_readings,
        night_readings=night_readings,
        sufficient=share >= LEAST_VALID_SHARE
        and day_readings >= LEAST_DAY_READINGS
        and night_readings >= LEAST_NIGHT_READINGS,
    )
