"""What the API answers: one model for each kind of document, and the pages they come in.

Names and units are those of the index templates; `@timestamp` is called `timestamp` here. What is not known is null.
Stored fields that only the stream needs are not shown.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from alerts.chain import LinkState, Part
from alerts.events import Event
from alerts.model import AlertKind, AnswerReason, State
from assessment.freshness import Freshness
from assessment.urgency import Urgency
from conf.clinical import ALERT_LEVELS, ALERT_THRESHOLDS, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from conf.times import iso
from webapp.api.inputs import AlertStatus, Category, Level, Scope

CRISIS: Final = f"at least {CRISIS_SYSTOLIC} systolic or {CRISIS_DIASTOLIC} diastolic"
LEVELS: Final = ", ".join(f"{risk} {level}" for risk, level in zip(ALERT_THRESHOLDS, ALERT_LEVELS[1:], strict=True))

When = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T07:15:00.000Z"]}),
]
At = Annotated[When, Field(validation_alias=AliasChoices("@timestamp", "timestamp"))]
PatientId = Annotated[str, Field(description="Pseudonymous id of the patient.", examples=["P-0412"])]
Risk = Annotated[float, Field(ge=0, le=1)]
AlertLevel = Level | Literal["STALE"]


class Output(BaseModel):
    """Anything that the API answers; fields of a stored document that the model does not name are not shown."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)


class BoardReading(Output):
    """What was measured at one instant."""

    timestamp: At = Field(description="When the reading was taken.")
    systolic: float | None = Field(None, description="Systolic pressure in mmHg.")
    diastolic: float | None = Field(None, description="Diastolic pressure in mmHg.")
    heart_rate: float | None = Field(None, description="Heart rate per minute.")


class Reading(BoardReading):
    """One stored reading of a patient."""

    patient_id: PatientId
    mean_arterial_pressure: float | None = Field(None, description="(S + 2 D) / 3 in mmHg.")
    pulse_pressure: float | None = Field(None, description="S - D in mmHg.")
    category: Category | None = Field(None, description="Category of this one reading; no diagnosis.")
    status: str = Field(description="FHIR status of the Observation; entered-in-error does not count.")
    observation_id: str | None = Field(None, description="Id that the sender gave the Observation.")
    device_id: str | None = Field(None, description="The device that measured.")
    flags: list[str] = Field([], description="What the intake noticed, such as clock_ahead: it lay in the future.")
    ingested_at: When | None = Field(None, description="When the reading was stored.")


class Spread(Output):
    """Lowest, mean and highest of an interval."""

    min: float = Field(description="Lowest value.")
    avg: float = Field(description="Mean value.")
    max: float = Field(description="Highest value.")


class ReadingInterval(Output):
    """Readings of one patient over an interval; empty intervals are left out, never filled."""

    timestamp: At = Field(description="Beginning of the interval.")
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


class Prediction(Output):
    """One prediction: the risk of a crisis after the newest reading."""

    timestamp: At = Field(description="When the newest reading was taken.")
    patient_id: PatientId
    critical_risk_1h: Risk = Field(description="Risk within 1 hour.")
    critical_risk_6h: Risk = Field(description="Risk within 6 hours; the alert level is made from it.")
    critical_risk_24h: Risk = Field(description="Risk within 24 hours.")
    alert_level: Level = Field(description=f"Alert level of the 6 h risk: {LEVELS}.")
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
    out_of_range: list[str] = Field(
        [],
        description="Why the model was not trained on such windows, so that the risks are a mere guess: FEW_READINGS, "
        "INTERVAL_SHORT, INTERVAL_LONG, GAP_LONG, HEART_RATE_MISSING. Empty: it was.",
        examples=[["INTERVAL_LONG"]],
    )


class Patient(Prediction):
    """A patient's newest reading and prediction."""

    measured_crisis: bool = Field(description=f"Whether the newest reading is {CRISIS}.")
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


class RefusedReading(Output):
    """A reading that could not be taken but sounds like a crisis."""

    words: str = Field(description="What the device says, in English.", examples=["systolic > 250 mmHg"])
    reason: str = Field(description="Why it could not be taken: a code of the intake.", examples=["TIME_NO_ZONE"])
    arrived_at: When = Field(description="When the message came.")
    measured_at: When | None = Field(None, description="When it was measured, by the device's clock; may be wrong.")
    device_id: str | None = Field(None, description="The device that measured.")


class Worst(Output):
    """The worst that an alert is about."""

    at: When = Field(description="When it was measured; of silence, a feed or a part: its last sign of life.")
    systolic: float | None = Field(None, description="Systolic pressure in mmHg.")
    diastolic: float | None = Field(None, description="Diastolic pressure in mmHg.")
    risk_6h: float | None = Field(None, description="Of the kind predicted: the risk within 6 hours.")
    model_version: str | None = Field(None, description="Of the kind predicted: the model.")


class Alert(Output):
    """One episode of one patient, of the feed or of a part of the system: raised, taken care of, over."""

    alert_id: str = Field(description="Id made of kind, beginning and patient.")
    patient_id: PatientId | None = Field(None, description="The patient; null for alerts about feed and system.")
    part: str | None = Field(None, description="Of the kinds feed and system: the part that it is about.")
    kind: AlertKind = Field(
        description="What it is about: a measured crisis, a patient's own limit, low pressure, a predicted risk, "
        "attention (a reading that could not be taken but sounds like a crisis), silence of a patient, the feed or a "
        "part of the system."
    )
    state: State = Field(description="Where in its life it is.")
    status: AlertStatus = Field(description="The same in the words of the filter.")
    level: AlertLevel = Field(description="Its level now, the highest one once its condition is gone.")
    peak: AlertLevel = Field(description="The highest level it had.")
    started_at: When = Field(description="When it began.")
    raised_at: When = Field(description="When it was raised for the last time.")
    changed_at: When = Field(description="When its state began.")
    met_at: When = Field(description="When its condition was found last.")
    ended_at: When | None = Field(None, description="When it ended.")
    why: str | None = Field(None, description="Why it was withdrawn.")
    worst: Worst | None = Field(None, description="The worst that it is about.")
    owner: str | None = Field(None, description="Who has taken charge of it.")
    escalated: bool = Field(description="Whether its time for action passed without an acknowledgement.")
    acknowledged_by: str | None = Field(
        None, validation_alias=AliasPath("answer", "by"), description="Who acknowledged it last."
    )
    reason: AnswerReason | None = Field(None, validation_alias=AliasPath("answer", "reason"), description="Why.")
    note: str | None = Field(None, validation_alias=AliasPath("answer", "note"), description="With which note.")
    until: When | None = Field(None, validation_alias=AliasPath("answer", "until"), description="Silent until then.")
    refusals: list[RefusedReading] = Field([], description="Of the kind attention: what was refused, the newest 20.")


class AlertEvent(Output):
    """What a person said about an alert, and what the person saw."""

    timestamp: At = Field(description="When.")
    event: Event = Field(description="What was said.")
    number: int = Field(description="Its number among what people said of this alert.")
    undone: int | None = Field(None, description="Of undone: the number of what was taken back.")
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


class PatientRules(Output):
    """What a clinician has set for one patient; null: as for everybody."""

    patient_id: PatientId
    systolic_from: float | None = Field(None, description="Alert at this systolic pressure (mmHg) or above.")
    diastolic_from: float | None = Field(None, description="Alert at this diastolic pressure (mmHg) or above.")
    systolic_below: float | None = Field(None, description="Alert below this systolic pressure (mmHg).")
    diastolic_below: float | None = Field(None, description="Alert below this diastolic pressure (mmHg).")
    silence_minutes: float | None = Field(None, description="Alert after so many minutes without a reading.")
    surveillance_ended_at: When | None = Field(
        None, description="When surveillance was ended; a reading after that brings it back."
    )
    by: str = Field(description="Who changed this last; empty: nobody has set anything.")
    changed_at: When | None = Field(None, description="When.")
    why: str = Field(description="Why.")


class AlertList(Output):
    """Alerts: open ones in the order of action (unanswered, level, measured before predicted, pressure, age)."""

    items: list[Alert] = Field(description="Those of this page.")
    next_cursor: str | None = Field(None, description="Where the next page begins; null on the last one.")


class AttentionList(Output):
    """Refused readings of one patient that sound like a crisis."""

    items: list[Alert] = Field(description="Alerts of the kind attention in the last three days, newest first.")


class BoardRow(Output):
    """One patient on the board: measured and predicted side by side."""

    patient_id: PatientId
    ward: str | None = Field(None, description="The ward that the patient lies in, where it is known.")
    bed: str | None = Field(None, description="The bed, where it is known.")
    reading: BoardReading | None = Field(None, description="What was measured; null: nothing could be taken yet.")
    freshness: Freshness = Field(description="stale: older than twice the expected interval.")
    measured_crisis: bool = Field(description=f"Whether the reading is {CRISIS}.")
    slope: float | None = Field(None, description="Systolic trend in mmHg per 30 minutes; null while withheld.")
    prediction: Prediction | None = Field(None, description="What is predicted; null while there are too few readings.")
    readings: int | None = Field(None, description="Readings so far, of a patient who waits for a prediction.")
    alerts: list[Alert] = Field(description="Open alerts in the order of action.")


class BoardSection(Output):
    """The patients of one urgency."""

    urgency: Urgency = Field(
        description="The urgency, by a patient's worst open alert: another word than the level that is predicted."
    )
    total: int = Field(description="Patients in it, shown or not.")
    patients: list[BoardRow] = Field(description="The first of them.")


class Board(Output):
    """The live board; the sections are in the order of the page."""

    newest_scored_at: When | None = Field(None, description="When the newest prediction was made.")
    watched: bool = Field(description="Whether the alert service runs; if not, nothing new is raised.")
    unanswered: int = Field(description="All patients with an alert that nobody has acknowledged, shown or not.")
    outages: list[Alert] = Field(description="Open alerts about the feed or a part of the system.")
    sections: list[BoardSection] = Field(description="All sections.")


class Me(Output):
    """Who is asking."""

    user_name: str = Field(description="Name of the user.")
    role: str = Field(description="Role.")
    language: str = Field(description="Language of the pages.")
    wards: Annotated[list[str], BeforeValidator(sorted)] = Field(
        description="The wards whose patients alone are shown; empty: all patients."
    )
    by_token: bool = Field(validation_alias="is_token", description="Whether this request came with an API token.")
    permissions: Annotated[list[str], BeforeValidator(sorted)] = Field(description="What this request may do.")


class TokenInfo(Output):
    """An API token, without its secret."""

    token_id: str = Field(validation_alias="id", description="Id of the token.")
    name: str = Field(description="What it is for.")
    scopes: Annotated[list[Scope], BeforeValidator(sorted)] = Field(description="What it permits.")
    created_at: When = Field(description="When it was made.")
    expires_at: When = Field(description="When it ends.")
    last_used_at: When | None = Field(None, validation_alias="used_at", description="When it was used last.")


class CreatedToken(TokenInfo):
    """A new API token; its secret is shown this once."""

    token: str = Field(description="The whole token for the Authorization header: keep it secret.")


class TokenList(Output):
    """A user's own tokens."""

    items: list[TokenInfo]


class Health(Output):
    """Whether the site lives."""

    status: Literal["ok", "unavailable"] = Field(description="ok or unavailable.")


class ChainLink(Output):
    """One link of the chain from the sender of readings to the site."""

    part: Part = Field(description="Which one, in the order of the way.")
    state: LinkState = Field(description="dead: no sign for limit_s; unknown: never a sign, or hidden by a dead one.")
    age_s: float | None = Field(description="Age of its last sign in seconds, null where there was none.")
    limit_s: float = Field(description="From which age on it is dead.")


class Readiness(Health):
    """Whether the site can do its work, and how the chain is before it, which does not count for that."""

    elasticsearch: bool = Field(description="Whether Elasticsearch answers.")
    store: bool = Field(description="Whether the users' database answers.")
    links: list[ChainLink] = Field(description="The links of the chain; empty before the alert service has looked.")
