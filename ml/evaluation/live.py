"""Live quality: figures of stored predictions whose outcome is known by now, of one version, horizon and subgroup."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import ALERT_LEVELS
from ml.evaluation.bootstrap import plain
from ml.evaluation.metrics import COARSE, auroc, count_by_risk, make_bins
from ml.evaluation.quality import LEAST_FOR_CALIBRATION
from ml.evaluation.recalibration import calibration_errors, logits, slope

POINTS: Final = 10  # of the calibration plot

Floats = NDArray[np.float64]


def live_figures(target: NDArray[np.float32], risk: Floats, level: NDArray[np.str_]) -> dict[str, Any]:
    """Return plain figures of m > 0 predictions with outcome 0 or 1, all of shape (m,).

    `auroc`, `brier_skill` and the figures of calibration are None where the outcomes are too few or all the same.
    `ppv` is the share of predictions of a level that a crisis followed, None for a level that did not occur.
    """
    level_rows = {name: int((level == name).sum()) for name in ALERT_LEVELS}
    level_events = {name: int(target[level == name].sum()) for name in ALERT_LEVELS}
    rate, brier = target.mean(dtype=np.float64), np.mean((risk - target) ** 2)
    both = 0 < rate < 1
    return {
        "rows": len(target),
        "events": int(target.sum()),
        "observed_rate": plain(rate),
        "mean_risk": plain(risk.mean()),
        "brier": plain(brier),
        "estimated_brier": plain(estimated_brier(risk)),
        "brier_skill": plain(1 - brier / (rate * (1 - rate))) if both else None,
        "auroc": plain(auroc(*count_by_risk(target, risk))) if both else None,
        **_calibration(target, risk),
        "calibration": risk_groups(target, risk),
        "level_rows": level_rows,
        "level_events": level_events,
        "ppv": {name: plain(level_events[name] / rows) if rows else None for name, rows in level_rows.items()},
    }


def estimated_brier(risk: Floats) -> float:
    """Return what the Brier score of m > 0 predictions will be, if their risks are right, before any outcome is known.

    A risk p is then wrong by p (1 - p) in the mean: confidence-based performance estimation (CBPE), as in NannyML
    (https://nannyml.readthedocs.io/en/stable/how_it_works/performance_estimation.html). A score that comes true far
    above says that risks are not right; an estimate that moves says that other patients are scored.
    """
    return float(np.mean(risk * (1 - risk)))


def risk_groups(target: NDArray[np.float32], risk: Floats) -> list[dict[str, float | int]]:
    """Return mean risk and observed rate of `POINTS` groups of equal size and rising risk."""
    groups = np.array_split(np.argsort(risk, kind="stable"), POINTS)
    return [
        {
            "mean_risk": plain(risk[group].mean()),
            "observed_rate": plain(target[group].mean(dtype=np.float64)),
            "rows": len(group),
        }
        for group in groups
        if len(group)
    ]


def _calibration(target: NDArray[np.float32], risk: Floats) -> dict[str, float | None]:
    events = int(target.sum())
    if min(events, len(target) - events) < LEAST_FOR_CALIBRATION:
        return {"ici": None, "slope": None}
    patient = np.zeros(len(target), dtype=np.intp)  # no resamples: one patient of weight 1 stands for all
    bins = make_bins(np.ones((1, 1), dtype=np.float32), patient, target, risk, logits(risk)).merged(COARSE)
    counts = (bins.log_odds, bins.events, bins.rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {"ici": calibration_errors(bins.risk, *counts)["ici"], "slope": slope(*counts)}
    return {name: plain(values[0]) if np.isfinite(values[0]) else None for name, values in found.items()}
