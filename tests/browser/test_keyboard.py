"""A whole round without a pointer: sign in, look, answer an alert, open a patient, go on."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.hospital import RISING
from tests.browser.site import PASSWORD, USERS

pytestmark = pytest.mark.integration

NEXT_POLL_MS = 12_000
MOST_TABS = 60


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, which must then be visible."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def has_visible_focus(page: Page) -> bool:
    style = "getComputedStyle(document.activeElement)"
    return bool(page.evaluate(f"{style}.outlineStyle !== 'none' || {style}.boxShadow !== 'none'"))


def test_a_round_without_a_pointer(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("/login")
    tab_to(page, "#user_name")
    page.keyboard.type(USERS["clinician", "en"])
    tab_to(page, "#password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#live-clock")).not_to_be_empty()  # its script is at work

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    assert has_visible_focus(page)
    page.keyboard.press("/")
    expect(page.locator("#board-filter")).to_be_focused()
    page.keyboard.type(RISING.id)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator(f'[data-patient="{RISING.id}"]')).to_be_focused()
    assert has_visible_focus(page)

    page.keyboard.press("a")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    tab_to(page, "[name=reason]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_label("Treatment adapted")).to_be_checked()
    tab_to(page, "textarea")
    page.keyboard.type("Seen on the round")
    tab_to(page, ".button-main")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    acknowledged = page.locator(f'[data-patient="{RISING.id}"] .alert-acknowledged')
    expect(acknowledged).to_contain_text(USERS["clinician", "en"], timeout=NEXT_POLL_MS)

    page.locator(f'[data-patient="{RISING.id}"]').focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(RISING.id)
    page.wait_for_selector("#pressures canvas")
    tab_to(page, "#pressures")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#pressures-status")).not_to_be_empty()
    page.go_back()
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("/predictions$"))


def test_the_shortcuts_are_listed_and_can_be_turned_off(visit: Visit) -> None:
    page = visit().sign_in().open("/")
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog")
    expect(help_).to_be_visible()
    help_.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#board-filter")).not_to_be_focused()
