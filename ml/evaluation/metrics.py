"""How well risks rank, and how far they are from the outcomes; all formulas, no models and no subgroups.

Ranking and calibration of resamples are computed on bins of rising risk. Bins end at quantiles of the risk among the
events and among the other rows, at most CUTS of each. Then no bin holds more than 1/CUTS of either class beside equal
risks, and taking the rows of a bin as equal changes AUROC by at most 1/CUTS = 0.001, whatever the data, and by about a
tenth of that in practice. The data as they are need no bins: `count_by_risk`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.bootstrap import Weights, weighted_counts

Floats = NDArray[np.float64]

CUTS: Final = 1000
COARSE: Final = 150  # bins that calibration needs
LEAST_LIKELIHOOD: Final = 1e-5  # bounds the log loss of a risk of 0 or 1 that was wrong


def auroc(events: Floats, rows: Floats) -> Floats:
    """Return the area under the ROC curve from counts of events and rows per bin (..., K); ties count half."""
    others = rows - events
    below = np.cumsum(others, axis=-1) - others / 2
    with np.errstate(invalid="ignore"):
        area: Floats = (events * below).sum(axis=-1) / (events.sum(axis=-1) * others.sum(axis=-1))
    return area


def average_precision(events: Floats, rows: Floats) -> Floats:
    """Return the area under the precision-recall curve as a sum of steps, from counts per bin (..., K)."""
    found = np.cumsum(events[..., ::-1], axis=-1)
    flagged = np.cumsum(rows[..., ::-1], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(flagged > 0, found / flagged, 0.0)
        area: Floats = (events[..., ::-1] * precision).sum(axis=-1) / events.sum(axis=-1)
    return area


def count_by_risk(target: NDArray[np.float32], risk: Floats) -> tuple[Floats, Floats]:
    """Count events and rows at each different risk, rising: with these, the two areas are exact."""
    _, place = np.unique(risk, return_inverse=True)
    return np.bincount(place, target).astype(np.float64), np.bincount(place).astype(np.float64)


def pairs_within(
    patients: int, patient: NDArray[np.intp], target: NDArray[np.float32], risk: Floats
) -> NDArray[np.float64]:
    """Count for each patient (0 ... patients - 1) the pairs of an event and another row, shape (patients, 2).

    First those in which the event has the higher risk, ties as half, then all: their ratio over patients is the AUROC
    within patients, which tells *when* a crisis comes, and not who is prone to it.
    """
    order = np.lexsort((risk, patient))
    owner, event = patient[order], target[order].astype(np.float64)
    others = 1 - event
    before = np.cumsum(others) - others
    starts = np.diff(owner, prepend=-1) != 0
    new_risk = starts | (np.diff(risk[order], prepend=-1) != 0)
    tie = np.cumsum(new_risk) - 1
    lower = before[new_risk][tie] + np.bincount(tie, others)[tie] / 2 - before[starts][np.cumsum(starts) - 1]
    all_pairs = np.bincount(owner, event, patients) * np.bincount(owner, others, patients)
    return np.stack([np.bincount(owner, event * lower, patients), all_pairs], axis=1)


def row_losses(target: NDArray[np.float32], risk: Floats) -> Floats:
    """Return absolute error, squared error, log loss and the risk itself of each row, shape (m, 4)."""
    error = risk - target.astype(np.float64)
    likelihood = np.clip(1 - np.abs(error), LEAST_LIKELIHOOD, 1)
    return np.stack([np.abs(error), error**2, -np.log(likelihood), risk], axis=1)


@dataclass(frozen=True, slots=True)
class RiskBins:
    """K bins; `events` and `rows` (R, K) count per resample; `risk` and `log_odds` (K,) are the means of the bin."""

    risk: Floats
    log_odds: Floats
    events: Floats
    rows: Floats

    def merged(self, most: int) -> RiskBins:
        """Return at most `most` bins, by joining neighbours."""
        size = -(-len(self.risk) // most)
        if size == 1:
            return self
        starts = np.arange(0, len(self.risk), size)
        weight = self.rows[0]
        total = np.add.reduceat(weight, starts)
        return RiskBins(
            np.add.reduceat(self.risk * weight, starts) / total,
            np.add.reduceat(self.log_odds * weight, starts) / total,
            np.add.reduceat(self.events, starts, axis=1),
            np.add.reduceat(self.rows, starts, axis=1),
        )


def make_bins(
    weights: Weights, patient: NDArray[np.intp], target: NDArray[np.float32], risk: Floats, log_odds: Floats
) -> RiskBins:
    """Group rows, whose patients are rows of `weights`; both outcomes must occur."""
    event = target > 0
    cuts = np.unique(np.concatenate([_quantiles(risk[event]), _quantiles(risk[~event])]))
    filled, place = np.unique(np.searchsorted(cuts, risk, side="left"), return_inverse=True)
    bins = len(filled)
    events = weighted_counts(weights, patient[event], place[event], bins)
    others = weighted_counts(weights, patient[~event], place[~event], bins)
    sizes = np.bincount(place)
    mean_risk, mean_log_odds = (np.bincount(place, values) / sizes for values in (risk, log_odds))
    return RiskBins(mean_risk, mean_log_odds, events, events + others)


def _quantiles(risk: Floats) -> Floats:
    """Return the upper ends of at most CUTS groups of equal size: each row's own risk where there are fewer rows."""
    if len(risk) <= CUTS:
        return risk
    return np.quantile(risk, np.arange(1, CUTS + 1) / CUTS, method="inverted_cdf")
