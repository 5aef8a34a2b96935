"""The append-only journal of alerts: who acknowledged what, why and for how long, and whether it was useful.

One plain index, so that an id is unique and created once. Two people who answer the same alert at the same time write
the same id; the first one wins and the second one is shown who that was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from elastic.client import CONFLICT_STATUS, Document, Search, SearchUnavailable, answering
from elastic.names import ALERT_EVENTS, alert_event_id, fit_id, patient_event_id
from elastic.schema import put_templates
from elastic.search.queries import all_of, between, term, terms

OLDEST_FIRST: Final[list[Any]] = [{"@timestamp": "asc"}, {"event": "asc"}]
MOST_EVENTS: Final = 10_000
SHOWN: Final = "shown"  # an event that measures us, and says nothing of the alert: readers do not get it


@dataclass(frozen=True)
class Appended:
    """What became of an event: stored, or beaten by the `winner` that bears its id."""

    stored: bool
    winner: Document


def append(search: Search, events: Sequence[Document]) -> list[Appended]:
    """Store events, each once and for all, in one request and visible to the next search; answer in their order.

    An event is of an alert (`alert_id`, `number`) or of a patient (`patient_id`).
    """
    if not events:
        return []
    ids = [_id(event) for event in events]
    lines = [line for id_, event in zip(ids, events, strict=True) for line in ({"create": {"_id": id_}}, event)]
    with answering():
        client = search.client.options(request_timeout=search.timeout_s)
        if not client.indices.exists(index=ALERT_EVENTS):
            put_templates(search.client)  # for a strict mapping; the stream has put them unless it never ran
        items = [item["create"] for item in client.bulk(index=ALERT_EVENTS, operations=lines, refresh=True)["items"]]
    faults = [item["error"] for item in items if "error" in item and item["status"] != CONFLICT_STATUS]
    if faults:
        raise SearchUnavailable(f"Elasticsearch could not store an event ({faults[0]}). Try again in a moment.")
    winners = search.get_many(ALERT_EVENTS, [item["_id"] for item in items if item["status"] == CONFLICT_STATUS])
    return [Appended(id_ not in winners, winners.get(id_, event)) for id_, event in zip(ids, events, strict=True)]


def _id(event: Mapping[str, Any]) -> str:
    """Return the id of an event: one number of an alert, or one moment of a patient."""
    if "alert_id" in event:
        return alert_event_id(event["alert_id"], event["number"])
    return patient_event_id(event["patient_id"], event["event"], datetime.fromisoformat(event["@timestamp"]))


def note_shown(search: Search, alerts: Iterable[Mapping[str, Any]], at: datetime) -> None:
    """Note that alerts, given as their documents, stood on a board at that time; the first such note stays."""
    lines: list[Document] = []
    for alert in alerts:
        about = {
            name: alert[name] for name in ("alert_id", "patient_id", "part", "kind", "started_at") if name in alert
        }
        lines += [{"create": {"_id": fit_id(f"{alert['alert_id']}-{SHOWN}")}}]
        lines += [{"@timestamp": at.isoformat(), "event": SHOWN, **about}]
    with answering():
        search.client.options(request_timeout=search.timeout_s).bulk(index=ALERT_EVENTS, operations=lines)


def of_patients(search: Search, patient_ids: Iterable[str], since: datetime) -> list[Document]:
    """Return the events of these patients since then, oldest first."""
    ids = sorted(set(patient_ids))
    return _read(search, all_of(terms("patient_id", ids), between("@timestamp", since))) if ids else []


def of_alert(search: Search, alert_id: str) -> list[Document]:
    """Return all events of one alert, oldest first."""
    return _read(search, all_of(term("alert_id", alert_id)))


def of_alerts(search: Search, alert_ids: Iterable[str]) -> list[Document]:
    """Return all events of some alerts, oldest first."""
    return _read(search, all_of(terms("alert_id", sorted(set(alert_ids)))))


def since(search: Search, start: datetime, events: Iterable[str]) -> list[Document]:
    """Return the events of some names since then, oldest first."""
    return _read(search, all_of(between("@timestamp", start), terms("event", events)))


def _read(search: Search, query: Document) -> list[Document]:
    said = all_of(query, without=[term("event", SHOWN)])
    body = {"query": said, "sort": OLDEST_FIRST, "track_total_hits": False}
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
