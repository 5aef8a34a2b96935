"""Trying rules and saving them, with the real simulator beside the site: read, pressed, within the rules of access."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect

from conf.settings import Settings
from elastic.client import connect
from embedded.services import Addresses
from tests.browser.conftest import Visit
from tests.browser.site import Site, serve
from tests.browser.visitor import PHONE, Visitor
from tests.integration.pipeline import delete_documents
from tests.support.ward import fill, ward

pytestmark = pytest.mark.integration

SIMULATED_MS = 90_000
HIGH = "predicted.levels.HIGH"
TEXTS = {
    "fr": ("Essayer", "Règles essayées", "Enregistrer", "en vigueur", "Revenir au fichier"),
    "en": ("Try", "Tried rules", "Save", "in force", "Return to the file"),
}


@pytest.fixture
def filled_site(services: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Yield a site over a day of a ward in a real Elasticsearch."""
    monkeypatch.setenv("BP_ELASTICSEARCH_URL", str(services.elasticsearch_url))  # for the simulator
    settings = Settings(local_dir=tmp_path, elasticsearch_url=str(services.elasticsearch_url))
    delete_documents(connect(settings))
    fill(connect(settings), ward(30), datetime.now(UTC))
    with serve(settings, tmp_path) as running:
        yield running


def require_accessible(visitor: Visitor) -> None:
    page = visitor.page
    assert visitor.violations() == []
    desk = page.viewport_size
    page.set_viewport_size(PHONE)
    assert not visitor.is_too_wide()
    assert desk
    page.set_viewport_size(desk)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_manager_tries_rules_sees_what_they_would_have_cost_and_saves_them(
    visit: Visit, filled_site: Site, language: str
) -> None:
    try_, tried, save, in_force, to_the_file = TEXTS[language]
    visitor = visit(on=filled_site).sign_in("manager", language)
    page = visitor.open("/rules/trials")
    require_accessible(visitor)
    page.locator(f'[name="{HIGH}"]').fill("50")
    page.get_by_role("button", name=try_, exact=True).click()
    expect(page.locator("#trial-progress, table").first).to_be_visible()
    require_accessible(visitor)
    expect(page.get_by_role("columnheader", name=tried)).to_be_visible(timeout=SIMULATED_MS)  # the page looks by itself
    assert page.locator("svg.figure").count() == 3
    require_accessible(visitor)
    page.locator("#why").fill("calmer")
    page.get_by_role("button", name=save, exact=True).click()
    expect(page.locator("tbody th", has_text=in_force)).to_contain_text("1")
    require_accessible(visitor)
    page.get_by_role("button", name=to_the_file).click()
    expect(page.locator("tbody th", has_text=in_force)).to_contain_text("2")
