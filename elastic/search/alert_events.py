"""The append-only journal of alerts: who acknowledged what, why and for how long, and whether it was useful.

One plain index, so that an id is unique: ``<alert_id>-<n>``, created once. Two people who answer the same alert at the
same time write the same id; the first one wins and the second one is shown who that was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from elasticsearch import ApiError, ConflictError, TransportError

from elastic.client import Document, Search, all_of, between, term, terms, unavailable
from elastic.names import fit_id, put_templates

ALERT_EVENTS: Final = "blood-pressure-alert-events"
OLDEST_FIRST: Final[list[Any]] = [{"@timestamp": "asc"}, {"event": "asc"}]
MOST_EVENTS: Final = 10_000


@dataclass(frozen=True)
class Appended:
    """What became of an event: stored, or beaten by the `winner` that bears its id."""

    stored: bool
    winner: Document


def event_id(alert_id: str, number: int) -> str:
    """The id of an alert's n-th event, counted from 1."""
    return fit_id(f"{alert_id}-{number}")


def append(search: Search, event: Document) -> Appended:
    """Store an event (with `alert_id` and `number`) once and for all, visible to the next search."""
    id_ = event_id(event["alert_id"], event["number"])
    _prepare(search)
    try:
        search.client.options(request_timeout=search.timeout_s).index(
            index=ALERT_EVENTS, id=id_, op_type="create", document=event, refresh="wait_for"
        )
    except ConflictError:
        return Appended(False, search.get(ALERT_EVENTS, id_) or {})
    except (ApiError, TransportError) as error:
        raise unavailable(error) from error
    return Appended(True, event)


def _prepare(search: Search) -> None:
    """The index gets its strict mapping from the template, which the stream has put unless it never ran."""
    try:
        if not search.client.indices.exists(index=ALERT_EVENTS):
            put_templates(search.client)
    except (ApiError, TransportError) as error:
        raise unavailable(error) from error


def of_patients(search: Search, patient_ids: Iterable[str], since: datetime) -> list[Document]:
    """The events of these patients since then, oldest first."""
    ids = sorted(set(patient_ids))
    if not ids:
        return []
    return _read(search, all_of(terms("patient_id", ids), between("@timestamp", since)))


def of_alert(search: Search, alert_id: str) -> list[Document]:
    """All events of one alert, oldest first."""
    return _read(search, all_of(term("alert_id", alert_id)))


def _read(search: Search, query: Document) -> list[Document]:
    body = {"query": query, "sort": OLDEST_FIRST, "track_total_hits": False}
    return search.pages(ALERT_EVENTS, body, MOST_EVENTS)


def usefulness(search: Search, start: datetime, end: datetime) -> Document:
    """Per range: how many `acknowledged`, `useful` and `useless`, and the median `seconds` to the first answer."""
    answers = {"median": {"percentiles": {"field": "answered_after_s", "percents": [50]}}}
    kinds = {
        "acknowledged": term("event", "acknowledged"),
        "useful": term("useful", True),
        "useless": term("useful", False),
    }
    found = search.aggregate(
        ALERT_EVENTS, {"kinds": {"filters": {"filters": kinds}}, **answers}, between("@timestamp", start, end)
    )
    counted = found.get("kinds", {}).get("buckets", {})
    counts = {name: counted.get(name, {}).get("doc_count", 0) for name in kinds}
    return counts | {"seconds": found.get("median", {}).get("values", {}).get("50.0")}
