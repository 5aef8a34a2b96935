"""Figures over all patients; the same question is asked once a minute, whoever asks it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Final

from assessment.freshness import stale_after
from elastic.client import Search
from elastic.search import alert_events, latest, statistics
from webapp.api.inputs import Range
from webapp.api.routes import operation
from webapp.api.summary_documents import Burden, FreshnessReport, LevelHistory, Summary
from webapp.figures import TIMEOUT_S, shared
from webapp.security.roles import Permission
from webapp.services import services

LATER_EDGES: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))


@operation("/api/v1/stats/summary", Permission.STATISTICS, Summary, tag="statistics")
def get_summary(query: Range) -> Summary:
    """Count patients by level and readings by category."""
    site = services()
    return shared("summary", query, partial(_summary, site.search.within(TIMEOUT_S), *query.span(site.clock())))


def _summary(search: Search, start: datetime, end: datetime) -> Summary:
    readings, patients = statistics.categories(search, start, end), latest.count_levels(search)
    return Summary.model_validate({"from_": start, "to": end, "patients": patients, "readings": readings})


@operation("/api/v1/stats/levels", Permission.STATISTICS, LevelHistory, tag="statistics")
def get_levels(query: Range) -> LevelHistory:
    """Count predictions by level, hour by hour."""
    site = services()
    return shared("levels", query, partial(_levels, site.search.within(TIMEOUT_S), *query.span(site.clock())))


def _levels(search: Search, start: datetime, end: datetime) -> LevelHistory:
    items = statistics.levels_over_time(search, start, end)
    return LevelHistory.model_validate({"from_": start, "to": end, "items": items})


@operation("/api/v1/stats/freshness", Permission.STATISTICS, FreshnessReport, tag="statistics")
def get_freshness() -> FreshnessReport:
    """Count patients by the age of their newest reading; the first group is fresh."""
    site = services()
    fresh = stale_after(site.settings.expected_interval)
    return shared("freshness", None, partial(_freshness, site.search, fresh, site.clock()))


def _freshness(search: Search, fresh: timedelta, now: datetime) -> FreshnessReport:
    edges = sorted({fresh, *(edge for edge in LATER_EDGES if edge > fresh)})
    counts = statistics.freshness(search, [now - edge for edge in edges], now)
    ages = [0, *(int(edge.total_seconds() // 60) for edge in edges), None]
    groups = zip(pairwise(ages), counts, strict=True)
    items = [{"above_minutes": low, "below_minutes": high, "patients": count} for (low, high), count in groups]
    return FreshnessReport.model_validate({"items": items})


@operation("/api/v1/stats/alarm-burden", Permission.STATISTICS, Burden, tag="statistics")
def get_alarm_burden(query: Range) -> Burden:
    """Count predictions and patients by level, and the answers to alerts."""
    site = services()
    return shared("burden", query, partial(_burden, site.search.within(TIMEOUT_S), *query.span(site.clock())))


def _burden(search: Search, start: datetime, end: datetime) -> Burden:
    answers = alert_events.usefulness(search, start, end)
    burden = statistics.alarm_burden(search, start, end)
    return Burden.model_validate(
        {**burden, **answers, "from_": start, "to": end, "seconds_to_answer": answers["seconds"]}
    )
