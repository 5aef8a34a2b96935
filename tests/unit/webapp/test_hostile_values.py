"""Hostile values in every parameter of every page reach no query language, no index name, and no page unescaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from flask import Request
from werkzeug.datastructures import ImmutableMultiDict

from elastic.names import (
    ALERT_EVENTS,
    ALERT_RULES,
    ALERT_SERVICE,
    ALERTS,
    LATEST,
    MODEL_MONITORING,
    MODEL_PROMOTIONS,
    OBSERVATIONS,
    PATIENT_RULES,
    PREDICTIONS,
    REJECTED,
    STAYS,
    WARDS,
)
from tests.support.fake_elasticsearch import FakeElasticsearch, running
from tests.unit.webapp.recording import recording_search
from tests.unit.webapp.site import PAGE, Browser, make_site
from tests.unit.webapp.test_routes import ROUTES, path_of
from webapp.audit import search as audit_events

HOSTILE = (
    '"} }',
    "*",
    "a OR b",
    "../../_search",
    "<script>",
    "%00",
    "' OR 1=1 --",
    "{{7*7}}",
    "_all",
    "\u202e",
    "9" * 400,
)
MONTH = re.compile(r"-\d{4}\.\d\d$")
INDICES = {
    OBSERVATIONS,
    PREDICTIONS,
    LATEST,
    REJECTED,
    MODEL_MONITORING,
    MODEL_PROMOTIONS,
    ALERTS,
    ALERT_EVENTS,
    ALERT_RULES,
    ALERT_SERVICE,
    PATIENT_RULES,
    STAYS,
    WARDS,
    audit_events.INDICES,
}  # by name: no pattern takes in what an account need not read
FORBIDDEN = {
    "query_string",
    "simple_query_string",
    "script",
    "wrapper",
    "regexp",
    "runtime_mappings",
    "terminate_after",
}


@pytest.fixture(scope="module")
def elasticsearch() -> Iterator[FakeElasticsearch]:
    with running() as fake:
        yield fake


class Parameters(ImmutableMultiDict[str, str]):
    """The parameters of a request, which note what was asked of them."""

    asked: ClassVar[set[str]] = set()

    def get(self, key: str, *how: Any, **more: Any) -> Any:
        self.asked.add(key)
        return super().get(key, *how, **more)

    def getlist(self, key: str, *how: Any) -> Any:
        self.asked.add(key)
        return super().getlist(key, *how)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)


class NotingRequest(Request):
    """A request whose parameters note what was asked of them."""

    parameter_storage_class = Parameters


def parameters_of(browser: Browser, path: str) -> set[str]:
    """Return the names that a page asks for: those that it asks for at once, and with these, until it asks no more."""
    browser.client.application.request_class = NotingRequest
    known: set[str] = set()
    while True:
        Parameters.asked.clear()
        browser.send("GET", path, query_string=dict.fromkeys(known, "1"), headers=PAGE)
        if Parameters.asked <= known:
            return known
        known |= Parameters.asked


def find_keys(body: object) -> set[str]:
    if isinstance(body, dict):
        return set(body) | {key for value in body.values() for key in find_keys(value)}
    return {key for value in body for key in find_keys(value)} if isinstance(body, list) else set()


def find_wildcards(body: object) -> list[str]:
    if isinstance(body, dict):
        own = [each["value"] for each in body.get("wildcard", {}).values()]
        return own + [found for value in body.values() for found in find_wildcards(value)]
    return [found for value in body for found in find_wildcards(value)] if isinstance(body, list) else []


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/patients", {"q", "level", "order", "seen", "cursor", "ward"}),
        ("/admin/audit", {"actor", "action", "from", "to", "after_time", "after_chain", "after_number"}),
        ("/api/v1/predictions", {"level", "min_risk_6h", "from", "to", "limit", "cursor"}),
    ],
)
def test_the_parameters_of_a_page_are_found_by_what_it_asks_for(path: str, names: set[str], tmp_path: Path) -> None:
    site = make_site(tmp_path, search=recording_search()[0])
    assert names <= parameters_of(site.signed_in("admin" if "admin" in path else "clinician"), path)


@pytest.mark.parametrize("route", [route for route in sorted(ROUTES) if route.startswith("GET")])
def test_hostile_values_reach_no_query_language_and_no_index_name(
    route: str, tmp_path: Path, elasticsearch: FakeElasticsearch
) -> None:
    search, client = recording_search()
    site = make_site(tmp_path, search=search, elasticsearch_url=elasticsearch.url)
    browser = site.signed_in("admin" if ROUTES[route] == "admin" else "clinician")
    path = path_of(route.split(" ")[1])
    names = parameters_of(browser, path)

    for value in HOSTILE:
        for name in sorted(names):
            answer = browser.send("GET", path, query_string={name: value}, headers=PAGE)
            assert answer.status_code < 500, (name, value, answer.text[:300])
            assert "<script>" not in answer.text.replace("<script src", "")
            assert answer.text != "49"
        if "<" in route:
            assert browser.send("GET", path.replace("p-1", value), headers=PAGE).status_code < 500

    assert find_keys(client.bodies) & FORBIDDEN == set()
    escaped = re.compile(r"\*(\\.|[^*?\\])*\*", re.DOTALL)
    assert [pattern for pattern in find_wildcards(client.bodies) if not escaped.fullmatch(pattern)] == []
    asked = {name for names in client.indices_asked for name in names.split(",")}
    assert {MONTH.sub("", name) for name in asked} <= INDICES
