"""The page behind the link in a message, on a telephone: read, pressed once, and within the rules of access."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect

from alerts.notifications.links import Links
from conf.settings import Settings
from conf.times import EPOCH
from elastic.scope import Scope
from elastic.search import alerts
from tests.browser.conftest import Visit
from tests.browser.site import NOWHERE, Site, serve
from tests.support.fake_search import FakeSearch
from tests.support.tellings import CRISIS, EVERYTHING, NOTHING, recipient
from tests.support.ward import alert

pytestmark = pytest.mark.integration

PHONE = (360, 740)
PRESSED = {"en": "Acknowledged.", "fr": "Alerte acquittée."}


@pytest.fixture
def told_site(tmp_path: Path) -> Iterator[Site]:
    """Yield a site over one alert."""
    search = FakeSearch()
    search.put_alerts(alert("P-0412", datetime.now(UTC), worst=CRISIS))
    with serve(Settings(local_dir=tmp_path, elasticsearch_url=NOWHERE), tmp_path, search) as running:
        yield running


def link(site: Site, language: str, *, is_open: bool) -> str:
    told = recipient(language=language, discloses=EVERYTHING if is_open else NOTHING)
    (document,) = alerts.open_or_ended_since(site.services.search_within(Scope()), EPOCH)
    (path,) = Links(site.services.settings, "").addresses(told, [document], site.clock()).values()
    return path


@pytest.mark.parametrize("is_open", [True, False], ids=["everything", "nothing"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_alert_is_acknowledged_on_a_telephone(visit: Visit, told_site: Site, language: str, is_open: bool) -> None:
    visitor = visit(*PHONE, on=told_site, has_touch=True)
    page = visitor.open(link(told_site, language, is_open=is_open))
    button = page.locator(".button-main")

    assert page.locator("html").get_attribute("lang") == language
    assert visitor.violations() == []
    assert not visitor.is_too_wide()
    assert ("P-0412" in page.locator("main").inner_text()) is is_open

    button.tap()
    expect(page.get_by_role("status")).to_contain_text(PRESSED[language])
    assert visitor.violations() == []
    page.go_back()
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("anne (link)")
    expect(button).to_have_count(0)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_link_that_is_none_of_ours_says_so(visit: Visit, told_site: Site, language: str) -> None:
    visitor = visit(*PHONE, on=told_site)
    visitor.may_fail = True  # 404
    page = visitor.open(f"/answer/nonsense?lang={language}")

    expect(page.get_by_role("status")).to_be_visible()
    assert visitor.violations() == []
    assert not visitor.is_too_wide()
