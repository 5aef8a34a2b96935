"""Sessions end: by the clock, by hand, and with the rights they were made for."""

from __future__ import annotations

import pytest

from tests.unit.webapp.site import PASSWORD, SAME_ORIGIN, Browser, Site
from webapp.security import sessions
from webapp.store import users


def is_in(browser: Browser) -> bool:
    return browser.get("/help").status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    site.add_user("anne")

    cookie = site.client().post("/login", {"user_name": "anne", "password": PASSWORD}).headers["Set-Cookie"]

    name, _, rest = cookie.partition("=")
    assert name == "__Host-bp"
    assert {part.strip() for part in rest.split(";")[1:]} == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


def test_on_plain_loopback_the_cookie_has_the_other_name(site: Site) -> None:
    site.add_user("anne")
    form = {"user_name": "anne", "password": PASSWORD}

    answer = site.app.test_client().post("/login", data=form, base_url="http://localhost", headers=SAME_ORIGIN)

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("bp=")
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie


def test_the_store_keeps_no_session_id(site: Site) -> None:
    site.add_user("anne")
    cookie = site.client().post("/login", {"user_name": "anne", "password": PASSWORD}).headers["Set-Cookie"]
    session_id = cookie.partition("=")[2].partition(";")[0]

    row = site.services.store.row("SELECT * FROM sessions")

    assert row is not None
    assert row["hash"] == sessions.digest(session_id)
    assert session_id not in str(dict(row))
    assert len(session_id) >= 43  # 256 bits


@pytest.mark.parametrize(("role", "minutes"), [("clinician", 30), ("viewer", 30), ("admin", 15)])
def test_an_idle_session_ends(site: Site, role: str, minutes: int) -> None:
    browser = site.signed_in(role)

    site.clock.pass_by(minutes=minutes, seconds=-1)
    assert is_in(browser)
    site.clock.pass_by(minutes=minutes)
    assert not is_in(browser)


def test_a_session_in_use_ends_after_twelve_hours(site: Site) -> None:
    browser = site.signed_in()

    for _ in range(12 * 4 - 1):
        site.clock.pass_by(minutes=15)
        assert is_in(browser)
    site.clock.pass_by(minutes=15)
    assert not is_in(browser)


def test_polls_keep_no_session_alive(site: Site) -> None:
    browser = site.signed_in()

    for _ in range(6):
        site.clock.pass_by(minutes=5)
        browser.get("/board/rows", page=False)

    assert not is_in(browser)


def test_a_wall_screen_stays_signed_in_at_its_own_address_for_thirty_days(site: Site) -> None:
    user = site.add_user("wall", "kiosk")
    here = site.client(user, ip="10.0.0.7")
    stolen = Browser(here.client, "10.0.0.8")

    site.clock.pass_by(days=29, hours=23)
    assert is_in(here)
    assert not is_in(stolen)
    assert not is_in(here)  # the attempt from elsewhere has ended it

    again = site.client(user, ip="10.0.0.7")
    site.clock.pass_by(days=30)
    assert not is_in(again)


def test_signing_out_ends_the_session_and_clears_the_browser(site: Site) -> None:
    browser = site.signed_in()
    taken = browser.session_id

    answer = browser.post("/logout")

    assert answer.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert "Expires=Thu, 01 Jan 1970" in answer.headers["Set-Cookie"]
    browser.client.set_cookie(sessions.SECURE_COOKIE, taken, domain="localhost", secure=True)
    assert not is_in(browser)


def test_signing_in_again_ends_the_session_before(site: Site) -> None:
    site.add_user("anne")
    browser = site.client()

    for _ in range(2):
        browser.post("/login", {"user_name": "anne", "password": PASSWORD})

    assert len(sessions.list_sessions(site.services.store, site.clock.now)) == 1


@pytest.mark.parametrize("change", ["disable", "role", "password", "totp"])
def test_a_change_of_rights_ends_all_sessions(site: Site, change: str) -> None:
    user, store = site.add_user("anne"), site.services.store
    browsers = [site.client(user), site.client(user)]

    if change == "disable":
        users.set_disabled(store, user.id, True)
        users.set_disabled(store, user.id, False)
    elif change == "role":
        users.set_role(store, user.id, "viewer")
    elif change == "password":
        users.set_password(store, user.id, "record", secret_expires_at=None)
    else:
        users.remove_totp(store, user.id)

    assert [is_in(browser) for browser in browsers] == [False, False]


def test_a_shut_account_has_no_session_even_if_one_is_left(site: Site) -> None:
    user = site.add_user("anne")
    browser = site.client(user)

    site.services.store.run("UPDATE users SET disabled = 1")

    assert not is_in(browser)


def test_users_end_their_own_sessions_and_no_others(site: Site) -> None:
    anne, paul = site.add_user("anne"), site.add_user("paul")
    mine, other, his = site.client(anne), site.client(anne), site.client(paul)
    (paul_s,) = sessions.list_sessions(site.services.store, site.clock.now, "paul")

    assert mine.post("/account/sessions", {"hash": paul_s.hash}).status_code == 404
    assert is_in(his)

    for session in sessions.list_sessions(site.services.store, site.clock.now, "anne"):
        if session.hash != sessions.digest(mine.session_id):
            mine.confirm("/account/sessions", {"hash": session.hash})
    assert [is_in(mine), is_in(other), is_in(his)] == [True, False, True]


def test_an_administrator_ends_any_session(site: Site) -> None:
    anne = site.signed_in(name="anne")
    chief = site.signed_in("admin", name="chief")
    (hers,) = sessions.list_sessions(site.services.store, site.clock.now, "anne")

    assert chief.confirm("/admin/sessions", {"hash": hers.hash}).status_code == 302

    assert not is_in(anne)
    assert is_in(chief)


@pytest.mark.parametrize("value", ["", "x", "é", "a" * 4000, "' OR 1=1 --"])
def test_a_made_up_cookie_opens_nothing(site: Site, value: str) -> None:
    site.signed_in()
    browser = site.client()
    browser.client.set_cookie(sessions.SECURE_COOKIE, value, domain="localhost", secure=True)

    assert not is_in(browser)
