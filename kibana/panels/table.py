"""A table: rows are buckets, the other columns are figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kibana.panels.lens import Layer, Panel, lens
from kibana.saved import Json
from kibana.views import DataView

PAGE_SIZE = 10


def table(
    title: str,
    description: str,
    view: DataView,
    rows: Mapping[str, Json],
    figures: Mapping[str, Json],
    *,
    sort_by: str,
    direction: Literal["asc", "desc"] = "desc",
    where: str = "",
) -> Panel:
    """A table of pages, sorted by the column with this id."""
    columns = {**rows, **figures}
    visualization = {
        "layerId": "layer_0",
        "layerType": "data",
        "columns": [{"columnId": id_, "isTransposed": False, "isMetric": id_ in figures} for id_ in columns],
        "sorting": {"columnId": sort_by, "direction": direction},
        "paging": {"enabled": True, "size": PAGE_SIZE},
    }
    return lens(title, description, "lnsDatatable", visualization, [Layer("layer_0", view, columns)], where)
