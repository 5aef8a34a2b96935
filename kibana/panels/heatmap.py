"""A grid of cells, each coloured by a figure."""

from __future__ import annotations

from kibana.panels.lens import Layer, Panel, lens
from kibana.saved import Json
from kibana.views import DataView

GRID = {
    "type": "heatmap_grid",
    "isCellLabelVisible": False,
    "isXAxisLabelVisible": True,
    "isYAxisLabelVisible": True,
    "isXAxisTitleVisible": False,
    "isYAxisTitleVisible": False,
}


def heatmap(
    title: str, description: str, view: DataView, rows: Json, across: Json, cell: Json, *, where: str = ""
) -> Panel:
    """Cells of `rows` (buckets from top to bottom) and `across` (buckets from left to right)."""
    columns = {"row": rows, "across": across, "cell": cell}
    visualization = {
        "shape": "heatmap",
        "layerId": "layer_0",
        "layerType": "data",
        "xAccessor": "across",
        "yAccessor": "row",
        "valueAccessor": "cell",
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
        "gridConfig": GRID,
    }
    return lens(title, description, "lnsHeatmap", visualization, [Layer("layer_0", view, columns)], where)
