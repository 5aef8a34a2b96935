"""What leaves the site: reports and files, each noted in the audit."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from elastic.names import AUDIT
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch
from tests.unit.webapp.patients.pages import text, visible
from tests.unit.webapp.site import Site, make_site
from webapp.patient_ids import file_name


def test_the_list_as_a_file_has_every_patient_that_passes_the_filters(site: Site) -> None:
    answer = site.signed_in().get("/patients.csv?order=id&seen=fresh")

    found = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert [row["patient_id"] for row in found] == ["P-0233", "P-0412", "urn:oid:1.2|88/41"]
    assert "attachment" in answer.headers["Content-Disposition"]


def test_the_file_of_a_chart_holds_its_readings(site: Site) -> None:
    answer = site.signed_in().get("/patients/P-0412/data.csv?span=1h")

    found = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert len(found) == 4
    assert found[-1]["systolic"] == "186.0"
    assert {row["patient_id"] for row in found} == {"P-0412"}
    assert found[-1]["local_time"] == "2026-03-10 12:58:00"  # as the screen shows it; UTC is beside it
    assert 'filename="readings-P-0412-1h.csv"' in answer.headers["Content-Disposition"]


def test_the_file_of_a_french_reader_opens_in_a_french_spreadsheet(site: Site) -> None:
    browser = site.signed_in(language="fr")

    for path in ("/patients/P-0412/data.csv?span=1h", "/patients.csv"):
        text = browser.get(path).get_data().decode()
        assert text.startswith("\N{BYTE ORDER MARK}patient_id;")
        found = list(csv.DictReader(io.StringIO(text.removeprefix("\N{BYTE ORDER MARK}")), delimiter=";"))
        assert "186,0" in {row["systolic"] for row in found}


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        ("urn:oid:1.2|88/41", "urn_oid_1.2_88_41"),
        ("../..\\x", "x"),
        ('a"; b\r\nX: y', "a_b_X_y"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}", "patient"),
        ("9" * 300, "9" * 64),
    ],
)
def test_an_id_in_the_name_of_a_file_is_harmless(id_: str, name: str) -> None:
    assert file_name(id_) == name


def test_the_report_names_who_printed_it_when_and_from_which_time(site: Site) -> None:
    page = visible(text(site, "/patients/P-0412/report", name="dr.martin", language="fr"))

    assert "Imprimé par dr.martin le 10 mars 2026 à 13:00:00" in page
    assert "9 mars 2026 à 12:58:00 \N{EN DASH} 10 mars 2026 à 12:58:00" in page
    assert "Qualité : suffisante 96 mesures valables sur 96 attendues" in page


def test_the_report_of_a_day_is_that_of_the_places_clock(site: Site) -> None:
    page = visible(text(site, "/patients/P-0412/report?day=2026-03-10", language="en"))

    assert "10 March 2026, 00:00:00 \N{EN DASH} 11 March 2026, 00:00:00" in page
    assert "INSUFFICIENT" in page


@pytest.mark.parametrize("day", ["yesterday", "2026-02-31", "9999-12-31", "0001-01-01", "%00"])
def test_a_day_that_is_none_asks_for_the_newest_hours(site: Site, day: str) -> None:
    assert "9 March 2026, 12:58:00" in visible(text(site, f"/patients/P-0412/report?day={day}", language="en"))


@pytest.mark.parametrize(
    ("path", "action"),
    [("", "view"), ("/report", "print"), ("/data.csv", "export"), ("/live", None), ("/chart", None)],
)
def test_who_saw_a_patient_is_noted_but_polls_are_not(
    site: Site, fake: FakeElasticsearch, path: str, action: str
) -> None:
    site.signed_in().get(f"/patients/P-0412{path}")
    site.services.audit.flush()

    assert [event["action"] for event in fake.stored(AUDIT).values()] == ([action] if action else [])


@pytest.mark.parametrize("path", ["/patients.csv", "/patients/P-0412/data.csv", "/patients/P-0412/report"])
def test_what_leaves_the_site_is_refused_while_the_audit_cannot_be_written(
    tmp_path: Path, search: FakeSearch, path: str
) -> None:
    browser = make_site(tmp_path, search=search).signed_in()

    assert browser.get(path).status_code == 503
    assert browser.get("/patients/P-0412").status_code == 200


def test_exports_are_limited(site: Site) -> None:
    site.app.config["EXPORTS_PER_MINUTE"] = 2
    browser = site.signed_in()

    assert [browser.get("/patients.csv").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("kiosk", 403), ("admin", 403), ("clinician", 200)])
def test_reports_and_exports_are_for_clinicians(site: Site, role: str, status: int) -> None:
    browser = site.signed_in(role)

    for path in ("/patients.csv", "/patients/P-0412/data.csv", "/patients/P-0412/report"):
        assert browser.get(path).status_code == status
