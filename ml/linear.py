"""The straight part of the model: a logistic regression per horizon on the boosters' inputs.

Its log odds are the base margin that the boosters start from. The log odds of a crisis are nearly a straight line in
newest, recent and usual pressure: trees alone need hundreds of steps for that line, and add here only what is not
straight. Inputs are standardised; a missing one counts as average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from ml.inputs import INPUT_NAMES, RISING

Inputs = NDArray[np.float32]

PENALTY: Final = 1.0  # inverse strength, of the squared coefficients
MOST_ITERATIONS: Final = 200


@dataclass(frozen=True, slots=True)
class LinearPart:
    """Intercepts (3,) and coefficients (3, k) of standardised inputs, whose `centre` and `scale` have shape (k,)."""

    intercepts: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]

    def margins(self, inputs: Inputs) -> NDArray[np.float32]:
        """Return the log odds of rows (n, k), shape (n, 3); a row's do not depend on the others."""
        standardised = self._standardised(inputs)
        columns = [(standardised * coefficients).sum(axis=1) for coefficients in self.coefficients]
        margins: NDArray[np.float32] = np.stack(columns, axis=1) + self.intercepts
        return margins

    def contributions(self, inputs: Inputs, horizon_h: int) -> NDArray[np.float32]:
        """Return what each input adds to the log odds of a horizon, beside what an average one adds, shape (n, k)."""
        added: NDArray[np.float32] = self._standardised(inputs) * self.coefficients[HORIZONS_H.index(horizon_h)]
        return added

    def _standardised(self, inputs: Inputs) -> Inputs:
        standardised = (inputs - self.centre) / self.scale
        np.copyto(standardised, 0, where=np.isnan(standardised))
        return standardised

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``linear.json``."""
        horizons = {
            f"{horizon_h}h": {"intercept": float(intercept), "coefficients": coefficients.tolist()}
            for horizon_h, intercept, coefficients in zip(HORIZONS_H, self.intercepts, self.coefficients, strict=True)
        }
        return {"inputs": list(INPUT_NAMES), "centre": self.centre.tolist(), "scale": self.scale.tolist(), **horizons}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LinearPart:
        """Read what `to_json` wrote; raise KeyError, TypeError or ValueError for anything else."""
        horizons = [value[f"{horizon_h}h"] for horizon_h in HORIZONS_H]
        part = cls(
            np.array([horizon["intercept"] for horizon in horizons], dtype=np.float32),
            np.array([horizon["coefficients"] for horizon in horizons], dtype=np.float32),
            *(np.array(value[name], dtype=np.float32) for name in ("centre", "scale")),
        )
        if part.coefficients.shape != (len(HORIZONS_H), len(INPUT_NAMES)) or not (part.scale > 0).all():
            raise ValueError(f"not {len(INPUT_NAMES)} coefficients for each horizon")
        return part


def fit(inputs: Inputs, targets: NDArray[np.float32]) -> LinearPart:
    """Fit each horizon on the rows whose target (m, 3) is known.

    The log odds never fall with an input that they may only rise with (`RISING`): such a coefficient is 0 then.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import, and the stream's workers never fit

    known = ~np.isnan(inputs)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, inputs, 0).sum(axis=0, dtype=np.float64) / count
    centred = np.where(known, inputs - centre, 0)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    scale = np.where(spread > 0, spread, 1.0)
    standardised = centred / scale
    rising = [INPUT_NAMES.index(name) for name in RISING]
    intercepts, coefficients = [], []
    for target in targets.T:
        told = ~np.isnan(target)
        model = LogisticRegression(C=PENALTY, max_iter=MOST_ITERATIONS).fit(standardised[told], target[told])
        row = model.coef_[0]
        row[rising] = row[rising].clip(min=0)
        coefficients.append(row)
        intercepts.append(model.intercept_[0])
    arrays = (np.array(intercepts), np.array(coefficients), centre, scale)
    return LinearPart(*(array.astype(np.float32) for array in arrays))
