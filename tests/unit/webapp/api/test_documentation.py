"""The OpenAPI document says what the code does, and its page says it without leading elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, get_args

import pytest
from jsonschema_rs import validator_for

from conf.clinical import ALERT_LEVELS, RISK_FIELDS
from tests.unit.webapp.api.conftest import operations
from tests.unit.webapp.site import Site
from webapp.api.documents import Prediction
from webapp.api.inputs import Level
from webapp.api.problems import STATUSES
from webapp.api.surroundings import TAGS

Json = dict[str, Any]


@pytest.fixture
def document(site: Site) -> Json:
    token = site.token(scopes=("read:alerts",))
    answer: Json = site.client().send("GET", "/openapi.json", headers=token).get_json()
    return answer


def described(document: Json) -> list[Json]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_every_route_of_the_api_is_in_the_document(site: Site, document: Json) -> None:
    routed = {(each.method, re.sub(r"<(\w+)>", r"{\1}", each.rule)) for each in operations(site.app)}
    assert document["openapi"] == "3.1.0"
    assert routed == {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def test_every_reference_leads_somewhere_and_every_schema_is_one(document: Json) -> None:
    schemas = document["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", str(document))) <= set(schemas)
    assert "#/$defs" not in str(document)
    for name in schemas:
        validator_for({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def test_every_operation_has_a_name_of_its_own_a_known_tag_and_words_for_all_it_takes(document: Json) -> None:
    names = [operation["operationId"] for operation in described(document)]
    assert len(names) == len(set(names))
    for operation in described(document):
        assert operation["tags"][0] in TAGS
        assert operation["summary"]
        assert all(parameter["description"] for parameter in operation.get("parameters", ()))


def test_an_operation_says_which_permission_it_needs(site: Site, document: Json) -> None:
    needed = {each.name.removeprefix("api."): each.permission for each in operations(site.app)}
    assert {each["operationId"]: each.get("x-permission") for each in described(document)} == needed


def test_a_token_is_named_as_a_way_in_only_where_one_can_be_allowed(document: Json) -> None:
    for operation in described(document):
        ways = {way for each in operation.get("security", ()) for way in each}
        scopes = {"signed-in", "read:observations", "read:predictions", "read:alerts", "write:ack"}
        assert ("bearer" in ways) is (operation.get("x-permission") in scopes), operation["operationId"]


def test_levels_and_risks_are_those_of_the_clinical_rules() -> None:
    assert get_args(Level) == ALERT_LEVELS
    assert set(RISK_FIELDS) <= set(Prediction.model_fields)


class Structure(HTMLParser):
    """The ids, the targets of inner links, and what the content policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: set[str] = set()
        self.forbidden: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.ids += [given["id"]] if "id" in given else []
        if given.get("href", "").startswith("#"):
            self.targets.add(given["href"][1:])
        elsewhere = given.get("href", given.get("src", "")).startswith(("http", "//"))
        if tag in ("script", "style") or "style" in given or elsewhere or any(name.startswith("on") for name in given):
            self.forbidden.append(f"{tag} {given}")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_is_complete_and_leads_nowhere_else(site: Site, document: Json, language: str) -> None:
    page = site.signed_in(language=language).get("/api/docs").get_data(as_text=True)
    structure = Structure()
    structure.feed(page)
    assert structure.forbidden == []
    assert structure.targets <= set(structure.ids)
    assert len(structure.ids) == len(set(structure.ids))
    assert all(f"<code>{path}</code>" in page for path in document["paths"])
    assert {f"problem-{status}" for status in STATUSES} <= set(structure.ids)
    assert 'class="api" lang="en"' in page
