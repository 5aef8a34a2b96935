"""A nurse of ward A sees and answers for A only: no route tells of a patient of B, not even that there is one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from flask import request

from elastic.client import Search
from elastic.names import ALERT_EVENTS, ALERTS, PATIENT_RULES, STAYS, WARDS
from elastic.scope import Scope
from tests.support.fake_elasticsearch import running
from tests.support.fake_search import FakeSearch
from tests.support.two_wards import A, Asked, B, answer, requests, stored
from tests.unit.webapp.site import NOON, Site, make_site
from tests.unit.webapp.test_routes import EVERYBODY, ROUTES, rules
from webapp import factory
from webapp.security.current import Principal
from webapp.services import EXTENSION, Services
from webapp.store import users

NURSE, WALL = "nurse", "wall"
LEADING_ON = {"GET /patient", "POST /ward"}
ABOUT_NO_PATIENT = (
    "/account",
    "/api/docs",
    "/api/v1/fhir/metadata",
    "/api/v1/me",
    "/api/v1/stats",
    "/api/v1/tokens",
    "/board/stay",
    "/handover/seen",
    "/help",
    "/openapi",
    "/stats",
)


def make_ward_site(folder: Path, elasticsearch_url: str, *patients: str) -> tuple[Site, FakeSearch]:
    search = FakeSearch()
    for family, document in stored(NOON, *patients):
        search.put_alerts(document) if family == ALERTS else search.put(family, document)
    site = make_site(folder, search, elasticsearch_url=elasticsearch_url)
    for name, role in ((NURSE, "clinician"), (WALL, "kiosk")):
        users.set_wards(site.services.store, site.add_user(name, role).id, ["A"])
    site.add_user("anybody")
    return site, search


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """Return a site that stores patients of both wards, and one that stores none of B's."""
    with running() as fake:
        yield tuple(  # type: ignore[misc]
            make_ward_site(tmp_path / name, fake.url, *patients)[0]
            for name, patients in (("both", (A, B)), ("alone", (A,)))
        )


def differing(sites: tuple[Site, Site], user_name: str, endpoint: str | None = None) -> Counter[str]:
    """Count the requests whose answers the patient of B changes, by route: of all routes, or of one endpoint's."""
    both, alone = sites
    routes = {route: rule for route, rule in rules(both.app).items() if endpoint in (None, rule.endpoint)}
    return Counter(
        f"{asked.method} {asked.rule}"
        for asked in requests(routes, NOON)
        if answer(both, user_name, asked) != answer(alone, user_name, asked)
    )


@pytest.mark.parametrize("user_name", [NURSE, WALL])
def test_no_route_answers_otherwise_because_there_is_a_patient_of_another_ward(
    sites: tuple[Site, Site], user_name: str
) -> None:
    before = about_b(sites[0])
    assert differing(sites, user_name) == {}
    assert about_b(sites[0]) == before


def about_b(site: Site) -> list[object]:
    documents = site.services.search_within(Scope()).client.documents  # type: ignore[attr-defined]
    written = (*documents[ALERT_EVENTS], *documents[PATIENT_RULES])
    return [document for document in written if document["patient_id"] == B]


def leaking(sites: tuple[Site, Site], endpoint: str | None = None) -> None:
    """Let the views of an endpoint, or all, use the search without its scope."""
    for site in sites:
        scoped = site.services.search_within

        def search_within(scope: Scope, scoped: Callable[[Scope], Search] = scoped) -> Search:
            found = scoped(scope)
            return Search(found.client) if endpoint in (None, request.endpoint) else found

        site.app.extensions[EXTENSION] = replace(site.services, search_within=search_within)


def test_the_comparison_finds_what_any_route_without_the_limit_would_tell(sites: tuple[Site, Site]) -> None:
    """So that none of them passes because it was asked for nothing; statistics are asked of a real Elasticsearch."""
    leaking(sites)
    leaks = differing(sites, NURSE)
    meant = {route for route, roles in ROUTES.items() if "clinician" in roles.split() and roles != EVERYBODY}
    assert {route for route in meant if not leaks[route]} == {
        route for route in meant if route.split()[1].startswith(ABOUT_NO_PATIENT) or route in LEADING_ON
    }


@pytest.mark.parametrize("endpoint", ["board.rows", "patients.report", "api.get_alert", "answers.answer"])
def test_one_view_without_the_limit_is_found(sites: tuple[Site, Site], endpoint: str) -> None:
    assert not differing(sites, NURSE, endpoint)
    leaking(sites, endpoint)
    assert differing(sites, NURSE, endpoint)


def test_what_is_of_the_own_ward_or_of_nobody_is_shown(sites: tuple[Site, Site]) -> None:
    board = answer(sites[0], NURSE, Asked("GET", "/", "/"))
    assert f'data-patient="{A}"' in board
    assert "No sign of life of \N{LEFT DOUBLE QUOTATION MARK}stream" in board
    assert "Unknown patient" in board
    assert B in answer(sites[0], "anybody", Asked("GET", "/", "/"))


def test_who_moves_is_seen_where_he_lies_now_with_all_that_was_before(sites: tuple[Site, Site]) -> None:
    page = Asked("GET", "/patients/<patient:patient_id>", f"/patients/{B}")
    assert answer(sites[0], NURSE, page).startswith("404")
    documents = sites[0].services.search_within(Scope()).client.documents  # type: ignore[attr-defined]
    next(stay for stay in documents[STAYS] if stay["patient_id"] == B)["ward"] = "A"
    next(ward for ward in documents[WARDS] if ward["ward"] == "A")["patient_ids"].append(B)
    assert answer(sites[0], NURSE, page).startswith("200")
    assert f'data-patient="{B}"' in answer(sites[0], NURSE, Asked("GET", "/", "/"))


@pytest.mark.parametrize(
    ("query", "chosen", "seen"),
    [
        ("", "", {A, B}),
        ("?ward=A", "", {A}),
        ("?ward=B", "A", {B}),
        ("", "B", {B}),
        ("?ward=", "B", {A, B}),
        ("", "gone", {A, B}),
        ("?ward=C", "", {A, B}),
    ],
)
def test_who_is_bound_to_several_wards_may_look_at_one_of_them(
    sites: tuple[Site, Site], query: str, chosen: str, seen: set[str]
) -> None:
    store = sites[0].services.store
    users.set_wards(store, sites[0].add_user("head", "clinician").id, ["A", "B", "C"])
    users.choose_ward(store, "head", chosen)
    for path in ("/", "/patients", "/predictions", "/handover", "/board/rows"):
        shown = answer(sites[0], "head", Asked("GET", path, path + query))
        assert {id_ for id_ in (A, B) if id_ in shown} == seen, path


def test_the_choice_of_a_ward_is_kept_and_can_be_taken_back(sites: tuple[Site, Site]) -> None:
    browser = sites[0].signed_in("viewer", "vera")
    assert (
        browser.post("/ward", {"ward": "B", "next": "/patients?order=id"}).headers["Location"] == "/patients?order=id"
    )
    assert A not in browser.get("/patients").text
    browser.post("/ward", {"ward": "", "next": "/"})
    assert A in browser.get("/patients").text
    browser.post("/ward", {"ward": "unknown", "next": "/"})
    assert A in browser.get("/patients").text


def test_a_token_sees_what_its_account_may_see(sites: tuple[Site, Site]) -> None:
    site = sites[0]
    header = site.token("clinician", name="programmer")
    programmer = users.find(site.services.store, "programmer")
    assert programmer
    assert site.client().send("GET", f"/api/v1/patients/{B}", headers=header).status_code == 200
    users.set_wards(site.services.store, programmer.id, ["A"])
    assert site.client().send("GET", f"/api/v1/patients/{B}", headers=header).status_code == 404
    assert site.client().send("GET", "/api/v1/me", headers=header).get_json()["wards"] == ["A"]


def test_an_administrator_is_bound_to_no_ward() -> None:
    """Neither does one who was bound before get stuck: the audit and the system's state are of the whole house."""
    principal = Principal("root", "admin", "en", "", wards=frozenset("A"))
    assert principal.scope == Scope()
    assert replace(principal, role="clinician").scope == Scope(frozenset("A"))


def test_the_site_makes_its_search_in_one_place_and_hands_it_out_with_a_scope_only() -> None:
    folder = Path(factory.__file__).parent
    makers = {path.name for path in folder.rglob("*.py") if re.search(r"\bSearch\(", path.read_text("utf-8"))}
    assert makers == {"factory.py"}
    assert not [field for field in fields(Services) if field.type == "Search"]


@pytest.mark.parametrize("show_names", [True, False])
def test_where_a_patient_lies_is_shown_and_the_name_only_where_the_house_wants_it(
    tmp_path: Path, show_names: bool
) -> None:
    search = FakeSearch()
    for family, document in stored(NOON, A):
        named = {"name": "Anna <b>Berg</b>"} if family == STAYS else {}
        search.put_alerts(document) if family == ALERTS else search.put(family, {**document, **named})
    site = make_site(tmp_path, search, show_names=show_names)
    reader, wall = site.signed_in(language="en"), site.signed_in("kiosk")
    for path in ("/", "/board/rows", f"/patients/{A}", f"/patients/{A}/live", "/patients", "/predictions", "/handover"):
        page = reader.get(path).text
        assert re.search(r"Ward A, bed bed-A", page), path
        assert ("Anna &lt;b&gt;Berg" in page) is show_names, path
    french = site.signed_in(name="fred", language="fr").get("/").text
    assert "Service A, lit bed-A" in french
    for page in (wall.get("/").text, wall.get("/board/rows").text):
        assert "bed-A" not in page
        assert "Anna &lt;" not in page
    row = reader.get("/api/v1/board").get_json()["sections"][0]["patients"][0]
    assert (row["ward"], row["bed"], "name" in row) == ("A", "bed-A", False)
