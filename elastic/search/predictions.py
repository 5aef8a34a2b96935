"""Stored predictions: of a patient, of all, and the histories that the board draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from conf.clinical import ALERT_RISK_FIELD
from conf.times import to_us
from elastic.client import After, Document, Page, Search
from elastic.names import PREDICTIONS, instant_id, monthly_index
from elastic.scope import OF_CANARIES
from elastic.search.queries import all_of, between, by_patient, in_time, term, term_if, terms

HISTORY_FIELDS: Final = [
    "@timestamp",
    "patient_id",
    "alert_level",
    ALERT_RISK_FIELD,
    "model_version",
    "systolic",
    "diastolic",
    "scored_at",
    "window_hours",
    "window_largest_gap_hours",
]
MOST_HISTORY: Final = 100_000

Instant = tuple[str, datetime]  # of a patient


def at_instants(search: Search, instants: Iterable[Instant]) -> dict[Instant | None, Document]:
    """Return the predictions of patients at these very moments that there are, as they are now."""
    places: dict[str, dict[str, Instant]] = defaultdict(dict)
    for patient_id, at in instants:
        places[monthly_index(PREDICTIONS, to_us(at))][instant_id(patient_id, to_us(at))] = patient_id, at
    return {
        by_id[id_]: document
        for index, by_id in places.items()
        for id_, document in search.get_many(index, list(by_id)).items()
    }


def sample(search: Search, since: datetime, most: int) -> list[Document]:
    """Return random predictions of real patients with newest readings since then, others at each call."""
    query = all_of(between("@timestamp", since), without=[OF_CANARIES])
    by_chance = {"function_score": {"query": query, "random_score": {}, "boost_mode": "replace"}}
    return search.page(PREDICTIONS, {"size": most, "query": by_chance, "sort": ["_score"]}).documents


def of_patient(
    search: Search,
    patient_id: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 500,
    after: After | None = None,
    newest_first: bool = False,
    fields: Sequence[str] | None = None,
) -> Page:
    """Return a page of a patient's predictions with newest readings in [start, end), with some fields or whole."""
    query = all_of(term("patient_id", patient_id), between("@timestamp", start, end))
    body = in_time(query, limit, after, newest_first=newest_first)
    return search.page(PREDICTIONS, body if fields is None else {**body, "_source": fields})


def page(
    search: Search,
    *,
    level: str | None = None,
    min_risk_6h: float | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
    after: After | None = None,
) -> Page:
    """Return a page of the predictions of all patients, newest first."""
    query = all_of(
        term_if("alert_level", level),
        between(ALERT_RISK_FIELD, min_risk_6h),
        between("@timestamp", start, end),
    )
    return search.page(PREDICTIONS, in_time(query, limit, after, newest_first=True))


def histories(search: Search, patient_ids: Iterable[str], since: datetime) -> dict[str, list[Document]]:
    """Return the predictions of each patient since then, oldest first, with `HISTORY_FIELDS` only.

    Risks come from the source: the index itself keeps them as binary fractions, where 0.29 is less than 29 %.
    """
    ids = sorted(set(patient_ids))
    if not ids:
        return {}
    query = all_of(terms("patient_id", ids), between("@timestamp", since))
    body = {**in_time(query, MOST_HISTORY, newest_first=False), "_source": HISTORY_FIELDS}
    documents = search.pages(PREDICTIONS, body, MOST_HISTORY)
    if len(documents) == MOST_HISTORY and len(ids) > 1:  # what was cut off are the newest ones
        half = len(ids) // 2
        return histories(search, ids[:half], since) | histories(search, ids[half:], since)
    return by_patient(documents)
