"""Limits and surveillance of one patient as a clinician sets them, and the page of the rules in force."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.rules import RULES_FILE
from elastic.names import ALERT_EVENTS, AUDIT, PATIENT_RULES
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient
from tests.unit.webapp.site import NOON, Browser, Site, make_site

LIMITS = "/patients/p-1/limits"
GIVEN = {
    "systolic_from": "160",
    "diastolic_from": "",
    "systolic_below": "95",
    "silence_minutes": "240",
    "why": "stroke",
}


@pytest.fixture
def search() -> FakeSearch:
    made = FakeSearch()
    made.put_history(Patient("p-1", 150, 0.05), NOON)
    return made


@pytest.fixture
def site(tmp_path: Path, search: FakeSearch, fake: FakeElasticsearch) -> Site:
    return make_site(tmp_path, search=search, elasticsearch_url=fake.url)


def read(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


def test_limits_are_set_with_a_reason_shown_and_journalled(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in(name="dr.martin")
    assert browser.post(LIMITS, GIVEN).status_code == 302
    shown = read(browser, "/patients/p-1")
    assert "systolic from 160 mmHg, systolic below 95 mmHg, silence after 240 min" in shown
    assert "set by dr.martin" in shown
    assert "dr.martin : limits set" in shown
    (stored,) = search.documents[PATIENT_RULES]
    assert (stored["systolic_from"], stored["why"], "diastolic_from" in stored) == (160, "stroke", False)
    assert [event["event"] for event in search.documents[ALERT_EVENTS]] == ["limits"]


def test_an_empty_form_takes_all_limits_away(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    browser.post(LIMITS, GIVEN)
    browser.post(LIMITS, {"why": "better"})
    (stored,) = search.documents[PATIENT_RULES]
    assert "systolic_from" not in stored
    assert "none of their own" in read(browser, "/patients/p-1")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"systolic_from": "180"}, "Below 180 mmHg"),
        ({"systolic_from": "1e2"}, "A whole number, or nothing."),
        ({"systolic_below": "155"}, "At least 10 mmHg below the upper limit"),
        ({"silence_minutes": "20"}, "At least 30 min, as for everybody."),
        ({"silence_minutes": "2000"}, "At most 1440 min"),
        ({"why": " "}, "Say why."),
    ],
)
def test_what_cannot_be_meant_is_told_beside_its_field_and_nothing_typed_is_lost(
    site: Site, search: FakeSearch, change: dict[str, str], told: str
) -> None:
    answer = site.signed_in().post(LIMITS, {**GIVEN, **change})
    html = answer.get_data(as_text=True)
    (name,) = change
    assert answer.status_code == 422
    assert re.search(rf'id="{name}-fault">{re.escape(told)}', html)
    assert all(f'value="{text}"' in html for field, text in GIVEN.items() if text and field != name)
    assert search.documents[PATIENT_RULES] == []


def test_surveillance_ends_with_a_reason_and_can_be_resumed(site: Site) -> None:
    browser = site.signed_in(name="dr.martin")
    assert browser.post("/patients/p-1/surveillance", {"why": "discharged", "sure": "1"}).status_code == 302
    assert "Surveillance ended by dr.martin" in read(browser, "/patients/p-1")
    assert "Resume now" in read(browser, LIMITS)
    browser.post("/patients/p-1/surveillance", {"resume": "1"})
    assert "Surveillance ended by" not in read(browser, "/patients/p-1").split("Journal")[0]


def test_a_reading_after_the_end_brings_surveillance_back(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    browser.post("/patients/p-1/surveillance", {"why": "discharged", "sure": "1"})
    site.clock.pass_by(minutes=5)
    search.put_history(Patient("p-1", 150, 0.05), site.clock.now)
    assert "It resumes with the next reading." not in read(browser, "/patients/p-1")


def test_surveillance_is_not_ended_without_a_reason_or_by_a_slip(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    for form in ({"why": "", "sure": "1"}, {"why": "discharged"}):
        assert browser.post("/patients/p-1/surveillance", form).status_code == 422
    assert search.documents[PATIENT_RULES] == []


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_only_a_clinician_sets_anything(site: Site, role: str) -> None:
    browser = site.signed_in(role)
    assert browser.get(LIMITS).status_code == 403
    assert browser.post(LIMITS, GIVEN).status_code == 403
    assert browser.post("/patients/p-1/surveillance", {"why": "x", "sure": "1"}).status_code == 403


def test_nobody_sets_limits_of_a_patient_who_is_not_there(site: Site) -> None:
    assert site.signed_in().post("/patients/p-9/limits", GIVEN).status_code == 404


def test_each_change_is_noted_in_the_audit(site: Site, fake: FakeElasticsearch) -> None:
    browser = site.signed_in()
    browser.post(LIMITS, GIVEN)
    browser.post("/patients/p-1/surveillance", {"why": "discharged", "sure": "1"})
    site.services.audit.flush()
    noted = {event["action"]: event["target"] for event in fake.stored(AUDIT).values()}
    assert noted["limits"] == "systolic_from=160, systolic_below=95, silence_minutes=240"
    assert noted["surveillance"] == "ended"


def test_the_rules_in_force_are_told_in_words(site: Site) -> None:
    shown = read(site.signed_in("viewer"), "/rules")
    assert "A reading from 180 systolic or 120 diastolic mmHg. The first reading raises." in shown
    assert "2 readings in a row without it" in shown
    assert "CRITICAL within 5 min" in shown


def test_another_file_of_rules_is_told_as_it_is(tmp_path: Path, search: FakeSearch) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(RULES_FILE.read_text().replace("systolic: 180", "systolic: 170"))
    site = make_site(tmp_path, search=search, alert_rules=file)
    assert "A reading from 170 systolic" in read(site.signed_in(), "/rules")


def test_the_manager_sees_who_has_limits_of_their_own_and_the_administrator_no_patient(site: Site) -> None:
    site.signed_in().post(LIMITS, GIVEN)
    shown = read(site.signed_in("viewer"), "/rules")
    assert "p-1 systolic from 160 mmHg" in shown
    assert "p-1" not in read(site.signed_in("admin"), "/rules")
