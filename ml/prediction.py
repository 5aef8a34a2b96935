"""From features to coherent crisis risks with native boosters: no Spark, no files.

The boosters see what `ml.inputs` makes of a window and its hour, and start from the log odds of the linear part. Each
booster's probability is calibrated, then the horizons are made coherent. The stream broadcasts a `Bundle` and makes one
`Predictor` per worker and model version.
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
from ml.inputs import INPUT_NAMES, booster_inputs
from ml.linear import LinearPart
from ml.trained_range import TrainedRange

Features = NDArray[np.float32]

THREADS: Final = {"nthread": 1}  # a booster loaded from bytes has 0 = all cores, beside every other Spark task


@dataclass(frozen=True, slots=True)
class Bundle:
    """One version of the model: its card, the native UBJ bytes of one booster per horizon in hours, its calibrators.

    A version of before there were inputs has no linear part: its boosters see the features. One of before it was kept
    what a model was trained on has no such range. It can be pickled.
    """

    version: str
    card: dict[str, Any]
    boosters: dict[int, bytes]
    calibrators: Calibrators
    linear: LinearPart | None = None
    trained: TrainedRange | None = None


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
        self.input_names = FEATURE_NAMES if bundle.linear is None else INPUT_NAMES
        self._linear = bundle.linear
        self._calibrators = bundle.calibrators
        self._trained = bundle.trained
        self._boosters = [_load_booster(bundle.boosters[horizon_h]) for horizon_h in HORIZONS_H]

    def raw_risks(self, features: Features, hour: Features) -> NDArray[np.float64]:
        """Return each booster's own probability, shape (n, 3).

        `features` has shape (n, 120), NaN for missing; `hour` (n,) is the hour of the day at the newest reading.
        """
        rows = self.inputs(features, hour)
        if len(rows) == 0:
            return np.empty((0, len(HORIZONS_H)))
        margins = [None] * len(HORIZONS_H) if self._linear is None else self._linear.margins(rows).T
        columns = [
            booster.inplace_predict(rows, missing=np.nan, validate_features=False, base_margin=margin)
            for booster, margin in zip(self._boosters, margins, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.float64)

    def risks(self, features: Features, hour: Features) -> Risks:
        """Return calibrated risks, made coherent (1 h <= 6 h <= 24 h) by the cumulative maximum over the horizons."""
        calibrated = self._calibrators.apply(self.raw_risks(features, hour))
        values = np.maximum.accumulate(calibrated, axis=1)
        return Risks(values, (values != calibrated).any(axis=1))

    def contributions(self, features: Features, hour: Features) -> NDArray[np.float32]:
        """Return what each of `input_names` adds to the alert horizon's raw log odds; see `ml.explanation`."""
        inputs = self.inputs(features, hour)
        rows = xgboost.DMatrix(inputs, missing=np.nan, **THREADS)
        booster = self._boosters[HORIZONS_H.index(ALERT_HORIZON_H)]
        by_trees: NDArray[np.float32] = booster.predict(
            rows, pred_contribs=True, approx_contribs=True, validate_features=False
        )[:, :-1]
        return by_trees if self._linear is None else by_trees + self._linear.contributions(inputs, ALERT_HORIZON_H)

    def out_of_range(self, features: Features) -> list[list[str] | None]:
        """Return why each window is outside of what the model was trained on (`RangeCode`), None for one that is not.

        Of a version that does not tell what it was trained on, none is.
        """
        return [None] * len(features) if self._trained is None else self._trained.codes(features)

    def inputs(self, features: Features, hour: Features) -> Features:
        """Return what the boosters see, shape (n, number of `input_names`)."""
        if features.ndim != 2 or features.shape[1] != len(FEATURE_NAMES) or hour.shape != (len(features),):
            shapes = f"{features.shape} and {hour.shape}"
            raise ValueError(f"features and hour must have shapes (n, {len(FEATURE_NAMES)}) and (n,), not {shapes}")
        rows = np.ascontiguousarray(features, dtype=np.float32)
        return rows if self._linear is None else booster_inputs(rows, hour)


def booster_bytes(boosters: Mapping[int, xgboost.Booster]) -> dict[int, bytes]:
    """Return the native UBJ bytes of each horizon's booster."""
    return {horizon_h: bytes(boosters[horizon_h].save_raw("ubj")) for horizon_h in HORIZONS_H}


def _load_booster(raw: bytes) -> xgboost.Booster:
    """Load a booster that keeps to one thread; loading resets what its constructor was told."""
    booster = xgboost.Booster(THREADS, model_file=bytearray(raw))
    booster.set_param(THREADS)
    return booster
