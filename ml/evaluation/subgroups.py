"""Which rows are judged apart: subgroups by the newest reading (in crisis or not), by patients, windows and times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import is_crisis
from conf.times import HOUR_US
from ml.dataset import Dataset
from ml.features import MEASURES, WINDOW_LENGTH, measures_of, newest_pressures
from ml.labels import Flags

HEADLINE: Final = "not_in_crisis"
ALL: Final = "all"
NIGHT_H: Final = (23, 7)  # UTC, which is the clock of simulated patients
GAP_H: Final = 1.0  # between two readings of a window: above it the device was off or failed for long


def in_crisis(features: NDArray[np.float32]) -> Flags:
    """Tell which rows' newest reading is itself a crisis, shape (m,)."""
    systolic, diastolic = newest_pressures(features)
    crisis: Flags = is_crisis(systolic, diastolic)
    return crisis


def crisis_subgroups(crisis: Flags) -> Mapping[str, Flags]:
    """Return all rows, those not in crisis at t, which are the headline, and those in crisis."""
    return {ALL: np.ones_like(crisis), HEADLINE: ~crisis, "in_crisis": crisis}


def subgroup_rows(data: Dataset) -> Mapping[str, Flags]:
    """Return the rows of each subgroup, named "what: which"; every row is in one subgroup of each kind."""
    hours = measures_of(data.features)[MEASURES.index("hours_before_newest")]
    filled = (~np.isnan(hours)).sum(axis=1)
    steps = np.nan_to_num(-np.diff(hours, axis=1))
    gap = steps.max(axis=1) > GAP_H
    hour = data.newest_us // HOUR_US % 24
    night = (hour >= NIGHT_H[0]) | (hour < NIGHT_H[1])
    groups = {f"group: {name or 'unknown'}": data.group == name for name in np.unique(data.group)}
    return groups | {
        "readings in window: 10-19": filled < 20,
        "readings in window: 20-29": (filled >= 20) & (filled < WINDOW_LENGTH),
        "readings in window: 30": filled == WINDOW_LENGTH,
        "gap above 1 h in window: no": ~gap,
        "gap above 1 h in window: yes": gap,
        "newest reading: by day": ~night,
        "newest reading: by night": night,
    }
