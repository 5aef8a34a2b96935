"""A model of the size of a real one (three boosters of 300 trees) for benchmarks: its speed counts, not its risks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import xgboost

from conf.clinical import HORIZONS_H
from ml.calibration import UNCALIBRATED
from ml.features import FEATURE_NAMES
from ml.registry.bundles import publish, save_bundle

ROWS = 5_000
TREES = 300
PARAMETERS = {"objective": "reg:logistic", "max_depth": 5, "eta": 0.05}


def publish_full_size_model(model_dir: Path) -> str:
    """Train on noise around the newest systolic pressure and publish."""
    random = np.random.default_rng(0)
    features = random.normal(130, 15, (ROWS, len(FEATURE_NAMES))).astype(np.float32)
    features[random.random(features.shape) < 0.1] = np.nan
    newest = np.nan_to_num(features[:, FEATURE_NAMES.index("systolic_lag00")], nan=130.0)
    boosters = {
        horizon_h: xgboost.train(PARAMETERS, xgboost.DMatrix(features, _labels(random, newest)), TREES)
        for horizon_h in HORIZONS_H
    }
    card = {"training_data": "noise, for benchmarks only"}
    now = datetime.now(UTC)
    version = save_bundle(
        model_dir, boosters, UNCALIBRATED, card, golden_features=features[:5], created_at=now, parent=None
    )
    publish(model_dir, version, by="benchmark", why="its speed is measured", at=now)
    return version


def _labels(random: np.random.Generator, newest: np.ndarray) -> np.ndarray:
    return (random.random(len(newest)) < 1 / (1 + np.exp(-(newest - 150) / 10))).astype(np.float32)
