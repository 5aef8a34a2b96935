"""The newest prediction of each patient: the board's sections, one patient, pages of patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from assessment.urgency import Urgency
from conf.clinical import ALERT_LEVELS, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from elastic.client import (
    After,
    Document,
    Page,
    Query,
    Search,
    all_of,
    any_of,
    between,
    buckets,
    everything,
    later,
    prefix_if,
    read_page,
    term,
    term_if,
    terms,
)
from elastic.names import LATEST, fit_id

MOST_VERSIONS: Final = 20
MOST_COUNTED: Final = 100_000  # matches of a page; beyond, the number says "at least"
ORDERS: Final[Mapping[str, list[Any]]] = {
    "newest": [{"@timestamp": "desc"}, {"patient_id": "asc"}],
    "risk": [{"critical_risk_6h": "desc"}, {"patient_id": "asc"}],
    "urgent": [{"_score": "desc"}, {"critical_risk_6h": "desc"}, {"patient_id": "asc"}],  # measured crises first
    "id": [{"patient_id": "asc"}],
}


class Bounds(NamedTuple):
    """Times that decide a section: readings in [fresh_since, until) are fresh, crises since `crisis_since` are kept."""

    fresh_since: datetime
    until: datetime
    crisis_since: datetime


def board(search: Search, bounds: Bounds, sizes: Mapping[Urgency, int]) -> dict[Urgency, Page]:
    """The first patients of each section, measured crises first, then by 6 h risk; totals are exact."""
    bodies = [_section_body(section, bounds, size) for section, size in sizes.items()]
    answers = search.ask_all(LATEST, bodies)
    return {section: read_page(answer, size) for (section, size), answer in zip(sizes.items(), answers, strict=True)}


def _section_body(section: Urgency, bounds: Bounds, size: int) -> Query:
    query, order = all_of(_section_filter(section, bounds)), ORDERS["risk"]
    if section is Urgency.CRITICAL:
        query, order = _crises_first(query), ORDERS["urgent"]
    return {"size": size, "query": query, "sort": order, "track_total_hits": True}


def _crises_first(query: Query) -> Query:
    """The same query, with a score for measured crises."""
    filters = query["bool"]["filter"] or [everything()]  # without one, a document would have to match the score's part
    return {"bool": {**query["bool"], "filter": filters, "should": [{"constant_score": {"filter": crisis()}}]}}


def _section_filter(section: Urgency, bounds: Bounds) -> Query:
    """The same rule as `assessment.urgency.urgency`."""
    fresh = between("@timestamp", bounds.fresh_since, bounds.until)
    kept = all_of(crisis(), between("@timestamp", bounds.crisis_since))
    if section is Urgency.CRITICAL:
        return any_of(kept, all_of(term("alert_level", section), fresh))
    if section is Urgency.STALE:
        return all_of(without=[fresh or everything(), kept])
    return all_of(term("alert_level", section), fresh, without=[kept])


def crisis() -> Query:
    """A filter on readings in crisis."""
    over = ({"range": {"systolic": {"gte": CRISIS_SYSTOLIC}}}, {"range": {"diastolic": {"gte": CRISIS_DIASTOLIC}}})
    return any_of(*over)


def patient(search: Search, patient_id: str) -> Document | None:
    """A patient's newest prediction, None where there is none yet."""
    return search.get(LATEST, fit_id(patient_id))


def of_patients(search: Search, patient_ids: Iterable[str]) -> dict[str, Document]:
    """The newest predictions of these patients (at most 10,000) by patient."""
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
    min_risk_6h: float | None = None,
    model_version: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
    after: After | None = None,
    order: str = "newest",
) -> Page:
    """Patients with their newest prediction; `order` is a key of `ORDERS`, `prefix` begins the patient's id."""
    query = all_of(
        term_if("alert_level", level),
        prefix_if("patient_id", prefix),
        between("critical_risk_6h", min_risk_6h),
        term_if("model_version", model_version),
        between("@timestamp", start, end),
    )
    if order == "urgent":
        query = _crises_first(query)
    body = {"size": limit, "query": query, "sort": ORDERS[order], "track_total_hits": MOST_COUNTED, **later(after)}
    return search.page(LATEST, body)


def model_versions(search: Search) -> list[str]:
    """The model versions of the newest predictions, the one that scored last first."""
    newest = {"newest": {"max": {"field": "scored_at"}}}
    terms_of = {"terms": {"field": "model_version", "size": MOST_VERSIONS, "order": {"newest": "desc"}}, "aggs": newest}
    return [bucket["key"] for bucket in buckets(search.aggregate(LATEST, {"versions": terms_of}), "versions")]


def count_levels(search: Search) -> dict[str, int]:
    """How many patients have each alert level."""
    found = search.aggregate(LATEST, {"levels": {"terms": {"field": "alert_level"}}})
    counts = {bucket["key"]: bucket["doc_count"] for bucket in buckets(found, "levels")}
    return {level: counts.get(level, 0) for level in ALERT_LEVELS}


def newest_time(search: Search) -> str | None:
    """When the newest prediction of all patients was made (ISO 8601), None where there is none."""
    found = search.aggregate(LATEST, {"newest": {"max": {"field": "scored_at"}}})
    text: str | None = found.get("newest", {}).get("value_as_string")
    return text
