"""The list of patients: what may be asked for, and the pages of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from assessment.freshness import stale_after
from conf.clinical import ALERT_LEVELS
from elastic.client import Document, Page, Search
from elastic.search import latest, observations

PAGE_SIZE: Final = 50
LEAST_PART: Final = 2  # characters
LONGEST_PART: Final = 256
MOST_EXPORTED: Final = 20_000
EXPORT_PAGE: Final = 5_000
UNSCORED_SINCE: Final = timedelta(days=7)
MOST_UNSCORED: Final = 20

SEEN: Final = ("", "fresh", "silent", "1h", "24h")
ORDERS: Final = ("risk", "newest", "id")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list shows; an empty text means no filter."""

    part: str = ""
    level: str = ""
    seen: str = ""
    order: str = "risk"
    ward: str | None = None  # as in the address, kept for that of the next page; see `webapp.wards`

    @property
    def is_part_short(self) -> bool:
        """Tell whether a part of an id was given, but not enough of it to search for."""
        return 0 < len(self.part) < LEAST_PART

    def parameters(self) -> dict[str, str]:
        """Return the filters as they stand in an address, without the usual ones."""
        given = {"q": self.part, "level": self.level, "seen": self.seen, "order": self.order}
        told = {name: value for name, value in given.items() if value and (name, value) != ("order", "risk")}
        return told if self.ward is None else {**told, "ward": self.ward}


def read_filters(parameters: Mapping[str, str]) -> Filters:
    """Return the filters of an address; what is not among the choices filters nothing."""
    level, seen, order = (parameters.get(name, "") for name in ("level", "seen", "order"))
    return Filters(
        part=parameters.get("q", "").strip()[:LONGEST_PART],
        level=level if level in ALERT_LEVELS else "",
        seen=seen if seen in SEEN else "",
        order=order if order in ORDERS else "risk",
        ward=parameters.get("ward"),
    )


def find(
    search: Search,
    filters: Filters,
    now: datetime,
    expected_interval: timedelta,
    *,
    limit: int = PAGE_SIZE,
    after: list[Any] | None = None,
) -> Page:
    """Return one page of the list."""
    silent_since = now - stale_after(expected_interval)
    starts = {"fresh": silent_since, "1h": now - timedelta(hours=1), "24h": now - timedelta(hours=24)}
    return latest.page(
        search,
        level=filters.level or None,
        part=None if filters.is_part_short else filters.part or None,
        start=starts.get(filters.seen),
        end=silent_since if filters.seen == "silent" else None,
        limit=limit,
        after=after,
        order=filters.order,
    )


def find_unscored(search: Search, filters: Filters, found: Page, now: datetime) -> list[Document]:
    """Return the newest readings of patients without a prediction yet whose ids hold the part that is looked for.

    A part that many ids hold is not looked for among all readings; nor is anything with a level or an age.
    """
    asked = filters.part and not filters.is_part_short and not filters.level and not filters.seen
    if not asked or found.total > PAGE_SIZE:
        return []
    known = [document["patient_id"] for document in found.documents]
    return observations.newest_of_others(search, filters.part, known, now - UNSCORED_SINCE, now, MOST_UNSCORED)


def find_all(search: Search, filters: Filters, now: datetime, expected_interval: timedelta) -> list[Document]:
    """Return all of the list up to `MOST_EXPORTED` patients."""
    page = find(search, filters, now, expected_interval, limit=EXPORT_PAGE)
    found = page.documents
    while page.after is not None and len(found) < MOST_EXPORTED:
        page = find(search, filters, now, expected_interval, limit=EXPORT_PAGE, after=page.after)
        found += page.documents
    return found
