"""The fields that the dashboards ask for, against those of the index templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from elastic.names import NAME_PREFIX
from elastic.schema import COMPONENT_PREFIX, TEMPLATE_PREFIX
from kibana.columns import RECORDS
from tests.support.kql import translate
from tests.unit.kibana.reading import Json, Objects, boards, controls, lens_panels, of_kind, view_of_layer

Types = Mapping[str, str]

WHOLE_NUMBERS: Final = frozenset({"short", "integer", "long"})
NUMBERS: Final = WHOLE_NUMBERS | {"float", "double"}
DATES: Final = frozenset({"date"})
KEYWORDS: Final = frozenset({"keyword"})
ANY: Final = NUMBERS | DATES | KEYWORDS | {"boolean"}
FITTING: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("average", "max", "min", "median"), NUMBERS),
    "terms": KEYWORDS | WHOLE_NUMBERS,  # a whole number may be a name, as that of a partition is
    "date_histogram": DATES,
    "last_value": ANY,
    "unique_count": ANY,
}
DATA_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "number": NUMBERS,
    "string": KEYWORDS,
    "date": DATES,
}


class Use(NamedTuple):
    """A field that is asked for, of which data view, and the types that fit."""

    place: str
    view_id: str
    field: str
    fitting: frozenset[str]


def fields_are_in_the_templates(objects: Objects, directory: Path) -> Iterator[str]:
    """Yield each field that is asked for but is not in its data view's template, or has another type there."""
    return unfit(uses(objects), types_by_view(objects, directory))


def unfit(asked: Iterable[Use], known: Mapping[str, Types]) -> Iterator[str]:
    """Yield the fields that are asked for in vain, as they are unknown to their data view or of another type."""
    for use in asked:
        found = known[use.view_id].get(use.field)
        if found not in use.fitting:
            yield f"{use.place}: {use.field} of {use.view_id} is {found or 'not in the template'}"


def data_types_are_those_of_the_templates(objects: Objects, directory: Path) -> Iterator[str]:
    """Yield newest and top values, which may be of any type, that are not declared as what they are."""
    known = types_by_view(objects, directory)
    for place, view_id, column in _columns(objects):
        found = known[view_id].get(column.get("sourceField", ""), "")
        if column["operationType"] in ("last_value", "terms") and found not in DATA_TYPES[column["dataType"]]:
            yield f"{place} is a {column['dataType']}, its field a {found}"


def types_by_view(objects: Objects, directory: Path) -> dict[str, Types]:
    """Return of each data view the types of its fields that can be searched and aggregated; none without a template."""
    by_pattern = dict(_templates(directory))
    return {view["id"]: by_pattern.get(view["attributes"]["title"], {}) for view in of_kind(objects, "index-pattern")}


def uses(objects: Objects) -> Iterator[Use]:
    """Yield every field that is asked for, wherever."""
    for view in of_kind(objects, "index-pattern"):
        yield from _of_view(view)
    for board in boards(objects):
        for control in controls(board).values():
            chosen = control["explicitInput"]
            yield Use(f"{board['id']}, control", chosen["dataViewId"], chosen["fieldName"], KEYWORDS)
    for place, view_id, query in _queries(objects):
        yield from (Use(place, view_id, field, ANY) for field in sorted(_queried(translate(query["query"]))))
    for place, view_id, column in _columns(objects):
        yield from _of_column(place, view_id, column)


def _of_view(view: Json) -> Iterator[Use]:
    """Yield the time field, and each field that a data view names or formats."""
    attributes = view["attributes"]
    if "timeFieldName" in attributes:
        yield Use("time field", view["id"], attributes["timeFieldName"], DATES)
    for field in sorted({*attributes["fieldAttrs"], *attributes["fieldFormatMap"]}):
        yield Use("name or format", view["id"], field, ANY)


def _of_column(place: str, view_id: str, column: Json) -> Iterator[Use]:
    field, operation = column.get("sourceField", RECORDS), column["operationType"]
    if field != RECORDS:
        yield Use(place, view_id, field, FITTING[operation])
    if operation == "last_value":
        yield Use(f"{place}, order", view_id, column["params"]["sortField"], DATES)


def _columns(objects: Objects) -> Iterator[tuple[str, str, Json]]:
    for panel in lens_panels(objects):
        for layer_id, layer in panel.layers.items():
            view_id = view_of_layer(panel, layer_id)
            yield from ((f"{panel.name}, column {id_}", view_id, column) for id_, column in layer["columns"].items())


def _queries(objects: Objects) -> Iterator[tuple[str, str, Json]]:
    for panel in lens_panels(objects):
        yield from ((panel.name, view_of_layer(panel, id_), panel.attributes["state"]["query"]) for id_ in panel.layers)
    for place, view_id, column in _columns(objects):
        if "filter" in column:
            yield place, view_id, column["filter"]
        yield from ((place, view_id, part["input"]) for part in column["params"].get("filters", []))


def _queried(query: Any) -> set[str]:
    """Return the fields of a query in Elasticsearch's language."""
    if isinstance(query, list):
        return set().union(*map(_queried, query))
    found: set[str] = set()
    for key, value in query.items():
        if key == "exists":
            found.add(value["field"])
        elif key in ("match", "match_phrase", "range"):
            found.update(value)
        elif key != "match_all" and isinstance(value, dict | list):
            found |= _queried(value)
    return found


def _templates(directory: Path) -> Iterator[tuple[str, Types]]:
    for path in directory.glob(f"{TEMPLATE_PREFIX}*.json"):
        template = json.loads(path.read_text(encoding="utf-8"))
        parts = [_component(directory, name) for name in template["composed_of"]]
        types = {field: type_ for part in [*parts, template] for field, type_ in _types(_properties(part))}
        yield from ((pattern, types) for pattern in template["index_patterns"])


def _component(directory: Path, name: str) -> Json:
    """Read the component template that Elasticsearch knows by this name."""
    path = directory / f"{COMPONENT_PREFIX}{name.removeprefix(NAME_PREFIX)}.json"
    component: Json = json.loads(path.read_text(encoding="utf-8"))
    return component


def _properties(part: Json) -> Json:
    """Return the mapped fields of a template or component; none where it has settings only."""
    properties: Json = part.get("template", {}).get("mappings", {}).get("properties", {})
    return properties


def _types(properties: Json, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in properties.items():
        if "properties" in field:
            yield from _types(field["properties"], f"{prefix}{name}.")
        elif field.get("doc_values", True) and field.get("index", True) and field.get("enabled", True):
            yield prefix + name, field["type"]
