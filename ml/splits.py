"""From the side of a patient and the time of a row to the part of the data that the row belongs to.

The last stretch of time is held out (`block`) for the patients that a model is otherwise fitted on. Their rows before
it whose follow-up reaches into it belong to no part: what they teach would be judged again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.dataset import BLOCK, Texts
from ml.features import MICROSECONDS_PER_HOUR
from ml.labels import FOLLOW_UP_H

FITTED: Final = ("train", "early_stopping", "calibration")


def parts_of(sides: Texts, newest_us: NDArray[np.int64], block_from_us: int) -> Texts:
    """The part of rows at t = `newest_us` of patients on these `sides` (`ml.dataset.split_of`); shapes broadcast."""
    return np.where(np.isin(sides, FITTED) & (newest_us >= block_from_us), BLOCK, sides)


def are_purged(sides: Texts, newest_us: NDArray[np.int64], block_from_us: int) -> NDArray[np.bool_]:
    """Which rows belong to no part; shapes broadcast."""
    ends_us = newest_us + FOLLOW_UP_H * MICROSECONDS_PER_HOUR
    purged: NDArray[np.bool_] = np.isin(sides, FITTED) & (newest_us < block_from_us) & (ends_us >= block_from_us)
    return purged
