"""One run of the producer: where it begins, the loop that sends what is due, and how it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from conf.errors import UserError
from producer.feed import Feed, SimulatedClock
from producer.fhir import encode_observation
from producer.patient_profile import MINUTE_US, Patients, draw_patients
from producer.position import Identity, Position, load_position, store_position
from producer.sender import Sender
from producer.simulation import Plan, Readings, Simulation

REPORT_EVERY_S: Final = 5.0
PAUSE_S: Final = 0.1
LAST_FLUSH_S: Final = 5.0
SECOND_US: Final = 1_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins: the instant of tick 0, the first instant not yet sent, and the clock's first instant."""

    epoch_us: int
    sent_before_us: int
    clock_start_us: int


def choose_start(
    identity: Identity, stored: Position | None, now_us: int, history_us: int, speed: float
) -> tuple[Start, str]:
    """Begin afresh or go on from the stored position; also say which, and why, for the log.

    At speed 1 the clock starts now; faster, it starts one history length ago. A further history lies before its start
    and is sent at once. What became due while the producer was away is sent too, but not beyond that reach.
    """
    clock_start_us = now_us - history_us if speed > 1 else now_us
    oldest_us = clock_start_us - history_us
    if stored is None or stored.identity != identity:
        reason = "no stored position" if stored is None else "the stored position belongs to other arguments"
        return Start(oldest_us, oldest_us, clock_start_us), f"Starting afresh at {_utc(oldest_us)}: {reason}."
    sent_before_us = max(stored.sent_before_us, oldest_us)
    clock_start_us = min(now_us, max(clock_start_us, sent_before_us))
    reason = f"Continuing at {_utc(sent_before_us)}, where the last run ended"
    if sent_before_us > stored.sent_before_us:
        reason = f"Continuing at {_utc(sent_before_us)}; the time since {_utc(stored.sent_before_us)} exceeds --history"
    return Start(stored.epoch_us, sent_before_us, clock_start_us), f"{reason}."


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, with durations in microseconds."""

    identity: Identity
    history_us: int
    speed: float
    limit_s: float | None


class Run:
    """The producer at work. `wall_us` tells the time; setting `stop` ends the run after the batch at hand."""

    def __init__(
        self, options: Options, sender: Sender, local_dir: Path, wall_us: Callable[[], int], stop: threading.Event
    ) -> None:
        identity, now_us = options.identity, wall_us()
        start, reason = choose_start(identity, load_position(local_dir), now_us, options.history_us, options.speed)
        log.info(reason)
        self._options, self._sender, self._local_dir = options, sender, local_dir
        self._wall_us, self._stop = wall_us, stop
        self._epoch_us = start.epoch_us
        self._clock = SimulatedClock(start.clock_start_us, now_us, options.speed)
        self._patients = draw_patients(identity.patients, identity.seed)
        plan = Plan(identity.seed, start.epoch_us, identity.interval_us, identity.episode_factor)
        self._feed = Feed(Simulation(self._patients, plan), start.sent_before_us)
        self._keys = [patient_id(identity.seed, index) for index in range(identity.patients)]
        self._began_s = self._reported_s = time.monotonic()
        self._reported_sent = 0
        self._caught_up_s: float | None = None

    def loop(self) -> None:
        """Send what is due until stopped or, with a limit, that many seconds after the history has been sent."""
        while not self._stop.is_set() and not self._limit_reached():
            now_us = self._clock.now_us(self._wall_us())
            readings = self._feed.next(now_us)
            if readings is not None:
                self._send(readings)
            if self._feed.sent_before_us >= now_us:
                self._caught_up_s = self._caught_up_s or time.monotonic()
                self._stop.wait(PAUSE_S)
            if time.monotonic() - self._reported_s >= REPORT_EVERY_S:
                self._report()

    def finish(self) -> None:
        """Flush, store the position, say what was done; a `UserError` when something was not acknowledged."""
        deadline_s = time.monotonic() + LAST_FLUSH_S
        self._save(give_up=lambda: time.monotonic() > deadline_s)
        failed = self._sender.close()
        rate = self._sender.acknowledged / max(time.monotonic() - self._began_s, 1e-9)
        log.info("%d readings sent, %d failed, %.0f readings/s", self._sender.acknowledged, failed, rate)
        if failed:
            raise UserError(
                f"{failed} of {self._sender.sent} readings were not acknowledged by Kafka. "
                "Check the broker; the next start sends again from the last stored position."
            )

    def _send(self, readings: Readings) -> None:
        for key, value in encode_readings(readings, self._patients, self._keys):
            self._sender.send(key, value)
        if self._sender.is_full:
            self._sender.flush(give_up=self._stop.is_set)

    def _save(self, give_up: Callable[[], bool]) -> None:
        """Store the position once everything before it is acknowledged; after a failure the older one stays."""
        sent_before_us = self._feed.sent_before_us
        if self._sender.flush(give_up) and self._sender.failed == 0:
            store_position(self._local_dir, Position(self._options.identity, self._epoch_us, sent_before_us))

    def _report(self) -> None:
        self._save(give_up=self._stop.is_set)
        now_s, sent = time.monotonic(), self._sender.sent
        rate = (sent - self._reported_sent) / (now_s - self._reported_s)
        behind_s = (self._wall_us() - self._feed.sent_before_us) // SECOND_US
        where = f"{behind_s / 3600:.1f} h behind" if behind_s >= REPORT_EVERY_S else "live"
        log.info("%s (%s), %d sent, %.0f readings/s", _utc(self._feed.sent_before_us), where, sent, rate)
        self._reported_s, self._reported_sent = now_s, sent

    def _limit_reached(self) -> bool:
        limit_s, caught_up_s = self._options.limit_s, self._caught_up_s
        return limit_s is not None and caught_up_s is not None and time.monotonic() - caught_up_s >= limit_s


def encode_readings(readings: Readings, patients: Patients, keys: list[str]) -> Iterator[tuple[bytes, bytes]]:
    """Kafka keys (patient ids) and Observations of readings, in their order."""
    offsets = (patients.utc_offset_us[readings.patient] // MINUTE_US).tolist()
    columns = (readings.effective_us, readings.systolic, readings.diastolic, readings.heart_rate)
    rows = zip(readings.patient.tolist(), offsets, *(column.tolist() for column in columns), strict=True)
    for patient, offset, us, systolic, diastolic, heart_rate in rows:
        key = keys[patient]
        yield key.encode(), encode_observation(key, us, offset, systolic, diastolic, heart_rate)


def patient_id(seed: int, index: int) -> str:
    """The FHIR id of a simulated patient; the seed is part of it, because another seed means other people."""
    return f"sim{seed}-{index:05d}"


def _utc(instant_us: int) -> str:
    return datetime.fromtimestamp(instant_us / SECOND_US, UTC).isoformat(timespec="seconds")
