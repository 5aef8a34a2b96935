"""A phone, a small window, a page zoomed to 200 %: one row of header, a menu that falls down, nothing too wide."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.hospital import RISING

pytestmark = pytest.mark.integration

ONE_ROW_PX = 64
PATIENT = f"/patients/{RISING.id}"


@pytest.mark.parametrize(("width", "height"), [(320, 640), (683, 384)], ids=["320 px", "1366 px at 200 %"])
@pytest.mark.parametrize("path", ["/", PATIENT, "/predictions"])
def test_the_header_takes_one_row_and_nothing_is_too_wide(visit: Visit, width: int, height: int, path: str) -> None:
    visitor = visit(width, height).sign_in()
    page = visitor.open(path)

    box = page.locator(".site-header").bounding_box()
    assert box
    assert box["height"] <= ONE_ROW_PX
    assert not visitor.is_too_wide()


def test_the_menu_opens_leads_on_and_closes(visit: Visit) -> None:
    visitor = visit(360, 740, has_touch=True).sign_in()
    page = visitor.open("/")
    menu = page.get_by_role("navigation", name="Menu principal")
    expect(menu).to_be_hidden()

    page.get_by_role("button", name="Menu").tap()
    expect(menu).to_be_visible()
    expect(page.get_by_role("button", name="Se déconnecter")).to_be_visible()
    assert visitor.violations() == []
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()

    page.get_by_role("button", name="Menu").tap()
    menu.get_by_role("link", name="Prédictions").tap()
    expect(page).to_have_url(re.compile("/predictions$"))


def test_a_finger_on_the_chart_reads_out_values(visit: Visit) -> None:
    page = visit(360, 740, has_touch=True).sign_in().open(PATIENT)
    page.locator("#pressures .u-over").tap()
    expect(page.locator("#pressures-status")).to_contain_text("mmHg")


def test_on_a_wide_screen_the_menu_is_a_row_without_a_button(visit: Visit) -> None:
    page = visit().sign_in().open("/")
    expect(page.get_by_role("link", name="Prédictions", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Menu")).to_be_hidden()
