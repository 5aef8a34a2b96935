"""The FHIR endpoints: valid bundles, paging, errors as OperationOutcome."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from elastic.names import AUDIT, all_months
from tests.support.fake_search import FakeSearch
from tests.support.fhir_models import r4b
from tests.unit.webapp.site import Browser, Site

Bundle = r4b("Bundle")
CapabilityStatement = r4b("CapabilityStatement")
OperationOutcome = r4b("OperationOutcome")
Patient = r4b("Patient")

BASE = "/api/v1/fhir"
PATIENT = "patient=P-0001"


def ask(browser: Browser, path: str) -> TestResponse:
    return browser.get(f"{BASE}/{path}", page=False)


def read(response: TestResponse) -> Any:
    assert response.content_type == "application/fhir+json"
    return response.get_json(force=True)


def resources(bundle: Any) -> list[Any]:
    return [entry["resource"] for entry in bundle.get("entry", [])]


def audit_entry(seq: int, **changes: Any) -> dict[str, Any]:
    entry = {
        "@timestamp": f"2026-03-01T07:0{seq}:00.000+00:00",
        "actor": "anne",
        "role": "clinician",
        "session": "5e55",
        "ip": "192.0.2.7",
        "action": "view",
        "route": "/patients/<patient:patient_id>",
        "patient_id": ["P-0001"],
        "outcome": "ok",
        "request_id": "r",
        "chain_id": "c1",
        "seq": seq,
    }
    return entry | changes


def test_what_is_offered_is_a_valid_capability_statement(site: Site) -> None:
    statement = read(ask(site.signed_in(), "metadata"))
    CapabilityStatement.model_validate(statement)
    assert statement["fhirVersion"] == "4.0.1"
    offered = {each["type"] for each in statement["rest"][0]["resource"]}
    assert offered == {"Patient", "Observation", "RiskAssessment", "AuditEvent"}


def test_a_patient_is_an_identifier(site: Site) -> None:
    patient = read(ask(site.signed_in(), "Patient/P-0001"))
    Patient.model_validate(patient)
    assert (patient["id"], patient["identifier"]) == ("P-0001", [{"value": "P-0001"}])
    assert set(patient) == {"resourceType", "id", "identifier"}


@pytest.mark.parametrize(
    ("query", "count", "kind"),
    [
        (f"Observation?{PATIENT}", 8, "Observation"),
        ("Observation?subject=Patient/P-0001", 8, "Observation"),
        (f"Observation?{PATIENT}&date=2026-03-01T08:00Z", 2, "Observation"),
        (f"Observation?{PATIENT}&date=ge2026-03-01T07:20Z&date=lt2026-03-01T08:00Z", 4, "Observation"),
        (f"Observation?{PATIENT}&date=le2026-02-28", 0, "Observation"),
        ("Observation?patient=P-9999", 0, "Observation"),
        (f"RiskAssessment?{PATIENT}", 4, "RiskAssessment"),
    ],
)
def test_a_search_is_a_valid_bundle(site: Site, query: str, count: int, kind: str) -> None:
    bundle = read(ask(site.signed_in(), query))
    Bundle.model_validate(bundle)
    assert [each["resourceType"] for each in resources(bundle)] == [kind] * count
    assert len({entry["fullUrl"] for entry in bundle.get("entry", [])}) == count


def test_pages_follow_each_other_by_their_links(site: Site) -> None:
    browser = site.signed_in()
    whole = resources(read(ask(browser, f"RiskAssessment?{PATIENT}")))
    pages: list[Any] = []
    url: str | None = f"https://localhost{BASE}/RiskAssessment?{PATIENT}&_count=3"
    while url:
        bundle = read(browser.get(url.removeprefix("https://localhost"), page=False))
        Bundle.model_validate(bundle)
        pages += resources(bundle)
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    assert pages == whole


def test_probabilities_are_percentages_of_the_stored_risks(site: Site) -> None:
    first = resources(read(ask(site.signed_in(), f"RiskAssessment?{PATIENT}")))[0]
    assert [part["probabilityDecimal"] for part in first["prediction"]] == [36.0, 72.0, 86.4]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("Observation", 422, "invalid"),
        ("Observation?patient=a&subject=b", 422, "invalid"),
        ("Observation?patient=a%20b", 422, "invalid"),
        (f"Observation?{PATIENT}&date=yesterday", 422, "invalid"),
        (f"Observation?{PATIENT}&date=ge2025-01-01&date=le2026-01-01", 422, "invalid"),
        (f"Observation?{PATIENT}&_count=0", 422, "invalid"),
        (f"Observation?{PATIENT}&_cursor=W10.AAAA", 422, "invalid"),
        (f"Observation?{PATIENT}&code=85354-9", 422, "invalid"),
        ("Patient/P-9999", 404, "not-found"),
        ("AuditEvent", 403, "forbidden"),
    ],
)
def test_errors_are_operation_outcomes(site: Site, query: str, status: int, code: str) -> None:
    response = ask(site.signed_in(), query)
    outcome = read(response)
    OperationOutcome.model_validate(outcome)
    assert (response.status_code, outcome["issue"][0]["code"]) == (status, code)


def test_elasticsearch_away_and_nobody_signed_in_are_outcomes_too(site: Site, search: FakeSearch) -> None:
    search.fake.is_away = True
    away, stranger = ask(site.signed_in(), f"Observation?{PATIENT}"), ask(site.client(), "metadata")
    assert (away.status_code, read(away)["issue"][0]["code"]) == (503, "transient")
    assert (stranger.status_code, read(stranger)["issue"][0]["code"]) == (401, "login")


@pytest.fixture
def trail(search: FakeSearch) -> FakeSearch:
    entries = [audit_entry(1), audit_entry(2, action="ack"), audit_entry(3, action="denied", outcome="denied")]
    search.put(all_months(AUDIT), *entries, audit_entry(4, patient_id=[], role=None, action="login"))
    return search


@pytest.mark.usefixtures("trail")
def test_the_audit_is_open_to_the_administrator_alone_and_valid(site: Site) -> None:
    bundle = read(ask(site.signed_in("admin"), "AuditEvent"))
    Bundle.model_validate(bundle)
    events = resources(bundle)
    assert [(each["action"], each["outcome"]) for each in events] == [("E", "0"), ("E", "4"), ("C", "0"), ("R", "0")]
    assert events[-1]["agent"][0]["who"]["identifier"]["value"] == "anne"
    assert events[-1]["entity"][0]["what"]["reference"] == "Patient/P-0001"
    assert "entity" not in events[0]
