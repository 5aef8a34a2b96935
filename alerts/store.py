"""The alerts in Elasticsearch as the service keeps them: read with their versions, written only over what was read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from alerts.documents import WITHOUT_PATIENT, subject_of, to_document, to_episode
from alerts.events import owner
from alerts.lifecycle import happenings
from alerts.model import AlertKind, Episode, alert_id
from alerts.replay import Change, Stored
from alerts.rules import Rules
from conf.times import iso
from elastic.bulk import Operation, write
from elastic.client import Query, Search, refresh
from elastic.names import ALERT_EVENTS, ALERTS, fit_id, step_event_id
from elastic.search import wards
from elastic.search.queries import all_of, any_of, between, term, terms

ORDER: Final[list[Any]] = [{"started_at": "asc"}, {"alert_id": "asc"}]
MOST_ALERTS: Final = 100_000


@dataclass(frozen=True)
class Said:
    """Whom an alert is about, who takes care of it, and the number of the newest of people's events that is known.

    What is not known, because only news were read, stays as it is stored.
    """

    subject: str
    owner: str | None = None
    number: int = 0


def said_of(subject: str, events: Sequence[Mapping[str, Any]], alert: Episode) -> Said:
    """Return what people have said of an alert, out of events of whom it is about."""
    id_ = alert_id(subject, alert.kind, alert.started_at)
    numbers = [event["number"] for event in events if event["alert_id"] == id_ and event.get("number")]
    end = None if alert.is_open else alert.changed_at
    return Said(subject, owner(events, alert.kind, alert.started_at, end), max(numbers, default=0))


def touched_by(search: Search, earliest: Mapping[str, datetime]) -> dict[str, list[Stored]]:
    """Return the alerts, by patient, that are open or ended at the patient's earliest change or later."""
    if not earliest:
        return {}
    overlapping = any_of(term("is_open", True), between("ended_at", min(earliest.values())) or {})
    found = _read(search, all_of(terms("patient_id", earliest), overlapping))
    return {
        id_: [it for it in alerts if it.episode.is_open or it.episode.changed_at >= earliest[id_]]
        for id_, alerts in found.items()
    }


def due(search: Search, now: datetime) -> dict[str, list[Stored]]:
    """Return the open alerts, by whom they are about, that time alone has changed by now."""
    return _read(search, all_of(term("is_open", True), {"range": {"due_at": {"lte": now.isoformat()}}}))


def open_of_kind(search: Search, kind: AlertKind, patient_ids: Iterable[str] | None = None) -> dict[str, list[Stored]]:
    """Return the open alerts of a kind, of all or of these patients, by whom they are about."""
    whose = None if patient_ids is None else terms("patient_id", patient_ids)
    return _read(search, all_of(term("is_open", True), term("kind", kind), whose))


def with_ids(search: Search, alert_ids: Iterable[str]) -> dict[str, list[Stored]]:
    """Return the alerts of these ids, open or not, by whom they are about."""
    return _read(search, all_of(terms("alert_id", alert_ids)))


def _read(search: Search, query: Query) -> dict[str, list[Stored]]:
    found: dict[str, list[Stored]] = defaultdict(list)
    body = {"query": query, "sort": ORDER, "track_total_hits": False, "seq_no_primary_term": True}
    for hit in search.hits(ALERTS, body, MOST_ALERTS):
        document, version = hit["_source"], (hit["_seq_no"], hit["_primary_term"])
        found[subject_of(document)].append(
            Stored(
                to_episode(document), version, document.get("number", 0), document.get("owner"), document.get("ward")
            )
        )
    return found


def put(search: Search, changes: Iterable[tuple[Said, Change]], rules: Rules, now: datetime) -> set[str]:
    """Write changes, the journal first; return whose alerts others have changed meanwhile, to be looked at again.

    What happened to an alert is in the journal before the alert says so: after a death in between, the same change is
    found again, and its events are there already.
    """
    found = list(changes)
    if not found:
        return set()
    events = [event for said, change in found for event in events_of(said.subject, change, rules)]
    noted_at = {"written_at": iso(datetime.now(UTC))}  # not that of the turn: it tells how soon something was noted
    write(search.client, [_create(event | noted_at) for event in events])
    lying = wards.of_patients(search, (said.subject for said, change in found if not change.before))
    stored = write(
        search.client, [_operation(said, change, rules, now, lying.get(said.subject, {})) for said, change in found]
    )
    refresh(search.client, ALERTS)
    return {said.subject for (said, _), done in zip(found, stored, strict=True) if not done}


def _operation(said: Said, change: Change, rules: Rules, now: datetime, stay: Mapping[str, Any]) -> Operation:
    before = change.before
    document = to_document(said.subject, change.after, rules.terms(change.after.kind))
    more = {
        "owner": said.owner or (before and before.owner),
        "number": max(said.number, before.number if before else 0),
        "ward": before.ward if before else stay.get("ward"),
        "written_at": now.isoformat(),
    }
    if change.joined_to:
        more["joined_to"] = alert_id(said.subject, change.joined_to.kind, change.joined_to.started_at)
    body = msgspec.json.encode(document | {name: value for name, value in more.items() if value})
    id_ = fit_id(document["alert_id"])
    return Operation("index", ALERTS, id_, body, before.version) if before else Operation("create", ALERTS, id_, body)


def events_of(subject: str, change: Change, rules: Rules) -> list[dict[str, Any]]:
    """Return what the journal notes of a change, step by step."""
    terms = rules.terms(change.after.kind)
    return [
        _event(subject, after, event, at)
        for before, after in change.steps
        for event, at in happenings((before, after), terms)
    ]


def _event(subject: str, episode: Episode, event: str, at: datetime) -> dict[str, Any]:
    return {
        "@timestamp": at.isoformat(),
        "event": str(event),
        "alert_id": alert_id(subject, episode.kind, episode.started_at),
        ("part" if episode.kind in WITHOUT_PATIENT else "patient_id"): subject,
        "kind": episode.kind,
        "started_at": episode.started_at.isoformat(),
        "level": episode.level,
        **({"why": episode.why} if episode.why else {}),
    }


def _create(event: Mapping[str, Any]) -> Operation:
    """Return the writing of an event under an id of its content, so that it is noted once however often it is found."""
    id_ = step_event_id(event["alert_id"], event["event"], datetime.fromisoformat(event["@timestamp"]))
    return Operation("create", ALERT_EVENTS, id_, msgspec.json.encode(event))


def chunks(ids: Iterable[str], size: int) -> list[list[str]]:
    """Return ids in an order of their own, cut to what one search takes."""
    ordered = sorted(ids)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]
