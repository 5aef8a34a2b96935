"""Figures over all patients for the statistics page, and the curves of pressure over the day as SVG paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from elastic.client import Search
from elastic.search import alert_events, latest, statistics

SPANS: Final = {"24h": (timedelta(hours=24), "1h"), "7d": (timedelta(days=7), "6h"), "30d": (timedelta(days=30), "1d")}
AGE_EDGES_MIN: Final = (5, 15, 30, 60, 360, 1440)
RATE_OVER_MIN: Final = 60
ANSWERS_OVER_H: Final = (2, 24)

WIDTH: Final = 720
HEIGHT: Final = 200
LOWEST: Final = 40  # mmHg at the bottom
HIGHEST: Final = 200
HOURS: Final = 24
NAME_OVER_HOURS: Final = 4  # of the drawing


@dataclass(frozen=True)
class Figures:
    """Everything on the page."""

    levels: dict[str, int]
    categories: dict[str, int]
    over_time: list[dict[str, Any]]
    per_minute: list[tuple[str, int]]
    ages: list[int]
    burden: dict[str, Any]
    answers: list[dict[str, Any]]
    hours: list[dict[str, Any]]


@dataclass(frozen=True)
class Curve:
    """One pressure: the band from the 10th to the 90th percentile, the median, and where its name stands above both."""

    band: str
    median: str
    name_y: float = 0.0


def load(search: Search, span: str, zone: ZoneInfo, now: datetime) -> Figures:
    """Ask for all figures of a span that ends now."""
    length, interval = SPANS[span]
    start = now - length
    rates = statistics.readings_per_minute(search, now - timedelta(minutes=RATE_OVER_MIN), now)
    return Figures(
        levels=latest.count_levels(search),
        categories=statistics.categories(search, start, now),
        over_time=statistics.levels_over_time(search, start, now, interval),
        per_minute=per_minute(rates, now),
        ages=statistics.freshness(search, [now - timedelta(minutes=minutes) for minutes in AGE_EDGES_MIN], now),
        burden=statistics.alarm_burden(search, start, now),
        answers=[
            {"hours": hours, **alert_events.usefulness(search, now - timedelta(hours=hours), now)}
            for hours in ANSWERS_OVER_H
        ],
        hours=statistics.circadian(search, start, now, zone),
    )


def per_minute(found: Sequence[dict[str, Any]], now: datetime) -> list[tuple[str, int]]:
    """Return a number for each of the last whole minutes, 0 where nothing was stored."""
    counts = {datetime.fromisoformat(bucket["@timestamp"]): bucket["readings"] for bucket in found}
    newest = now.replace(second=0, microsecond=0)
    minutes = [newest - timedelta(minutes=back) for back in range(RATE_OVER_MIN - 1, -1, -1)]
    return [(f"{minute:%H:%M}", counts.get(minute, 0)) for minute in minutes]


def curve(hours: Sequence[dict[str, Any]], name: str) -> Curve:
    """Draw a pressure; `hours` as `elastic.search.statistics.circadian` gives them. Empty below two hours."""
    known = [hour for hour in hours if None not in hour[name]]
    if len(known) < 2:
        return Curve("", "")
    low, middle, high = (
        [f"{WIDTH * (hour['hour'] + 0.5) / HOURS:.1f} {level_y(hour[name][rank])}" for hour in known]
        for rank in range(3)
    )
    above_name = min(level_y(hour[name][2]) for hour in known[:NAME_OVER_HOURS])
    return Curve(f"M{'L'.join([*high, *reversed(low)])}Z", f"M{'L'.join(middle)}", above_name)


def level_y(pressure: float) -> float:
    """Return the height of a pressure (mmHg) in the drawing."""
    share = (min(HIGHEST, max(LOWEST, pressure)) - LOWEST) / (HIGHEST - LOWEST)
    return round(HEIGHT * (1 - share), 1)
