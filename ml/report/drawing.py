"""How the report's plots look: colours of Okabe and Ito, lines, markers, panels, and pictures as text."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ml.evaluation.quality import OURS
from ml.report.wording import model_name

WIDTH_IN: Final = 11.0
COLOURS: Final = {
    "xgboost": "#0072B2",
    "xgboost_uncalibrated": "#56B4E9",
    "champion": "#000000",
    "random_forest": "#E69F00",
    "logistic_regression": "#CC79A7",
    "last_value": "#009E73",
    "threshold_rule": "#D55E00",
}
DASHES: Final = {"last_value": "--", "threshold_rule": "-.", "champion": ":", "random_forest": (0, (5, 1))}
MARKERS: Final = {"xgboost": "o", "last_value": "s", "threshold_rule": "D", "champion": "^", "random_forest": "v"}
GREY: Final = "#6b6b6b"
VERDICT_STYLE: Final[dict[Any, Any]] = {
    "better": ("#0072B2", "o"),
    "not better": ("#6b6b6b", "s"),
    "worse": ("#D55E00", "X"),
}
STYLE: Final[dict[Any, Any]] = {
    **{"font.size": 10, "axes.titlesize": 11, "axes.spines.top": False, "axes.spines.right": False},
    **{"axes.grid": True, "grid.color": "#e4e4e4", "axes.axisbelow": True, "legend.frameon": False},
    **{"svg.hashsalt": "report", "figure.constrained_layout.use": True},
}


def to_picture(draw: Callable[..., Figure], *values: Any) -> str:
    """What `draw` makes of `values`, as an SVG data address for an image element; always the same text for the same."""
    content = io.BytesIO()
    with mpl.rc_context(STYLE):
        draw(*values).savefig(content, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode()}"


def panels(rows: int, columns: int, height_in: float, **options: Any) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure of the report's width, and its axes row by row."""
    figure = Figure(figsize=(WIDTH_IN, height_in))
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).ravel())


def whisker(
    axis: Axes, figure: Mapping[str, float | None], place: float, colour: str, marker: str, scale: float = 1.0
) -> None:
    """A marker at the value and a line over its interval, at height `place`; nothing where there is no value."""
    value, low, high = (figure.get(name) for name in ("value", "low", "high"))
    if value is None:
        return
    if low is not None and high is not None:
        axis.plot([low * scale, high * scale], [place, place], color=colour, linewidth=1.8)
    axis.plot(value * scale, place, marker, color=colour, markersize=6)


def line(name: str) -> dict[str, Any]:
    """How a model's line looks, the same in every plot."""
    style = {"color": COLOURS.get(name, GREY), "linestyle": DASHES.get(name, "-"), "label": model_name(name)}
    return {**style, "linewidth": 2.2 if name == OURS else 1.5}


def as_percent(axis: Axes) -> None:
    """Both axes in per cent."""
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
