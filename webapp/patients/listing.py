"""The list of patients: what may be asked for, and the pages of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from assessment.freshness import stale_after
from conf.clinical import ALERT_LEVELS
from elastic.client import Document, Page, Search
from elastic.search import latest

PAGE_SIZE: Final = 50
LEAST_PREFIX: Final = 2  # characters
LONGEST_PREFIX: Final = 256
MOST_EXPORTED: Final = 20_000
EXPORT_PAGE: Final = 5_000

SEEN: Final = ("", "fresh", "silent", "1h", "24h")
ORDERS: Final = ("risk", "newest", "id")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list shows; an empty text means no filter."""

    prefix: str = ""
    level: str = ""
    seen: str = ""
    order: str = "risk"

    @property
    def is_prefix_short(self) -> bool:
        """Tell whether the beginning of an id was given, but not enough of it to search for."""
        return 0 < len(self.prefix) < LEAST_PREFIX

    def parameters(self) -> dict[str, str]:
        """Return the filters as they stand in an address, without the usual ones."""
        given = {"q": self.prefix, "level": self.level, "seen": self.seen, "order": self.order}
        return {name: value for name, value in given.items() if value and (name, value) != ("order", "risk")}


def read_filters(parameters: Mapping[str, str]) -> Filters:
    """Return the filters of an address; what is not among the choices filters nothing."""
    level, seen, order = (parameters.get(name, "") for name in ("level", "seen", "order"))
    return Filters(
        prefix=parameters.get("q", "").strip()[:LONGEST_PREFIX],
        level=level if level in ALERT_LEVELS else "",
        seen=seen if seen in SEEN else "",
        order=order if order in ORDERS else "risk",
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
        prefix=None if filters.is_prefix_short else filters.prefix or None,
        start=starts.get(filters.seen),
        end=silent_since if filters.seen == "silent" else None,
        limit=limit,
        after=after,
        order=filters.order,
    )


def find_all(search: Search, filters: Filters, now: datetime, expected_interval: timedelta) -> list[Document]:
    """Return all of the list up to `MOST_EXPORTED` patients."""
    page = find(search, filters, now, expected_interval, limit=EXPORT_PAGE)
    found = page.documents
    while page.after is not None and len(found) < MOST_EXPORTED:
        page = find(search, filters, now, expected_interval, limit=EXPORT_PAGE, after=page.after)
        found += page.documents
    return found
