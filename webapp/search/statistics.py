"""Figures over all patients for the statistics page: all times are half-open ranges of the newest reading's time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from conf.clinical import ALERT_LEVELS
from jobs.indices import LATEST, OBSERVATIONS, PREDICTIONS
from webapp.readings import RETRACTED_STATUS
from webapp.search.client import Document, Query, Search, all_of, between, buckets, term

CIRCADIAN_SAMPLE: Final = 100_000  # readings that the percentiles by hour of day are taken from
PERCENTS: Final = (10, 50, 90)
LARGEST_SAMPLED_SHARE: Final = 0.5  # Elasticsearch samples at most half, or takes all
MEASURES: Final = ("systolic", "diastolic")
SEED: Final = 1  # the same sample for every screen


def categories(search: Search, start: datetime, end: datetime) -> dict[str, int]:
    """How many readings have each pressure category."""
    found = search.aggregate(OBSERVATIONS, {"categories": {"terms": {"field": "category"}}}, _standing(start, end))
    return _counts(found, "categories")


def levels_over_time(search: Search, start: datetime, end: datetime, interval: str = "1h") -> list[Document]:
    """Per interval: `@timestamp` (its start), and the number of predictions of each level."""
    histogram = {"field": "@timestamp", "fixed_interval": interval}
    levels = {"levels": {"terms": {"field": "alert_level"}}}
    times = {"times": {"date_histogram": histogram, "aggs": levels}}
    found = search.aggregate(PREDICTIONS, times, between("@timestamp", start, end))
    return [
        {"@timestamp": bucket["key_as_string"], **_of_levels(_counts(bucket, "levels"))}
        for bucket in buckets(found, "times")
    ]


def readings_per_minute(search: Search, start: datetime, end: datetime) -> list[Document]:
    """Per minute in which readings were stored: `@timestamp` and `readings`."""
    times = {"times": {"date_histogram": {"field": "ingested_at", "fixed_interval": "1m"}}}
    found = search.aggregate(OBSERVATIONS, times, between("ingested_at", start, end))
    return [
        {"@timestamp": bucket["key_as_string"], "readings": bucket["doc_count"]} for bucket in buckets(found, "times")
    ]


def freshness(search: Search, edges: Sequence[datetime], now: datetime) -> list[int]:
    """How many patients' newest readings lie between neighbouring `edges` (falling times), then before the last."""
    starts = [*edges, None]
    ends = [now, *edges]
    ages = {str(place): between("@timestamp", *ends_of) for place, ends_of in enumerate(zip(starts, ends, strict=True))}
    found = search.aggregate(LATEST, {"ages": {"filters": {"filters": ages}}})
    counted = found.get("ages", {}).get("buckets", {})
    return [counted.get(name, {}).get("doc_count", 0) for name in ages]


def alarm_burden(search: Search, start: datetime, end: datetime) -> Document:
    """`patients` with predictions, and per level how many `predictions` and `patients` had it."""
    patients = {"patients": {"cardinality": {"field": "patient_id"}}}
    levels = {"levels": {"terms": {"field": "alert_level"}, "aggs": patients}}
    found = search.aggregate(PREDICTIONS, levels | patients, between("@timestamp", start, end))
    by_level = {bucket["key"]: bucket for bucket in buckets(found, "levels")}
    return {
        "patients": found.get("patients", {}).get("value", 0),
        "levels": {level: _burden(by_level.get(level)) for level in ALERT_LEVELS},
    }


def _burden(bucket: Mapping[str, Any] | None) -> dict[str, int]:
    if bucket is None:
        return {"predictions": 0, "patients": 0}
    return {"predictions": bucket["doc_count"], "patients": bucket["patients"]["value"]}


def circadian(search: Search, start: datetime, end: datetime, zone: ZoneInfo) -> list[Document]:
    """By hour of day (0..23, local) with readings: `hour`, `readings`, `systolic` and `diastolic` at `PERCENTS`.

    Percentiles of one hour of several days are averaged, weighted by readings: without scripts, which a node need not
    allow, Elasticsearch cannot group by hour of day. Taken from a sample of about `CIRCADIAN_SAMPLE` readings.
    """
    standing = _standing(start, end)
    measured = {name: {"percentiles": {"field": name, "percents": PERCENTS}} for name in MEASURES}
    histogram = {"field": "@timestamp", "fixed_interval": "1h", "time_zone": zone.key, "min_doc_count": 1}
    hours = {"hours": {"date_histogram": histogram, "aggs": measured}}
    share = _sampled_share(search, standing)
    sample = {"sample": {"random_sampler": {"probability": share, "seed": SEED}, "aggs": hours}}
    found = search.aggregate(OBSERVATIONS, sample, standing).get("sample", {})
    by_hour: dict[int, list[Document]] = defaultdict(list)
    for bucket in buckets(found, "hours"):
        by_hour[datetime.fromtimestamp(bucket["key"] / 1000, zone).hour].append(bucket)
    return [_hour(hour, of_days) for hour, of_days in sorted(by_hour.items())]


def _sampled_share(search: Search, query: Query) -> float:
    body = {"size": 0, "query": query, "track_total_hits": True}
    readings = search.ask(OBSERVATIONS, body)["hits"]["total"]["value"]
    share = CIRCADIAN_SAMPLE / max(readings, 1)
    return share if share <= LARGEST_SAMPLED_SHARE else 1.0


def _hour(hour: int, of_days: Sequence[Document]) -> Document:
    values = {name: [_weighted(of_days, name, percent) for percent in PERCENTS] for name in MEASURES}
    return {"hour": hour, "readings": sum(bucket["doc_count"] for bucket in of_days), **values}


def _weighted(of_days: Sequence[Document], name: str, percent: int) -> float | None:
    known = [(bucket[name]["values"][f"{percent}.0"], bucket["doc_count"]) for bucket in of_days]
    told = [(value, weight) for value, weight in known if value is not None]
    weights = sum(weight for _, weight in told)
    return sum(value * weight for value, weight in told) / weights if weights else None


def _standing(start: datetime, end: datetime) -> Query:
    return all_of(between("@timestamp", start, end), without=[term("status", RETRACTED_STATUS)])


def _counts(found: Mapping[str, Any], name: str) -> dict[str, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets(found, name)}


def _of_levels(counts: Mapping[str, int]) -> dict[str, int]:
    return {level: counts.get(level, 0) for level in ALERT_LEVELS}
