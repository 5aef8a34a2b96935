"""Panels: a panel knows its content, the dashboard gives it its place.

All but the text are Lens panels: layers of columns, each on a data view, and a visualisation that draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from kibana import kql
from kibana.columns import by_time, static
from kibana.saved import Json, view_reference
from kibana.views import DataView

Shape = Literal["line", "area", "bar", "bar_stacked", "bar_horizontal"]
LAYER: Final = "layer_0"  # of a panel with one layer
THRESHOLDS_ID: Final = "thresholds"
PAGE_SIZE: Final = 10  # rows of a table
FONT_SIZE: Final = 12
MOST_COLOURS: Final = 5  # of Kibana's editor
GRID: Final = {
    "type": "heatmap_grid",
    "isCellLabelVisible": False,
    "isXAxisLabelVisible": True,
    "isYAxisLabelVisible": True,
    "isXAxisTitleVisible": False,
    "isYAxisTitleVisible": False,
}


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
        """Return how the panel asks for the layer's data view."""
        return view_reference(self.view.id, f"indexpattern-datasource-layer-{self.id}")

    def state(self) -> Json:
        """Return the layer as the data source keeps it."""
        return {
            "columns": dict(self.columns),
            "columnOrder": list(self.columns),
            "incompleteColumns": {},
            "sampling": 1,
        }


def lens(
    title: str, description: str, visualization_type: str, visualization: Json, layers: Sequence[Layer], where: str
) -> Panel:
    """Return a panel that carries its visualisation within it; `where` (KQL) narrows all of its layers."""
    references = tuple(layer.reference() for layer in layers)
    attributes = {
        "title": "",
        "description": description,
        "type": "lens",
        "visualizationType": visualization_type,
        "references": list(references),
        "state": {
            "visualization": visualization,
            "query": kql.query(where),
            "filters": [],
            "internalReferences": [],
            "adHocDataViews": {},
            "datasourceStates": {
                "indexpattern": {"layers": {}},
                "textBased": {"layers": {}},
                "formBased": {"layers": {layer.id: layer.state() for layer in layers}},
            },
        },
    }
    config = {"enhancements": {}, "hidePanelTitles": False, "attributes": attributes}
    return Panel(title, "lens", config, references)


def markdown(title: str, text: str) -> Panel:
    """Return a panel of text without a visible title; its links open in the same tab.

    A visualisation within the panel is the form of Kibana's own sample dashboards since 7.14 and of Elastic's
    integrations. Older servers know neither the text panel of Kibana 9.2 nor that of links; none of them is needed.
    """
    visualization: Json = {
        "title": "",
        "description": "",
        "type": "markdown",
        "params": {"fontSize": FONT_SIZE, "openLinksInNewTab": False, "markdown": text},
        "uiState": {},
        "data": {"aggs": [], "searchSource": {"query": kql.query(), "filter": []}},
    }
    return Panel(title, "visualization", {"enhancements": {}, "hidePanelTitles": True, "savedVis": visualization})


def palette(colours: Sequence[str], starts: Sequence[float], end: float) -> Json:
    """Return one colour from each start on, the last one without end; `end` is where Kibana's legend closes."""
    stops = [{"color": colour, "stop": stop} for colour, stop in zip(colours, [*starts[1:], end], strict=True)]
    return {
        "type": "palette",
        "name": "custom",
        "params": {
            "name": "custom",
            "rangeType": "number",
            "rangeMin": starts[0],
            "rangeMax": None,
            "continuity": "above",
            "progression": "fixed",
            "reverse": False,
            "steps": len(colours),
            "maxSteps": MOST_COLOURS,
            "colorStops": [{"color": colour, "stop": start} for colour, start in zip(colours, starts, strict=True)],
            "stops": stops,
        },
    }


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
    """Return a panel with one figure; `colours` is a palette of it."""
    columns = {"figure": figure} | ({"second": second} if second else {})
    visualization = {
        "layerId": LAYER,
        "layerType": "data",
        "metricAccessor": "figure",
        **({"secondaryMetricAccessor": "second"} if second else {}),
        **({"palette": colours} if colours else {}),
    }
    return lens(title, description, "lnsMetric", visualization, [Layer(LAYER, view, columns)], where)


def gauge(
    title: str,
    description: str,
    view: DataView,
    figure: Json,
    scale: tuple[float, float],
    colours: Json,
    *,
    where: str = "",
) -> Panel:
    """Return a half circle from the lower to the upper end of `scale`, coloured by a palette."""
    low, high = scale
    columns = {"figure": figure, "low": static(low, "Minimum"), "high": static(high, "Maximum")}
    visualization = {
        "shape": "semiCircle",
        "layerId": LAYER,
        "layerType": "data",
        "metricAccessor": "figure",
        "minAccessor": "low",
        "maxAccessor": "high",
        "ticksPosition": "bands",
        "labelMajorMode": "auto",
        "colorMode": "palette",
        "palette": colours,
    }
    return lens(title, description, "lnsGauge", visualization, [Layer(LAYER, view, columns)], where)


def heatmap(
    title: str, description: str, view: DataView, rows: Json, across: Json, cell: Json, *, where: str = ""
) -> Panel:
    """Return cells of `rows` (buckets from top to bottom) and `across` (buckets from left to right)."""
    columns = {"row": rows, "across": across, "cell": cell}
    visualization = {
        "shape": "heatmap",
        "layerId": LAYER,
        "layerType": "data",
        "xAccessor": "across",
        "yAccessor": "row",
        "valueAccessor": "cell",
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
        "gridConfig": GRID,
    }
    return lens(title, description, "lnsHeatmap", visualization, [Layer(LAYER, view, columns)], where)


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
    """Return a table of pages, sorted by the column with this id."""
    columns = {**rows, **figures}
    visualization = {
        "layerId": LAYER,
        "layerType": "data",
        "columns": [{"columnId": id_, "isTransposed": False, "isMetric": id_ in figures} for id_ in columns],
        "sorting": {"columnId": sort_by, "direction": direction},
        "paging": {"enabled": True, "size": PAGE_SIZE},
    }
    return lens(title, description, "lnsDatatable", visualization, [Layer(LAYER, view, columns)], where)


@dataclass(frozen=True)
class Series:
    """Figures over `across` (time unless said otherwise): a line or bar for each, or for each part of `split`."""

    view: DataView
    figures: Mapping[str, Json]
    shape: Shape = "line"
    across: Json = field(default_factory=by_time)
    split: Json | None = None
    colours: Mapping[str, str] = field(default_factory=dict)

    def layer(self) -> Layer:
        """Return the columns; a split comes before time, so that its parts are those of the whole range."""
        split = {"split": self.split} if self.split else {}
        return Layer(LAYER, self.view, {**split, "across": self.across, **self.figures})

    def drawing(self) -> Json:
        """Return how the columns are drawn."""
        drawing: Json = {
            "layerId": LAYER,
            "layerType": "data",
            "seriesType": self.shape,
            "xAccessor": "across",
            "accessors": list(self.figures),
        }
        if self.split:
            drawing["splitAccessor"] = "split"
        if self.colours:
            drawing["yConfig"] = [_left_axis(figure, colour) for figure, colour in self.colours.items()]
        return drawing


@dataclass(frozen=True)
class Threshold:
    """A horizontal line at a value."""

    label: str
    value: float
    colour: str


def xy(
    title: str,
    description: str,
    series: Series,
    *,
    unit: str = "",
    thresholds: Sequence[Threshold] = (),
    where: str = "",
) -> Panel:
    """Return a chart with one left axis, named after its unit; thresholds are dashed lines with their labels."""
    lines = {f"threshold_{place}": threshold for place, threshold in enumerate(thresholds)}
    drawings, layers = [series.drawing()], [series.layer()]
    if lines:
        dashed = {"lineStyle": "dashed", "fill": "none", "textVisibility": True}
        drawn = [_left_axis(id_, line.colour) | dashed for id_, line in lines.items()]
        drawings.append(
            {"layerId": THRESHOLDS_ID, "layerType": "referenceLine", "accessors": list(lines), "yConfig": drawn}
        )
        columns = {id_: static(line.value, line.label) for id_, line in lines.items()}
        layers.append(Layer(THRESHOLDS_ID, series.view, columns))
    visualization = {
        "preferredSeriesType": series.shape,
        "valueLabels": "hide",
        "fittingFunction": "None",
        "legend": {"isVisible": True, "position": "bottom"},
        "yTitle": unit,
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": bool(unit), "yRight": False},
        "layers": drawings,
    }
    return lens(title, description, "lnsXY", visualization, layers, where)


def _left_axis(column_id: str, colour: str) -> Json:
    return {"forAccessor": column_id, "axisMode": "left", "color": colour}
