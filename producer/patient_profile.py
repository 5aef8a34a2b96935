"""Who the simulated patients are: groups, personal traits and the day and night course of their pressures.

Constants come from population surveys and open recordings (means and spreads by group: NHSR 35 and a clinic of 2,918
ambulatory recordings, PubMed 18509343; dipping: Nagahama home study; memory and coupling: bp_hypnos data). Shapes and
rates marked "assumption" are chosen for this project. Nothing here describes a real person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
MINUTE_US: Final = 60_000_000

SLEEP_AT_H: Final = 23.0
WAKE_AT_H: Final = 6.75
UTC_OFFSETS_MINUTES: Final = (0, 60, 120)
LEAST_MEAN_PULSE_PRESSURE: Final = 25.0  # mmHg, assumption: a narrower mean would make most readings implausible
SHIFT_ON_DIASTOLIC: Final = 0.45  # share of a slow systolic change that the diastolic follows


class Stream(IntEnum):
    """What random numbers are for: each purpose has its own stream, so that one never shifts another."""

    TRAITS = 1
    TICK = 2
    DAY = 3
    EPISODES = 4


def random_stream(seed: int, stream: Stream, number: int) -> np.random.Generator:
    """The random numbers of one purpose, for one tick or day."""
    return np.random.default_rng([seed, stream, number])


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of patient: means and spreads between persons in mmHg, crisis episodes per patient-year (assumption)."""

    systolic: float
    systolic_sd: float
    diastolic: float
    diastolic_sd: float
    episodes_per_year: float
    takes_drugs: bool


GROUPS: Final[Mapping[str, Group]] = MappingProxyType(
    {
        "calibration": Group(130, 14, 77, 9, 0.0, False),
        "referred": Group(136, 16, 78, 10, 0.75, True),
        "treated": Group(128, 13, 76, 9, 0.1, True),
        "normotensive": Group(118, 10, 71, 7, 0.02, False),
    }
)
MIXTURE: Final[Mapping[str, float]] = MappingProxyType({"normotensive": 0.4, "treated": 0.35, "referred": 0.25})


@dataclass(frozen=True, slots=True)
class Variation:
    """How restless the generator is: `CORE` is the plain published spread, `FULL` adds what an ordinary day adds."""

    gain: float  # on the systolic noise and where the diastolic shares it
    scales_with_level: bool  # systolic noise grows with the patient's mean
    personal_dip_sd: float
    daily_dip_sd: float
    daily_shift_sd: float  # mmHg
    sleep_jitter_sd: float  # hours, of sleep and wake time between persons


CORE: Final = Variation(1.0, False, 0.075, 0.0, 0.0, 0.0)
FULL: Final = Variation(1.1, True, 0.053, 0.053, 5.0, 0.7)


@dataclass(frozen=True, slots=True)
class Patients:
    """Fixed traits of n patients; every array has shape (n,). Dips are shares of the day level lost at night."""

    group: tuple[str, ...]
    systolic: Floats
    diastolic: Floats
    heart_rate: Floats
    systolic_dip: Floats
    diastolic_dip_extra: Floats
    heart_rate_dip: Floats
    sleep_at_h: Floats
    sleep_length_h: Floats
    utc_offset_us: Instants
    phase: Floats  # where in each interval the patient measures, 0..1

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, slots=True)
class Course:
    """Expected values of n patients at one instant each, shape (n,): mmHg, beats per minute, depth of night 0..1."""

    systolic: Floats
    diastolic: Floats
    heart_rate: Floats
    night: Floats


def draw_patients(
    count: int, seed: int, mixture: Mapping[str, float] = MIXTURE, variation: Variation = FULL
) -> Patients:
    """Draw `count` patients; the same arguments give the same patients. `mixture` maps group names to shares."""
    random = random_stream(seed, Stream.TRAITS, count)
    shares = np.array(list(mixture.values()))
    group = tuple(random.choice(list(mixture), count, p=shares / shares.sum()).tolist())
    systolic, diastolic = _draw_means(random, group)
    sleep_at_h = SLEEP_AT_H + variation.sleep_jitter_sd * random.standard_normal(count)
    wake_at_h = WAKE_AT_H + variation.sleep_jitter_sd * random.standard_normal(count)
    return Patients(
        group=group,
        systolic=systolic,
        diastolic=diastolic,
        heart_rate=random.normal(75, 9, count),
        systolic_dip=random.normal(0.10, variation.personal_dip_sd, count),
        diastolic_dip_extra=random.normal(0, 0.03, count),
        heart_rate_dip=random.normal(0.14, 0.06, count).clip(-0.05, 0.30),
        sleep_at_h=sleep_at_h,
        sleep_length_h=(wake_at_h - sleep_at_h) % 24,
        utc_offset_us=random.choice(UTC_OFFSETS_MINUTES, count) * np.int64(MINUTE_US),
        phase=random.random(count),
    )


def _draw_means(random: np.random.Generator, group: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Personal means with a between-person correlation of 0.55 (assumption)."""
    traits = [GROUPS[name] for name in group]
    common, own = random.standard_normal((2, len(group)))
    systolic = np.array([g.systolic for g in traits]) + np.array([g.systolic_sd for g in traits]) * common
    spread = np.array([g.diastolic_sd for g in traits]) * (0.55 * common + 0.835 * own)
    diastolic = np.array([g.diastolic for g in traits]) + spread
    return systolic, np.minimum(diastolic, systolic - LEAST_MEAN_PULSE_PRESSURE)


def course(patients: Patients, effective_us: Instants, seed: int, variation: Variation = FULL) -> Course:
    """What is expected of each patient at its own instant (UTC microseconds), by the patient's own clock."""
    local_us = effective_us + patients.utc_offset_us
    night = _night(patients, (local_us % DAY_US) / HOUR_US)
    dip_change, shift = _of_the_day(seed, local_us // DAY_US) * [[variation.daily_dip_sd], [variation.daily_shift_sd]]
    systolic_dip = (patients.systolic_dip + dip_change).clip(-0.12, 0.28)
    diastolic_dip = (1.25 * systolic_dip + patients.diastolic_dip_extra).clip(-0.15, 0.35)
    return Course(
        systolic=patients.systolic * _profile(patients, night, systolic_dip) + shift,
        diastolic=patients.diastolic * _profile(patients, night, diastolic_dip) + SHIFT_ON_DIASTOLIC * shift,
        heart_rate=patients.heart_rate * _profile(patients, night, patients.heart_rate_dip),
        night=night,
    )


def _night(patients: Patients, hour: Floats) -> Floats:
    """Depth of night by the hour, 0 to 1: a steep fall asleep and a slightly slower waking, smooth over midnight."""
    asleep_h = (hour - patients.sleep_at_h + 12) % 24 - 12
    return _logistic(asleep_h / 0.5) * _logistic((patients.sleep_length_h - asleep_h) / 0.6)


def _profile(patients: Patients, night: Floats, dip: Floats) -> Floats:
    """Factor on the personal mean; its mean over 24 h is 1, because `night` averages to the share of the day slept."""
    return (1 - night * dip) / (1 - patients.sleep_length_h / 24 * dip)


def _of_the_day(seed: int, local_day: Instants) -> Floats:
    """Two standard normal numbers per patient that change at the patient's midnight, shape (2, n)."""
    values = np.empty((2, len(local_day)))
    for day in np.unique(local_day).tolist():
        here = local_day == day
        values[:, here] = _daily_normals(seed, day, len(local_day))[:, here]
    return values


@lru_cache(maxsize=8)
def _daily_normals(seed: int, day: int, count: int) -> Floats:
    return random_stream(seed, Stream.DAY, day).standard_normal((2, count))


def _logistic(value: Floats) -> Floats:
    return 1 / (1 + np.exp(-value))
