"""Small real model bundles for tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from ml import drift
from ml.calibration import UNCALIBRATED, Calibrator, Calibrators
from ml.features import FEATURE_NAMES
from ml.inputs import INPUT_NAMES, booster_inputs
from ml.linear import LinearPart
from ml.prediction import Bundle, booster_bytes
from ml.registry.bundles import publish, save_bundle
from ml.trained_range import TrainedRange

TRAINED = TrainedRange(10, 15.0, 60.0, 4.0, 0.0)
CREATED_AT = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def make_features(rows: int = 50, seed: int = 1) -> NDArray[np.float32]:
    """Return random feature rows of shape (rows, 120) with some missing values."""
    random = np.random.default_rng(seed)
    features = random.normal(130, 20, (rows, len(FEATURE_NAMES))).astype(np.float32)
    features[random.random(features.shape) < 0.1] = np.nan
    return features


def make_hours(rows: int = 50, seed: int = 1) -> NDArray[np.float32]:
    """Return random hours of the day."""
    return (24 * np.random.default_rng(seed).random(rows)).astype(np.float32)


@cache
def make_booster(seed: int = 1, trees: int = 5) -> xgboost.Booster:
    """Return a booster fitted to random labels: its risks are meaningless but vary from row to row."""
    inputs = booster_inputs(make_features(300, seed), make_hours(300, seed))
    labels = np.random.default_rng(seed).integers(0, 2, len(inputs))
    data = xgboost.DMatrix(inputs, labels)
    return xgboost.train({"objective": "reg:logistic", "max_depth": 3, "nthread": 1}, data, trees)


def make_boosters(seed: int = 1) -> dict[int, xgboost.Booster]:
    """Return one booster per horizon, each from other labels, so that they often contradict each other."""
    return {horizon_h: make_booster(seed + horizon_h) for horizon_h in HORIZONS_H}


def make_calibrators() -> Calibrators:
    """Return a calibrator of each kind."""
    steps = Calibrator("isotonic", raw=(0.1, 0.3, 0.9), calibrated=(0.05, 0.3, 0.8))
    return Calibrators((Calibrator("sigmoid", slope=0.8, intercept=-0.5), steps, Calibrator("none")))


@cache
def make_linear(seed: int = 1) -> LinearPart:
    """Return a straight part with small random coefficients, which rise with the newest pressures."""
    random, count = np.random.default_rng(seed), len(INPUT_NAMES)
    coefficients = random.normal(0, 0.02, (len(HORIZONS_H), count)).astype(np.float32)
    coefficients[:, :2] = np.abs(coefficients[:, :2])
    centre, scale = np.full(count, 100, np.float32), np.full(count, 50, np.float32)
    return LinearPart(np.zeros(len(HORIZONS_H), np.float32), coefficients, centre, scale)


def flat_linear() -> LinearPart:
    """Return a straight part that adds nothing."""
    count = len(INPUT_NAMES)
    zeros = np.zeros((len(HORIZONS_H), count), dtype=np.float32)
    return LinearPart(zeros[:, 0], zeros, zeros[0], np.ones(count, dtype=np.float32))


def make_bundle(seed: int = 1, calibrators: Calibrators = UNCALIBRATED, trained: TrainedRange | None = None) -> Bundle:
    """Return a bundle in memory."""
    return Bundle("test", {}, booster_bytes(make_boosters(seed)), calibrators, make_linear(), trained)


def save_small_bundle(model_dir: Path, seed: int = 1, created_at: datetime = CREATED_AT, **changes: Any) -> str:
    """Save a valid bundle and return its version."""
    golden = {"golden_features": make_features(3), "golden_hours": make_hours(3)}
    more: dict[str, Any] = {"card": {"data": "random numbers"}, **golden, "created_at": created_at, "parent": None}
    return save_bundle(model_dir, make_boosters(seed), make_linear(), make_calibrators(), **(more | changes))


def publish_small(model_dir: Path, version: str, at: datetime = CREATED_AT) -> None:
    """Put a version into service."""
    publish(model_dir, version, by="test", why="a test", at=at)


def drift_reference() -> bytes:
    """Return the file of a bundle that tells what unseen patients of its training were like."""
    random = np.random.default_rng(1)
    features = random.normal(135, 15, (500, len(FEATURE_NAMES))).astype(np.float32)
    features[:300, :40], features[:150, :60] = np.nan, np.nan  # short windows are compared with short ones
    hours = np.arange(500, dtype=np.float32) % 24
    rows = drift.summarise(features, random.random((500, 3)))
    return json.dumps(drift.make_reference(rows, drift.strata(features, hours)).to_json()).encode()
