"""A single figure, with a second one below it and a colour if wished."""

from __future__ import annotations

from kibana.panels.lens import Layer, Panel, lens
from kibana.saved import Json
from kibana.views import DataView


def metric(
    title: str,
    description: str,
    view: DataView,
    figure: Json,
    *,
    second: Json | None = None,
    colours: Json | None = None,
    where: str = "",
) -> Panel:
    """A panel with one figure; `colours` is a palette of it."""
    columns = {"figure": figure} | ({"second": second} if second else {})
    visualization = {
        "layerId": "layer_0",
        "layerType": "data",
        "metricAccessor": "figure",
        **({"secondaryMetricAccessor": "second"} if second else {}),
        **({"palette": colours} if colours else {}),
    }
    return lens(title, description, "lnsMetric", visualization, [Layer("layer_0", view, columns)], where)
