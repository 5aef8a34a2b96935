"""The picture of a printed report: where bars, nights, lines and hours lie, as numbers for an SVG. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from assessment.daytime import DAY, DayHours, hours, nights
from assessment.readings import Reading
from assessment.report import Report
from assessment.targets import USUAL, Targets
from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC

WIDTH: Final = 960
HEIGHT: Final = 220
LOWEST: Final = 40  # mmHg, unless a reading is lower
HIGHEST: Final = 200
STEP: Final = 20  # mmHg between lines
LABEL_EVERY_H: Final = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One reading: where it stands, from its systolic (top) to its diastolic pressure (bottom)."""

    x: float
    top: float
    bottom: float
    crisis: bool


@dataclass(frozen=True, slots=True)
class Box:
    """A span of time."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Stripe:
    """A span of pressures."""

    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A line with its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn, in units of a canvas of `width` times `height`, downwards."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    nights: tuple[Box, ...]
    pressures: tuple[Tick, ...]
    hours: tuple[Tick, ...]
    crisis_lines: tuple[float, float]
    targets: tuple[Stripe, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    """From times and pressures to the canvas."""

    start: datetime
    end: datetime
    lowest: float
    highest: float

    def x(self, at: datetime) -> float:
        return round((at - self.start) / (self.end - self.start) * WIDTH, 1)

    def y(self, pressure: float) -> float:
        return round((self.highest - pressure) / (self.highest - self.lowest) * HEIGHT, 1)


def draw(report: Report, zone: ZoneInfo, day_hours: DayHours = DAY, targets: Targets = USUAL) -> Picture:
    """Lay out the readings of a report."""
    scale = _scale(report)
    dark = nights(report.start, report.end, zone, day_hours)
    marks = [at for at in hours(report.start, report.end, zone) if at >= report.start]
    return Picture(
        width=WIDTH,
        height=HEIGHT,
        bars=tuple(_bar(reading, scale) for reading in report.readings),
        nights=tuple(Box(scale.x(since), round(scale.x(until) - scale.x(since), 1)) for since, until in dark),
        pressures=tuple(Tick(scale.y(value), str(value)) for value in _lines(scale)),
        hours=tuple(_hour(at, scale, zone) for at in marks if at.astimezone(zone).hour % LABEL_EVERY_H == 0),
        crisis_lines=(scale.y(CRISIS_SYSTOLIC), scale.y(CRISIS_DIASTOLIC)),
        targets=tuple(_stripe(scale.y(band.highest + 1), scale.y(band.lowest)) for band in targets),
    )


def _stripe(top: float, bottom: float) -> Stripe:
    return Stripe(top, round(bottom - top, 1))


def _scale(report: Report) -> _Scale:
    lowest = min([LOWEST, *(reading.diastolic for reading in report.readings)])
    highest = max([HIGHEST, *(reading.systolic for reading in report.readings)])
    return _Scale(report.start, report.end, lowest - lowest % STEP, highest + -highest % STEP)


def _bar(reading: Reading, scale: _Scale) -> Bar:
    return Bar(scale.x(reading.at), scale.y(reading.systolic), scale.y(reading.diastolic), reading.is_crisis)


def _lines(scale: _Scale) -> range:
    return range(int(scale.lowest), int(scale.highest) + 1, STEP)


def _hour(at: datetime, scale: _Scale, zone: ZoneInfo) -> Tick:
    return Tick(scale.x(at), f"{at.astimezone(zone):%H:%M}")
