"""Messages in the order in which they become due, each once, however the time is cut and wherever it begins."""

from __future__ import annotations

import heapq
from itertools import count

from producer.composer import Composer
from producer.feed import Feed
from producer.messages import Message
from producer.position import Identity
from producer.simulation.patients import draw_patients
from producer.simulation.readings import Plan, Simulation


class Outbox:
    """Hands out each message of a feed's readings once it is due.

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
        """Messages due before `until_us`, of one tick at most; None when all have been handed out."""
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
    """The FHIR id of a simulated patient; the seed is part of it, because another seed means other people."""
    return f"sim{seed}-{index:05d}"


def open_outbox(identity: Identity, epoch_us: int, sent_before_us: int) -> Outbox:
    """The messages of an identity's simulation, which began at `epoch_us`, from `sent_before_us` on."""
    patients = draw_patients(identity.patients, identity.seed)
    names = [patient_id(identity.seed, index) for index in range(identity.patients)]
    composer = Composer(patients, names, identity.seed, identity.interval_us, identity.forms, identity.faults)
    plan = Plan(identity.seed, epoch_us, identity.interval_us, identity.episode_factor)
    feed = Feed(Simulation(patients, plan), max(epoch_us, sent_before_us - composer.reach_us))
    return Outbox(feed, composer, sent_before_us)
