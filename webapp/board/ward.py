"""The board out of Elasticsearch: one load per distinct view and second, shared by every screen of this process."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.episodes import HISTORY, history_since
from assessment.freshness import CLOCK_TOLERANCE, Freshness, stale_after
from assessment.urgency import CRISIS_KEPT, Urgency, instant
from elastic.client import Search
from elastic.search import alert_events, latest, observations, predictions
from webapp.board.courses import Courses
from webapp.board.rows import Document, Row, Ward, arrange, make_row, open_episodes, place_unseen
from webapp.board.sections import Bounds, find_sections
from webapp.shared import Shared

LIFETIME: Final = timedelta(seconds=1)
GRACE: Final = timedelta(seconds=1)
SLOW_LIFETIME: Final = timedelta(seconds=15)  # of what changes slowly or is only a safeguard
WAITING_SPANS: Final = tuple(timedelta(hours=hours) for hours in (24, 6, 1, 0.25))  # the first that is not too much
MOST_READINGS: Final = 2_000_000
SIZES: Final[Mapping[Urgency, int]] = {  # rows that a section shows; beyond, it tells how many there are
    Urgency.CRITICAL: 200,
    Urgency.HIGH: 200,
    Urgency.STALE: 100,
    Urgency.MEDIUM: 100,
    Urgency.LOW: 100,
}


@dataclass(frozen=True)
class View:
    """What a screen asks for: one section only (None: all), and whether the patients at low risk are listed."""

    only: Urgency | None = None
    low: bool = False

    def sizes(self) -> dict[Urgency, int]:
        """How many rows of each section are read; totals come with all of them."""
        return {place: size if self._lists(place) else 0 for place, size in SIZES.items()}

    def _lists(self, place: Urgency) -> bool:
        return place is self.only if self.only else self.low or place is not Urgency.LOW


@dataclass(frozen=True)
class Others:
    """Patients that the sections may miss."""

    were_critical: frozenset[str]
    waiting: Mapping[str, int]  # readings by patient
    newest_at: str | None


class Board:
    """Loads wards; one per application."""

    def __init__(self, search: Search, expected_interval: timedelta) -> None:
        self._search = search
        self._interval = expected_interval
        self._courses = Courses(expected_interval)
        self._wards: Shared[Ward] = Shared(LIFETIME, GRACE)
        self._others: Shared[Others] = Shared(SLOW_LIFETIME, SLOW_LIFETIME)
        self._newest: Shared[str | None] = Shared(LIFETIME, GRACE)

    def ward(self, view: View, now: datetime) -> Ward:
        """The ward as this view shows it; raise `SearchUnavailable`."""
        return self._wards.get(view, now, lambda: self._load(view, now))

    def newest_at(self, now: datetime) -> str | None:
        """When the newest prediction was made (ISO 8601)."""
        return self._newest.get("", now, lambda: latest.newest_time(self._search))

    def rows(self, documents: Iterable[Document], now: datetime) -> list[Row]:
        """The rows of these newest predictions, in their order."""
        bare = [make_row(one["patient_id"], one, None, now, self._interval) for one in documents]
        return list(self._with_past(bare, now))

    def forget(self) -> None:
        """Let the next screen read again: somebody has just acknowledged something."""
        self._wards = Shared(LIFETIME, GRACE)

    def _load(self, view: View, now: datetime) -> Ward:
        pages = find_sections(self._search, self._bounds(now), view.sizes())
        shown = {one["patient_id"]: one for page in pages.values() for one in page.documents}
        others = self._others.get("", now, lambda: self._find_others(now))
        rows = [make_row(id_, one, None, now, self._interval) for id_, one in shown.items()]
        rows = self._with_unscored(rows, others, now)
        rows = [row for row in self._with_past(rows, now) if _belongs(row, shown, view)]
        totals = Counter({place: page.total for place, page in pages.items()})
        totals.subtract(place for place, page in pages.items() for _ in page.documents)
        totals.update(row.urgency for row in rows)
        return arrange(rows, totals, self.newest_at(now))

    def _bounds(self, now: datetime) -> Bounds:
        return Bounds(now - stale_after(self._interval), now + CLOCK_TOLERANCE, now - CRISIS_KEPT)

    def _find_others(self, now: datetime) -> Others:
        counts = observations.waiting(self._search, self._waiting_since(now))
        scored = latest.of_patients(self._search, counts)
        return Others(
            frozenset(predictions.were_critical(self._search, now - HISTORY)),
            {id_: count for id_, count in counts.items() if id_ not in scored},
            latest.newest_time(self._search),
        )

    def _waiting_since(self, now: datetime) -> datetime:
        """Since when readings are counted: a day, less where that would be too many readings to go over."""
        starts = [now - span for span in WAITING_SPANS]
        bearable = (at for at in starts if observations.count_since(self._search, at, now) <= MOST_READINGS)
        return next(bearable, starts[-1])

    def _with_unscored(self, rows: list[Row], others: Others, now: datetime) -> list[Row]:
        """Add patients whom the sections miss, and put readings that are not scored yet into their rows."""
        crises = observations.crises(self._search, self._unscored_since(others, now))
        known = {row.patient_id: row.prediction for row in rows}
        missing = {*crises, *others.were_critical, *others.waiting} - set(known)
        scored: dict[str, Any] = known | latest.of_patients(self._search, missing)
        watched = crises | {id_ for id_ in others.waiting if id_ not in scored}
        newest = observations.newest(self._search, watched, now - CRISIS_KEPT)
        every = {**scored, **newest}
        return [self._row(id_, scored.get(id_), newest.get(id_), others, now) for id_ in every]

    def _row(
        self, patient_id: str, prediction: Document | None, reading: Document | None, others: Others, now: datetime
    ) -> Row:
        unscored = _if_newer(reading, prediction)
        readings = None if prediction else others.waiting.get(patient_id)
        return make_row(patient_id, prediction, unscored, now, self._interval, readings)

    def _unscored_since(self, others: Others, now: datetime) -> datetime:
        """Since when crises may be without prediction: longer ago than usual if scoring has stopped."""
        scored_until = instant(others.newest_at) or now - CRISIS_KEPT
        return max(min(now, scored_until) - stale_after(self._interval), now - CRISIS_KEPT)

    def _with_past(self, rows: Iterable[Row], now: datetime) -> Iterable[Row]:
        by_id = {row.patient_id: row for row in rows}
        self._courses.read(
            self._search,
            {
                id_: (row.prediction, None if row.reading is row.prediction else row.reading)
                for id_, row in by_id.items()
            },
            now,
        )
        events: dict[str, list[Document]] = defaultdict(list)
        for event in alert_events.of_patients(self._search, by_id, history_since(now)):
            events[event["patient_id"]].append(event)
        for id_, row in by_id.items():
            yield self._complete(row, events[id_], now)

    def _complete(self, row: Row, events: list[Document], now: datetime) -> Row:
        course = self._courses.course(row.patient_id)
        episodes = open_episodes(self._courses.episodes(row.patient_id, events, now))
        slope = course.slope if row.freshness is Freshness.FRESH else None
        full = replace(row, slope=slope, risk_line=course.risk_line, episodes=episodes)
        return replace(full, urgency=place_unseen(full))


def _belongs(row: Row, shown: Mapping[str, Any], view: View) -> bool:
    """Whether a row is shown: of those beyond the sections' pages unscored crises, unseen alerts and who waits."""
    if view.only and row.urgency is not view.only:
        return False
    is_news = row.urgency is Urgency.CRITICAL and row.reading is not row.prediction
    return row.patient_id in shown or is_news or row.urgency is Urgency.UNSEEN or row.prediction is None


def _if_newer(reading: Document | None, prediction: Document | None) -> Document | None:
    if reading is None or (prediction and reading["@timestamp"] <= prediction["@timestamp"]):
        return None
    return reading
