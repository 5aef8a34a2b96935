"""Signing in gives nothing away: not whether a name exists, nor whether an account is shut."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from tests.unit.webapp.site import PASSWORD, Site, make_site
from webapp.security import sessions, totp
from webapp.security.passwords import Passwords
from webapp.store import users

CASES = ["known", "unknown", "shut", "service", "ended", "corrupt"]


@pytest.fixture
def people(site: Site) -> Site:
    """Return one user of each kind that cannot sign in with `PASSWORD`."""
    site.add_user("known")
    users.set_disabled(site.services.store, site.add_user("shut").id, True)
    site.add_user("service", "service")
    site.add_user("ended", secret_expires_at=site.clock.now - timedelta(seconds=1))
    site.add_user("corrupt", password="$2b$04$broken")
    return site


def answers(site: Site, name: str, password: str) -> tuple[int, str]:
    site.clock.pass_by(minutes=10)
    answer = site.client().post("/login", {"user_name": name, "password": password})
    text = re.sub(r'value="[^"]*"', "", answer.text)
    return answer.status_code, text


def test_whoever_fails_gets_the_same_answer(people: Site) -> None:
    texts = {answers(people, name, "wrong")[1] for name in CASES}
    opened = {answers(people, name, PASSWORD) for name in CASES[1:]}

    assert len(texts) == 1
    assert {status for status, _ in opened} == {401}
    assert {text for _, text in opened} == texts


@pytest.mark.parametrize("name", CASES)
def test_whoever_fails_costs_the_same_work(people: Site, name: str, bcrypt_checks: list[bytes]) -> None:
    answers(people, name, "wrong")

    assert bcrypt_checks == [b"$2b$04$"]


def test_a_second_factor_is_asked_for_and_each_code_works_once(site: Site) -> None:
    user = site.add_user("chief", "admin")
    code = pyotp.TOTP(totp.secret_of(site.services.seals, user.totp_secret or "")).at(site.clock.now)
    form = {"user_name": "chief", "password": PASSWORD}

    assert site.client().post("/login", form).status_code == 401
    assert site.client().post("/login", {**form, "code": "000000"}).status_code == 401
    assert site.client().post("/login", {**form, "code": f"{code[:3]} {code[3:]}"}).status_code == 302
    assert site.client().post("/login", {**form, "code": code}).status_code == 401


@pytest.mark.parametrize(("drift_s", "status"), [(-30, 302), (30, 302), (-90, 401), (90, 401)])
def test_a_telephone_clock_may_be_half_a_minute_off(site: Site, drift_s: int, status: int) -> None:
    user = site.add_user("chief", "admin")
    secret = totp.secret_of(site.services.seals, user.totp_secret or "")
    code = pyotp.TOTP(secret).at(site.clock.now + timedelta(seconds=drift_s))

    answer = site.client().post("/login", {"user_name": "chief", "password": PASSWORD, "code": code})

    assert answer.status_code == status


@pytest.mark.parametrize("code", ["", "é12345", "\N{FULLWIDTH DIGIT ONE}" * 6, "1" * 500])
def test_a_code_that_cannot_be_one_is_a_wrong_one(site: Site, code: str) -> None:
    site.add_user("chief", "admin")

    answer = site.client().post("/login", {"user_name": "chief", "password": PASSWORD, "code": code})

    assert answer.status_code == 401


def test_a_user_of_another_cost_gets_a_new_record(site: Site) -> None:
    old = Passwords(cost=5).make_record(PASSWORD)
    site.add_user("anne", password=old)

    assert site.client().post("/login", {"user_name": "anne", "password": PASSWORD}).status_code == 302

    user = users.find(site.services.store, "anne")
    assert user
    assert "$2b$04$" in (user.password or "")


def test_who_signs_in_is_moved_to_the_new_key_with_the_same_authenticator(tmp_path: Path) -> None:
    """1. the old key alone, 2. a new one before it, 3. the new one alone: the codes stay."""
    old, new = "o" * 48, "n" * 48
    before = make_site(tmp_path, secret_key=old)
    user = before.add_user("chief", "admin")
    codes = pyotp.TOTP(totp.secret_of(before.services.seals, user.totp_secret or ""))
    during, after = make_site(tmp_path, secret_key=f"{new},{old}"), make_site(tmp_path, secret_key=new)

    def sign_in(site: Site, minutes: int) -> int:
        site.clock.pass_by(minutes=minutes)
        form = {"user_name": "chief", "password": PASSWORD, "code": codes.at(site.clock.now)}
        return site.client().post("/login", form).status_code

    assert sign_in(after, 10) == 401
    assert sign_in(during, 20) == 302
    assert sign_in(after, 30) == 302


def test_without_the_key_of_the_authenticator_people_are_told_what_everybody_is_told(tmp_path: Path) -> None:
    make_site(tmp_path, secret_key="o" * 48).add_user("chief", "admin")
    after = make_site(tmp_path, secret_key="n" * 48)

    assert answers(after, "chief", PASSWORD) == answers(after, "nobody", PASSWORD)


def test_each_sign_in_gives_another_session_and_leaves_an_old_cookie_without_use(site: Site) -> None:
    site.add_user("anne")
    browser = site.client()
    browser.client.set_cookie(sessions.SECURE_COOKIE, "planted", domain="localhost", secure=True)

    first = browser.post("/login", {"user_name": "anne", "password": PASSWORD}).headers["Set-Cookie"]
    second = site.client().post("/login", {"user_name": "anne", "password": PASSWORD}).headers["Set-Cookie"]

    assert "planted" not in first
    assert first != second


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/patients?level=HIGH", "/patients?level=HIGH"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/%0d%0aSet-Cookie:x", "/"),
        ("", "/"),
    ],
)
def test_sign_in_leads_to_pages_of_this_site_only(site: Site, path: str, target: str) -> None:
    site.add_user("anne")

    answer = site.client().post("/login", {"user_name": "anne", "password": PASSWORD, "next": path})

    assert answer.headers["Location"] == target
