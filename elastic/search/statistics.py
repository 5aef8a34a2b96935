"""Figures over all patients: all times are half-open ranges of the newest reading's time.

Beyond `sampling.MOST` documents counts are estimated from a sample; what each function says of its `share` is the share
of the documents that it looked at, 1.0 for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from conf.clinical import ALERT_LEVELS
from elastic.client import Document, Query, Search
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS, months_between
from elastic.search.queries import all_of, between, buckets, term, terms
from elastic.search.sampling import MOST, aggregate
from fhir.readings import RETRACTED_STATUS

CIRCADIAN_SAMPLE: Final = 100_000  # readings that the percentiles by hour of day are taken from
PERCENTS: Final = (10, 50, 90)
MEASURES: Final = ("systolic", "diastolic")


class Counts(NamedTuple):
    """Numbers by name, and the share that they were taken from."""

    counts: dict[str, int]
    share: float


class Course(NamedTuple):
    """Numbers per interval in time's order, and the share that they were taken from."""

    items: list[Document]
    share: float


def categories(search: Search, start: datetime, end: datetime) -> Counts:
    """How many readings have each pressure category."""
    aggregations = {"categories": {"terms": {"field": "category"}}}
    found, share = aggregate(search, months_between(OBSERVATIONS, start, end), aggregations, _standing(start, end))
    return Counts(_counts(found, "categories"), share)


def levels_over_time(search: Search, start: datetime, end: datetime, interval: str = "1h") -> Course:
    """Per interval: `@timestamp` (its start), and the number of predictions of each level."""
    histogram = {"field": "@timestamp", "fixed_interval": interval}
    levels = {"levels": {"terms": {"field": "alert_level"}}}
    times = {"times": {"date_histogram": histogram, "aggs": levels}}
    found, share = aggregate(search, months_between(PREDICTIONS, start, end), times, _within(start, end))
    items = [
        {"@timestamp": bucket["key_as_string"], **_of_levels(_counts(bucket, "levels"))}
        for bucket in buckets(found, "times")
    ]
    return Course(items, share)


def readings_per_minute(search: Search, start: datetime, end: datetime) -> Course:
    """Per minute in which readings were stored: `@timestamp` and `readings`."""
    times = {"times": {"date_histogram": {"field": "ingested_at", "fixed_interval": "1m"}}}
    found, share = aggregate(search, OBSERVATIONS, times, all_of(between("ingested_at", start, end)))
    items = [
        {"@timestamp": bucket["key_as_string"], "readings": bucket["doc_count"]} for bucket in buckets(found, "times")
    ]
    return Course(items, share)


def freshness(search: Search, edges: Sequence[datetime], now: datetime) -> list[int]:
    """How many patients' newest readings lie between neighbouring `edges` (falling times), then before the last."""
    starts = [*edges, None]
    ends = [now, *edges]
    ages = {str(place): between("@timestamp", *ends_of) for place, ends_of in enumerate(zip(starts, ends, strict=True))}
    found = search.aggregate(LATEST, {"ages": {"filters": {"filters": ages}}})
    counted = found.get("ages", {}).get("buckets", {})
    return [counted.get(name, {}).get("doc_count", 0) for name in ages]


def alarm_burden(search: Search, start: datetime, end: datetime) -> Document:
    """`patients` with predictions, per level how many `predictions` and `patients` had it, and the `share`.

    Of a sample nobody can tell how many patients there are: those with a prediction are then the ones whose newest
    prediction is not before `start`, and of a level with more than `sampling.MOST` predictions they are None.
    """
    index, query = months_between(PREDICTIONS, start, end), _within(start, end)
    found, share = aggregate(search, index, {"levels": {"terms": {"field": "alert_level"}}}, query)
    predictions = _of_levels(_counts(found, "levels"))
    counted = [level for level, number in predictions.items() if 0 < number <= 2 * MOST]
    patients = _patients_by_level(search, index, query, counted)
    return {
        "patients": _patients(search, index, query) if share == 1.0 else search.count(LATEST, _within(start, None)),
        "levels": {
            level: {"predictions": number, "patients": patients.get(level) if number else 0}
            for level, number in predictions.items()
        },
        "share": share,
    }


PATIENTS: Final = {"patients": {"cardinality": {"field": "patient_id"}}}


def _patients(search: Search, index: str, query: Query) -> int:
    number: int = search.aggregate(index, PATIENTS, query).get("patients", {}).get("value", 0)
    return number


def _patients_by_level(search: Search, index: str, query: Query, levels: Sequence[str]) -> dict[str, int]:
    if not levels:
        return {}
    asked = {"levels": {"filters": {"filters": {one: term("alert_level", one) for one in levels}}, "aggs": PATIENTS}}
    wanted = all_of(query, terms("alert_level", levels))
    found = search.aggregate(index, asked, wanted).get("levels", {}).get("buckets", {})
    return {level: bucket["patients"]["value"] for level, bucket in found.items()}


def circadian(search: Search, start: datetime, end: datetime, zone: ZoneInfo) -> list[Document]:
    """By hour of day (0..23, local) with readings: `hour`, `readings`, `systolic` and `diastolic` at `PERCENTS`.

    Percentiles of one hour of several days are averaged, weighted by readings: without scripts, which a node need not
    allow, Elasticsearch cannot group by hour of day. Taken from a sample of about `CIRCADIAN_SAMPLE` readings.
    """
    measured = {name: {"percentiles": {"field": name, "percents": PERCENTS}} for name in MEASURES}
    histogram = {"field": "@timestamp", "fixed_interval": "1h", "time_zone": zone.key, "min_doc_count": 1}
    hours = {"hours": {"date_histogram": histogram, "aggs": measured}}
    found, _ = aggregate(
        search, months_between(OBSERVATIONS, start, end), hours, _standing(start, end), most=CIRCADIAN_SAMPLE
    )
    by_hour: dict[int, list[Document]] = defaultdict(list)
    for bucket in buckets(found, "hours"):
        by_hour[datetime.fromtimestamp(bucket["key"] / 1000, zone).hour].append(bucket)
    return [_hour(hour, of_days) for hour, of_days in sorted(by_hour.items())]


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


def _within(start: datetime, end: datetime | None) -> Query:
    return all_of(between("@timestamp", start, end))


def _counts(found: Mapping[str, Any], name: str) -> dict[str, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets(found, name)}


def _of_levels(counts: Mapping[str, int]) -> dict[str, int]:
    return {level: counts.get(level, 0) for level in ALERT_LEVELS}
