"""Hostile values in every parameter of every page reach no query language, no index name, and no page unescaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from elastic.names import (
    ALERT_EVENTS,
    ALERT_RULES,
    ALERT_SERVICE,
    ALERTS,
    LATEST,
    MODEL_MONITORING,
    OBSERVATIONS,
    PATIENT_RULES,
    PREDICTIONS,
    REJECTED,
    STAYS,
    WARDS,
)
from tests.support.fake_elasticsearch import FakeElasticsearch, running
from tests.unit.webapp.recording import recording_search
from tests.unit.webapp.site import PAGE, make_site
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
PARAMETERS = (
    "q",
    "level",
    "prefix",
    "limit",
    "cursor",
    "from",
    "to",
    "interval",
    "category",
    "min_risk_6h",
    "status",
    "patient",
    "subject",
    "date",
    "_count",
    "actor",
    "patient_id",
    "action",
    "lang",
    "next",
    "kiosk",
    "view",
    "sort",
    "after",
    "page",
    "range",
    "horizon",
    "show",
    "done",
    "alert_id",
    "id",
    "period",
    "window",
    "after_time",
    "after_chain",
    "after_number",
)
MONTH = re.compile(r"-\d{4}\.\d\d$")
INDICES = {
    OBSERVATIONS,
    PREDICTIONS,
    LATEST,
    REJECTED,
    MODEL_MONITORING,
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


def find_keys(body: object) -> set[str]:
    if isinstance(body, dict):
        return set(body) | {key for value in body.values() for key in find_keys(value)}
    return {key for value in body for key in find_keys(value)} if isinstance(body, list) else set()


def find_wildcards(body: object) -> list[str]:
    if isinstance(body, dict):
        own = [each["value"] for each in body.get("wildcard", {}).values()]
        return own + [found for value in body.values() for found in find_wildcards(value)]
    return [found for value in body for found in find_wildcards(value)] if isinstance(body, list) else []


@pytest.mark.parametrize("route", [route for route in sorted(ROUTES) if route.startswith("GET")])
def test_hostile_values_reach_no_query_language_and_no_index_name(
    route: str, tmp_path: Path, elasticsearch: FakeElasticsearch
) -> None:
    search, client = recording_search()
    site = make_site(tmp_path, search=search, elasticsearch_url=elasticsearch.url)
    browser = site.signed_in("admin" if ROUTES[route] == "admin" else "clinician")
    path = path_of(route.split(" ")[1])

    for value in HOSTILE:
        for name in PARAMETERS:
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
