"""Failed measurements: in runs, fewer by night, when the arm lies still (shares are assumptions)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from producer.simulation.patients import SLEEP_AT_H, WAKE_AT_H, Floats

Mask = NDArray[np.bool_]

GAP_SHARE: Final = 0.125  # of measurements, over day and night
GAP_ENDS: Final = 0.4  # chance that the next one succeeds: runs of 2.5 on average
NIGHT_FACTOR: Final = 0.5  # the share asleep, as part of that by day
_SLEPT: Final = (WAKE_AT_H - SLEEP_AT_H) % 24 / 24
_DAY_FACTOR: Final = 1 / (1 - _SLEPT * (1 - NIGHT_FACTOR))  # so that the mean over 24 h is the share asked for


def advance_gaps(random: np.random.Generator, in_gap: Mask | None, night: Floats, share: float) -> Mask:
    """Which devices fail at the next measurement, given those that failed at this one (None: the first of all)."""
    chance = random.random(len(night))
    failing = share * _DAY_FACTOR * (1 - (1 - NIGHT_FACTOR) * night)
    if in_gap is None:
        return chance < failing
    return np.where(in_gap, chance >= GAP_ENDS, chance < GAP_ENDS * failing / (1 - failing))
