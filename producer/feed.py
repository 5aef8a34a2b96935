"""What is to be sent at a given moment: the simulated clock, the readings that have become due, and their messages.

Nothing here looks at the wall clock; the time is passed in. However the time is cut, and wherever it begins, each
reading and each message is handed out once.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count

import numpy as np

from producer.composer import Composer
from producer.messages import Message
from producer.position import Identity
from producer.simulation.patients import draw_patients
from producer.simulation.readings import Plan, Readings, Simulation


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """Starts at `start_us` and runs `speed` times faster than the wall clock, until it has caught up with it."""

    start_us: int
    wall_start_us: int
    speed: float

    def now_us(self, wall_us: int) -> int:
        """Return the simulated time, never later than the wall clock: no reading may come from the future."""
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
        """Return the readings before `until_us` of one tick at most; None when all have been handed out."""
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
    """Return the measured readings in [begin_us, end_us), in order of time."""
    effective_us = readings.effective_us
    chosen = np.flatnonzero((effective_us >= begin_us) & (effective_us < end_us) & readings.measured)
    chosen = chosen[np.argsort(effective_us[chosen], kind="stable")]
    return readings.take(chosen)


class Outbox:
    """Hands out each message of a feed's readings, in order of time, once it is due.

    `sent_before_us` is the whole position: every message due before that instant has been handed out and none after it.
    A late message may belong to an older reading, so the feed must begin by the composer's reach before the position.
    """

    def __init__(self, feed: Feed, composer: Composer, sent_before_us: int) -> None:
        self.sent_before_us = sent_before_us
        self._feed, self._composer = feed, composer
        self._begin_us = sent_before_us
        self._pending: list[tuple[int, int, Message]] = []
        self._order = count()  # of messages due at the same instant

    def next(self, until_us: int) -> list[Message] | None:
        """Return the messages due before `until_us`, of one tick at most; None when all have been handed out."""
        readings = self._feed.next(until_us)
        if readings is None:
            return None
        for message in self._composer.compose(readings):
            if message.due_us >= self._begin_us:
                heapq.heappush(self._pending, (message.due_us, next(self._order), message))
        end_us = self._feed.sent_before_us
        self.sent_before_us = max(end_us, self._begin_us)
        due = []
        while self._pending and self._pending[0][0] < end_us:
            due.append(heapq.heappop(self._pending)[-1])
        return due


def patient_id(seed: int, index: int) -> str:
    """Return the FHIR id of a simulated patient; the seed is part of it, because another seed means other people."""
    return f"sim{seed}-{index:05d}"


def open_outbox(identity: Identity, epoch_us: int, sent_before_us: int) -> Outbox:
    """Return the messages of an identity's simulation, which began at `epoch_us`, from `sent_before_us` on."""
    patients = draw_patients(identity.patients, identity.seed)
    names = [patient_id(identity.seed, index) for index in range(identity.patients)]
    composer = Composer(patients, names, identity.seed, identity.interval_us, identity.forms, identity.faults)
    plan = Plan(identity.seed, epoch_us, identity.interval_us, identity.episode_factor)
    feed = Feed(Simulation(patients, plan), max(epoch_us, sent_before_us - composer.reach_us))
    return Outbox(feed, composer, sent_before_us)
