"""What a patient's chart shows, as plain values: points, gaps, nights, limits. Pure, without Flask or Elasticsearch.

A gap is a time in which a reading is overdue: longer than two expected intervals. Nothing is drawn across it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from assessment.daytime import DAY, DayHours, Interval, nights
from assessment.freshness import stale_after
from assessment.readings import read
from assessment.targets import USUAL, Targets
from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, is_crisis
from webapp.patients.spans import INTERVALS

MEASURES: Final = ("systolic", "diastolic", "mean_arterial_pressure", "heart_rate")


class Spread(NamedTuple):
    """The lowest, mean and highest value of the readings of a point."""

    lowest: float
    mean: float
    highest: float


@dataclass(frozen=True, slots=True)
class Point:
    """One reading, or the readings of one interval that starts at `at`; pressures in mmHg, heart rate per minute."""

    at: datetime
    systolic: Spread
    diastolic: Spread
    mean_arterial_pressure: Spread
    heart_rate: Spread | None
    readings: int = 1

    @property
    def crisis(self) -> bool:
        """Whether a reading of the point may be a crisis: one of its highest pressures is."""
        return is_crisis(self.systolic.highest, self.diastolic.highest)


@dataclass(frozen=True, slots=True)
class Chart:
    """Points of [start, end), oldest first. `interval` names the length of a point's interval, None for readings."""

    start: datetime
    end: datetime
    interval: str | None
    points: tuple[Point, ...]
    gaps: tuple[Interval, ...]
    nights: tuple[Interval, ...]


def points_of_readings(documents: Iterable[Mapping[str, Any]]) -> list[Point]:
    """One point for each standing reading with pressures."""
    return [
        Point(
            at=reading.at,
            systolic=_alone(reading.systolic),
            diastolic=_alone(reading.diastolic),
            mean_arterial_pressure=_alone(reading.mean_arterial_pressure),
            heart_rate=None if reading.heart_rate is None else _alone(reading.heart_rate),
        )
        for reading in read(documents)
    ]


def _alone(value: float) -> Spread:
    return Spread(value, value, value)


def points_of_buckets(buckets: Iterable[Mapping[str, Any]]) -> list[Point]:
    """One point for each interval with pressures; `buckets` as `elastic.search.observations` gives them."""
    spreads = ((bucket, {name: _spread(bucket[name]) for name in MEASURES}) for bucket in buckets)
    return [
        Point(at=datetime.fromisoformat(bucket["@timestamp"]), readings=bucket["readings"], **found)  # type: ignore[arg-type]
        for bucket, found in spreads
        if found["systolic"] is not None and found["diastolic"] is not None
    ]


def _spread(stats: Mapping[str, float | None]) -> Spread | None:
    lowest, mean, highest = stats["min"], stats["avg"], stats["max"]
    if lowest is None or mean is None or highest is None:
        return None
    return Spread(lowest, mean, highest)


def make_chart(
    points: Sequence[Point],
    *,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    expected_interval: timedelta,
    interval: str | None = None,
    day_hours: DayHours = DAY,
) -> Chart:
    """Lay out points, oldest first, with the gaps between them and the nights of the place."""
    width = INTERVALS[interval] if interval else timedelta(0)
    found = gaps([point.at for point in points], start, end, stale_after(expected_interval), width)
    return Chart(start, end, interval, tuple(points), tuple(found), tuple(nights(start, end, zone, day_hours)))


def gaps(
    times: Sequence[datetime], start: datetime, end: datetime, longest: timedelta, width: timedelta = timedelta(0)
) -> list[Interval]:
    """The times in [start, end] of which nothing is known; each time in `times` covers `width` from there on."""
    allowed = max(longest - width, timedelta(0))
    edges = [start, *times, end]
    covered = [start, *(at + width for at in times)]
    silences = zip(covered, edges[1:], strict=True)
    return [(since, until) for since, until in silences if until - since > allowed]


def columns(chart: Chart) -> dict[str, list[Any]]:
    """The points as columns for drawing, times in seconds since the epoch; a row without values breaks each gap."""
    rows = sorted([*map(_row, chart.points), *map(_gap_row, chart.gaps)], key=lambda row: row["t"])
    return {name: [row.get(name) for row in rows] for name in _row_names(chart)}


def _row_names(chart: Chart) -> list[str]:
    ends = ["systolic_min", "systolic_max", "diastolic_min", "diastolic_max", "readings"]
    return ["t", *MEASURES, "crisis", *(ends if chart.interval else [])]


def _row(point: Point) -> dict[str, Any]:
    return {
        "t": point.at.timestamp(),
        "systolic": round(point.systolic.mean, 1),
        "diastolic": round(point.diastolic.mean, 1),
        "mean_arterial_pressure": round(point.mean_arterial_pressure.mean, 1),
        "heart_rate": None if point.heart_rate is None else round(point.heart_rate.mean, 1),
        "crisis": point.crisis,
        "systolic_min": point.systolic.lowest,
        "systolic_max": point.systolic.highest,
        "diastolic_min": point.diastolic.lowest,
        "diastolic_max": point.diastolic.highest,
        "readings": point.readings,
    }


def _gap_row(gap: Interval) -> dict[str, Any]:
    return {"t": (gap[0].timestamp() + gap[1].timestamp()) / 2}


def drawing(chart: Chart, targets: Targets = USUAL) -> dict[str, Any]:
    """The chart as the browser's script takes it; times in seconds since the epoch, pressures in mmHg."""
    return {
        "start": chart.start.timestamp(),
        "end": chart.end.timestamp(),
        "width_s": INTERVALS[chart.interval].total_seconds() if chart.interval else 0,
        "columns": columns(chart),
        "gaps": seconds(chart.gaps),
        "nights": seconds(chart.nights),
        "crisis": {"systolic": CRISIS_SYSTOLIC, "diastolic": CRISIS_DIASTOLIC},
        "targets": [(band.lowest, band.highest + 1) for band in targets],  # pressures are whole: up to the next one
    }


def seconds(intervals: Iterable[Interval]) -> list[tuple[float, float]]:
    """Intervals in seconds since the epoch."""
    return [(since.timestamp(), until.timestamp()) for since, until in intervals]
