"""The statistics page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request

from conf.clinical import ALERT_LEVELS, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from elastic.client import Search
from elastic.search import alert_events, latest, statistics
from webapp.figures import shared
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.stats import curves

blueprint = Blueprint("stats", __name__)

TIMEOUT_S: Final = 20.0  # of each question: these go over all readings
SPANS: Final = {"24h": (timedelta(hours=24), "1h"), "7d": (timedelta(days=7), "6h"), "30d": (timedelta(days=30), "1d")}
CATEGORIES: Final = ("severe", "stage_2", "stage_1", "elevated", "normal", "low")
AGE_EDGES_MIN: Final = (5, 15, 30, 60, 360, 1440)
RATE_OVER: Final = timedelta(minutes=60)
ANSWERS_OVER: Final = (timedelta(hours=2), timedelta(hours=24))


@dataclass(frozen=True)
class Figures:
    """Everything on the page."""

    levels: dict[str, int]
    categories: statistics.Counts
    over_time: statistics.Course
    per_minute: list[tuple[str, int]]
    ages: list[int]
    burden: dict[str, Any]
    answers: list[dict[str, Any]]
    hours: list[dict[str, Any]]


@blueprint.get("/stats")
@requires(Permission.STATISTICS)
def index() -> str:
    """Figures over all patients; shared by everybody for a minute."""
    site = services()
    now, span = site.clock(), request.args.get("span", "24h")
    span = span if span in SPANS else "24h"
    zone = ZoneInfo(site.settings.time_zone)
    found = shared("page", span, lambda: load(Search(site.search.client, TIMEOUT_S), span, zone, now))
    pressures = {name: curves.curve(found.hours, name) for name in ("systolic", "diastolic")}
    values = {
        "figures": found,
        "span": span,
        "spans": list(SPANS),
        "levels": ALERT_LEVELS,
        "categories": CATEGORIES,
        "age_edges": AGE_EDGES_MIN,
        "curves": pressures,
        "limits": [(limit, curves.level_y(limit)) for limit in (CRISIS_SYSTOLIC, CRISIS_DIASTOLIC)],
        "picture": (curves.WIDTH, curves.HEIGHT),
    }
    return render_template("stats.html", **values)


def load(search: Search, span: str, zone: ZoneInfo, now: datetime) -> Figures:
    """Ask for all figures of a span that ends now."""
    length, interval = SPANS[span]
    start = now - length
    edges = [now - timedelta(minutes=minutes) for minutes in AGE_EDGES_MIN]
    return Figures(
        levels=latest.count_levels(search),
        categories=statistics.categories(search, start, now),
        over_time=statistics.levels_over_time(search, start, now, interval),
        per_minute=per_minute(statistics.readings_per_minute(search, now - RATE_OVER, now).items, now),
        ages=statistics.freshness(search, edges, now),
        burden=statistics.alarm_burden(search, start, now),
        answers=_answers(lambda since: alert_events.usefulness(search, since, now), now),
        hours=statistics.circadian(search, start, now, zone),
    )


def per_minute(found: list[dict[str, Any]], now: datetime) -> list[tuple[str, int]]:
    """A number for each of the last whole minutes, 0 where nothing was stored."""
    counts = {datetime.fromisoformat(one["@timestamp"]): one["readings"] for one in found}
    newest = now.replace(second=0, microsecond=0)
    minutes = [newest - timedelta(minutes=back) for back in range(int(RATE_OVER.total_seconds()) // 60 - 1, -1, -1)]
    return [(f"{minute:%H:%M}", counts.get(minute, 0)) for minute in minutes]


def _answers(ask: Callable[[datetime], dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    return [{"hours": int(over.total_seconds() // 3600), **ask(now - over)} for over in ANSWERS_OVER]
