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
from ml.prediction import Bundle, booster_bytes
from ml.registry.bundles import publish, save_bundle

CREATED_AT = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def make_features(rows: int = 50, seed: int = 1) -> NDArray[np.float32]:
    """Return random feature rows of shape (rows, 120) with some missing values."""
    random = np.random.default_rng(seed)
    features = random.normal(130, 20, (rows, len(FEATURE_NAMES))).astype(np.float32)
    features[random.random(features.shape) < 0.1] = np.nan
    return features


@cache
def make_booster(seed: int = 1, trees: int = 5) -> xgboost.Booster:
    """Return a booster fitted to random labels: its risks are meaningless but vary from row to row."""
    features = make_features(300, seed)
    labels = np.random.default_rng(seed).integers(0, 2, len(features))
    data = xgboost.DMatrix(features, labels)
    return xgboost.train({"objective": "reg:logistic", "max_depth": 3, "nthread": 1}, data, trees)


def make_boosters(seed: int = 1) -> dict[int, xgboost.Booster]:
    """Return one booster per horizon, each from other labels, so that they often contradict each other."""
    return {horizon_h: make_booster(seed + horizon_h) for horizon_h in HORIZONS_H}


def make_calibrators() -> Calibrators:
    """Return a calibrator of each kind."""
    steps = Calibrator("isotonic", raw=(0.1, 0.3, 0.9), calibrated=(0.05, 0.3, 0.8))
    return Calibrators((Calibrator("sigmoid", slope=0.8, intercept=-0.5), steps, Calibrator("none")))


def make_bundle(seed: int = 1, calibrators: Calibrators = UNCALIBRATED) -> Bundle:
    """Return a bundle in memory."""
    return Bundle("test", {}, booster_bytes(make_boosters(seed)), calibrators)


def save_small_bundle(model_dir: Path, seed: int = 1, created_at: datetime = CREATED_AT, **changes: Any) -> str:
    """Save a valid bundle and return its version."""
    card = {"data": "random numbers"}
    more: dict[str, Any] = {"golden_features": make_features(3), "created_at": created_at, "parent": None}
    return save_bundle(model_dir, make_boosters(seed), make_calibrators(), card, **(more | changes))


def publish_small(model_dir: Path, version: str, at: datetime = CREATED_AT) -> None:
    """Put a version into service."""
    publish(model_dir, version, by="test", why="a test", at=at)


def drift_reference() -> bytes:
    """Return the file of a bundle that tells how its training data were spread."""
    rows = np.random.default_rng(1).normal(135, 15, (500, len(FEATURE_NAMES))).astype(np.float32)
    return json.dumps(drift.to_json(drift.make_reference(rows))).encode()
