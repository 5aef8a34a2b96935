"""A session in which nobody acts for long: what it showed stays readable, masked, and asks for the password to act."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient
from tests.unit.webapp.site import PASSWORD, Site, make_site
from webapp.security import sessions


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


@pytest.fixture
def site(tmp_path: Path, search: FakeSearch) -> Site:
    return make_site(tmp_path, search)


def test_an_idle_session_still_reads_the_board_masked_and_nothing_else(site: Site, search: FakeSearch) -> None:
    """31 minutes without an action: rows with masked ids, no button; every page asks for the password and says why."""
    search.put_history(Patient("p-crisis", 186, 0.7), site.clock.now)
    browser = site.signed_in()
    site.clock.pass_by(minutes=31)

    rows = browser.get("/board/rows", page=False)

    assert (rows.status_code, rows.headers["X-Idle-In"]) == (200, "-60")
    html = rows.get_data(as_text=True)
    assert "…isis" in html
    assert "p-crisis" not in html
    assert "button-acknowledge" not in html
    for path in ("/", "/patients/p-crisis", "/predictions"):
        assert browser.get(path).location.endswith("why=idle")
    assert browser.post("/board/stay").status_code == 401
    assert browser.get("/api/v1/board", page=False).status_code == 401
    assert "nothing was done on this screen" in browser.get("/login?why=idle").get_data(as_text=True)


def test_nothing_but_the_password_wakes_an_idle_session_up(site: Site) -> None:
    browser = site.signed_in(name="anne")
    site.clock.pass_by(minutes=31)
    for path in ("/board/rows", "/", "/board/rows"):
        browser.get(path)
    assert browser.get("/").status_code == 302
    browser.post("/login", {"user_name": "anne", "password": PASSWORD})
    assert browser.get("/").status_code == 200
    assert len(sessions.list_sessions(site.services.store, site.clock.now)) == 1


def test_an_idle_session_ends_after_twelve_hours_elsewhere_and_when_somebody_ends_it(site: Site) -> None:
    for name, change in (("late", "clock"), ("moved", "ip"), ("out", "logout"), ("off", "end")):
        browser = site.signed_in(name=name)
        site.clock.pass_by(minutes=31)
        assert browser.get("/board/rows", page=False).status_code == 200
        if change == "clock":
            site.clock.pass_by(hours=12)
        elif change == "ip":
            browser.ip = "192.0.2.7"
        elif change == "logout":
            session_id = browser.session_id
            browser.post("/logout")
            browser.client.set_cookie(sessions.SECURE_COOKIE, session_id, domain="localhost", secure=True)
        else:
            (known,) = sessions.list_sessions(site.services.store, site.clock.now, name)
            sessions.end(site.services.store, known.hash)
        assert browser.get("/board/rows", page=False).status_code == 401, change


def test_an_administrator_s_idle_session_is_over(site: Site) -> None:
    browser = site.signed_in("admin")
    site.clock.pass_by(minutes=16)
    assert browser.get("/board/rows", page=False).status_code == 401
    assert sessions.list_sessions(site.services.store, site.clock.now) == []


def test_whoever_says_to_be_there_stays(site: Site) -> None:
    browser = site.signed_in()
    site.clock.pass_by(minutes=29)
    assert browser.get("/board/rows", page=False).headers["X-Idle-In"] == "60"
    assert browser.post("/board/stay").status_code == 204
    assert browser.get("/board/rows", page=False).headers["X-Idle-In"] == "1800"


def test_a_wall_screen_never_falls_idle(site: Site) -> None:
    browser = site.signed_in("kiosk")
    site.clock.pass_by(hours=20)
    answer = browser.get("/board/rows", page=False)
    assert answer.status_code == 200
    assert "X-Idle-In" not in answer.headers


def test_who_comes_with_a_session_that_is_over_is_told(site: Site) -> None:
    browser = site.signed_in()
    site.clock.pass_by(hours=13)
    assert browser.get("/").location.endswith("why=ended")
    assert site.client().get("/").location.endswith("next=/")
