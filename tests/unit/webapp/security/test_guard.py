"""Requests that another site makes a browser send are refused, sign-in included."""

from __future__ import annotations

import pytest

from tests.unit.webapp.site import PASSWORD, Site

CASES = [
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "https://localhost"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "none"}, False),
    ({"Sec-Fetch-Site": ""}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://localhost"}, False),
    ({"Origin": "https://localhost"}, True),
    ({"Origin": "http://localhost"}, False),
    ({"Origin": "https://localhost:8443"}, False),
    ({"Origin": "https://localhost.evil.example"}, False),
    ({"Origin": "https://evil.example"}, False),
    ({"Origin": "null"}, False),
    ({}, False),
    ({"Referer": "https://localhost/login"}, False),
]


@pytest.mark.parametrize(("headers", "is_own"), CASES, ids=str)
@pytest.mark.parametrize("path", ["/login", "/logout", "/language", "/account/preferences"])
def test_only_pages_of_this_site_may_send_forms(site: Site, path: str, headers: dict[str, str], is_own: bool) -> None:
    browser = site.signed_in()

    answer = browser.send("POST", path, headers=headers, data={"language": "fr"})

    assert (answer.status_code != 403) is is_own


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_forged_api_call_with_the_session_is_refused(site: Site, method: str) -> None:
    browser = site.signed_in()

    answer = browser.send(method, "/api/v1/tokens", headers={"Sec-Fetch-Site": "cross-site"}, json={})

    assert answer.status_code in (403, 405)


def test_a_program_with_a_token_needs_no_origin(site: Site) -> None:
    answer = site.client().send("POST", "/api/v1/alerts/none/ack", headers=site.token(), json={})

    assert answer.status_code != 403


def test_a_token_header_does_not_open_the_forms(site: Site) -> None:
    site.add_user("anne")
    form = {"user_name": "anne", "password": PASSWORD}

    answer = site.client().send("POST", "/login", headers=site.token(), data=form)

    assert answer.status_code == 403


def test_beside_a_token_the_cookie_is_not_looked_at(site: Site) -> None:
    browser = site.signed_in("clinician")

    answer = browser.send("GET", "/api/v1/me", headers={"Authorization": "Bearer bp_0_0"})

    assert answer.status_code == 401


def test_looking_changes_nothing(site: Site) -> None:
    browser = site.signed_in()
    before = [tuple(row) for row in site.services.store.rows("SELECT * FROM users")]

    for path in ("/logout", "/language?language=fr", "/account/preferences", "/account?language=fr&sound=0"):
        browser.get(path)

    assert [tuple(row) for row in site.services.store.rows("SELECT * FROM users")] == before
    assert browser.get("/help").status_code == 200
