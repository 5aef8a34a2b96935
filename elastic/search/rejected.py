"""Refused messages: those that sound like a crisis, and how many of which patient, device and reason.

Fields are `reason` and, where they could be read, `patient_id`, `device_id`, `measured_at` and `attention`;
`@timestamp` is the record time. What earlier releases refused has the reason alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from elastic.client import Document, Query, Search
from elastic.names import REJECTED
from elastic.search.queries import all_of, between, buckets, by_patient, terms
from fhir.reasons import Reason

MOST: Final = 1_000  # documents of all patients; beyond that the newest of each patient
FIELDS: Final = ["@timestamp", "patient_id", "device_id", "measured_at", "reason", "attention"]
NEWEST_FIRST: Final[list[Any]] = [{"@timestamp": "desc"}]
MOST_GROUPS: Final = 100
MOST_DEVICES: Final = 5  # of a patient
NO_NEWS: Final = (Reason.DUPLICATE, Reason.DELETED, Reason.STATUS_ENTERED_IN_ERROR, Reason.STATUS_CANCELLED)

TOLD_FOR: Final = timedelta(hours=24)  # to people

_SOUNDS: Final[Query] = {"exists": {"field": "attention"}}
_NAMED: Final[Query] = {"exists": {"field": "patient_id"}}


def attention(search: Search, since: datetime, patient_ids: Iterable[str] | None = None) -> list[Document]:
    """Return what sounds like a crisis since then: of these patients, or of all and of nobody known.

    A device that floods hides nobody: where there are more documents than are read, the newest of each other patient
    is read besides.
    """
    ids = None if patient_ids is None else sorted(set(patient_ids))
    if ids == []:
        return []
    query = all_of(_SOUNDS, None if ids is None else terms("patient_id", ids), between("@timestamp", since))
    found = _read(search, query, MOST)
    if len(found) < MOST:
        return found
    shown = {document.get("patient_id") for document in found}
    newest = _read(search, query, MOST, collapse={"field": "patient_id"})
    return found + [document for document in newest if document.get("patient_id") not in shown]


def nameless(search: Search, since: datetime, most: int) -> list[Document]:
    """Return what sounds like a crisis since then and names no known patient, newest first."""
    return _read(search, all_of(_SOUNDS, between("@timestamp", since), without=[_NAMED]), most)


def refusals(
    search: Search, since: datetime, patient_ids: Iterable[str] | None = None, most: int = MOST_GROUPS
) -> list[Document]:
    """Count what was refused since then by patient, device and reason, newest first: of these patients, or of all.

    Each group has `patient_id` and `device_id` (None: not told), `reason`, `count`, and its `first` and `newest` time
    (ISO 8601). What was said before, or has been taken back, is no news and not counted.
    """
    ids = None if patient_ids is None else sorted(set(patient_ids))
    if ids == []:
        return []
    of_these = None if ids is None else terms("patient_id", ids)
    query = all_of(between("@timestamp", since), of_these, without=[terms("reason", NO_NEWS)])
    asked = _by("patient_id", len(ids or ()) or most, _by("device_id", MOST_DEVICES, _by("reason", len(Reason), {})))
    found = search.aggregate(REJECTED, asked, query)
    told = [
        {
            "patient_id": patient["key"] or None,
            "device_id": device["key"] or None,
            "reason": reason["key"],
            "count": reason["doc_count"],
            **{name: reason[name]["value_as_string"] for name in ("first", "newest")},
        }
        for patient in buckets(found, "patient_id")
        for device in buckets(patient, "device_id")
        for reason in buckets(device, "reason")
    ]
    return sorted(told, key=lambda group: str(group["newest"]), reverse=True)[: most if ids is None else None]


def _by(field: str, most: int, within: Query) -> Query:
    """Return an aggregation by a keyword, "" where it is absent, whose groups are grouped by `within`, newest first."""
    times = {name: {kind: {"field": "@timestamp"}} for name, kind in (("first", "min"), ("newest", "max"))}
    groups = {"field": field, "missing": "", "size": most, "order": {"newest": "desc"}}
    return {field: {"terms": groups, "aggs": {**times, **within}}}


@dataclass(frozen=True, slots=True)
class Refused:
    """How many readings of a patient were refused, since when (ISO 8601), and why; groups are by device and reason."""

    count: int
    since: str
    reasons: tuple[str, ...]
    groups: tuple[Document, ...]


def refused_lately(search: Search, patient_ids: Iterable[str], now: datetime) -> dict[str, Refused]:
    """Return what was refused of each of these patients in the last day; most often of none."""
    return {
        patient_id: Refused(
            sum(group["count"] for group in found),
            min(group["first"] for group in found),
            tuple(dict.fromkeys(group["reason"] for group in found)),
            tuple(found),
        )
        for patient_id, found in by_patient(refusals(search, now - TOLD_FOR, patient_ids)).items()
    }


def _read(search: Search, query: Query, most: int, **more: Query) -> list[Document]:
    body = {"size": most, "query": query, "sort": NEWEST_FIRST, "track_total_hits": False, "_source": FIELDS, **more}
    return search.page(REJECTED, body).documents
