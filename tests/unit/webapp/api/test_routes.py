"""The API's routes: who may ask, what is answered, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from alerts.chain import Part
from elastic.names import ALERT_SERVICE, LATEST
from tests.support.chain import chain_document
from tests.support.fake_search import FakeSearch
from tests.unit.webapp.api.conftest import operations
from tests.unit.webapp.site import SAME_ORIGIN, Browser, Site
from webapp.security.roles import ROLES, Permission
from webapp.store import users

ALERT = "predicted-1772352000000-P-0001"
PLACES = {"<patient_id>": "P-0001", "<alert_id>": ALERT, "<token_id>": "none"}
NEEDED = {"/api/v1/fhir/Observation": "?patient=P-0001", "/api/v1/fhir/RiskAssessment": "?patient=P-0001"}
EXPORTS = ("api.get_report", "api.get_report_csv")  # refused while the audit cannot be written, as here
ROLES_WITH_SESSIONS = sorted(set(ROLES) - {"service"})


def path_of(rule: str) -> str:
    for name, value in PLACES.items():
        rule = rule.replace(name, value)
    return rule + NEEDED.get(rule, "")


def ask(browser: Browser, path: str, **headers: str) -> TestResponse:
    return browser.get(path, page=False, headers=headers)


def body_of(response: TestResponse) -> Any:
    return response.get_json(force=True)


@pytest.mark.parametrize("role", ROLES_WITH_SESSIONS)
def test_every_operation_is_open_to_those_who_hold_its_permission_and_to_nobody_else(site: Site, role: str) -> None:
    browser = site.signed_in(role)
    for operation in operations(site.app):
        headers = SAME_ORIGIN if operation.method != "GET" else {}
        response = browser.send(operation.method, path_of(operation.rule), headers=headers)
        allowed = operation.permission is None or operation.permission in ROLES[role]
        assert (response.status_code == 403) is not allowed, (operation.name, response.status)
        assert response.status_code < 500 or operation.name in EXPORTS, (
            operation.name,
            response.get_data(as_text=True),
        )


def test_a_token_opens_what_its_scopes_name_and_nothing_else(site: Site) -> None:
    token = site.token(scopes=("read:observations",))
    browser = site.client()
    for operation in operations(site.app):
        response = browser.send(operation.method, path_of(operation.rule), headers=token)
        allowed = operation.permission in (None, Permission.SIGNED_IN, Permission.API_READ_OBSERVATIONS)
        assert (response.status_code == 403) is not allowed, (operation.name, response.status)


def test_nobody_gets_anything_without_a_login_but_the_probes(site: Site) -> None:
    browser = site.client()
    for operation in operations(site.app):
        response = browser.send(operation.method, path_of(operation.rule), headers=SAME_ORIGIN)
        assert response.status_code == (401 if operation.permission else 200), operation.name
        if operation.permission:
            assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_browser_that_is_not_signed_in_is_sent_from_the_documentation_to_the_login(site: Site) -> None:
    response = site.client().get("/api/docs")
    assert (response.status_code, response.headers["Location"]) == (302, "/login?next=/api/docs")


def test_the_session_is_not_looked_at_beside_a_faulty_token(site: Site) -> None:
    browser = site.signed_in("clinician")
    assert ask(browser, "/api/v1/me").status_code == 200
    assert ask(browser, "/api/v1/me", Authorization="Bearer bp_x_y").status_code == 401


def test_patients_come_newest_first_with_what_the_site_concludes(site: Site) -> None:
    items = body_of(ask(site.signed_in(), "/api/v1/patients"))["items"]
    assert [item["patient_id"] for item in items] == ["P-0001", "P-0002", "P-0003"]
    assert items[0]["alert_level"] == "CRITICAL"
    assert items[0]["timestamp"] == "2026-03-01T08:00:00.000Z"
    assert (items[0]["measured_crisis"], items[0]["freshness"]) == (False, "fresh")
    assert "source_offset" not in items[0]


def test_a_prediction_out_of_the_model_s_range_says_why(site: Site, search: FakeSearch) -> None:
    search.documents[LATEST][0]["out_of_range"] = ["FEW_READINGS"]
    items = body_of(ask(site.signed_in(), "/api/v1/patients"))["items"]
    assert {item["patient_id"]: item["out_of_range"] for item in items if item.get("out_of_range")} == {
        "P-0001": ["FEW_READINGS"]
    }


def test_a_patient_is_stale_when_a_second_reading_is_overdue(site: Site) -> None:
    browser = site.signed_in()
    site.clock.pass_by(minutes=29)
    assert body_of(ask(browser, "/api/v1/patients/P-0001"))["freshness"] == "stale"


def test_filters_narrow_the_list(site: Site) -> None:
    browser = site.signed_in()
    high = body_of(ask(browser, "/api/v1/patients?level=HIGH"))["items"]
    named = body_of(ask(browser, "/api/v1/patients?q=P-0003"))["items"]
    assert [item["patient_id"] for item in high + named] == ["P-0002", "P-0003"]


@pytest.mark.parametrize("path", ["/api/v1/patients", "/api/v1/patients/P-0001/observations", "/api/v1/predictions"])
def test_pages_together_are_the_whole_list(site: Site, path: str) -> None:
    browser = site.signed_in()
    whole = body_of(ask(browser, path))["items"]
    pages, following = [], f"{path}?limit=2"
    while following:
        response = ask(browser, following)
        pages += body_of(response)["items"]
        link = response.headers.get("Link", "")
        following = link[1 : link.index(">")] if link else ""
    assert pages == whole


def cursor_of(browser: Browser, path: str = "/api/v1/patients?limit=1") -> str:
    return str(body_of(ask(browser, path))["next_cursor"])


def test_a_cursor_is_refused_from_another_user_another_query_and_another_path(site: Site) -> None:
    browser, other = site.signed_in(name="anne"), site.signed_in(name="bruno")
    cursor = cursor_of(browser)
    assert ask(browser, f"/api/v1/patients?limit=3&cursor={cursor}").status_code == 200
    for asking, path in (
        (other, "/api/v1/patients?limit=1"),
        (browser, "/api/v1/patients?limit=1&level=LOW"),
        (browser, "/api/v1/predictions?limit=1"),
        (browser, "/api/v1/patients?q=P-0001"),
    ):
        response = ask(asking, f"{path}&cursor={cursor}")
        assert (response.status_code, body_of(response)["errors"][0]["location"]) == (422, "query.cursor"), path


def test_a_changed_cursor_is_refused_without_a_search(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    cursor = cursor_of(browser)
    before = len(search.asked)
    for forged in (cursor[:-1], "A" + cursor, "W10.AAAAAAAAAAAAAAAAAAAAAA", "é", "a.b.c"):
        assert ask(browser, f"/api/v1/patients?limit=1&cursor={forged}").status_code == 422
    assert len(search.asked) == before


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("limit=0", "query.limit"),
        ("limit=501", "query.limit"),
        ("limit=ten", "query.limit"),
        ("limit=1&limit=2", "query.limit"),
        ("unknown=1", "query.unknown"),
        ("from=2026-03-01", "query.from"),
        ("from=1772352000", "query.from"),
        ("to=2026-03-01T08:00:00", "query.to"),
        ("from=0001-01-01T00:00:00Z", "query.from"),
        ("from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z", "query"),
        ("from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "query.from"),
        ("from=2027-01-01T00:00:00Z", "query.from"),
        ("interval=1s", "query.interval"),
        ("interval=1m&from=2026-02-01T00:00:00Z", "query.interval"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(site: Site, query: str, location: str) -> None:
    response = ask(site.signed_in(), f"/api/v1/patients/P-0001/observations?{query}")
    problem = body_of(response)
    assert response.content_type == "application/problem+json"
    assert (response.status_code, problem["status"]) == (422, 422)
    assert location in [error["location"] for error in problem["errors"]]


def test_every_operation_refuses_unknown_parameters(site: Site) -> None:
    clinician, admin = site.signed_in("clinician"), site.signed_in("admin")
    for operation in operations(site.app):
        browser = admin if operation.permission in ROLES["admin"] - ROLES["clinician"] else clinician
        path = path_of(operation.rule)
        response = browser.send(
            operation.method, path + ("&" if "?" in path else "?") + "surprise=1", headers=SAME_ORIGIN
        )
        assert response.status_code == 422, operation.name


@pytest.mark.parametrize("patient_id", ["P-9999", "a b", "x" * 65, "<script>", "P-0001'--", "*", "..%2f..", "é"])
def test_a_patient_who_is_not_there_and_an_impossible_id_are_the_same_404(site: Site, patient_id: str) -> None:
    response = ask(site.signed_in(), f"/api/v1/patients/{patient_id}")
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"


def test_elasticsearch_away_is_a_503_that_says_when_to_come_back(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    search.fake.is_away = True
    for path in ("/api/v1/patients", "/api/v1/patients/P-0001", "/api/v1/predictions", "/api/v1/stats/summary"):
        response = ask(browser, path)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5"), path
        assert body_of(response)["title"] == "Elasticsearch unavailable"
        assert "fake" not in response.get_data(as_text=True)


def test_what_has_not_changed_is_not_sent_again(site: Site, search: FakeSearch) -> None:
    browser = site.signed_in()
    first = ask(browser, "/api/v1/patients")
    again = ask(browser, "/api/v1/patients", **{"If-None-Match": first.headers["ETag"]})
    search.documents[LATEST][0]["critical_risk_6h"] = 0.73
    changed = ask(browser, "/api/v1/patients", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, changed.status_code) == (304, b"", 200)
    assert first.headers["Cache-Control"] == "no-store"


def test_a_fault_of_ours_tells_nothing_of_the_inside(site: Site, search: FakeSearch) -> None:
    del search.documents[LATEST][0]["alert_level"]
    response = ask(site.signed_in(), "/api/v1/patients")
    assert response.status_code == 500
    assert "alert_level" not in response.get_data(as_text=True)


def test_too_many_requests_are_refused_until_the_minute_is_over(site: Site) -> None:
    site.app.config["READS_PER_MINUTE"] = 3
    browser = site.signed_in()
    statuses = [ask(browser, "/api/v1/me").status_code for _ in range(3)]
    refused, outcome = ask(browser, "/api/v1/me"), ask(browser, "/api/v1/fhir/metadata")
    assert (statuses, refused.status_code, body_of(refused)["title"]) == ([200] * 3, 429, "Too many requests")
    assert (outcome.status_code, body_of(outcome)["issue"][0]["code"]) == (429, "throttled")
    site.clock.pass_by(seconds=int(refused.headers["Retry-After"]))
    assert ask(browser, "/api/v1/me").status_code == 200


def test_a_token_has_an_allowance_of_its_own(site: Site) -> None:
    site.app.config["READS_PER_MINUTE"] = 1
    first, second = site.token(name="robot"), site.token(name="other")
    browser = site.client()
    assert [browser.send("GET", "/api/v1/me", headers=each).status_code for each in (first, first, second)] == [
        200,
        429,
        200,
    ]


def test_the_probes_say_whether_the_site_lives_and_can_work(site: Site, search: FakeSearch) -> None:
    browser = site.client()
    assert body_of(ask(browser, "/healthz")) == {"status": "ok"}
    assert body_of(ask(browser, "/readyz")) == {"status": "ok", "elasticsearch": True, "store": True, "links": []}
    search.fake.is_away = True
    unready = ask(browser, "/readyz")
    assert (unready.status_code, body_of(unready)["elasticsearch"]) == (503, False)
    assert [it["part"] for it in body_of(unready)["links"] if it["state"] == "dead"] == ["elasticsearch"]
    assert ask(browser, "/healthz").status_code == 200


def test_readiness_tells_the_age_of_each_link_and_does_not_depend_on_it(site: Site, search: FakeSearch) -> None:
    now = site.clock.now
    search.fake.index(index=ALERT_SERVICE, id="chain", document=chain_document(now, {Part.STREAM: 130, Part.SITE: 2}))
    ready = ask(site.client(), "/readyz")
    assert ready.status_code == 200
    told = {it["part"]: (it["state"], it["age_s"], it["limit_s"]) for it in body_of(ready)["links"]}
    assert told["stream"] == ("dead", 130, 105)
    assert told["site"] == ("alive", 2, 45)
    assert told["scoring"] == ("unknown", 0, 105)


def test_the_chain_can_be_scraped_as_openmetrics(site: Site, search: FakeSearch) -> None:
    now = site.clock.now
    document = chain_document(now, {Part.STREAM: 130}) | {"round_trip_s": 3.25}
    search.fake.index(index=ALERT_SERVICE, id="chain", document=document)
    scraped = ask(site.client(), "/metrics")
    assert scraped.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    samples = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in scraped.text.splitlines()[:-1]
        if line[0] != "#"
    }
    assert {part: samples[f'bp_link_age_seconds{{link="{part}"}}'] for part in Part} == dict.fromkeys(Part, 0) | {
        Part.STREAM: 130
    }
    assert samples['bp_link_limit_seconds{link="stream"}'] == 105
    states = {name for name, value in samples.items() if name.startswith("bp_link_state") and value}
    assert 'bp_link_state{link="stream",bp_link_state="dead"}' in states
    assert 'bp_link_state{link="scoring",bp_link_state="unknown"}' in states
    assert len(states) == len(Part)
    assert samples["bp_canary_round_trip_seconds"] == 3.25


def test_a_scrape_before_anything_is_known_and_without_a_store_is_whole(site: Site, search: FakeSearch) -> None:
    assert ask(site.client(), "/metrics").text.endswith("# EOF\n")
    search.fake.is_away = True
    scraped = ask(site.client(), "/metrics")
    assert (scraped.status_code, scraped.text.count("bp_link_age_seconds{")) == (200, 0)
    assert 'bp_link_state{link="elasticsearch",bp_link_state="dead"} 1' in scraped.text


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@limits(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(
        ["level", "q", "limit", "cursor", "from", "to", "category", "min_risk_6h", "interval", "date"]
    ),
    value=texts
    | st.sampled_from(['{"match_all":{}}', "* OR 1=1", "';DROP TABLE users;--", "../../_all", "\x00", "[]"]),
)
def test_no_parameter_brings_anything_into_a_query_but_values(
    site: Site, search: FakeSearch, name: str, value: str
) -> None:
    browser = a_browser(site)
    for path in ("/api/v1/patients", "/api/v1/predictions", "/api/v1/patients/P-0001/observations"):
        before = len(search.asked)
        response = browser.get(path, page=False, query_string={name: value})
        assert response.status_code in (200, 422)
        kinds = {kind for asked in search.asked[before:] for kind in kinds_of(asked.get("query", {}))}
        assert kinds <= {"bool", "filter", "must", "must_not", "term", "terms", "range", "prefix", "exists"}
        assert all(asked["index"].startswith("blood-pressure-") for asked in search.asked[before:])


def kinds_of(query: Any) -> set[str]:
    """Return the kinds of query and their clauses, down to where fields begin."""
    if isinstance(query, list):
        return set().union(*map(kinds_of, query))
    found = set(query)
    for kind, inner in query.items():
        if kind in ("bool", "filter", "must", "must_not", "should"):
            found |= kinds_of(inner)
    return found - {"minimum_should_match"}


def a_browser(site: Site) -> Browser:
    """Return a browser, signed in as the same user each time."""
    return site.client(users.find(site.services.store, "anne") or site.add_user())
