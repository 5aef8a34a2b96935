"""What the form shows of the alerts that it answers, and the sentence that tells what became of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from alerts.answering import Fate, Known, Outcome
from alerts.events import Event, may_undo, standing
from alerts.model import State
from webapp.answers.reading import Act
from webapp.i18n import N_, age, gettext

DONE: Final[Mapping[Act, str]] = {
    Act.ACKNOWLEDGE: N_("Acknowledged."),
    Act.SNOOZE: N_("Silent for the time chosen."),
    Act.NOTE: N_("The note is kept."),
    Act.OWN: N_("You take care of it now."),
    Act.UNDO: N_("Taken back."),
}
REFUSED: Final[Mapping[Fate, str]] = {
    Fate.OVER: N_("There is no open alert of this patient any more."),
    Fate.UNANSWERED: N_("Nobody has acknowledged this alert yet: acknowledge it first."),
    Fate.PAST: N_("There is nothing that you could take back any more: one minute is over."),
}
STATUSES: Final[Mapping[Fate, int]] = {
    Fate.STORED: 200,
    Fate.LATE: 409,
    Fate.UNANSWERED: 409,
    Fate.PAST: 409,
    Fate.OVER: 404,
}


def form_view(found: Sequence[Known], person: str, now: datetime) -> dict[str, Any]:
    """Return what the form shows of alerts: those chosen at first are those that wait for an answer, or else all."""
    given = {each.alert["alert_id"]: each.answer(now) for each in found}
    waiting = [id_ for id_, answer in given.items() if answer is None]
    return {
        "alerts": [
            {
                "alert": each.alert,
                "answer": given[each.alert["alert_id"]],
                "is_chosen": not waiting or each.alert["alert_id"] in waiting,
                "notes": [event for event in standing(each.events) if event["event"] == Event.NOTED],
            }
            for each in found
        ],
        "is_waiting": bool(waiting),
        "may_snooze": any(given.values()) or any(each.alert["state"] == State.REMINDED for each in found),
        "undoable": undoable(found, person, now),
    }


def undoable(found: Sequence[Known], person: str, now: datetime) -> list[str]:
    """Return the ids of alerts of which this person may still take back something."""
    return [
        each.alert["alert_id"] for each in found if any(may_undo(event, person, now) for event in standing(each.events))
    ]


def weightiest(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcome that a request is told by: what was stored, else whose answer stands, else why not."""
    return min(outcomes, key=lambda outcome: list(STATUSES).index(outcome.fate))


def sentence(act: Act, outcome: Outcome, *, is_shown: bool) -> str:
    """Tell what became of an answer."""
    if outcome.fate is Fate.LATE:
        values = {"name": outcome.by or gettext("somebody else"), "age": age(outcome.at)}
        if act is Act.OWN:
            return gettext("%(name)s has just taken this over, %(age)s.", **values)
        return gettext("Already acknowledged by %(name)s, %(age)s.", **values)
    if outcome.fate is not Fate.STORED:
        return gettext(REFUSED[outcome.fate])
    text = gettext(DONE[act])
    later = gettext("Noted; shown as soon as the alert service runs.")
    return text if is_shown else f"{text} {later}"
