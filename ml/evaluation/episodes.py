"""Alarms as the alert service serves them: one from when the risk reaches a threshold until the flag falls.

`alerts` is above this folder; that these rules are those of ``conf/alerts.yaml`` is held by a test.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.labels import Flags

Floats = NDArray[np.float64]

HYSTERESIS: Final = 0.05  # a level is left only once the risk is this far below where it begins
MOST_HYSTERESIS: Final = 1 / 4  # of the threshold, for those below MEDIUM: no flag would ever fall
QUIET: Final = 2  # predictions in a row that must be below before the flag falls


def held_from(threshold: float) -> float:
    """Return the risk down to which a flag is held once it has been raised at this threshold."""
    return threshold - min(HYSTERESIS, MOST_HYSTERESIS * threshold)


def episodes(patient: NDArray[np.intp], risk: Floats, threshold: float) -> tuple[Flags, Flags]:
    """Tell at which rows an episode begins, and at which one is open, in rows sorted by patient and time."""
    row = np.arange(len(risk))
    first = np.diff(patient, prepend=-1) != 0
    low = risk < held_from(threshold)
    low_in_a_row = row - np.maximum.accumulate(np.where(low, -1, row))
    ends = first | (low_in_a_row >= QUIET)
    reached = np.maximum.accumulate(np.where(risk >= threshold, row, -1))
    ended = np.maximum.accumulate(np.where(ends, row, 0))
    is_open: Flags = reached >= ended
    begins: Flags = (risk >= threshold) & (first | (np.append(-1, reached[:-1]) < ended))
    return begins, is_open
