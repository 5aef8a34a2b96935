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
from webapp.i18n import N_

PAGE_SIZE: Final = 50
LEAST_PREFIX: Final = 2  # characters
LONGEST_PREFIX: Final = 256
MOST_EXPORTED: Final = 20_000
EXPORT_PAGE: Final = 5_000

SEEN: Final[Mapping[str, str]] = {
    "": N_("any time"),
    "fresh": N_("in time"),
    "silent": N_("overdue"),
    "1h": N_("in the last hour"),
    "24h": N_("in the last 24 hours"),
}
ORDERS: Final[Mapping[str, str]] = {
    "risk": N_("highest risk first"),
    "newest": N_("newest reading first"),
    "id": N_("by id"),
}
VIEWS: Final[Mapping[str, dict[str, str]]] = {
    N_("Critical"): {"level": "CRITICAL"},
    N_("High"): {"level": "HIGH"},
    N_("Overdue, newest first"): {"seen": "silent", "order": "newest"},
    N_("All by id"): {"order": "id"},
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list shows; an empty text means no filter."""

    prefix: str = ""
    level: str = ""
    seen: str = ""
    order: str = "risk"

    @property
    def is_prefix_short(self) -> bool:
        """Whether the beginning of an id was given, but not enough of it to search for."""
        return 0 < len(self.prefix) < LEAST_PREFIX

    def parameters(self) -> dict[str, str]:
        """The filters as they stand in an address, without the usual ones."""
        given = {"q": self.prefix, "level": self.level, "seen": self.seen, "order": self.order}
        return {name: value for name, value in given.items() if value and (name, value) != ("order", "risk")}


def read_filters(parameters: Mapping[str, str]) -> Filters:
    """The filters of an address; what is not among the choices filters nothing."""
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
    """One page of the list."""
    start, end = _seen_between(filters.seen, now, stale_after(expected_interval))
    return latest.page(
        search,
        level=filters.level or None,
        prefix=None if filters.is_prefix_short else filters.prefix or None,
        start=start,
        end=end,
        limit=limit,
        after=after,
        order=filters.order,
    )


def _seen_between(seen: str, now: datetime, longest: timedelta) -> tuple[datetime | None, datetime | None]:
    starts = {"fresh": now - longest, "1h": now - timedelta(hours=1), "24h": now - timedelta(hours=24)}
    return starts.get(seen), now - longest if seen == "silent" else None


def find_all(search: Search, filters: Filters, now: datetime, expected_interval: timedelta) -> list[Document]:
    """All of the list up to `MOST_EXPORTED` patients."""
    found: list[Document] = []
    after: list[Any] | None = None
    while len(found) < MOST_EXPORTED:
        page = find(search, filters, now, expected_interval, limit=EXPORT_PAGE, after=after)
        found += page.documents
        after = page.after
        if after is None:
            break
    return found
