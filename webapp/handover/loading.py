"""The handover of a shift: which patients had alerts since its beginning, and how each of them stands now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerts.events import Event, standing
from alerts.lifecycle import LATCH_EXPIRES
from alerts.model import State
from elastic.client import Document, Search
from elastic.search import alert_events, alerts, latest, observations, wards
from elastic.search.queries import by_patient
from elastic.search.trends import trends

MOST_PATIENTS: Final = 300  # on paper; the page says how many it leaves out
DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class News:
    """How many alerts were raised, answered by others, and ended since somebody looked last."""

    since: datetime
    raised: int
    answered: int
    ended: int

    @property
    def is_any(self) -> bool:
        """Tell whether there is anything to tell."""
        return bool(self.raised or self.answered or self.ended)


@dataclass(frozen=True)
class HandedOver:
    """One patient: newest reading and prediction, trend (mmHg per 30 min), alerts of the shift, and what was said."""

    patient_id: str
    reading: Document | None
    prediction: Document | None
    slope: float | None
    open: list[Document]
    ended: list[Document]
    notes: Sequence[Document]
    stay: Document | None
    is_new: bool  # an alert was raised in this shift

    @property
    def is_unanswered(self) -> bool:
        """Tell whether somebody has to answer."""
        return any(alert["is_unanswered"] for alert in self.open)


@dataclass(frozen=True)
class Handover:
    """The patients of a shift: those with an alert to answer, with answered ones, and whose alerts have ended."""

    since: datetime
    unanswered: Sequence[HandedOver]
    answered: Sequence[HandedOver]
    ended: Sequence[HandedOver]
    outages: Sequence[Document]
    left_out: int

    @property
    def new(self) -> int:
        """Return how many patients have an alert that was raised in this shift."""
        return sum(each.is_new for each in (*self.unanswered, *self.answered, *self.ended))


def shift_start(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the last time that a clock at the place showed ``HH:MM``; raise ValueError for what is no time of day."""
    here = now.astimezone(zone)
    start = datetime.combine(here.date(), time.fromisoformat(text).replace(tzinfo=None), zone)
    return start if start <= here else datetime.combine(here.date() - DAY, start.time(), zone)


def load_news(search: Search, since: datetime, person: str) -> News:
    """Return what has happened since then that `person` did not do."""
    events = alert_events.since(search, since, (Event.ACKNOWLEDGED, Event.UNDONE))
    answered = {event["alert_id"] for event in standing(events) if event["by"] != person}
    return News(since, alerts.count_raised(search, since), len(answered), alerts.count_ended(search, since))


def load_handover(search: Search, since: datetime, now: datetime, expected_interval: timedelta) -> Handover:
    """Return the patients who have an open alert, or one that ended since then."""
    standing_ones = (
        alert
        for alert in alerts.open_or_ended_since(search, since)
        if "patient_id" in alert and alert["state"] != State.WITHDRAWN
    )
    alerts_of = by_patient(standing_ones)
    ids = list(alerts_of)[:MOST_PATIENTS]
    readings = observations.newest(search, ids, now)
    predictions = latest.of_patients(search, ids)
    stays = wards.of_patients(search, ids)
    slopes = trends(search, ids, now, expected_interval)
    notes = _notes(alert_events.of_patients(search, ids, min(since, now - LATCH_EXPIRES)))
    found = [
        HandedOver(
            patient_id=id_,
            reading=readings.get(id_),
            prediction=predictions.get(id_),
            slope=slopes.get(id_),
            open=[alert for alert in alerts_of[id_] if alert["is_open"]],
            ended=[alert for alert in alerts_of[id_] if not alert["is_open"]],
            notes=_of_alerts(notes[id_], alerts_of[id_]),
            stay=stays.get(id_),
            is_new=any(datetime.fromisoformat(alert["raised_at"]) >= since for alert in alerts_of[id_]),
        )
        for id_ in ids
    ]
    return Handover(
        since=since,
        unanswered=[each for each in found if each.is_unanswered],
        answered=[each for each in found if each.open and not each.is_unanswered],
        ended=[each for each in found if not each.open],
        outages=alerts.without_patient(search),
        left_out=len(alerts_of) - len(ids),
    )


def _notes(events: Iterable[Document]) -> Mapping[str, list[Document]]:
    """Return what people wrote, with an answer or without one, by patient, oldest first."""
    return by_patient(event for event in standing(events) if event.get("note") and "alert_id" in event)


def _of_alerts(notes: Iterable[Document], shown: Iterable[Document]) -> list[Document]:
    """Return the notes of these alerts."""
    ids = {alert["alert_id"] for alert in shown}
    return [note for note in notes if note["alert_id"] in ids]
