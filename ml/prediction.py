"""From features to coherent crisis risks with native boosters: no Spark, no files.

Each booster's probability is calibrated, then the horizons are made coherent. The stream broadcasts a `Bundle` and
makes one `Predictor` per worker and model version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from conf.clinical import ALERT_HORIZON_H, HORIZONS_H
from ml.calibration import Calibrators
from ml.features import FEATURE_NAMES

THREADS: Final = {"nthread": 1}  # a booster loaded from bytes has 0 = all cores, beside every other Spark task


@dataclass(frozen=True, slots=True)
class Bundle:
    """One version of the model: its card, the native UBJ bytes of one booster per horizon in hours, its calibrators.

    It can be pickled.
    """

    version: str
    card: dict[str, Any]
    boosters: dict[int, bytes]
    calibrators: Calibrators


@dataclass(frozen=True, slots=True)
class Risks:
    """Crisis risks of n windows.

    `values` has shape (n, 3), one column per horizon in the order of `HORIZONS_H`, never falling from left to right.
    `repaired` has shape (n,): the horizons, which are fitted apart, had contradicted each other in this row.
    """

    values: NDArray[np.float64]
    repaired: NDArray[np.bool_]


class Predictor:
    """Scores feature rows with one thread; build it once per model version, it is not for sharing between threads."""

    def __init__(self, bundle: Bundle) -> None:
        self.version = bundle.version
        self._calibrators = bundle.calibrators
        self._boosters = [_load_booster(bundle.boosters[horizon_h]) for horizon_h in HORIZONS_H]

    def raw_risks(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each booster's own probability, shape (n, 3), from features of shape (n, 120) with NaN for missing."""
        rows = _checked(features)
        if len(rows) == 0:
            return np.empty((0, len(HORIZONS_H)))
        columns = [booster.inplace_predict(rows, missing=np.nan, validate_features=False) for booster in self._boosters]
        return np.stack(columns, axis=1).astype(np.float64)

    def risks(self, features: NDArray[np.float32]) -> Risks:
        """Return calibrated risks, made coherent (1 h <= 6 h <= 24 h) by the cumulative maximum over the horizons."""
        calibrated = self._calibrators.apply(self.raw_risks(features))
        values = np.maximum.accumulate(calibrated, axis=1)
        return Risks(values, (values != calibrated).any(axis=1))

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each feature adds to the alert horizon's raw log odds, shape (n, 120); see `ml.explanation`."""
        rows = xgboost.DMatrix(_checked(features), missing=np.nan, **THREADS)
        booster = self._boosters[HORIZONS_H.index(ALERT_HORIZON_H)]
        told: NDArray[np.float32] = booster.predict(
            rows, pred_contribs=True, approx_contribs=True, validate_features=False
        )
        return told[:, :-1]


def booster_bytes(boosters: Mapping[int, xgboost.Booster]) -> dict[int, bytes]:
    """Return the native UBJ bytes of each horizon's booster."""
    return {horizon_h: bytes(boosters[horizon_h].save_raw("ubj")) for horizon_h in HORIZONS_H}


def _checked(features: NDArray[np.float32]) -> NDArray[np.float32]:
    if features.ndim != 2 or features.shape[1] != len(FEATURE_NAMES):
        raise ValueError(f"features must have shape (n, {len(FEATURE_NAMES)}), not {features.shape}")
    return np.ascontiguousarray(features, dtype=np.float32)


def _load_booster(raw: bytes) -> xgboost.Booster:
    """Load a booster that keeps to one thread; loading resets what its constructor was told."""
    booster = xgboost.Booster(THREADS, model_file=bytearray(raw))
    booster.set_param(THREADS)
    return booster
