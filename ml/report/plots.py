"""Plots of an evaluation: calibration, decisions, distributions, comparisons, alarms, subgroups.

Every plot takes plain values of `ml.evaluation.comparison.evaluate` and gives a `Figure`; `to_image` makes it text.
Panels are in the order of `HORIZON_ORDER`. Models differ in colour (of Okabe and Ito) and in line or marker, so that no
plot needs colour to be read.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ml.evaluation.names import (
    CHAMPION,
    LAST_VALUE,
    LOGISTIC_REGRESSION,
    ORACLE,
    OURS,
    RANDOM_FOREST,
    THRESHOLD_RULE,
    UNCALIBRATED,
    reference_models,
)
from ml.evaluation.subgroups import HEADLINE
from ml.report.wording import HORIZON_ORDER, PART_NAMES, horizon_name, model_name, number, ordered

Found = Mapping[str, Any]  # {horizon: what `evaluate_part` found in one subgroup}

IN_DECISION: Final = (OURS, CHAMPION, LAST_VALUE, THRESHOLD_RULE)
IN_CALIBRATION: Final = (UNCALIBRATED, OURS)
LARGEST_DECISION_THRESHOLD: Final = 0.6
LINEAR_TO: Final = 2.0  # of the axis of Brier differences, logarithmic beyond: close models and distant ones fit
DIFFERENCE_TICKS: Final = (-100, -30, -10, -3, -1, 0, 1, 3, 10, 30)
WIDTH_IN: Final = 11.0
COLOURS: Final = {
    OURS: "#0072B2",
    UNCALIBRATED: "#56B4E9",
    CHAMPION: "#000000",
    RANDOM_FOREST: "#E69F00",
    LOGISTIC_REGRESSION: "#CC79A7",
    LAST_VALUE: "#009E73",
    THRESHOLD_RULE: "#D55E00",
}
DASHES: Final = {LAST_VALUE: "--", THRESHOLD_RULE: "-.", CHAMPION: ":", RANDOM_FOREST: (0, (5, 1))}
MARKERS: Final = {OURS: "o", LAST_VALUE: "s", THRESHOLD_RULE: "D", CHAMPION: "^", RANDOM_FOREST: "v"}
FIT_COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00")
GREY: Final = "#6b6b6b"
RESULT_STYLE: Final[dict[Any, Any]] = {
    "better": ("#0072B2", "o"),
    "not better": ("#6b6b6b", "s"),
    "worse": ("#D55E00", "X"),
}
STYLE: Final[dict[Any, Any]] = {
    **{"font.size": 10, "axes.titlesize": 11, "axes.spines.top": False, "axes.spines.right": False},
    **{"axes.grid": True, "grid.color": "#e4e4e4", "axes.axisbelow": True, "legend.frameon": False},
    **{"svg.hashsalt": "report", "figure.constrained_layout.use": True},
}


def to_image(draw: Callable[..., Figure], *values: Any) -> str:
    """Return what `draw` makes of `values` as an SVG data address for an image; the same text for the same values."""
    content = io.BytesIO()
    with mpl.rc_context(STYLE):
        draw(*values).savefig(content, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode()}"


def panels(rows: int, columns: int, height_in: float, **options: Any) -> tuple[Figure, Sequence[Axes]]:
    """Make an empty figure of the report's width, and its axes row by row."""
    figure = Figure(figsize=(WIDTH_IN, height_in))
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).ravel())


def whisker(
    axis: Axes, figure: Mapping[str, float | None], place: float, colour: str, marker: str, scale: float = 1.0
) -> None:
    """Draw a marker at the value and a line over its interval, at height `place`; nothing where there is no value."""
    value, low, high = (figure.get(name) for name in ("value", "low", "high"))
    if value is None:
        return
    if low is not None and high is not None:
        axis.plot([low * scale, high * scale], [place, place], color=colour, linewidth=1.8)
    axis.plot(value * scale, place, marker, color=colour, markersize=6)


def line(name: str) -> dict[str, Any]:
    """Return how a model's line looks, the same in every plot."""
    style = {"color": COLOURS.get(name, GREY), "linestyle": DASHES.get(name, "-"), "label": model_name(name)}
    return {**style, "linewidth": 2.2 if name == OURS else 1.5}


def as_percent(axis: Axes) -> None:
    """Label both axes in per cent."""
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def differences(found: Found) -> Figure:
    """Draw a forest plot of the paired Brier differences to each reference model, in thousandths."""
    names = ordered(reference_models(found[HORIZON_ORDER[0]]["differences"]))[::-1]
    figure, axes = panels(1, 3, 0.9 + 0.32 * max(len(names), 3), sharey=True)
    for axis, horizon in zip(axes, HORIZON_ORDER, strict=True):
        axis.axvline(0, color="black", linewidth=1)
        for place, name in enumerate(names):
            difference = found[horizon]["differences"][name]
            colour, marker = RESULT_STYLE[difference["result"]]
            whisker(axis, difference["brier"], place, colour, marker, scale=1000)
        axis.set_title(horizon_name(horizon))
        axis.set_xscale("symlog", linthresh=LINEAR_TO)
        ticks = [tick for tick in DIFFERENCE_TICKS if axis.get_xlim()[0] <= tick <= axis.get_xlim()[1]]
        axis.set_xticks(ticks, [number(tick, 0) for tick in ticks], minor=False)
        axis.set_xticks([], minor=True)
        axis.set_xlabel("Brier difference, thousandths")
    axes[0].set_yticks(range(len(names)), [model_name(name) for name in names])
    return figure


def calibration(found: Found) -> Figure:
    """Draw the observed rate against predicted risk: smooth curve with its band, groups with intervals."""
    figure, axes = panels(1, 3, 4.0)
    for axis, horizon in zip(axes, HORIZON_ORDER, strict=True):
        axis.plot([0, 1], [0, 1], color="black", linewidth=1, label="ideal")
        models = found[horizon]["curves"]["models"]
        for name in (name for name in IN_CALIBRATION if name in models):
            _calibration_of(axis, models[name], name)
        points = models.get(OURS, {}).get("calibration", [])
        top = min(1.0, max((1.08 * max(point["risk"], point["high"]) for point in points), default=1.0))
        axis.set(xlim=(0, top), ylim=(0, top), title=horizon_name(horizon), xlabel="predicted risk")
        as_percent(axis)
    axes[0].set_ylabel("observed share with a crisis")
    axes[0].legend(loc="upper left")
    return figure


def decisions(found: Found) -> Figure:
    """Draw decision curves: net benefit against the risk at which one acts."""
    figure, axes = panels(1, 3, 3.8)
    for axis, horizon in zip(axes, HORIZON_ORDER, strict=True):
        curves = found[horizon]["curves"]
        thresholds = np.array(curves["thresholds"])
        axis.plot(thresholds, curves["treat_all"], color=GREY, linewidth=1, label="act for everybody")
        axis.plot(thresholds, curves["treat_none"], color="black", linewidth=1, label="act for nobody")
        for name in (name for name in IN_DECISION if name in curves["models"]):
            axis.plot(thresholds, curves["models"][name]["net_benefit"], **line(name))
        best = max(found[horizon]["prevalence"], 1e-3)
        axis.set(xlim=(0, LARGEST_DECISION_THRESHOLD), ylim=(-0.15 * best, 1.05 * best), title=horizon_name(horizon))
        axis.set_xlabel("risk at which one acts")
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].set_ylabel("net benefit")
    axes[0].legend(fontsize=9)
    return figure


def distributions(found: Found) -> Figure:
    """Draw how the model's risks are distributed before crises and before calm, on a logarithmic scale of counts."""
    figure, axes = panels(1, 3, 3.4)
    for axis, horizon in zip(axes, HORIZON_ORDER, strict=True):
        curves = found[horizon]["curves"]
        counts = curves["models"][OURS]["histogram"]
        shared = {"edges": curves["histogram_edges"], "linewidth": 1.5}
        axis.stairs(counts["no_event"], fill=True, color="#9ecae1", label="no crisis followed", **shared)
        axis.stairs(counts["event"], color="#D55E00", hatch="///", label="crisis followed", **shared)
        axis.set_yscale("log")
        axis.set(title=horizon_name(horizon), xlabel="predicted risk", ylim=(0.7, None))
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].set_ylabel("windows")
    axes[0].legend(fontsize=9)
    return figure


def scatter(points: Mapping[str, Any]) -> Figure:
    """Draw risks of single windows, a row per model: against the oracle's if there is one, else against outcomes."""
    models = [name for name in ordered(points[HORIZON_ORDER[0]]["models"]) if name != ORACLE]
    figure, axes = panels(len(models), 3, 3.3 * len(models), sharex=True, sharey=True)
    places = [(name, horizon) for name in models for horizon in HORIZON_ORDER]
    for axis, (name, horizon) in zip(axes, places, strict=True):
        _scatter_of(axis, points[horizon], name)
        axis.set(title=f"{model_name(name)}, {horizon_name(horizon)}", xlim=(0, 1), ylim=(-0.03, 1.03))
        as_percent(axis)
    truth = "oracle's risk" if ORACLE in points[HORIZON_ORDER[0]]["models"] else "outcome (0 or 100 %, scattered)"
    for axis in axes[::3]:
        axis.set_ylabel(truth)
    for axis in axes[-3:]:
        axis.set_xlabel("predicted risk")
    axes[0].legend(loc="upper left", fontsize=9)
    return figure


def stability(found: Mapping[str, Any]) -> Figure:
    """Draw the risks that the same windows have from each fit of the model, against the risk that they have."""
    figure, axes = panels(1, 3, 3.9)
    for axis, horizon in zip(axes, HORIZON_ORDER, strict=True):
        points = found["horizons"][horizon]["points"]
        axis.plot([0, 1], [0, 1], color="black", linewidth=1)
        for risks, colour in zip(points["refits"], FIT_COLOURS, strict=False):
            axis.plot(points["ours"], risks, ".", color=colour, markersize=3, alpha=0.5, rasterized=True)
        axis.set(title=horizon_name(horizon), xlabel="risk of this version", xlim=(0, 1), ylim=(0, 1))
        as_percent(axis)
    axes[0].set_ylabel("risk when fitted again")
    return figure


def alarms(found: Mapping[str, Any]) -> Figure:
    """Draw alarms per patient-day and the share of right ones at each recall, and how early crises are found."""
    figure, axes = panels(1, 3, 3.9)
    for name, judged in found["models"].items():
        recall = [point["recall"] for point in judged["curve"]]
        for axis, key in zip(axes, ("alarms_per_patient_day", "ppv"), strict=False):
            values = [np.nan if point[key] is None else point[key] for point in judged["curve"]]
            axis.plot(recall, values, marker=MARKERS.get(name, "."), markersize=4, **line(name))
        ahead = judged["at_recall"]["0.80"]["ahead"]
        axes[2].plot(ahead["hours"], ahead["share"], **line(name))
    labels = ("alarm episodes per patient-day", "share of alarms that are right", "share of crises found so early")
    for axis, label in zip(axes, labels, strict=True):
        axis.set(ylabel=label, xlabel="share of crises found", ylim=(0, None))
    axes[0].xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    as_percent(axes[1])
    axes[2].set(xlabel="hours before the crisis, at least", ylim=(0, 1))
    axes[2].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].legend(fontsize=9)
    return figure


def subgroups(found: Mapping[str, Any]) -> Figure:
    """Draw AUROC, ICI and the mean risk beside the observed rate, by subgroup, at the alert horizon."""
    horizon = HORIZON_ORDER[0]
    names = list(found)[::-1]
    figure, axes = panels(1, 3, 0.9 + 0.3 * len(names), sharey=True)
    for place, name in enumerate(names):
        judged = found[name][horizon]["models"][OURS]
        for axis, key in zip(axes, ("auroc", "ici", "mean_risk"), strict=True):
            whisker(axis, judged[key], place, COLOURS[OURS], "o")
        axes[2].plot(found[name][horizon]["prevalence"], place, "|", color="black", markersize=14, markeredgewidth=2)
    for axis, title in zip(axes, ("AUROC", "ICI", "mean risk (dot), observed rate (bar)"), strict=True):
        axis.set_title(title)
    for axis in axes[1:]:
        axis.set_xlim(left=0)
    axes[0].set_yticks(range(len(names)), names)
    return figure


def parts(found: Mapping[str, Any]) -> Figure:
    """Draw AUROC, Brier skill and ICI on each part of the data, windows not in crisis, a marker per horizon."""
    names = [name for name in PART_NAMES if name in found and name != ORACLE][::-1]
    figure, axes = panels(1, 3, 1.2 + 0.55 * len(names), sharey=True)
    styles = zip(HORIZON_ORDER, ("#0072B2", "#E69F00", "#009E73"), ("o", "s", "^"), (0.2, 0.0, -0.2), strict=True)
    for horizon, colour, marker, shift in styles:
        for place, name in enumerate(names):
            judged = found[name][HEADLINE][horizon]["models"][OURS]
            for axis, key in zip(axes, ("auroc", "brier_skill", "ici"), strict=True):
                whisker(axis, judged.get(key, {}), place + shift, colour, marker)
        axes[0].plot([], [], marker, color=colour, label=horizon_name(horizon))
    for axis, title in zip(axes, ("AUROC", "Brier skill against climatology", "ICI"), strict=True):
        axis.set_title(title)
    axes[0].set_yticks(range(len(names)), [PART_NAMES[name] for name in names])
    figure.legend(loc="outside upper right", ncols=3)
    return figure


def _calibration_of(axis: Axes, curves: Mapping[str, Any], name: str) -> None:
    colour, smooth = COLOURS[name], curves["smooth"]
    if smooth is not None:
        axis.plot(smooth["risk"], smooth["observed"], **line(name))
    if name != OURS:
        return
    if smooth is not None:
        axis.fill_between(smooth["risk"], smooth["low"], smooth["high"], color=colour, alpha=0.18, linewidth=0)
    for point in curves["calibration"]:
        axis.plot([point["risk"]] * 2, [point["low"], point["high"]], color=colour, linewidth=1.2)
        axis.plot(point["risk"], point["observed"], "o", color=colour, markersize=5)


def _scatter_of(axis: Axes, points: Mapping[str, Any], name: str) -> None:
    outcome = np.array([np.nan if value is None else value for value in points["outcome"]], dtype=np.float64)
    risk = np.array(points["models"][name])
    oracle = points["models"].get(ORACLE)
    jitter = np.random.default_rng(0).uniform(-0.03, 0.03, len(risk))
    truth = outcome + jitter if oracle is None else np.array(oracle)
    axis.plot([0, 1], [0, 1], color="black", linewidth=1)
    for value, colour, marker, label in ((0, "#0072B2", "o", "calm followed"), (1, "#D55E00", "x", "crisis followed")):
        chosen = outcome == value
        axis.plot(
            risk[chosen], truth[chosen], marker, color=colour, markersize=3, alpha=0.5, label=label, rasterized=True
        )
