"""Step 3 of the ladder: only keys that real exports of Kibana have, and all that they always have."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.unit.kibana import keys, plants
from tests.unit.kibana.reading import Json, Objects

Find = Callable[[Objects], Json]

PLACES: dict[str, Find] = {
    "an object's line": lambda objects: objects[0],
    "a data view": lambda objects: objects[0]["attributes"],
    "a dashboard": lambda objects: plants.board(objects)["attributes"],
    "a dashboard's options": lambda objects: plants.board(objects)["attributes"]["optionsJSON"],
    "the refresh interval": lambda objects: plants.board(objects)["attributes"]["refreshInterval"],
    "a panel": lambda objects: plants.first_panels(objects)[0],
    "a panel's settings": lambda objects: plants.first_panels(objects)[0]["embeddableConfig"],
    "a panel's place": lambda objects: plants.first_panels(objects)[0]["gridData"],
    "the controls": lambda objects: plants.board(objects)["attributes"]["controlGroupInput"],
    "a control": lambda objects: plants.control(objects),
    "a Lens panel": lambda objects: plants.lens(objects).attributes,
    "a Lens state": lambda objects: plants.lens(objects).attributes["state"],
    "a layer": lambda objects: plants.layer(objects),
    "a column": lambda objects: plants.column(objects, "terms"),
    "a column's parameters": lambda objects: plants.column(objects, "terms")["params"],
    "a metric": lambda objects: plants.lens(objects).visualization,
    "a layer of a chart": lambda objects: plants.lens(objects, "lnsXY").visualization["layers"][0],
    "a table's column": lambda objects: plants.lens(objects, "lnsDatatable").visualization["columns"][0],
    "a heat map's grid": lambda objects: plants.lens(objects, "lnsHeatmap").visualization["gridConfig"],
    "a gauge's palette": lambda objects: plants.lens(objects, "lnsGauge").visualization["palette"]["params"],
}
INDISPENSABLE: list[tuple[str, Find, str]] = [
    ("an object's line", PLACES["an object's line"], "managed"),
    ("a dashboard", PLACES["a dashboard"], "optionsJSON"),
    ("a panel", PLACES["a panel"], "panelIndex"),
    ("a Lens state", PLACES["a Lens state"], "adHocDataViews"),
    ("a layer", PLACES["a layer"], "incompleteColumns"),
    ("a column", PLACES["a column"], "sourceField"),
    ("a column's parameters", PLACES["a column's parameters"], "parentFormat"),
    ("a metric", PLACES["a metric"], "layerType"),
]


def test_every_key_is_known_from_real_exports(objects: Objects) -> None:
    assert list(keys.keys_are_those_of_real_exports(objects)) == []


def test_no_key_is_absent_that_all_real_exports_have(objects: Objects) -> None:
    assert list(keys.no_indispensable_key_is_absent(objects)) == []


def test_the_versions_are_those_of_real_exports(objects: Objects) -> None:
    assert list(keys.versions_are_those_of_real_exports(objects)) == []


@pytest.mark.parametrize("find", PLACES.values(), ids=list(PLACES))
def test_an_invented_key_is_found(objects: Objects, find: Find) -> None:
    damaged = copy.deepcopy(objects)
    find(damaged)["invented"] = True
    assert [fault for fault in keys.keys_are_those_of_real_exports(damaged) if fault.endswith("invented")]


@pytest.mark.parametrize(("find", "key"), [case[1:] for case in INDISPENSABLE], ids=[case[0] for case in INDISPENSABLE])
def test_a_lost_key_is_found(objects: Objects, find: Find, key: str) -> None:
    damaged = copy.deepcopy(objects)
    del find(damaged)[key]
    assert any(fault.endswith(f"lacks {key}") for fault in keys.no_indispensable_key_is_absent(damaged))


@pytest.mark.parametrize("key", ["typeMigrationVersion", "coreMigrationVersion"])
def test_a_version_newer_than_any_export_is_found(objects: Objects, key: str) -> None:
    damaged = copy.deepcopy(objects)
    damaged[0][key] = "99.0.0"
    assert [key in fault for fault in keys.versions_are_those_of_real_exports(damaged)] == [True]


def test_paths_go_through_lists() -> None:
    assert list(keys.paths({"layers": [{"yConfig": [{"color": "red"}]}]})) == [
        "layers",
        "layers.[].yConfig",
        "layers.[].yConfig.[].color",
    ]
