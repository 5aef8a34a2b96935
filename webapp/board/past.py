"""What the last hours say of each patient on the board: the trend of the pressure, and a line of 6 h risks.

Both are ornaments: no urgency, no alert and no order comes of them. They are kept for a moment, because hundreds of
patients are on screen and one in many minutes has a newer reading.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from conf.clinical import ALERT_RISK_FIELD, ALERT_THRESHOLDS
from elastic.client import Search
from elastic.search import predictions
from elastic.search.trends import trends

Document = Mapping[str, Any]

MOST_PATIENTS: Final = 2_000
MOST_AT_ONCE: Final = 100
KEPT: Final = timedelta(seconds=60)  # two indices refresh apart: whatever was read of one too early is read again
RISK_LINE: Final = timedelta(hours=24)
LINE_WIDTH: Final = 64
LINE_HEIGHT: Final = 16
RISK_LIMIT_Y: Final = round(LINE_HEIGHT * (1 - ALERT_THRESHOLDS[-1]), 1)  # where CRITICAL begins


@dataclass(frozen=True)
class Past:
    """The slope of one patient's systolic pressure (mmHg per 30 min; None: withheld) and the path of the 6 h risks."""

    slope: float | None = None
    risk_line: str = ""  # an SVG path in a box of `LINE_WIDTH` x `LINE_HEIGHT`


NOTHING: Final = Past()


class Pasts:
    """The past of patients that were asked for lately."""

    def __init__(self, expected_interval: timedelta) -> None:
        self._interval = expected_interval
        self._read: OrderedDict[str, tuple[Any, datetime, Past]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, search: Search, newest: Mapping[str, Sequence[Document | None]], now: datetime) -> dict[str, Past]:
        """Return the past of these patients; `newest` holds their newest prediction and reading.

        At most `MOST_AT_ONCE` are read, the first ones first, so that no screen waits long after a start of the site;
        whose turn has not come has an older past or none.
        """
        keys = {id_: tuple(map(_version, documents)) for id_, documents in newest.items()}
        with self._lock:
            known = {id_: self._read[id_] for id_ in newest if id_ in self._read}
        old = [id_ for id_ in newest if id_ not in known or known[id_][0] != keys[id_] or now - known[id_][1] >= KEPT]
        read = self._find(search, {id_: newest[id_][0] for id_ in old[:MOST_AT_ONCE]}, now)
        with self._lock:
            for id_ in newest:
                if id_ in read:
                    self._read[id_] = (keys[id_], now, read[id_])
                if id_ in self._read:
                    self._read.move_to_end(id_)
            while len(self._read) > MOST_PATIENTS:
                self._read.popitem(last=False)
        return {id_: past for id_, (_, _, past) in known.items()} | read

    def _find(self, search: Search, newest: Mapping[str, Document | None], now: datetime) -> dict[str, Past]:
        slopes = trends(search, newest, now, self._interval) if newest else {}
        scored = [id_ for id_, prediction in newest.items() if prediction]
        histories = predictions.histories(search, scored, now - RISK_LINE)
        return {
            id_: Past(slopes.get(id_), risk_line([*histories.get(id_, ()), *([prediction] if prediction else ())]))
            for id_, prediction in newest.items()
        }


def _version(document: Document | None) -> Any:
    """Return what tells one version of a reading or prediction from the next."""
    return document and tuple(document.get(name) for name in ("@timestamp", "scored_at", "ingested_at"))


def risk_line(history: Iterable[Document]) -> str:
    """Return the 6 h risks of the 24 h before the newest prediction as an SVG path; empty for fewer than two.

    Of two predictions of one instant the later one of `history` counts.
    """
    risks = {datetime.fromisoformat(known["@timestamp"]): known[ALERT_RISK_FIELD] for known in history}
    newest = max(risks, default=None)
    points = [
        (LINE_WIDTH * (1 - (newest - at) / RISK_LINE), LINE_HEIGHT * (1 - risk))
        for at, risk in sorted(risks.items())
        if newest and newest - at <= RISK_LINE
    ]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if len(points) > 1 else ""
