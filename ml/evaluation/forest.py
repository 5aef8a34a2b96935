"""The random forest that the boosters are compared with: grown on what they see, on at most so many training rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from conf.clinical import HORIZONS_H
from ml.dataset import Dataset
from ml.inputs import booster_inputs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ForestSize:
    """How large a forest is, and on how many rows each horizon's is grown at most."""

    trees: int
    depth: int
    rows: int


FULL: Final = ForestSize(trees=60, depth=12, rows=100_000)
SMALL: Final = ForestSize(trees=20, depth=9, rows=10_000)


def grow_forests(train: Dataset, size: ForestSize, seed: int) -> Callable[[Dataset], NDArray[np.float64]]:
    """Grow one forest per horizon; the result maps m rows to risks of shape (m, 3)."""
    random = np.random.default_rng(seed)
    forests = []
    for column, horizon_h in enumerate(HORIZONS_H):
        known = np.flatnonzero(~np.isnan(train.targets[:, column]))
        rows = np.sort(random.permutation(known)[: size.rows])
        forest = RandomForestRegressor(
            size.trees, max_depth=size.depth, min_samples_leaf=20, max_features=1 / 3, random_state=seed, n_jobs=-1
        )
        inputs = booster_inputs(train.features[rows], train.hour[rows])
        forests.append(forest.fit(inputs, train.targets[rows, column]))
        log.info("Random forest for %d h grown on %d rows", horizon_h, len(rows))

    def risks(rows: Dataset) -> NDArray[np.float64]:
        inputs = booster_inputs(rows.features, rows.hour)
        return np.stack([forest.predict(inputs) for forest in forests], axis=1)

    return risks
