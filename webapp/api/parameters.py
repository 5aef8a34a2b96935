"""What the API accepts: one model for each query string and each body; unknown names are refused.

The models validate and document at once (see `webapp.api.openapi`). Texts are English and unlocalised, like the API.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from alerts.lifecycle import QUIET_FINDINGS as FINDINGS_TO_END
from alerts.model import AnswerReason
from assessment.urgency import Urgency
from webapp.api.fhir.dates import MOST_DATES
from webapp.api.fhir.dates import PATTERN as DATE_PATTERN
from webapp.cursors import MAX_LENGTH

MAX_LIMIT: Final = 500
DEFAULT_LIMIT: Final = 100
MAX_RANGE: Final = timedelta(days=92)
DEFAULT_RANGE: Final = timedelta(hours=24)
FIRST_YEAR, LAST_YEAR = 1970, 2199  # far from the ends of the calendar, where a day more or less overflows

PATIENT_ID: Final = r"^~?[A-Za-z0-9._-]+$"  # as `webapp.patients.urls` spells it in addresses
PREFIX: Final = r"^[A-Za-z0-9._-]{2,64}$"
_is_instant = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)").fullmatch

Level = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
Category = Literal["low", "normal", "elevated", "stage_1", "stage_2", "severe"]
Interval = Literal["raw", "1m", "15m", "1h"]
AlertStatus = Literal["open", "acked", "resolved"]
Scope = Literal["read:observations", "read:predictions", "read:alerts", "write:ack"]


def parse_instant(value: object) -> datetime:
    """An RFC 3339 text as an aware UTC datetime; pydantic alone would also take numbers and times without a zone."""
    if not isinstance(value, str) or not _is_instant(value):
        raise ValueError("an instant such as 2026-03-01T08:15:00Z or 2026-03-01T09:15:00+01:00 is needed")
    instant = datetime.fromisoformat(value.upper())
    if not FIRST_YEAR < instant.year < LAST_YEAR:
        raise ValueError(f"the year must be between {FIRST_YEAR} and {LAST_YEAR}")
    return instant.astimezone(UTC)


Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T08:15:00Z"]}),
]


class Input(BaseModel):
    """Anything a client sends."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class NoParameters(Input):
    """Takes none."""


class LevelFilter(Input):
    """The level to keep."""

    level: Level | None = Field(None, description="Alert level.", examples=["CRITICAL"])


class Paged(Input):
    """A list that is read page by page."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Items on a page.")
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_LENGTH,
        description="Where the page begins: take it from the Link header or from next_cursor, never make it.",
    )


class Range(Input):
    """A span of time [from, to)."""

    from_: Instant | None = Field(
        None, alias="from", description="First instant; 24 hours before `to` by default, at most 92 days before it."
    )
    to: Instant | None = Field(None, description="The instant that ends the span, itself left out; now by default.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.from_ and self.to and self.from_ > self.to:
            raise ValueError("`from` must not be after `to`")
        return self

    def resolve(self, now: datetime) -> tuple[datetime, datetime]:
        """First and last instant; raise ValueError if the span is longer than `MAX_RANGE` or ends before it begins."""
        end = self.to or now
        start = self.from_ or end - DEFAULT_RANGE
        if start > end:
            raise ValueError("`from` is in the future")
        if end - start > MAX_RANGE:
            raise ValueError(f"the span may be {MAX_RANGE.days} days at most")
        return start, end


class PatientsQuery(LevelFilter, Paged):
    """Filters of the list of patients."""

    q: str | None = Field(None, pattern=PREFIX, description="Beginning of the patient id, two characters or more.")


class ObservationsOfPatientQuery(Range, Paged):
    """Readings of one patient."""

    interval: Interval = Field("raw", description="Single readings (raw) or lowest, mean and highest of each interval.")


class PredictionsOfPatientQuery(Range, Paged):
    """Predictions of one patient."""


class ObservationsQuery(Range, Paged):
    """Readings of all patients."""

    category: Category | None = Field(None, description="Category of the reading.", examples=["severe"])


class PredictionsQuery(LevelFilter, Range, Paged):
    """Predictions of all patients."""

    min_risk_6h: float | None = Field(None, ge=0, le=1, description="Smallest risk of the next 6 hours (0 to 1).")


class AlertsQuery(LevelFilter, Range):
    """Filters of the alerts."""

    status: AlertStatus | None = Field(
        None,
        description="Where in its life an alert is. open and acked, together the default, list the alerts of the "
        "patients on the board. resolved lists page by page those that are over, with the span `from` to `to`.",
    )
    from_: Instant | None = Field(
        None,
        alias="from",
        description="Of resolved alerts: their condition was last found at this instant or later; 24 hours before `to` "
        "by default, at most three days ago.",
    )
    to: Instant | None = Field(
        None,
        description="Of resolved alerts: their condition was last found before this instant; two expected intervals "
        "ago by default, because an alert is over after two findings without it.",
    )
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_LENGTH,
        description="Of resolved alerts: where the page begins, from the Link header or from next_cursor. A page may "
        "hold few alerts or none and yet not be the last one.",
    )

    @model_validator(mode="after")
    def _refuse_span_of_open_alerts(self) -> Self:
        if self.status != "resolved" and (self.from_ or self.to or self.cursor):
            raise ValueError("`from`, `to` and `cursor` go with status=resolved")
        return self

    def span(self, now: datetime, earliest: datetime, expected_interval: timedelta) -> tuple[datetime, datetime]:
        """First and last instant; raise ValueError if the span begins before `earliest` or ends before it begins."""
        end = min(self.to, now) if self.to else now - FINDINGS_TO_END * expected_interval
        start = self.from_ or max(end - DEFAULT_RANGE, earliest)
        if start > end:
            raise ValueError("`from` must not be after `to`")
        if start < earliest:
            raise ValueError(f"alerts are known for three days: from {earliest.isoformat()} on")
        return start, end


class BoardQuery(Input):
    """Which part of the board."""

    level: Urgency | None = Field(
        None, description="One section only; by default all of them, that of LOW with its total alone."
    )


class Acknowledgement(Input):
    """Says that somebody takes care of an alert."""

    reason: AnswerReason = Field(description="What is being done.")
    note: str = Field("", max_length=280, description="A short note; no names.")
    until: Instant | None = Field(None, description="Silent until then, 15 to 60 minutes ahead; 30 by default.")


class Feedback(Input):
    """Says whether an alert was useful."""

    useful: bool = Field(description="Whether the alert was worth the interruption.")


class NewToken(Input):
    """A token to be made."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w .-]+$", description="What the token is for.")
    scopes: list[Scope] = Field(min_length=1, max_length=4, description="What it permits, within your own rights.")
    days: int = Field(90, ge=1, le=365, description="Days until it expires.")


class FhirSearch(Input):
    """Search parameters of Observation and RiskAssessment."""

    patient: str | None = Field(None, max_length=80, description="Patient id, also as Patient/id.", examples=["P-0412"])
    subject: str | None = Field(None, max_length=80, description="The same as `patient`.", examples=["Patient/P-0412"])
    date: list[Annotated[str, Field(pattern=DATE_PATTERN)]] = Field(
        [], max_length=MOST_DATES, description="Date with a prefix, twice for a span.", examples=[["ge2026-03-01"]]
    )
    count: int = Field(DEFAULT_LIMIT, alias="_count", ge=1, le=MAX_LIMIT, description="Entries on a page.")
    cursor: str | None = Field(None, alias="_cursor", min_length=1, max_length=MAX_LENGTH, description="Next page.")


class FhirAuditSearch(Input):
    """Search parameters of AuditEvent."""

    patient: str | None = Field(None, max_length=80, description="Patient id, also as Patient/id.")
    date: list[Annotated[str, Field(pattern=DATE_PATTERN)]] = Field([], max_length=MOST_DATES, description="Date.")
    count: int = Field(DEFAULT_LIMIT, alias="_count", ge=1, le=MAX_LIMIT, description="Entries on a page.")
    cursor: str | None = Field(None, alias="_cursor", min_length=1, max_length=MAX_LENGTH, description="Next page.")


def canonical(query: Input) -> dict[str, Any]:
    """The query as a cursor is bound to it: everything but where the page begins."""
    return query.model_dump(mode="json", exclude={"cursor", "limit", "count"})
