"""The board's content: a row for each patient, in sections of fixed order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.model import AlertKind, Episode, Refusal, alert_id
from assessment.freshness import Freshness, freshness
from assessment.readings import in_crisis
from assessment.trend import direction
from assessment.urgency import Urgency, urgency
from conf.clinical import ALERT_RISK_FIELD

Document = Mapping[str, Any]

KIND_ORDER: Final = (AlertKind.MEASURED, AlertKind.PREDICTED, AlertKind.TECHNICAL)  # attention has rows of its own
BELOW_UNSEEN: Final = frozenset({Urgency.STALE, Urgency.MEDIUM, Urgency.LOW, Urgency.WAITING})


@dataclass(frozen=True)
class Row:
    """One patient: what was measured, what is predicted, and the open alerts, worst first."""

    patient_id: str
    urgency: Urgency
    reading: Document  # the newest one: `@timestamp`, pressures, heart rate
    freshness: Freshness
    is_crisis: bool
    prediction: Document | None
    slope: float | None = None  # mmHg per 30 min, None while withheld
    risk_line: str = ""
    episodes: tuple[Episode, ...] = ()
    readings: int | None = None  # so far, of a patient who waits for a prediction

    @property
    def unscored(self) -> Document | None:
        """Return the newest reading where it is newer than the prediction, or there is none."""
        return None if self.reading is self.prediction else self.reading

    @property
    def measured_at(self) -> datetime:
        """Return when the newest reading was taken."""
        return datetime.fromisoformat(self.reading["@timestamp"])

    @property
    def scored_at(self) -> datetime | None:
        """Return when the prediction was made."""
        return datetime.fromisoformat(self.prediction["scored_at"]) if self.prediction else None

    @property
    def alert(self) -> Episode | None:
        """Return the alert to show, of several open ones: the one that put the row into its section."""
        unseen = (alert for alert in self.episodes if self.urgency is Urgency.UNSEEN and alert.is_unseen)
        return next(unseen, self.episodes[0] if self.episodes else None)

    @property
    def alert_id(self) -> str:
        """Return the id of the alert to show, empty for none."""
        return alert_id(self.patient_id, self.alert.kind, self.alert.started_at) if self.alert else ""

    @property
    def direction(self) -> str | None:
        """Name where the systolic pressure is heading."""
        return direction(self.slope)

    @property
    def level(self) -> str | None:
        """Return the level of the prediction."""
        return self.prediction["alert_level"] if self.prediction else None

    @property
    def risk_6h(self) -> float:
        """Return what rows of a section are ordered by."""
        return self.prediction[ALERT_RISK_FIELD] if self.prediction else 0.0


@dataclass(frozen=True)
class AttentionRow:
    """A patient of whom a reading was refused that sounds like a crisis, as long as nobody has answered."""

    patient_id: str
    alert: Episode

    @property
    def alert_id(self) -> str:
        """Return the id of the alert."""
        return alert_id(self.patient_id, self.alert.kind, self.alert.started_at)

    @property
    def newest(self) -> Refusal:
        """Return the refusal to show."""
        return self.alert.refusals[0]


@dataclass(frozen=True)
class Section:
    """The rows shown of one urgency, and how many patients it has in all."""

    urgency: Urgency
    rows: tuple[Row, ...]
    total: int


@dataclass(frozen=True)
class Ward:
    """All sections in their order, and when the newest prediction was made (ISO 8601)."""

    sections: tuple[Section, ...]
    newest_at: str | None
    fingerprint: str
    attention: tuple[AttentionRow, ...] = ()
    nameless: tuple[Refusal, ...] = ()  # what sounds like a crisis of a patient who is not known

    def __getitem__(self, section: str) -> Section:
        """Return the section of an urgency."""
        return next(found for found in self.sections if found.urgency == section)

    @property
    def rows(self) -> list[Row]:
        """Return all rows shown."""
        return [row for section in self.sections for row in section.rows]

    @property
    def unanswered(self) -> int:
        """Return how many patients shown have an alert that nobody has acknowledged."""
        waiting = {row.patient_id for row in self.rows if any(episode.is_unanswered for episode in row.episodes)}
        return len(waiting | {row.patient_id for row in self.attention})

    @property
    def is_empty(self) -> bool:
        """Tell whether there is no patient at all."""
        return not (self.attention or any(section.total or section.rows for section in self.sections))


def make_row(
    patient_id: str,
    prediction: Document | None,
    unscored: Document | None,
    now: datetime,
    expected_interval: timedelta,
    readings: int | None = None,
) -> Row:
    """Return a patient's row without the past; `unscored`: a reading newer than the prediction's, if there is one."""
    reading = unscored or prediction or {}
    measured_at = datetime.fromisoformat(reading["@timestamp"])
    crisis = in_crisis(reading)
    state = freshness(measured_at, now, expected_interval)
    level = prediction["alert_level"] if prediction else None
    place = urgency(level, crisis=crisis, state=state, age=now - measured_at)
    return Row(patient_id, place, reading, state, crisis, prediction, readings=readings)


def open_episodes(episodes: Iterable[Episode]) -> tuple[Episode, ...]:
    """Return the open ones: unanswered before acknowledged, then the higher level, then measured before predicted."""
    found = [episode for episode in episodes if episode.is_open]
    return tuple(sorted(found, key=lambda it: (not it.is_unanswered, -it.rank, KIND_ORDER.index(it.kind))))


def place_unseen(row: Row) -> Urgency:
    """Return where a row belongs once its alerts are known."""
    unseen = any(episode.is_unseen for episode in row.episodes)
    return Urgency.UNSEEN if unseen and row.urgency in BELOW_UNSEEN else row.urgency


def arrange(
    rows: Iterable[Row],
    totals: Mapping[Urgency, int],
    newest_at: str | None,
    attention: tuple[AttentionRow, ...] = (),
    nameless: tuple[Refusal, ...] = (),
) -> Ward:
    """Put rows into their sections: measured crises first, then by risk, then the alert that has waited longest."""
    of: dict[Urgency, list[Row]] = {place: [] for place in Urgency}
    for row in rows:
        of[row.urgency].append(row)
    sections = tuple(
        Section(place, tuple(sorted(found, key=_first)), max(totals.get(place, 0), len(found)))
        for place, found in of.items()
    )
    digest = hashlib.blake2b(repr((sections, attention, nameless)).encode(), digest_size=16).hexdigest()
    return Ward(sections, newest_at, digest, attention, nameless)


def _first(row: Row) -> tuple[bool, float, float, str]:
    """Order the rows of a section."""
    waiting_since = row.alert.raised_at.timestamp() if row.alert and row.alert.is_unanswered else float("inf")
    return not row.is_crisis, -row.risk_6h, waiting_since, row.patient_id
