"""What the last three days say of each patient on the board, kept until a newer prediction comes.

Reading and folding a history is the expensive part of a board, and a patient's history changes every quarter of an
hour only. The newest prediction comes from another index than the history: a history that lacks it is completed, and
read again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.episodes import Document, Findings, find, fold, history_since, lacks, with_newest
from alerts.lifecycle import settle
from alerts.model import Episode
from assessment.freshness import stale_after
from assessment.trend import trend
from conf.clinical import ALERT_RISK_FIELD, ALERT_THRESHOLDS
from elastic.client import Search
from elastic.search import predictions

MOST_PATIENTS: Final = 2_000
MOST_AT_ONCE: Final = 100
RISK_LINE: Final = timedelta(hours=24)
LINE_WIDTH: Final = 64
LINE_HEIGHT: Final = 16
RISK_LIMIT_Y: Final = round(LINE_HEIGHT * (1 - ALERT_THRESHOLDS[-1]), 1)  # where CRITICAL begins

NO_CRISES: Final[Mapping[str, Sequence[Document]]] = {}

Key = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class History:
    """One patient's last days: findings, the slope of the systolic pressure (mmHg per 30 min), a line of 6 h risks.

    Two are equal only where they are the same one: what is folded from a history is kept for that history alone.
    """

    findings: Findings
    slope: float | None
    risk_line: str  # an SVG path in a box of `LINE_WIDTH` x `LINE_HEIGHT`
    is_whole: bool  # False: it did not hold the newest prediction yet, and may lack others


UNREAD: Final[tuple[Key, History]] = ((), History(Findings([], [], []), None, "", is_whole=True))


class Histories:
    """The histories of patients that were asked for lately."""

    def __init__(self, expected_interval: timedelta) -> None:
        self._interval = expected_interval
        self._read: OrderedDict[str, tuple[Key, History]] = OrderedDict()
        self._folded: OrderedDict[str, tuple[Key, list[Episode]]] = OrderedDict()
        self._lock = threading.Lock()

    def read(
        self,
        search: Search,
        rows: Mapping[str, tuple[Document | None, Document | None]],
        now: datetime,
        crises: Mapping[str, Sequence[Document]] = NO_CRISES,
    ) -> None:
        """Read the histories that are missing, old or not whole; `rows`: newest prediction and unscored reading by id.

        `crises` are the readings in crisis by patient, scored or not.

        At most `MOST_AT_ONCE` of them, the first ones first, so that no screen waits long after a start of the site;
        the next call reads the next ones. Those that are not whole come last: they hold the newest prediction already.
        """
        since = history_since(now)
        keys = {id_: _key(since, *row, crises.get(id_, ())) for id_, row in rows.items()}
        with self._lock:
            for id_ in rows.keys() & self._read.keys():
                self._read.move_to_end(id_)
            known = {id_: self._read.get(id_, UNREAD) for id_ in rows}
        old = [id_ for id_ in rows if known[id_][0] != keys[id_]]
        partial = [id_ for id_ in rows if known[id_][0] == keys[id_] and not known[id_][1].is_whole]
        changed = [*old, *partial][:MOST_AT_ONCE]
        scored = {id_ for id_ in changed if rows[id_][0] is not None}
        found = predictions.histories(search, scored, since) if scored else {}
        for id_ in changed:
            history = self._history(found.get(id_, []), *rows[id_], crises.get(id_, ()), since)
            self._keep(self._read, id_, (keys[id_], history))

    def history(self, patient_id: str) -> History:
        """Return the history of a patient, empty as long as it is not read."""
        with self._lock:
            return self._read.get(patient_id, UNREAD)[1]

    def episodes(self, patient_id: str, events: Sequence[Document], now: datetime) -> list[Episode]:
        """Return all episodes of a patient by kind, as they stand now; none as long as the history is not read."""
        with self._lock:
            history = self._read.get(patient_id, UNREAD)[1]
            known = self._folded.get(patient_id)
        worst = history.findings.worst
        is_silent = bool(worst) and now - worst[-1].at > stale_after(self._interval)
        key = (history, is_silent, tuple((event["alert_id"], event["number"]) for event in events))
        if known is None or known[0] != key:
            known = (key, fold(history.findings, events, now, self._interval))
            self._keep(self._folded, patient_id, known)
        return settle(known[1], now)

    def _history(
        self,
        found: Sequence[Document],
        newest: Document | None,
        unscored: Document | None,
        crises: Sequence[Document],
        since: datetime,
    ) -> History:
        whole = with_newest(found, newest, since)
        readings = [*whole, unscored] if unscored else whole
        pressures = [
            (datetime.fromisoformat(reading["@timestamp"]), reading["systolic"])
            for reading in readings
            if reading.get("systolic")
        ]
        last = max((at for at, _ in pressures), default=None)
        slope = None if last is None else trend(pressures, last, self._interval)
        return History(find(whole, unscored, crises), slope, risk_line(whole), not lacks(found, newest, since))

    def _keep(self, store: OrderedDict[str, Any], patient_id: str, value: Any) -> None:
        """Keep a value, and let go of the patients who were asked for the longest time ago."""
        with self._lock:
            store[patient_id] = value
            store.move_to_end(patient_id)
            while len(store) > MOST_PATIENTS:
                store.popitem(last=False)


def _key(since: datetime, prediction: Document | None, unscored: Document | None, crises: Sequence[Document]) -> Key:
    """Return what a history is made of: as long as it is the same, nothing has to be read."""
    scored = prediction and tuple(prediction.get(name) for name in ("@timestamp", "scored_at", "source_offset"))
    measured = tuple(crisis["@timestamp"] for crisis in crises)
    return since, scored, unscored and (unscored["@timestamp"], unscored.get("ingested_at")), measured


def risk_line(history: Sequence[Document]) -> str:
    """Return the 6 h risks of the last 24 h before the newest prediction as an SVG path; empty for fewer than two."""
    dated = [(datetime.fromisoformat(prediction["@timestamp"]), prediction) for prediction in history]
    points = [
        (LINE_WIDTH * (1 - (dated[-1][0] - at) / RISK_LINE), LINE_HEIGHT * (1 - prediction[ALERT_RISK_FIELD]))
        for at, prediction in dated
        if dated[-1][0] - at <= RISK_LINE
    ]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if len(points) > 1 else ""
