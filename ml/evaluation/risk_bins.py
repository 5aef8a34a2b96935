"""Rows of one model grouped into cells of rising risk: all that ranking and calibration need to know of them.

Cells end at quantiles of the risk among the events and among the other rows, at most CUTS of each. Then no cell holds
more than 1/CUTS of either class beside equal risks, and taking the rows of a cell as equal changes AUROC by at most
1/CUTS = 0.001, whatever the data, and by about a tenth of that in practice. Only the resamples are computed on cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.bootstrap import Weights, weighted_counts

Floats = NDArray[np.float64]

CUTS: Final = 1000
COARSE: Final = 150  # cells that calibration needs


@dataclass(frozen=True, slots=True)
class Cells:
    """K cells; `events` and `rows` (R, K) count per resample; `risk` and `log_odds` (K,) are the means of the cell."""

    risk: Floats
    log_odds: Floats
    events: Floats
    rows: Floats

    def merged(self, most: int) -> Cells:
        """At most `most` cells, by joining neighbours."""
        size = -(-len(self.risk) // most)
        if size == 1:
            return self
        starts = np.arange(0, len(self.risk), size)
        weight = self.rows[0]
        total = np.add.reduceat(weight, starts)
        return Cells(
            np.add.reduceat(self.risk * weight, starts) / total,
            np.add.reduceat(self.log_odds * weight, starts) / total,
            np.add.reduceat(self.events, starts, axis=1),
            np.add.reduceat(self.rows, starts, axis=1),
        )


def make_cells(
    weights: Weights, patient: NDArray[np.intp], target: NDArray[np.float32], risk: Floats, log_odds: Floats
) -> Cells:
    """Group rows, whose patients are rows of `weights`; both outcomes must occur."""
    event = target > 0
    cuts = np.unique(np.concatenate([_quantiles(risk[event]), _quantiles(risk[~event])]))
    cell = np.searchsorted(cuts, risk, side="left")
    filled, cell = np.unique(cell, return_inverse=True)
    cells = len(filled)
    events = weighted_counts(weights, patient[event], cell[event], cells)
    others = weighted_counts(weights, patient[~event], cell[~event], cells)
    sizes = np.bincount(cell)
    mean_risk, mean_log_odds = (np.bincount(cell, values) / sizes for values in (risk, log_odds))
    return Cells(mean_risk, mean_log_odds, events, events + others)


def _quantiles(risk: Floats) -> Floats:
    """Upper ends of at most CUTS groups of equal size: each row's own risk where there are fewer rows."""
    if len(risk) <= CUTS:
        return risk
    return np.quantile(risk, np.arange(1, CUTS + 1) / CUTS, method="inverted_cdf")
