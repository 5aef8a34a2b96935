"""Each operation of the API says in the audit who did what to whom, by session and by token alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from elastic.names import AUDIT
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.unit.webapp.api.conftest import operations
from tests.unit.webapp.site import SAME_ORIGIN, Browser, Site
from webapp.security import sessions, tokens

ALERT = "/api/v1/alerts/<alert_id>"
PATIENT = "/api/v1/patients/<patient_id>"
FHIR = "/api/v1/fhir"
TWO, ALL, ONE = ["P-0001", "P-0002"], ["P-0001", "P-0002", "P-0003"], ["P-0001"]

BY_BOTH: dict[str, tuple[str, list[str]]] = {  # operation, query: action and patients
    "GET /api/v1/board": ("list", TWO),
    "GET /api/v1/patients": ("list", ALL),
    "GET /api/v1/observations": ("list", ALL),
    "GET /api/v1/predictions": ("list", ALL),
    "GET /api/v1/alerts": ("list", TWO),
    f"GET {ALERT}": ("view", ONE),
    f"POST {ALERT}/ack": ("ack", ONE),
    f"POST {ALERT}/note": ("note", ONE),
    f"POST {ALERT}/own": ("take_over", ONE),
    f"POST {ALERT}/feedback": ("feedback", ONE),
    f"GET {PATIENT}": ("view", ONE),
    f"GET {PATIENT}/observations": ("view", ONE),
    f"GET {PATIENT}/predictions": ("view", ONE),
    f"GET {PATIENT}/attention": ("view", ONE),
    f"GET {PATIENT}/rules": ("view", ONE),
    f"GET {FHIR}/Patient/<patient_id>": ("view", ONE),
    f"GET {FHIR}/Observation": ("view", ONE),
    f"GET {FHIR}/RiskAssessment": ("view", ONE),
}
BY_SESSION: dict[str, tuple[str, str, list[str]]] = {  # operation: role, action and patients
    f"PUT {PATIENT}/rules": ("clinician", "limits", ONE),
    f"GET {PATIENT}/report.json": ("clinician", "export", ONE),
    f"GET {PATIENT}/report.csv": ("clinician", "export", ONE),
    f"GET {FHIR}/AuditEvent": ("admin", "audit_search", ONE),
    "POST /api/v1/tokens": ("clinician", "token_created", []),
    "DELETE /api/v1/tokens/<token_id>": ("clinician", "token_revoked", []),
}
AFTER_AN_ANSWER = {f"POST {ALERT}/snooze": "snooze", f"POST {ALERT}/undo": "undo"}
ABOUT_NOBODY = {
    "GET /api/v1/me",
    "GET /api/v1/tokens",
    "GET /api/v1/stats/summary",
    "GET /api/v1/stats/levels",
    "GET /api/v1/stats/freshness",
    "GET /api/v1/stats/alarm-burden",
    f"GET {FHIR}/metadata",
    "GET /openapi.json",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
}
BODIES: dict[str, dict[str, Any]] = {
    "ack": {"reason": "seen"},
    "feedback": {"useful": True},
    "note": {"note": "asleep"},
    "rules": {"why": "as for everybody"},
    **{name: {} for name in ("own", "snooze", "undo")},
    "tokens": {"name": "x", "scopes": ["read:alerts"]},
}


@pytest.fixture
def site(audited: Site) -> Site:
    return audited


@pytest.fixture
def events(site: Site, fake: FakeElasticsearch) -> Callable[[], list[dict[str, Any]]]:
    def read() -> list[dict[str, Any]]:
        assert site.services.audit.flush()
        return sorted(fake.stored(AUDIT).values(), key=lambda event: event["seq"])

    return read


def ask(site: Site, browser: Browser, operation: str, headers: dict[str, str]) -> int:
    method, rule = operation.split(" ")
    alert_id = next(each for each in alert_ids(site) if each.endswith("P-0001"))
    token_id = next((each.id for each in tokens.list_tokens(site.services.store)), "0" * 12)
    path = rule.replace("<patient_id>", "P-0001").replace("<alert_id>", alert_id).replace("<token_id>", token_id)
    query = "?patient=P-0001" if rule.rpartition("/")[2] in ("Observation", "RiskAssessment", "AuditEvent") else ""
    body = BODIES.get(rule.rpartition("/")[2]) if method in ("POST", "PUT") else None
    return browser.send(method, path + query, json=body, headers={**SAME_ORIGIN, **headers}).status_code


def alert_ids(site: Site) -> list[str]:
    user = site.some_user("viewer") or site.add_user("onlooker", "viewer")
    items = site.client(user).get("/api/v1/alerts", page=False).get_json()["items"]
    return [each["alert_id"] for each in items]


def test_no_operation_is_left_out(site: Site) -> None:
    listed = {*BY_BOTH, *BY_SESSION, *AFTER_AN_ANSWER, *ABOUT_NOBODY}
    assert {f"{operation.method} {operation.rule}" for operation in operations(site.app)} == listed


@pytest.mark.parametrize("operation", BY_BOTH)
@pytest.mark.parametrize("by_token", [False, True], ids=["session", "token"])
def test_whoever_sees_or_answers_is_noted_with_the_patients(
    site: Site, events: Callable[[], list[dict[str, Any]]], operation: str, by_token: bool
) -> None:
    action, patients = BY_BOTH[operation]
    headers = site.token(name="asker") if by_token else {}
    browser = site.client() if by_token else site.signed_in(name="asker")

    assert ask(site, browser, operation, headers) == 200

    (event,) = [each for each in events() if each["actor"] == "asker"]
    assert (event["action"], event["patient_id"], event["outcome"]) == (action, patients, "ok")
    (token_id,) = [each.id for each in tokens.list_tokens(site.services.store)] or [""]
    assert event["session"] == sessions.digest(token_id if by_token else browser.session_id)
    assert event["role"] == ("service" if by_token else "clinician")
    assert event["route"] == operation.split(" ")[1]


@pytest.mark.parametrize("operation", BY_SESSION)
def test_what_is_done_at_a_browser_only_is_noted_with_whom_or_what_it_was_done_to(
    site: Site, events: Callable[[], list[dict[str, Any]]], operation: str
) -> None:
    role, action, patients = BY_SESSION[operation]
    browser = site.signed_in(role, name="asker")
    if operation.startswith("DELETE"):
        ask(site, browser, "POST /api/v1/tokens", {})
    kept = [each.id for each in tokens.list_tokens(site.services.store)]

    assert ask(site, browser, operation, {}) in (200, 201, 204)

    event = [each for each in events() if each["actor"] == "asker"][-1]
    made = kept or [each.id for each in tokens.list_tokens(site.services.store)]
    assert (event["action"], event["patient_id"]) == (action, patients)
    assert event["target"] == (f"asker/{made[0]}" if "token" in action else None)


@pytest.mark.parametrize("operation", [each for each in BY_BOTH if "_id>" in each or FHIR in each])
def test_who_is_denied_a_patient_is_noted_with_that_patient(
    site: Site, events: Callable[[], list[dict[str, Any]]], operation: str
) -> None:
    assert ask(site, site.signed_in("admin", name="asker"), operation, {}) == 403

    (event,) = [each for each in events() if each["actor"] == "asker"]
    assert (event["action"], event["outcome"], event["patient_id"]) == ("denied", "denied", ONE)


@pytest.mark.parametrize("operation", AFTER_AN_ANSWER)
def test_what_follows_an_answer_is_noted_too(
    site: Site, events: Callable[[], list[dict[str, Any]]], operation: str
) -> None:
    browser = site.signed_in(name="asker")
    assert [ask(site, browser, each, {}) for each in (f"POST {ALERT}/ack", operation)] == [200, 200]

    last = [each for each in events() if each["actor"] == "asker"][-1]
    assert (last["action"], last["patient_id"], last["outcome"]) == (AFTER_AN_ANSWER[operation], ONE, "ok")


def test_an_answer_that_came_too_late_is_noted_as_refused(
    site: Site, events: Callable[[], list[dict[str, Any]]]
) -> None:
    first, second = (site.signed_in(name=name) for name in ("anne", "bea"))
    assert [ask(site, each, f"POST {ALERT}/ack", {}) for each in (first, second)] == [200, 409]

    found = [(each["actor"], each["outcome"], each["patient_id"]) for each in events() if each["action"] == "ack"]
    assert found == [("anne", "ok", ONE), ("bea", "refused", ONE)]


def test_a_patient_of_any_id_is_noted_by_the_id_and_not_by_its_address(
    site: Site, events: Callable[[], list[dict[str, Any]]]
) -> None:
    site.signed_in("admin", name="asker").get("/api/v1/patients/~dXJuOm9pZDoxLjJ8Nw", page=False)

    assert events()[-1]["patient_id"] == ["urn:oid:1.2|7"]
