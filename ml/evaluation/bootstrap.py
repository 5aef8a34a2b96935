"""Intervals by bootstrap over patients: readings of one patient are not independent, so whole patients are drawn.

Every statistic is computed once for all resamples: a resample is a column of weights, how often each patient was drawn.
Column 0 holds ones and is the data as they are. Statistics of a paired comparison use the same weights.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Weights = NDArray[np.float32]  # shape (patients, 1 + replicates)

REPLICATES: Final = 1000
LEVEL: Final = (2.5, 97.5)  # percentiles
LEAST_DEFINED: Final = 0.95  # share of the resamples in which a statistic must exist for its interval to be given


def draw_weights(patients: int, replicates: int, seed: int) -> Weights:
    """Return ones in column 0, then `replicates` columns, each of which draws as many patients as there are."""
    random = np.random.default_rng(seed)
    weights = np.ones((patients, 1 + replicates), dtype=np.float32)
    for column in range(1, 1 + replicates):
        weights[:, column] = np.bincount(random.integers(0, patients, patients), minlength=patients)
    return weights


def weighted_sums(weights: Weights, patient: NDArray[np.intp], columns: Floats) -> Floats:
    """Sum each of c columns (m, c) of m rows, whose patients are the rows `patient` of `weights`: shape (1 + B, c)."""
    by_patient = np.stack([np.bincount(patient, column, len(weights)) for column in columns.T], axis=1)
    sums = (weights.T @ by_patient.astype(np.float32)).astype(np.float64)
    sums[0] = columns.sum(axis=0)
    return sums


def weighted_counts(weights: Weights, patient: NDArray[np.intp], place: NDArray[np.intp], bins: int) -> Floats:
    """Count the rows in each bin (0 ... bins - 1), shape (1 + B, bins)."""
    ones = np.ones(len(place), dtype=np.float32)
    members = sparse.csr_matrix((ones, (place, patient)), shape=(bins, len(weights)))
    return np.ascontiguousarray((members @ weights).T, dtype=np.float64)


def interval(statistic: Floats) -> dict[str, float | None]:
    """Return the value (element 0) with its 95 % percentile interval over the rest; None where it does not exist."""
    value, replicates = statistic[0], statistic[1:]
    defined = replicates[np.isfinite(replicates)]
    if not np.isfinite(value):
        return {"value": None, "low": None, "high": None}
    if len(defined) < max(1.0, LEAST_DEFINED * len(replicates)):
        return {"value": plain(value), "low": None, "high": None}
    low, high = np.percentile(defined, LEVEL)
    return {"value": plain(value), "low": plain(low), "high": plain(high)}


def anchored(statistic: Floats, exact: float) -> Floats:
    """Put an exactly computed value in front and move the resamples, computed on bins, by the difference."""
    moved: Floats = statistic + (exact - statistic[0])
    moved[0] = exact
    return moved


def gap_closed(
    target: NDArray[np.float32] | Floats,
    base: Floats,
    model: Floats,
    oracle: Floats,
    patient_id: NDArray[np.str_],
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the share of the way from a reference model to the oracle that a model goes; all shapes are (m,).

    (Brier_base - Brier_model) / (Brier_base - Brier_oracle): 0 for the reference model, 1 for the oracle. Rows without
    target are left out.
    """
    known = ~np.isnan(target)
    patients, patient = np.unique(patient_id[known], return_inverse=True)
    base_loss, model_loss, oracle_loss = (squared_error(target[known], risk[known]) for risk in (base, model, oracle))
    gains = np.stack([base_loss - model_loss, base_loss - oracle_loss], axis=1)
    won, possible = weighted_sums(draw_weights(len(patients), replicates, seed), patient, gains).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(won / possible)


def squared_error(target: NDArray[np.float32] | Floats, risk: Floats) -> Floats:
    """Return the Brier loss of each row."""
    return np.asarray(np.square(risk - target), dtype=np.float64)


def plain(value: Any) -> float:
    """Return a Python float of six significant digits, which is what JSON and people need."""
    return float(f"{float(value):.6g}")
