"""One run of the producer: the loop that sends what is due at its pace, and how it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from conf.errors import UserError
from conf.times import SECOND_US
from producer.feed import SimulatedClock, open_outbox
from producer.messages import Counts, Message
from producer.position import Identity, Position, choose_start, load_position, store_position, to_second
from producer.sender import Sender

REPORT_EVERY_S: Final = 5.0
REPORT_LIVE_EVERY_S: Final = 300.0
PAUSE_S: Final = 0.1
LAST_FLUSH_S: Final = 5.0
LEAST_WAIT_S: Final = 0.002  # shorter waits cost more than they even out
PACED_SLICE_S: Final = 0.5  # as much is sent at a stretch, so that a stop request is met soon

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, with durations in microseconds; `rate` in messages per second, None: as they become due."""

    identity: Identity
    history_us: int
    speed: float
    limit_s: float | None
    rate: float | None = None


@dataclass
class Pacer:
    """An open loop of sending, whatever became of the messages before.

    Message number k is due at ``begin_s + k / rate``; a delay is caught up, never added to the schedule.
    """

    rate: float  # messages per second
    begin_s: float
    sent: int = 0
    most_behind_s: float = field(default=0.0, init=False)

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait before the next message, 0 when it is due or nearly; note how late it is."""
        ahead_s = self.begin_s + self.sent / self.rate - now_s
        self.most_behind_s = max(self.most_behind_s, -ahead_s)
        return ahead_s if ahead_s >= LEAST_WAIT_S else 0.0

    def behind_s(self, now_s: float) -> float:
        """Return how far behind its schedule the sender is at this moment."""
        return max(now_s - self.begin_s - self.sent / self.rate, 0.0)


class Run:
    """The producer at work. `wall_us` tells the time; setting `stop` ends the run after the messages at hand."""

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
        self._outbox = open_outbox(identity, start.epoch_us, start.sent_before_us)
        self._counts = Counts()
        self._began_s = self._reported_s = self._saved_s = time.monotonic()
        self._was_live = False
        self._pacer = Pacer(options.rate, self._began_s) if options.rate else None
        self._reported_sent = 0
        self._caught_up_s: float | None = None

    def loop(self) -> None:
        """Send what is due until stopped or the limit is reached."""
        while not self._stop.is_set() and not self._limit_reached():
            now_us = self._clock.now_us(self._wall_us())
            messages = self._outbox.next(self._until_us(now_us))
            if messages:
                self._send(messages)
            if self._outbox.sent_before_us >= now_us:
                self._note_caught_up()
                self._stop.wait(PAUSE_S)
            if time.monotonic() - self._saved_s >= REPORT_EVERY_S:
                self._save(give_up=self._stop.is_set)
                self._saved_s = time.monotonic()
                self._report()

    def finish(self) -> dict[str, Any]:
        """Flush, store the position and return what was sent; raise `UserError` when something was not acknowledged."""
        deadline_s = time.monotonic() + LAST_FLUSH_S
        self._save(give_up=lambda: time.monotonic() > deadline_s)
        failed = self._sender.close()
        rate = self._sender.acknowledged / max(time.monotonic() - self._began_s, 1e-9)
        log.info("%d messages sent, %d failed, %.0f messages/s", self._sender.acknowledged, failed, rate)
        if failed:
            raise UserError(
                f"{failed} of {self._sender.sent} messages were not acknowledged by Kafka. "
                "Check the broker; the next start sends again from the last stored position."
            )
        return {**self._counts.report(), "pace": self._pace()}

    def _until_us(self, now_us: int) -> int:
        """Return the instant up to which messages may be taken: all that is due, or a slice of it at a set rate."""
        if self._pacer is None or self._caught_up_s is not None:
            return now_us
        identity = self._options.identity
        slice_us = int(self._pacer.rate * PACED_SLICE_S * identity.interval_us / identity.patients)
        return min(now_us, self._outbox.sent_before_us + max(slice_us, 1))

    def _send(self, messages: list[Message]) -> None:
        for message in messages:
            if self._pacer is not None and self._caught_up_s is None:
                if wait_s := self._pacer.wait_s(time.monotonic()):
                    self._stop.wait(wait_s)
                self._pacer.sent += 1
            self._sender.send(message.key, message.value)
            if self._sender.is_full:
                self._sender.flush(give_up=self._stop.is_set)
        self._counts.add(messages)

    def _note_caught_up(self) -> None:
        if self._caught_up_s is not None:
            return
        self._caught_up_s = time.monotonic()
        if self._pacer is not None:
            log.info("The history is used up: no rate is held from here on. A longer --history lasts longer.")

    def _save(self, give_up: Callable[[], bool]) -> None:
        """Store the position once everything before it is acknowledged; after a failure the older one stays."""
        sent_before_us = self._outbox.sent_before_us
        if self._sender.flush(give_up) and self._sender.failed == 0:
            store_position(self._local_dir, Position(self._options.identity, self._epoch_us, sent_before_us))

    def _report(self) -> None:
        """Tell how far the sending is: each time while it catches up, once that is done every few minutes."""
        now_s, sent = time.monotonic(), self._sender.sent
        behind_s = (self._wall_us() - self._outbox.sent_before_us) // SECOND_US
        is_live, was_live = behind_s < REPORT_EVERY_S, self._was_live
        if is_live and was_live and now_s - self._reported_s < REPORT_LIVE_EVERY_S:
            return
        self._was_live = is_live
        rate = (sent - self._reported_sent) / (now_s - self._reported_s)
        where = "live" if is_live else f"{behind_s / 3600:.1f} h behind"
        log.info("%s (%s), %d sent, %.0f messages/s", to_second(self._outbox.sent_before_us), where, sent, rate)
        if self._pacer is not None and self._caught_up_s is None:
            log.info("%.2f s behind the rate asked for", self._pacer.behind_s(now_s))
        self._reported_s, self._reported_sent = now_s, sent

    def _pace(self) -> dict[str, float] | None:
        """Return how the rate was held: what was asked for and reached, and how far behind the sender fell at most."""
        if self._pacer is None:
            return None
        ended_s = self._caught_up_s or time.monotonic()
        reached = self._pacer.sent / max(ended_s - self._began_s, 1e-9)
        return {"asked": self._pacer.rate, "reached": reached, "most_behind_s": self._pacer.most_behind_s}

    def _limit_reached(self) -> bool:
        """Tell whether the run has lasted long enough: since it caught up, at a set rate since it began."""
        limit_s = self._options.limit_s
        begin_s = self._caught_up_s if self._pacer is None else self._began_s
        return limit_s is not None and begin_s is not None and time.monotonic() - begin_s >= limit_s
