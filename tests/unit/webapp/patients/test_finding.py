"""Finding a patient by any part of the id, from the list and from the header of every page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from elastic.names import OBSERVATIONS
from tests.support.fake_search import FakeSearch
from tests.support.ward import reading
from tests.unit.webapp.patients.pages import text, visible
from tests.unit.webapp.site import NOON, Site

FIND = '<form class="find" role="search"'


def links(page: str) -> list[str]:
    return re.findall(r'class="patient-link mono" href="/patients/([^"]+)"', page)


@pytest.mark.parametrize("part", ["0412", "412", "p-0412", "P-0412"])
def test_the_search_of_the_header_leads_to_the_one_patient_whom_it_finds(site: Site, part: str) -> None:
    answer = site.signed_in().get(f"/patients?q={part}")

    assert (answer.status_code, answer.location) == (302, "/patients/P-0412")


def test_several_patients_are_listed(site: Site) -> None:
    assert links(text(site, "/patients?q=41")) == ["P-0412", "~dXJuOm9pZDoxLjJ8ODgvNDE"]


def test_the_lists_own_filter_stays_a_list_also_of_one(site: Site) -> None:
    assert links(text(site, "/patients?q=0412&level=&seen=&order=risk")) == ["P-0412"]


def test_nothing_found_is_said(site: Site) -> None:
    page = visible(text(site, "/patients?q=%3Cb%3Enobody", language="en"))

    assert "No patient whose id contains “&lt;b&gt;nobody”." in page


def test_a_patient_who_waits_for_a_prediction_is_found_too(site: Site, search: FakeSearch) -> None:
    search.put(OBSERVATIONS, reading("ux-wait-crisis", NOON - timedelta(minutes=1), 210, 130))
    browser = site.signed_in(language="en")

    assert browser.get("/patients?q=wait-CRISIS").location == "/patients/ux-wait-crisis"
    row = visible(browser.get("/patients?q=wait-CRISIS&level=").get_data(as_text=True))
    assert "ux-wait-crisis no prediction yet 210/130" in row
    assert "1 patient " in row
    assert browser.get("/patients?q=0900").location == "/patients/P-0900"


def test_who_may_open_patients_finds_them_from_every_page(site: Site) -> None:
    clinician = site.signed_in()
    for path in ("/", "/patients", "/patients/P-0412", "/predictions", "/stats", "/help", "/account"):
        assert FIND in clinician.get(path).get_data(as_text=True)
    assert FIND not in site.signed_in("kiosk").get("/").get_data(as_text=True)
    assert FIND not in site.client().get("/login").get_data(as_text=True)


@pytest.mark.parametrize(
    ("language", "said"), [("fr", "Aucune donnée pour ce patient."), ("en", "No data of this patient.")]
)
def test_an_unknown_patient_is_no_unknown_page(site: Site, language: str, said: str) -> None:
    browser = site.signed_in(language=language)

    for path in ("/patients/P-9999", "/patients/P-9999/report"):
        answer = browser.get(path)
        assert (answer.status_code, said in answer.get_data(as_text=True)) == (404, True)
    assert said not in browser.get("/nowhere").get_data(as_text=True)
