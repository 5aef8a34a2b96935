"""The board out of Elasticsearch: one load per distinct view and moment, shared by every screen of this process.

What is shown are the documents of the alert service, the newest reading and the newest prediction. Nothing is concluded
here from what was measured: whoever has no open alert has none on the board either.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from assessment.freshness import Freshness, stale_after
from assessment.urgency import CRISIS_KEPT, Urgency
from elastic.client import Search
from elastic.search import alerts, latest, observations, rejected, wards
from webapp.board.past import NOTHING, Pasts
from webapp.board.rows import Document, Row, Ward, arrange, make_row
from webapp.board.sections import count_sections, first_of_sections
from webapp.shared import Shared

LIFETIME: Final = timedelta(seconds=0.2)
GRACE: Final = timedelta(seconds=0.2)  # shorter than the pause of a screen that is alone: it never gets an old ward
RENEWED_EVERY_S: Final = 5  # a ward is loaded again even where nothing seems to have changed
SLOW_LIFETIME: Final = timedelta(seconds=15)  # of what changes slowly
SLOW_REST: Final = 50  # and so many times as long as it took: it goes over up to `MOST_READINGS`
WAITING_SPANS: Final = tuple(timedelta(hours=hours) for hours in (24, 6, 1, 0.25))  # the first that is not too much
MOST_READINGS: Final = 2_000_000
UNWATCHED_AFTER: Final = timedelta(seconds=5)  # past the time to which the alert service holds the watch
NAMELESS_SHOWN: Final = timedelta(hours=1)  # nobody can answer for them: they go by themselves
MOST_NAMELESS: Final = 5
MOST_OF_ONE: Final = 500  # rows where a screen asks for one section only
SIZES: Final[Mapping[Urgency, int]] = {  # rows that a section shows; beyond, it tells how many more there are
    Urgency.CRITICAL: 200,
    Urgency.HIGH: 100,
    Urgency.SILENT: 50,
    Urgency.MEDIUM: 100,
    Urgency.NONE: 100,
    Urgency.WAITING: 100,
}


@dataclass(frozen=True)
class View:
    """What a screen asks for: one section only (None: all), and whether the patients without alert are listed."""

    only: Urgency | None = None
    quiet: bool = False

    def sizes(self) -> dict[Urgency, int]:
        """Return how many rows of each section are shown; totals come with all of them."""
        if self.only:
            return {self.only: MOST_OF_ONE}
        return {place: size for place, size in SIZES.items() if self.quiet or place is not Urgency.NONE}


@dataclass(frozen=True)
class State:
    """What tells that a ward may have changed, and whether anybody watches over it."""

    newest_at: str | None
    newest_change: int | None
    unwatched_since: datetime | None
    never_watched: bool


class Board:
    """Loads wards as one scope sees them; see `webapp.board.views.screens`."""

    def __init__(self, search: Search, expected_interval: timedelta) -> None:
        self._search = search
        self._interval = expected_interval
        self._pasts = Pasts(expected_interval)
        self._waiting: Shared[Mapping[str, int]] = Shared(SLOW_LIFETIME, SLOW_LIFETIME, rest=SLOW_REST)
        self.forget()

    def ward(self, view: View, now: datetime) -> Ward:
        """Return the ward as this view shows it; raise `SearchUnavailable`."""
        return self._wards.get(view, now, lambda: self._renew(view, now))

    def rows(self, patient_ids: Iterable[str], now: datetime) -> list[Row]:
        """Return the rows of these patients, in their order."""
        return self._make_rows(list(patient_ids), {}, now - CRISIS_KEPT, now)

    def forget(self) -> None:
        """Let the next screen read again: somebody has just answered something."""
        self._wards: Shared[Ward] = Shared(LIFETIME, GRACE)
        self._loaded: dict[View, tuple[Hashable, Ward]] = {}

    def _renew(self, view: View, now: datetime) -> Ward:
        """Return the ward that was loaded last, as long as nothing has changed since."""
        state = self._find_state(now)
        key = state, int(now.timestamp()) // RENEWED_EVERY_S
        known = self._loaded.get(view)
        if known is None or known[0] != key:
            known = self._loaded[view] = (key, self._load(view, state, now))
        return known[1]

    def _find_state(self, now: datetime) -> State:
        until = alerts.watched_until(self._search)
        is_late = until is not None and now > until + UNWATCHED_AFTER
        return State(
            latest.newest_time(self._search),
            alerts.newest_change(self._search),
            until if is_late else None,
            never_watched=until is None,
        )

    def _load(self, view: View, state: State, now: datetime) -> Ward:
        """Load who is shown, and count each patient in the section of the worst alert."""
        search, sizes = self._search, view.sizes()
        totals, unanswered = count_sections(search)
        waiting = self._waiting.get("", now, lambda: self._find_waiting(now))
        ids = first_of_sections(search, sizes)
        if Urgency.WAITING in sizes:
            ids = list(dict.fromkeys([*ids, *waiting]))
        if Urgency.NONE in sizes:
            ids += self._find_quiet(sizes[Urgency.NONE], ids)
        scored_until = datetime.fromisoformat(state.newest_at) if state.newest_at else now - CRISIS_KEPT
        unscored_since = max(min(now, scored_until) - stale_after(self._interval), now - CRISIS_KEPT)
        rows = self._make_rows(ids, waiting, unscored_since, now)
        unscored = sum(row.prediction is None and bool(row.alerts) for row in rows)
        quiet = latest.count(search) - sum(totals.values()) + unscored
        totals |= {Urgency.NONE: max(0, quiet), Urgency.WAITING: 0}
        nameless = rejected.nameless(search, now - NAMELESS_SHOWN, MOST_NAMELESS)
        return Ward(
            arrange(rows, totals, sizes),
            state.newest_at,
            unanswered,
            tuple(alerts.without_patient(search)),
            state.unwatched_since,
            state.never_watched,
            tuple(nameless),
        )

    def _make_rows(
        self, ids: list[str], waiting: Mapping[str, int], unscored_since: datetime, now: datetime
    ) -> list[Row]:
        """Make rows with readings that are not scored yet: of all since then, of who has no prediction for longer."""
        alerted = alerts.open_of_patients(self._search, ids)
        scored = latest.of_patients(self._search, ids)
        readings = observations.newest(self._search, ids, now, unscored_since)
        unknown = [id_ for id_ in ids if id_ not in scored and id_ not in readings]
        readings |= observations.newest(self._search, unknown, now, now - CRISIS_KEPT)
        newest = {id_: (scored.get(id_), _newer(readings.get(id_), scored.get(id_))) for id_ in ids}
        pasts = self._pasts.of(self._search, newest, now)
        refused = rejected.refused_lately(self._search, ids, now)
        stays = wards.of_patients(self._search, ids)
        rows = []
        for id_, (prediction, reading) in newest.items():
            count = None if prediction else waiting.get(id_)
            row = make_row(id_, alerted.get(id_, ()), prediction, reading, now, self._interval, count)
            past = pasts.get(id_, NOTHING)
            slope = past.slope if row.freshness is Freshness.FRESH else None
            row = replace(row, slope=slope, risk_line=past.risk_line)
            rows.append(replace(row, refused=refused.get(id_), stay=stays.get(id_)))
        return rows

    def _find_quiet(self, size: int, others: Sequence[str]) -> list[str]:
        """Return patients without any open alert, the highest risk first, as far as `others` are those with one."""
        found = latest.riskiest(self._search, size, without=others)
        ids = [document["patient_id"] for document in found]
        alerted = alerts.open_of_patients(self._search, ids)
        return [id_ for id_ in ids if id_ not in alerted]

    def _find_waiting(self, now: datetime) -> Mapping[str, int]:
        """Return the readings so far of the patients who have too few for a prediction."""
        counts = observations.waiting(self._search, self._waiting_since(now), now)
        scored = latest.of_patients(self._search, counts)
        return {id_: count for id_, count in counts.items() if id_ not in scored}

    def _waiting_since(self, now: datetime) -> datetime:
        """Return since when readings are counted: a day, less where that would be too many readings to go over."""
        starts = [now - span for span in WAITING_SPANS]
        bearable = (at for at in starts if observations.count_since(self._search, at, now) <= MOST_READINGS)
        return next(bearable, starts[-1])


def _newer(reading: Document | None, prediction: Document | None) -> Document | None:
    """Return a reading, unless a prediction goes by a newer one."""
    is_old = reading and prediction and reading["@timestamp"] < prediction["@timestamp"]
    return None if is_old else reading
