"""Figures over all patients; the same question is asked once a minute, whoever asks it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Final

from assessment.freshness import stale_after
from elastic.client import Search
from elastic.search import alert_events, latest, statistics
from webapp.api.parameters import Range
from webapp.api.patients import span_of
from webapp.api.routes import operation
from webapp.api.statistics_models import Burden, FreshnessReport, LevelHistory, Summary
from webapp.figures import shared
from webapp.security.roles import Permission
from webapp.services import services

LATER_EDGES: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))


class SpanQuery(Range):
    """The span that a figure is about."""


@operation(
    "GET",
    "/api/v1/stats/summary",
    tag="statistics",
    summary="Patients by level, readings by category",
    permission=Permission.STATISTICS,
    query=SpanQuery,
    answer=Summary,
    problems=(503,),
)
def get_summary(query: SpanQuery) -> Summary:
    """The ward in figures."""
    return shared("summary", query, partial(_summary, services().search, *span_of(query)))


def _summary(search: Search, start: datetime, end: datetime) -> Summary:
    readings, share = statistics.categories(search, start, end)
    patients = latest.count_levels(search)
    return Summary.model_validate(
        {"from_": start, "to": end, "patients": patients, "readings": readings, "share": share}
    )


@operation(
    "GET",
    "/api/v1/stats/levels",
    tag="statistics",
    summary="Predictions by level, hour by hour",
    permission=Permission.STATISTICS,
    query=SpanQuery,
    answer=LevelHistory,
    problems=(503,),
)
def get_levels(query: SpanQuery) -> LevelHistory:
    """Levels over time."""
    return shared("levels", query, partial(_levels, services().search, *span_of(query)))


def _levels(search: Search, start: datetime, end: datetime) -> LevelHistory:
    items, share = statistics.levels_over_time(search, start, end)
    return LevelHistory.model_validate({"from_": start, "to": end, "items": items, "share": share})


@operation(
    "GET",
    "/api/v1/stats/freshness",
    tag="statistics",
    summary="How old the newest readings of the patients are",
    permission=Permission.STATISTICS,
    answer=FreshnessReport,
    problems=(503,),
)
def get_freshness() -> FreshnessReport:
    """Patients by the age of their newest reading; the first group is fresh."""
    site = services()
    fresh = stale_after(timedelta(minutes=site.settings.expected_interval_minutes))
    return shared("freshness", None, partial(_freshness, site.search, fresh, site.clock()))


def _freshness(search: Search, fresh: timedelta, now: datetime) -> FreshnessReport:
    edges = sorted({fresh, *(edge for edge in LATER_EDGES if edge > fresh)})
    counts = statistics.freshness(search, [now - edge for edge in edges], now)
    ages = [0, *(int(edge.total_seconds() // 60) for edge in edges), None]
    groups = zip(pairwise(ages), counts, strict=True)
    items = [{"above_minutes": low, "below_minutes": high, "patients": count} for (low, high), count in groups]
    return FreshnessReport.model_validate({"items": items})


@operation(
    "GET",
    "/api/v1/stats/alarm-burden",
    tag="statistics",
    summary="What the alarms asked of people",
    permission=Permission.STATISTICS,
    query=SpanQuery,
    answer=Burden,
    problems=(503,),
)
def get_alarm_burden(query: SpanQuery) -> Burden:
    """Predictions and patients by level, and the answers to alerts."""
    return shared("burden", query, partial(_burden, services().search, *span_of(query)))


def _burden(search: Search, start: datetime, end: datetime) -> Burden:
    answers = alert_events.usefulness(search, start, end)
    burden = statistics.alarm_burden(search, start, end)
    return Burden.model_validate(
        {**burden, **answers, "from_": start, "to": end, "seconds_to_answer": answers["seconds"]}
    )
