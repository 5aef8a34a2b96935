"""Who lies where: a stay for each patient, and for each ward the list of its patients, by which searches are limited.

No reading, prediction or alert has to say where its patient lies, so that access follows the patient at once. The lists
are made of the stays and of nothing else: whoever changes a stay publishes the lists anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from conf.errors import UserError
from conf.times import iso_us, to_us
from elastic.bulk import Operation, write
from elastic.client import Document, Search, refresh
from elastic.names import LOCATIONS, STAYS, WARDS, fit_id
from elastic.search.queries import terms
from fhir.readings import Location

MOST_WARDS: Final = 1_000
MOST_IN_WARD: Final = 65_536  # patients: so many terms a search takes from a list
MOST_STAYS: Final = 1_000_000
MOST_LOCATIONS: Final = 200_000
LISTED: Final[dict[str, Any]] = {"size": MOST_WARDS, "query": {"exists": {"field": "ward"}}}
BY_PATIENT: Final[list[Any]] = [{"patient_id": "asc"}]


class TooManyError(UserError):
    """There are more wards than can be listed, or more patients in one than a search can be limited to."""


def of_patients(search: Search, patient_ids: Iterable[str]) -> dict[str, Document]:
    """Return where those of some patients lie of whom it is known: `ward`, `told_at`, and if told `bed` and `name`."""
    ids = sorted(set(patient_ids))
    if not ids:
        return {}
    body = {"query": terms("patient_id", ids), "sort": BY_PATIENT, "track_total_hits": False}
    return {stay["patient_id"]: stay for stay in search.pages(STAYS, body, len(ids)) if "ward" in stay}


def all_stays(search: Search) -> dict[str, Document]:
    """Return the stays of all patients, those that are over too: they have no `ward`."""
    body = {"query": {"exists": {"field": "patient_id"}}, "sort": BY_PATIENT, "track_total_hits": False}
    return {stay["patient_id"]: stay for stay in search.pages(STAYS, body, MOST_STAYS)}


def names(search: Search) -> list[str]:
    """Return the wards that patients lie in, by name."""
    body = {**LISTED, "sort": [{"ward": "asc"}], "_source": ["ward"], "track_total_hits": False}
    return [found["ward"] for found in search.page(WARDS, body).documents]


def lists_of(stays: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the patients of each ward; raise `TooManyError` for more wards or patients than a list takes."""
    lists: dict[str, list[str]] = defaultdict(list)
    for stay in stays:
        if "ward" in stay:
            lists[stay["ward"]].append(stay["patient_id"])
    if len(lists) > MOST_WARDS:
        raise TooManyError(f"There are {len(lists):,} wards, more than {MOST_WARDS:,}. Put some of them together.")
    if too_large := sorted(ward for ward, ids in lists.items() if len(ids) > MOST_IN_WARD):
        raise TooManyError(
            f"More than {MOST_IN_WARD:,} patients in {', '.join(too_large)}: no search can be limited to so many. "
            "Split the ward into several; an account may be bound to all of them."
        )
    return {ward: sorted(ids) for ward, ids in lists.items()}


def keep(search: Search, stays: Iterable[Mapping[str, Any]], gone: Iterable[str] = ()) -> None:
    """Store stays, each in place of the patient's last one, and forget those of the patients who are `gone`."""
    operations = [
        Operation("index", STAYS, fit_id(stay["patient_id"]), msgspec.json.encode(dict(stay))) for stay in stays
    ]
    write(search.client, [*operations, *(Operation("delete", STAYS, fit_id(patient_id)) for patient_id in gone)])
    refresh(search.client, STAYS)


def all_locations(search: Search) -> dict[str, Location]:
    """Return what is known of the places of the house, by the ids of their Locations."""
    body = {"query": {"exists": {"field": "location_id"}}, "sort": [{"location_id": "asc"}], "track_total_hits": False}
    found = search.pages(LOCATIONS, body, MOST_LOCATIONS)
    locations = (Location(told_us=to_us(datetime.fromisoformat(it.pop("told_at"))), **it) for it in found)
    return {location.location_id: location for location in locations}


def keep_locations(search: Search, locations: Iterable[Location]) -> None:
    """Store what is known of some places."""
    operations = []
    for location in locations:
        document = msgspec.structs.asdict(location)
        document["told_at"] = iso_us(document.pop("told_us"))
        operations.append(Operation("index", LOCATIONS, fit_id(location.location_id), msgspec.json.encode(document)))
    write(search.client, operations)
    refresh(search.client, LOCATIONS)


def publish(search: Search, stays: Iterable[Mapping[str, Any]]) -> None:
    """Store the lists of the wards that differ from what is there, and remove those of wards without patients."""
    lists = lists_of(stays)
    known = {found["ward"]: found["patient_ids"] for found in search.page(WARDS, LISTED).documents}
    now = datetime.now(UTC).isoformat()
    changed = [
        Operation(
            "index", WARDS, fit_id(ward), msgspec.json.encode({"ward": ward, "patient_ids": ids, "written_at": now})
        )
        for ward, ids in lists.items()
        if known.get(ward) != ids
    ]
    emptied = [Operation("delete", WARDS, fit_id(ward)) for ward in known.keys() - lists.keys()]
    write(search.client, [*changed, *emptied])
    refresh(search.client, WARDS)
