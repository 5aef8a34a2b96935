"""What must be impossible to overlook: a lost link, a silent stream, data that grow old, a session that has ended."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.hospital import RISING, RISING_TOO
from tests.browser.site import Site

pytestmark = pytest.mark.integration

NEXT_POLL_MS = 12_000
FROZEN = re.compile("is-frozen")


@pytest.mark.parametrize(
    ("path", "banner", "frozen"), [("/", "#lost", "body"), (f"/patients/{RISING.id}", "#lost-link", "#patient")]
)
def test_a_lost_link_is_told_within_seconds_and_freezes_the_page(
    visit: Visit, path: str, banner: str, frozen: str
) -> None:
    """1. The link is cut. 2. After 15 s a banner counts the time. 3. With the link back all is as before."""
    visitor = visit().sign_in()
    visitor.may_fail = True
    visitor.page.clock.install()
    page = visitor.open(path)
    expect(page.locator(banner)).to_be_hidden()
    visitor.context.set_offline(True)
    page.clock.run_for(17_000)
    expect(page.locator(banner)).to_be_visible()
    expect(page.locator(banner)).to_contain_text(re.compile(r"Connexion perdue .*00:1\d"))
    expect(page.locator(frozen)).to_have_class(FROZEN)
    assert visitor.violations() == []
    visitor.context.set_offline(False)
    expect(page.locator(banner)).to_be_hidden(timeout=NEXT_POLL_MS)
    expect(page.locator(frozen)).not_to_have_class(FROZEN)


def test_elasticsearch_down_is_told_and_what_is_shown_stays_frozen(visit: Visit) -> None:
    visitor = visit().sign_in()
    visitor.may_fail = True
    page = visitor.open("/")
    visitor.context.route("**/board/rows*", lambda route: route.fulfill(status=503, body=""))
    expect(page.locator("#store-down")).to_be_visible(timeout=NEXT_POLL_MS)
    expect(page.locator("body")).to_have_class(FROZEN)
    expect(page.locator(f'[data-patient="{RISING.id}"]')).to_be_visible()


def test_patients_go_stale_while_the_board_is_open(visit: Visit, another_site: Site) -> None:
    """1. A critical patient. 2. 29 minutes later the values are struck through; nobody has answered, so it stays."""
    page = visit(on=another_site).sign_in().open("/")
    expect(page.locator(f'.section-critical [data-patient="{RISING_TOO.id}"]')).to_be_visible()
    another_site.clock.ahead = timedelta(minutes=29)
    old = page.locator(f'.section-critical [data-patient="{RISING_TOO.id}"]')
    expect(old.locator("s.pressure")).to_have_text("174/98", timeout=NEXT_POLL_MS)
    expect(old.locator(".age-old")).to_contain_text("données anciennes")


def test_a_silent_stream_is_told_on_the_wall(visit: Visit, another_site: Site) -> None:
    page = visit(1920, 1080, on=another_site).sign_in("kiosk").open("/")
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.locator("#no-news")).to_be_hidden()
    assert not re.search(r"P-0\d{3}", page.locator("body").inner_text())  # ids are masked
    another_site.clock.ahead = timedelta(minutes=45)
    expect(page.locator("#no-news")).to_be_visible(timeout=NEXT_POLL_MS)
    expect(page.locator("#no-news")).to_contain_text(re.compile(r"depuis 4\d min"))


def test_a_session_that_has_ended_shows_the_login(visit: Visit, another_site: Site) -> None:
    visitor = visit(on=another_site).sign_in()
    visitor.may_fail = True
    page = visitor.open("/?quiet=1")
    another_site.clock.ahead = timedelta(hours=13)
    expect(page).to_have_url(re.compile("/login"), timeout=NEXT_POLL_MS)


def test_after_signing_out_going_back_shows_no_patient(visit: Visit) -> None:
    page = visit().sign_in("viewer").open(f"/patients/{RISING.id}")
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page).to_have_url(re.compile("/login"))
    page.go_back()
    expect(page).to_have_url(re.compile("/login"))


def test_shapes_and_words_remain_in_forced_colours(visit: Visit) -> None:
    page = visit(forced_colors="active", reduced_motion="reduce").sign_in().open("/")
    badge = page.locator(f'[data-patient="{RISING.id}"] .level')
    expect(badge.locator("svg")).to_be_visible()
    expect(badge).to_contain_text("CRITIQUE")
    expect(badge).to_have_css("animation-name", "none")
