"""The page of a patient, the predictions, the report, and the languages, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.hospital import CALM, RISING, SILENT, WAITING, Hospital

pytestmark = pytest.mark.integration

PATIENT = f"/patients/{RISING.id}"
NEXT_POLL_MS = 12_000


def test_a_patient_is_shown_with_charts_lanes_and_reasons(visit: Visit) -> None:
    page = visit().sign_in().open("/")
    page.get_by_role("link", name=RISING.id, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(RISING.id)
    expect(page.locator("#pressures canvas")).to_be_visible()
    expect(page.locator("#risks canvas")).to_be_visible()
    expect(page.locator(".lane-measured")).to_contain_text("176/101")
    expect(page.locator(".lane-predicted")).to_contain_text("CRITIQUE")
    expect(page.locator(".reasons li").first).to_be_visible()


def test_the_chart_draws_and_its_cursor_reads_out_values(visit: Visit) -> None:
    page = visit().sign_in().open(PATIENT)
    painted = page.evaluate(
        """() => { const canvas = document.querySelector("#pressures canvas");
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(new Uint32Array(pixels.buffer)).size; }"""
    )
    assert painted > 10
    page.locator("#pressures").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#pressures-status")).to_contain_text("mmHg")


def test_both_charts_stand_under_each_other_so_that_an_instant_is_at_one_place(visit: Visit) -> None:
    page = visit().sign_in().open(PATIENT)
    edges = page.locator(".u-over").evaluate_all(
        "plots => plots.map(plot => plot.getBoundingClientRect()).map(({ left, right }) => [left, right])"
    )
    assert len(edges) == 2
    assert edges[0] == edges[1]


def test_the_legends_name_every_mark(visit: Visit) -> None:
    page = visit().sign_in().open(PATIENT)
    legends = " ".join(page.locator(".legend").all_inner_texts())
    for mark in ("mesure en crise", "crise dès", "cible", "nuit", "pas de données", "alerte", "perte de données"):
        assert mark in legends


def test_a_target_that_is_set_moves_the_band(visit: Visit) -> None:
    """1. A lower target is set. 2. Legend and page tell it, with its author. 3. The usual one comes back."""
    page = visit().sign_in().open(PATIENT)
    page.get_by_text("Modifier la cible").click()
    bounds = page.locator(".targets input[type=number]")
    for place, value in enumerate(("110", "119", "60", "69")):
        bounds.nth(place).fill(value)
    page.locator(".targets").get_by_role("button", name="Enregistrer").click()
    expect(page.locator(".legend").first).to_contain_text("cible 110–119 sur 60–69")  # noqa: RUF001 - as shown
    expect(page.locator(".targets")).to_contain_text("fixée par claire.moreau")
    page.get_by_text("Modifier la cible").click()
    page.get_by_role("button", name="Revenir à la cible usuelle").click()
    expect(page.locator(".targets")).to_contain_text("cible usuelle")


def test_a_page_that_is_open_shows_the_next_reading(visit: Visit, hospital: Hospital) -> None:
    page = visit().sign_in().open(PATIENT)
    hospital.measure(RISING.id, 179, 103)
    expect(page.locator(".lane-measured")).to_contain_text("179/103", timeout=NEXT_POLL_MS)
    hospital.measure(RISING.id, 176, 101)
    expect(page.locator(".lane-measured")).to_contain_text("176/101", timeout=NEXT_POLL_MS)


def test_other_spans_and_the_table_show_the_same_patient(visit: Visit) -> None:
    visitor = visit().sign_in()
    page = visitor.open(PATIENT)
    page.get_by_role("main").get_by_role("link", name="Tableau", exact=True).click()
    expect(page.locator("table").first).to_contain_text("176")
    for span in ("1h", "7d", "30d"):
        visitor.open(f"{PATIENT}?span={span}")


def test_old_and_missing_data_are_said_plainly(visit: Visit) -> None:
    visitor = visit().sign_in()
    page = visitor.open(f"/patients/{SILENT.id}")
    expect(page.locator(".lane-measured")).to_contain_text("Données anciennes")
    expect(page.locator(".lane-measured s")).to_have_text("172/99")
    visitor.open(f"/patients/{WAITING.id}")
    expect(page.locator(".lane-predicted")).to_contain_text("trop peu de mesures")


def test_predictions_are_listed_by_level_with_the_quality_of_the_model(visit: Visit, hospital: Hospital) -> None:
    hospital.measure(CALM.id, 134, 121)  # a crisis now comes before high risks of old data
    page = visit().sign_in().open("/predictions")
    expect(page.locator("tbody tr").first).to_contain_text("134/121 crise")
    expect(page.locator("tbody tr").first).to_contain_text("déjà en crise")
    expect(page.get_by_role("img", name=re.compile("Calibration"))).to_be_visible()
    page.get_by_label("Niveau prédit").select_option("CRITICAL")
    page.get_by_role("button", name="Filtrer").click()
    expect(page).to_have_url(re.compile("level=CRITICAL"))
    expect(page.get_by_role("link", name=RISING.id, exact=True)).to_be_visible()


def test_the_list_of_patients_is_filtered_and_exported(visit: Visit) -> None:
    page = visit().sign_in().open("/patients?q=p-04")
    expect(page.locator("tbody tr")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("CSV")).click()
    assert download.value.suggested_filename == "patients.csv"


def test_the_language_is_switched_and_kept(visit: Visit) -> None:
    visitor = visit().sign_in("viewer", "fr")
    page = visitor.open("/predictions")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Predictions")
    expect(page).to_have_url(re.compile("/predictions$"))
    visitor.open("/")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="Français").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_report_prints_on_one_page(visit: Visit, language: str) -> None:
    visitor = visit().sign_in("clinician", language)
    page = visitor.open(f"{PATIENT}/report")
    page.emulate_media(media="print")
    expect(page.locator(".report-tools")).to_be_hidden()
    expect(page.locator(".site-header")).to_be_hidden()
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
