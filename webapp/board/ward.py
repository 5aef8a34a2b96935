"""The board out of Elasticsearch: one load per distinct view and second, shared by every screen of this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from alerts.episodes import HISTORY, history_since
from alerts.journal import attention_of_all, events_of_patients
from alerts.model import Refusal
from assessment.freshness import Freshness, stale_after
from assessment.urgency import CRISIS_KEPT, Urgency
from conf.times import present_until
from elastic.client import Search
from elastic.search import latest, observations, predictions
from webapp.board.histories import Histories
from webapp.board.rows import AttentionRow, Document, Row, Ward, arrange, make_row, open_episodes, place_unseen
from webapp.board.sections import Bounds, find_sections
from webapp.shared import Shared

LIFETIME: Final = timedelta(seconds=1)
GRACE: Final = timedelta(seconds=1)
SLOW_LIFETIME: Final = timedelta(seconds=15)  # of what changes slowly or is only a safeguard
WAITING_SPANS: Final = tuple(timedelta(hours=hours) for hours in (24, 6, 1, 0.25))  # the first that is not too much
MOST_READINGS: Final = 2_000_000
MOST_IN_CRISIS: Final = 200  # patients with a crisis that was stored last, beyond the sections
NAMELESS_SHOWN: Final = timedelta(hours=1)  # nobody can answer for them: they go by themselves
MOST_NAMELESS: Final = 5
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
        """Return how many rows of each section are read; totals come with all of them."""
        listed = {self.only} if self.only else set(SIZES) - ({Urgency.LOW} if not self.low else set())
        return {place: size if place in listed else 0 for place, size in SIZES.items()}


@dataclass(frozen=True)
class Others:
    """Patients that the sections may miss."""

    were_critical: frozenset[str]
    waiting: Mapping[str, int]  # readings by patient
    crises: Mapping[str, Sequence[Document]]  # readings in crisis of all patients, those on screen too


class Board:
    """Loads wards; one per application."""

    def __init__(self, search: Search, expected_interval: timedelta) -> None:
        self._search = search
        self._interval = expected_interval
        self._histories = Histories(expected_interval)
        self._wards: Shared[Ward] = Shared(LIFETIME, GRACE)
        self._others: Shared[Others] = Shared(SLOW_LIFETIME, SLOW_LIFETIME)

    def ward(self, view: View, now: datetime) -> Ward:
        """Return the ward as this view shows it; raise `SearchUnavailable`."""
        return self._wards.get(view, now, lambda: self._load(view, now))

    def rows(self, documents: Iterable[Document], now: datetime) -> list[Row]:
        """Return the rows of these newest predictions, in their order."""
        bare = [make_row(document["patient_id"], document, None, now, self._interval) for document in documents]
        return self._with_past(bare, now)

    def forget(self) -> None:
        """Let the next screen read again: somebody has just acknowledged something."""
        self._wards = Shared(LIFETIME, GRACE)

    def _load(self, view: View, now: datetime) -> Ward:
        """Load the sections, add whom they miss, and count each patient in the section where the row is shown."""
        bounds = Bounds(now - stale_after(self._interval), present_until(now), now - CRISIS_KEPT)
        pages = find_sections(self._search, bounds, view.sizes())
        shown = {document["patient_id"]: document for page in pages.values() for document in page.documents}
        newest_at = latest.newest_time(self._search)
        scored_until = datetime.fromisoformat(newest_at) if newest_at else now - CRISIS_KEPT
        rows = self._with_past(self._all_rows(shown, scored_until, now), now)
        rows = [row for row in rows if _belongs(row, shown, view)]
        totals = Counter({place: page.total for place, page in pages.items()})
        totals.subtract(place for place, page in pages.items() for _ in page.documents)
        totals.update(row.urgency for row in rows)
        return arrange(rows, totals, newest_at, *self._attention(now))

    def _attention(self, now: datetime) -> tuple[tuple[AttentionRow, ...], tuple[Refusal, ...]]:
        """Return who was refused a reading that sounds like a crisis, waiting longest first, and what names nobody."""
        alerts, nameless = attention_of_all(self._search, now)
        rows = sorted((AttentionRow(*alert) for alert in alerts), key=lambda row: (row.alert.raised_at, row.patient_id))
        recent = [refusal for refusal in nameless if now - refusal.arrived_at < NAMELESS_SHOWN]
        return tuple(rows), tuple(recent[:MOST_NAMELESS])

    def _all_rows(self, shown: Mapping[str, Document], scored_until: datetime, now: datetime) -> list[Row]:
        """Make the rows of those shown and of patients whom the sections miss, with readings that are not scored yet.

        Scoring may have stopped: crises without prediction are then looked for longer ago than usual.
        """
        others = self._find_or_keep_others(now)
        unscored_since = max(min(now, scored_until) - stale_after(self._interval), now - CRISIS_KEPT)
        crises = observations.crises(self._search, unscored_since, now)
        missing = {*crises, *others.were_critical, *others.waiting} - set(shown)
        scored: dict[str, Any] = {**shown, **latest.of_patients(self._search, missing)}
        watched = crises | (others.waiting.keys() - scored.keys())
        newest = observations.newest(self._search, watched, now, now - CRISIS_KEPT)
        rows = []
        for id_ in {**scored, **newest}:
            prediction, reading = scored.get(id_), newest.get(id_)
            if reading and prediction and reading["@timestamp"] <= prediction["@timestamp"]:
                reading = None
            readings = None if prediction else others.waiting.get(id_)
            rows.append(make_row(id_, prediction, reading, now, self._interval, readings))
        return rows

    def _find_or_keep_others(self, now: datetime) -> Others:
        """Return the same for a while to every screen."""
        return self._others.get("", now, lambda: self._find_others(now))

    def _find_others(self, now: datetime) -> Others:
        counts = observations.waiting(self._search, self._waiting_since(now), now)
        scored = latest.of_patients(self._search, counts)
        crises = observations.crisis_readings(self._search, history_since(now), now)
        were_critical = {*predictions.were_critical(self._search, now - HISTORY), *islice(crises, MOST_IN_CRISIS)}
        waiting = {id_: count for id_, count in counts.items() if id_ not in scored}
        return Others(frozenset(were_critical), waiting, crises)

    def _waiting_since(self, now: datetime) -> datetime:
        """Return since when readings are counted: a day, less where that would be too many readings to go over."""
        starts = [now - span for span in WAITING_SPANS]
        bearable = (at for at in starts if observations.count_since(self._search, at, now) <= MOST_READINGS)
        return next(bearable, starts[-1])

    def _with_past(self, rows: Iterable[Row], now: datetime) -> list[Row]:
        """Return the rows with their trends, risk lines and open alerts, in the section where these put them."""
        by_id = {row.patient_id: row for row in rows}
        newest = {id_: (row.prediction, row.unscored) for id_, row in by_id.items()}
        self._histories.read(self._search, newest, now, self._find_or_keep_others(now).crises)
        events = events_of_patients(self._search, by_id, history_since(now))
        return [self._with_alerts(row, events[id_], now) for id_, row in by_id.items()]

    def _with_alerts(self, row: Row, events: Sequence[Document], now: datetime) -> Row:
        history = self._histories.history(row.patient_id)
        full = replace(
            row,
            slope=history.slope if row.freshness is Freshness.FRESH else None,
            risk_line=history.risk_line,
            episodes=open_episodes(self._histories.episodes(row.patient_id, events, now)),
        )
        return replace(full, urgency=place_unseen(full))


def _belongs(row: Row, shown: Mapping[str, Any], view: View) -> bool:
    """Tell whether a row is shown: of those beyond the sections' pages unscored crises, unseen alerts and who waits."""
    if view.only and row.urgency is not view.only:
        return False
    is_news = row.urgency is Urgency.CRITICAL and row.unscored is not None
    return row.patient_id in shown or is_news or row.urgency is Urgency.UNSEEN or row.prediction is None
