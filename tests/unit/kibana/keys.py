"""The keys that are written, against those of real exports (`tests/data/kibana-key-inventory.json`).

The inventory says of each kind of thing how many were `seen`, which `keys` they had, which of them `always`, and which
keys are known only from Kibana's own `builder`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.unit.kibana.reading import Json, LensPanel, Objects, boards, columns, controls, lens_panels, of_kind, panels

INVENTORY_FILE: Final = Path(__file__).parents[2] / "data" / "kibana-key-inventory.json"
ENOUGH: Final = 10  # exports, to call a key that all of them have indispensable


class Written(NamedTuple):
    """The keys of one thing in the file, and the inventory's entry for things of its kind."""

    place: str
    keys: frozenset[str]
    entry: Json


def inventory() -> Json:
    entries: Json = json.loads(INVENTORY_FILE.read_text(encoding="utf-8"))
    return entries


def keys_are_those_of_real_exports(objects: Objects) -> Iterator[str]:
    for place, keys, entry in written(objects):
        unknown = keys - {*entry["keys"], *entry.get("builder", [])}
        yield from (f"{place} has {key}" for key in sorted(unknown))


def no_indispensable_key_is_absent(objects: Objects) -> Iterator[str]:
    for place, keys, entry in written(objects):
        if entry["seen"] >= ENOUGH:
            yield from (f"{place} lacks {key}" for key in entry["always"] if key not in keys)


def versions_are_those_of_real_exports(objects: Objects) -> Iterator[str]:
    known = inventory()
    for object_ in objects:
        if object_["typeMigrationVersion"] not in known["typeMigrationVersions"][object_["type"]]:
            yield f"{object_['id']}: typeMigrationVersion {object_['typeMigrationVersion']}"
        if object_["coreMigrationVersion"] not in known["coreMigrationVersions"]:
            yield f"{object_['id']}: coreMigrationVersion {object_['coreMigrationVersion']}"


def written(objects: Objects) -> Iterator[Written]:
    """Yield everything in the file that the inventory has an entry for."""
    known = inventory()
    containers = known["containers"]
    for object_ in objects:
        yield _keys(object_["id"], object_, containers["objectLine"])
    for view in of_kind(objects, "index-pattern"):
        yield _keys(view["id"], view["attributes"], known["indexPatternAttributes"])
    for board in boards(objects):
        yield from _of_board(board, known)
    for lens in lens_panels(objects):
        yield from _of_lens(lens, known)
    for place, column in columns(objects):
        entry = known["columns"][column["operationType"]]
        yield _keys(place, column, entry["column"] | {"seen": entry["seen"]})
        yield _keys(f"{place}, params", column["params"], entry["params"] | {"seen": entry["seen"]})


def _of_board(board: Json, known: Json) -> Iterator[Written]:
    containers, attributes = known["containers"], board["attributes"]
    yield _keys(board["id"], attributes, known["dashboardAttributes"])
    yield _keys(board["id"], attributes["optionsJSON"], containers["optionsJSON"])
    yield _keys(board["id"], attributes["refreshInterval"], containers["refreshInterval"])
    for panel in panels(board):
        place = f"{board['id']}: {panel['title']}"
        inner = {f"embeddableConfig.{key}" for key in panel["embeddableConfig"]}
        yield Written(place, frozenset(panel) | inner, known["panelKeys"])
        yield _keys(place, panel["gridData"], containers["gridData"])
    if "controlGroupInput" in attributes:
        yield _keys(board["id"], attributes["controlGroupInput"], containers["controlGroupInput"])
    for id_, control in controls(board).items():
        yield _keys(id_, control, containers["controlEntry"])
        yield _keys(id_, control["explicitInput"], known["controls"][control["type"]])


def _of_lens(lens: LensPanel, known: Json) -> Iterator[Written]:
    containers, entry = known["containers"], known["visualization"][lens.attributes["visualizationType"]]
    yield _keys(lens.name, lens.attributes, containers["lensAttributes"])
    yield _keys(lens.name, lens.attributes["state"], known["lensStateKeys"])
    yield Written(lens.name, frozenset(paths(lens.visualization)), entry)
    yield from (_keys(lens.name, layer, containers["formBasedLayer"]) for layer in lens.layers.values())


def _keys(place: str, thing: Json, entry: Json) -> Written:
    return Written(place, frozenset(thing), entry)


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Yield every path of keys in a value; an item of a list is spelled `[]`."""
    if isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{path}.[]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            yield here
            yield from paths(inner, here)
