"""How an alert is answered: an acknowledgement or a judgement becomes an event of the journal, once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts import model as alerts
from alerts.episodes import ACKNOWLEDGED, FEEDBACK, history_since, is_answer, patient_episodes
from alerts.model import Episode, Kind, State
from elastic.client import Search
from elastic.search import alert_events, latest
from elastic.search.alert_events import Appended

MOST_COLLISIONS: Final = 10


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

    reason: alerts.Reason
    note: str
    pause: timedelta


def open_episode(episodes: Iterable[Episode], kind: Kind) -> Episode:
    """The open episode of a kind; raise `NoOpenAlert`."""
    for episode in episodes:
        if episode.kind is kind and episode.is_open:
            return episode
    raise NoOpenAlert(kind)


def acknowledge(
    search: Search,
    patient_id: str,
    kind: Kind,
    given: Acknowledgement,
    person: Person,
    now: datetime,
    expected_interval: timedelta,
) -> Appended:
    """Answer the open alert of a patient; `Appended.winner` is whose answer stands. Raise `NoOpenAlert`."""
    episode = open_episode(patient_episodes(search, patient_id, now, expected_interval), kind)
    return _acknowledge(search, patient_id, episode, given, person, now)


def acknowledge_all(
    search: Search,
    patient_id: str,
    given: Acknowledgement,
    person: Person,
    now: datetime,
    expected_interval: timedelta,
) -> list[Appended]:
    """Answer all open alerts of a patient, those first that wait for it. Raise `NoOpenAlert`."""
    episodes = [one for one in patient_episodes(search, patient_id, now, expected_interval) if one.is_open]
    if not episodes:
        raise NoOpenAlert(patient_id)
    waiting = [one for one in episodes if one.is_unanswered]
    return [_acknowledge(search, patient_id, one, given, person, now) for one in waiting or episodes]


def _acknowledge(
    search: Search, patient_id: str, episode: Episode, given: Acknowledgement, person: Person, now: datetime
) -> Appended:
    if episode.state is State.ACKNOWLEDGED:
        since = history_since(now)
        earlier = alert_events.of_patients(search, [patient_id], since)
        return Appended(False, [one for one in earlier if is_answer(one, episode.kind)][-1])
    waited_since = episode.changed_at if episode.state is State.REMINDED else episode.raised_at
    event = _event(search, patient_id, episode, ACKNOWLEDGED, person, now) | {
        "reason": given.reason,
        "note": given.note,
        "until": (now + given.pause).isoformat(),
        "answered_after_s": round((now - waited_since).total_seconds(), 1),
    }
    return _append(search, event)


def give_feedback(search: Search, alert_id: str, useful: bool, person: Person, now: datetime) -> Appended:
    """Say of an alert, open or over, whether it was useful; raise ValueError for what is no alert id."""
    patient_id, kind, started_at = alerts.read_alert_id(alert_id)
    event = _base(patient_id, kind, started_at, person, now) | {"event": FEEDBACK, "useful": useful}
    return _append(search, event)


def _event(
    search: Search, patient_id: str, episode: Episode, name: str, person: Person, now: datetime
) -> dict[str, Any]:
    """An event with what the person saw: level, risk, pressures and model."""
    seen = latest.patient(search, patient_id) or {}
    shown = {
        "seen_level": episode.level,
        "seen_risk_6h": seen.get("critical_risk_6h"),
        "seen_systolic": seen.get("systolic"),
        "seen_diastolic": seen.get("diastolic"),
        "model_version": seen.get("model_version"),
    }
    return _base(patient_id, episode.kind, episode.started_at, person, now) | {"event": name, **shown}


def _base(patient_id: str, kind: Kind, started_at: datetime, person: Person, now: datetime) -> dict[str, Any]:
    return {
        "@timestamp": now.isoformat(),
        "alert_id": alerts.alert_id(patient_id, kind, started_at),
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
        result = alert_events.append(search, event | {"number": number + taken})
        if result.stored or event["event"] == result.winner.get("event") == ACKNOWLEDGED:
            return result
    return result
