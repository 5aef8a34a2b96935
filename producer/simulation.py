"""The simulated stream of readings: one step per measuring interval, all patients at once.

Tick k of a simulation depends only on its arguments and k, never on the wall clock or on how often it was asked for:
a producer that starts again repeats the ticks up to its last one and goes on with the same patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producer.episodes import EpisodeCalendar
from producer.patient_profile import (
    FULL,
    HOUR_US,
    Course,
    Floats,
    Instants,
    Patients,
    Stream,
    Variation,
    course,
    random_stream,
)

# Systolic, diastolic and heart rate have one slow (first-order) term each. The white terms of one reading are: common
# to both pressures, systolic, diastolic, heart rate. The error of the cuff is inside them.
SLOW_SD: Final = np.array([[8.4], [3.0], [5.2]])
SLOW_HOURS: Final = np.array([[1.2], [1.2], [3.0]])
WHITE_SD: Final = np.array([[6.0], [4.8], [4.5], [4.0]])
NOISE_REFERENCE_SYSTOLIC: Final = 130.0

LEAST_PULSE_PRESSURE: Final = 10
LOWEST: Final = np.array([[50], [20], [20]])  # the limits of the intake: a cuff shows no value beyond
HIGHEST: Final = np.array([[300], [200], [300]])
MOST_REDRAWS: Final = 50

SECOND_US: Final = 1_000_000  # cuffs tell whole seconds

GAP_SHARE: Final = 0.125  # of readings, in runs of 2.5 on average (assumption)
GAP_ENDS: Final = 0.4
GAP_BEGINS: Final = GAP_SHARE * GAP_ENDS / (1 - GAP_SHARE)


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of one tick, shape (n,): mmHg and beats per minute. `measured` is False where the device failed."""

    tick: int
    patient: NDArray[np.intp]
    effective_us: Instants
    systolic: NDArray[np.int16]
    diastolic: NDArray[np.int16]
    heart_rate: NDArray[np.int16]
    measured: NDArray[np.bool_]

    def take(self, chosen: NDArray[np.intp]) -> Readings:
        """The readings at these places, in this order."""
        return Readings(
            self.tick,
            self.patient[chosen],
            self.effective_us[chosen],
            self.systolic[chosen],
            self.diastolic[chosen],
            self.heart_rate[chosen],
            self.measured[chosen],
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a simulation is made of. `episode_factor` multiplies the natural rate of crisis episodes (0: none)."""

    seed: int
    epoch_us: int
    interval_us: int
    episode_factor: float = 1.0
    gaps: bool = True
    variation: Variation = FULL


class Simulation:
    """Readings of `patients`, tick after tick; each patient measures at its own phase within the interval."""

    def __init__(self, patients: Patients, plan: Plan) -> None:
        self.patients = patients
        self.plan = plan
        self.next_tick = 0
        self._episodes = EpisodeCalendar(patients, plan.seed, plan.episode_factor)
        self._memory = np.exp(-plan.interval_us / HOUR_US / SLOW_HOURS)
        self._everyone = np.arange(len(patients))
        self._slow = np.zeros((3, len(patients)))
        self._in_gap = np.zeros(len(patients), dtype=np.bool_)
        self._phase_us = (patients.phase * plan.interval_us).astype(np.int64) // SECOND_US * SECOND_US

    def step(self) -> Readings:
        """Simulate the next tick."""
        tick, random = self.next_tick, self._random()
        self._advance(random, tick == 0)
        effective_us = self.plan.epoch_us + tick * self.plan.interval_us + self._phase_us
        values = self._measure(random, self._course(effective_us))
        self.next_tick += 1
        return Readings(tick, self._everyone, effective_us, values[0], values[1], values[2], ~self._in_gap)

    def skip_to(self, tick: int) -> None:
        """Let time pass up to `tick` without measuring; what follows is as if every tick had been asked for."""
        while self.next_tick < tick:
            self._advance(self._random(), self.next_tick == 0)
            self.next_tick += 1

    def _random(self) -> np.random.Generator:
        return random_stream(self.plan.seed, Stream.TICK, self.next_tick)

    def _advance(self, random: np.random.Generator, first: bool) -> None:
        """Move the slow terms (which start in their stationary state) and the device's gaps by one interval."""
        memory = np.zeros_like(self._memory) if first else self._memory
        innovation_sd = SLOW_SD * np.sqrt(1 - memory**2)
        self._slow = memory * self._slow + innovation_sd * random.standard_normal(self._slow.shape)
        if self.plan.gaps:
            chance = random.random(len(self.patients))
            self._in_gap = np.where(self._in_gap, chance >= GAP_ENDS, chance < GAP_BEGINS)

    def _course(self, effective_us: Instants) -> Course:
        plan = self.plan
        usual = course(self.patients, effective_us, plan.seed, plan.variation)
        systolic, diastolic, heart_rate = self._episodes.rise(effective_us)
        return Course(
            usual.systolic + systolic, usual.diastolic + diastolic, usual.heart_rate + heart_rate, usual.night
        )

    def _measure(self, random: np.random.Generator, expected: Course) -> NDArray[np.int16]:
        """Whole values of shape (3, n); a reading no cuff would show has its white terms drawn again."""
        white = WHITE_SD * random.standard_normal((4, len(self.patients)))
        values = self._values(expected, white)
        for _ in range(MOST_REDRAWS):
            bad = _impossible(values)
            if not bad.any():
                break
            white[:, bad] = WHITE_SD * random.standard_normal((4, int(bad.sum())))
            values = self._values(expected, white)
        values = values.clip(LOWEST, HIGHEST)
        values[1] = np.minimum(values[1], values[0] - LEAST_PULSE_PRESSURE)
        return values.astype(np.int16)

    def _values(self, expected: Course, white: Floats) -> Floats:
        variation = self.plan.variation
        level = self.patients.systolic / NOISE_REFERENCE_SYSTOLIC if variation.scales_with_level else 1.0
        common, own_systolic, own_diastolic, own_heart_rate = white
        slow_systolic, slow_diastolic, slow_heart_rate = self._slow
        shared = variation.gain * (slow_systolic + common)
        calm = 1 - 0.13 * expected.night
        systolic = expected.systolic + calm * level * (shared + variation.gain * own_systolic)
        diastolic = expected.diastolic + calm * (0.45 * shared + slow_diastolic + own_diastolic)
        heart_calm = 1 - 0.38 * expected.night
        heart_rate = expected.heart_rate + heart_calm * (0.43 * slow_systolic + slow_heart_rate + own_heart_rate)
        values: Floats = np.rint(np.stack([systolic, diastolic, heart_rate]))
        return values


def _impossible(values: Floats) -> NDArray[np.bool_]:
    """Which readings of shape (3, n) have a pulse pressure below 10 mmHg or leave the limits of the intake."""
    beyond = ((values < LOWEST) | (values > HIGHEST)).any(axis=0)
    impossible: NDArray[np.bool_] = np.logical_or(beyond, values[0] - values[1] < LEAST_PULSE_PRESSURE)
    return impossible
