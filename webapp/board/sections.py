"""The search behind the board's sections: patients by urgency, with exact totals however many are listed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from assessment.urgency import Urgency
from conf.clinical import crisis_query
from elastic.client import Page, Query, Search, read_page
from elastic.names import LATEST
from elastic.search.latest import ORDERS, crises_first
from elastic.search.queries import all_of, any_of, between, term


class Bounds(NamedTuple):
    """Times that decide a section: readings in [fresh_since, until) are fresh, crises since `crisis_since` are kept."""

    fresh_since: datetime
    until: datetime
    crisis_since: datetime


def find_sections(search: Search, bounds: Bounds, sizes: Mapping[Urgency, int]) -> dict[Urgency, Page]:
    """Return the first patients of each section, measured crises first, then by 6 h risk; totals are exact."""
    bodies = [_section_body(section, bounds, size) for section, size in sizes.items()]
    answers = search.ask_all(LATEST, bodies)
    return {section: read_page(answer, size) for (section, size), answer in zip(sizes.items(), answers, strict=True)}


def _section_body(section: Urgency, bounds: Bounds, size: int) -> Query:
    """Return the search for one section: the rule of `assessment.urgency.urgency` as a query."""
    fresh = between("@timestamp", bounds.fresh_since, bounds.until)
    kept = all_of(crisis_query(), between("@timestamp", bounds.crisis_since))
    order = "risk"
    if section is Urgency.CRITICAL:
        query, order = crises_first(any_of(kept, all_of(term("alert_level", section), fresh))), "urgent"
    elif section is Urgency.STALE:
        query = all_of(without=[fresh, kept])
    else:
        query = all_of(term("alert_level", section), fresh, without=[kept])
    return {"size": size, "query": query, "sort": ORDERS[order], "track_total_hits": True}
