"""Pages of other origins read the API only if the setting names their origin, and never with the user's session."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.support.fake_search import FakeSearch
from tests.unit.webapp.site import Site, make_site

FRIEND = "https://dashboard.example"
STRANGER = "https://evil.example"
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture
def open_site(tmp_path: Path, search: FakeSearch) -> Site:
    return make_site(tmp_path, search=search, cors_origins=FRIEND)


def ask(site: Site, origin: str, path: str = "/api/v1/me", method: str = "GET", **headers: str) -> TestResponse:
    return site.client().send(method, path, headers={"Origin": origin, **headers})


def test_by_default_no_origin_is_allowed(site: Site) -> None:
    answer = site.client().send("GET", "/api/v1/me", headers={"Origin": FRIEND, **site.token()})
    assert (answer.status_code, answer.headers.get(ALLOWED)) == (200, None)


def test_only_the_named_origin_is_allowed_and_without_credentials(open_site: Site) -> None:
    token = open_site.token()
    friend, stranger = (ask(open_site, origin, **token) for origin in (FRIEND, STRANGER))
    assert friend.headers[ALLOWED] == FRIEND
    assert "Access-Control-Allow-Credentials" not in friend.headers
    assert ALLOWED not in stranger.headers
    assert ALLOWED not in ask(open_site, "null", **token).headers


def test_a_preflight_allows_what_a_token_needs(open_site: Site) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    answer = ask(open_site, FRIEND, "/api/v1/alerts/x/ack", "OPTIONS", **asked)
    assert answer.headers[ALLOWED] == FRIEND
    assert {each.strip() for each in answer.headers["Access-Control-Allow-Headers"].lower().split(",")} == {
        "authorization",
        "content-type",
    }
    assert "DELETE" not in answer.headers["Access-Control-Allow-Methods"]
    assert ALLOWED not in ask(open_site, STRANGER, "/api/v1/alerts/x/ack", "OPTIONS", **asked).headers


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/patients"])
def test_pages_outside_the_api_are_for_no_other_origin(open_site: Site, path: str) -> None:
    assert ALLOWED not in ask(open_site, FRIEND, path).headers
