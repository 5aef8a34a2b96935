"""A figure on a scale with fixed ends."""

from __future__ import annotations

from kibana.columns import static
from kibana.panels.lens import Layer, Panel, lens
from kibana.saved import Json
from kibana.views import DataView


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
    """A half circle from the lower to the upper end of `scale`, coloured by a palette."""
    low, high = scale
    columns = {"figure": figure, "low": static(low, "Minimum"), "high": static(high, "Maximum")}
    visualization = {
        "shape": "semiCircle",
        "layerId": "layer_0",
        "layerType": "data",
        "metricAccessor": "figure",
        "minAccessor": "low",
        "maxAccessor": "high",
        "ticksPosition": "bands",
        "labelMajorMode": "auto",
        "colorMode": "palette",
        "palette": colours,
    }
    return lens(title, description, "lnsGauge", visualization, [Layer("layer_0", view, columns)], where)
