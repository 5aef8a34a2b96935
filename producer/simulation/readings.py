"""The simulated stream of readings: one step per measuring interval, all patients at once.

Tick k of a simulation depends only on its arguments and k, never on the wall clock or on how often it was asked for:
a producer that starts again repeats the ticks up to its last one and goes on with the same patients.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conf.times import HOUR_US, SECOND_US
from fhir.measures import DIASTOLIC, HEART_RATE, SYSTOLIC, Range
from fhir.ranges import POSSIBLE_PULSE_PRESSURE
from producer.simulation.course import Course, DailyDraws, course, depth_of_night, local_days
from producer.simulation.cuff import (
    ARTEFACT_SHARE,
    GAP_SHARE,
    HEART_RATE_LOST_SHARE,
    Artefact,
    Artefacts,
    Mask,
    Values,
    advance_gaps,
    draw_artefacts,
    show,
    write_down,
)
from producer.simulation.episodes import EpisodeCalendar
from producer.simulation.patients import FULL, Floats, Instants, Patients, Stream, Variation, random_stream

# Systolic, diastolic and heart rate have one slow (first-order) term each. The white terms of one reading are: common
# to both pressures, systolic, diastolic, heart rate. The error of the cuff is inside them.
SLOW_SD: Final = np.array([[8.4], [3.0], [5.2]])
SLOW_HOURS: Final = np.array([[1.2], [1.2], [3.0]])
WHITE_SD: Final = np.array([[6.0], [4.8], [4.5], [4.0]])
NOISE_REFERENCE_SYSTOLIC: Final = 130.0

LEAST_PULSE_PRESSURE: Final = 10
# A true reading is never beyond what the intake holds for possible; an artefact may be.
LOWEST, HIGHEST = np.array([SYSTOLIC.possible, DIASTOLIC.possible, HEART_RATE.possible])[:, :, None].swapaxes(0, 1)
MOST_REDRAWS: Final = 50


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of one tick, shape (n,): mmHg and beats per minute.

    `measured` is False where the device failed. Elsewhere it showed `systolic`, `diastolic` and, if `has_heart_rate`,
    `heart_rate`, which equal the true values unless `artefact` names one or the patient prefers some digits. True
    values and artefacts are for evaluation, never sent.
    """

    tick: int
    patient: NDArray[np.intp]
    effective_us: Instants
    systolic: NDArray[np.int16]
    diastolic: NDArray[np.int16]
    heart_rate: NDArray[np.int16]
    has_heart_rate: Mask
    measured: Mask
    artefact: Artefacts
    true_systolic: NDArray[np.int16]
    true_diastolic: NDArray[np.int16]
    true_heart_rate: NDArray[np.int16]

    @property
    def accepted(self) -> Mask:
        """Tell which readings become observations: measured, and with pressures that the intake holds for possible."""
        pressures = _within(SYSTOLIC.possible, self.systolic) & _within(DIASTOLIC.possible, self.diastolic)
        return self.measured & pressures & _within(POSSIBLE_PULSE_PRESSURE, self.systolic - self.diastolic)

    @property
    def heart_rate_accepted(self) -> Mask:
        """Tell which readings have a heart rate that the intake keeps; a pressure stays without it."""
        return self.has_heart_rate & _within(HEART_RATE.possible, self.heart_rate)

    def take(self, chosen: NDArray[np.intp]) -> Readings:
        """Return the readings at these places, in this order."""
        arrays = {field.name: getattr(self, field.name)[chosen] for field in fields(self) if field.name != "tick"}
        return Readings(tick=self.tick, **arrays)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a simulation is made of.

    `episode_factor` multiplies the natural rate of crisis episodes (0: none). `gap_share` of the measurements fail,
    `artefact_share` of the others are artefacts. `device_bias` (mmHg, systolic and diastolic) is on every reading
    beside the bias of the patient's own cuff, the true ones too: the reading of an ideal cuff is nowhere else.
    """

    seed: int
    epoch_us: int
    interval_us: int
    episode_factor: float = 1.0
    gap_share: float = GAP_SHARE
    artefact_share: float = ARTEFACT_SHARE
    device_bias: tuple[float, float] = (0.0, 0.0)
    variation: Variation = FULL


@dataclass(frozen=True, slots=True)
class _Moment:
    """What each patient carries from one tick to the next; the patients are on the last axis of every array."""

    slow: Floats  # (3, n)
    in_gap: Mask
    shown: Values  # (3, n): what a stuck device shows again
    can_stick: Mask

    def take(self, rows: NDArray[np.intp]) -> _Moment:
        return _Moment(*(getattr(self, field.name)[..., rows] for field in fields(self)))


class Simulation:
    """Readings of `patients`, tick after tick; each patient measures at its own phase within the interval."""

    def __init__(self, patients: Patients, plan: Plan) -> None:
        count = len(patients)
        self.patients = patients
        self.plan = plan
        self.next_tick = 0
        self._days = DailyDraws(plan.seed, count)
        self._episodes = EpisodeCalendar(patients, plan.seed, plan.episode_factor)
        self._memory = np.exp(-plan.interval_us / HOUR_US / SLOW_HOURS)
        phase_us = (patients.phase * plan.interval_us).astype(np.int64)
        self._phase_us = phase_us // SECOND_US * SECOND_US  # cuffs tell whole seconds
        nothing = np.zeros(count, dtype=np.bool_)
        self._moment = _Moment(np.zeros((3, count)), nothing, np.zeros((3, count), dtype=np.int16), nothing)

    def step(self) -> Readings:
        """Simulate the next tick."""
        tick, random = self.next_tick, self._random(Stream.TICK)
        effective_us = self._instants(tick)
        night = depth_of_night(self.patients, effective_us)
        self._advance(random, night)
        true = self._measure(random, self._course(effective_us, night))
        artefacts, shown = self._show(true)
        measured = ~self._moment.in_gap
        self._moment = replace(self._moment, shown=true, can_stick=measured & (artefacts == Artefact.NONE))
        lost = self._random(Stream.HEART_RATES).random(len(self.patients)) < HEART_RATE_LOST_SHARE
        self.next_tick += 1
        return Readings(
            tick,
            np.arange(len(self.patients)),
            effective_us,
            shown[0],
            shown[1],
            shown[2],
            self.patients.has_heart_rate & ~lost,
            measured,
            artefacts,
            true[0],
            true[1],
            true[2],
        )

    def skip_to(self, tick: int) -> None:
        """Let time pass up to `tick` without measuring; what follows is as if every tick had been asked for."""
        while self.next_tick < tick - 1:
            night = depth_of_night(self.patients, self._instants(self.next_tick))
            self._advance(self._random(Stream.TICK), night)
            self.next_tick += 1
        if self.next_tick < tick:
            self.step()  # what a device may show again

    def fork(self, patients: NDArray[np.intp], copies: int, seed: int) -> Simulation:
        """Return n * copies patients: futures of each of the n named ones, one patient's copies side by side.

        All copies share what the patient has come to by the last tick (slow terms, gap, the day's draws, episodes that
        have begun); what follows is independent between copies, and of this simulation, for every `seed`.
        """
        rows = np.repeat(patients, copies)
        now_us = self._instants(self.next_tick - 1)
        own_seed = int(random_stream(self.plan.seed, Stream.FORK, seed).integers(2**62))
        forked = Simulation(self.patients.take(rows), replace(self.plan, seed=own_seed))
        forked.next_tick = self.next_tick
        forked._moment = self._moment.take(rows)
        forked._days = self._days.fork(local_days(self.patients, now_us), rows, own_seed)
        forked._episodes = self._episodes.fork(rows, now_us, own_seed)
        return forked

    def _instants(self, tick: int) -> Instants:
        return self.plan.epoch_us + tick * self.plan.interval_us + self._phase_us

    def _random(self, stream: Stream) -> np.random.Generator:
        return random_stream(self.plan.seed, stream, self.next_tick)

    def _advance(self, random: np.random.Generator, night: Floats) -> None:
        """Move the slow terms and the device's gaps by one interval; both start in their stationary state."""
        first = self.next_tick == 0
        memory = np.zeros_like(self._memory) if first else self._memory
        innovation_sd = SLOW_SD * np.sqrt(1 - memory**2)
        slow = memory * self._moment.slow + innovation_sd * random.standard_normal(self._moment.slow.shape)
        before = None if first else self._moment.in_gap
        in_gap = advance_gaps(random, before, night, self.plan.gap_share)
        self._moment = replace(self._moment, slow=slow, in_gap=in_gap)

    def _show(self, true: Values) -> tuple[Artefacts, Values]:
        """Return the artefacts of this tick and what the devices show; who has nothing to show again does not stick."""
        random = self._random(Stream.ARTEFACTS)
        artefacts = draw_artefacts(random, len(self.patients), self.plan.artefact_share)
        stuck_at_nothing = (artefacts == Artefact.STUCK) & ~self._moment.can_stick
        artefacts[stuck_at_nothing | self._moment.in_gap] = Artefact.NONE
        shown = show(random, true, artefacts, self._moment.shown)
        return artefacts, write_down(shown, self.patients.digit_step)

    def _course(self, effective_us: Instants, night: Floats) -> Course:
        draws = self._days.at(local_days(self.patients, effective_us))
        usual = course(self.patients, night, draws, self.plan.variation)
        systolic, diastolic, heart_rate = self._episodes.rise(effective_us)
        return Course(
            usual.systolic + systolic, usual.diastolic + diastolic, usual.heart_rate + heart_rate, usual.night
        )

    def _measure(self, random: np.random.Generator, expected: Course) -> NDArray[np.int16]:
        """Return whole values of shape (3, n); a reading no cuff would show has its white terms drawn again."""
        white = WHITE_SD * random.standard_normal((4, len(self.patients)))
        values = self._values(expected, white)
        for _ in range(MOST_REDRAWS):
            bad = _impossible(values)
            if not bad.any():
                break
            white[:, bad] = WHITE_SD * random.standard_normal((4, int(bad.sum())))
            values = self._values(expected, white)
        values = values.clip(LOWEST, HIGHEST)  # after so many draws only in an absurd episode
        values[1] = np.minimum(values[1], values[0] - LEAST_PULSE_PRESSURE)
        return values.astype(np.int16)

    def _values(self, expected: Course, white: Floats) -> Floats:
        variation = self.plan.variation
        level = self.patients.systolic / NOISE_REFERENCE_SYSTOLIC if variation.scales_with_level else 1.0
        common, own_systolic, own_diastolic, own_heart_rate = white
        slow_systolic, slow_diastolic, slow_heart_rate = self._moment.slow
        shared = variation.gain * (slow_systolic + common)
        calm = 1 - 0.13 * expected.night
        bias_systolic = self.plan.device_bias[0] + self.patients.cuff_bias_systolic
        bias_diastolic = self.plan.device_bias[1] + self.patients.cuff_bias_diastolic
        systolic = expected.systolic + bias_systolic + calm * level * (shared + variation.gain * own_systolic)
        diastolic = expected.diastolic + bias_diastolic + calm * (0.45 * shared + slow_diastolic + own_diastolic)
        heart_calm = 1 - 0.38 * expected.night
        heart_rate = expected.heart_rate + heart_calm * (
            0.43 * variation.gain * slow_systolic + slow_heart_rate + own_heart_rate
        )
        values: Floats = np.rint(np.stack([systolic, diastolic, heart_rate]))
        return values


def _impossible(values: Floats) -> Mask:
    """Tell which readings of shape (3, n) no cuff shows: a value or the pulse pressure beyond its range."""
    pulse_pressure = values[0] - values[1]
    outside = ((values < LOWEST) | (values > HIGHEST)).any(axis=0)
    odd_pulse = (pulse_pressure < LEAST_PULSE_PRESSURE) | (pulse_pressure > POSSIBLE_PULSE_PRESSURE.highest)
    impossible: Mask = np.logical_or(outside, odd_pulse)
    return impossible


def _within(bounds: Range, values: NDArray[np.int16]) -> Mask:
    inside: Mask = (values >= bounds.lowest) & (values <= bounds.highest)
    return inside
