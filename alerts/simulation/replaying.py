"""The alerts that rules make of one patient's record, by the same functions as the alert service. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from alerts.events import answers
from alerts.findings import FOLDED, find
from alerts.lifecycle import Step, Terms, settle, steps
from alerts.model import AlertKind, Episode, State, alert_id
from alerts.rules import Rules
from alerts.signs import ended
from alerts.silence import CHECK_EVERY_US, NEVER, Silence, Watch, episode
from alerts.simulation.record import Instants, Record, instants_us
from alerts.simulation.reduction import kept_predictions, kept_readings
from conf.times import CLOCK_TOLERANCE_US, from_us, to_us
from elastic.client import Document


@dataclass(frozen=True, slots=True)
class Reached:
    """When an alert reached a level: the instant of its finding, and when that was known; `last_us`: was at it last."""

    at_us: int
    known_us: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it stands at the end of the period, and what became of it on the way."""

    patient_id: str
    episode: Episode
    reached: tuple[Reached, ...] = ()  # from MEDIUM on, as far as it rose
    is_answered: bool = False
    is_latched: bool = False  # its condition went away unseen
    right: tuple[bool | None, ...] = ()  # of a predicted one: whether a crisis came after it reached each level

    @property
    def id(self) -> str:
        """Return its id, that of the live alert."""
        return alert_id(self.patient_id, self.episode.kind, self.episode.started_at)


@dataclass(frozen=True)
class Ward:
    """What holds for everybody: the rules, the usual interval, when the whole feed was stopped, the end."""

    rules: Rules
    interval: timedelta
    stops: Sequence[tuple[datetime, datetime]]
    until: datetime


def alerts_of(record: Record, ward: Ward) -> list[Alert]:
    """Return the alerts of a patient until the end, kind by kind."""
    rules, aside = ward.rules, record.aside
    readings = record.readings.documents(kept_readings(record, rules))
    whole = (aside.whole.get(to_us(datetime.fromisoformat(each["@timestamp"])), each) for each in readings)
    predictions = record.predictions.documents(kept_predictions(record, rules))
    findings = find(whole, predictions, rules, aside.limits)
    found = list(_silences(record, ward))
    for kind in FOLDED:
        terms = rules.terms(kind)
        taken = steps(kind, findings[kind], answers(aside.events, kind), terms)
        found += follow(record.patient_id, taken, ward.until, terms)
    return found


def follow(patient_id: str, taken: Iterable[Step], until: datetime, terms: Terms) -> list[Alert]:
    """Return the alerts that steps have led to, settled at the end."""
    courses: list[_Course] = []
    for before, after in taken:
        if before is None:
            courses.append(_Course(after))
        courses[-1].step(after)
    return [course.alert(patient_id, until, terms) for course in courses]


class _Course:
    """One alert on its way."""

    def __init__(self, begun: Episode) -> None:
        self._episode = begun
        self._reached: list[tuple[int, int]] = []
        self._last_us: list[int] = []
        self._is_answered = self._is_latched = False

    def step(self, after: Episode) -> None:
        """Take in what a finding, an answer or time has made of it."""
        met_us = to_us(after.met_at)
        while len(self._reached) < after.peak:
            self._reached.append((met_us, to_us(after.raised_at)))
            self._last_us.append(met_us)
        self._last_us[: after.rank] = [met_us] * after.rank
        self._is_answered |= after.answer is not None
        self._is_latched |= after.state is State.LATCHED
        self._episode = after

    def alert(self, patient_id: str, until: datetime, terms: Terms) -> Alert:
        """Return it as it stands at the end."""
        (settled,) = settle([self._episode], until, terms)
        reached = tuple(Reached(*first, last) for first, last in zip(self._reached, self._last_us, strict=True))
        return Alert(patient_id, settled, reached, self._is_answered, self._is_latched)


def _silences(record: Record, ward: Ward) -> Iterator[Alert]:
    """Yield the alerts of silence: of each pause between arrivals that is long enough, what a watch makes of it."""
    arrived_us, newest_us = _signs(record)
    until_us = to_us(ward.until)
    next_us = np.append(arrived_us[1:], until_us)[: len(arrived_us)].clip(max=until_us)
    usual_us = ward.rules.silence.intervals * ward.interval // timedelta(microseconds=1)
    given = answers(record.aside.events, AlertKind.SILENCE)
    looked_us = np.where(next_us < until_us, next_us - CHECK_EVERY_US, until_us)
    is_long = (newest_us + usual_us <= looked_us) & (arrived_us <= looked_us)
    for place in np.flatnonzero(is_long).tolist():
        newest, came, looked, following = (
            from_us(int(times[place])) for times in (newest_us, arrived_us, looked_us, next_us)
        )
        watch = Watch(ward.interval, ward.rules.silence)
        watch.rules(_own_until(record, following))
        watch.see([record.patient_id], [newest])
        found = _silent(watch, ward.stops, came, looked)
        if found is None:
            continue
        silent = episode(found)
        if place + 1 < len(arrived_us) and arrived_us[place + 1] <= until_us:
            silent = ended(silent, from_us(int(newest_us[place + 1])))
        is_answered = any(found.since <= answer.at <= following for answer in given)
        yield Alert(record.patient_id, silent, is_answered=is_answered)


def _signs(record: Record) -> tuple[Instants, Instants]:
    """Return when readings came that were newer than all before them, and of when each was, as the watch believes it.

    What was taken back after the next reading had come was a sign of life all the same.
    """
    readings, lost = record.readings, [it for it in record.aside.retracted if it.get("withdrawn_at")]
    lost_us, withdrawn_us = instants_us(lost, "ingested_at"), instants_us(lost, "withdrawn_at")
    came = np.sort(readings.arrived_us)
    place = np.searchsorted(came, lost_us, side="right")
    stood = (place < len(came)) & (np.append(came, 0)[place] <= withdrawn_us)
    arrived_us = np.concatenate([readings.arrived_us, lost_us[stood]])
    at_us = np.concatenate([readings.at_us, instants_us(lost, "@timestamp")[stood]])
    order = np.argsort(arrived_us, kind="stable")
    heard_us = np.minimum(at_us, arrived_us + CLOCK_TOLERANCE_US)[order]
    is_newer = np.diff(np.maximum.accumulate(np.append(NEVER, heard_us))) > 0
    return arrived_us[order][is_newer], heard_us[is_newer]


def _own_until(record: Record, came: datetime) -> list[Document]:
    """Return what was set for the patient, an end of surveillance only if it came before the next reading."""
    own = record.aside.own
    if not own:
        return []
    is_later = (ended_at := own.get("surveillance_ended_at")) and datetime.fromisoformat(ended_at) > came
    return [own | ({"surveillance_ended_at": None} if is_later else {}) | {"patient_id": record.patient_id}]


def _silent(
    watch: Watch, stops: Sequence[tuple[datetime, datetime]], came: datetime, looked: datetime
) -> Silence | None:
    """Return the silence after a reading that came, looked for before each stop of the feed and at last."""
    returned = None
    for stop, back in [*stops, (looked, looked)]:
        if came < stop or stop == looked:
            watch.hold(False, returned)
            found = watch.silent(min(stop, looked))
            if found or stop >= looked:
                return found[0] if found else None
        returned = back
    return None
