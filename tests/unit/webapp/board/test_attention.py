"""Unusable readings that sound like a crisis, on board and wall: until somebody acknowledges, and never on others."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from elastic.names import ALERT_EVENTS, REJECTED
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient, refusal
from tests.unit.webapp.site import NOON, Browser, Site, make_site

ANSWER = {"reason": "seen", "note": "measured by hand", "pause": "30"}
WORDS = "systolic > 250 mmHg, diastolic 81 mmHg"


@pytest.fixture
def search() -> FakeSearch:
    ward = FakeSearch()
    ward.put_history(Patient("p-high", 150, 0.45), NOON)
    return ward


@pytest.fixture
def site(tmp_path: Path, search: FakeSearch) -> Site:
    return make_site(tmp_path, search)


def text(browser: Browser, path: str = "/") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def section(html: str) -> str:
    """Return the section of refused readings as text with single spaces, empty where there is none."""
    found = re.search(r'<section class="[^"]*section-attention".*?</section>', html, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


def test_a_refused_crisis_stands_first_with_what_the_device_says_and_why_it_is_no_reading(
    site: Site, search: FakeSearch
) -> None:
    search.put(REJECTED, refusal("p-high", NOON - timedelta(minutes=3), WORDS))

    html = text(site.signed_in())

    assert "THE DEVICE SAYS 3 min systolic &gt; 250 mmHg, diastolic 81 mmHg" in section(html)
    assert "NOT USABLE FOR THE PREDICTION beyond the range of the cuff, no exact value" in section(html)
    assert html.index("section-attention") < html.index("section-high")


def test_in_french_it_is_told_in_french(site: Site, search: FakeSearch) -> None:
    search.put(REJECTED, refusal("p-high", NOON, "systolic 212.5 or 120 (unit in doubt)", "COMPONENT_DUPLICATED"))

    shown = section(text(site.signed_in(language="fr")))

    assert "systolique 212,5 ou 120 (unité incertaine)" in shown
    assert "Mesures inexploitables évoquant une crise" in shown
    assert "plusieurs valeurs discordantes" in shown


def test_several_refusals_of_a_patient_are_one_row_that_counts_them(site: Site, search: FakeSearch) -> None:
    search.put(REJECTED, *(refusal("p-high", NOON - timedelta(minutes=minutes), WORDS) for minutes in (9, 6, 1)))

    html = text(site.signed_in())

    assert html.count('data-row="attention p-high"') == 1
    assert "and 2 earlier ones" in section(html)
    assert "overdue" in section(html)


def test_a_patient_of_whom_nothing_else_is_known_has_a_row_and_a_page(site: Site, search: FakeSearch) -> None:
    search.put(REJECTED, refusal("p-new", NOON, WORDS))
    browser = site.signed_in()

    assert 'href="/patients/p-new"' in text(browser)
    page = text(browser, "/patients/p-new")
    assert "No reading of this patient could be taken yet." in page
    assert "systolic &gt; 250 mmHg" in page
    assert browser.get("/patients/p-new/live", page=False).status_code == 404
    assert browser.get("/patients/p-other").status_code == 404


def test_an_unknown_patient_is_told_for_an_hour_with_the_device_and_lands_on_nobody_s_row(
    site: Site, search: FakeSearch
) -> None:
    search.put(REJECTED, refusal(None, NOON - timedelta(minutes=59), "212/134 mmHg", "SUBJECT_MISSING"))
    browser = site.signed_in()

    shown = section(text(browser))
    assert "Unknown patient, device cuff-7: 212/134 mmHg" in shown
    assert "data-row" not in text(browser)
    site.clock.pass_by(minutes=2)
    assert section(text(browser)) == ""


def test_who_may_not_acknowledge_sees_it_without_a_button(site: Site, search: FakeSearch) -> None:
    search.put(REJECTED, refusal("p-high", NOON, WORDS))
    browser = site.signed_in("viewer")

    assert "systolic &gt; 250 mmHg" in section(text(browser))
    assert "button-acknowledge" not in text(browser)
    assert search.documents[ALERT_EVENTS] == []


def test_a_wall_shows_it_first_with_a_masked_id(site: Site, search: FakeSearch) -> None:
    search.put(REJECTED, refusal("patient-00042", NOON, WORDS))
    search.put_history(Patient("patient-00043", 186, 0.7), NOON)

    html = text(site.signed_in("kiosk"))

    assert "patient-00042" not in html
    assert html.index("tile-attention") < html.index("\N{HORIZONTAL ELLIPSIS}0043")
    assert "not usable for the prediction" in html


def test_a_ward_of_many_is_read_by_one_search_and_one_of_the_answers(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    text(browser)
    without = len(search.asked)
    site.clock.pass_by(seconds=3)
    text(browser)
    usual = len(search.asked) - without
    search.put(REJECTED, *(refusal(f"p-{number}", NOON, WORDS) for number in range(50)))
    site.clock.pass_by(seconds=3)
    before = len(search.asked)

    assert text(browser).count("data-row") == 50
    assert len(search.asked) - before == usual + 1


def test_documents_of_earlier_releases_do_no_harm(site: Site, search: FakeSearch) -> None:
    old = refusal(None, NOON, WORDS)
    search.put(REJECTED, {name: old[name] for name in old if name not in ("attention", "patient_id", "measured_at")})

    assert section(text(site.signed_in())) == ""
