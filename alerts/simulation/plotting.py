"""The figures of a simulation as a plot: what predicted alerts cost against what they tell."""

from __future__ import annotations

from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from alerts.simulation.table import LEVELS, Figures
from ml.evaluation.names import OURS
from ml.report.plots import COLOURS, GREY, panels

LABELS: Final = {
    "crises_announced": "share of crises announced",
    "median_lead_h": "median lead (h)",
    "ppv": "share of alerts that were right",
}
STYLES: Final = (  # of today's rules and of others
    {"color": GREY, "marker": "s", "linestyle": "--"},
    {"color": COLOURS[OURS], "marker": "o", "linestyle": "-"},
)


def plot(found: Figures) -> Figure:
    """Draw a line for each set of rules, with a point for each level of predicted alerts, or a higher one."""
    figure, axes = panels(1, 3, 3.9)
    for axis, (key, label) in zip(axes, LABELS.items(), strict=True):
        for (name, each), style in zip(found["rules"].items(), STYLES, strict=False):
            _line(axis, each["predicted"], key, {**style, "label": name})
        axis.set(xlabel="predicted alerts per patient-day", ylabel=label, ylim=(0, None), xlim=(0, None))
        if key != "median_lead_h":
            axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].legend(loc="lower right")
    return figure


def _line(axis: Axes, of: Figures, key: str, style: dict[str, Any]) -> None:
    """Draw the points that are known, each with its level."""
    levels = [level for level in LEVELS if of[level][key] is not None]
    x, y = [of[level]["alerts_per_patient_day"] for level in levels], [of[level][key] for level in levels]
    axis.plot(x, y, **style)
    for place, level in zip(zip(x, y, strict=True), levels, strict=True):
        beside = (4, 4) if style["linestyle"] == "-" else (4, -11)  # names of near points stand above and below
        axis.annotate(level, place, xytext=beside, textcoords="offset points", fontsize=8, color=style["color"])
