"""What the API answers: one model for each kind of document, and the pages they come in.

Names and units are those of the index templates (conf/elasticsearch); `@timestamp` is called `timestamp` here. What is
not known is null. Stored fields that only the stream needs are not shown.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from webapp.api.parameters import Category, Level


def write_instant(instant: datetime) -> str:
    """RFC 3339 in UTC to the millisecond."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


When = Annotated[
    datetime,
    PlainSerializer(write_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T07:15:00.000Z"]}),
]
Risk = Annotated[float, Field(ge=0, le=1)]


class Output(BaseModel):
    """Anything that the API answers; fields of a stored document that the model does not name are not shown."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)


class Document(Output):
    """A stored document of one patient and instant."""

    timestamp: When = Field(
        validation_alias=AliasChoices("@timestamp", "timestamp"), description="When the reading was taken."
    )
    patient_id: str = Field(description="Pseudonymous id of the patient.", examples=["P-0412"])


class Reading(Document):
    """One reading: what was measured."""

    systolic: float | None = Field(None, description="Systolic pressure in mmHg.")
    diastolic: float | None = Field(None, description="Diastolic pressure in mmHg.")
    heart_rate: float | None = Field(None, description="Heart rate per minute.")
    mean_arterial_pressure: float | None = Field(None, description="(S + 2 D) / 3 in mmHg.")
    pulse_pressure: float | None = Field(None, description="S - D in mmHg.")
    category: Category | None = Field(None, description="Category of this one reading; no diagnosis.")
    status: str = Field(description="FHIR status of the Observation; entered-in-error does not count.")
    observation_id: str | None = Field(None, description="Id that the sender gave the Observation.")
    device_id: str | None = Field(None, description="The device that measured.")
    flags: list[str] = Field([], description="What the intake noticed about the reading.")
    ingested_at: When | None = Field(None, description="When the reading was stored.")


class Spread(Output):
    """Lowest, mean and highest of an interval."""

    min: float = Field(description="Lowest value.")
    avg: float = Field(description="Mean value.")
    max: float = Field(description="Highest value.")


class ReadingInterval(Output):
    """Readings of one patient over an interval; empty intervals are left out, never filled."""

    timestamp: When = Field(
        validation_alias=AliasChoices("@timestamp", "timestamp"), description="Beginning of the interval."
    )
    readings: int = Field(description="Readings in it.")
    systolic: Spread | None = Field(None, description="Systolic pressure in mmHg.")
    diastolic: Spread | None = Field(None, description="Diastolic pressure in mmHg.")
    mean_arterial_pressure: Spread | None = Field(None, description="Mean arterial pressure in mmHg.")
    heart_rate: Spread | None = Field(None, description="Heart rate per minute.")


class PredictionReason(Output):
    """What raises the risk of the next 6 hours most, of the model and not of the patient."""

    code: str = Field(description="What the reason is about.", examples=["SYSTOLIC_RECENT"])
    contribution: float = Field(description="How much it raises the model's log odds.")
    value: float = Field(description="The number that it is about: mmHg, per minute, hours or a count.")


class Prediction(Document):
    """One prediction: the risk of a reading of at least 180/120 mmHg after the newest reading."""

    critical_risk_1h: Risk = Field(description="Risk within 1 hour.")
    critical_risk_6h: Risk = Field(description="Risk within 6 hours; the alert level is made from it.")
    critical_risk_24h: Risk = Field(description="Risk within 24 hours.")
    alert_level: Level = Field(description="Alert level of the 6 h risk: 0.2 MEDIUM, 0.4 HIGH, 0.6 CRITICAL.")
    model_version: str = Field(description="The model that predicted.")
    systolic: float = Field(description="Systolic pressure of the newest reading in mmHg.")
    diastolic: float = Field(description="Diastolic pressure of the newest reading in mmHg.")
    heart_rate: float | None = Field(None, description="Heart rate of the newest reading per minute.")
    window_readings: int = Field(description="Readings that the prediction is made from, at most 30.")
    window_hours: float = Field(description="Hours from the oldest of them to the newest.")
    window_largest_gap_hours: float = Field(description="Longest gap between two of them in hours.")
    window_late_readings: int = Field(description="How many of them arrived late.")
    replaced_risk_6h: float | None = Field(None, description="The 6 h risk before late readings changed it.")
    replaced_scored_at: When | None = Field(None, description="When that one was made.")
    scored_at: When = Field(description="When the prediction was made.")
    reasons: list[PredictionReason] = Field([], description="Given from MEDIUM upwards.")


class Patient(Prediction):
    """A patient's newest reading and prediction."""

    measured_crisis: bool = Field(description="Whether the newest reading is at least 180 systolic or 120 diastolic.")
    freshness: Literal["fresh", "stale", "future"] = Field(
        description="stale: older than twice the expected interval; future: a device's clock is wrong."
    )


class Counts(Output):
    """Patients at each alert level."""

    CRITICAL: int = 0
    HIGH: int = 0
    MEDIUM: int = 0
    LOW: int = 0


class Page(Output):
    """One page of a list."""

    next_cursor: str | None = Field(None, description="Cursor of the next page; absent on the last one.")


class PatientPage(Page):
    """Patients, newest reading first."""

    items: list[Patient]


class ReadingPage(Page):
    """Readings, newest first; intervals in time's order if an interval was asked for."""

    items: list[Reading] | list[ReadingInterval]


class AllReadingsPage(Page):
    """Readings of all patients, newest first."""

    items: list[Reading]


class PredictionPage(Page):
    """Predictions, newest first."""

    items: list[Prediction]
