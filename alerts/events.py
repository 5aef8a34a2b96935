"""The journal of alerts, read: what people have said of a patient's alerts, as far as it stands. Pure.

An event is said of one alert under a number of its own, and what it means is found by its *time*: a late reading may
move the beginning of an alert, and with it the id, after somebody has answered it. Nothing here goes by the order in
which events are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from alerts.model import AlertKind, Answer, AnswerReason

Document = Mapping[str, Any]
Known = TypeVar("Known", bound=Document)

UNDO_WITHIN: Final = timedelta(minutes=1)


class Event(StrEnum):
    """What an event of the journal says."""

    # said by people, of one alert
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"  # the answer that runs is to last longer; after it has run out, it is one of its own
    NOTED = "noted"
    OWNED = "owned"  # who says so takes care of it from now on
    UNDONE = "undone"
    FEEDBACK = "feedback"
    # said by people, of a patient
    LIMITS = "limits"
    SURVEILLANCE_ENDED = "surveillance_ended"
    SURVEILLANCE_RESUMED = "surveillance_resumed"
    # noted by the site
    SHOWN = "shown"  # it first stood on somebody's board
    # said by the service
    RAISED = "raised"
    ESCALATED = "escalated"
    REMINDED = "reminded"
    LATCHED = "latched"
    RESOLVED = "resolved"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    NOTIFIED = "notified"  # somebody was told of it by a message


UNDOABLE: Final = frozenset({Event.ACKNOWLEDGED, Event.SNOOZED, Event.NOTED, Event.OWNED})


def standing(events: Iterable[Known]) -> list[Known]:
    """Return the events that stand, oldest first: neither what was undone nor the undoing."""
    known = sorted(events, key=lambda event: (_at(event), *_place(event)))
    said = {_place(event): event for event in known}
    undone = {
        key
        for event in known
        if event["event"] == Event.UNDONE
        and (key := (event["alert_id"], event["undone"])) in said
        and may_undo(said[key], event["by"], _at(event))
    }
    return [event for event in known if event["event"] != Event.UNDONE and _place(event) not in undone]


def _place(event: Document) -> tuple[str, int]:
    """Return alert and number of an event; of what people say of a patient, or the service, neither or no number."""
    return event.get("alert_id", ""), event.get("number", 0)


def may_undo(event: Document, by: str, at: datetime) -> bool:
    """Tell whether somebody may take back an event at a moment: within a minute, and only what they said themselves."""
    is_in_time = timedelta(0) <= at - _at(event) <= UNDO_WITHIN
    return event["event"] in UNDOABLE and event["by"] == by and is_in_time


def answers(events: Iterable[Document], kind: AlertKind) -> list[Answer]:
    """Return the answers to a patient's alerts of one kind that stand, oldest first, each as long as it was snoozed.

    `Answer.number` is that of the last event which made it what it is. Whoever snoozes an alert has seen it: where no
    answer runs, because it ran out or was undone, that is an answer of its own, for the reason given last.
    """
    found: list[Answer] = []
    for event in standing(events):
        if event.get("kind") != kind:
            continue
        if event["event"] == Event.ACKNOWLEDGED:
            found.append(answer_of(event))
        elif event["event"] == Event.SNOOZED:
            found = _snooze(found, event)
    return found


def _snooze(found: list[Answer], event: Document) -> list[Answer]:
    """Return the answers with those that run at a snooze made to last as long as it says, or with it as the newest."""
    at, until = _at(event), datetime.fromisoformat(event["until"])
    if any(answer.until > at for answer in found):
        return [
            replace(answer, until=max(answer.until, until), number=event["number"]) if answer.until > at else answer
            for answer in found
        ]
    reason = found[-1].reason if found else AnswerReason.SEEN
    return [*found, Answer(at, until, event["by"], reason, number=event["number"])]


def answer_of(event: Document) -> Answer:
    """Return the answer that an acknowledgement gave."""
    until = datetime.fromisoformat(event["until"])
    return Answer(_at(event), until, event["by"], event["reason"], event.get("note", ""), event["number"])


def owner(events: Iterable[Document], kind: AlertKind, start: datetime, end: datetime | None = None) -> str | None:
    """Return who took over last, of an alert of this kind that lasted from `start` to `end` (None: it is open)."""
    taken = [
        event["by"]
        for event in standing(events)
        if event["event"] == Event.OWNED
        and event.get("kind") == kind
        and start <= _at(event)
        and (end is None or _at(event) <= end)
    ]
    return taken[-1] if taken else None


def usefulness(events: Iterable[Document]) -> dict[str, bool]:
    """Return of alerts, by id, whether they were useful, as somebody said last."""
    return {event["alert_id"]: event["useful"] for event in standing(events) if event["event"] == Event.FEEDBACK}


def _at(event: Document) -> datetime:
    return datetime.fromisoformat(event["@timestamp"])
