"""How good models are on one part of the data: every figure with its interval, by stratum, horizon and subgroup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from ml.dataset import Dataset
from ml.evaluation import metrics
from ml.evaluation.bootstrap import REPLICATES, Weights, anchored, draw_weights, interval, plain, weighted_sums
from ml.evaluation.curves import model_curves, shared_curves
from ml.evaluation.recalibration import calibration_errors, intercept, logits, slope
from ml.evaluation.risk_bins import COARSE, Cells, make_cells
from ml.evaluation.subgroups import HEADLINE, strata, subgroup_rows

Floats = NDArray[np.float64]
Figures = dict[str, Floats]  # name of a statistic -> (1 + replicates,)

OURS: Final = "xgboost"
CLIMATOLOGY: Final = "climatology"
IN_SUBGROUPS: Final = (OURS, "champion")
SUBGROUP_FIGURES: Final = ("auroc", "brier", "ici", "mean_risk")
LEAST_EVENTS: Final = 20  # and as many other rows: below, nothing is said about calibration


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of one horizon with known outcome; `patient` (m,) are rows of `weights`."""

    weights: Weights
    patient: NDArray[np.intp]
    target: NDArray[np.float32]
    risks: Mapping[str, Floats]

    @property
    def both(self) -> int:
        """Rows of the rarer outcome."""
        events = int(self.target.sum())
        return min(events, len(self.target) - events)


def evaluate_part(
    data: Dataset, risks: Mapping[str, Floats], *, replicates: int = REPLICATES, seed: int = 0
) -> dict[str, Any]:
    """Judge models on rows that none of them has seen; `risks` has shape (m, 3) per model, targets may be NaN.

    The result is {stratum: {"1h" | "6h" | "24h": {"rows", "events", "patients", "prevalence", "censored_share",
    "models": {model: {figure: {"value", "low", "high"}}}, "differences": {rival: {"brier", "auroc", "verdict"}},
    "curves": {...}}}} in plain values. Differences are `OURS` minus the rival, paired. None stands for what does not
    exist, as with one outcome only.
    """
    patient, weights = _resample(data, replicates, seed)
    return {
        name: {
            f"{horizon_h}h": _judge(_sample(data, risks, rows, column, patient, weights), _censored(data, rows, column))
            for column, horizon_h in enumerate(HORIZONS_H)
        }
        for name, rows in strata(data).items()
    }


def subgroups(
    data: Dataset, risks: Mapping[str, Floats], *, replicates: int = REPLICATES, seed: int = 0
) -> dict[str, Any]:
    """As `evaluate_part` by subgroup of the rows not in crisis at t, for the model and its champion, without curves."""
    patient, weights = _resample(data, replicates, seed)
    calm = strata(data)[HEADLINE]
    chosen = {name: values for name, values in risks.items() if name in IN_SUBGROUPS}
    return {
        name: {
            f"{horizon_h}h": _judge_subgroup(_sample(data, chosen, calm & rows, column, patient, weights))
            for column, horizon_h in enumerate(HORIZONS_H)
        }
        for name, rows in subgroup_rows(data).items()
    }


def _resample(data: Dataset, replicates: int, seed: int) -> tuple[NDArray[np.intp], Weights]:
    patients, patient = np.unique(data.patient_id, return_inverse=True)
    return patient, draw_weights(len(patients), replicates, seed)


def _sample(
    data: Dataset,
    risks: Mapping[str, Floats],
    rows: NDArray[np.bool_],
    column: int,
    patient: NDArray[np.intp],
    weights: Weights,
) -> Sample:
    known = rows & ~np.isnan(data.targets[:, column])
    chosen = {name: np.asarray(values[known, column], dtype=np.float64) for name, values in risks.items()}
    return Sample(weights, patient[known], data.targets[known, column], chosen)


def _censored(data: Dataset, rows: NDArray[np.bool_], column: int) -> float:
    return plain(np.isnan(data.targets[rows, column]).mean()) if rows.any() else 0.0


def _judge(sample: Sample, censored_share: float) -> dict[str, Any]:
    cells = {name: _cells(sample, risk) for name, risk in sample.risks.items()}
    figures = {name: _figures(sample, risk, cells[name]) for name, risk in sample.risks.items()}
    _add_skill(figures)
    curves = {name: _curves(sample, risk, cells[name]) for name, risk in sample.risks.items()}
    counts = _counts(sample)
    return {
        **counts,
        "censored_share": censored_share,
        "models": {name: _intervals(found) for name, found in figures.items()},
        "differences": _differences(sample, figures),
        "curves": {**shared_curves(counts["prevalence"]), "models": curves},
    }


def _judge_subgroup(sample: Sample) -> dict[str, Any]:
    figures = {name: _figures(sample, risk, _cells(sample, risk)) for name, risk in sample.risks.items()}
    models = {
        name: _intervals({figure: found[figure] for figure in SUBGROUP_FIGURES}) for name, found in figures.items()
    }
    return {**_counts(sample), "models": models, "differences": _differences(sample, figures)}


def _counts(sample: Sample) -> dict[str, Any]:
    rows, events = len(sample.target), int(sample.target.sum())
    patients = len(np.unique(sample.patient))
    return {"rows": rows, "events": events, "patients": patients, "prevalence": plain(events / max(rows, 1))}


def _cells(sample: Sample, risk: Floats) -> Cells | None:
    if sample.both == 0:
        return None
    return make_cells(sample.weights, sample.patient, sample.target, risk, logits(risk))


def _figures(sample: Sample, risk: Floats, cells: Cells | None) -> Figures:
    with np.errstate(invalid="ignore", divide="ignore"):
        return {**_errors(sample, risk), **_ranking(sample, risk, cells), **_calibration(sample, cells)}


def _errors(sample: Sample, risk: Floats) -> Figures:
    losses = metrics.row_losses(sample.target, risk)
    outcomes = np.stack([np.ones(len(risk)), sample.target], axis=1)
    sums = weighted_sums(sample.weights, sample.patient, np.concatenate([losses, outcomes], axis=1)).T
    mae, brier, log_loss, mean_risk, prevalence = np.delete(sums, 4, axis=0) / sums[4]
    r2 = 1 - brier / (prevalence * (1 - prevalence))
    return {"mae": mae, "rmse": np.sqrt(brier), "r2": r2, "brier": brier, "log_loss": log_loss, "mean_risk": mean_risk}


def _ranking(sample: Sample, risk: Floats, cells: Cells | None) -> Figures:
    if cells is None:
        return dict.fromkeys(("auroc", "auprc"), _nothing(sample))
    exact = metrics.count_by_risk(sample.target, risk)
    areas = {"auroc": metrics.auroc, "auprc": metrics.average_precision}
    return {name: anchored(area(cells.events, cells.rows), float(area(*exact))) for name, area in areas.items()}


def _calibration(sample: Sample, cells: Cells | None) -> Figures:
    if cells is None or sample.both < LEAST_EVENTS:
        return dict.fromkeys(("ici", "e50", "e90", "slope", "intercept"), _nothing(sample))
    coarse = cells.merged(COARSE)
    counts = (coarse.log_odds, coarse.events, coarse.rows)
    return {**calibration_errors(coarse.risk, *counts), "slope": slope(*counts), "intercept": intercept(*counts)}


def _nothing(sample: Sample) -> Floats:
    return np.full(sample.weights.shape[1], np.nan)


def _add_skill(figures: dict[str, Figures]) -> None:
    """Brier skill against climatology, where climatology is among the models."""
    if CLIMATOLOGY not in figures:
        return
    base = figures[CLIMATOLOGY]["brier"]
    for found in figures.values():
        with np.errstate(invalid="ignore", divide="ignore"):
            found["brier_skill"] = 1 - found["brier"] / base


def _intervals(figures: Figures) -> dict[str, Any]:
    return {name: interval(values) for name, values in figures.items()}


def _differences(sample: Sample, figures: Mapping[str, Figures]) -> dict[str, Any]:
    if OURS not in figures:
        return {}
    return {rival: _difference(sample, figures, rival) for rival in figures if rival != OURS}


def _difference(sample: Sample, figures: Mapping[str, Figures], rival: str) -> dict[str, Any]:
    """The Brier difference is summed from differences of rows: an equal rival gives exactly 0."""
    losses = [np.square(sample.risks[name] - sample.target) for name in (OURS, rival)]
    columns = np.stack([losses[0] - losses[1], np.ones(len(losses[0]))], axis=1)
    lost, rows = weighted_sums(sample.weights, sample.patient, columns).T
    with np.errstate(invalid="ignore", divide="ignore"):
        brier = interval(lost / rows)
    auroc = interval(figures[OURS]["auroc"] - figures[rival]["auroc"])
    return {"brier": brier, "auroc": auroc, "verdict": verdict(brier)}


def verdict(brier: Mapping[str, float | None]) -> str:
    """Better or worse only if the paired 95 % interval of the Brier difference excludes 0."""
    low, high = brier["low"], brier["high"]
    if high is not None and high < 0:
        return "better"
    return "worse" if low is not None and low > 0 else "not better"


def _curves(sample: Sample, risk: Floats, cells: Cells | None) -> dict[str, Any]:
    enough = cells is not None and sample.both >= LEAST_EVENTS
    return model_curves(cells.merged(COARSE) if cells and enough else None, sample.target, risk)
