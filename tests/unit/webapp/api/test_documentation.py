"""The OpenAPI document says what the code does, and its page says it in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema_rs import validator_for

from tests.unit.webapp.site import Site
from webapp import i18n
from webapp.api.documentation import CATALOGUES
from webapp.api.openapi import TAGS, TITLES_OF_TAGS, build_document
from webapp.api.problems import DETAILS, TITLES
from webapp.api.rendering import type_of
from webapp.api.routes import OPERATIONS

DOCUMENT = build_document(OPERATIONS, "__Host-bp")


def texts(node: Any) -> Iterator[str]:
    """All descriptions and summaries below a node."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key in ("description", "summary") and isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            yield from texts(value)


def shown_texts() -> set[str]:
    parts = [*DOCUMENT["paths"].values(), *DOCUMENT["components"]["schemas"].values()]
    found = {text for part in parts for text in texts(part)}
    tables = (TAGS, TITLES_OF_TAGS, TITLES, DETAILS)
    return found | {text for table in tables for text in table.values()} | {DOCUMENT["info"]["description"]}


def test_every_route_of_the_api_is_in_the_document(site: Site) -> None:
    routed = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in site.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.docs"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert routed == described


def test_every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() -> None:
    references = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    names = [one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert references <= set(DOCUMENT["components"]["schemas"])
    assert "#/$defs" not in str(DOCUMENT)
    assert len(names) == len(set(names))


def test_every_schema_is_a_schema() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        validator_for({"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]})


def test_everything_that_is_shown_is_explained() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for described in methods.values():
            assert all(one["description"] for one in described["parameters"]), path


def test_what_the_document_says_is_complete_in_french_and_nothing_is_left_over() -> None:
    catalogue = {
        message.id: message.string for message in i18n.read_catalogue(CATALOGUES / "fr.po", "fr") if message.id
    }
    assert set(catalogue) == shown_texts()
    assert all(catalogue.values())


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
        if tag in ("script", "style") or "style" in given or elsewhere or any(one.startswith("on") for one in given):
            self.forbidden.append(f"{tag} {given}")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_is_complete_and_leads_nowhere_else(site: Site, language: str) -> None:
    page = site.signed_in(language=language).get("/api/docs").get_data(as_text=True)
    structure = Structure()
    structure.feed(page)
    assert structure.forbidden == []
    assert structure.targets <= set(structure.ids)
    assert len(structure.ids) == len(set(structure.ids))
    assert all(f"<code>{path}</code>" in page for path in DOCUMENT["paths"])
    assert ("Requête mal formée" in page) is (language == "fr")


def test_the_document_is_served_to_whoever_is_known(site: Site) -> None:
    response = site.client().send("GET", "/openapi.json", headers=site.token(scopes=("read:alerts",)))
    assert response.get_json() == DOCUMENT


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 500}, "integer 1..500"),
        ({"type": "string", "maxLength": 280}, "string ..280 characters"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "(a | b)[]"),
        ({"type": "object", "additionalProperties": {"$ref": "#/components/schemas/X"}}, "{…: X}"),
    ],
)
def test_types_are_written_shortly(schema: dict[str, Any], text: str) -> None:
    assert type_of(schema) == text
