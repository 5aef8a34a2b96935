"""The file of saved objects as tests read it: strings that hold JSON are opened, all the way down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from kibana.__main__ import OUTPUT

Json = dict[str, Any]
Objects = list[Json]

JSON_STRINGS: Final = frozenset(
    {
        *("fields", "fieldAttrs", "fieldFormatMap", "runtimeFieldMap", "sourceFilters"),
        *("searchSourceJSON", "optionsJSON", "panelsJSON", "ignoreParentSettingsJSON"),
    }
)


class LensPanel(NamedTuple):
    """A Lens panel and the dashboard it is on."""

    board: Json
    panel: Json

    @property
    def name(self) -> str:
        return f"{self.board['id']}: {self.panel['title']}"

    @property
    def attributes(self) -> Json:
        attributes: Json = self.panel["embeddableConfig"]["attributes"]
        return attributes

    @property
    def visualization(self) -> Json:
        visualization: Json = self.attributes["state"]["visualization"]
        return visualization

    @property
    def layers(self) -> dict[str, Json]:
        layers: dict[str, Json] = self.attributes["state"]["datasourceStates"]["formBased"]["layers"]
        return layers

    @property
    def drawn_layers(self) -> list[Json]:
        """Return the layers of the visualisation; most kinds have one, which is the visualisation itself."""
        layers: list[Json] = self.visualization.get("layers", [self.visualization])
        return layers


def committed_text() -> str:
    return OUTPUT.read_text(encoding="utf-8")


def read(text: str) -> Objects:
    """Return the objects of an import file, opened."""
    return [opened(json.loads(line)) for line in text.splitlines()]


def opened(value: Any) -> Any:
    """Return the value with every string that holds JSON replaced by what it holds."""
    if isinstance(value, dict):
        return {key: opened(json.loads(inner) if key in JSON_STRINGS else inner) for key, inner in value.items()}
    return [opened(inner) for inner in value] if isinstance(value, list) else value


def of_kind(objects: Objects, kind: str) -> Iterator[Json]:
    return (object_ for object_ in objects if object_["type"] == kind)


def boards(objects: Objects) -> Iterator[Json]:
    return of_kind(objects, "dashboard")


def panels(board: Json) -> list[Json]:
    found: list[Json] = board["attributes"]["panelsJSON"]
    return found


def controls(board: Json) -> dict[str, Json]:
    found: dict[str, Json] = board["attributes"].get("controlGroupInput", {}).get("panelsJSON", {})
    return found


def lens_panels(objects: Objects) -> Iterator[LensPanel]:
    for board in boards(objects):
        yield from (LensPanel(board, panel) for panel in panels(board) if panel["type"] == "lens")


def columns(objects: Objects) -> Iterator[tuple[str, Json]]:
    """Yield every column with the place to name in a fault."""
    for panel in lens_panels(objects):
        for layer in panel.layers.values():
            yield from ((f"{panel.name}, column {id_}", column) for id_, column in layer["columns"].items())


def view_of_layer(panel: LensPanel, layer_id: str) -> str:
    """Return the id of the data view that a layer asks for."""
    name = f"indexpattern-datasource-layer-{layer_id}"
    return next((ref["id"] for ref in panel.attributes["references"] if ref["name"] == name), "")
