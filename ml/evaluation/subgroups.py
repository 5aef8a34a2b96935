"""Which rows are judged apart: strata by the newest reading, and subgroups of patients, windows and times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from ml.dataset import Dataset
from ml.features import FEATURE_NAMES, MEASURES, MICROSECONDS_PER_HOUR, WINDOW_LENGTH

Rows = NDArray[np.bool_]

HEADLINE: Final = "not_in_crisis"
STRATA: Final = ("all", HEADLINE, "in_crisis")
NEWEST: Final = [FEATURE_NAMES.index("systolic_lag00"), FEATURE_NAMES.index("diastolic_lag00")]
NIGHT_H: Final = (23, 7)  # UTC, which is the clock of simulated patients
GAP_H: Final = 1.0  # between two readings of a window: above it the device was off or failed for long


def in_crisis(features: NDArray[np.float32]) -> Rows:
    """Rows whose newest reading is itself a crisis, shape (m,)."""
    systolic, diastolic = features[:, NEWEST].T
    rows: Rows = np.logical_or(systolic >= CRISIS_SYSTOLIC, diastolic >= CRISIS_DIASTOLIC)
    return rows


def strata(data: Dataset) -> Mapping[str, Rows]:
    """The rows of each stratum, in the order of `STRATA`."""
    crisis = in_crisis(data.features)
    return dict(zip(STRATA, (np.ones_like(crisis), ~crisis, crisis), strict=True))


def subgroup_rows(data: Dataset) -> Mapping[str, Rows]:
    """The rows of each subgroup, named "what: which"; every row is in one subgroup of each kind."""
    hours = data.features.reshape(len(data), WINDOW_LENGTH, len(MEASURES))[:, :, MEASURES.index("hours_before_newest")]
    filled = (~np.isnan(hours)).sum(axis=1)
    steps = np.nan_to_num(-np.diff(hours, axis=1))
    gap = steps.max(axis=1) > GAP_H
    hour = data.newest_us // MICROSECONDS_PER_HOUR % 24
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
