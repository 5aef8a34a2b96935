from __future__ import annotations

import numpy as np
import xgboost
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from ml.calibration import UNCALIBRATED
from ml.evaluation.monotone import RISING, check_monotone
from ml.features import FEATURE_NAMES
from ml.prediction import Bundle, Predictor, booster_bytes

NEWEST = FEATURE_NAMES.index("systolic_lag00")


def features() -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(130, 20, (400, len(FEATURE_NAMES))).astype(np.float32)


def predictor(direction: int, constrained: bool) -> Predictor:
    """Trees that learn that a higher newest systolic raises (1) or lowers (-1) the risk."""
    rows = features()
    target = (direction * (rows[:, NEWEST] - 130) > 0).astype(np.float32)
    constraints = "(" + ",".join(str(int(constrained and name in RISING)) for name in FEATURE_NAMES) + ")"
    settings = {"objective": "reg:logistic", "max_depth": 3, "nthread": 1, "monotone_constraints": constraints}
    booster = xgboost.train(settings, xgboost.DMatrix(rows, target), 10)
    return Predictor(Bundle("test", {}, booster_bytes(dict.fromkeys(HORIZONS_H, booster)), UNCALIBRATED))


def test_a_model_whose_risk_rises_with_the_newest_pressure_passes() -> None:
    check = check_monotone(predictor(1, constrained=True), features())
    assert check.passed
    assert check.detail == "A higher newest pressure never lowers a risk (400 windows)."


def test_a_model_whose_risk_falls_somewhere_fails_and_says_by_how_much() -> None:
    check = check_monotone(predictor(-1, constrained=False), features())
    assert not check.passed
    assert "lowers a risk by up to 0." in check.detail
