"""Answering alerts in a browser, with the alert service's part done beside it: a site over patients in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from conf.settings import Settings
from tests.browser.conftest import Visit
from tests.browser.site import NOWHERE, Site, serve
from tests.support import alerts
from tests.support.fake_search import FakeSearch
from tests.support.ward import ward

pytestmark = pytest.mark.integration

CRISIS = "P-0412"
SERVED_EVERY_S = 0.5  # as the alert service looks
NEXT_POLL_MS = 12_000


@pytest.fixture
def watched_site(tmp_path: Path) -> Iterator[Site]:
    """Yield a site whose alerts take in what people say, as the service does it."""
    search, ended = FakeSearch(), threading.Event()
    for patient in ward(0):
        search.put_history(patient, datetime.now(UTC))

    def take_in() -> None:
        while not ended.wait(SERVED_EVERY_S):
            alerts.serve(search, datetime.now(UTC))

    service = threading.Thread(target=take_in)
    service.start()
    with serve(Settings(local_dir=tmp_path, elasticsearch_url=NOWHERE), tmp_path, search) as running:
        yield running
    ended.set()
    service.join()


def row(page: Page, patient_id: str = CRISIS) -> Locator:
    return page.locator(f'.row[data-patient="{patient_id}"]')


def open_dialog(page: Page, patient_id: str = CRISIS) -> Locator:
    row(page, patient_id).locator(".button-acknowledge").click()
    dialog = page.locator("#answer-dialog")
    expect(dialog.locator("[name=act][value=acknowledge]")).to_be_visible()
    return dialog


def test_the_dialogue_names_values_and_alerts_and_the_answer_is_on_the_screen_within_two_seconds(
    visit: Visit, watched_site: Site
) -> None:
    visitor = visit(on=watched_site).sign_in()
    page = visitor.open("/")
    dialog = open_dialog(page)
    expect(dialog).to_contain_text("186/")
    expect(dialog.get_by_label("Crise mesurée")).to_be_checked()
    assert visitor.violations() == []
    dialog.get_by_label("Patient appelé").check()
    asked = time.monotonic()
    dialog.locator("[value=acknowledge]").click()
    expect(row(page).locator(".alert-acknowledged").first).to_contain_text("claire.moreau")
    assert time.monotonic() - asked < 2
    expect(dialog).to_be_hidden()
    expect(page.locator("#answer-outcome")).to_have_text(f"{CRISIS} Alerte acquittée.")


def test_of_two_who_answer_at_once_one_wins_and_the_other_sees_who(visit: Visit, watched_site: Site) -> None:
    first = visit(on=watched_site).sign_in("clinician", "fr").open("/")
    late_visitor = visit(on=watched_site).sign_in("clinician", "en")
    late_visitor.may_fail = True  # the answer that comes second is a conflict
    late = late_visitor.open("/")
    dialogs = [open_dialog(page) for page in (first, late)]
    dialogs[0].locator("[value=acknowledge]").click()
    dialogs[1].locator("[value=acknowledge]").click()
    expect(late.locator("#answer-outcome")).to_contain_text("Already acknowledged by claire.moreau")
    expect(dialogs[1]).to_be_hidden()
    for page in (first, late):
        answered = row(page).locator(".alert-acknowledged").first
        expect(answered).to_contain_text("claire.moreau", timeout=NEXT_POLL_MS)


def test_an_answer_is_undone_from_the_board(visit: Visit, watched_site: Site) -> None:
    page = visit(on=watched_site).sign_in().open("/")
    open_dialog(page).locator("[value=acknowledge]").click()
    expect(row(page).locator(".alert-acknowledged").first).to_be_visible()
    page.locator("#answer-undo").click()
    expect(page.locator("#answer-outcome")).to_have_text(f"{CRISIS} Annulé.")
    expect(row(page).locator(".button-acknowledge")).to_be_visible(timeout=NEXT_POLL_MS)


def test_a_note_without_words_is_refused_in_the_dialogue(visit: Visit, watched_site: Site) -> None:
    visitor = visit(on=watched_site).sign_in()
    visitor.may_fail = True
    dialog = open_dialog(visitor.open("/"))
    dialog.locator("[value=note]").click()
    expect(dialog.get_by_role("alert")).to_have_text("Écrivez d’abord la note.")  # noqa: RUF001 - as shown
    expect(dialog.locator("textarea")).to_be_focused()


def test_an_alert_is_answered_on_the_patients_page(visit: Visit, watched_site: Site) -> None:
    page = visit(on=watched_site).sign_in().open(f"/patients/{CRISIS}")
    page.locator(".button-acknowledge").click()
    page.locator("#answer-dialog [value=acknowledge]").click()
    expect(page.locator(".episode-acknowledged").first).to_contain_text("claire.moreau", timeout=NEXT_POLL_MS)


@pytest.mark.parametrize("width", [320, 1366])
@pytest.mark.parametrize(
    "path", [f"/acknowledge?patient_id={CRISIS}", "/handover", "/rules", f"/patients/{CRISIS}/limits", "/"]
)
def test_the_pages_fit_and_break_no_rule_of_access(visit: Visit, watched_site: Site, path: str, width: int) -> None:
    visitor = visit(width, 800, on=watched_site).sign_in()
    visitor.open(path)
    assert not visitor.is_too_wide()
    assert visitor.violations() == []


def test_without_scripts_an_answer_takes_two_pages(visit: Visit, watched_site: Site) -> None:
    page = visit(on=watched_site, java_script_enabled=False).sign_in().open("/")
    row(page).locator(".button-acknowledge").click()
    page.locator("[value=acknowledge]").click()
    expect(page.get_by_role("status")).to_contain_text("Alerte acquittée.")
    page.get_by_role("button", name="Annuler la réponse").click()
    expect(page.get_by_role("status")).to_contain_text("Annulé.")
