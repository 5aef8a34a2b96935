"""What the API answers about the board and about alerts."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field

from alerts.model import AlertKind, AnswerReason, State
from assessment.freshness import Freshness
from assessment.urgency import Urgency
from webapp.api.models import Output, Prediction, When
from webapp.api.parameters import AlertStatus, Level

AlertLevel = Level | Literal["STALE"]


class Alert(Output):
    """One episode of one patient: raised, taken care of, over."""

    alert_id: str = Field(description="Id made of kind, beginning and patient.")
    patient_id: str = Field(description="Pseudonymous id of the patient.")
    kind: AlertKind = Field(description="What it is about; technical: data lost after a high or critical level.")
    state: State = Field(description="Where in its life it is.")
    status: AlertStatus = Field(description="The same in the words of the filter.")
    level: AlertLevel = Field(description="Its level now, the highest one once its condition is gone.")
    peak: AlertLevel = Field(description="The highest level it had.")
    started_at: When = Field(description="When it began.")
    raised_at: When = Field(description="When it was raised for the last time.")
    changed_at: When = Field(description="When its state began.")
    met_at: When = Field(description="When its condition was found last.")
    escalated: bool = Field(description="Whether its time for action passed without an acknowledgement.")
    acknowledged_by: str | None = Field(None, description="Who acknowledged it last.")
    reason: AnswerReason | None = Field(None, description="Why.")
    note: str | None = Field(None, description="With which note.")
    until: When | None = Field(None, description="Silent until then.")


class AlertEvent(Output):
    """What a person said about an alert, and what the person saw."""

    timestamp: When = Field(validation_alias=AliasChoices("@timestamp", "timestamp"), description="When.")
    event: Literal["acknowledged", "feedback"] = Field(description="What was said.")
    by: str = Field(description="By whom.")
    role: str = Field(description="In which role.")
    reason: AnswerReason | None = Field(None, description="Why it was acknowledged.")
    note: str | None = Field(None, description="With which note.")
    until: When | None = Field(None, description="Silent until then.")
    useful: bool | None = Field(None, description="Whether it was called useful.")
    seen_level: AlertLevel | None = Field(None, description="The level that was seen.")
    seen_risk_6h: float | None = Field(None, description="The 6 h risk that was seen.")
    model_version: str | None = Field(None, description="The model that had predicted.")
    answered_after_s: float | None = Field(None, description="Seconds from the alert to this answer.")


class AlertDetail(Alert):
    """An alert with what was said about it."""

    events: list[AlertEvent] = Field(description="Oldest first.")


class AlertList(Output):
    """Alerts: unanswered ones first, then the higher level, then the older one; resolved ones: by patient."""

    items: list[Alert] = Field(description="All that are on the board; of resolved ones, those of this page.")
    next_cursor: str | None = Field(None, description="Where the next page begins; null on the last one.")


class BoardReading(Output):
    """The newest reading of a patient."""

    timestamp: When = Field(validation_alias=AliasChoices("@timestamp", "timestamp"), description="When it was taken.")
    systolic: float | None = Field(None, description="Systolic pressure in mmHg.")
    diastolic: float | None = Field(None, description="Diastolic pressure in mmHg.")
    heart_rate: float | None = Field(None, description="Heart rate per minute.")


class BoardRow(Output):
    """One patient on the board: measured and predicted side by side."""

    patient_id: str = Field(description="Pseudonymous id of the patient.")
    reading: BoardReading = Field(description="What was measured.")
    freshness: Freshness = Field(description="stale: older than twice the expected interval.")
    measured_crisis: bool = Field(description="Whether the reading is at least 180 systolic or 120 diastolic.")
    slope: float | None = Field(None, description="Systolic trend in mmHg per 30 minutes; null while withheld.")
    prediction: Prediction | None = Field(None, description="What is predicted; null while there are too few readings.")
    readings: int | None = Field(None, description="Readings so far, of a patient who waits for a prediction.")
    alerts: list[Alert] = Field(description="Open alerts, the worst first.")


class BoardSection(Output):
    """The patients of one urgency."""

    level: Urgency = Field(description="Which section; a measured crisis is CRITICAL whatever is predicted.")
    total: int = Field(description="Patients in it, shown or not.")
    patients: list[BoardRow] = Field(description="The first of them.")


class Board(Output):
    """The live board; the sections are in the order of the page."""

    newest_scored_at: When | None = Field(None, description="When the newest prediction was made.")
    unanswered: int = Field(description="Patients shown with an alert that nobody has acknowledged.")
    sections: list[BoardSection] = Field(description="All sections.")
