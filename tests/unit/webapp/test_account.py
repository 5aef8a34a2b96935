"""The user's own account: first sign-in, password, authenticator, tokens, preferences."""

from __future__ import annotations

import re

import pyotp
import pytest

from tests.unit.webapp.site import PASSWORD, Browser, Site
from webapp.security import totp
from webapp.store import users

NEW = "une autre phrase bien longue"


def change(browser: Browser, present: str = PASSWORD, new: str = NEW, again: str | None = None) -> int:
    form = {"present": present, "new": new, "again": new if again is None else again}
    return browser.post("/account/password", form).status_code


def test_a_one_time_password_opens_nothing_but_its_own_change(site: Site) -> None:
    site.add_user("anne", one_time=True)
    browser = site.client()

    answer = browser.post("/login", {"user_name": "anne", "password": PASSWORD, "next": "/help"})
    assert answer.headers["Location"] == "/account/password"
    assert browser.get("/help").headers["Location"] == "/account/password"
    assert browser.get("/api/v1/me", page=False).status_code == 403
    assert browser.post("/account/tokens", {"name": "x"}).status_code == 403

    answer = browser.post("/account/password", {"present": PASSWORD, "new": NEW, "again": NEW})
    assert answer.headers["Location"] == "/"  # on to her work
    assert browser.get("/help").status_code == 200
    assert site.signs_in("anne", NEW)
    assert not site.signs_in("anne", PASSWORD)


def test_a_wall_screen_chooses_its_password_once_and_has_no_account_page(site: Site) -> None:
    site.add_user("wall", "kiosk", one_time=True)
    browser = site.client()
    browser.post("/login", {"user_name": "wall", "password": PASSWORD})

    answer = browser.post("/account/password", {"present": PASSWORD, "new": NEW, "again": NEW})

    assert answer.headers["Location"] == "/"
    assert browser.get("/help").status_code == 200
    assert browser.get("/account/password").status_code == 403


def test_a_one_time_password_ends(site: Site) -> None:
    site.add_user("anne", one_time=True)

    site.clock.pass_by(days=1)

    assert not site.signs_in("anne", PASSWORD)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"present": "wrong"}, "present password is not right"),
        ({"new": "too short"}, "at least 15 characters"),
        ({"new": "é" * 37}, "at most 72 bytes"),
        ({"again": "something else entirely"}, "passwords differ"),
        ({"new": PASSWORD, "again": PASSWORD}, "is the old one"),
        ({"new": "tension tension tension"}, "easily guessed"),
    ],
)
def test_an_unfit_change_is_refused_with_its_reason(site: Site, form: dict[str, str], message: str) -> None:
    browser = site.signed_in(name="anne")
    given = {"present": PASSWORD, "new": NEW, **form}

    answer = browser.post("/account/password", {"again": given["new"], **given})

    assert answer.status_code == 422
    assert message in answer.text
    assert site.signs_in("anne", PASSWORD)


def test_a_change_ends_the_other_sessions_and_keeps_this_one(site: Site) -> None:
    user = site.add_user("anne")
    here, there = site.client(user), site.client(user)

    assert change(here) == 302

    assert here.get("/help").status_code == 200
    assert there.get("/help").status_code == 302


def test_guessing_the_present_password_is_slowed_down(site: Site) -> None:
    browser = site.signed_in(name="anne")

    assert [change(browser, present="wrong") for _ in range(5)] == [422] * 4 + [429]


def test_an_administrator_sets_up_an_authenticator_before_anything_else(site: Site) -> None:
    user = site.add_user("chief", "admin")
    users.remove_totp(site.services.store, user.id)
    browser = site.client(user)
    assert browser.get("/admin/users").headers["Location"] == "/account/totp"

    page = browser.get("/account/totp").text
    secret = re.sub(r"\s", "", re.findall(r'<code class="secret mono">([^<]+)<', page)[0])
    assert f"secret={secret}" in page
    assert re.search(r'<svg viewBox="0 0 \d+ \d+" class="qr"><path stroke="#000" d="', page)

    assert browser.post("/account/totp", {"code": "000000"}).status_code == 422
    code = pyotp.TOTP(secret).at(site.clock.now)
    assert browser.post("/account/totp", {"code": code}).headers["Location"] == "/admin/system"
    assert browser.get("/admin/users").status_code == 200
    assert browser.get("/account/totp").status_code == 302  # a secret in use is not shown again


def test_a_secret_that_is_shown_stays_the_same_until_confirmed(site: Site) -> None:
    browser = site.signed_in()

    pages = [re.findall(r"otpauth:[^\"]+", browser.get("/account/totp").text) for _ in range(2)]

    assert pages[0] == pages[1] != []


def test_a_token_is_shown_once(site: Site) -> None:
    browser = site.signed_in()

    made = browser.post("/account/tokens", {"name": "my script", "scope": "read:alerts", "days": "7"})

    (text,) = re.findall(r"bp_[0-9a-f]{12}_[\w-]{40,}", made.text)
    assert site.client().send("GET", "/api/v1/me", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    assert text not in browser.get("/account").text
    assert "my script" in browser.get("/account").text


def test_a_refused_token_keeps_what_was_typed(site: Site) -> None:
    page = site.signed_in().post("/account/tokens", {"name": "my script", "scope": "read:alerts", "days": "400"}).text

    assert 'value="my script"' in page
    assert 'value="400"' in page
    assert re.findall(r'value="(read:\w+|write:\w+)" checked', page) == ["read:alerts"]


@pytest.mark.parametrize("form", [{"days": "0"}, {"days": "366"}, {"days": "x"}, {"scope": "admin"}, {"name": ""}])
def test_an_unfit_token_is_refused(site: Site, form: dict[str, str]) -> None:
    answer = site.signed_in().post("/account/tokens", {"name": "x", "scope": "read:alerts", "days": "7", **form})

    assert answer.status_code == 422


def test_preferences_are_kept_and_told_to_the_scripts_of_every_page(site: Site) -> None:
    browser = site.signed_in(name="anne")
    assert 'data-sound="on" data-shortcuts="on"' in browser.get("/help").text

    browser.post("/account/preferences", {"language": "fr", "shortcuts": "on"})

    user = users.find(site.services.store, "anne")
    assert user
    assert (user.language, user.sound, user.shortcuts) == ("fr", False, True)
    assert "Mon compte" in browser.get("/account").text
    assert 'data-sound="off" data-shortcuts="on"' in browser.get("/help").text


def test_a_language_that_the_site_does_not_speak_is_refused(site: Site) -> None:
    assert site.signed_in().post("/account/preferences", {"language": "de"}).status_code == 422


def test_the_language_switch_is_kept_for_the_user_and_returns_to_the_page(site: Site) -> None:
    browser = site.signed_in(name="anne")

    answer = browser.post("/language", {"language": "fr", "next": "/help"})

    assert answer.headers["Location"] == "/help"
    assert '<html lang="fr">' in browser.get("/help").text


def test_a_language_chosen_at_sign_in_becomes_the_users(site: Site) -> None:
    site.add_user("anne", language="fr")
    browser = site.client()

    assert '<html lang="en">' in browser.get("/login?lang=en").text
    browser.post("/login", {"user_name": "anne", "password": PASSWORD, "lang": "en"})

    assert '<html lang="en">' in browser.get("/help").text


def test_the_sign_in_before_this_one_is_shown(site: Site) -> None:
    site.add_user("anne")
    site.signs_in("anne", PASSWORD)
    site.clock.pass_by(hours=2)
    browser = site.client()
    browser.post("/login", {"user_name": "anne", "password": PASSWORD})

    assert "10 March 2026, 13:00:00" in browser.get("/account").text


@pytest.mark.parametrize(
    ("role", "start"),
    [("viewer", "/"), ("clinician", "/"), ("kiosk", "/"), ("admin", "/admin/system"), (None, "/login")],
)
def test_each_role_starts_on_a_page_that_is_open_to_it(site: Site, role: str | None, start: str) -> None:
    browser = site.signed_in(role) if role else site.client()

    assert browser.get("/start").headers["Location"] == start


@pytest.mark.parametrize(
    ("role", "asked", "target"),
    [
        ("viewer", "/", "/"),
        ("clinician", "/?low=1", "/?low=1"),
        ("kiosk", "/", "/"),
        ("kiosk", "/patients/p-1", "/"),
        ("admin", "/", "/admin/system"),
        ("admin", "/?low=1", "/admin/system"),
        ("admin", "/patients/p-1", "/admin/system"),
        ("admin", "/admin/audit?actor=anne", "/admin/audit?actor=anne"),
        ("clinician", "/admin/users", "/"),
        ("clinician", "/patients/p-1", "/patients/p-1"),
        ("clinician", "/nowhere", "/"),
        ("clinician", "/help", "/help"),
    ],
)
def test_signing_in_leads_to_what_was_asked_for_if_the_role_may_open_it_else_to_its_start(
    site: Site, role: str, asked: str, target: str
) -> None:
    user = site.add_user("anne", role)
    form = {"user_name": "anne", "password": PASSWORD, "next": asked}
    if user.totp_secret:
        form["code"] = pyotp.TOTP(totp.secret_of(site.services.seals, user.totp_secret)).at(site.clock.now)

    signed_in = site.client().post("/login", form)
    again = site.client(user).get("/login", query_string={"next": asked})

    assert (signed_in.headers["Location"], again.headers["Location"]) == (target, target)
