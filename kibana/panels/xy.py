"""Lines, areas and bars over time or over categories, with horizontal lines at thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kibana.columns import by_time, static
from kibana.panels.lens import Layer, Panel, lens
from kibana.saved import Json
from kibana.views import DataView

Shape = Literal["line", "area", "bar", "bar_stacked", "bar_horizontal"]
THRESHOLDS_ID = "thresholds"


@dataclass(frozen=True)
class Series:
    """Figures over `across` (time unless said otherwise): a line or bar for each, or for each part of `split`."""

    view: DataView
    figures: Mapping[str, Json]
    shape: Shape = "line"
    across: Json = field(default_factory=by_time)
    split: Json | None = None
    colours: Mapping[str, str] = field(default_factory=dict)

    def layer(self, id_: str) -> Layer:
        """The columns; a split comes before time, so that its parts are those of the whole range."""
        split = {"split": self.split} if self.split else {}
        return Layer(id_, self.view, {**split, "across": self.across, **self.figures})

    def drawing(self, id_: str) -> Json:
        """How the columns are drawn."""
        drawing: Json = {
            "layerId": id_,
            "layerType": "data",
            "seriesType": self.shape,
            "xAccessor": "across",
            "accessors": list(self.figures),
        }
        if self.split:
            drawing["splitAccessor"] = "split"
        if self.colours:
            drawing["yConfig"] = [_left_axis(id_, colour) for id_, colour in self.colours.items()]
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
    series: Sequence[Series],
    *,
    unit: str = "",
    thresholds: Sequence[Threshold] = (),
    where: str = "",
) -> Panel:
    """A chart with one left axis, named after its unit."""
    layers = {f"layer_{place}": one for place, one in enumerate(series)}
    visualization = {
        "preferredSeriesType": series[0].shape,
        "valueLabels": "hide",
        "fittingFunction": "None",
        "legend": {"isVisible": True, "position": "bottom"},
        "yTitle": unit,
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": bool(unit), "yRight": False},
        "layers": [one.drawing(id_) for id_, one in layers.items()] + _draw_thresholds(thresholds),
    }
    sources = [one.layer(id_) for id_, one in layers.items()] + _threshold_layers(series[0].view, thresholds)
    return lens(title, description, "lnsXY", visualization, sources, where)


def _threshold_layers(view: DataView, thresholds: Sequence[Threshold]) -> list[Layer]:
    columns = {_threshold_id(place): static(one.value, one.label) for place, one in enumerate(thresholds)}
    return [Layer(THRESHOLDS_ID, view, columns)] if thresholds else []


def _draw_thresholds(thresholds: Sequence[Threshold]) -> list[Json]:
    lines = [
        _left_axis(_threshold_id(place), one.colour) | {"lineStyle": "dashed", "fill": "none", "textVisibility": True}
        for place, one in enumerate(thresholds)
    ]
    ids = [line["forAccessor"] for line in lines]
    drawing = {"layerId": THRESHOLDS_ID, "layerType": "referenceLine", "accessors": ids, "yConfig": lines}
    return [drawing] if thresholds else []


def _threshold_id(place: int) -> str:
    return f"threshold_{place}"


def _left_axis(column_id: str, colour: str) -> Json:
    return {"forAccessor": column_id, "axisMode": "left", "color": colour}
