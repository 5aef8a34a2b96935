"""How good predicted risks are: discrimination, overall error and prevalence, by stratum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from conf.clinical import HORIZONS_H
from ml.strata import NEWEST, in_crisis

Floats = NDArray[np.float64]

LEAST_LIKELIHOOD: Final = 1e-5  # bounds the log loss of a risk of 0 or 1 that was wrong


def evaluate(
    features: NDArray[np.float32], targets: NDArray[np.float32], risks: Mapping[str, NDArray[np.float64]]
) -> dict[str, Any]:
    """Metrics of each model in `risks` (shape (m, 3) each), as {stratum: {horizon: {model: metrics}}}."""
    calm = ~in_crisis(features)
    strata = {"all": np.ones_like(calm), "not_in_crisis_at_t": calm}
    return {
        name: {
            f"{horizon_h}h": {
                model: binary_metrics(targets[rows, column], values[rows, column]) for model, values in risks.items()
            }
            for column, horizon_h in enumerate(HORIZONS_H)
        }
        for name, rows in strata.items()
    }


def binary_metrics(target: NDArray[np.float32], risk: NDArray[np.float64]) -> dict[str, float | int | None]:
    """Metrics of one horizon; those that need both classes are None when only one occurs.

    `brier_skill` is 1 - Brier / Brier of the prevalence itself: 0 for climatology, negative for worse.
    """
    prevalence = float(target.mean()) if len(target) else 0.0
    both = 0 < prevalence < 1
    brier = float(np.mean((risk - target) ** 2)) if len(target) else None
    return {
        "rows": len(target),
        "events": int(target.sum()),
        "prevalence": prevalence,
        "mean_risk": float(risk.mean()) if len(target) else None,
        "auroc": float(roc_auc_score(target, risk)) if both else None,
        "auprc": float(average_precision_score(target, risk)) if both else None,
        "brier": brier,
        "brier_skill": 1 - brier / (prevalence * (1 - prevalence)) if both and brier is not None else None,
    }


def auroc(events: Floats, rows: Floats) -> Floats:
    """Area under the ROC curve from counts of events and rows per cell of rising risk (..., K); ties count half."""
    others = rows - events
    below = np.cumsum(others, axis=-1) - others / 2
    with np.errstate(invalid="ignore"):
        area: Floats = (events * below).sum(axis=-1) / (events.sum(axis=-1) * others.sum(axis=-1))
    return area


def average_precision(events: Floats, rows: Floats) -> Floats:
    """Area under the precision-recall curve as a sum of steps, from counts per cell of rising risk (..., K)."""
    found = np.cumsum(events[..., ::-1], axis=-1)
    flagged = np.cumsum(rows[..., ::-1], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(flagged > 0, found / flagged, 0.0)
        area: Floats = (events[..., ::-1] * precision).sum(axis=-1) / events.sum(axis=-1)
    return area


def count_by_risk(target: NDArray[np.float32], risk: Floats) -> tuple[Floats, Floats]:
    """Counts of events and rows at each different risk, rising: with these, the two areas are exact."""
    _, place = np.unique(risk, return_inverse=True)
    return np.bincount(place, target).astype(np.float64), np.bincount(place).astype(np.float64)


def row_losses(target: NDArray[np.float32], risk: Floats) -> Floats:
    """Absolute error, squared error, log loss and the risk itself of each row, shape (m, 4)."""
    error = risk - target.astype(np.float64)
    likelihood = np.clip(1 - np.abs(error), LEAST_LIKELIHOOD, 1)
    return np.stack([np.abs(error), error**2, -np.log(likelihood), risk], axis=1)


def last_value_baseline(
    train_features: NDArray[np.float32], train_targets: NDArray[np.float32], features: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Risks of the simplest rival, a logistic map of the newest systolic and diastolic, shape (m, 3)."""
    models = [LogisticRegression().fit(train_features[:, NEWEST], target) for target in train_targets.T]
    return np.stack([model.predict_proba(features[:, NEWEST])[:, 1] for model in models], axis=1)
