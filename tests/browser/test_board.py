"""The board in a browser: it renews itself, is filtered, answers alerts, and is quick to come up."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from conf.clinical import is_crisis
from tests.browser.conftest import Visit
from tests.browser.hospital import CALM, RISING, RISING_TOO, SILENT, WAITING, Hospital

pytestmark = pytest.mark.integration

NEXT_POLL_MS = 12_000
MOST_BYTES = 300_000
RED = "rgb(200, 16, 46)"


def row(patient_id: str) -> str:
    """Return the selector of a patient's row."""
    return f'[data-patient="{patient_id}"]'


def shown_pressures(page: Page) -> dict[str, str]:
    pressures = page.locator("[data-patient]").evaluate_all(
        "rows => rows.map(row => [row.dataset.patient, row.querySelector('.pressure').textContent])"
    )
    return dict(pressures)


def test_the_first_view_after_login_is_small_and_needs_nothing_beyond_the_site(visit: Visit) -> None:
    """Also that nothing leaves the site: see the fixture."""
    visitor = visit()
    page = visitor.open("/login")
    network, received = visitor.context.new_cdp_session(page), []
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    visitor.fill_login()
    page.get_by_role("button", name="Se connecter").click()
    expect(page.locator("#live-clock")).not_to_be_empty()
    page.wait_for_load_state("networkidle")
    expect(page.locator(row(RISING.id))).to_be_visible()
    assert len(received) > 5
    assert sum(received) <= MOST_BYTES


def test_a_wrong_password_is_refused_without_saying_what_was_wrong(visit: Visit) -> None:
    visitor = visit()
    visitor.may_fail = True
    page = visitor.open("/login")
    page.fill("#user_name", "claire.moreau")
    page.fill("#password", "une phrase qui ne va pas")
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("alert")).to_contain_text("mot de passe ou code incorrect")
    assert visitor.violations() == []


def test_the_board_renews_itself_when_the_producer_sends(visit: Visit, hospital: Hospital) -> None:
    page = visit().sign_in().open("/?quiet=1")
    before = shown_pressures(page)
    hospital.simulate(until=datetime.now(UTC))
    latest = hospital.pipeline.latest()
    wanted = {id_: f"{shown['systolic']:.0f}/{shown['diastolic']:.0f}" for id_, shown in latest.items()}
    changed = next(id_ for id_ in wanted if id_ in before and before[id_] != wanted[id_])
    expect(page.locator(f"{row(changed)} .pressure")).to_have_text(wanted[changed], timeout=NEXT_POLL_MS)
    after = shown_pressures(page)
    assert {id_: after[id_] for id_ in after if id_ in wanted} == {id_: wanted[id_] for id_ in after if id_ in wanted}


def test_a_measured_crisis_is_red_whatever_the_prediction_says(visit: Visit, hospital: Hospital) -> None:
    """1. A patient at low risk. 2. 134/121 is measured. 3. Red, on top, announced once, with the low risk beside it."""
    visitor = visit().sign_in()
    page = visitor.open("/")
    expect(page.locator(row(CALM.id))).to_have_count(0)
    hospital.measure(CALM.id, 134, 121)
    crisis = page.locator(f".section-critical {row(CALM.id)}")
    expect(crisis).to_be_visible(timeout=NEXT_POLL_MS)
    scored = hospital.pipeline.latest()[CALM.id]
    assert scored["alert_level"] != "CRITICAL"
    assert is_crisis(scored["systolic"], scored["diastolic"])
    expect(crisis.locator(".level")).to_have_css("background-color", RED)
    expect(crisis.locator(".pressure")).to_have_text("134/121")
    expect(page.locator("#announce")).to_have_text(re.compile(f"{CALM.id} 134/121"))
    expect(page).to_have_title(re.compile(r"^\(\d+\) "))
    visitor.open(f"/patients/{CALM.id}")
    expect(page.locator(".lane-crisis")).to_be_visible()
    expect(page.locator(".lane-measured")).to_have_class(re.compile("is-crisis"))


def test_the_filter_leaves_the_patients_whose_id_holds_the_text(visit: Visit) -> None:
    page = visit().sign_in().open("/")
    page.fill("#board-filter", "p-04")
    shown = page.locator("[data-patient]:visible").evaluate_all("rows => rows.map(row => row.dataset.patient)")
    assert sorted(shown) == [RISING.id, RISING_TOO.id]
    page.get_by_role("link", name=re.compile("EN ATTENTE|En attente")).first.click()
    expect(page.locator("[data-section]")).to_have_count(1)
    expect(page.locator(row(WAITING.id))).to_be_visible()


def test_old_data_are_struck_through_and_apart(visit: Visit) -> None:
    page = visit().sign_in().open("/")
    old = page.locator(row(SILENT.id))
    expect(old.locator("s.pressure")).to_have_text("172/99")
    expect(old.locator(".age-old")).to_contain_text("données anciennes")
    expect(old.locator(".trend")).to_have_count(0)


def test_an_alert_is_acknowledged_in_the_dialogue(visit: Visit) -> None:
    page = visit().sign_in().open("/")
    line = page.locator(row(RISING_TOO.id))
    line.get_by_role("button", name=f"Acquitter {RISING_TOO.id}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Patient appelé").check()
    dialog.get_by_label("Note").fill("Repos, nouvelle mesure dans 15 min")
    dialog.get_by_role("button", name="Acquitter").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#answer-toast")).to_contain_text("Alerte acquittée.")
    expect(line.locator(".alert-acknowledged")).to_contain_text("claire.moreau", timeout=NEXT_POLL_MS)
    expect(line.get_by_role("button")).to_have_count(0)


def test_who_may_only_read_is_offered_no_acknowledgement(visit: Visit) -> None:
    page = visit().sign_in("viewer").open("/")
    expect(page.locator(row(RISING.id))).to_be_visible()
    expect(page.locator(".button-acknowledge")).to_have_count(0)


def test_the_list_holds_still_under_the_pointer(visit: Visit, hospital: Hospital) -> None:
    """1. The pointer rests on the list. 2. A patient gets worse. 3. A button offers the update; nothing has moved."""
    page = visit().sign_in().open("/")
    page.locator(row(RISING.id)).hover()
    expect(page.locator("#board-list")).to_have_class(re.compile("is-held"))
    hospital.measure("P-0555", 206, 125)
    offer = page.locator("#urgent")
    expect(offer).to_be_visible(timeout=NEXT_POLL_MS)
    expect(page.locator(row("P-0555"))).to_have_count(0)
    offer.click()
    expect(page.locator(row("P-0555"))).to_be_visible()
