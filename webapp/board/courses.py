"""What the last three days say of each patient on the board, kept until a newer prediction comes.

The newest prediction comes from another index than the history: a history that lacks it is completed, and read again.

Reading and folding a history is the expensive part of a board, and a patient's history changes every quarter of an
hour only.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts import lifecycle
from alerts.episodes import Document, Findings, find, fold, history_since, lacks, with_newest
from alerts.model import Episode
from assessment.freshness import stale_after
from assessment.trend import trend
from conf.clinical import ALERT_RISK_FIELD
from elastic.client import Search
from elastic.search import predictions

MOST_PATIENTS: Final = 2_000
MOST_AT_ONCE: Final = 100
RISK_LINE: Final = timedelta(hours=24)
LINE_WIDTH: Final = 64
LINE_HEIGHT: Final = 16

Key = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Course:
    """One patient's last days: findings, the slope of the systolic pressure (mmHg per 30 min), a line of 6 h risks.

    Two courses are equal only where they are the same one: what is folded from a course is kept for that course alone.
    """

    findings: Findings
    slope: float | None
    risk_line: str  # an SVG path in a box of `LINE_WIDTH` x `LINE_HEIGHT`
    is_whole: bool  # False: the history did not hold the newest prediction yet, and may lack others


UNREAD: Final[tuple[Key, Course]] = ((), Course(Findings([], [], []), None, "", is_whole=True))


class Courses:
    """The courses of patients that were asked for lately."""

    def __init__(self, expected_interval: timedelta) -> None:
        self._interval = expected_interval
        self._courses: OrderedDict[str, tuple[Key, Course]] = OrderedDict()
        self._folded: OrderedDict[str, tuple[Key, list[Episode]]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, search: Search, rows: Mapping[str, tuple[Document | None, Document | None]], now: datetime) -> None:
        """Read the courses that are missing, old or not whole; `rows`: newest prediction and unscored reading by id.

        At most `MOST_AT_ONCE` of them, the first ones first, so that no screen waits long after a start of the site;
        the next call reads the next ones. Those that are not whole come last: they hold the newest prediction already.
        """
        since = history_since(now)
        with self._lock:
            old = [id_ for id_, row in rows.items() if not self._is_known(id_, _key(since, *row))]
            partial = [id_ for id_ in rows if not self._courses.get(id_, UNREAD)[1].is_whole and id_ not in old]
        changed = [*old, *partial][:MOST_AT_ONCE]
        scored = {id_ for id_ in changed if rows[id_][0] is not None}
        histories = predictions.histories(search, scored, since) if scored else {}
        for id_ in changed:
            course = self._course(histories.get(id_, []), *rows[id_], since)
            self._keep(self._courses, id_, (_key(since, *rows[id_]), course))

    def course(self, patient_id: str) -> Course:
        """The course of a patient, empty as long as it is not read."""
        with self._lock:
            return self._courses.get(patient_id, UNREAD)[1]

    def episodes(self, patient_id: str, events: Sequence[Document], now: datetime) -> list[Episode]:
        """All episodes of a patient by kind, as they stand now; none as long as the course is not read."""
        with self._lock:
            course = self._courses.get(patient_id, UNREAD)[1]
            known = self._folded.get(patient_id)
        worst = course.findings.worst
        is_silent = bool(worst) and now - worst[-1].at > stale_after(self._interval)
        folded_key = (course, is_silent, tuple((event["alert_id"], event["number"]) for event in events))
        if known is None or known[0] != folded_key:
            known = (folded_key, fold(course.findings, events, now, self._interval))
            self._keep(self._folded, patient_id, known)
        return lifecycle.settle(known[1], now)

    def _is_known(self, patient_id: str, key: Key) -> bool:
        known = self._courses.get(patient_id)
        if known:
            self._courses.move_to_end(patient_id)
        return known is not None and known[0] == key

    def _course(
        self, found: Sequence[Document], newest: Document | None, reading: Document | None, since: datetime
    ) -> Course:
        history = with_newest(found, newest, since)
        readings = [*history, reading] if reading else history
        pressures = [
            (datetime.fromisoformat(one["@timestamp"]), one["systolic"]) for one in readings if one.get("systolic")
        ]
        last = max((at for at, _ in pressures), default=None)
        slope = None if last is None else trend(pressures, last, self._interval)
        return Course(find(history, reading), slope, risk_line(history), not lacks(found, newest, since))

    def _keep(self, store: OrderedDict[str, Any], patient_id: str, value: Any) -> None:
        with self._lock:
            store[patient_id] = value
            store.move_to_end(patient_id)
            while len(store) > MOST_PATIENTS:
                store.popitem(last=False)


def _key(since: datetime, prediction: Document | None, reading: Document | None) -> Key:
    scored = prediction and tuple(prediction.get(name) for name in ("@timestamp", "scored_at", "source_offset"))
    return since, scored, reading and (reading["@timestamp"], reading.get("ingested_at"))


def risk_line(history: Sequence[Document]) -> str:
    """The 6 h risks of the last 24 h before the newest prediction as an SVG path; empty for fewer than two."""
    times = [datetime.fromisoformat(one["@timestamp"]) for one in history]
    points = [
        (LINE_WIDTH * (1 - (times[-1] - at) / RISK_LINE), LINE_HEIGHT * (1 - one[ALERT_RISK_FIELD]))
        for at, one in zip(times, history, strict=True)
        if times[-1] - at <= RISK_LINE
    ]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if len(points) > 1 else ""
