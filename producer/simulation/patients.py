"""Who the simulated patients are: groups, drugs and personal traits; `course` has their days and nights.

Constants come from population surveys and open recordings (means and spreads by group: NHSR 35 and a clinic of 2,918
ambulatory recordings, PubMed 18509343; dipping: Nagahama home study; memory and coupling: bp_hypnos data). Shapes and
rates marked "assumption" are chosen for this project. Nothing here describes a real person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.times import MINUTE_US

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]

SLEEP_AT_H: Final = 23.0
WAKE_AT_H: Final = 6.75
UTC_OFFSETS_MINUTES: Final = (0, 60, 120)
PLACE_OFFSET_MINUTES: Final = 60  # the clock of the place where they are watched: Central Europe in winter
LEAST_MEAN_PULSE_PRESSURE: Final = 25.0  # mmHg, assumption: a narrower mean would make most readings implausible
DOSES: Final[Mapping[float, float]] = MappingProxyType({1.0: 0.5, 2.0: 0.3, 3.0: 0.2})  # of takers (assumption)
DOSE_EFFECT: Final = (9.1, 5.5)  # mmHg, systolic and diastolic, of one standard dose (354 trials, PMC162261)
BETA_BLOCKER_SHARE: Final = 0.25  # of those who take drugs (assumption)
BETA_BLOCKER_EFFECT: Final = 9.0  # beats per minute
SHIFT_ON_DIASTOLIC: Final = 0.45  # share of a slow systolic change that the diastolic follows

# Of the patients' cuffs (assumptions). Between accepted cuffs the mean error differs by a few mmHg (ISO 81060-2: at
# most 5); values that a person writes down end in 0 or in an even digit more often than by chance.
CUFF_BIAS_SD: Final = (3.0, 2.0)  # mmHg, systolic and diastolic, between cuffs
WITHOUT_HEART_RATE_SHARE: Final = 0.17  # of the cuffs never tell one
DIGIT_STEPS: Final[Mapping[int, float]] = MappingProxyType({1: 0.82, 2: 0.1, 5: 0.04, 10: 0.04})  # mmHg, by share


class Stream(IntEnum):
    """What random numbers are for: each purpose has its own stream, so that one never shifts another."""

    TRAITS = 1
    TICK = 2
    DAY = 3
    EPISODES = 4
    ARTEFACTS = 5
    FORK = 6
    MESSAGES = 7
    CUFFS = 8
    HEART_RATES = 9


def random_stream(seed: int, stream: Stream, number: int) -> np.random.Generator:
    """Return the random numbers of one purpose, for one tick or day."""
    return np.random.default_rng([seed, stream, number])


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of patient: means and spreads between persons in mmHg, crisis episodes per patient-year (assumption).

    Of `on_drugs`, a share, the means are those under their drugs.
    """

    systolic: float
    systolic_sd: float
    diastolic: float
    diastolic_sd: float
    episodes_per_year: float
    on_drugs: float


GROUPS: Final[Mapping[str, Group]] = MappingProxyType(
    {
        "calibration": Group(130, 14, 77, 9, 0.0, 0.0),
        "referred": Group(136, 16, 78, 10, 0.75, 0.6),
        "treated": Group(128, 13, 76, 9, 0.1, 1.0),
        "normotensive": Group(118, 10, 71, 7, 0.02, 0.0),
        "elderly": Group(144, 17, 72, 10, 0.75, 0.8),  # stiff arteries (assumption); met in the shifted generator only
    }
)
MIXTURE: Final[Mapping[str, float]] = MappingProxyType({"normotensive": 0.4, "treated": 0.35, "referred": 0.25})


@dataclass(frozen=True, slots=True)
class Variation:
    """How restless the generator is: `CORE` is the plain published spread, `FULL` adds what an ordinary day adds."""

    gain: float  # on the systolic noise and where diastolic and heart rate share it
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
    doses: Floats  # standard doses of blood-pressure drugs a day, 0 without drugs
    phase: Floats  # where in each interval the patient measures, 0..1
    cuff_bias_systolic: Floats  # mmHg, on every reading of this patient's cuff
    cuff_bias_diastolic: Floats
    has_heart_rate: NDArray[np.bool_]  # the cuff tells one
    digit_step: Instants  # mmHg: shown pressures are whole multiples

    def __len__(self) -> int:
        return len(self.group)

    def take(self, chosen: NDArray[np.intp]) -> Patients:
        """Return the patients at these places, in this order, any of them several times."""
        group = tuple(self.group[place] for place in chosen.tolist())
        arrays = {field.name: getattr(self, field.name)[chosen] for field in fields(self) if field.name != "group"}
        return Patients(group=group, **arrays)


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
    heart_rate = random.normal(75, 9, count)
    doses, heart_rate_fall = _draw_drugs(random, group)
    cuffs = random_stream(seed, Stream.CUFFS, count)
    cuff_bias = np.array(CUFF_BIAS_SD)[:, None] * cuffs.standard_normal((2, count))
    return Patients(
        group=group,
        systolic=systolic,
        diastolic=diastolic,
        heart_rate=heart_rate - heart_rate_fall,
        systolic_dip=random.normal(0.10, variation.personal_dip_sd, count),
        diastolic_dip_extra=random.normal(0, 0.03, count),
        heart_rate_dip=random.normal(0.14, 0.06, count).clip(-0.05, 0.30),
        sleep_at_h=sleep_at_h,
        sleep_length_h=(wake_at_h - sleep_at_h) % 24,
        utc_offset_us=random.choice(UTC_OFFSETS_MINUTES, count) * np.int64(MINUTE_US),
        doses=doses,
        phase=random.random(count),
        cuff_bias_systolic=cuff_bias[0],
        cuff_bias_diastolic=cuff_bias[1],
        has_heart_rate=cuffs.random(count) >= WITHOUT_HEART_RATE_SHARE,
        digit_step=cuffs.choice(list(DIGIT_STEPS), count, p=list(DIGIT_STEPS.values())).astype(np.int64),
    )


def _draw_means(random: np.random.Generator, group: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Draw personal means with a between-person correlation of 0.55 (assumption)."""
    traits = [GROUPS[name] for name in group]
    common, own = random.standard_normal((2, len(group)))
    systolic = np.array([g.systolic for g in traits]) + np.array([g.systolic_sd for g in traits]) * common
    spread = np.array([g.diastolic_sd for g in traits]) * (0.55 * common + 0.835 * own)
    diastolic = np.array([g.diastolic for g in traits]) + spread
    return systolic, np.minimum(diastolic, systolic - LEAST_MEAN_PULSE_PRESSURE)


def _draw_drugs(random: np.random.Generator, group: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Draw standard doses, 0 for those without drugs, and by how much a beta-blocker slows the heart."""
    takes_drugs = random.random(len(group)) < np.array([GROUPS[name].on_drugs for name in group])
    doses: Floats = random.choice(list(DOSES), len(group), p=list(DOSES.values())) * takes_drugs
    beta_blocker = takes_drugs & (random.random(len(group)) < BETA_BLOCKER_SHARE)
    return doses, beta_blocker.astype(np.float64) * BETA_BLOCKER_EFFECT
