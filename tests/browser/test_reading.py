"""Finding and reading patients on a laptop, and on paper: a site over patients in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site import Site, serve_in_memory
from tests.support.ward import ward

pytestmark = pytest.mark.integration

PATIENT = "/patients/P-0412"
PAPER_PX = 718  # A4 between margins of 10 mm


@pytest.fixture
def full_site(tmp_path: Path) -> Iterator[Site]:
    """Yield a site with more patients than a screen holds."""
    with serve_in_memory(tmp_path, ward(20)) as running:
        yield running


def test_a_laptop_shows_twelve_patients_of_the_list(visit: Visit, full_site: Site) -> None:
    page = visit(1366, 768, on=full_site).sign_in().open("/patients")
    bottoms = page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.getBoundingClientRect().bottom)")
    assert sum(bottom <= 768 for bottom in bottoms) >= 12


def test_the_quality_of_the_model_is_one_click_away(visit: Visit, full_site: Site) -> None:
    page = visit(1366, 768, on=full_site).sign_in().open("/predictions")
    page.get_by_role("link", name="Fiabilité du modèle").click()
    expect(page.locator("#model-title")).to_be_in_viewport()


def test_the_search_of_the_header_opens_the_patient(visit: Visit, full_site: Site) -> None:
    page = visit(on=full_site).sign_in().open("/stats")
    page.get_by_label("Chercher un patient : partie de l’identifiant").fill("0412")  # noqa: RUF001 - as shown
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{PATIENT}$"))


def test_earlier_days_are_a_click_away_and_can_be_compared(visit: Visit, full_site: Site) -> None:
    page = visit(on=full_site).sign_in().open(PATIENT)
    page.get_by_role("link", name="Comparer à la période précédente").click()
    expect(page.locator("#pressures canvas")).to_be_visible()
    expect(page.locator("#pressures-sentence")).to_contain_text("période précédente")
    page.get_by_role("link", name="Plus tôt").click()
    expect(page.locator("#risks canvas")).to_be_visible()
    expect(page.get_by_role("link", name="Jusqu’à maintenant")).to_be_visible()  # noqa: RUF001 - as shown


def test_printed_the_page_is_whole_and_has_no_buttons(visit: Visit, full_site: Site) -> None:
    """1. The browser prints. 2. Both charts are as wide as the paper. 3. Back on the screen they fill it again."""
    visitor = visit(1366, 768, on=full_site).sign_in()
    page = visitor.open(PATIENT)
    widths = (
        "() => [...document.querySelectorAll('.uplot')].map(plot => Math.round(plot.getBoundingClientRect().width))"
    )
    before = page.evaluate(widths)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.set_viewport_size({"width": PAPER_PX, "height": 1000})
    page.emulate_media(media="print")
    assert max(page.evaluate(widths)) <= PAPER_PX
    assert not visitor.is_too_wide()
    for selector in (".site-header", ".button", ".views", "form"):
        assert page.locator(f"{selector}:visible").count() == 0
    badge = page.locator(".patient-name .level")
    expect(badge).to_have_css("print-color-adjust", "exact")
    expect(badge).to_have_css("border-top-width", "2px")
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1366, "height": 768})
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(widths) == before
