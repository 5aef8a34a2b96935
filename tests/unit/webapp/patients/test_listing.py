"""What the list of patients may be asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.fake_search import FakeSearch
from tests.unit.webapp.site import NOON
from webapp.patients import listing, presenting
from webapp.patients.listing import Filters, find, find_all, read_filters

QUARTER = timedelta(minutes=15)


def ids(search: FakeSearch, filters: Filters) -> list[str]:
    return [document["patient_id"] for document in find(search, filters, NOON, QUARTER).documents]


def test_the_highest_risk_comes_first(search: FakeSearch) -> None:
    assert ids(search, Filters()) == ["P-0412", "P-0302", "P-0233", "urn:oid:1.2|88/41"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(level="MEDIUM"), ["P-0233"]),
        (Filters(seen="silent"), ["P-0302"]),
        (Filters(part="P-03"), ["P-0302"]),
        (Filters(part="P-0", seen="fresh", order="id"), ["P-0233", "P-0412"]),
        (Filters(part="urn:oid:1.2|"), ["urn:oid:1.2|88/41"]),
        (Filters(part="41"), ["P-0412", "urn:oid:1.2|88/41"]),
        (Filters(part="OID"), ["urn:oid:1.2|88/41"]),
        (Filters(part="p-0233"), ["P-0233"]),
        (Filters(part="P*2"), []),
    ],
)
def test_filters_hold_together(search: FakeSearch, filters: Filters, found: list[str]) -> None:
    assert ids(search, filters) == found


def test_one_character_is_too_few_to_search_for(search: FakeSearch) -> None:
    assert len(ids(search, Filters(part="P"))) == 4


def test_what_is_not_among_the_choices_filters_nothing() -> None:
    given = {"level": "ALL' OR 1=1", "seen": "yesterday", "order": "password", "q": "  P-0 "}

    assert read_filters(given) == Filters(part="P-0")


def test_filters_come_back_from_their_address() -> None:
    filters = Filters(part="P-0", level="HIGH", seen="24h", order="id")

    assert read_filters(filters.parameters()) == filters
    assert Filters().parameters() == {}


@pytest.mark.parametrize("view", presenting.VIEWS.values())
def test_ready_made_views_are_valid_filters(view: dict[str, str]) -> None:
    assert read_filters(view).parameters() == view


def test_each_choice_has_a_name() -> None:
    assert (tuple(presenting.SEEN_NAMES), tuple(presenting.ORDER_NAMES)) == (listing.SEEN, listing.ORDERS)


def test_an_export_reads_page_after_page(search: FakeSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "EXPORT_PAGE", 1)

    assert len(find_all(search, Filters(), NOON, QUARTER)) == 4
