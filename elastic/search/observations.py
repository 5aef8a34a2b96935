"""Stored readings: of a patient, of all, in time buckets, and of patients whom no prediction shows yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from conf.clinical import crisis_query
from conf.times import MILLISECOND_US, from_us, present_until
from elastic.client import After, Document, Page, Query, Search
from elastic.names import OBSERVATIONS, months_between
from elastic.search.queries import (
    all_of,
    between,
    buckets,
    contains,
    future,
    groups,
    in_time,
    present,
    term,
    term_if,
    terms,
)
from fhir.readings import RETRACTED_STATUS

INTERVALS: Final = {"1m": timedelta(minutes=1), "15m": timedelta(minutes=15), "1h": timedelta(hours=1)}
MEASURES: Final = ("systolic", "diastolic", "mean_arterial_pressure", "heart_rate")
NOTES_OF_INTAKE: Final = ["merged", "merged_ids", "merged_from", "heart_rate_from", "duplicates", "retracted_ids"]
MOST_WAITING: Final = 200
MOST_CRISES: Final = 1_000
CRISIS_FIELDS: Final = ["@timestamp", "patient_id", "systolic", "diastolic", "ingested_at"]
MOST_AHEAD: Final = 50
PATIENTS_A_PAGE: Final = 10_000
PRESSURES: Final[Query] = {"exists": {"field": "systolic"}}
NEWEST_FIRST: Final[list[Any]] = [{"@timestamp": "desc"}]


def standing(*filters: Query | None) -> Query:
    """Return a query for readings that pass all filters and have not been retracted."""
    return all_of(*filters, without=[term("status", RETRACTED_STATUS)])


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
    """Return a page of a patient's observations in [start, end), retracted ones too (see their status)."""
    query = all_of(term("patient_id", patient_id), between("@timestamp", start, end))
    return search.page(OBSERVATIONS, _body(query, limit, after, newest_first=newest_first))


def all_of_patient(
    search: Search, patient_id: str, start: datetime, end: datetime, most: int = 20_000
) -> list[Document]:
    """Return a patient's observations in [start, end), oldest first, up to `most` of them."""
    query = all_of(term("patient_id", patient_id), between("@timestamp", start, end))
    return search.pages(OBSERVATIONS, _body(query, most, newest_first=False), most)


def before(patient_id: str, until: datetime, most: int) -> Query:
    """Return the body of a search for a patient's observations up to a time, newest first, notes of intake included."""
    up_to = {"range": {"@timestamp": {"lte": until.isoformat()}}}
    return in_time(all_of(term("patient_id", patient_id), up_to), most, newest_first=True)


def page(
    search: Search,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    category: str | None = None,
    limit: int = 100,
    after: After | None = None,
) -> Page:
    """Return a page of the observations of all patients, newest first."""
    query = all_of(term_if("category", category), between("@timestamp", start, end))
    return search.page(OBSERVATIONS, _body(query, limit, after, newest_first=True))


def _body(query: Query, limit: int, after: After | None = None, *, newest_first: bool) -> Query:
    return {**in_time(query, limit, after, newest_first=newest_first), "_source": {"excludes": NOTES_OF_INTAKE}}


def buckets_of_patient(
    search: Search, patient_id: str, start: datetime, end: datetime, interval: str
) -> list[Document]:
    """Return per interval with readings: `@timestamp` (its start), `readings`, and of each measure {min, avg, max}."""
    if interval not in INTERVALS:
        raise ValueError(f"{interval!r} is none of {list(INTERVALS)}")
    histogram = {"field": "@timestamp", "fixed_interval": interval, "min_doc_count": 1}
    times = {"date_histogram": histogram, "aggs": {name: {"stats": {"field": name}} for name in MEASURES}}
    query = standing(term("patient_id", patient_id), between("@timestamp", start, end))
    return [
        {
            "@timestamp": bucket["key_as_string"],
            "readings": bucket["doc_count"],
            **{name: {key: bucket[name][key] for key in ("min", "avg", "max")} for name in MEASURES},
        }
        for bucket in buckets(search.aggregate(OBSERVATIONS, {"times": times}, query), "times")
    ]


def newest(
    search: Search, patient_ids: Iterable[str], now: datetime, since: datetime | None = None
) -> dict[str, Document]:
    """Return the newest standing reading with pressures of each of these patients, by patient; none of the future."""
    ids = sorted(set(patient_ids))
    if not ids:
        return {}
    query = standing(terms("patient_id", ids), between("@timestamp", since), present(now), PRESSURES)
    per_patient = {"collapse": {"field": "patient_id"}, "sort": NEWEST_FIRST}
    body = _body(query, len(ids), newest_first=True) | per_patient
    return {document["patient_id"]: document for document in search.page(OBSERVATIONS, body).documents}


def newest_of_others(
    search: Search, part: str, known: Iterable[str], since: datetime, now: datetime, most: int
) -> list[Document]:
    """Return the newest reading, from then until now, of patients whose ids hold `part` and who are not `known`."""
    query = standing(contains("patient_id", part), between("@timestamp", since), present(now), PRESSURES)
    others = all_of(query, without=[terms("patient_id", known)])
    body = _body(others, most, newest_first=True) | {"collapse": {"field": "patient_id"}, "sort": NEWEST_FIRST}
    return search.page(OBSERVATIONS, body).documents


def newest_times(
    search: Search, since: datetime, now: datetime, size: int = PATIENTS_A_PAGE
) -> Iterator[dict[str, datetime]]:
    """Yield pages of patients with the time of their newest standing reading with pressures since then."""
    index = months_between(OBSERVATIONS, since, present_until(now))
    query = standing(between("@timestamp", since), PRESSURES)
    patients: Query = {"size": size, "sources": [{"patient_id": {"terms": {"field": "patient_id"}}}]}
    after: Query | None = {}
    while after is not None:
        asked = {"composite": patients | after, "aggs": {"newest": {"max": {"field": "@timestamp"}}}}
        found = search.aggregate(index, {"patients": asked}, query).get("patients", {})
        times = {
            bucket["key"]["patient_id"]: from_us(round(bucket["newest"]["value"]) * MILLISECOND_US)
            for bucket in found.get("buckets", [])
        }
        yield times
        after = {"after": found["after_key"]} if len(times) == size else None


def arrivals(search: Search, since: datetime) -> Counter[datetime]:
    """Count the observations that were stored since then, by second."""
    seconds = {"date_histogram": {"field": "ingested_at", "fixed_interval": "1s", "min_doc_count": 1}}
    found = search.aggregate(OBSERVATIONS, {"seconds": seconds}, all_of(between("ingested_at", since)))
    return Counter(
        {from_us(bucket["key"] * MILLISECOND_US): bucket["doc_count"] for bucket in buckets(found, "seconds")}
    )


def ahead(search: Search, patient_id: str, now: datetime) -> list[Document]:
    """Return a patient's standing readings of the future, the next ones first: up to `MOST_AHEAD`."""
    query = standing(term("patient_id", patient_id), future(now))
    return search.page(OBSERVATIONS, _body(query, MOST_AHEAD, newest_first=False)).documents


def crises_ahead(search: Search, now: datetime, patient_ids: Iterable[str] | None = None) -> list[Document]:
    """Return the readings in crisis that lie in the future, those stored last first, of all patients or of some."""
    whose = None if patient_ids is None else terms("patient_id", patient_ids)
    query, fields = standing(crisis_query(), future(now), whose), [*CRISIS_FIELDS, "device_id"]
    order = [{"ingested_at": "desc"}, {"patient_id": "asc"}]
    body = {"size": MOST_CRISES, "query": query, "sort": order, "_source": fields, "track_total_hits": False}
    return search.page(OBSERVATIONS, body).documents


def waiting(search: Search, since: datetime, now: datetime, most: int = MOST_WAITING) -> dict[str, int]:
    """Count the readings from then until now of the patients with the fewest; `latest` says who has a prediction."""
    patients = groups("patient_id", most, order={"_count": "asc"})
    found = search.aggregate(OBSERVATIONS, {"patients": patients}, standing(between("@timestamp", since), present(now)))
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets(found, "patients")}


def count_since(search: Search, since: datetime, now: datetime) -> int:
    """Count the readings from then until now."""
    return search.count(months_between(OBSERVATIONS, since, now), all_of(between("@timestamp", since), present(now)))


def newest_time(search: Search) -> str | None:
    """Return when the newest observation was stored (ISO 8601), None where there is none."""
    found = search.aggregate(OBSERVATIONS, {"newest": {"max": {"field": "ingested_at"}}})
    text: str | None = found.get("newest", {}).get("value_as_string")
    return text
