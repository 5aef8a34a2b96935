"""The 120 features of a window and its hour of the day: their names, their order, what makes and what reads them.

The stream and every batch job call `feature_matrix`, so that a model meets in service exactly what it met in training.
This module knows neither Spark nor files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.times import DAY_US, HOUR_US, MINUTE_US, from_us

WINDOW_LENGTH: Final = 30
MEASURES: Final = ("systolic", "diastolic", "heart_rate", "hours_before_newest")
FEATURE_NAMES: Final = tuple(
    f"{measure}_lag{lag:02d}" for lag in range(WINDOW_LENGTH - 1, -1, -1) for measure in MEASURES
)
ZONE_STEP_US: Final = 15 * MINUTE_US  # clocks of zones change at whole quarters of an hour
NEWEST_PRESSURES: Final = ("systolic_lag00", "diastolic_lag00")  # what no risk falls with, and what tells a crisis


@dataclass(frozen=True, slots=True)
class Windows:
    """The last 30 readings of n patients, oldest first and right-aligned: the newest reading is in column 29.

    Every array has shape (n, 30). A slot without a reading has NaN pressures; an absent heart rate is NaN.
    `effective_us` is in microseconds since the epoch, UTC; its value in an empty slot means nothing.
    """

    effective_us: NDArray[np.int64]
    systolic: NDArray[np.float32]
    diastolic: NDArray[np.float32]
    heart_rate: NDArray[np.float32]

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Tell which slots hold a reading, shape (n, 30)."""
        return ~np.isnan(self.systolic)


def feature_matrix(windows: Windows) -> NDArray[np.float32]:
    """Lay windows out as float32 rows of shape (n, 120) in the order of `FEATURE_NAMES`; missing values are NaN."""
    newest_us = windows.effective_us[:, -1:]
    hours = ((newest_us - windows.effective_us) / HOUR_US).astype(np.float32)
    hours[~windows.filled] = np.nan
    measures = (windows.systolic, windows.diastolic, windows.heart_rate, hours)
    return np.stack(measures, axis=2, dtype=np.float32).reshape(len(newest_us), len(FEATURE_NAMES))


def hours_of_day(instants_us: NDArray[np.int64], zone: tzinfo) -> NDArray[np.float32]:
    """Return the hour of the day, 0 to 24, that the clocks of a zone show at instants since 1970, shape (n,)."""
    steps, place = np.unique(instants_us // ZONE_STEP_US, return_inverse=True)
    instants = (from_us(max(step, 0) * ZONE_STEP_US).astimezone(zone) for step in steps.tolist())
    offsets_us = [(instant.utcoffset() or timedelta()) // timedelta(microseconds=1) for instant in instants]
    local_us = instants_us + np.array(offsets_us, dtype=np.int64)[place]
    return (local_us % DAY_US / HOUR_US).astype(np.float32)


def measures_of(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of shape (n, 120) as the four `MEASURES` of shape (n, 30) each, oldest slot first."""
    return np.moveaxis(features.reshape(-1, WINDOW_LENGTH, len(MEASURES)), 2, 0)


def newest_pressures(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the newest systolic and the newest diastolic of rows of shape (n, 120), shape (2, n)."""
    return features[:, [FEATURE_NAMES.index(name) for name in NEWEST_PRESSURES]].T
