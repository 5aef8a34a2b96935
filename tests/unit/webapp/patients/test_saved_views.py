"""Filters of the list that a user keeps under a name."""

from __future__ import annotations

import re

import pytest

from tests.unit.webapp.site import Browser, Site
from webapp.store import saved_views, users

RISKY = {"name": "My ward", "level": "HIGH", "q": "P-0", "order": "id"}


def names(browser: Browser) -> list[str]:
    page = browser.get("/patients").get_data(as_text=True)
    return re.findall(r'class="saved-view"><a href="[^"]*"[^>]*>([^<]*)<', page)


def test_a_view_is_kept_and_leads_to_its_filters(site: Site) -> None:
    browser = site.signed_in()
    assert browser.post("/patients/views", RISKY).headers["Location"] == "/patients?q=P-0&level=HIGH&order=id"

    page = browser.get("/patients?q=P-0&level=HIGH&order=id").get_data(as_text=True)
    assert '<a href="/patients?q=P-0&amp;level=HIGH&amp;order=id" aria-current="page">My ward</a>' in page


def test_a_view_of_the_same_name_takes_the_place_of_the_older_one(site: Site) -> None:
    browser = site.signed_in()
    browser.post("/patients/views", RISKY)
    browser.post("/patients/views", {"name": " my  WARD ", "level": "CRITICAL"})

    (view,) = saved_views.list_views(site.services.store, "some-clinician")
    assert (view.name, view.filters) == ("my WARD", {"level": "CRITICAL"})


def test_views_are_their_users_own(site: Site) -> None:
    anne, paul = site.signed_in(name="anne"), site.signed_in("viewer", name="paul")
    anne.post("/patients/views", RISKY)
    (view,) = saved_views.list_views(site.services.store, "anne")

    assert names(paul) == []
    assert paul.post(f"/patients/views/{view.id}/delete").status_code == 404
    assert names(anne) == ["My ward"]
    assert anne.post(f"/patients/views/{view.id}/delete").status_code == 302
    assert names(anne) == []


def test_there_is_an_end_to_the_number_of_views_but_an_old_one_may_change(site: Site) -> None:
    browser = site.signed_in()
    for number in range(saved_views.MOST):
        browser.post("/patients/views", {"name": f"view {number}", "level": "HIGH"})

    answer = browser.post("/patients/views", {"name": "one more", "level": "HIGH"})
    assert "views already" in browser.get(answer.headers["Location"]).get_data(as_text=True)
    browser.post("/patients/views", {"name": "view 3", "level": "LOW"})
    assert len(names(browser)) == saved_views.MOST
    assert saved_views.list_views(site.services.store, "some-clinician")[-1].name != "one more"


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\x07b", "a\u202eb"])
def test_a_view_needs_a_name_that_can_be_shown(site: Site, name: str) -> None:
    assert site.signed_in().post("/patients/views", {**RISKY, "name": name}).status_code == 422


def test_what_a_view_is_called_is_shown_as_text(site: Site) -> None:
    browser = site.signed_in()
    browser.post("/patients/views", {**RISKY, "name": "<script>"})

    assert "<script>" not in browser.get("/patients").get_data(as_text=True)


def test_views_end_with_their_user(site: Site) -> None:
    site.signed_in(name="anne").post("/patients/views", RISKY)
    user = users.find(site.services.store, "anne")
    assert user
    site.services.store.run("DELETE FROM users WHERE id = ?", (user.id,))

    assert site.services.store.rows("SELECT * FROM views") == []
