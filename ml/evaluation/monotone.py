"""A safety check of every model: a higher newest pressure never lowers a risk, through boosters and calibrators."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.gates import Check
from ml.features import FEATURE_NAMES
from ml.prediction import Predictor

RISING: Final = ("systolic_lag00", "diastolic_lag00")
STEPS_MMHG: Final = (1, 5, 25)


def check_monotone(predictor: Predictor, features: NDArray[np.float32]) -> Check:
    """Raise each newest pressure of the rows (m, 120) in steps; no risk of any horizon may fall."""
    before = predictor.risks(features).values
    falls = [
        (before - predictor.risks(_raised(features, name, step)).values).max() for name in RISING for step in STEPS_MMHG
    ]
    passed = bool(max(falls) <= 0)
    said = "never lowers a risk" if passed else f"lowers a risk by up to {max(falls):.3f}"
    return Check("monotone", passed, f"A higher newest pressure {said} ({len(features)} windows).")


def _raised(features: NDArray[np.float32], name: str, step_mmhg: float) -> NDArray[np.float32]:
    raised = features.copy()
    raised[:, FEATURE_NAMES.index(name)] += step_mmhg
    return raised
