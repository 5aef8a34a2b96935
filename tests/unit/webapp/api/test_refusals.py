"""Where there is nothing, and where a method is not offered, the API says so in its own words."""

from __future__ import annotations

import pytest

from tests.unit.webapp.site import SAME_ORIGIN, Site

UNKNOWN = ("/api/", "/api/v1", "/api/v1/nothing", "/api/v2/board", "/api/v1/patients/", "/api/v1/patients/P-1/nothing")
METHODS = [
    ("PUT", "/api/v1/board", {"GET", "HEAD", "OPTIONS"}),
    ("POST", "/api/v1/patients/P-0001", {"GET", "HEAD", "OPTIONS"}),
    ("GET", "/api/v1/alerts/predicted-1-P-0001/ack", {"POST", "OPTIONS"}),
    ("PATCH", "/api/v1/tokens", {"GET", "POST", "HEAD", "OPTIONS"}),
    ("DELETE", "/openapi.json", {"GET", "HEAD", "OPTIONS"}),
    ("POST", "/healthz", {"GET", "HEAD", "OPTIONS"}),
]


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("role", [None, "clinician", "admin"])
def test_an_unknown_address_is_a_problem_of_our_types(site: Site, role: str | None, path: str) -> None:
    browser = site.signed_in(role) if role else site.client()
    response = browser.get(path, page=False)
    problem = response.get_json(force=True)
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert (problem["type"], problem["title"], problem["status"]) == ("/api/docs#problem-404", "Not found", 404)
    assert (problem["instance"], len(problem["request_id"])) == (path, 32)


@pytest.mark.parametrize(("method", "path", "allowed"), METHODS)
def test_a_method_that_is_not_offered_is_a_problem_that_names_the_others(
    site: Site, method: str, path: str, allowed: set[str]
) -> None:
    response = site.signed_in().send(method, path, headers=SAME_ORIGIN)
    assert (response.status_code, response.mimetype) == (405, "application/problem+json")
    assert response.get_json(force=True)["type"] == "/api/docs#problem-405"
    assert set(response.headers["Allow"].replace(" ", "").split(",")) == allowed


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/fhir", 404),
        ("GET", "/api/v1/fhir/", 404),
        ("GET", "/api/v1/fhir/Medication", 404),
        ("GET", "/api/v1/fhir/Patient/P-0001/x", 404),
        ("DELETE", "/api/v1/fhir/Patient/P-0001", 405),
        ("POST", "/api/v1/fhir/Observation", 405),
    ],
)
def test_fhir_answers_with_an_operation_outcome(site: Site, method: str, path: str, status: int) -> None:
    response = site.signed_in().send(method, path, headers=SAME_ORIGIN)
    assert (response.status_code, response.mimetype) == (status, "application/fhir+json")
    assert response.get_json(force=True)["resourceType"] == "OperationOutcome"
    assert ("Allow" in response.headers) == (status == 405)


def test_an_address_that_only_begins_like_fhir_is_none(site: Site) -> None:
    assert site.signed_in().get("/api/v1/fhirs", page=False).mimetype == "application/problem+json"


def test_a_page_that_does_not_exist_stays_a_page(site: Site) -> None:
    assert site.signed_in().get("/nothing").mimetype == "text/html"
    assert site.signed_in(name="bea").send("PUT", "/stats", headers=SAME_ORIGIN).status_code == 405
