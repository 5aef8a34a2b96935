"""How well risks rank, and how far they are from the outcomes; all formulas, no models and no strata."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_LIKELIHOOD: Final = 1e-5  # bounds the log loss of a risk of 0 or 1 that was wrong


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
