"""What an alert is: one *episode* of a patient and a kind, what was found, what was answered, and its id.

How one becomes the next is in `alerts.lifecycle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from conf.clinical import ALERT_LEVELS

CRITICAL_RANK: Final = len(ALERT_LEVELS) - 1
STALE: Final = "STALE"  # the level of silence, which is none of the four
PAUSES_MIN: Final = (15, 30, 60)  # that the site offers; a program may ask for any time between
USUAL_PAUSE_MIN: Final = 30
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=min(PAUSES_MIN)), timedelta(minutes=max(PAUSES_MIN))


class AlertKind(StrEnum):
    """What an alert is about."""

    MEASURED = "measured"  # a reading in crisis
    LIMIT = "limit"  # a reading beyond the limits that a clinician set for this patient
    LOW = "low"  # a reading of low pressure
    PREDICTED = "predicted"  # the 6 h risk
    ATTENTION = "attention"  # refused, but sounds like a crisis; see `alerts.attention`
    SILENCE = "silence"  # no reading of a patient any more
    FEED = "feed"  # no reading of anybody any more
    SYSTEM = "system"  # a part gives no sign of life, or the model does not fit


class State(StrEnum):
    """Where an episode stands."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    REMINDED = "reminded"  # the acknowledgement ran out and the condition persists
    LATCHED = "latched"  # the condition of a critical alert went away unseen
    RESOLVED = "resolved"
    EXPIRED = "expired"  # latched for three days: it counts as never acknowledged
    WITHDRAWN = "withdrawn"  # what raised it no longer stands: retracted, corrected, or joined to another episode


ENDED: Final = frozenset({State.RESOLVED, State.EXPIRED, State.WITHDRAWN})
UNANSWERED: Final = frozenset({State.RAISED, State.REMINDED, State.LATCHED})


class Withdrawal(StrEnum):
    """Why an alert was withdrawn."""

    CHANGED = "changed"  # its readings were retracted or corrected, or its prediction made anew
    JOINED = "joined"  # a late reading has joined it to another episode
    ENDED = "ended"  # the surveillance of the patient was ended


class AnswerReason(StrEnum):
    """Why somebody acknowledged."""

    SEEN = "seen"
    CALLED = "called"
    TREATED = "treated"
    FALSE_ALARM = "false_alarm"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finding:
    """One evaluation of an alert's condition; `rank` is that of the level, 0 where the condition is not met.

    `holds` is the rank that an alert keeps at this finding once it has reached it (hysteresis), at least `rank`.
    `arrived_at` is when it was stored, for what came late; the rest is what people are shown of it.
    """

    at: datetime
    rank: int
    holds: int = 0
    arrived_at: datetime | None = None
    systolic: float | None = None  # mmHg
    diastolic: float | None = None
    risk_6h: float | None = None  # 0..1
    model_version: str | None = None

    @property
    def known_at(self) -> datetime:
        """Return since when anybody could have known: not before it had come."""
        return self.at if self.arrived_at is None else max(self.at, self.arrived_at)

    @property
    def harm(self) -> tuple[int, float, float, float]:
        """Return what the worst of several findings is chosen by: level, pressures, risk."""
        return self.rank, self.systolic or 0.0, self.diastolic or 0.0, self.risk_6h or 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement and until when it silences the alert."""

    at: datetime
    until: datetime
    by: str
    reason: str = AnswerReason.SEEN
    note: str = ""
    number: int = 0  # of its event in the journal


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reading that could not be taken but sounds like a crisis: when it came, and what could be read of it.

    `words` are those of `fhir.parse.attention`; `measured_at` is what the device says, whose clock may be wrong.
    """

    arrived_at: datetime
    measured_at: datetime | None
    device_id: str | None
    reason: str
    words: str

    @property
    def at(self) -> datetime:
        """Return when it was measured, as far as that can be believed: never later than it came."""
        return self.arrived_at if self.measured_at is None else min(self.measured_at, self.arrived_at)


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert as it stands at one moment."""

    kind: AlertKind
    started_at: datetime
    rank: int  # of the current level, 0 once the condition is gone
    peak: int  # the highest rank so far
    mark: int  # a rank above it raises the alert anew
    raised_at: datetime  # for the last time
    met_at: datetime  # when its condition was found last
    changed_at: datetime  # when the state began
    state: State = State.RAISED
    escalated: bool = False
    quiet: int = 0  # findings in a row that did not meet the condition
    escalations: int = 0
    reminders: int = 0
    answer: Answer | None = None  # the last one
    refusals: tuple[Refusal, ...] = ()  # what asks for attention, newest first
    worst: Finding | None = None  # the finding of the highest rank, then of the highest pressures
    seen_at: datetime | None = None  # of the last finding, answer or deadline that is folded in
    why: str = ""  # it was withdrawn; a value of `Withdrawal`

    @property
    def is_open(self) -> bool:
        """Tell whether it still is on the board."""
        return self.state not in ENDED

    @property
    def is_unanswered(self) -> bool:
        """Tell whether it waits for somebody."""
        return self.state in UNANSWERED

    @property
    def level(self) -> str:
        """Return the alert level, the highest one after the condition has gone; ``STALE`` for lost data."""
        return STALE if self.kind is AlertKind.SILENCE else ALERT_LEVELS[self.rank or self.peak]

    @property
    def peak_level(self) -> str:
        """Return the highest level so far; ``STALE`` for lost data."""
        return STALE if self.kind is AlertKind.SILENCE else ALERT_LEVELS[self.peak]


def alert_id(patient_id: str, kind: AlertKind, started_at: datetime) -> str:
    """Return the id of an episode, the same on every screen."""
    return f"{kind}-{round(started_at.timestamp() * 1000)}-{patient_id}"


def read_alert_id(text: str) -> tuple[str, AlertKind, datetime]:
    """Return patient, kind and start of an alert id; raise ValueError if it is none."""
    kind, milliseconds, patient_id = text.split("-", 2)
    if not patient_id or not (milliseconds.isascii() and milliseconds.isdigit()) or len(milliseconds) > 14:
        raise ValueError(f"{text!r} is not the id of an alert")
    return patient_id, AlertKind(kind), datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
