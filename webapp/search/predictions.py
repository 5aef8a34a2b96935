"""Stored predictions: of a patient, of all, and the histories that the board folds into alert episodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from jobs.indices import PREDICTIONS
from webapp.search.client import (
    After,
    Document,
    Page,
    Search,
    all_of,
    any_of,
    between,
    buckets,
    later,
    term,
    term_if,
    terms,
)
from webapp.search.latest import crisis

HISTORY_FIELDS: Final = [
    "@timestamp",
    "patient_id",
    "alert_level",
    "critical_risk_6h",
    "model_version",
    "systolic",
    "diastolic",
    "scored_at",
    "window_hours",
    "window_largest_gap_hours",
]
OLDEST_FIRST: Final[list[Any]] = [{"@timestamp": "asc"}, {"patient_id": "asc"}]
NEWEST_FIRST: Final[list[Any]] = [{"@timestamp": "desc"}, {"patient_id": "asc"}]
MOST_HISTORY: Final = 100_000
MOST_CRITICAL: Final = 200


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
    """A patient's predictions with newest readings in [start, end)."""
    query = all_of(term("patient_id", patient_id), between("@timestamp", start, end))
    order = NEWEST_FIRST if newest_first else OLDEST_FIRST
    body = {"size": limit, "query": query, "sort": order, "track_total_hits": False, **later(after)}
    return search.page(PREDICTIONS, body)


def page(
    search: Search,
    *,
    level: str | None = None,
    min_risk_6h: float | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
    after: After | None = None,
) -> Page:
    """Predictions of all patients, newest first."""
    query = all_of(
        term_if("alert_level", level),
        between("critical_risk_6h", min_risk_6h),
        between("@timestamp", start, end),
    )
    body = {"size": limit, "query": query, "sort": NEWEST_FIRST, "track_total_hits": False, **later(after)}
    return search.page(PREDICTIONS, body)


def histories(search: Search, patient_ids: Iterable[str], since: datetime) -> dict[str, list[Document]]:
    """Of each patient the predictions since then, oldest first, with `HISTORY_FIELDS` only.

    Risks come from the source: the index itself keeps them as binary fractions, where 0.29 is less than 29 %.
    """
    ids = sorted(set(patient_ids))
    found: dict[str, list[Document]] = defaultdict(list)
    if not ids:
        return found
    body = {
        "query": all_of(terms("patient_id", ids), between("@timestamp", since)),
        "sort": OLDEST_FIRST,
        "track_total_hits": False,
        "_source": HISTORY_FIELDS,
    }
    for document in search.pages(PREDICTIONS, body, MOST_HISTORY):
        found[document["patient_id"]].append(document)
    return found


def were_critical(search: Search, since: datetime) -> list[str]:
    """The patients who were CRITICAL or measured in crisis since then, up to `MOST_CRITICAL`, last ones first."""
    query = all_of(any_of(term("alert_level", "CRITICAL"), crisis()), between("@timestamp", since))
    newest = {"newest": {"max": {"field": "@timestamp"}}}
    patients = {"terms": {"field": "patient_id", "size": MOST_CRITICAL, "order": {"newest": "desc"}}, "aggs": newest}
    found = search.aggregate(PREDICTIONS, {"patients": patients}, query)
    return [bucket["key"] for bucket in buckets(found, "patients")]
