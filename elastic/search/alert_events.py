"""The append-only journal of alerts: who acknowledged what, why and for how long, and whether it was useful.

One plain index, so that an id is unique and created once. Two people who answer the same alert at the same time write
the same id; the first one wins and the second one is shown who that was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from elasticsearch import ConflictError

from elastic.client import Document, Search, answering
from elastic.names import ALERT_EVENTS, alert_event_id
from elastic.schema import put_templates
from elastic.search.queries import all_of, between, term, terms

OLDEST_FIRST: Final[list[Any]] = [{"@timestamp": "asc"}, {"event": "asc"}]
MOST_EVENTS: Final = 10_000


@dataclass(frozen=True)
class Appended:
    """What became of an event: stored, or beaten by the `winner` that bears its id."""

    stored: bool
    winner: Document


def append(search: Search, event: Document) -> Appended:
    """Store an event (with `alert_id` and `number`) once and for all, visible to the next search."""
    id_ = alert_event_id(event["alert_id"], event["number"])
    with answering():
        if not search.client.indices.exists(index=ALERT_EVENTS):
            put_templates(search.client)  # for a strict mapping; the stream has put them unless it never ran
        try:
            search.client.options(request_timeout=search.timeout_s).index(
                index=ALERT_EVENTS, id=id_, op_type="create", document=event, refresh="wait_for"
            )
        except ConflictError:
            return Appended(False, search.get(ALERT_EVENTS, id_) or {})
    return Appended(True, event)


def of_patients(search: Search, patient_ids: Iterable[str], since: datetime) -> list[Document]:
    """Return the events of these patients since then, oldest first."""
    ids = sorted(set(patient_ids))
    return _read(search, all_of(terms("patient_id", ids), between("@timestamp", since))) if ids else []


def of_alert(search: Search, alert_id: str) -> list[Document]:
    """Return all events of one alert, oldest first."""
    return _read(search, all_of(term("alert_id", alert_id)))


def _read(search: Search, query: Document) -> list[Document]:
    body = {"query": query, "sort": OLDEST_FIRST, "track_total_hits": False}
    return search.pages(ALERT_EVENTS, body, MOST_EVENTS)


def usefulness(search: Search, start: datetime, end: datetime) -> Document:
    """Count the answers in [start, end): `acknowledged`, `useful`, `useless`, and median `seconds` to the first one."""
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
