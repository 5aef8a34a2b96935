"""What a hand on the list, a filter, or half an hour without an action may not withhold; over patients in memory."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from playwright.sync_api import Page, expect

from alerts.model import AlertKind, Finding
from elastic.scope import NOBODYS
from tests.browser.conftest import Visit
from tests.browser.site import PASSWORD, USERS, Site
from tests.support.fake_search import FakeClient, FakeSearch
from tests.support.ward import WATCH, alert

pytestmark = pytest.mark.integration

SOON_MS = 4_000
RELEASED_MS = 14_000


@pytest.fixture
def search(small_site: Site) -> FakeSearch:
    return FakeSearch(cast(FakeClient, small_site.services.search_within(NOBODYS).client))


def raise_crisis(search: FakeSearch, patient_id: str) -> None:
    at = datetime.now(UTC)
    search.put_alerts(alert(patient_id, at, worst=Finding(at, 3, systolic=219, diastolic=130)))


def row(patient_id: str) -> str:
    return f'[data-row="{patient_id}"]'


def open_board(visit: Visit, site: Site, language: str = "en", path: str = "/") -> Page:
    page = visit(on=site).sign_in(language=language).open(path)
    expect(page.locator("#live-clock")).not_to_be_empty()
    return page


def test_a_new_crisis_is_there_within_two_polls(visit: Visit, small_site: Site, search: FakeSearch) -> None:
    page = open_board(visit, small_site)
    raise_crisis(search, "N-1")
    expect(page.locator(f".section-critical {row('N-1')}")).to_be_visible(timeout=SOON_MS)


@pytest.mark.parametrize("holding", ["mouse", "focus"])
def test_a_hand_on_the_list_withholds_no_new_crisis(
    visit: Visit, small_site: Site, search: FakeSearch, holding: str
) -> None:
    """A red chip names it at once; after ten seconds it is in the list, whoever holds it."""
    page = open_board(visit, small_site)
    if holding == "mouse":
        page.locator(row("P-0233")).hover()
    else:
        page.keyboard.press("j")
    raise_crisis(search, "N-1")

    expect(page.locator("#urgent")).to_contain_text("N-1", timeout=SOON_MS)
    assert page.locator(row("N-1")).count() == 0
    expect(page.locator(row("N-1"))).to_be_visible(timeout=RELEASED_MS)
    expect(page.locator("#urgent")).to_be_hidden()
    if holding == "focus":
        assert page.evaluate("document.activeElement.dataset.row") is not None


def test_what_is_not_urgent_waits_for_the_hand(visit: Visit, small_site: Site, search: FakeSearch) -> None:
    page = open_board(visit, small_site)
    page.locator(row("P-0233")).hover()
    search.put_alerts(alert("N-2", datetime.now(UTC), AlertKind.PREDICTED, rank=1))
    expect(page.locator("#pending")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#urgent")).to_be_hidden()
    page.mouse.move(5, 5)
    expect(page.locator(row("N-2"))).to_be_visible()


def test_a_filter_hides_no_new_crisis_and_says_what_it_hides(
    visit: Visit, small_site: Site, search: FakeSearch
) -> None:
    page = open_board(visit, small_site, "fr")
    page.fill("#board-filter", "P-0233")
    expect(page.locator("#filter-note")).to_contain_text("patients critiques masqués par le filtre")
    expect(page.locator(row("P-0412"))).to_be_hidden()
    raise_crisis(search, "N-1")
    expect(page.locator(row("N-1"))).to_be_visible(timeout=SOON_MS)
    page.locator("#filter-note").click()
    expect(page.locator(row("P-0412"))).to_be_visible()
    page.fill("#board-filter", "nobody-at-all")
    expect(page.locator("#filter-nobody")).to_be_visible()


def test_a_row_that_has_not_changed_stays_the_same_element(visit: Visit, small_site: Site, search: FakeSearch) -> None:
    """Neither focus nor animation begins anew because another patient has changed."""
    page = open_board(visit, small_site)
    page.evaluate("document.querySelector('[data-row=\"P-0233\"]').marked = true")
    raise_crisis(search, "N-1")
    expect(page.locator(row("N-1"))).to_be_visible(timeout=SOON_MS)
    assert page.evaluate("document.querySelector('[data-row=\"P-0233\"]').marked") is True


def test_a_nurse_s_board_goes_on_masked_after_half_an_hour_and_asks_for_the_password(
    visit: Visit, small_site: Site, search: FakeSearch
) -> None:
    """1. A countdown, and a click that stays. 2. Masked, still live. 3. The login says why."""
    visitor = visit(on=small_site).sign_in(language="en")
    page = visitor.open("/")
    small_site.clock.ahead = timedelta(minutes=28, seconds=30)
    expect(page.locator("#idle-soon")).to_contain_text(re.compile(r"In 1:\d\d"), timeout=SOON_MS)
    assert visitor.violations() == []
    page.get_by_role("button", name="I am here").click()
    expect(page.locator("#idle-soon")).to_be_hidden()
    small_site.clock.ahead = timedelta(minutes=65)

    expect(page.locator("#idle-over")).to_be_visible(timeout=SOON_MS)
    expect(page.locator(row("…0412"))).to_be_visible()
    assert page.locator("#board-list", has_text="P-0412").count() == 0
    assert page.locator(".button-acknowledge").count() == 0
    raise_crisis(search, "patient-9999")
    expect(page.locator(row("…9999"))).to_be_visible(timeout=SOON_MS)
    assert visitor.violations() == []

    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_role("status")).to_contain_text("nothing was done on this screen")
    page.fill("#user_name", USERS["clinician", "en"])
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(row("P-0412"))).to_be_visible()


def test_without_the_alert_service_the_page_says_so_larger_than_all(
    visit: Visit, small_site: Site, search: FakeSearch
) -> None:
    visitor = visit(1920, 1080, on=small_site).sign_in("kiosk", "fr")
    page = visitor.open("/")
    search.documents["blood-pressure-alert-service"] = [{**WATCH, "until": "2026-01-01T00:00:00Z"}]
    outage = page.locator("#outage-service strong")
    expect(outage).to_have_text("PLUS DE NOUVELLE ALERTE", timeout=10_000)
    size = "element => parseFloat(getComputedStyle(element).fontSize)"
    assert outage.evaluate(size) > page.locator(".tile-pressure").first.evaluate(size)
    page.set_viewport_size({"width": 360, "height": 740})
    assert not visitor.is_too_wide()
    assert visitor.violations() == []


def test_a_wall_shows_what_it_has_room_for_and_counts_the_rest(
    visit: Visit, small_site: Site, search: FakeSearch
) -> None:
    at = datetime.now(UTC)
    search.put_alerts(*(alert(f"W-{number:05}", at, worst=Finding(at, 3, systolic=190)) for number in range(70)))
    page = visit(1920, 1080, on=small_site).sign_in("kiosk").open("/")
    expect(page.locator("#more-tiles")).to_be_visible()
    shown = page.locator(".tile:visible").count()
    assert shown >= 24
    total = int(page.locator("#more-tiles").get_attribute("data-total") or 0)
    expect(page.locator("#more-tiles strong")).to_have_text(f"+{total - shown}")
    last = page.locator(".tile:visible").last.bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= 1080
