"""What the pages of one patient show, read from the store and put together by the pure modules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from alerts.events import Event, standing, usefulness
from alerts.lifecycle import LATCH_EXPIRES
from alerts.patient_rules import PatientRules, read_patient_rules
from assessment.daytime import local_day, read_day_hours
from assessment.report import Report, summarise
from conf.clinical import ALERT_RISK_FIELD
from conf.settings import Settings
from elastic.client import Document, Search
from elastic.search import alert_events, alerts, latest, observations, patient_rules, predictions, rejected, wards
from elastic.search.trends import trends
from webapp.audit import search as audit_events
from webapp.patients.chart import (
    MOST_POINTS,
    Chart,
    bucket_interval,
    make_chart,
    points_of_buckets,
    points_of_readings,
)
from webapp.patients.periods import Period
from webapp.patients.timeline import Timeline, make_timeline

MOST_PREDICTIONS: Final = 10_000  # of the timeline
TIMELINE_FIELDS: Final = [
    "@timestamp",
    "alert_level",
    ALERT_RISK_FIELD,
    "scored_at",
    "window_late_readings",
    "replaced_risk_6h",
    "replaced_scored_at",
]
VIEWED_SINCE: Final = timedelta(days=7)
REPORT_LENGTH: Final = timedelta(hours=24)
JUST_AFTER: Final = timedelta(milliseconds=1)  # so that the newest reading lies before the end


@dataclass(frozen=True, slots=True)
class PatientNow:
    """A patient at this moment: newest reading and prediction (None: none yet), mmHg per 30 min, who looked, alerts.

    `ahead` are the readings of the future, from a clock that runs ahead; the newest reading is none of them. `refused`
    are those that could not be taken lately. `stay` tells where the patient lies, as far as it is known.
    `alerts` are open or ended within three days, the newest first; `events` is the journal of this time, oldest first.
    """

    patient_id: str
    reading: Document | None
    prediction: Document | None
    ahead: list[Document]
    slope: float | None
    viewers: list[Document]
    alerts: list[Document]
    events: list[Document]
    rules: PatientRules
    refused: rejected.Refused | None
    stay: Document | None

    @property
    def usefulness(self) -> dict[str, bool]:
        """Return of alerts, by id, whether they were useful, as somebody said last."""
        return usefulness(self.events)

    @property
    def is_ended(self) -> bool:
        """Tell whether the surveillance was ended and nothing has come since."""
        return self.rules.is_ended(datetime.fromisoformat(self.reading["@timestamp"]) if self.reading else None)

    @property
    def is_unread(self) -> bool:
        """Tell whether nothing of this patient could be taken yet."""
        return self.reading is None and self.prediction is None and not self.ahead


@dataclass(frozen=True, slots=True)
class Scored:
    """The predictions of a period, with the acknowledgements and the predictions that were replaced.

    There is no timeline where they are more than can be drawn.
    """

    timeline: Timeline | None
    acknowledgements: list[Document]
    rescored: list[Document]


def load_now(search: Search, settings: Settings, patient_id: str, now: datetime) -> PatientNow | None:
    """Return the patient at this moment; None for one of whom nothing is stored, nor refused lately, nor any alert."""
    reading = observations.newest(search, [patient_id], now).get(patient_id)
    prediction = latest.patient(search, patient_id)
    ahead = observations.ahead(search, patient_id, now)
    since = now - LATCH_EXPIRES
    found = alerts.of_patient(search, patient_id, since)
    refused = rejected.refused_lately(search, [patient_id], now).get(patient_id)
    if not (reading or prediction or ahead or refused or found):
        return None
    return PatientNow(
        patient_id=patient_id,
        reading=reading,
        prediction=prediction,
        ahead=ahead,
        slope=trends(search, [patient_id], now, settings.expected_interval)[patient_id],
        viewers=audit_events.viewers(search, patient_id, now - VIEWED_SINCE),
        alerts=found,
        events=alert_events.of_patients(search, [patient_id], since),
        rules=read_patient_rules(patient_rules.of_patient(search, patient_id), patient_id),
        refused=refused,
        stay=wards.of_patients(search, [patient_id]).get(patient_id),
    )


def load_chart(search: Search, settings: Settings, patient_id: str, period: Period) -> Chart:
    """Return the readings of a period, taken together by intervals where they are more than `MOST_POINTS`."""
    start, end, interval = period.start, period.end, None
    found = observations.of_patient(search, patient_id, start=start, end=end, limit=MOST_POINTS + 1)
    points = points_of_readings(found.documents)
    if len(found.documents) > MOST_POINTS:
        interval = bucket_interval(period.length)
        points = points_of_buckets(observations.buckets_of_patient(search, patient_id, start, end, interval))
    return make_chart(
        points,
        start=start,
        end=end,
        zone=settings.zone,
        expected_interval=settings.expected_interval,
        interval=interval,
        day_hours=read_day_hours(settings.day_hours),
    )


def load_scored(search: Search, settings: Settings, patient_id: str, period: Period) -> Scored:
    """Return the predictions of a period."""
    start, end = period.start, period.end
    found = predictions.of_patient(
        search, patient_id, start=start, end=end, limit=MOST_PREDICTIONS, newest_first=True, fields=TIMELINE_FIELDS
    ).documents
    events = alert_events.of_patients(search, [patient_id], start)
    made = make_timeline(found, start=start, end=end, expected_interval=settings.expected_interval)
    return Scored(
        timeline=None if len(found) == MOST_PREDICTIONS else made,
        acknowledgements=[event for event in standing(events) if event["event"] == Event.ACKNOWLEDGED],
        rescored=[prediction for prediction in found if prediction.get("replaced_risk_6h") is not None],
    )


def report_period(day: str, patient: PatientNow, settings: Settings, now: datetime) -> tuple[datetime, datetime]:
    """Return start and end (excluded, UTC) of a report: a day of the place, or the 24 h up to the newest reading.

    A text that is no date asks for the newest 24 h.
    """
    try:
        return local_day(date.fromisoformat(day), settings.zone)
    except (ValueError, OverflowError):
        newest = patient.reading or patient.prediction
        end = min(datetime.fromisoformat(newest["@timestamp"]), now) if newest else now
        end += JUST_AFTER
        return end - REPORT_LENGTH, end


def load_report(search: Search, settings: Settings, patient_id: str, start: datetime, end: datetime) -> Report:
    """Return the summary of a patient's readings in [start, end)."""
    return summarise(
        observations.all_of_patient(search, patient_id, start, end),
        start=start,
        end=end,
        zone=settings.zone,
        expected_interval=settings.expected_interval,
        day_hours=read_day_hours(settings.day_hours),
    )
