"""What all Lens panels have in common: layers of columns, each on a data view, and the state around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kibana import kql
from kibana.saved import Json, view_reference
from kibana.views import DataView


@dataclass(frozen=True)
class Panel:
    """A panel with its French title; `references` are those of its layers."""

    title: str
    kind: Literal["lens", "visualization"]
    config: Json
    references: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Layer:
    """Columns by id, buckets first, on one data view."""

    id: str
    view: DataView
    columns: Mapping[str, Json]

    def reference(self) -> Json:
        """How the panel asks for the layer's data view."""
        return view_reference(self.view.id, f"indexpattern-datasource-layer-{self.id}")

    def state(self) -> Json:
        """The layer as the data source keeps it."""
        return {
            "columns": dict(self.columns),
            "columnOrder": list(self.columns),
            "incompleteColumns": {},
            "sampling": 1,
        }


def lens(
    title: str, description: str, visualization_type: str, visualization: Json, layers: Sequence[Layer], where: str
) -> Panel:
    """A panel that carries its visualisation within it; `where` (KQL) narrows all of its layers."""
    references = tuple(layer.reference() for layer in layers)
    attributes = {
        "title": "",
        "description": description,
        "type": "lens",
        "visualizationType": visualization_type,
        "references": list(references),
        "state": _state(visualization, layers, where),
    }
    config = {"enhancements": {}, "hidePanelTitles": False, "attributes": attributes}
    return Panel(title, "lens", config, references)


def _state(visualization: Json, layers: Sequence[Layer], where: str) -> Json:
    sources = {
        "indexpattern": {"layers": {}},
        "textBased": {"layers": {}},
        "formBased": {"layers": {layer.id: layer.state() for layer in layers}},
    }
    return {
        "visualization": visualization,
        "query": kql.query(where),
        "filters": [],
        "internalReferences": [],
        "adHocDataViews": {},
        "datasourceStates": sources,
    }
