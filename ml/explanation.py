"""Why a risk is high: the contributions of the 120 features, folded into a few reasons that a person can read.

A contribution is what a feature adds to the *log odds of the booster* of the alert horizon, before calibration and the
repair of horizons: all contributions and a constant of the model sum up to the booster's raw log odds. They are
attributed along the paths of the trees (Saabas), which costs a thirtieth of exact TreeSHAP and nearly always names the
same reasons first. They explain the model, not the patient.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ml.features import MEASURES, measures_of

RECENT_H: Final = 2.0  # readings at most this much before the newest one are recent
MOST_REASONS: Final = 4
LEAST_CONTRIBUTION: Final = 0.05  # log odds: odds raised by 5 %
DECIMALS: Final = 3
PARTS: Final = 3  # newest, recent, earlier


class ReasonCode(StrEnum):
    """What a reason is about. `value` is a mean in mmHg or per minute unless said otherwise."""

    SYSTOLIC_NEWEST = "SYSTOLIC_NEWEST"
    SYSTOLIC_RECENT = "SYSTOLIC_RECENT"
    SYSTOLIC_EARLIER = "SYSTOLIC_EARLIER"
    DIASTOLIC_NEWEST = "DIASTOLIC_NEWEST"
    DIASTOLIC_RECENT = "DIASTOLIC_RECENT"
    DIASTOLIC_EARLIER = "DIASTOLIC_EARLIER"
    HEART_RATE_NEWEST = "HEART_RATE_NEWEST"
    HEART_RATE_RECENT = "HEART_RATE_RECENT"
    HEART_RATE_EARLIER = "HEART_RATE_EARLIER"
    READING_TIMES = "READING_TIMES"  # when the readings were taken; value: hours from the oldest to the newest
    READINGS_MISSING = "READINGS_MISSING"  # the window is not full; value: readings that lack
    HEART_RATE_MISSING = "HEART_RATE_MISSING"  # readings without heart rate; value: how many


CODES: Final = tuple(ReasonCode)
READING_TIMES, READINGS_MISSING, HEART_RATE_MISSING = (CODES.index(code) for code in CODES[-3:])


class RiskReason(msgspec.Struct, frozen=True, gc=False):
    """A reason of a high risk: its code, how much it raises the booster's log odds, and the number that it is about."""

    code: str
    contribution: float
    value: float


def explain(features: NDArray[np.float32], contributions: NDArray[np.float32]) -> list[list[RiskReason]]:
    """Return the reasons that raise each row's risk most, greatest first; both arrays have shape (n, 120)."""
    groups = _groups(features)
    sums, values = _fold(groups, contributions), _values(groups, features)
    order = np.argsort(-sums, axis=1, kind="stable")[:, :MOST_REASONS]
    return [
        [
            RiskReason(CODES[code], *(round(float(of[row, code]), DECIMALS) for of in (sums, values)))
            for code in codes
            if sums[row, code] >= LEAST_CONTRIBUTION
        ]
        for row, codes in enumerate(order.tolist())
    ]


def _groups(features: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the position in `CODES` that each feature of each row belongs to, shape (n, 120)."""
    systolic, _, heart_rate, hours = measures_of(features)
    filled = ~np.isnan(systolic)
    part = np.where(hours <= RECENT_H, 1, 2)
    part[:, -1] = 0
    by_measure = [measure * PARTS + part for measure in range(len(MEASURES) - 1)]
    by_measure[2] = np.where(np.isnan(heart_rate), HEART_RATE_MISSING, by_measure[2])
    groups = np.stack([*by_measure, np.full_like(part, READING_TIMES)], axis=2)
    groups[~filled] = READINGS_MISSING
    return groups.reshape(features.shape)


def _fold(groups: NDArray[np.intp], values: NDArray[Any]) -> NDArray[np.float64]:
    """Sum the values of each row by group, shape (n, number of codes)."""
    rows = np.arange(len(groups))[:, None]
    flat = (rows * len(CODES) + groups).ravel()
    sums = np.bincount(flat, values.ravel(), minlength=len(groups) * len(CODES))
    return sums.reshape(len(groups), len(CODES)).astype(np.float64, copy=False)


def _values(groups: NDArray[np.intp], features: NDArray[np.float32]) -> NDArray[np.float64]:
    counts = _fold(groups, np.ones_like(features))
    values = _fold(groups, np.nan_to_num(features)) / np.maximum(counts, 1)
    values[:, READING_TIMES] = np.nan_to_num(measures_of(features)[3]).max(axis=1)
    values[:, READINGS_MISSING] = counts[:, READINGS_MISSING] / len(MEASURES)
    values[:, HEART_RATE_MISSING] = counts[:, HEART_RATE_MISSING]
    return values
