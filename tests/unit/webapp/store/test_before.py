"""The site goes on with the database that commit 5a51d4a has left: passwords, codes, tokens, sessions, targets."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyotp
import pytest

from assessment.targets import Band, Targets
from tests.support import before
from tests.unit.webapp.site import Site, make_site
from webapp.security import accounts, peppered, sessions
from webapp.store import patient_targets, users

KNOWN = before.expectations()
PEPPER = KNOWN["password_pepper"]
PEOPLE = {name: account for name, account in KNOWN["accounts"].items() if account["password"]}
Opening = Callable[..., Site]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return before.unpack("site", tmp_path_factory.mktemp("before"))


@pytest.fixture
def opening(left: Path, tmp_path: Path) -> Opening:
    """Return the site over a copy of that database, some minutes after it was left."""
    shutil.copy(left / "webapp.sqlite3", tmp_path)

    def opened(**changes: Any) -> Site:
        site = make_site(tmp_path, **{"secret_key": KNOWN["secret_key"], "password_pepper": PEPPER, **changes})
        site.clock.now = before.made_at()
        return site

    return opened


def sign_in(site: Site, name: str, minutes: int = 10) -> int:
    account = KNOWN["accounts"][name]
    site.clock.pass_by(minutes=minutes)
    code = pyotp.TOTP(account["totp_secret"]).at(site.clock.now) if account["totp_secret"] else ""
    return site.client().post("/login", {"user_name": name, "password": account["password"], "code": code}).status_code


def remarks(site: Site) -> list[str]:
    store, settings = site.services.store, site.services.settings
    return [remark for user in users.list_all(store) for remark in accounts.remarks(user, settings)]


@pytest.mark.parametrize("name", PEOPLE)
def test_who_could_sign_in_still_can_and_is_then_moved_to_bcrypt_alone(opening: Opening, name: str) -> None:
    expected = 401 if PEOPLE[name]["disabled"] else 302

    assert sign_in(opening(), name) == expected
    assert sign_in(opening(password_pepper=None), name, minutes=20) == expected


def test_without_the_pepper_nobody_signs_in_and_the_accounts_say_why(opening: Opening) -> None:
    site = opening(password_pepper=None)

    assert {sign_in(site, name) for name in PEOPLE} == {401}
    assert [remark.partition(":")[0] for remark in remarks(site)].count("password of an older version") == len(PEOPLE)


def test_a_wrong_pepper_opens_nothing_and_breaks_nothing(opening: Opening) -> None:
    wrong = opening(password_pepper="another one")

    assert {sign_in(wrong, name) for name in PEOPLE} == {401}
    assert sign_in(opening(), "lea", minutes=120) == 302


def test_nothing_is_left_of_the_pepper_when_all_have_signed_in(opening: Opening) -> None:
    site = opening()
    assert len(remarks(site)) == len(PEOPLE) + 2  # of them two with an authenticator

    for name in PEOPLE:
        users.set_disabled(site.services.store, getattr(users.find(site.services.store, name), "id", 0), False)
        sign_in(site, name)

    assert remarks(site) == []


def test_a_password_longer_than_bcrypt_takes_opens_once_more_and_must_be_changed(opening: Opening) -> None:
    site, longest = opening(), "quatre lampes bleues dorment " * 4
    digest = peppered.prehash(PEPPER.encode(), longest.encode())
    record = site.services.passwords.make_record(digest.decode())
    site.add_user("bea", password=f"{peppered.SCHEME}00000000${record}")
    browser = site.client()

    assert browser.post("/login", {"user_name": "bea", "password": longest}).status_code == 302
    assert browser.get("/patients").headers["Location"] == "/account/password"

    change = {"present": longest, "new": "une autre phrase bien longue", "again": "une autre phrase bien longue"}
    assert browser.post("/account/password", change).status_code == 302
    assert browser.get("/account").status_code == 200


def test_tokens_and_sessions_still_hold(opening: Opening) -> None:
    site = opening()

    for token in KNOWN["tokens"].values():
        answer = site.client().send("GET", "/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
    browser = site.client()
    browser.client.set_cookie(sessions.SECURE_COOKIE, KNOWN["sessions"]["anne"], domain="localhost", secure=True)
    assert browser.get("/account").status_code == 200


def test_preferences_and_targets_are_what_they_were(opening: Opening) -> None:
    store = opening().services.store

    for name, account in KNOWN["accounts"].items():
        user = users.find(store, name)
        assert user
        kept = ("role", "language", "sound", "shortcuts", "disabled", "must_change")
        assert {field: getattr(user, field) for field in kept} == {field: account[field] for field in kept}
    for patient_id, known in KNOWN["targets"].items():
        found = patient_targets.find(store, patient_id)
        systolic = Band(known["systolic_lowest"], known["systolic_highest"])
        diastolic = Band(known["diastolic_lowest"], known["diastolic_highest"])
        assert (found.targets, found.by) == (Targets(systolic, diastolic), known["set_by"])
