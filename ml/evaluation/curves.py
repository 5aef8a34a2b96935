"""What plots need of a model's risks: calibration, net benefit, and the distribution of risks by outcome."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.bootstrap import LEVEL, plain
from ml.evaluation.metrics import RiskBins
from ml.evaluation.recalibration import SATURATED, fit_curve

Floats = NDArray[np.float64]

GROUPS: Final = 10  # points of a calibration plot, with equal numbers of events and of other rows together
GRID: Final = 40  # places at which the smooth curve is given
HISTOGRAM_EDGES: Final = np.linspace(0, 1, 41)
DECISION_THRESHOLDS: Final = np.concatenate([np.arange(0.01, 0.10, 0.01), np.arange(0.10, 0.801, 0.025)])


def model_curves(bins: RiskBins | None, target: NDArray[np.float32], risk: Floats) -> dict[str, Any]:
    """Return points and smooth curve of calibration (if there are `bins`), decision curve and histograms of a model."""
    return {
        "calibration": calibration_points(bins) if bins else [],
        "smooth": smooth_calibration(bins) if bins and len(bins.risk) > SATURATED else None,
        "net_benefit": _plain_list(net_benefit(target, risk)),
        "histogram": {
            name: np.histogram(risk[target == outcome], HISTOGRAM_EDGES)[0].tolist()
            for name, outcome in (("event", 1), ("no_event", 0))
        },
    }


def calibration_points(bins: RiskBins) -> list[dict[str, float]]:
    """Return mean risk, observed rate with its 95 % interval, and rows of about GROUPS groups of rising risk."""
    events, rows = bins.events[0], bins.rows[0]
    share = events / events.sum() + (rows - events) / (rows - events).sum()
    group = np.minimum((np.cumsum(share) - share / 2) / 2 * GROUPS, GROUPS - 1).astype(int)
    return [_point(bins, group == number) for number in np.unique(group)]


def _point(bins: RiskBins, chosen: NDArray[np.bool_]) -> dict[str, float]:
    events, rows = bins.events[:, chosen].sum(axis=1), bins.rows[:, chosen].sum(axis=1)
    rate = events / np.maximum(rows, 1)
    low, high = np.percentile(rate[1:], LEVEL)
    risk = np.average(bins.risk[chosen], weights=bins.rows[0, chosen])
    values = {"risk": risk, "observed": rate[0], "low": low, "high": high, "rows": rows[0]}
    return {name: plain(value) for name, value in values.items()}


def smooth_calibration(bins: RiskBins) -> dict[str, list[float]]:
    """Return the flexible calibration curve with its 95 % band, over the range of the risks."""
    grid = np.linspace(bins.log_odds[0], bins.log_odds[-1], GRID)
    curve = fit_curve(bins.log_odds, bins.events, bins.rows).at(grid)
    low, high = np.percentile(curve[1:], LEVEL, axis=0)
    risk = 1 / (1 + np.exp(-grid))
    return {
        name: _plain_list(values)
        for name, values in (("risk", risk), ("observed", curve[0]), ("low", low), ("high", high))
    }


def net_benefit(target: NDArray[np.float32], risk: Floats) -> Floats:
    """Return TP/n - FP/n p/(1-p) of acting at risk >= p, for each p of `DECISION_THRESHOLDS`."""
    true, false = (_at_least(risk[target == outcome]) for outcome in (1, 0))
    benefit: Floats = (true - false * _odds()) / max(len(risk), 1)
    return benefit


def treat_all(prevalence: float) -> Floats:
    """Return the net benefit of acting for everybody; acting for nobody has 0."""
    return prevalence - (1 - prevalence) * _odds()


def shared_curves(prevalence: float) -> dict[str, list[float]]:
    """Return what the curves of all models have in common."""
    return {
        "thresholds": _plain_list(DECISION_THRESHOLDS),
        "treat_all": _plain_list(treat_all(prevalence)),
        "treat_none": [0.0] * len(DECISION_THRESHOLDS),
        "histogram_edges": _plain_list(HISTOGRAM_EDGES),
    }


def _odds() -> Floats:
    odds: Floats = DECISION_THRESHOLDS / (1 - DECISION_THRESHOLDS)
    return odds


def _at_least(risk: Floats) -> NDArray[np.intp]:
    """Count the risks that reach each threshold, rounding of the thresholds forgiven."""
    return len(risk) - np.searchsorted(np.sort(risk), DECISION_THRESHOLDS - 1e-12, side="left")


def _plain_list(values: Floats) -> list[float]:
    return [plain(value) for value in values]
