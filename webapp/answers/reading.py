"""What people send to answer alerts, read and checked; what is wrong is told with the field that it is in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from werkzeug.datastructures import MultiDict

from alerts.answering import Acknowledgement
from alerts.model import PAUSES_MIN, USUAL_PAUSE_MIN, AnswerReason
from webapp.i18n import N_

MOST_NOTE: Final = 280
MOST_ALERTS: Final = 50  # of one patient; nobody reads a longer list


class Act(StrEnum):
    """What somebody does with alerts."""

    ACKNOWLEDGE = "acknowledge"
    SNOOZE = "snooze"
    NOTE = "note"
    OWN = "own"
    UNDO = "undo"


class AnswerError(ValueError):
    """Something is wrong with a field; the text is for people, a message id."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field, self.text = field, text


@dataclass(frozen=True)
class Request:
    """What somebody wants: to do what, with which alerts, and with which words."""

    act: Act
    alert_ids: list[str]
    given: Acknowledgement


def read_request(form: MultiDict[str, str]) -> Request:
    """Return what the fields of a form ask for; raise `AnswerError`."""
    act, note = form.get("act", Act.ACKNOWLEDGE), form.get("note", "").strip()
    reason, pause = form.get("reason", AnswerReason.SEEN), form.get("pause", str(USUAL_PAUSE_MIN))
    alert_ids = form.getlist("alert_id")
    if act not in list(Act):
        raise AnswerError("act", N_("Choose what to do."))
    if not 0 < len(alert_ids) <= MOST_ALERTS:
        raise AnswerError("alert_id", N_("Choose at least one alert."))
    if len(note) > MOST_NOTE:
        raise AnswerError("note", N_("A note has at most 280 characters."))
    if act == Act.NOTE and not note:
        raise AnswerError("note", N_("Write the note first."))
    if reason not in list(AnswerReason):
        raise AnswerError("reason", N_("Choose a reason."))
    if pause not in map(str, PAUSES_MIN):
        raise AnswerError("pause", N_("Choose for how long."))
    return Request(Act(act), alert_ids, Acknowledgement(AnswerReason(reason), note, timedelta(minutes=int(pause))))
