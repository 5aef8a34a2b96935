"""What is to be sent at a given moment: the simulated clock, and the readings that have become due.

Nothing here looks at the wall clock; the time is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from producer.simulation.readings import Readings, Simulation


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """Starts at `start_us` and runs `speed` times faster than the wall clock, until it has caught up with it."""

    start_us: int
    wall_start_us: int
    speed: float

    def now_us(self, wall_us: int) -> int:
        """The simulated time, never later than the wall clock: no reading may come from the future."""
        return min(wall_us, self.start_us + int((wall_us - self.wall_start_us) * self.speed))


class Feed:
    """Hands out each reading of a simulation once, in order of time, when it has become due.

    `sent_before_us` is the whole position: every reading before that instant has been handed out and none after it.
    """

    def __init__(self, simulation: Simulation, sent_before_us: int) -> None:
        plan = simulation.plan
        self.sent_before_us = max(sent_before_us, plan.epoch_us)
        self._simulation = simulation
        simulation.skip_to((self.sent_before_us - plan.epoch_us) // plan.interval_us)
        self._readings = simulation.step()

    def next(self, until_us: int) -> Readings | None:
        """Readings before `until_us` of one tick at most; None when all have been handed out."""
        if until_us <= self.sent_before_us:
            return None
        end_us = min(until_us, self._tick_end_us())
        due = _between(self._readings, self.sent_before_us, end_us)
        if end_us == self._tick_end_us():
            self._readings = self._simulation.step()
        self.sent_before_us = end_us
        return due

    def _tick_end_us(self) -> int:
        plan = self._simulation.plan
        return plan.epoch_us + (self._readings.tick + 1) * plan.interval_us


def _between(readings: Readings, begin_us: int, end_us: int) -> Readings:
    """The measured readings in [begin_us, end_us), in order of time."""
    effective_us = readings.effective_us
    chosen = np.flatnonzero((effective_us >= begin_us) & (effective_us < end_us) & readings.measured)
    chosen = chosen[np.argsort(effective_us[chosen], kind="stable")]
    return readings.take(chosen)
