"""Records of many simulated patients, and what is said of each patient from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from conf.times import DAY_US, HOUR_US
from producer.simulation.patients import FULL, Variation, draw_patients
from producer.simulation.readings import Plan, Simulation

EPOCH_US = 1_740_787_200_000_000  # 2025-03-01
INTERVAL_US = HOUR_US // 4
TICKS_PER_H = 4
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Record:
    """True values of shape (patients, ticks); `hour` by the patient's clock."""

    systolic: Floats
    diastolic: Floats
    heart_rate: Floats
    measured: Mask
    hour: Floats

    @property
    def night(self) -> Mask:
        return (self.hour >= 23) | (self.hour < 6.75)

    @property
    def crisis(self) -> Mask:
        return (self.systolic >= 180) | (self.diastolic >= 120)


@cache
def record(
    group: str = "calibration",
    variation: Variation = FULL,
    patients: int = 1000,
    hours: int = 48,
    seed: int = 1,
    episode_factor: float = 0.0,
    gap_share: float = 0.0,
) -> Record:
    people = draw_patients(patients, seed, {group: 1.0}, variation)
    plan = Plan(seed, EPOCH_US, INTERVAL_US, episode_factor, gap_share, artefact_share=0.0, variation=variation)
    simulation = Simulation(people, plan)
    ticks = [simulation.step() for _ in range(hours * TICKS_PER_H)]
    systolic, diastolic, heart_rate = (
        np.stack([np.asarray(getattr(tick, name), dtype=np.float64) for tick in ticks], axis=1)
        for name in ("true_systolic", "true_diastolic", "true_heart_rate")
    )
    local_us = np.stack([tick.effective_us for tick in ticks], axis=1) + people.utc_offset_us[:, None]
    measured = np.stack([tick.measured for tick in ticks], axis=1)
    return Record(systolic, diastolic, heart_rate, measured, local_us % DAY_US / HOUR_US)


def spread(values: Floats, rows: Mask) -> Floats:
    """Return the standard deviation of each patient's values at `rows`."""
    return np.asarray(np.nanstd(np.where(rows, values, np.nan), axis=1, ddof=1))


def correlation(left: Floats, right: Floats, rows: Mask) -> Floats:
    a, b = _centred(left, rows), _centred(right, rows)
    return np.asarray(np.nansum(a * b, axis=1) / np.sqrt(np.nansum(a**2, axis=1) * np.nansum(b**2, axis=1)))


def slope(dependent: Floats, on: Floats, rows: Mask) -> Floats:
    a, b = _centred(dependent, rows), _centred(on, rows)
    return np.asarray(np.nansum(a * b, axis=1) / np.nansum(b**2, axis=1))


def day_autocorrelation(seen: Record, lag: int) -> Floats:
    """Return that of systolic, the day's readings strung together."""
    values = []
    for systolic, night in zip(seen.systolic, seen.night, strict=True):
        day = systolic[~night] - systolic[~night].mean()
        values.append((day[lag:] * day[:-lag]).sum() / (day**2).sum())
    return np.array(values)


def dip(seen: Record) -> Floats:
    """Return the share of the day's systolic level that is lost at night, of the first 24 h."""
    first = slice(24 * TICKS_PER_H)
    systolic, night = seen.systolic[:, first], seen.night[:, first]
    day_mean = np.nanmean(np.where(night, np.nan, systolic), axis=1)
    return np.asarray(1 - np.nanmean(np.where(night, systolic, np.nan), axis=1) / day_mean)


def in_class(lowest: float, highest: float) -> Callable[[Record], Floats]:
    """Return a function that gives 100 for each patient whose dip lies in [lowest, highest), else 0."""
    return lambda seen: np.where((dip(seen) >= lowest) & (dip(seen) < highest), 100.0, 0.0)


def _centred(values: Floats, rows: Mask) -> Floats:
    chosen = np.where(rows, values, np.nan)
    return np.asarray(chosen - np.nanmean(chosen, axis=1, keepdims=True))
