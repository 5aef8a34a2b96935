"""Addresses of older versions lead to today's pages."""

from __future__ import annotations

import pytest

from tests.unit.webapp.site import Site
from webapp.navigation import MOVED

CASES = [
    ("/aide", "/help"),
    ("/langue", "/language"),
    ("/compte", "/account"),
    ("/compte?done=totp", "/account?done=totp"),
    ("/compte/mot-de-passe", "/account/password"),
    ("/compte/totp", "/account/totp"),
    ("/compte/preferences", "/account/preferences"),
    ("/compte/sessions", "/account/sessions"),
    ("/compte/tokens", "/account/tokens"),
    ("/compte/tokens/revoke", "/account/tokens/revoke"),
    ("/patients/P-1/rapport?day=2026-03-10", "/patients/P-1/report?day=2026-03-10"),
    ("/patients/~YS9i/rapport", "/patients/~YS9i/report"),
    ("/aide?_external=1&_scheme=javascript&endpoint=x", "/help?_external=1&_scheme=javascript&endpoint=x"),
    ("/aide?x=%0d%0aSet-Cookie:y", "/help?x=%0d%0aSet-Cookie:y"),
]


@pytest.mark.parametrize(("old", "new"), CASES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_older_address_leads_to_today_s_with_its_query(site: Site, method: str, old: str, new: str) -> None:
    send = site.client().get if method == "GET" else site.client().post

    answer = send(old)

    assert (answer.status_code, answer.headers["Location"]) == (308, new)


def test_every_older_address_is_tried_above() -> None:
    paths = {old.partition("?")[0].replace("P-1", "<patient:patient_id>") for old, _new in CASES}

    assert set(MOVED) <= paths


def test_an_older_address_asks_for_sign_in_where_today_s_does(site: Site) -> None:
    browser = site.client()

    today = browser.get("/compte").headers["Location"]

    assert browser.get(today).headers["Location"] == "/login?next=/account"
    assert site.signed_in().get(today).status_code == 200
