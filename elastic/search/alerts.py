"""Alerts as the alert service has written them: one document an episode. Readers show these and conclude nothing.

Documents come in the order of action: unanswered before answered, then by level, measured before predicted, what goes
on before what is over, the higher pressure first, then the one that has waited longest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from elastic.client import After, Document, Page, Query, Search
from elastic.names import ALERT_SERVICE, ALERTS, fit_id
from elastic.search.queries import all_of, between, by_patient, later, term, term_if, terms

ACTION_ORDER: Final[list[Any]] = [
    {"is_unanswered": "desc"},
    {"shown_rank": "desc"},
    {"kind_order": "asc"},
    {"rank": "desc"},
    {"worst.systolic": {"order": "desc", "missing": 0}},
    {"raised_at": "asc"},
    {"alert_id": "asc"},
]
LATEST_SILENCE_FIRST: Final[list[Any]] = [
    {"is_unanswered": "desc"},
    {"shown_rank": "desc"},
    {"raised_at": "desc"},
    {"alert_id": "asc"},
]
NEWEST_FIRST: Final[list[Any]] = [{"raised_at": "desc"}, {"alert_id": "asc"}]
LAST_ENDED_FIRST: Final[list[Any]] = [{"ended_at": "desc"}, {"alert_id": "asc"}]
EXACT_UP_TO: Final = 40_000  # patients; beyond that a total may be off by a few in a hundred
MOST_OF_PATIENTS: Final = 5_000
MOST_OF_PATIENT: Final = 500
MOST_WITHOUT_PATIENT: Final = 50
MOST_UNANSWERED: Final = 100_000


def is_open(*filters: Query | None, without: Iterable[Query | None] = ()) -> Query:
    """Return a query for open alerts that pass all filters and none of `without`."""
    return all_of(term("is_open", True), *filters, without=without)


class Wanted(NamedTuple):
    """A list of patients: by which of their alerts, how many, and in which order."""

    query: Query
    size: int
    order: Sequence[Any] = ACTION_ORDER


def first_patients(search: Search, wanted: Sequence[Wanted]) -> list[list[str]]:
    """Return the patients of each list, by the first one of their alerts that matches; one round trip."""
    bodies = [
        {**_body(query, size, order), "collapse": {"field": "patient_id"}, "_source": ["patient_id"]}
        for query, size, order in wanted
    ]
    answers = search.ask_all(ALERTS, bodies) if bodies else []
    return [[hit["_source"]["patient_id"] for hit in answer["hits"]["hits"]] for answer in answers]


def count_patients(search: Search, queries: Mapping[str, Query]) -> dict[str, int]:
    """Count the patients with an alert of each query."""
    patients = {"patients": {"cardinality": {"field": "patient_id", "precision_threshold": EXACT_UP_TO}}}
    wanted = {name: {"filter": query, "aggs": patients} for name, query in queries.items()}
    found = search.aggregate(ALERTS, wanted, is_open())
    return {name: found.get(name, {}).get("patients", {}).get("value", 0) for name in queries}


def open_of_patients(search: Search, patient_ids: Iterable[str]) -> Mapping[str, list[Document]]:
    """Return the open alerts of these patients by patient, in the order of action; [] for who has none."""
    ids = sorted(set(patient_ids))
    body = _body(is_open(terms("patient_id", ids)), MOST_OF_PATIENTS)
    return by_patient(search.page(ALERTS, body).documents if ids else [])


def of_patient(search: Search, patient_id: str, since: datetime, kind: str | None = None) -> list[Document]:
    """Return a patient's alerts that are open or ended since then, of all kinds or of one, the newest first."""
    ended_before = all_of(term("is_open", False), without=[between("ended_at", since)])
    query = all_of(term("patient_id", patient_id), term_if("kind", kind), without=[ended_before])
    return search.page(ALERTS, _body(query, MOST_OF_PATIENT, NEWEST_FIRST)).documents


def open_or_ended_since(search: Search, since: datetime) -> list[Document]:
    """Return all alerts that are open or have ended since then, in the order of action."""
    ended_before = all_of(term("is_open", False), without=[between("ended_at", since)])
    return search.page(ALERTS, _body(all_of(without=[ended_before]), MOST_OF_PATIENTS)).documents


def count_raised(search: Search, since: datetime) -> int:
    """Count the alerts that were raised since then."""
    return search.count(ALERTS, all_of(between("raised_at", since)))


def count_ended(search: Search, since: datetime) -> int:
    """Count the alerts that have ended since then."""
    return search.count(ALERTS, all_of(between("ended_at", since)))


def without_patient(search: Search) -> list[Document]:
    """Return the open alerts about the feed or a part of the system."""
    query = is_open({"exists": {"field": "part"}})
    return search.page(ALERTS, _body(query, MOST_WITHOUT_PATIENT)).documents


def by_id(search: Search, alert_id: str) -> Document | None:
    """Return one alert as it stands at this moment, None where there is none of that id."""
    return search.get(ALERTS, fit_id(alert_id))


def unanswered(search: Search) -> list[Document]:
    """Return all alerts that wait for an answer."""
    body = {"query": is_open(term("is_unanswered", True)), "sort": [{"alert_id": "asc"}], "track_total_hits": False}
    return search.pages(ALERTS, body, MOST_UNANSWERED)


def open_page(
    search: Search, *, is_answered: bool | None = None, level: str | None = None, limit: int, after: After | None = None
) -> Page:
    """Return a page of open alerts, of patients and others, in the order of action."""
    answered = None if is_answered is None else term("is_unanswered", not is_answered)
    return search.page(ALERTS, _body(is_open(answered, term_if("level", level)), limit, after=after))


def ended_page(
    search: Search, start: datetime, end: datetime, *, level: str | None = None, limit: int, after: After | None = None
) -> Page:
    """Return a page of the alerts that ended in [start, end), the last one first."""
    query = all_of(term("is_open", False), between("ended_at", start, end), term_if("level", level))
    return search.page(ALERTS, _body(query, limit, LAST_ENDED_FIRST, after))


def newest_change(search: Search) -> int | None:
    """Return a number that grows with each change of any alert that searches see; None while there is no alert.

    It is the place of the change in the index, not a time: of two changes in one millisecond the second is seen too.
    """
    body = {"size": 1, "sort": [{"_seq_no": "desc"}], "_source": False, "track_total_hits": False}
    hits = search.ask(ALERTS, body)["hits"]["hits"]
    return int(hits[0]["sort"][0]) if hits else None


def watched_until(search: Search) -> datetime | None:
    """Return until when a copy of the alert service holds the watch; None where there never was one."""
    newest = {"until": {"order": "desc", "unmapped_type": "date"}}
    body = {"size": 1, "query": {"exists": {"field": "until"}}, "sort": [newest], "track_total_hits": False}
    found = search.page(ALERT_SERVICE, body).documents
    return datetime.fromisoformat(found[0]["until"]) if found else None


def _body(query: Query, size: int, order: Sequence[Any] = ACTION_ORDER, after: After | None = None) -> Query:
    return {"size": size, "query": query, "sort": list(order), "track_total_hits": False, **later(after)}
