"""Figures over all patients; the same question is asked once a minute, whoever asks it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, TypeVar

from assessment.freshness import stale_after
from elastic.client import Search
from elastic.search import alert_events, latest, statistics
from webapp.api.inputs import FiguresQuery, WardFilter
from webapp.api.routes import operation
from webapp.api.summary_documents import Burden, FreshnessReport, LevelHistory, Summary
from webapp.figures import TIMEOUT_S, shared
from webapp.security.roles import Permission
from webapp.services import services

T = TypeVar("T")

LATER_EDGES: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))


@operation("GET /api/v1/stats/summary", Permission.STATISTICS, Summary, tag="statistics")
def get_summary(query: FiguresQuery) -> Summary:
    """Count patients by level and readings by category."""

    def load(search: Search, start: datetime, end: datetime) -> Summary:
        readings, patients = statistics.categories(search, start, end), latest.count_levels(search)
        return Summary.model_validate({"from_": start, "to": end, "patients": patients, "readings": readings})

    return _of_span("summary", query, load)


@operation("GET /api/v1/stats/levels", Permission.STATISTICS, LevelHistory, tag="statistics")
def get_levels(query: FiguresQuery) -> LevelHistory:
    """Count predictions by level, hour by hour."""

    def load(search: Search, start: datetime, end: datetime) -> LevelHistory:
        items = statistics.levels_over_time(search, start, end)
        return LevelHistory.model_validate({"from_": start, "to": end, "items": items})

    return _of_span("levels", query, load)


@operation("GET /api/v1/stats/alarm-burden", Permission.STATISTICS, Burden, tag="statistics")
def get_alarm_burden(query: FiguresQuery) -> Burden:
    """Count predictions and patients by level, and the answers to alerts."""

    def load(search: Search, start: datetime, end: datetime) -> Burden:
        answers = alert_events.usefulness(search, start, end)
        burden = statistics.alarm_burden(search, start, end)
        return Burden.model_validate({"from_": start, "to": end, **burden, **answers})

    return _of_span("burden", query, load)


@operation("GET /api/v1/stats/freshness", Permission.STATISTICS, FreshnessReport, tag="statistics")
def get_freshness(query: WardFilter) -> FreshnessReport:
    """Count patients by the age of their newest reading; the first group is fresh."""
    site = services()
    fresh, now = stale_after(site.settings.expected_interval), site.clock()

    def load(search: Search) -> FreshnessReport:
        edges = [fresh, *(edge for edge in LATER_EDGES if edge > fresh)]
        counts = statistics.freshness(search, [now - edge for edge in edges], now)
        ages = pairwise([0, *(edge // timedelta(minutes=1) for edge in edges), None])
        items = [
            {"above_minutes": low, "below_minutes": high, "patients": count}
            for (low, high), count in zip(ages, counts, strict=True)
        ]
        return FreshnessReport.model_validate({"items": items})

    return shared("freshness", None, site.search_in(query.ward), load)


def _of_span(name: str, query: FiguresQuery, load: Callable[[Search, datetime, datetime], T]) -> T:
    """Return the figure of the span that is asked for; `load` may run in another thread, where no request is."""
    site = services()
    start, end = query.span(site.clock())
    search = site.search_in(query.ward).within(TIMEOUT_S)
    return shared(name, query, search, lambda its: load(its, start, end))
