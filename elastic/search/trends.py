"""Where the systolic pressure of patients is heading, by their stored readings: one answer for board and page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from assessment.freshness import stale_after
from assessment.readings import read
from assessment.trend import LOOKBACK, trend
from elastic.client import MOST_DOCUMENTS, Document, Search
from elastic.names import OBSERVATIONS
from elastic.search.observations import standing
from elastic.search.queries import between, by_patient, in_time, present, terms

FIELDS: Final = ["@timestamp", "patient_id", "systolic", "diastolic"]


def trends(
    search: Search, patient_ids: Iterable[str], now: datetime, expected_interval: timedelta
) -> dict[str, float | None]:
    """Return for each patient the slope of the systolic pressure in mmHg per 30 min, None where it is withheld.

    One search, as long as the patients have at most `MOST_DOCUMENTS` readings in the two hours that a trend is made of.
    """
    ids = sorted(set(patient_ids))
    found = by_patient(_readings(search, ids, now, now - LOOKBACK - stale_after(expected_interval)))
    pressures = {id_: [(reading.at, reading.systolic) for reading in read(found[id_])] for id_ in ids}
    return {id_: trend(pressures[id_], now, expected_interval) for id_ in ids}


def _readings(search: Search, ids: Sequence[str], now: datetime, since: datetime) -> list[Document]:
    """Return the readings of these patients since then, the newest first: of one patient up to `MOST_DOCUMENTS`."""
    if not ids:
        return []
    query = standing(terms("patient_id", ids), between("@timestamp", since), present(now))
    body = {**in_time(query, MOST_DOCUMENTS, newest_first=True), "_source": FIELDS}
    found = search.page(OBSERVATIONS, body).documents
    if len(found) < MOST_DOCUMENTS or len(ids) == 1:
        return found
    half = len(ids) // 2
    return _readings(search, ids[:half], now, since) + _readings(search, ids[half:], now, since)
