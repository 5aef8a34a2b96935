"""Crisis episodes: rare, hours-long rises above the daily course. Their shape and rates are assumptions.

An episode begins on some day with a slow drift (missed doses) or at once (pain, stress, a stimulant), climbs to a
peak, stays there, and decays under treatment. Which episodes begin on a day follows from seed and day alone, so the
effect at any instant can be computed without history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producer.patient_profile import (
    DAY_US,
    GROUPS,
    HOUR_US,
    SHIFT_ON_DIASTOLIC,
    Floats,
    Instants,
    Patients,
    Stream,
    random_stream,
)

DAYS_PER_YEAR: Final = 365.25
LONGEST_EPISODE_DAYS: Final = 4  # 72 h drift + 3 h ramp + 8 h plateau + 12 h decay, less than 4 whole days
MISSED_DOSE_SHARE: Final = 0.6  # of the episodes of patients who take drugs


@dataclass(frozen=True, slots=True)
class Episodes:
    """Episodes that begin on one day; every array has shape (k,). Heights in mmHg or beats/min, lengths in hours."""

    patient: NDArray[np.intp]
    begin_us: Instants
    drift: Floats
    drift_h: Floats
    ramp_h: Floats
    plateau_h: Floats
    decay_h: Floats
    peak: Floats  # shape (3, k): systolic, diastolic, heart rate


class EpisodeCalendar:
    """The episodes of `patients`, drawn day by day as they are needed; `rate_factor` multiplies the natural rates."""

    def __init__(self, patients: Patients, seed: int, rate_factor: float) -> None:
        groups = [GROUPS[name] for name in patients.group]
        self._seed = seed
        self._chance_per_day = np.array([group.episodes_per_year for group in groups]) * rate_factor / DAYS_PER_YEAR
        self._takes_drugs = np.array([group.takes_drugs for group in groups], dtype=np.bool_)
        self._begun: dict[int, Episodes] = {}

    def rise(self, effective_us: Instants) -> Floats:
        """Rise of systolic, diastolic (mmHg) and heart rate at each patient's instant, shape (3, n)."""
        rise = np.zeros((3, len(effective_us)))
        newest_day = int(effective_us.max() // DAY_US)
        days = range(newest_day - LONGEST_EPISODE_DAYS - 1, newest_day + 1)
        self._begun = {day: self._begun.get(day) or self._draw(day) for day in days}
        for episodes in self._begun.values():
            rise[:, episodes.patient] += _rise(episodes, effective_us[episodes.patient])
        return rise

    def _draw(self, day: int) -> Episodes:
        random = random_stream(self._seed, Stream.EPISODES, day)
        patient = np.flatnonzero(random.random(len(self._chance_per_day)) < self._chance_per_day)
        count = len(patient)
        missed_doses = self._takes_drugs[patient] & (random.random(count) < MISSED_DOSE_SHARE)
        return Episodes(
            patient=patient,
            begin_us=day * DAY_US + random.integers(0, DAY_US, count),
            drift=np.where(missed_doses, random.uniform(10, 25, count), 0),
            drift_h=np.where(missed_doses, random.uniform(24, 72, count), 0),
            ramp_h=random.uniform(0.5, 3, count),
            plateau_h=random.uniform(1, 8, count),
            decay_h=random.uniform(2, 12, count),
            peak=random.uniform([[35], [15], [5]], [[70], [35], [20]], (3, count)),
        )


def _rise(episodes: Episodes, effective_us: Instants) -> Floats:
    hours = (effective_us - episodes.begin_us) / HOUR_US
    drifted = (hours / np.maximum(episodes.drift_h, 1e-9)).clip(0, 1)
    climbed = ((hours - episodes.drift_h) / episodes.ramp_h).clip(0, 1)
    decay_begins_h = episodes.drift_h + episodes.ramp_h + episodes.plateau_h
    left = (1 - (hours - decay_begins_h) / episodes.decay_h).clip(0, 1)
    drift = np.stack([episodes.drift, SHIFT_ON_DIASTOLIC * episodes.drift, np.zeros_like(episodes.drift)])
    return left * (drifted * drift + climbed * (episodes.peak - drift))
