"""What a patient's chart shows, as plain values: points, gaps, nights, limits.

A gap is a time in which a reading is overdue: longer than two expected intervals. Nothing is drawn across it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from assessment.daytime import DAY, DayHours, Interval, nights
from assessment.freshness import stale_after
from assessment.readings import read
from assessment.targets import USUAL, Targets
from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, is_crisis
from elastic.search.observations import INTERVALS, MEASURES

MOST_POINTS: Final = 2_000  # of one chart; beyond, readings are taken together
READING_COLUMNS: Final = (*MEASURES, "crisis")
INTERVAL_COLUMNS: Final = ("readings", "systolic_min", "systolic_max", "diastolic_min", "diastolic_max")


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
        """Tell whether a reading of the point may be a crisis: one of its highest pressures is."""
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


def bucket_interval(length: timedelta) -> str:
    """Return the shortest interval that cuts a time into at most `MOST_POINTS` parts; the longest one if none does."""
    fitting = (name for name, interval in INTERVALS.items() if length / interval <= MOST_POINTS)
    return next(fitting, "1h")


def points_of_readings(documents: Iterable[Mapping[str, Any]]) -> list[Point]:
    """Return one point for each standing reading with pressures."""
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
    """Return one point for each interval with pressures; `buckets` as `elastic.search.observations` gives them."""
    spreads = ((bucket, {name: _spread(bucket[name]) for name in MEASURES}) for bucket in buckets)
    return [
        Point(at=datetime.fromisoformat(bucket["@timestamp"]), readings=bucket["readings"], **found)  # type: ignore[arg-type]
        for bucket, found in spreads
        if found["systolic"] is not None and found["diastolic"] is not None
    ]


def _spread(stats: Mapping[str, float | None]) -> Spread | None:
    """Return the extremes and the mean of an interval; None if nothing was measured in it."""
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
    """Return the times in [start, end] of which nothing is known; each of `times` covers `width` from there on."""
    allowed = max(longest - width, timedelta(0))
    edges = [start, *times, end]
    covered = [start, *(at + width for at in times)]
    silences = zip(covered, edges[1:], strict=True)
    return [(since, until) for since, until in silences if until - since > allowed]


def values(point: Point) -> dict[str, Any]:
    """Return a point's values by the names of their columns."""
    means = {name: getattr(point, name) for name in MEASURES}
    return {
        **{name: None if spread is None else _tenths(spread.mean) for name, spread in means.items()},
        "crisis": point.crisis,
        "systolic_min": point.systolic.lowest,
        "systolic_max": point.systolic.highest,
        "diastolic_min": point.diastolic.lowest,
        "diastolic_max": point.diastolic.highest,
        "readings": point.readings,
    }


def _tenths(mean: float) -> float:
    """Return a mean to one decimal, cut off: below 180 it must not become a crisis."""
    return float(Decimal(str(mean)).quantize(Decimal("0.1"), ROUND_FLOOR))


def columns(chart: Chart) -> dict[str, list[Any]]:
    """Return the points as columns for drawing, times `t` in seconds since the epoch.

    A row without values in the middle of each gap breaks the lines.
    """
    rows: list[dict[str, Any]] = [{"t": point.at.timestamp(), **values(point)} for point in chart.points]
    rows += [{"t": (since + until) / 2} for since, until in seconds(chart.gaps)]
    rows.sort(key=lambda row: row["t"])
    names = ("t", *READING_COLUMNS, *(INTERVAL_COLUMNS if chart.interval else ()))
    return {name: [row.get(name) for row in rows] for name in names}


def drawing(chart: Chart, targets: Targets = USUAL, before: Chart | None = None) -> dict[str, Any]:
    """Return the chart as the browser's script takes it; times in seconds since the epoch, pressures in mmHg.

    `before` is drawn behind it, each reading at its place in the period.
    """
    return {
        "before": before and _moved(columns(before), (chart.start - before.start).total_seconds()),
        "start": chart.start.timestamp(),
        "end": chart.end.timestamp(),
        "width_s": INTERVALS[chart.interval].total_seconds() if chart.interval else 0,
        "columns": columns(chart),
        "gaps": seconds(chart.gaps),
        "nights": seconds(chart.nights),
        "crisis": {"systolic": CRISIS_SYSTOLIC, "diastolic": CRISIS_DIASTOLIC},
        "targets": [(band.lowest, band.highest + 1) for band in targets],  # pressures are whole: up to the next one
    }


def _moved(columns: Mapping[str, list[Any]], by_s: float) -> dict[str, list[Any]]:
    """Return the times and pressures of a chart, later by so many seconds."""
    pressures = {name: columns[name] for name in ("systolic", "diastolic")}
    return {"t": [at + by_s for at in columns["t"]], **pressures}


def seconds(intervals: Iterable[Interval]) -> list[tuple[float, float]]:
    """Return intervals in seconds since the epoch."""
    return [(since.timestamp(), until.timestamp()) for since, until in intervals]
