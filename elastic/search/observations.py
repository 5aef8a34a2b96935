"""Stored readings: of a patient, of all, in time buckets, and of patients whom no prediction shows yet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from assessment.readings import RETRACTED_STATUS
from elastic.client import (
    After,
    Document,
    Page,
    Search,
    all_of,
    between,
    buckets,
    in_time,
    months,
    term,
    term_if,
    terms,
)
from elastic.names import OBSERVATIONS
from elastic.search.sampling import count

CRISIS_CATEGORY: Final = "severe"
INTERVALS: Final = ("1m", "15m", "1h")
MEASURES: Final = ("systolic", "diastolic", "mean_arterial_pressure", "heart_rate")
NOTES_OF_INTAKE: Final = ["merged_from", "heart_rate_from", "duplicates", "retracted_ids"]
MOST_WAITING: Final = 200
MOST_CRISES: Final = 1_000


def of_patient(
    search: Search,
    patient_id: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 500,
    after: After | None = None,
    newest_first: bool = False,
) -> Page:
    """A patient's observations in [start, end), retracted ones too (see their status)."""
    query = all_of(term("patient_id", patient_id), between("@timestamp", start, end))
    return search.page(OBSERVATIONS, _body(query, limit, after, newest_first=newest_first))


def all_of_patient(
    search: Search, patient_id: str, start: datetime, end: datetime, most: int = 20_000
) -> list[Document]:
    """A patient's observations in [start, end), oldest first, up to `most` of them."""
    query = all_of(term("patient_id", patient_id), between("@timestamp", start, end))
    return search.pages(OBSERVATIONS, _body(query, most, newest_first=False), most)


def page(
    search: Search,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    category: str | None = None,
    limit: int = 100,
    after: After | None = None,
) -> Page:
    """Observations of all patients, newest first."""
    query = all_of(term_if("category", category), between("@timestamp", start, end))
    return search.page(OBSERVATIONS, _body(query, limit, after, newest_first=True))


def _body(query: Document, limit: int, after: After | None = None, *, newest_first: bool) -> Document:
    return {**in_time(query, limit, after, newest_first=newest_first), "_source": {"excludes": NOTES_OF_INTAKE}}


def buckets_of_patient(
    search: Search, patient_id: str, start: datetime, end: datetime, interval: str
) -> list[Document]:
    """Per interval with readings: `@timestamp` (its start), `readings`, and of each measure {min, avg, max}."""
    if interval not in INTERVALS:
        raise ValueError(f"{interval!r} is none of {INTERVALS}")
    histogram = {"field": "@timestamp", "fixed_interval": interval, "min_doc_count": 1}
    measures = {name: {"stats": {"field": name}} for name in MEASURES}
    query = all_of(
        term("patient_id", patient_id), between("@timestamp", start, end), without=[term("status", RETRACTED_STATUS)]
    )
    found = search.aggregate(OBSERVATIONS, {"times": {"date_histogram": histogram, "aggs": measures}}, query)
    return [_summary(bucket) for bucket in buckets(found, "times")]


def _summary(bucket: Document) -> Document:
    stats = {name: {key: bucket[name][key] for key in ("min", "avg", "max")} for name in MEASURES}
    return {"@timestamp": bucket["key_as_string"], "readings": bucket["doc_count"], **stats}


def newest(search: Search, patient_ids: Iterable[str], since: datetime | None = None) -> dict[str, Document]:
    """The newest standing reading with pressures of each of these patients, by patient."""
    ids = sorted(set(patient_ids))
    if not ids:
        return {}
    standing = {"exists": {"field": "systolic"}}
    query = all_of(
        terms("patient_id", ids), between("@timestamp", since), standing, without=[term("status", RETRACTED_STATUS)]
    )
    body = _body(query, len(ids), newest_first=True) | {
        "collapse": {"field": "patient_id"},
        "sort": [{"@timestamp": "desc"}],
    }
    return {document["patient_id"]: document for document in search.page(OBSERVATIONS, body).documents}


def crises(search: Search, since: datetime) -> set[str]:
    """The patients with a reading in crisis since then, scored or not: up to `MOST_CRISES`."""
    query = all_of(
        term("category", CRISIS_CATEGORY), between("@timestamp", since), without=[term("status", RETRACTED_STATUS)]
    )
    return {bucket["key"] for bucket in _patients(search, query, MOST_CRISES, {"newest": "desc"})}


def count_since(search: Search, since: datetime, now: datetime) -> int:
    """How many readings there are since then."""
    return count(search, months(OBSERVATIONS, since, now), all_of(between("@timestamp", since)))


def waiting(search: Search, since: datetime, most: int = MOST_WAITING) -> dict[str, int]:
    """The patients with the fewest readings since then, and how many; who has a prediction is for `latest` to say."""
    query = all_of(between("@timestamp", since), without=[term("status", RETRACTED_STATUS)])
    return {bucket["key"]: bucket["doc_count"] for bucket in _patients(search, query, most, {"_count": "asc"})}


def _patients(search: Search, query: Document, most: int, order: Document) -> list[Document]:
    newest_reading = {"newest": {"max": {"field": "@timestamp"}}}
    patients = {"terms": {"field": "patient_id", "size": most, "order": order}, "aggs": newest_reading}
    return buckets(search.aggregate(OBSERVATIONS, {"patients": patients}, query), "patients")


def newest_time(search: Search) -> str | None:
    """When the newest observation was stored (ISO 8601), None where there is none."""
    found = search.aggregate(OBSERVATIONS, {"newest": {"max": {"field": "ingested_at"}}})
    text: str | None = found.get("newest", {}).get("value_as_string")
    return text
