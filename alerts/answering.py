"""Answering alerts: each answer is an event in the journal, which the alert service folds into the alert's document.

Whoever answers never writes an alert. The alert is read as it is at this moment, an event is appended under the next
number of each alert, all in one request, and then it is awaited for a while until the service has taken it in. Of two
people who answer at once the first one's event is there, and the second one is told whose.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from alerts.events import Event, answers, may_undo, standing
from alerts.model import AlertKind, Answer, AnswerReason, State
from elastic.client import Document, Search
from elastic.names import ALERTS, fit_id
from elastic.search import alert_events

MOST_COLLISIONS: Final = 10
PATIENCE: Final = timedelta(seconds=1.5)  # with the alert service, which looks twice a second
LOOK_EVERY_S: Final = 0.05
ANSWERS: Final = frozenset({Event.ACKNOWLEDGED, Event.SNOOZED})
RIVALS: Final[Mapping[Event, frozenset[Event]]] = {  # by which event of somebody else, said at once, one is beaten
    Event.ACKNOWLEDGED: ANSWERS,
    Event.SNOOZED: ANSWERS,
    Event.OWNED: frozenset({Event.OWNED}),
}


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


class Fate(StrEnum):
    """What became of what somebody said of one alert."""

    STORED = "stored"
    LATE = "late"  # somebody was quicker
    OVER = "over"  # the alert is over, or never was
    UNANSWERED = "unanswered"  # it waits for an acknowledgement, so there is nothing to snooze
    PAST = "past"  # nothing of this person to undo, or no longer


@dataclass(frozen=True)
class Outcome:
    """What became of it: of which alert, and whose event stands there since when, under which number."""

    alert_id: str
    fate: Fate
    by: str = ""
    at: datetime | None = None
    number: int = 0


@dataclass(frozen=True)
class Known:
    """An alert as it is at this moment, with what was said of it."""

    alert: Document
    events: Sequence[Document]

    @property
    def newest_number(self) -> int:
        """Return the number of the newest thing that was said of it."""
        return max((event["number"] for event in self.events if "number" in event), default=0)

    def answer(self, now: datetime) -> Answer | None:
        """Return the answer that silences it, even where the service has not taken it in yet; None: it waits."""
        if self.alert.get("number", 0) >= self.newest_number:
            is_answered = self.alert["state"] == State.ACKNOWLEDGED
            return msgspec.convert(self.alert["answer"], Answer, strict=False) if is_answered else None
        raised_at = datetime.fromisoformat(self.alert["raised_at"])
        given = answers(self.events, AlertKind(self.alert["kind"]))
        return next((answer for answer in given if answer.at >= raised_at and answer.until > now), None)


def read(search: Search, alert_ids: Iterable[str]) -> dict[str, Known]:
    """Return those of some alerts that there are, as they are at this moment."""
    ids = list(dict.fromkeys(alert_ids))
    found = {alert["alert_id"]: alert for alert in search.get_many(ALERTS, [fit_id(id_) for id_ in ids]).values()}
    said: dict[str, list[Document]] = defaultdict(list)
    for event in alert_events.of_alerts(search, found) if found else ():
        said[event["alert_id"]].append(event)
    return {id_: Known(found[id_], said[id_]) for id_ in ids if id_ in found}


def acknowledge(
    search: Search, alert_ids: Sequence[str], given: Acknowledgement, person: Person, now: datetime
) -> list[Outcome]:
    """Answer some alerts; an answer that silences one of them already stands."""

    def say(known: Known) -> Fate | Answer | Document:
        alert = known.alert
        waited_since = alert["changed_at"] if alert["state"] == State.REMINDED else alert["raised_at"]
        waited = now - datetime.fromisoformat(waited_since)
        said = {
            "reason": given.reason,
            "note": given.note,
            "until": (now + given.pause).isoformat(),
            "answered_after_s": round(waited.total_seconds(), 1),
            **_seen(alert),
        }
        return known.answer(now) or said

    return _say(search, Event.ACKNOWLEDGED, alert_ids, say, person, now)


def _seen(alert: Document) -> Document:
    """Return what the person had before the eyes who answers: the worst that was found, and how far refusals went."""
    worst = alert.get("worst", {})
    names = {"risk_6h": "seen_risk_6h", "systolic": "seen_systolic", "diastolic": "seen_diastolic"}
    seen = {name: worst[field] for field, name in names.items() if field in worst}
    if "model_version" in worst:
        seen["model_version"] = worst["model_version"]
    if alert["kind"] == AlertKind.ATTENTION:
        seen["seen_until"] = alert["met_at"]
    return {"seen_level": alert["level"], **seen}


def snooze(search: Search, alert_ids: Sequence[str], pause: timedelta, person: Person, now: datetime) -> list[Outcome]:
    """Let alerts that are acknowledged, or were until lately, keep silent for so long from now on."""

    def say(known: Known) -> Fate | Document:
        is_answered = known.answer(now) is not None or known.alert["state"] == State.REMINDED
        return {"until": (now + pause).isoformat()} if is_answered else Fate.UNANSWERED

    return _say(search, Event.SNOOZED, alert_ids, say, person, now)


def add_note(search: Search, alert_ids: Sequence[str], text: str, person: Person, now: datetime) -> list[Outcome]:
    """Remark something on alerts, open or over; they wait for an answer as before."""
    return _say(search, Event.NOTED, alert_ids, lambda _: {"note": text}, person, now, also_over=True)


def take_over(search: Search, alert_ids: Sequence[str], person: Person, now: datetime) -> list[Outcome]:
    """Take care of alerts from now on, whoever did so far; they wait for an answer as before."""
    return _say(search, Event.OWNED, alert_ids, lambda _: {}, person, now)


def give_feedback(
    search: Search, alert_ids: Sequence[str], useful: bool, person: Person, now: datetime
) -> list[Outcome]:
    """Say of alerts, open or over, whether they were useful."""
    return _say(search, Event.FEEDBACK, alert_ids, lambda _: {"useful": useful}, person, now, also_over=True)


def undo(search: Search, alert_ids: Sequence[str], person: Person, now: datetime) -> list[Outcome]:
    """Take back what this person said last of each alert, within a minute; an alert that this ended is open again."""

    def say(known: Known) -> Fate | Document:
        said = [event for event in standing(known.events) if may_undo(event, person.name, now)]
        return {"undone": said[-1]["number"]} if said else Fate.PAST

    return _say(search, Event.UNDONE, alert_ids, say, person, now, also_over=True)


def _say(
    search: Search,
    event: Event,
    alert_ids: Sequence[str],
    say: Callable[[Known], Fate | Answer | Document],
    person: Person,
    now: datetime,
    *,
    also_over: bool = False,
) -> list[Outcome]:
    """Append one event to each alert: what `say` returns of it, unless that is why there is nothing to be said.

    Of an answer of somebody else that is so because it was quicker.
    """
    found = read(search, alert_ids)
    outcomes: dict[str, Outcome] = {}
    drafts: list[Document] = []
    for id_ in dict.fromkeys(alert_ids):
        known = found.get(id_)
        if known is None or not (also_over or known.alert["is_open"]):
            outcomes[id_] = Outcome(id_, Fate.OVER)
            continue
        said = say(known)
        if isinstance(said, Fate):
            outcomes[id_] = Outcome(id_, said)
        elif isinstance(said, Answer):
            outcomes[id_] = Outcome(id_, Fate.LATE, said.by, said.at, said.number)
        else:
            drafts.append(_draft(known, event, person, now) | said)
    outcomes |= {outcome.alert_id: outcome for outcome in _append(search, drafts)}
    return [outcomes[id_] for id_ in dict.fromkeys(alert_ids)]


def _draft(known: Known, event: Event, person: Person, now: datetime) -> Document:
    """Return an event of an alert without what it says, under its next number."""
    subject: Document = {name: known.alert[name] for name in ("patient_id", "part") if name in known.alert}
    return {
        "@timestamp": now.isoformat(),
        "event": event,
        "alert_id": known.alert["alert_id"],
        "number": known.newest_number + 1,
        **subject,
        "kind": known.alert["kind"],
        "started_at": known.alert["started_at"],
        "by": person.name,
        "role": person.role,
    }


def _append(search: Search, drafts: Sequence[Document]) -> list[Outcome]:
    """Store events in one request; one whose number was just taken gives way to a rival, else it takes the next one."""
    done: list[Outcome] = []
    for _ in range(MOST_COLLISIONS):
        again: list[Document] = []
        for draft, result in zip(drafts, alert_events.append(search, drafts), strict=True):
            if not result.stored and result.winner["event"] not in RIVALS.get(draft["event"], ()):
                again.append(draft | {"number": draft["number"] + 1})
                continue
            fate, stands = Fate.STORED if result.stored else Fate.LATE, result.winner
            at = datetime.fromisoformat(stands["@timestamp"])
            done.append(Outcome(draft["alert_id"], fate, stands["by"], at, stands["number"]))
        drafts = again
    return [*done, *(Outcome(draft["alert_id"], Fate.LATE) for draft in drafts)]


def wait_until_shown(
    search: Search,
    outcomes: Iterable[Outcome],
    patience: timedelta = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], Any] = time.sleep,
) -> bool:
    """Wait until the alert service has taken in what was stored; tell whether it has."""
    awaited = {fit_id(each.alert_id): each.number for each in outcomes if each.fate is Fate.STORED}
    ends_at = clock() + patience.total_seconds()
    while awaited:
        alerts = search.get_many(ALERTS, list(awaited))
        awaited = {
            id_: number for id_, number in awaited.items() if id_ in alerts and alerts[id_].get("number", 0) < number
        }
        if awaited and clock() >= ends_at:
            return False
        if awaited:
            pause(LOOK_EVERY_S)
    return True
