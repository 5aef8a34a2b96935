"""Alerts in Elasticsearch: the episodes that come of stored histories, and the journal of what people answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts import attention, lifecycle
from alerts.episodes import ACKNOWLEDGED, FEEDBACK, find, fold, history_since, is_answer, last_found, with_newest
from alerts.model import AlertKind, AnswerReason, Episode, Refusal, State, alert_id, read_alert_id
from conf.clinical import ALERT_RISK_FIELD
from elastic.client import After, Document, Search
from elastic.search import alert_events, latest, observations, predictions, rejected
from elastic.search.alert_events import Appended

MOST_COLLISIONS: Final = 10
MOST_PATIENTS: Final = 100  # whose histories are read for one page of alerts that are over


class NoOpenAlert(LookupError):  # noqa: N818 - an answer to a question, not a fault
    """The alert that somebody answers is over, or never was."""


@dataclass(frozen=True)
class Person:
    """Who answers."""

    name: str
    role: str


@dataclass(frozen=True)
class Acknowledgement:
    """What somebody answers: why, with which note, and for how long the alert keeps silent."""

    reason: AnswerReason
    note: str
    pause: timedelta


def episodes_of_patient(search: Search, patient_id: str, now: datetime, expected_interval: timedelta) -> list[Episode]:
    """Return the episodes of a patient's last three days, oldest first by kind."""
    newest = {patient_id: latest.patient(search, patient_id)}
    return [episode for _, episode in episodes_of_patients(search, newest, now, expected_interval)]


def episodes_of_patients(
    search: Search, newest: Mapping[str, Mapping[str, Any] | None], now: datetime, expected_interval: timedelta
) -> Iterator[tuple[str, Episode]]:
    """Yield the episodes of the last three days of several patients; `newest` holds their newest predictions."""
    ids, since = sorted(newest), history_since(now)
    if not ids:
        return
    histories = predictions.histories(search, ids, since)
    readings = observations.newest(search, ids, now, since)
    crises = observations.crisis_readings(search, since, now, ids)
    events = events_of_patients(search, ids, since)
    refused = by_patient(_unusable(search, since, now, ids))
    for id_ in ids:
        history = with_newest(histories.get(id_, []), newest[id_], since)
        findings = find(history, readings.get(id_), crises.get(id_, ()))
        episodes = fold(findings, events[id_], now, expected_interval)
        for episode in lifecycle.settle([*episodes, *attention.fold(refused[id_], events[id_])], now):
            yield id_, episode


def attention_of_all(search: Search, now: datetime) -> tuple[list[tuple[str, Episode]], list[Refusal]]:
    """Return the open alerts of refused readings, by patient, and the refusals that name no known patient.

    Three searches, however many patients there are; in a flood one more, see `rejected.attention`.
    """
    since = history_since(now)
    found = _unusable(search, since, now)
    named = by_patient(document for document in found if document.get("patient_id"))
    events = events_of_patients(search, named, since)
    alerts = [
        (id_, episode)
        for id_, documents in named.items()
        for episode in lifecycle.settle(attention.fold(documents, events[id_]), now)
        if episode.is_open
    ]
    return alerts, attention.recent(document for document in found if not document.get("patient_id"))


def _unusable(
    search: Search, since: datetime, now: datetime, patient_ids: Iterable[str] | None = None
) -> list[Document]:
    """Return what sounds like a crisis but is none of now: refused since then, or stored with a time in the future."""
    ahead = observations.crises_ahead(search, now, patient_ids)
    return [*rejected.attention(search, since, patient_ids), *map(attention.of_future, ahead)]


def by_patient(documents: Iterable[Document]) -> Mapping[str, list[Document]]:
    """Return documents by patient in their order, [] for who has none."""
    grouped: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        grouped[document["patient_id"]].append(document)
    return grouped


def events_of_patients(search: Search, patient_ids: Iterable[str], since: datetime) -> Mapping[str, list[Document]]:
    """Return the events of these patients since then by patient, oldest first, [] for who has none."""
    return by_patient(alert_events.of_patients(search, patient_ids, since))


def ended(
    search: Search,
    start: datetime,
    end: datetime,
    now: datetime,
    expected_interval: timedelta,
    after: After | None = None,
) -> tuple[list[tuple[str, Episode]], After | None]:
    """Return the alerts that are over and whose condition was last found in [start, end), and where the next page is.

    Pages go by patient, each of them on one page; on a page, the alert comes first whose condition went last. A page
    can be empty and yet not the last: of patients who alerted in this time, all alerts may still be open.
    """
    found = predictions.alerting_patients(search, start, end, MOST_PATIENTS, after)
    ids = [document["patient_id"] for document in found.documents]
    newest = dict.fromkeys(ids) | latest.of_patients(search, ids)
    over = [
        (id_, episode)
        for id_, episode in episodes_of_patients(search, newest, now, expected_interval)
        if not episode.is_open and start <= last_found(episode, expected_interval) < end
    ]
    return sorted(over, key=lambda pair: pair[1].met_at, reverse=True), found.after


def acknowledge(
    search: Search,
    patient_id: str,
    given: Acknowledgement,
    person: Person,
    now: datetime,
    expected_interval: timedelta,
    kind: AlertKind | None = None,
) -> list[Appended]:
    """Answer a patient's open alerts, those first that wait for it, or the one of a kind; raise `NoOpenAlert`.

    `Appended.winner` is whose answer stands.
    """
    episodes = episodes_of_patient(search, patient_id, now, expected_interval)
    unended = [episode for episode in episodes if episode.is_open and kind in (None, episode.kind)]
    if not unended:
        raise NoOpenAlert(patient_id)
    waiting = [episode for episode in unended if episode.is_unanswered]
    return [_acknowledge(search, patient_id, episode, given, person, now) for episode in waiting or unended]


def _acknowledge(
    search: Search, patient_id: str, episode: Episode, given: Acknowledgement, person: Person, now: datetime
) -> Appended:
    """Store an answer with what the person saw; an earlier one that still silences the alert stands."""
    if episode.state is State.ACKNOWLEDGED:
        earlier = alert_events.of_patients(search, [patient_id], history_since(now))
        return Appended(False, [event for event in earlier if is_answer(event, episode.kind)][-1])
    waited_since = episode.changed_at if episode.state is State.REMINDED else episode.raised_at
    seen = latest.patient(search, patient_id) or {}
    event = _event(ACKNOWLEDGED, patient_id, episode.kind, episode.started_at, person, now) | {
        "reason": given.reason,
        "note": given.note,
        "until": (now + given.pause).isoformat(),
        "answered_after_s": round((now - waited_since).total_seconds(), 1),
        "seen_level": episode.level,
        "seen_risk_6h": seen.get(ALERT_RISK_FIELD),
        "seen_systolic": seen.get("systolic"),
        "seen_diastolic": seen.get("diastolic"),
        "model_version": seen.get("model_version"),
    }
    if episode.kind is AlertKind.ATTENTION:
        event["seen_until"] = episode.met_at.isoformat()
    return _append(search, event)


def give_feedback(search: Search, alert: str, useful: bool, person: Person, now: datetime) -> Appended:
    """Say of an alert, open or over, whether it was useful; raise ValueError for what is no alert id."""
    return _append(search, _event(FEEDBACK, *read_alert_id(alert), person, now) | {"useful": useful})


def _event(
    event: str, patient_id: str, kind: AlertKind, started_at: datetime, person: Person, now: datetime
) -> dict[str, Any]:
    return {
        "@timestamp": now.isoformat(),
        "event": event,
        "alert_id": alert_id(patient_id, kind, started_at),
        "patient_id": patient_id,
        "kind": kind,
        "started_at": started_at.isoformat(),
        "by": person.name,
        "role": person.role,
    }


def _append(search: Search, event: dict[str, Any]) -> Appended:
    """Store an event under the next number; only an acknowledgement gives way to another acknowledgement."""
    number = len(alert_events.of_alert(search, event["alert_id"])) + 1
    for taken in range(MOST_COLLISIONS):
        (result,) = alert_events.append(search, [event | {"number": number + taken}])
        if result.stored or event["event"] == result.winner.get("event") == ACKNOWLEDGED:
            return result
    return result
