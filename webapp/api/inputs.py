"""What the API accepts: models of paths, query strings and bodies; unknown names are refused.

The models check and document at once. Texts are English and unlocalised, like the API.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from alerts.model import AlertKind, AnswerReason
from assessment.urgency import Urgency
from webapp.api.fhir.dates import MOST_DATES
from webapp.api.fhir.dates import PATTERN as DATE_PATTERN
from webapp.api.problems import fault
from webapp.cursors import MAX_LENGTH
from webapp.patient_ids import read_id

MAX_LIMIT: Final = 500
DEFAULT_LIMIT: Final = 100
MAX_RANGE: Final = timedelta(days=92)
DEFAULT_RANGE: Final = timedelta(hours=24)
DATE_TEXT: Final = f"When, with a prefix, twice for a span: {MAX_RANGE.days} days by default and at most."
FIRST_YEAR, LAST_YEAR = 1970, 2199  # far from the ends of the calendar, where a day more or less overflows

_is_instant = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)").fullmatch

Level = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
Category = Literal["low", "normal", "elevated", "stage_1", "stage_2", "severe"]
Interval = Literal["raw", "1m", "15m", "1h"]
AlertStatus = Literal["open", "acked", "resolved"]
Scope = Literal["read:observations", "read:predictions", "read:alerts", "write:ack"]


def parse_instant(value: object) -> datetime:
    """Return an RFC 3339 text as an aware UTC datetime; pydantic alone takes numbers and times without a zone, too."""
    if not isinstance(value, str) or not _is_instant(value):
        raise ValueError("an instant such as 2026-03-01T08:15:00Z or 2026-03-01T09:15:00+01:00 is needed")
    instant = datetime.fromisoformat(value.upper())
    if not FIRST_YEAR < instant.year < LAST_YEAR:
        raise ValueError(f"the year must be between {FIRST_YEAR} and {LAST_YEAR}")
    return instant.astimezone(UTC)


def _decode(spelled: str) -> str:
    """Return the patient's id that is spelled so in an address."""
    patient_id = read_id(spelled)
    if patient_id is None:
        raise ValueError("not the id of a patient")
    return patient_id


def _without_null(schema: dict[str, Any]) -> None:
    """Say of a parameter that may be left out only that it is optional: there is no null in a query string."""
    for parameter in schema.get("properties", {}).values():
        for choice in parameter.pop("anyOf", ()):
            parameter.update({} if choice.get("type") == "null" else choice)


Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T08:15:00Z"]}),
]


class Input(BaseModel):
    """Anything a client sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Path(Input):
    """What an address names; what cannot be one is not there (404)."""

    model_config = ConfigDict(title="path")


class PatientPath(Path):
    """Names a patient; in a view it is the id itself."""

    patient_id: Annotated[str, AfterValidator(_decode)] = Field(
        pattern=r"^~?[A-Za-z0-9._-]+$",
        max_length=2_800,
        description="Pseudonymous id; one with other characters than letters, digits, . _ - in base64url behind ~.",
        examples=["P-0412"],
    )


class AlertPath(Path):
    """Names an alert."""

    alert_id: str = Field(
        pattern=rf"^({'|'.join(AlertKind)})-[0-9]{{1,14}}-~?[A-Za-z0-9._-]+$",
        description="Id of the alert.",
        examples=["predicted-1772352000000-P-0412"],
    )


class TokenPath(Path):
    """Names a token."""

    token_id: str = Field(pattern=r"^[0-9a-f]{12}$", description="Id of the token.")


class Query(Input):
    """A query string."""

    model_config = ConfigDict(title="query", json_schema_extra=_without_null)


class Pages(Query):
    """A list that is read page by page."""

    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_LENGTH,
        description="Where the page begins: take it from the Link header or from next_cursor, never make it.",
    )

    def scope(self) -> dict[str, Any]:
        """Return the query as a cursor is bound to it: everything but where the page begins and how long it is."""
        return self.model_dump(mode="json", exclude={"cursor", "limit", "count"})


class LimitedPages(Pages):
    """A list with as many items on a page as is asked for."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Items on a page.")


class WardFilter(Query):
    """The ward to keep."""

    ward: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="The ward whose patients alone are counted or listed; by default all that you may see.",
        examples=["A"],
    )


class LevelFilter(Query):
    """The level to keep."""

    level: Level | None = Field(None, description="Alert level.", examples=["CRITICAL"])


class Range(Query):
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

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """Return first and last instant; raise the 422 for a span in the future or longer than `MAX_RANGE`."""
        end = self.to or now
        start = self.from_ or end - DEFAULT_RANGE
        if start > end:
            raise fault("query.from", "`from` is in the future")
        if end - start > MAX_RANGE:
            raise fault("query.from", f"the span may be {MAX_RANGE.days} days at most")
        return start, end


class PatientsQuery(LevelFilter, WardFilter, LimitedPages):
    """Filters of the list of patients."""

    q: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{2,64}$",
        description="Beginning of the patient id, two characters or more.",
    )


class RangeQuery(Range, LimitedPages):
    """Documents of a span."""


class ObservationsOfPatientQuery(RangeQuery):
    """Readings of one patient."""

    interval: Interval = Field("raw", description="Single readings (raw) or lowest, mean and highest of each interval.")


class ObservationsQuery(WardFilter, RangeQuery):
    """Readings of all patients."""

    category: Category | None = Field(None, description="Category of the reading.", examples=["severe"])


class PredictionsQuery(LevelFilter, WardFilter, RangeQuery):
    """Predictions of all patients."""

    min_risk_6h: float | None = Field(None, ge=0, le=1, description="Smallest risk of the next 6 hours (0 to 1).")


class AlertsQuery(LevelFilter, WardFilter, Range, LimitedPages):
    """Filters of the alerts."""

    status: AlertStatus | None = Field(
        None,
        description="Where in its life an alert is. open (to be answered) and acked, together the default, are all "
        "open alerts; resolved lists those that ended in the span `from` to `to`.",
    )
    from_: Instant | None = Field(
        None, alias="from", description="Of resolved alerts: ended then or later; 24 hours before `to` by default."
    )
    to: Instant | None = Field(None, description="Of resolved alerts: ended before this instant; now by default.")

    @model_validator(mode="after")
    def _refuse_span_of_open_alerts(self) -> Self:
        if self.status != "resolved" and (self.from_ or self.to):
            raise ValueError("`from` and `to` go with status=resolved")
        return self


class FiguresQuery(WardFilter, Range):
    """Figures over the patients of a span."""


class BoardQuery(WardFilter):
    """Which part of the board."""

    urgency: Urgency | None = Field(
        None, description="One section only; by default all of them, that of NONE with its total alone."
    )


class Acknowledgement(Input):
    """Says that somebody takes care of an alert."""

    reason: AnswerReason = Field(description="What is being done.")
    note: str = Field("", max_length=280, description="A short note; no names.")
    until: Instant | None = Field(None, description="Silent until then, 15 to 60 minutes ahead; 30 by default.")


class Snooze(Input):
    """Lets an acknowledged alert keep silent for longer."""

    until: Instant | None = Field(None, description="Silent until then, 15 to 60 minutes ahead; 30 by default.")


class Note(Input):
    """Remarks something."""

    note: str = Field(min_length=1, max_length=280, pattern=r"\S", description="A short note; no names.")


class Nothing(Input):
    """Says nothing more than what the address does: an empty object."""


class NewPatientRules(Input):
    """What is set for one patient; what is left out is as for everybody."""

    systolic_from: float | None = Field(None, ge=0, le=400, description="Alert at this systolic pressure or above.")
    diastolic_from: float | None = Field(None, ge=0, le=400, description="Alert at this diastolic pressure or above.")
    systolic_below: float | None = Field(None, ge=0, le=400, description="Alert below this systolic pressure.")
    diastolic_below: float | None = Field(None, ge=0, le=400, description="Alert below this diastolic pressure.")
    silence_minutes: float | None = Field(None, ge=0, le=100_000, description="Alert after so long without a reading.")
    why: str = Field(min_length=1, max_length=280, pattern=r"\S", description="Why; no names.")


class Feedback(Input):
    """Says whether an alert was useful."""

    useful: bool = Field(strict=True, description="Whether the alert was worth the interruption.")


class NewToken(Input):
    """A token to be made."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w .-]+$", description="What the token is for.")
    scopes: list[Scope] = Field(min_length=1, max_length=4, description="What it permits, within your own rights.")
    days: int = Field(90, strict=True, ge=1, le=365, description="Days until it expires.")


class FhirAuditSearch(Pages):
    """Search parameters of AuditEvent."""

    patient: str | None = Field(None, max_length=80, description="Patient id, also as Patient/id.", examples=["P-0412"])
    date: list[Annotated[str, Field(pattern=DATE_PATTERN)]] = Field(
        [],
        max_length=MOST_DATES,
        description=DATE_TEXT,
        examples=[["ge2026-03-01"]],
    )
    count: int = Field(DEFAULT_LIMIT, alias="_count", ge=1, le=MAX_LIMIT, description="Entries on a page.")
    cursor: str | None = Field(None, alias="_cursor", min_length=1, max_length=MAX_LENGTH, description="Next page.")


class FhirSearch(FhirAuditSearch):
    """Search parameters of Observation and RiskAssessment."""

    subject: str | None = Field(None, max_length=80, description="The same as `patient`.", examples=["Patient/P-0412"])
