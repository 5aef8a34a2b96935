"""The days and nights of simulated patients: what is expected of each at an instant, by the patient's own clock."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from conf.times import DAY_US, HOUR_US
from producer.simulation.patients import (
    FULL,
    SHIFT_ON_DIASTOLIC,
    Floats,
    Instants,
    Patients,
    Stream,
    Variation,
    random_stream,
)


@dataclass(frozen=True, slots=True)
class Course:
    """Expected values of n patients at one instant each, shape (n,): mmHg, beats per minute, depth of night 0..1."""

    systolic: Floats
    diastolic: Floats
    heart_rate: Floats
    night: Floats


@dataclass(frozen=True, slots=True)
class Today:
    """What each patient of a fork has already been dealt for the day it was in: local day (n,) and draws (2, n)."""

    local_day: Instants
    draws: Floats


class DailyDraws:
    """Two standard normal numbers per patient that change at the patient's midnight."""

    def __init__(self, seed: int, count: int, today: Today | None = None) -> None:
        self._seed, self._count, self._today = seed, count, today

    def at(self, local_day: Instants) -> Floats:
        """Return the numbers of each patient's local day (days since the epoch), shape (2, n)."""
        draws = np.empty((2, self._count))
        for day in np.unique(local_day).tolist():
            here = local_day == day
            draws[:, here] = _daily_normals(self._seed, day, self._count)[:, here]
        if self._today is not None:
            draws = np.where(local_day == self._today.local_day, self._today.draws, draws)
        return draws

    def fork(self, local_day: Instants, rows: NDArray[np.intp], seed: int) -> DailyDraws:
        """Return the draws of the patients at `rows`: the same on `local_day` (n,), their own on other days."""
        return DailyDraws(seed, len(rows), Today(local_day[rows], self.at(local_day)[:, rows]))


def local_days(patients: Patients, effective_us: Instants) -> Instants:
    """Return the days since the epoch on each patient's own calendar at its instant (UTC microseconds)."""
    return (effective_us + patients.utc_offset_us) // DAY_US


def depth_of_night(patients: Patients, effective_us: Instants) -> Floats:
    """Return 0 by day to 1 asleep: a steep fall asleep and a slightly slower waking, smooth over midnight."""
    hour = ((effective_us + patients.utc_offset_us) % DAY_US) / HOUR_US
    asleep_h = (hour - patients.sleep_at_h + 12) % 24 - 12
    return _logistic(asleep_h / 0.5) * _logistic((patients.sleep_length_h - asleep_h) / 0.6)


def course(patients: Patients, night: Floats, draws: Floats, variation: Variation = FULL) -> Course:
    """Return what is expected at this depth of night (n,) with these draws of the day (2, n)."""
    dip_change, shift = draws * [[variation.daily_dip_sd], [variation.daily_shift_sd]]
    systolic_dip = (patients.systolic_dip + dip_change).clip(-0.12, 0.28)
    diastolic_dip = (1.25 * systolic_dip + patients.diastolic_dip_extra).clip(-0.15, 0.35)
    return Course(
        systolic=patients.systolic * _profile(patients, night, systolic_dip) + shift,
        diastolic=patients.diastolic * _profile(patients, night, diastolic_dip) + SHIFT_ON_DIASTOLIC * shift,
        heart_rate=patients.heart_rate * _profile(patients, night, patients.heart_rate_dip),
        night=night,
    )


def _profile(patients: Patients, night: Floats, dip: Floats) -> Floats:
    """Return the factor on the personal mean, which averages to 1 over 24 h: `night` averages to the share slept."""
    return (1 - night * dip) / (1 - patients.sleep_length_h / 24 * dip)


@lru_cache(maxsize=8)
def _daily_normals(seed: int, day: int, count: int) -> Floats:
    """Draw the numbers of a day, shape (2, count), once: several time zones ask for the same day."""
    return random_stream(seed, Stream.DAY, day).standard_normal((2, count))


def _logistic(value: Floats) -> Floats:
    return 1 / (1 + np.exp(-value))
