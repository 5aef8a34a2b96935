"""Alerts of patients out of the store: what was found, what was answered, and how an answer is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from webapp import alerts
from webapp.alerts import Answer, Episode, Finding, Kind, State
from webapp.clinical import is_crisis, level_rank
from webapp.freshness import stale_after
from webapp.search import alert_events, latest, observations, predictions
from webapp.search.alert_events import Appended
from webapp.search.client import Search

Document = Mapping[str, Any]

HISTORY: Final = timedelta(hours=72)  # a latched alert expires after it
ACKNOWLEDGED: Final = "acknowledged"
FEEDBACK: Final = "feedback"
MOST_COLLISIONS: Final = 10
NOTHING: Final = Finding(datetime.min.replace(tzinfo=UTC), 0)


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


def history_since(now: datetime) -> datetime:
    """From when on findings are read; it moves once a day only, so that an alert keeps its start and its id."""
    return (now - HISTORY).replace(hour=0, minute=0, second=0, microsecond=0)


class Findings(NamedTuple):
    """What was found about one patient, oldest first."""

    predicted: list[Finding]
    measured: list[Finding]
    worst: list[Finding]  # the higher rank of both


def find(history: Sequence[Document], newest_reading: Document | None = None) -> Findings:
    """Findings of predictions (oldest first), and of a reading after them that is not scored yet."""
    predicted = [_predicted(one) for one in history]
    measured = _measured(history, newest_reading)
    both = zip_longest(predicted, measured, fillvalue=NOTHING)
    return Findings(
        predicted, measured, [replace(other, at=one.at, rank=max(one.rank, other.rank)) for other, one in both]
    )


def _predicted(prediction: Document) -> Finding:
    window, largest_gap = (
        timedelta(hours=prediction.get(name, 0.0)) for name in ("window_hours", "window_largest_gap_hours")
    )
    return Finding(known_at(prediction), level_rank(prediction["alert_level"]), window, largest_gap)


def fold_findings(
    findings: Findings, events: Sequence[Document], now: datetime, expected_interval: timedelta
) -> list[Episode]:
    """All episodes of one patient, by kind."""
    return [
        episode
        for kind, found in _by_kind(findings, now, expected_interval).items()
        for episode in alerts.fold(kind, found, answers_of(events, kind), now)
    ]


def _by_kind(findings: Findings, now: datetime, expected_interval: timedelta) -> dict[Kind, list[Finding]]:
    return {
        Kind.PREDICTED: findings.predicted,
        Kind.MEASURED: findings.measured,
        Kind.TECHNICAL: alerts.silences(findings.worst, stale_after(expected_interval), now),
    }


def answers_of(events: Iterable[Document], kind: Kind) -> list[Answer]:
    """The acknowledgements of a kind among a patient's events."""
    return [_answer(event) for event in events if _answers(event, kind)]


def known_at(document: Document) -> datetime:
    """When a reading was taken; a time in the future is replaced by when it was scored or stored."""
    noted = document.get("scored_at") or document.get("ingested_at") or document["@timestamp"]
    return min(datetime.fromisoformat(document["@timestamp"]), datetime.fromisoformat(noted))


def _measured(history: Sequence[Document], newest_reading: Document | None) -> list[Finding]:
    """One finding for each prediction's newest reading, and one for a reading after all of them."""
    unscored = newest_reading and (not history or newest_reading["@timestamp"] > history[-1]["@timestamp"])
    readings = [*history, newest_reading] if unscored and newest_reading else history
    return [Finding(known_at(one), _crisis_rank(one)) for one in readings]


def _crisis_rank(reading: Document) -> int:
    return alerts.CRITICAL_RANK if is_crisis(reading.get("systolic"), reading.get("diastolic")) else 0


def _answers(event: Document, kind: Kind) -> bool:
    return bool(event["event"] == ACKNOWLEDGED and event["kind"] == kind)


def _answer(event: Document) -> Answer:
    at, until = (datetime.fromisoformat(event[name]) for name in ("@timestamp", "until"))
    return Answer(at, until, event["by"], event["reason"], event.get("note", ""))


def patient_episodes(search: Search, patient_id: str, now: datetime, expected_interval: timedelta) -> list[Episode]:
    """The episodes of a patient's last three days, oldest first by kind."""
    since = history_since(now)
    history = predictions.histories(search, [patient_id], since)[patient_id]
    events = alert_events.of_patients(search, [patient_id], since)
    newest = observations.newest(search, [patient_id], since).get(patient_id)
    return fold_findings(find(history, newest), events, now, expected_interval)


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
        return Appended(False, [one for one in earlier if _answers(one, episode.kind)][-1])
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
