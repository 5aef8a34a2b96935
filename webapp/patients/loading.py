"""What a patient's pages need, read from the store and put together by the pure modules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerts import episodes, journal
from alerts.model import Episode
from assessment.daytime import DayHours, read_day_hours
from assessment.trend import LOOKBACK, trend
from elastic.client import Document
from elastic.search import alert_events, latest, observations, predictions
from webapp.audit import search as audit_events
from webapp.patients.chart import Chart, make_chart, points_of_buckets, points_of_readings
from webapp.patients.spans import MOST_POINTS, SPANS, STRIP_LENGTH, bucket_interval
from webapp.patients.strip import Strip, make_strip
from webapp.services import Services

MOST_PREDICTIONS: Final = 10_000  # of the strip
VIEWED_SINCE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Now:
    """A patient at this moment: newest reading and prediction (None: none yet), mmHg per 30 min, who looked, alerts.

    `judgements` says of alerts, by id, whether they were useful, as somebody said last.
    """

    patient_id: str
    reading: Document | None
    prediction: Document | None
    slope: float | None
    viewers: list[Document]
    episodes: list[Episode]
    judgements: dict[str, bool]


@dataclass(frozen=True, slots=True)
class Trace:
    """The last 24 h of predictions, with the acknowledgements and the predictions that were replaced."""

    strip: Strip
    acknowledgements: list[Document]
    rescored: list[Document]


def expected_interval(site: Services) -> timedelta:
    """How often a reading is expected."""
    return timedelta(minutes=site.settings.expected_interval_minutes)


def zone(site: Services) -> ZoneInfo:
    """The time zone of the place."""
    return ZoneInfo(site.settings.time_zone)


def day_hours(site: Services) -> DayHours:
    """The hours of the day at the place; the rest is night."""
    return read_day_hours(site.settings.day_hours)


def load_now(site: Services, patient_id: str, now: datetime) -> Now | None:
    """The patient at this moment; None for one of whom nothing is stored."""
    reading = observations.newest(site.search, [patient_id]).get(patient_id)
    prediction = latest.patient(site.search, patient_id)
    if reading is None and prediction is None:
        return None
    return Now(
        patient_id=patient_id,
        reading=reading,
        prediction=prediction,
        slope=_slope(site, patient_id, now),
        viewers=audit_events.viewers(site.search, patient_id, now - VIEWED_SINCE),
        episodes=journal.episodes_of_patient(site.search, patient_id, now, expected_interval(site)),
        judgements=_judgements(site, patient_id, now),
    )


def _judgements(site: Services, patient_id: str, now: datetime) -> dict[str, bool]:
    events = alert_events.of_patients(site.search, [patient_id], episodes.history_since(now))
    return {event["alert_id"]: event["useful"] for event in events if event["event"] == episodes.FEEDBACK}


def _slope(site: Services, patient_id: str, now: datetime) -> float | None:
    interval = expected_interval(site)
    recent = observations.of_patient(
        site.search, patient_id, start=now - LOOKBACK - 2 * interval, limit=MOST_POINTS, newest_first=True
    )
    points = points_of_readings(recent.documents)
    return trend([(point.at, point.systolic.mean) for point in points], now, interval)


def load_chart(site: Services, patient_id: str, span: str, now: datetime) -> Chart:
    """The readings of a span up to now, taken together by intervals where they are more than `MOST_POINTS`."""
    start, interval = now - SPANS[span], None
    found = observations.of_patient(site.search, patient_id, start=start, end=now, limit=MOST_POINTS + 1)
    points = points_of_readings(found.documents)
    if len(found.documents) > MOST_POINTS:
        interval = bucket_interval(SPANS[span])
        points = points_of_buckets(observations.buckets_of_patient(site.search, patient_id, start, now, interval))
    return make_chart(
        points,
        start=start,
        end=now,
        zone=zone(site),
        expected_interval=expected_interval(site),
        interval=interval,
        day_hours=day_hours(site),
    )


def load_trace(site: Services, patient_id: str, now: datetime) -> Trace:
    """The last 24 h of predictions."""
    start = now - STRIP_LENGTH
    found = predictions.of_patient(
        site.search, patient_id, start=start, end=now, limit=MOST_PREDICTIONS, newest_first=True
    ).documents
    events = alert_events.of_patients(site.search, [patient_id], start)
    return Trace(
        strip=make_strip(found, start=start, end=now, expected_interval=expected_interval(site)),
        acknowledgements=[event for event in events if event["event"] == episodes.ACKNOWLEDGED],
        rescored=[one for one in found if one.get("replaced_risk_6h") is not None],
    )


def load_readings(site: Services, patient_id: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """All stored observations of a time, for a report."""
    return observations.all_of_patient(site.search, patient_id, start, end)
