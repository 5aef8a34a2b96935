"""Sound and shortcuts are as the account has them; a lost link is heard, and stands in the tab's title."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site import USERS, Site
from tests.browser.visitor import Visitor
from webapp.store import users

pytestmark = pytest.mark.integration

LISTEN = """
window.tones = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) {
  window.tones.push(this.frequency.value);
  start.apply(this, when);
};
"""
ON, OFF, WAITS = "Sound on", "Sound off \N{EN DASH} switch on", "Sound starts with your first click"
OUTDATED = "NOT CURRENT \N{EN DASH} "
LOST_TONES = [440, 440, 330]
PATIENT = "/patients/P-0412"


def prefer(site: Site, *, sound: bool, shortcuts: bool) -> None:
    user = users.find(site.services.store, USERS["clinician", "en"])
    assert user
    users.set_preferences(site.services.store, user.id, language="en", sound=sound, shortcuts=shortcuts)


@pytest.fixture
def nurse(visit: Visit, small_site: Site) -> Visitor:
    visitor = visit(on=small_site).sign_in(language="en")
    visitor.context.add_init_script(LISTEN)
    return visitor


def tones(page: Page) -> Any:
    return page.evaluate("window.tones")


def lost_tones(page: Page) -> list[int]:
    """Return the tones without those of critical alerts, which go on sounding."""
    return [tone for tone in tones(page) if tone in LOST_TONES]


def test_the_sound_that_the_account_wants_is_on_from_the_first_click_anywhere(nurse: Visitor) -> None:
    page = nurse.open("/")
    button = page.locator("#sound")
    expect(button).to_have_text(WAITS)
    expect(button).to_have_attribute("aria-pressed", "false")

    page.locator("body").click(position={"x": 2, "y": 300})

    expect(button).to_have_text(ON)
    expect(button).to_have_attribute("aria-pressed", "true")
    assert tones(page) == []
    button.click()
    expect(button).to_have_text(OFF)
    page.keyboard.press("j")
    expect(button).to_have_text(OFF)


def test_the_sound_s_own_button_switches_it_on_with_the_first_click(nurse: Visitor) -> None:
    page = nurse.open("/")

    page.locator("#sound").click()

    expect(page.locator("#sound")).to_have_text(ON)
    assert tones(page) == [440]


def test_without_sound_in_the_account_it_stays_off_until_its_button_is_pressed(
    nurse: Visitor, small_site: Site
) -> None:
    prefer(small_site, sound=False, shortcuts=True)
    page = nurse.open("/")
    page.locator("body").click(position={"x": 2, "y": 300})
    expect(page.locator("#sound")).to_have_text(OFF)

    page.locator("#sound").click()

    expect(page.locator("#sound")).to_have_text(ON)


@pytest.mark.parametrize("path", ["/", "/stats"])
def test_without_shortcuts_in_the_account_no_single_key_does_anything(
    nurse: Visitor, small_site: Site, path: str
) -> None:
    """1. Off in the account: `?` opens nothing. 2. On for this tab. 3. On in the account, the tab's choice is over."""
    prefer(small_site, sound=True, shortcuts=False)
    page = nurse.open(path)
    help_ = page.get_by_role("dialog")
    page.keyboard.press("?")
    expect(help_).to_be_hidden()

    if path == "/":
        page.locator("#shortcuts-open").click()
        expect(help_.get_by_role("checkbox")).not_to_be_checked()
        help_.get_by_role("checkbox").check()
        page.keyboard.press("Escape")
        page.reload()
        page.keyboard.press("?")
        expect(help_).to_be_visible()

    prefer(small_site, sound=True, shortcuts=True)
    page.reload()
    page.keyboard.press("?")
    expect(help_.get_by_role("checkbox")).to_be_checked()


@pytest.mark.parametrize("path", ["/", PATIENT])
def test_a_lost_link_is_heard_again_and_again_and_stands_in_the_tab_s_title(nurse: Visitor, path: str) -> None:
    """1. The link is cut. 2. After 15 s a tone and a title. 3. A tone after 30 s. 4. The link is back: as before."""
    nurse.may_fail = True
    nurse.page.clock.install()
    page = nurse.open(path)
    title = page.title()
    page.keyboard.press("Shift")
    page.keyboard.press("x")
    nurse.context.set_offline(True)

    page.clock.run_for(17_000)

    expect(page).to_have_title(OUTDATED + title)
    assert lost_tones(page) == LOST_TONES
    page.clock.run_for(31_000)
    assert lost_tones(page) == LOST_TONES * 2
    nurse.context.set_offline(False)
    expect(page).to_have_title(title, timeout=12_000)


def test_elasticsearch_down_is_heard_too(nurse: Visitor) -> None:
    nurse.may_fail = True
    page = nurse.open("/")
    title = page.title()
    page.keyboard.press("x")
    nurse.context.route("**/board/rows*", lambda route: route.fulfill(status=503, body=""))

    expect(page).to_have_title(OUTDATED + title, timeout=12_000)

    assert lost_tones(page) == LOST_TONES
