"""Figures over all patients; a span is a half-open range [start, end) of the times of newest readings.

Each figure goes over all documents of its span, in the indices of its months only: what bounds its cost is the span.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from conf.clinical import ALERT_LEVELS
from elastic.client import Document, Search
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS, REJECTED, months_between
from elastic.search.observations import standing
from elastic.search.queries import between, buckets, groups

MOST_REASONS: Final = 100
PERCENTS: Final = (10, 50, 90)
MEASURES: Final = ("systolic", "diastolic")
WHOLE_MMHG: Final = {"number_of_significant_value_digits": 2}  # of a histogram: steps of 1 below 256, 13 times as fast
PATIENTS: Final = {"patients": {"cardinality": {"field": "patient_id"}}}


def categories(search: Search, start: datetime, end: datetime) -> dict[str, int]:
    """Count the readings of each pressure category."""
    asked = {"categories": {"terms": {"field": "category"}}}
    index = months_between(OBSERVATIONS, start, end)
    return _counts(search.aggregate(index, asked, standing(between("@timestamp", start, end))), "categories")


def levels_over_time(search: Search, start: datetime, end: datetime, interval: str = "1h") -> list[Document]:
    """Return per interval its start (`@timestamp`) and the number of predictions of each level."""
    histogram = {"field": "@timestamp", "fixed_interval": interval}
    times = {"date_histogram": histogram, "aggs": {"levels": {"terms": {"field": "alert_level"}}}}
    index = months_between(PREDICTIONS, start, end)
    found = search.aggregate(index, {"times": times}, between("@timestamp", start, end))
    counted = ((bucket["key_as_string"], _counts(bucket, "levels")) for bucket in buckets(found, "times"))
    return [{"@timestamp": at, **{level: counts.get(level, 0) for level in ALERT_LEVELS}} for at, counts in counted]


def readings_per_minute(search: Search, start: datetime, end: datetime) -> list[Document]:
    """Return per minute in which readings were stored its start (`@timestamp`) and their number (`readings`)."""
    times = {"times": {"date_histogram": {"field": "ingested_at", "fixed_interval": "1m"}}}
    found = search.aggregate(OBSERVATIONS, times, between("ingested_at", start, end))
    return [
        {"@timestamp": bucket["key_as_string"], "readings": bucket["doc_count"]} for bucket in buckets(found, "times")
    ]


def rejects_by_reason(search: Search, start: datetime, end: datetime) -> list[Document]:
    """Return `reason`, `count` and `newest` (ISO 8601) of each reason in [start, end) of Kafka time, most first."""
    reasons = groups("reason", MOST_REASONS, order={"_count": "desc"})
    found = search.aggregate(REJECTED, {"reasons": reasons}, between("@timestamp", start, end))
    return [
        {"reason": bucket["key"], "count": bucket["doc_count"], "newest": bucket["newest"]["value_as_string"]}
        for bucket in buckets(found, "reasons")
    ]


def freshness(search: Search, edges: Sequence[datetime], now: datetime) -> list[int]:
    """Count the patients whose newest readings lie between neighbouring falling `edges`, then before the last."""
    ends = zip([*edges, None], [now, *edges], strict=True)
    ages = {str(place): between("@timestamp", *of_age) for place, of_age in enumerate(ends)}
    found = search.aggregate(LATEST, {"ages": {"filters": {"filters": ages}}})
    counted = found.get("ages", {}).get("buckets", {})
    return [counted.get(name, {}).get("doc_count", 0) for name in ages]


def alarm_burden(search: Search, start: datetime, end: datetime) -> Document:
    """Count the `patients` with predictions, and of each of the `levels` the `predictions` and the `patients`."""
    asked = {**PATIENTS, "levels": {"terms": {"field": "alert_level"}, "aggs": PATIENTS}}
    index = months_between(PREDICTIONS, start, end)
    found = search.aggregate(index, asked, between("@timestamp", start, end))
    by_level = {bucket["key"]: bucket for bucket in buckets(found, "levels")}
    every_level = ((level, by_level.get(level, {})) for level in ALERT_LEVELS)
    levels = {
        level: {"predictions": bucket.get("doc_count", 0), "patients": _patients(bucket)}
        for level, bucket in every_level
    }
    return {"patients": _patients(found), "levels": levels}


def _patients(found: Document) -> int:
    number: int = found.get("patients", {}).get("value", 0)
    return number


def circadian(search: Search, start: datetime, end: datetime, zone: ZoneInfo) -> list[Document]:
    """Return by hour of day (0..23, local) with readings: `hour`, `readings`, and each of `MEASURES` at `PERCENTS`.

    Percentiles of one hour of several days are averaged, weighted by readings: without scripts, which a node need not
    allow, Elasticsearch cannot group by hour of day.
    """
    measured = {name: {"percentiles": {"field": name, "percents": PERCENTS, "hdr": WHOLE_MMHG}} for name in MEASURES}
    histogram = {"field": "@timestamp", "fixed_interval": "1h", "time_zone": zone.key, "min_doc_count": 1}
    hours = {"hours": {"date_histogram": histogram, "aggs": measured}}
    index = months_between(OBSERVATIONS, start, end)
    found = search.aggregate(index, hours, standing(between("@timestamp", start, end)))
    by_hour: dict[int, list[Document]] = defaultdict(list)
    for bucket in buckets(found, "hours"):
        by_hour[datetime.fromtimestamp(bucket["key"] / 1000, zone).hour].append(bucket)
    return [
        {
            "hour": hour,
            "readings": sum(bucket["doc_count"] for bucket in of_days),
            **{name: [_weighted(of_days, name, percent) for percent in PERCENTS] for name in MEASURES},
        }
        for hour, of_days in sorted(by_hour.items())
    ]


def _weighted(of_days: Sequence[Document], name: str, percent: int) -> float | None:
    """Return the mean of a percentile over an hour's buckets, weighted by readings; None where nothing was measured."""
    known = [(bucket[name]["values"][f"{percent}.0"], bucket["doc_count"]) for bucket in of_days]
    told = [(value, weight) for value, weight in known if value is not None]
    weights = sum(weight for _, weight in told)
    return sum(value * weight for value, weight in told) / weights if weights else None


def _counts(found: Mapping[str, Any], name: str) -> dict[str, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets(found, name)}
