"""How measured crises came from the device to the board: when each was received, stored, scored, raised and shown.

The times are in the documents of its reading and prediction, and in the journal of alerts: `written_at` of *raised* is
when the alert service noted it, *shown* when it first stood on somebody's board.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from elastic.client import Document, Search
from elastic.names import ALERT_EVENTS, OBSERVATIONS, PREDICTIONS, months_between
from elastic.search.alert_events import SHOWN
from elastic.search.queries import all_of, between, term, terms

MOST: Final = 200
OLDEST_READING: Final = timedelta(days=3)  # that raises an alert when it comes late
RAISED: Final = "raised"


class Passage(NamedTuple):
    """The times of one crisis; None where it has not come so far, or an earlier release has not kept it."""

    measured_at: datetime
    received_at: datetime | None = None  # by Kafka
    stored_at: datetime | None = None
    scored_at: datetime | None = None
    raised_at: datetime | None = None
    shown_at: datetime | None = None


def newest(search: Search, since: datetime, now: datetime) -> list[Passage]:
    """Return the passages of the newest crises that were raised since then, oldest first."""
    query = all_of(term("event", RAISED), term("kind", "measured"), between("@timestamp", since))
    body = {"size": MOST, "query": query, "sort": [{"@timestamp": "desc"}], "track_total_hits": False}
    raised = search.page(ALERT_EVENTS, body).documents[::-1]
    if not raised:
        return []
    readings = _by_instant(search, OBSERVATIONS, raised, now)
    predictions = _by_instant(search, PREDICTIONS, raised, now)
    seen = all_of(term("event", SHOWN), terms("alert_id", sorted({event["alert_id"] for event in raised})))
    shown = {event["alert_id"]: event for event in search.page(ALERT_EVENTS, {"size": MOST, "query": seen}).documents}
    passages = []
    for event in raised:
        patient_id, measured_at = _instant(event, "started_at")
        reading, prediction = (documents.get((patient_id, measured_at)) for documents in (readings, predictions))
        passages.append(
            Passage(
                measured_at,
                received_at=_time(reading, "received_at"),
                stored_at=_time(reading, "ingested_at"),
                scored_at=_time(prediction, "scored_at"),
                raised_at=_time(event, "written_at"),
                shown_at=_time(shown.get(event["alert_id"]), "@timestamp"),
            )
        )
    return passages


def _by_instant(
    search: Search, family: str, raised: Sequence[Document], now: datetime
) -> dict[tuple[str, datetime], Document]:
    """Return the documents of the readings that raised alerts, by patient and instant."""
    patients, times = ({event[name] for event in raised} for name in ("patient_id", "started_at"))
    query = all_of(terms("patient_id", sorted(patients)), terms("@timestamp", sorted(times)))
    index = months_between(family, now - OLDEST_READING, now)
    found = search.page(index, {"size": MOST * 2, "query": query, "track_total_hits": False}).documents
    return {_instant(document, "@timestamp"): document for document in found}


def _instant(document: Mapping[str, Any], field: str) -> tuple[str, datetime]:
    return document["patient_id"], datetime.fromisoformat(document[field])


def _time(document: Mapping[str, Any] | None, field: str) -> datetime | None:
    """Return a time of a document, None where there is no such document, or it does not tell."""
    told = document.get(field) if document else None
    return datetime.fromisoformat(told) if told else None
