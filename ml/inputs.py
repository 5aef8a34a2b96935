"""What the boosters see: made from a window of 120 features and the hour of the day of its newest reading.

One pure function for stream and batch, on arrays of n windows. The newest reading enters as itself and as nothing else:
every summary is of the readings before it. So a risk that may only rise with the newest pressures needs no constraint
on any other input. Means weigh a reading less the longer ago it is, by exp(-hours / constant): about an hour is what
the slow part of a pressure lasts, a day is the patient's usual level. Missing is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, is_crisis
from ml.features import MEASURES, WINDOW_LENGTH

Slots = NDArray[np.float32]  # (readings, n): a row per slot, oldest first
Column = NDArray[np.float32]  # (n,)

CONSTANTS_H: Final = (1, 4, 24)
RECENT_H: Final = 2.0  # readings at most this much before the newest one are recent
HIGH_SYSTOLIC: Final = (150, 165, CRISIS_SYSTOLIC)  # mmHg: what share of the earlier readings is at least so high
HIGH_DIASTOLIC: Final = (95, 110, CRISIS_DIASTOLIC)
DAY_H: Final = 24
STEPS: Final = (
    256  # of a unit are told: processors differ in a last digit, which must not take another branch of a tree
)
ROWS_AT_ONCE: Final = 1_024  # what is made of them on the way stays in the processor's cache


def booster_inputs(features: NDArray[np.float32], hour: Column) -> NDArray[np.float32]:
    """Return rows of shape (n, number of `INPUT_NAMES`) from features (n, 120) and the hour of the day (n,)."""
    inputs = np.empty((len(features), len(INPUT_NAMES)), dtype=np.float32)
    for start in range(0, len(features), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        for place, column in enumerate(_columns(features[rows], hour[rows]).values()):
            inputs[rows, place] = column[: len(inputs[rows])]
        inputs[rows] = np.rint(inputs[rows] * STEPS) / STEPS
    return inputs


def _columns(features: NDArray[np.float32], hour: Column) -> dict[str, Column]:
    if len(features) == 1:  # numpy adds up a single column in another order: a row would not equal itself among others
        return _columns(features.repeat(2, axis=0), hour.repeat(2))
    by_slot = features.reshape(-1, WINDOW_LENGTH, len(MEASURES)).transpose(2, 1, 0)
    systolic, diastolic, heart_rate, hours = np.ascontiguousarray(by_slot)
    newest = {"systolic": systolic[-1], "diastolic": diastolic[-1], "heart_rate": heart_rate[-1]}
    filled = ~np.isnan(systolic[:-1])
    count = filled.sum(axis=0, dtype=np.float32)
    age = np.where(filled, hours[:-1], np.inf)
    crisis = is_crisis(systolic[:-1], diastolic[:-1])
    weights = {constant_h: np.exp(age * np.float32(-1 / constant_h)) for constant_h in CONSTANTS_H}
    with np.errstate(invalid="ignore", divide="ignore"):  # without an earlier reading its summaries are NaN
        return {
            **newest,
            **_pressure("systolic", systolic[:-1], age, weights, HIGH_SYSTOLIC),
            **_pressure("diastolic", diastolic[:-1], age, weights, HIGH_DIASTOLIC),
            **_heart_rate(heart_rate[:-1], weights),
            "hours_since_crisis": _or_nan(np.where(crisis, age, np.inf).min(axis=0)),
            "readings": count,
            "heart_rates": np.isfinite(heart_rate[:-1]).sum(axis=0, dtype=np.float32) / count,
            "hours_before_previous": hours[-2],
            "hours_before_oldest": np.where(filled, hours[:-1], 0).max(axis=0),
            **_clock(hour, hours[:-1], filled, count),
        }


def _pressure(
    name: str, values: Slots, age: Slots, weights: Mapping[int, Slots], limits: tuple[int, ...]
) -> dict[str, Column]:
    """Return the summaries of one pressure of the earlier readings; in empty slots `age` (h) is infinite."""
    filled = np.isfinite(age)
    count = filled.sum(axis=0, dtype=np.float32)
    known, ago = np.where(filled, values, 0), np.where(filled, age, 0)
    centred = np.where(filled, values - known.sum(axis=0) / count, 0)
    ago_centred = np.where(filled, ago - ago.sum(axis=0) / count, 0)
    covariance, variance = (ago_centred * centred).sum(axis=0), (ago_centred * ago_centred).sum(axis=0)
    return {
        **{f"{name}_mean_{constant_h}h": _mean(known, of_age) for constant_h, of_age in weights.items()},
        f"{name}_previous": values[-1],
        f"{name}_greatest": _or_nan(np.where(filled, values, -np.inf).max(axis=0)),
        f"{name}_greatest_recent": _or_nan(np.where(age <= RECENT_H, values, -np.inf).max(axis=0)),
        f"{name}_least": _or_nan(np.where(filled, values, np.inf).min(axis=0)),
        f"{name}_spread": np.sqrt((centred * centred).sum(axis=0) / count),
        f"{name}_slope": np.where(variance > 0, -covariance / variance, 0),
        **{f"{name}_from_{limit}": (known >= limit).sum(axis=0, dtype=np.float32) / count for limit in limits},
    }


def _heart_rate(values: Slots, weights: Mapping[int, Slots]) -> dict[str, Column]:
    filled = ~np.isnan(values)
    known, count = np.where(filled, values, 0), filled.sum(axis=0, dtype=np.float32)
    centred = np.where(filled, values - known.sum(axis=0) / count, 0)
    means = {
        f"heart_rate_mean_{constant_h}h": _mean(known, weights[constant_h] * filled)
        for constant_h in (CONSTANTS_H[0], CONSTANTS_H[-1])
    }
    return means | {"heart_rate_spread": np.sqrt((centred * centred).sum(axis=0) / count)}


def _mean(values: Slots, weights: Slots) -> Column:
    mean: Column = (weights * values).sum(axis=0) / weights.sum(axis=0)
    return mean


def _clock(hour: Column, hours: Slots, filled: NDArray[np.bool_], count: Column) -> dict[str, Column]:
    angle = np.float32(2 * np.pi / DAY_H) * hour
    turn = np.float32(2 * np.pi / DAY_H) * np.where(filled, hours, 0)
    mean_cos = np.where(filled, np.cos(turn), 0).sum(axis=0) / count
    mean_sin = np.where(filled, np.sin(turn), 0).sum(axis=0) / count
    sin, cos = np.sin(angle), np.cos(angle)
    return {
        "hour": hour,
        "sine": sin,
        "cosine": cos,
        "sine_twice": 2 * sin * cos,
        "cosine_twice": cos * cos - sin * sin,
        "readings_sine": sin * mean_cos - cos * mean_sin,
        "readings_cosine": cos * mean_cos + sin * mean_sin,
    }


def _or_nan(values: Column) -> Column:
    return np.where(np.isfinite(values), values, np.nan)


INPUT_NAMES: Final = tuple(_columns(np.zeros((1, WINDOW_LENGTH * len(MEASURES)), np.float32), np.zeros(1, np.float32)))
RISING: Final = ("systolic", "diastolic")  # of the newest reading: no risk falls with them
