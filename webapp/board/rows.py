"""The board's content: a row for each patient, in sections of fixed order, as the open alerts say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from alerts.model import AlertKind
from assessment.freshness import Freshness, freshness
from assessment.readings import in_crisis
from assessment.trend import direction
from assessment.urgency import Urgency, urgency
from conf.clinical import ALERT_RISK_FIELD, pressure_category
from elastic.search.rejected import Refused
from fhir.readings import CONFLICTING_VALUES

Document = Mapping[str, Any]

WALL_ORDER: Final = (Urgency.CRITICAL, Urgency.HIGH, Urgency.MEDIUM, Urgency.SILENT)  # silence gives way to alarms


@dataclass(frozen=True)
class Row:
    """One patient: the open alerts in the order of action, what was measured, and what is predicted."""

    patient_id: str
    urgency: Urgency
    alerts: tuple[Document, ...]
    reading: Document | None  # the newest one: `@timestamp`, pressures, heart rate; None: nothing could be taken yet
    freshness: Freshness
    prediction: Document | None
    slope: float | None = None  # mmHg per 30 min, None while withheld
    risk_line: str = ""
    readings: int | None = None  # so far, of a patient who waits for a prediction
    refused: Refused | None = None  # what could not be taken of this patient lately
    stay: Document | None = None  # where the patient lies: `ward`, and if known `bed` and `name`

    @property
    def is_crisis(self) -> bool:
        """Tell whether the newest reading is a crisis."""
        return self.reading is not None and in_crisis(self.reading)

    @property
    def is_low(self) -> bool:
        """Tell whether the newest reading is low."""
        pressures = [(self.reading or {}).get(name) for name in ("systolic", "diastolic")]
        return None not in pressures and pressure_category(*pressures) == "low"  # type: ignore[arg-type]

    @property
    def has_conflict(self) -> bool:
        """Tell whether two messages said different things of the newest reading's instant."""
        return CONFLICTING_VALUES in (self.reading or {}).get("flags", ())

    @property
    def measured_at(self) -> datetime | None:
        """Return when the newest reading was taken."""
        return datetime.fromisoformat(self.reading["@timestamp"]) if self.reading else None

    @property
    def scored_at(self) -> datetime | None:
        """Return when the prediction was made."""
        return datetime.fromisoformat(self.prediction["scored_at"]) if self.prediction else None

    @property
    def alert(self) -> Document | None:
        """Return the alert that put the row into its section and place; None without an open one."""
        of_section = [alert for alert in self.alerts if urgency_of([alert]) is self.urgency]
        return next(iter([*of_section, *self.alerts]), None)

    @property
    def is_unanswered(self) -> bool:
        """Tell whether any alert waits for somebody."""
        return any(alert["is_unanswered"] for alert in self.alerts)

    @property
    def direction(self) -> str | None:
        """Name where the systolic pressure is heading."""
        return direction(self.slope)

    @property
    def level(self) -> str | None:
        """Return the level that is predicted."""
        return self.prediction["alert_level"] if self.prediction else None

    @property
    def order(self) -> tuple[Any, ...]:
        """Return what rows of a section are ordered by: first what is to be done first."""
        alert = self.alert
        if alert is None:
            risk = self.prediction[ALERT_RISK_FIELD] if self.prediction else 0.0
            return False, 0, 0, -risk, 0.0, self.patient_id
        systolic = alert.get("worst", {}).get("systolic") or 0.0
        since = datetime.fromisoformat(alert["raised_at"]).timestamp()
        if self.urgency is Urgency.SILENT:  # who fell silent last is the likeliest to be here still
            return not alert["is_unanswered"], -alert["shown_rank"], 0, 0.0, -since, self.patient_id
        act = (not alert["is_unanswered"], -alert["shown_rank"], alert["kind_order"], -alert["rank"])
        return *act, -systolic, since, self.patient_id

    @property
    def on_wall(self) -> tuple[Any, ...]:
        """Return what tiles are ordered by: unanswered before answered, and the silent last of all."""
        answered = self.alert is None or not self.alert["is_unanswered"]
        silent = self.urgency is Urgency.SILENT
        return silent, answered, WALL_ORDER.index(self.urgency), self.order


@dataclass(frozen=True)
class Section:
    """The rows shown of one urgency, and how many patients it has in all."""

    urgency: Urgency
    rows: tuple[Row, ...]
    total: int

    @property
    def more(self) -> int:
        """Return how many patients are not shown."""
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Ward:
    """All sections in their order, what is wrong with the surveillance itself, and when the newest prediction was made.

    `unanswered` counts all patients with an alert that waits for somebody, shown or not.
    """

    sections: tuple[Section, ...]
    newest_at: str | None
    unanswered: int
    outages: tuple[Document, ...] = ()  # open alerts about the feed or a part of the system
    unwatched_since: datetime | None = None  # the alert service does not run
    never_watched: bool = False  # and never did
    nameless: tuple[Document, ...] = ()  # refused, sounds like a crisis, of a patient who is not known

    def __getitem__(self, section: str) -> Section:
        """Return the section of an urgency."""
        return next(found for found in self.sections if found.urgency == section)

    @property
    def rows(self) -> list[Row]:
        """Return all rows shown."""
        return [row for section in self.sections for row in section.rows]

    @property
    def is_watched(self) -> bool:
        """Tell whether alerts are raised at all."""
        return self.unwatched_since is None and not self.never_watched

    @property
    def is_empty(self) -> bool:
        """Tell whether there is no patient at all."""
        return not (self.nameless or any(section.total or section.rows for section in self.sections))

    @cached_property
    def fingerprint(self) -> str:
        """Return what changes with anything that is shown."""
        shown = (self.sections, self.unanswered, self.outages, self.unwatched_since, self.never_watched, self.nameless)
        return hashlib.blake2b(repr(shown).encode(), digest_size=16).hexdigest()


def urgency_of(alerts: Sequence[Document], *, is_scored: bool = True) -> Urgency:
    """Return the urgency of a patient with these open alerts."""
    others = [alert for alert in alerts if alert["kind"] != AlertKind.SILENCE]
    is_silent = len(others) < len(alerts)
    return urgency((alert["shown_rank"] for alert in others), is_silent=is_silent, is_scored=is_scored)


def make_row(
    patient_id: str,
    alerts: Sequence[Document],
    prediction: Document | None,
    unscored: Document | None,
    now: datetime,
    expected_interval: timedelta,
    readings: int | None = None,
) -> Row:
    """Return a patient's row without the past; `unscored`: a reading newer than the prediction's, if there is one."""
    known, reading = tuple(alerts), unscored or prediction
    age = (
        freshness(datetime.fromisoformat(reading["@timestamp"]), now, expected_interval) if reading else Freshness.STALE
    )
    place = urgency_of(known, is_scored=prediction is not None)
    return Row(patient_id, place, known, reading, age, prediction, readings=readings)


def arrange(rows: Iterable[Row], totals: Mapping[Urgency, int], sizes: Mapping[Urgency, int]) -> tuple[Section, ...]:
    """Put rows into their sections, what is to be done first on top, each cut to its size."""
    of: dict[Urgency, list[Row]] = {place: [] for place in Urgency}
    for row in rows:
        of[row.urgency].append(row)
    return tuple(
        Section(
            place,
            tuple(sorted(found, key=lambda row: row.order)[: sizes.get(place, 0)]),
            max(totals.get(place, 0), len(found)),
        )
        for place, found in of.items()
    )


def tiles_of(ward: Ward) -> list[Row]:
    """Return whom a wall shows, in its order."""
    return sorted((row for row in ward.rows if row.urgency in WALL_ORDER), key=lambda row: row.on_wall)


def shown_ids(patient_ids: Iterable[str], least: int) -> dict[str, str]:
    """Return ids as passers-by may read them: the last `least` characters, and as many more as keep them apart."""
    ids = list(dict.fromkeys(patient_ids))
    shown = {id_: id_ for id_ in ids}
    longest = max((len(id_) for id_ in ids), default=0)
    for length in range(least, longest):
        ends: dict[str, list[str]] = {}
        for id_ in ids:
            if shown[id_] == id_:
                ends.setdefault(id_[-length:], []).append(id_)
        for end, of_end in ends.items():
            if len(of_end) == 1 and len(of_end[0]) > length:
                shown[of_end[0]] = f"\N{HORIZONTAL ELLIPSIS}{end}"
    return shown
