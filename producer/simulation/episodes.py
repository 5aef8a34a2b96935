"""Crisis episodes: rare, hours-long rises above the daily course. Their shape and rates are assumptions.

An episode begins on some day with a slow drift (missed doses) or at once (pain, stress, a stimulant), climbs to a
peak, stays there, and decays under treatment. Which episodes begin on a day follows from seed and day alone, so the
effect at any instant can be computed without history.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.times import DAY_US, HOUR_US
from producer.simulation.patients import (
    DOSE_EFFECT,
    GROUPS,
    Floats,
    Instants,
    Patients,
    Stream,
    random_stream,
)

DAYS_PER_YEAR: Final = 365.25
LONGEST_EPISODE_DAYS: Final = 4  # 72 h drift + 3 h ramp + 8 h plateau + 12 h decay, less than 4 whole days
MISSED_DOSE_SHARE: Final = 0.6  # of the episodes of patients who take drugs
MISSED_DOSE_RISE: Final = (10, 25)  # mmHg, systolic


@dataclass(frozen=True, slots=True)
class Episodes:
    """k episodes, most arrays of shape (k,). Heights in mmHg or beats/min, lengths in hours."""

    patient: NDArray[np.intp]
    begin_us: Instants
    drift_h: Floats
    ramp_h: Floats
    plateau_h: Floats
    decay_h: Floats
    drift: Floats  # shape (3, k): systolic, diastolic, heart rate
    peak: Floats  # shape (3, k)

    def take(self, chosen: NDArray[np.intp]) -> Episodes:
        """Return the episodes at these places."""
        return Episodes(*(getattr(self, field.name)[..., chosen] for field in fields(self)))


class EpisodeCalendar:
    """The episodes of patients, drawn day by day as they are needed; `rate_factor` multiplies the natural rates."""

    def __init__(self, patients: Patients, seed: int, rate_factor: float) -> None:
        yearly = np.array([GROUPS[name].episodes_per_year for name in patients.group])
        self._seed = seed
        self._chance_per_day = yearly * rate_factor / DAYS_PER_YEAR
        self._doses = patients.doses
        self._begun: dict[int, Episodes] = {}
        self._inherited: tuple[Episodes, ...] = ()
        self._own_after_us: Instants | None = None  # of a fork: what began before is inherited

    def fork(self, rows: NDArray[np.intp], now_us: Instants, seed: int) -> EpisodeCalendar:
        """Return a calendar of the patients at `rows` that shares what has begun by `now_us` (n,) and nothing later."""
        self.rise(now_us)  # so that all that has begun is drawn
        forked = copy(self)
        forked._seed, forked._begun = seed, {}
        forked._chance_per_day, forked._doses = self._chance_per_day[rows], self._doses[rows]
        forked._own_after_us = now_us[rows]
        known = (*self._inherited, *self._begun.values())
        begun = (episodes.take(np.flatnonzero(episodes.begin_us <= now_us[episodes.patient])) for episodes in known)
        forked._inherited = tuple(_handed_on(episodes, rows) for episodes in begun if len(episodes.patient))
        return forked

    def rise(self, effective_us: Instants) -> Floats:
        """Return the rise of systolic, diastolic (mmHg) and heart rate at each patient's instant, shape (3, n)."""
        rise = np.zeros((3, len(effective_us)))
        newest_day = int(effective_us.max() // DAY_US)
        days = range(newest_day - LONGEST_EPISODE_DAYS - 1, newest_day + 1)
        self._begun = {day: self._begun.get(day) or self._draw(day) for day in days}
        for episodes in (*self._inherited, *self._begun.values()):
            rise[:, episodes.patient] += _rise(episodes, effective_us[episodes.patient])
        return rise

    def _draw(self, day: int) -> Episodes:
        random = random_stream(self._seed, Stream.EPISODES, day)
        patient = np.flatnonzero(random.random(len(self._chance_per_day)) < self._chance_per_day)
        count = len(patient)
        missed_doses = (self._doses[patient] > 0) & (random.random(count) < MISSED_DOSE_SHARE)
        lost_effect = DOSE_EFFECT[0] * self._doses[patient] * random.uniform(0.8, 1.2, count)
        drift = missed_doses * lost_effect.clip(*MISSED_DOSE_RISE)
        begin_us = day * DAY_US + random.integers(0, DAY_US, count)
        drawn = Episodes(
            patient=patient,
            begin_us=begin_us,
            drift_h=np.where(missed_doses, random.uniform(24, 72, count), 0),
            ramp_h=random.uniform(0.5, 3, count),
            plateau_h=random.uniform(1, 8, count),
            decay_h=random.uniform(2, 12, count),
            drift=np.multiply.outer([1.0, DOSE_EFFECT[1] / DOSE_EFFECT[0], 0.0], drift),
            peak=random.uniform([[35], [15], [5]], [[70], [35], [20]], (3, count)),
        )
        if self._own_after_us is None:
            return drawn
        return drawn.take(np.flatnonzero(begin_us > self._own_after_us[patient]))


def _handed_on(episodes: Episodes, rows: NDArray[np.intp]) -> Episodes:
    """Return the episodes of the patients at `rows`, each patient counted by its place there."""
    place, of = np.nonzero(rows[:, None] == episodes.patient)
    return replace(episodes.take(of), patient=place)


def _rise(episodes: Episodes, effective_us: Instants) -> Floats:
    hours = (effective_us - episodes.begin_us) / HOUR_US
    drifted = (hours / np.maximum(episodes.drift_h, 1e-9)).clip(0, 1)
    climbed = ((hours - episodes.drift_h) / episodes.ramp_h).clip(0, 1)
    decay_begins_h = episodes.drift_h + episodes.ramp_h + episodes.plateau_h
    left = (1 - (hours - decay_begins_h) / episodes.decay_h).clip(0, 1)
    return left * (drifted * episodes.drift + climbed * (episodes.peak - episodes.drift))
