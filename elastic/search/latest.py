"""The newest prediction of each patient: one patient, several, pages of them, and their levels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from conf.clinical import ALERT_LEVELS, ALERT_RISK_FIELD, crisis_query
from conf.times import MILLISECOND_US, from_us
from elastic.client import After, Document, Page, Query, Search
from elastic.names import LATEST, OBSERVATIONS, fit_id
from elastic.search.observations import PRESSURES, standing
from elastic.search.queries import all_of, between, buckets, contains, groups, later, term_if, terms

MOST_VERSIONS: Final = 20
MOST_UNSCORED: Final = 100  # patients that are looked at
MOST_COUNTED: Final = 100_000  # matches of a page; beyond, the number says "at least"
ORDERS: Final[Mapping[str, list[Any]]] = {
    "newest": [{"@timestamp": "desc"}, {"patient_id": "asc"}],
    "risk": [{ALERT_RISK_FIELD: "desc"}, {"patient_id": "asc"}],
    "urgent": [{"_score": "desc"}, {ALERT_RISK_FIELD: "desc"}, {"patient_id": "asc"}],  # of `crises_first`
    "id": [{"patient_id": "asc"}],
}


def crises_first(*filters: Query | None) -> Query:
    """Return a query for what passes all filters that are not None, with a score for measured crises."""
    query = all_of({"match_all": {}}, *filters)  # without any filter, a document would have to match the score's part
    return {"bool": {**query["bool"], "should": [{"constant_score": {"filter": crisis_query()}}]}}


def patient(search: Search, patient_id: str) -> Document | None:
    """Return a patient's newest prediction, None where there is none yet."""
    return search.get(LATEST, fit_id(patient_id))


def of_patients(search: Search, patient_ids: Iterable[str]) -> dict[str, Document]:
    """Return the newest predictions of these patients (at most 10,000) by patient."""
    ids = sorted(set(patient_ids))
    if not ids:
        return {}
    body = {"size": len(ids), "query": terms("patient_id", ids), "sort": ORDERS["id"], "track_total_hits": False}
    return {document["patient_id"]: document for document in search.page(LATEST, body).documents}


def page(
    search: Search,
    *,
    level: str | None = None,
    prefix: str | None = None,
    part: str | None = None,
    min_risk_6h: float | None = None,
    model_version: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
    after: After | None = None,
    order: str = "newest",
) -> Page:
    """Return patients with their newest prediction; `order` is a key of `ORDERS`.

    The patient's id begins with `prefix`, and holds `part` somewhere, in any case.
    """
    filters = (
        term_if("alert_level", level),
        None if prefix is None else {"prefix": {"patient_id": {"value": prefix}}},
        None if part is None else contains("patient_id", part),
        between(ALERT_RISK_FIELD, min_risk_6h),
        term_if("model_version", model_version),
        between("@timestamp", start, end),
    )
    query = crises_first(*filters) if order == "urgent" else all_of(*filters)
    body = {"size": limit, "query": query, "sort": ORDERS[order], "track_total_hits": MOST_COUNTED, **later(after)}
    return search.page(LATEST, body)


def riskiest(search: Search, limit: int, *, without: Iterable[str]) -> list[Document]:
    """Return the newest predictions of the highest 6 h risk, but of these patients."""
    query = all_of(without=[terms("patient_id", without)])
    body = {"size": limit, "query": query, "sort": ORDERS["risk"], "track_total_hits": False}
    return search.page(LATEST, body).documents


def count(search: Search) -> int:
    """Count the patients with a prediction."""
    return search.count(LATEST, {"match_all": {}})


def model_versions(search: Search) -> list[str]:
    """Return the model versions of the newest predictions, the one that scored last first."""
    versions = groups("model_version", MOST_VERSIONS, "scored_at")
    return [bucket["key"] for bucket in buckets(search.aggregate(LATEST, {"versions": versions}), "versions")]


def count_levels(search: Search) -> dict[str, int]:
    """Count the patients of each alert level."""
    found = search.aggregate(LATEST, {"levels": {"terms": {"field": "alert_level"}}})
    counts = {bucket["key"]: bucket["doc_count"] for bucket in buckets(found, "levels")}
    return {level: counts.get(level, 0) for level in ALERT_LEVELS}


def newest_time(search: Search) -> str | None:
    """Return when the newest prediction of all patients was made (ISO 8601), None where there is none."""
    found = search.aggregate(LATEST, {"newest": {"max": {"field": "scored_at"}}})
    text: str | None = found.get("newest", {}).get("value_as_string")
    return text


def unscored_since(search: Search, since: datetime, until: datetime, least_readings: int) -> datetime | None:
    """Return when the first reading out of those stored in [since, until) came that a prediction should know by now.

    It is the newest of a patient who has a prediction, or readings enough for one; None: none is missing.
    """
    times = {"first": {"min": {"field": "ingested_at"}}, "newest": {"max": {"field": "@timestamp"}}}
    patients = {"terms": {"field": "patient_id", "size": MOST_UNSCORED, "order": {"first": "asc"}}, "aggs": times}
    stored = standing(PRESSURES, between("ingested_at", since, until))
    waiting = {bucket["key"]: bucket for bucket in _patients(search, patients, stored)}
    scored = of_patients(search, waiting)
    others = standing(PRESSURES, terms("patient_id", waiting.keys() - scored.keys()))
    enough = {"terms": {"field": "patient_id", "size": MOST_UNSCORED, "min_doc_count": least_readings}}
    due = {bucket["key"] for bucket in _patients(search, enough, others)} | {
        patient_id
        for patient_id, document in scored.items()
        if from_us(round(waiting[patient_id]["newest"]["value"]) * MILLISECOND_US)
        > datetime.fromisoformat(document["@timestamp"])
    }
    firsts = [waiting[patient_id]["first"]["value"] for patient_id in due]
    return from_us(round(min(firsts)) * MILLISECOND_US) if firsts else None


def _patients(search: Search, patients: Query, query: Query) -> list[Document]:
    return buckets(search.aggregate(OBSERVATIONS, {"patients": patients}, query), "patients")
