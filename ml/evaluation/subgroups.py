"""Which rows are judged apart: subgroups by the newest reading (in crisis or not), by patients, windows and times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import is_crisis
from ml.dataset import Dataset
from ml.features import MEASURES, WINDOW_LENGTH, measures_of, newest_pressures
from ml.labels import Flags

HEADLINE: Final = "not_in_crisis"
ALL: Final = "all"
CLOCK_H: Final = 3  # hours of the day that are judged together, on the clock of the place
HOUR_OF_DAY: Final = "hour of the day: "
SELDOM_H: Final = (0.4, 0.75)  # between readings: below the first often, from the second on seldom
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
    step_h = np.where(filled > 1, np.nan_to_num(hours).max(axis=1) / np.maximum(filled - 1, 1), 0)
    without_heart_rate = np.isnan(measures_of(data.features)[MEASURES.index("heart_rate")][:, -1])
    part_of_day = data.hour // CLOCK_H
    groups = {f"group: {name or 'unknown'}": data.group == name for name in np.unique(data.group)}
    return groups | {
        "readings in window: 10-19": filled < 20,
        "readings in window: 20-29": (filled >= 20) & (filled < WINDOW_LENGTH),
        "readings in window: 30": filled == WINDOW_LENGTH,
        "gap above 1 h in window: no": ~gap,
        "gap above 1 h in window: yes": gap,
        f"mean interval in window: below {60 * SELDOM_H[0]:.0f} min": step_h < SELDOM_H[0],
        "mean interval in window: between": (step_h >= SELDOM_H[0]) & (step_h < SELDOM_H[1]),
        f"mean interval in window: from {60 * SELDOM_H[1]:.0f} min": step_h >= SELDOM_H[1],
        "heart rate of newest reading: yes": ~without_heart_rate,
        "heart rate of newest reading: no": without_heart_rate,
        **{
            f"{HOUR_OF_DAY}{CLOCK_H * part:02d}-{CLOCK_H * (part + 1):02d}": part_of_day == part
            for part in range(24 // CLOCK_H)
        },
    }
