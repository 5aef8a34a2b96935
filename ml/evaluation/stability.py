"""How far a patient's risk depends on which patients a model happened to be fitted on, and with which seed.

After Riley RD, Collins GS, "Stability of clinical prediction models developed using statistical or machine learning
methods", Biometrical Journal 2023;65:2200302: the model is fitted again several times, and each window's risks are held
against the one it has. A model may be right on the whole and yet give one patient quite another risk with other data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import ALERT_HORIZON_H, ALERT_THRESHOLDS, HORIZONS_H
from ml.dataset import Dataset
from ml.evaluation.bootstrap import plain
from ml.evaluation.metrics import auroc, count_by_risk
from ml.evaluation.names import HORIZONS
from ml.evaluation.subgroups import in_crisis

Floats = NDArray[np.float64]

MOST_POINTS: Final = 800
WIDE: Final = 95  # percentile of the windows


def spread(data: Dataset, ours: Floats, refits: Sequence[Floats], *, seed: int = 0) -> dict[str, Any]:
    """Return how far the risks of `refits` are from `ours`, all of shape (m, 3), for windows not in crisis.

    By horizon: the mean over windows of each one's mean distance ("mean_distance", the paper's MAPE), that of the
    window at the 95th percentile ("wide_distance"), AUROC and Brier score of each fit where the outcome is known, and a
    sample of windows to plot. "levels_changed" is the share of windows above LOW that a fit gives another level, on
    average over the fits; None if there is no such window.
    """
    calm = ~in_crisis(data.features)
    risks = np.stack([risk[calm] for risk in refits])  # (k, n, 3)
    rows, targets = ours[calm], data.targets[calm]
    sample = np.sort(np.random.default_rng(seed).permutation(len(rows))[:MOST_POINTS])
    distance = np.abs(risks - rows).mean(axis=0)
    return {
        "fits": len(refits),
        "windows": len(rows),
        "levels_changed": _levels_changed(rows, risks),
        "horizons": {
            horizon: {
                "mean_distance": plain(distance[:, column].mean()),
                "wide_distance": plain(np.percentile(distance[:, column], WIDE)),
                **_quality(targets[:, column], [rows[:, column], *risks[:, :, column]]),
                "points": {
                    "ours": [round(float(risk), 4) for risk in rows[sample, column]],
                    "refits": [[round(float(risk), 4) for risk in fit[sample, column]] for fit in risks],
                },
            }
            for column, horizon in enumerate(HORIZONS)
        },
    }


def _levels_changed(ours: Floats, risks: NDArray[np.float64]) -> float | None:
    column = HORIZONS_H.index(ALERT_HORIZON_H)
    own = np.searchsorted(ALERT_THRESHOLDS, ours[:, column], side="right")
    others = np.searchsorted(ALERT_THRESHOLDS, risks[:, :, column], side="right")
    above = own > 0
    return plain((others[:, above] != own[above]).mean()) if above.any() else None


def _quality(target: NDArray[np.float32], fits: Sequence[Floats]) -> dict[str, list[float]]:
    """Return AUROC and Brier score of each fit, the model's own first; no AUROC where there is one outcome only."""
    known = ~np.isnan(target)
    truth = target[known]
    both = 0 < truth.sum() < len(truth)
    return {
        "auroc": [plain(auroc(*count_by_risk(truth, fit[known]))) for fit in fits] if both else [],
        "brier": [plain(np.square(fit[known] - truth).mean()) for fit in fits] if len(truth) else [],
    }
