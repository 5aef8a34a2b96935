"""How good models are on one part of the data: every figure with its interval, by subgroup and horizon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, ALERT_THRESHOLDS, HORIZONS_H
from ml.dataset import Dataset, Texts
from ml.evaluation.bootstrap import REPLICATES, Weights, anchored, draw_weights, interval, plain, weighted_sums
from ml.evaluation.curves import model_curves, shared_curves
from ml.evaluation.metrics import (
    COARSE,
    RiskBins,
    auroc,
    average_precision,
    count_by_risk,
    make_bins,
    pairs_within,
    row_losses,
)
from ml.evaluation.names import CHAMPION, CLIMATOLOGY, HORIZONS, OURS
from ml.evaluation.recalibration import calibration_errors, intercept, logits, slope
from ml.evaluation.subgroups import HEADLINE, crisis_subgroups, in_crisis, subgroup_rows
from ml.labels import Flags

Floats = NDArray[np.float64]
Figures = dict[str, Floats]  # name of a statistic -> (1 + replicates,)

IN_SUBGROUPS: Final = (OURS, CHAMPION)
SUBGROUP_FIGURES: Final = ("auroc", "brier", "ici", "mean_risk", "expected_per_observed")
LEAST_FOR_CALIBRATION: Final = 20  # and as many other rows: below, nothing is said about calibration


class Windows(Protocol):
    """Windows whose risks are judged: a `Dataset`, or what is known of others; see there."""

    @property
    def targets(self) -> NDArray[np.float32]:
        """Return the outcomes (m, 3), NaN where unknown."""

    @property
    def patient_id(self) -> Texts:
        """Return whose each window is."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of one horizon with known outcome; `patient` (m,) are rows of `weights`."""

    weights: Weights
    patient: NDArray[np.intp]
    target: NDArray[np.float32]
    risks: Mapping[str, Floats]

    @property
    def rarer(self) -> int:
        """Count the rows of the rarer outcome."""
        events = int(self.target.sum())
        return min(events, len(self.target) - events)


def evaluate_part(
    data: Dataset,
    risks: Mapping[str, Floats],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
    headline_only: bool = False,
) -> dict[str, Any]:
    """Judge models on rows that none of them has seen; see `evaluate_windows`."""
    crisis = in_crisis(data.features)
    return evaluate_windows(data, crisis, risks, replicates=replicates, seed=seed, headline_only=headline_only)


def evaluate_windows(
    data: Windows,
    crisis: Flags,
    risks: Mapping[str, Floats],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
    headline_only: bool = False,
) -> dict[str, Any]:
    """Judge models on windows, of which `crisis` (m,) tells those in crisis at t; `risks` has shape (m, 3) per model.

    The result is {subgroup by crisis: {"1h" | "6h" | "24h": {"rows", "events", "patients", "patients_with_event",
    "prevalence", "censored_share", "models": {model: {figure: {"value", "low", "high"}}}, "differences": {other model:
    {"brier", "auroc", "within_auroc", "result"}}}}} in plain values. Differences are `OURS` minus the other model,
    paired. None stands for what does not exist, as with one outcome only. What is plotted, "curves", stands in the
    headline; with `headline_only` there is no other subgroup, and no curves.
    """
    patient, weights = _resample(data, replicates, seed)
    found: dict[str, Any] = {}
    for name, rows in crisis_subgroups(crisis).items():
        if headline_only and name != HEADLINE:
            continue
        found[name] = {}
        for column, horizon in enumerate(HORIZONS):
            sample = _sample(data, risks, rows, column, patient, weights)
            censored_share = plain(np.isnan(data.targets[rows, column]).mean()) if rows.any() else 0.0
            with_curves = name == HEADLINE and not headline_only
            found[name][horizon] = {"censored_share": censored_share, **_all_figures(sample, with_curves=with_curves)}
    return found


def evaluate_subgroups(
    data: Dataset, risks: Mapping[str, Floats], *, replicates: int = REPLICATES, seed: int = 0
) -> dict[str, Any]:
    """Judge as `evaluate_part`, by subgroup of the rows not in crisis at t: the model and its champion, no curves."""
    patient, weights = _resample(data, replicates, seed)
    calm = crisis_subgroups(in_crisis(data.features))[HEADLINE]
    chosen = {name: values for name, values in risks.items() if name in IN_SUBGROUPS}
    return {
        name: {
            horizon: _few_figures(_sample(data, chosen, calm & rows, column, patient, weights))
            for column, horizon in enumerate(HORIZONS)
        }
        for name, rows in subgroup_rows(data).items()
    }


def evaluate_levels(data: Dataset, risk: Floats, *, replicates: int = REPLICATES, seed: int = 0) -> dict[str, Any]:
    """Return how often a crisis followed windows of each alert level, not in crisis at t; `risk` has shape (m, 3).

    {level: {"rows", "events", "patients", "followed": share with its interval}}, within the horizon of alerts.
    """
    patient, weights = _resample(data, replicates, seed)
    calm = crisis_subgroups(in_crisis(data.features))[HEADLINE]
    sample = _sample(data, {OURS: risk}, calm, HORIZONS_H.index(ALERT_HORIZON_H), patient, weights)
    rank = np.searchsorted(ALERT_THRESHOLDS, sample.risks[OURS], side="right")
    found = {}
    for number, level in enumerate(ALERT_LEVELS):
        of_level, target = sample.patient[rank == number], sample.target[rank == number]
        columns = np.stack([np.ones(len(target)), target], axis=1).astype(np.float64)
        rows, events = weighted_sums(weights, of_level, columns).T
        with np.errstate(invalid="ignore", divide="ignore"):
            followed = interval(events / rows)
        patients = len(np.unique(of_level))
        found[level] = {"rows": int(rows[0]), "events": int(events[0]), "patients": patients, "followed": followed}
    return found


def _resample(data: Windows, replicates: int, seed: int) -> tuple[NDArray[np.intp], Weights]:
    patients, patient = np.unique(data.patient_id, return_inverse=True)
    return patient, draw_weights(len(patients), replicates, seed)


def _sample(
    data: Windows,
    risks: Mapping[str, Floats],
    rows: Flags,
    column: int,
    patient: NDArray[np.intp],
    weights: Weights,
) -> Sample:
    known = rows & ~np.isnan(data.targets[:, column])
    chosen = {name: np.asarray(values[known, column], dtype=np.float64) for name, values in risks.items()}
    return Sample(weights, patient[known], data.targets[known, column], chosen)


def _all_figures(sample: Sample, *, with_curves: bool) -> dict[str, Any]:
    bins = {name: _bins(sample, risk) for name, risk in sample.risks.items()}
    figures = {name: _figures(sample, risk, bins[name]) for name, risk in sample.risks.items()}
    _add_skill(figures)
    counts = _counts(sample)
    judged = {
        **counts,
        "models": {name: _intervals(found) for name, found in figures.items()},
        "differences": _differences(sample, figures),
    }
    if not with_curves:
        return judged
    models = {
        name: model_curves(_coarse(sample, bins[name]), sample.target, risk) for name, risk in sample.risks.items()
    }
    return {**judged, "curves": {**shared_curves(counts["prevalence"]), "models": models}}


def _few_figures(sample: Sample) -> dict[str, Any]:
    figures = {name: _figures(sample, risk, _bins(sample, risk)) for name, risk in sample.risks.items()}
    models = {
        name: _intervals({figure: found[figure] for figure in SUBGROUP_FIGURES}) for name, found in figures.items()
    }
    return {**_counts(sample), "models": models, "differences": _differences(sample, figures)}


def _counts(sample: Sample) -> dict[str, Any]:
    rows, events = len(sample.target), int(sample.target.sum())
    return {
        "rows": rows,
        "events": events,
        "patients": len(np.unique(sample.patient)),
        "patients_with_event": len(np.unique(sample.patient[sample.target == 1])),
        "prevalence": plain(events / max(rows, 1)),
    }


def _bins(sample: Sample, risk: Floats) -> RiskBins | None:
    """Group the rows by risk where both outcomes occur."""
    if sample.rarer == 0:
        return None
    return make_bins(sample.weights, sample.patient, sample.target, risk, logits(risk))


def _coarse(sample: Sample, bins: RiskBins | None) -> RiskBins | None:
    """Return the bins that calibration is computed on, None where there is too little to speak of it."""
    return bins.merged(COARSE) if bins is not None and sample.rarer >= LEAST_FOR_CALIBRATION else None


def _figures(sample: Sample, risk: Floats, bins: RiskBins | None) -> Figures:
    with np.errstate(invalid="ignore", divide="ignore"):
        return {**_errors(sample, risk), **_ranking(sample, risk, bins), **_calibration(sample, bins)}


def _errors(sample: Sample, risk: Floats) -> Figures:
    losses = row_losses(sample.target, risk)
    outcomes = np.stack([np.ones(len(risk)), sample.target], axis=1)
    sums = weighted_sums(sample.weights, sample.patient, np.concatenate([losses, outcomes], axis=1)).T
    mae, brier, log_loss, mean_risk, prevalence = np.delete(sums, 4, axis=0) / sums[4]
    r2 = 1 - brier / (prevalence * (1 - prevalence))
    return {
        **{"mae": mae, "rmse": np.sqrt(brier), "r2": r2, "brier": brier, "log_loss": log_loss},
        **{"mean_risk": mean_risk, "expected_per_observed": mean_risk / prevalence},
    }


def _ranking(sample: Sample, risk: Floats, bins: RiskBins | None) -> Figures:
    if bins is None:
        return dict.fromkeys(("auroc", "auprc", "within_auroc"), _nothing(sample))
    exact = count_by_risk(sample.target, risk)
    areas = {"auroc": auroc, "auprc": average_precision}
    pairs = pairs_within(len(sample.weights), sample.patient, sample.target, risk)
    concordant, all_pairs = weighted_sums(sample.weights, np.arange(len(pairs)), pairs).T
    return {
        **{name: anchored(area(bins.events, bins.rows), float(area(*exact))) for name, area in areas.items()},
        "within_auroc": concordant / all_pairs,
    }


def _calibration(sample: Sample, bins: RiskBins | None) -> Figures:
    coarse = _coarse(sample, bins)
    if coarse is None:
        return dict.fromkeys(("ici", "e50", "e90", "slope", "intercept"), _nothing(sample))
    counts = (coarse.log_odds, coarse.events, coarse.rows)
    return {**calibration_errors(coarse.risk, *counts), "slope": slope(*counts), "intercept": intercept(*counts)}


def _nothing(sample: Sample) -> Floats:
    return np.full(sample.weights.shape[1], np.nan)


def _add_skill(figures: dict[str, Figures]) -> None:
    """Add the Brier skill against climatology, where climatology is among the models."""
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
    return {other: _difference(sample, figures, other) for other in figures if other != OURS}


def _difference(sample: Sample, figures: Mapping[str, Figures], other: str) -> dict[str, Any]:
    """Compare ours with another model; the Brier difference is summed from rows: an equal model gives exactly 0."""
    losses = [np.square(sample.risks[name] - sample.target) for name in (OURS, other)]
    columns = np.stack([losses[0] - losses[1], np.ones(len(losses[0]))], axis=1)
    lost, rows = weighted_sums(sample.weights, sample.patient, columns).T
    with np.errstate(invalid="ignore", divide="ignore"):
        brier = interval(lost / rows)
    areas = {name: interval(figures[OURS][name] - figures[other][name]) for name in ("auroc", "within_auroc")}
    return {"brier": brier, **areas, "result": compared(brier)}


def compared(brier: Mapping[str, float | None]) -> str:
    """Say better or worse only if the paired 95 % interval of the Brier difference excludes 0."""
    low, high = brier["low"], brier["high"]
    if high is not None and high < 0:
        return "better"
    return "worse" if low is not None and low > 0 else "not better"
