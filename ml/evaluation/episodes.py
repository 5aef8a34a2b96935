"""When alarms and crises begin, in rows sorted by patient and time.

An alarm is one as the alert service serves it: from when the risk reaches a threshold until the flag falls.

`alerts` is above this folder; that these rules are those of ``conf/alerts.yaml`` is held by a test.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import ALERT_HORIZON_H, ALERT_THRESHOLDS
from conf.times import HOUR_US
from ml.labels import Flags

Floats = NDArray[np.float64]

HYSTERESIS: Final = 0.05  # a level is left only once the risk is this far below where it begins
MOST_HYSTERESIS: Final = 1 / 4  # of the threshold, for those below MEDIUM: no flag would ever fall
LOOKBACK_US: Final = ALERT_HORIZON_H * HOUR_US  # without a crisis reading, before a crisis can begin
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


def served_levels(patient: NDArray[np.intp], risk: Floats) -> NDArray[np.intp]:
    """Return the rank of the level (0 is LOW) at which an alert stands after each row, sorted by patient and time."""
    reached = np.searchsorted(ALERT_THRESHOLDS, risk, side="right")
    held = np.searchsorted([held_from(threshold) for threshold in ALERT_THRESHOLDS], risk, side="right")
    first = np.diff(patient, prepend=-1) != 0
    served = np.zeros(len(risk), dtype=np.intp)
    rank = quiet = 0
    for row in range(len(risk)):
        if first[row]:
            rank = quiet = 0
        met = max(reached[row], min(rank, held[row]))
        quiet = 0 if met else quiet + 1
        rank = met if met or quiet >= QUIET else rank
        served[row] = rank
    return served


def crisis_onsets(time_us: NDArray[np.int64], crisis: Flags) -> NDArray[np.intp]:
    """Return the readings at which crises begin in the whole record of one patient (m,), as `ml.evaluation.alarms`."""
    rows = np.flatnonzero(crisis)
    begins = rows[np.diff(time_us[rows], prepend=-np.inf) > LOOKBACK_US]
    return begins[time_us[begins] - time_us[:1] >= LOOKBACK_US]
