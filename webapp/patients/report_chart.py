"""The chart of a printed report: where bars, nights, lines and hours lie, as numbers for an SVG."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from assessment.daytime import DAY, DayHours, hours, nights
from assessment.report import Report
from assessment.targets import USUAL, Targets
from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC

WIDTH: Final = 960
HEIGHT: Final = 220
LOWEST: Final = 40  # mmHg, unless a reading is lower
HIGHEST: Final = 200
STEP: Final = 20  # mmHg between lines
LABEL_EVERY_H: Final = 3


class Bar(NamedTuple):
    """One reading: where it stands, from its systolic (top) to its diastolic pressure (bottom)."""

    x: float
    top: float
    bottom: float
    crisis: bool


class Band(NamedTuple):
    """A span of times (to the right) or of pressures (downwards)."""

    start: float
    length: float


class Tick(NamedTuple):
    """A line with its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class ReportChart:
    """All that is drawn, in units of a canvas of `width` times `height`, downwards."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    nights: tuple[Band, ...]
    pressures: tuple[Tick, ...]
    hours: tuple[Tick, ...]
    crisis_lines: tuple[float, float]
    targets: tuple[Band, ...]


def draw(report: Report, zone: ZoneInfo, day_hours: DayHours = DAY, targets: Targets = USUAL) -> ReportChart:
    """Lay out the readings of a report; the scale of pressures ends at whole steps and holds all of them."""
    start, end, readings = report.start, report.end, report.readings
    lowest = min([LOWEST, *(reading.diastolic for reading in readings)]) // STEP * STEP
    highest = -(max([HIGHEST, *(reading.systolic for reading in readings)]) // -STEP) * STEP

    def x(at: datetime) -> float:
        return round((at - start) / (end - start) * WIDTH, 1)

    def y(pressure: float) -> float:
        return round((highest - pressure) / (highest - lowest) * HEIGHT, 1)

    def band(first: float, last: float) -> Band:
        return Band(first, round(last - first, 1))

    clock = [at.astimezone(zone) for at in hours(start, end, zone) if at >= start]
    return ReportChart(
        width=WIDTH,
        height=HEIGHT,
        bars=tuple(
            Bar(x(reading.at), y(reading.systolic), y(reading.diastolic), reading.is_crisis) for reading in readings
        ),
        nights=tuple(band(x(since), x(until)) for since, until in nights(start, end, zone, day_hours)),
        pressures=tuple(Tick(y(value), str(value)) for value in range(int(lowest), int(highest) + 1, STEP)),
        hours=tuple(Tick(x(at), f"{at:%H:%M}") for at in clock if at.hour % LABEL_EVERY_H == 0),
        crisis_lines=(y(CRISIS_SYSTOLIC), y(CRISIS_DIASTOLIC)),
        targets=tuple(band(y(target.highest + 1), y(target.lowest)) for target in targets),
    )
