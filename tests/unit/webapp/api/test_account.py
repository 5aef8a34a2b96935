"""Who is asking, and the own tokens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.unit.webapp.site import SAME_ORIGIN, Browser, Site

NEW = {"name": "Night export", "scopes": ["read:observations"]}


def create(browser: Browser, body: Any = NEW, **headers: str) -> TestResponse:
    return browser.send("POST", "/api/v1/tokens", json=body, headers=headers or SAME_ORIGIN)


def test_a_new_token_opens_what_it_names(site: Site) -> None:
    made = create(site.signed_in("clinician"))
    answer = made.get_json()
    token = {"Authorization": f"Bearer {answer['token']}"}
    robot = site.client()
    assert made.status_code == 201
    assert robot.send("GET", "/api/v1/observations", headers=token).status_code == 200
    assert robot.send("GET", "/api/v1/predictions", headers=token).status_code == 403
    me = robot.send("GET", "/api/v1/me", headers=token).get_json()
    assert (me["by_token"], me["permissions"]) == (True, ["read:observations", "signed-in"])


def test_the_secret_is_shown_once(site: Site) -> None:
    browser = site.signed_in("clinician")
    secret = create(browser).get_json()["token"]
    listed = browser.get("/api/v1/tokens", page=False)
    assert [each["name"] for each in listed.get_json()["items"]] == ["Night export"]
    assert secret.rpartition("_")[2] not in listed.get_data(as_text=True)


def test_a_token_that_was_ended_opens_nothing(site: Site) -> None:
    browser = site.signed_in("clinician")
    made = create(browser).get_json()
    ended = browser.send("DELETE", f"/api/v1/tokens/{made['token_id']}", headers=SAME_ORIGIN)
    asked = site.client().send("GET", "/api/v1/me", headers={"Authorization": f"Bearer {made['token']}"})
    assert (ended.status_code, ended.data, asked.status_code) == (204, b"", 401)


def test_the_token_of_somebody_else_is_not_there(site: Site) -> None:
    made = create(site.signed_in("clinician", name="anne")).get_json()
    bruno = site.signed_in("clinician", name="bruno")
    assert bruno.send("DELETE", f"/api/v1/tokens/{made['token_id']}", headers=SAME_ORIGIN).status_code == 404
    assert bruno.get("/api/v1/tokens", page=False).get_json()["items"] == []


def test_a_token_makes_no_tokens(site: Site) -> None:
    token = site.token("clinician")
    robot = site.client()
    for method, path in (("GET", "/api/v1/tokens"), ("POST", "/api/v1/tokens"), ("DELETE", "/api/v1/tokens/x")):
        assert robot.send(method, path, json=NEW, headers=token).status_code == 403


def test_a_request_from_another_site_makes_no_token(site: Site) -> None:
    browser = site.signed_in("clinician")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert create(browser, **headers).status_code == 403
    assert browser.get("/api/v1/tokens", page=False).get_json()["items"] == []


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({}, "body.name"),
        ({"name": "x", "scopes": []}, "body.scopes"),
        ({"name": "x", "scopes": ["read:everything"]}, "body.scopes.0"),
        ({**NEW, "days": 366}, "body.days"),
        ({**NEW, "days": "90"}, "body.days"),
        ({**NEW, "role": "admin"}, "body.role"),
        ({**NEW, "name": "<b>"}, "body.name"),
        ({**NEW, "\ud800": 1}, "body"),
        ([], "body"),
        (json.dumps(NEW), "body"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_by_field(site: Site, body: Any, location: str) -> None:
    response = create(site.signed_in("clinician"), body)
    assert response.status_code == 422
    assert location in [error["location"] for error in response.get_json()["errors"]]


def test_nobody_gives_a_token_more_than_the_own_rights(site: Site) -> None:
    response = create(site.signed_in("viewer"), {"name": "x", "scopes": ["write:ack"]})
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["location"] == "body"


def test_a_body_must_be_json_and_say_so(site: Site) -> None:
    browser = site.signed_in("clinician")
    form = browser.send("POST", "/api/v1/tokens", data={"name": "x"}, headers=SAME_ORIGIN)
    broken = browser.send(
        "POST", "/api/v1/tokens", data="{", headers={**SAME_ORIGIN, "Content-Type": "application/json"}
    )
    large = browser.send("POST", "/api/v1/tokens", json={**NEW, "name": "x" * 70_000}, headers=SAME_ORIGIN)
    assert (form.status_code, broken.status_code, large.status_code) == (415, 400, 413)
    assert {each.content_type for each in (form, broken, large)} == {"application/problem+json"}
