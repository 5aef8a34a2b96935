"""How good predicted risks are: discrimination, overall error and prevalence, by stratum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, HORIZONS_H
from ml.features import FEATURE_NAMES

NEWEST: Final = [FEATURE_NAMES.index("systolic_lag00"), FEATURE_NAMES.index("diastolic_lag00")]


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


def in_crisis(features: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Rows whose newest reading is itself a crisis, shape (m,)."""
    systolic, diastolic = features[:, NEWEST].T
    rows: NDArray[np.bool_] = np.logical_or(systolic >= CRISIS_SYSTOLIC, diastolic >= CRISIS_DIASTOLIC)
    return rows


def last_value_baseline(
    train_features: NDArray[np.float32], train_targets: NDArray[np.float32], features: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Risks of the simplest rival, a logistic map of the newest systolic and diastolic, shape (m, 3)."""
    models = [LogisticRegression().fit(train_features[:, NEWEST], target) for target in train_targets.T]
    return np.stack([model.predict_proba(features[:, NEWEST])[:, 1] for model in models], axis=1)
