"""How calibrated risks are: logistic recalibration of many resamples at once, and what follows from it.

Rows are grouped into K bins of rising risk. `events` and `rows` count them per resample and bin, shape (R, K); the
risk and its logit are the bin's means, shape (K,). ICI, E50 and E90 after Austin and Steyerberg 2019
(doi 10.1002/sim.8281), with a restricted cubic spline of the logit as the flexible curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]

LEAST_RISK: Final = 1e-5  # risks of 0 and 1 have no logit: they count as this far from the end
KNOTS: Final = (0.05, 0.275, 0.5, 0.725, 0.95)  # quantiles of the logit, events and other rows weighing the same
SATURATED: Final = 10  # with at most this many different risks, each has its own observed rate: no curve is needed
RIDGE: Final = 1e-4  # keeps resamples with separated classes finite; nothing beside the information of 20 events
LARGEST_STEP: Final = 2.0  # of the linear predictor, in one Newton step
MOST_STEPS: Final = 30


@dataclass(frozen=True, slots=True)
class Basis:
    """A restricted cubic spline: linear beyond the outer knots; only linear with fewer than three knots."""

    knots: Floats

    def columns(self, values: Floats) -> Floats:
        """Return intercept, the values, and a column per inner knot, shape (len(values), 2 + inner knots)."""
        first, last = self.knots[0], self.knots[-1]
        scale = max(last - first, 1e-9)

        def cube(knot: float) -> Floats:
            return np.asarray(np.maximum((values - knot) / scale, 0) ** 3, dtype=np.float64)

        columns = [np.ones_like(values), values]
        if len(self.knots) > 2:
            before_last = self.knots[-2]
            for knot in self.knots[:-2]:
                ends = cube(before_last) * (last - knot) - cube(last) * (before_last - knot)
                columns.append(cube(knot) - ends / (last - before_last))
        return np.stack(columns, axis=1)


def logits(risk: Floats) -> Floats:
    """Return log odds, finite."""
    return np.asarray(logit(np.clip(risk, LEAST_RISK, 1 - LEAST_RISK)), dtype=np.float64)


def make_basis(log_odds: Floats, events: Floats, rows: Floats) -> Basis:
    """Put knots where the data are: at quantiles of the bins' log odds, counts of shape (K,) being the data's."""
    share = events / events.sum() + (rows - events) / (rows - events).sum()
    below = np.cumsum(share) / share.sum()
    places = np.searchsorted(below, KNOTS).clip(max=len(log_odds) - 1)
    return Basis(np.unique(log_odds[places]))


def fit_logistic(columns: Floats, events: Floats, rows: Floats, offset: Floats | float = 0.0) -> Floats:
    """Return coefficients (R, q) of a logistic regression per resample on the same columns (K, q), after Newton."""
    start = np.zeros((1, columns.shape[1]))
    first = _newton(columns, events[:1], rows[:1], offset, start)
    return _newton(columns, events, rows, offset, np.repeat(first, len(events), axis=0))


def _newton(columns: Floats, events: Floats, rows: Floats, offset: Floats | float, start: Floats) -> Floats:
    bins, size = columns.shape
    products = (columns[:, :, None] * columns[:, None, :]).reshape(bins, size * size)
    coefficients = start
    for _ in range(MOST_STEPS):
        chance = expit(coefficients @ columns.T + offset)
        gradient = (events - rows * chance) @ columns - RIDGE * coefficients
        information = ((rows * chance * (1 - chance)) @ products).reshape(-1, size, size) + RIDGE * np.eye(size)
        step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        largest = np.abs(step @ columns.T).max(axis=1, keepdims=True)
        coefficients = coefficients + step * np.minimum(1, LARGEST_STEP / np.maximum(largest, 1e-12))
        if largest.max() < 1e-6:
            break
    return coefficients


def slope(log_odds: Floats, events: Floats, rows: Floats) -> Floats:
    """Return the slope of the outcome on the log odds (R,): below 1 risks are too extreme; NaN for a single risk."""
    if len(log_odds) < 2:
        return np.full(len(events), np.nan)
    columns = np.stack([np.ones_like(log_odds), log_odds], axis=1)
    return fit_logistic(columns, events, rows)[:, 1]


def intercept(log_odds: Floats, events: Floats, rows: Floats) -> Floats:
    """Return the calibration-in-the-large (R,): by how much the log odds are too low on the whole; 0 is right."""
    return fit_logistic(np.ones((len(log_odds), 1)), events, rows, log_odds)[:, 0]


@dataclass(frozen=True, slots=True)
class Curve:
    """The observed rate as a function of the risk, per resample."""

    basis: Basis
    coefficients: Floats

    def at(self, log_odds: Floats) -> Floats:
        """Return the observed rates at these log odds (k,), shape (R, k)."""
        return np.asarray(expit(self.coefficients @ self.basis.columns(log_odds).T), dtype=np.float64)


def fit_curve(log_odds: Floats, events: Floats, rows: Floats) -> Curve:
    """Return the flexible calibration curve of every resample."""
    basis = make_basis(log_odds, events[0], rows[0])
    return Curve(basis, fit_logistic(basis.columns(log_odds), events, rows))


def observed_rates(risk: Floats, log_odds: Floats, events: Floats, rows: Floats) -> Floats:
    """Return the smoothed observed rate in each bin, (R, K); bins without rows in a resample have the risk itself."""
    if len(risk) > SATURATED:
        return fit_curve(log_odds, events, rows).at(log_odds)
    return np.where(rows > 0, events / np.maximum(rows, 1), risk)


def calibration_errors(risk: Floats, log_odds: Floats, events: Floats, rows: Floats) -> dict[str, Floats]:
    """Return ICI (mean), E50 (median) and E90 (90th percentile) of |observed rate - risk| over the rows, each (R,)."""
    error = np.abs(observed_rates(risk, log_odds, events, rows) - risk)
    total = np.maximum(rows.sum(axis=1), 1)
    order = np.argsort(error, axis=1)
    ranked = np.take_along_axis(error, order, axis=1)
    below = np.cumsum(np.take_along_axis(rows, order, axis=1), axis=1) / total[:, None]

    def quantile(share: float) -> Floats:
        place = (below < share - 1e-12).sum(axis=1, keepdims=True).clip(max=len(risk) - 1)
        return np.take_along_axis(ranked, place, axis=1)[:, 0]

    return {"ici": (error * rows).sum(axis=1) / total, "e50": quantile(0.5), "e90": quantile(0.9)}
