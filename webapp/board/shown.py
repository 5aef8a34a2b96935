"""When an alert first stood on somebody's board: noted once in the journal, behind the answer to the screen."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from elastic.client import Search, SearchUnavailable
from elastic.search import alert_events

MOST_KNOWN: Final = 50_000

log = logging.getLogger(__name__)


class Shown:
    """The alerts that this process has put on boards; what it does not know it notes, and another one has may be."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._lock = threading.Lock()
        self._known: dict[str, None] = {}

    def note(self, alerts: Iterable[Mapping[str, Any]], now: datetime) -> threading.Thread | None:
        """Note the documents of alerts that stand on a board now; nobody waits for it."""
        with self._lock:
            new = [alert for alert in alerts if alert["alert_id"] not in self._known]
            self._known |= dict.fromkeys(alert["alert_id"] for alert in new)
            for oldest in list(self._known)[:-MOST_KNOWN]:
                del self._known[oldest]
        if not new:
            return None
        thread = threading.Thread(target=self._write, args=(new, now), name="shown", daemon=True)
        thread.start()
        return thread

    def _write(self, alerts: list[Mapping[str, Any]], now: datetime) -> None:
        """Write them; what cannot be written now is noted when it is shown once more."""
        try:
            alert_events.note_shown(self._search, alerts, now)
        except SearchUnavailable as error:
            log.warning("That alerts were shown could not be noted: %s", error)
            with self._lock:
                for alert in alerts:
                    self._known.pop(alert["alert_id"], None)
