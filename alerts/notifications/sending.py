"""The sender: follows the alerts, makes messages of what is due and sees that they arrive, beside the alert service.

One thread decides and stores, and never sends; a few threads for each channel send, and never decide. A message is in
the outbox before it is sent, and what it tells of is looked at once more just before. Nothing is lost with the process:
the alerts that wait, what was told of them and what is still to be sent are all read anew at the next start.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Final

from alerts.channels.message import AT_ONCE, Channel, ChannelName, Message, Telling, Undelivered
from alerts.notifications import outbox
from alerts.notifications.background import completed
from alerts.notifications.links import Links
from alerts.notifications.outbox import Post, PostState
from alerts.notifications.plan import Due, Plan, raise_of
from alerts.notifications.policy import Policy
from alerts.notifications.queue import Queue
from conf.errors import UserError
from elastic.client import Document, Search
from elastic.names import ALERTS, fit_id
from elastic.search import alerts as stored_alerts
from elastic.search import wards
from elastic.search.changes import Changes, read

EVERY: Final = timedelta(seconds=0.5)
WAIT_S: Final = 2.0  # after a fault
LANDING_S: Final = 3.0
READ_ALL_EVERY: Final = timedelta(minutes=1)
GONE: Final = "this recipient is not in the rules any more"
EVERY_FIELD: Final = ("*",)

log = logging.getLogger("alerts.notifications")


@dataclass(frozen=True)
class _Outcome:
    """What became of one attempt; `post` has what was left to be told, nothing where all was answered meanwhile."""

    post: Post
    fault: Undelivered | UserError | None = None


class Sender:
    """The working of it on one Elasticsearch; all but `_deliver` belongs to one thread."""

    def __init__(
        self,
        search: Search,
        policy: Policy,
        channels: Mapping[ChannelName, Channel],
        may_work: Callable[[], bool],
        links: Links | None = None,
    ) -> None:
        self._search = search
        self._policy = policy
        self._channels = channels
        self._may_work = may_work
        self._links = links
        self._has_wards = any(route.wards for route in policy.routes)
        self._changes = Changes(ALERTS, EVERY_FIELD)
        self._plan = Plan(policy)
        self._queue = Queue()
        self._read_at: datetime | None = None  # all that waits, for the last time
        self._followed_at: datetime | None = None
        self._untaken: list[Document] = []  # alerts
        self._unstored: list[Post] = []  # new messages
        self._unmarked: dict[str, Post] = {}  # messages of which something has become
        self._outcomes: SimpleQueue[_Outcome] = SimpleQueue()
        self._pools = {name: ThreadPoolExecutor(AT_ONCE, f"notify-{name}") for name in channels}

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop or no longer allowed to."""
        try:
            while self._may_work() and not stop.is_set():
                try:
                    self.turn(datetime.now(UTC))
                    self.collect(EVERY.total_seconds())
                except UserError as error:
                    log.warning("%s Trying again in %g s.", error, WAIT_S)
                    stop.wait(WAIT_S)
            self.finish()
        finally:
            for pool in self._pools.values():
                pool.shutdown(wait=False, cancel_futures=True)

    def finish(self) -> None:
        """Note what arrives within a moment; what does not is sent again by who comes next."""
        ends_s = time.monotonic() + LANDING_S
        while self._queue.is_flying and (left_s := ends_s - time.monotonic()) > 0:
            self.collect(left_s)
        with suppress(UserError):
            self._mark()

    def turn(self, now: datetime) -> None:
        """Do what is to be done now; may be repeated after a `UserError`, which loses nothing."""
        if self._read_at is None:
            self._begin(now)
        if is_time(self._followed_at, EVERY, now):
            self._follow(now)
        self._make(now)
        self._note(self._queue.expire(now))
        self._mark()
        for post in self._queue.next(now):
            self._pools[post.channel].submit(self._deliver, post)

    def _begin(self, now: datetime) -> None:
        """Read the outbox; give up what waits in it for people who are told no more, and stop what was answered."""
        self._changes.skip(self._search)
        self._queue = Queue()
        for post in outbox.pending(self._search):
            recipient = self._policy.named.get(post.recipient)
            if recipient:
                self._queue.add(replace(post, channel=recipient.channel))
            else:
                gone = replace(post, state=PostState.GIVEN_UP, reason=GONE, next_at=None, changed_at=now)
                self._note([gone])
        self._read_all(now)
        self._note(self._queue.stop_all(self._plan.stands, now))

    def _read_all(self, now: datetime) -> None:
        """Take in all alerts that wait."""
        self._untaken += stored_alerts.unanswered(self._search)
        self._take(now)
        self._read_at = now

    def _follow(self, now: datetime) -> None:
        """Take in what has changed, and now and then all that waits: nobody depends on one write that was not seen."""
        is_more = True
        while is_more:
            (changed,), is_more = read(self._search, [self._changes], now)
            self._untaken += changed
            self._take(now)
        if is_time(self._read_at, READ_ALL_EVERY, now):
            self._read_all(now)
        self._followed_at = now

    def _take(self, now: datetime) -> None:
        """Take in alerts as they stand, and stop what was to be told of those that nobody need answer any more.

        Of those that begin to wait, what was told of them before is read: an answer may have been taken back.
        """
        waiting = [alert for alert in self._untaken if self._has_wards and alert["is_unanswered"]]
        lies = wards.of_patients(self._search, [alert["patient_id"] for alert in waiting if "patient_id" in alert])
        new = {it["alert_id"] for it in self._untaken if it["is_unanswered"] and not self._plan.knows(it["alert_id"])}
        before = outbox.told(self._search, new)
        told = {due.key for post in before for due in post.tellings}
        for alert in self._untaken:
            self._plan.take(alert, told, lies.get(alert.get("patient_id", ""), {}).get("ward"))
        for post in before:
            self._plan.note_told(post.tellings, post.at)
        self._note(self._queue.stop([alert["alert_id"] for alert in self._untaken], self._plan.stands, now))
        self._untaken = []

    def _make(self, now: datetime) -> None:
        """Make messages of what is due and store them; only then they may be sent."""
        for tellings in self._plan.take_due(now):
            recipient = self._policy.named[tellings[0].recipient]
            self._unstored.append(outbox.post(tellings, recipient, now, self._policy.deadline))
        outbox.create(self._search, self._unstored)
        for post in self._unstored:
            self._queue.add(post)
        self._unstored = []

    def _note(self, posts: Iterable[Post]) -> None:
        self._unmarked |= {post.key: post for post in posts}

    def _mark(self) -> None:
        """Store what has become of messages."""
        outbox.mark(self._search, self._unmarked.values())
        self._unmarked = {}

    def collect(self, wait_s: float) -> None:
        """Take in what has become of the messages in flight, after waiting for the first of them."""
        with suppress(Empty):
            self._land(self._outcomes.get(timeout=wait_s), datetime.now(UTC))
            while True:
                self._land(self._outcomes.get_nowait(), datetime.now(UTC))

    def _land(self, outcome: _Outcome, now: datetime) -> None:
        """Note what has become of one message."""
        post, fault = outcome.post, outcome.fault
        if isinstance(fault, UserError):  # of Elasticsearch: nothing was tried
            self._queue.put_back(post)
        elif not post.tellings:
            self._note([self._queue.stopped(post, now)])
        elif fault is None:
            self._note([self._queue.sent(post, now)])
        else:
            tried = self._queue.failed(post, fault, now)
            self._note([tried, *self._queue.stop(tried.alert_ids, self._plan.stands, now)])

    def _deliver(self, post: Post) -> None:
        """Send a message, less what was answered since it was made; runs in a thread of its channel."""
        recipient = self._policy.named[post.recipient]
        left, fault = post, None
        try:
            if not self._may_work():
                raise UserError("Another copy sends the messages now.")
            found = self._standing(post)
            left = replace(post, tellings=tuple(found))
            alerts = completed(self._search, found.values(), recipient.discloses)
            told = tuple(
                Telling(alert, due.step, due.repeat, due.key) for due, alert in zip(found, alerts, strict=True)
            )
            if told:
                links = self._links.addresses(recipient, found.values(), datetime.now(UTC)) if self._links else {}
                self._channels[recipient.channel].send(Message(post.key, post.at, recipient, told, links))
        except (Undelivered, UserError) as error:
            fault = error
        except Exception as error:
            log.exception("the channel %s failed", recipient.channel)
            fault = Undelivered(f"{type(error).__name__}: {error}", may_pass=True)
        self._outcomes.put(_Outcome(left, fault))

    def _standing(self, post: Post) -> dict[Due, Document]:
        """Return what a message tells of that still waits for an answer, with its alerts as they are at this moment."""
        stored = self._search.get_many(ALERTS, [fit_id(id_) for id_ in post.alert_ids])
        alerts = {due: stored.get(fit_id(due.alert_id)) for due in post.tellings}
        return {due: it for due, it in alerts.items() if it and (waits := raise_of(it)) and waits.at == due.raised_at}


def is_time(last: datetime | None, every: timedelta, now: datetime) -> bool:
    """Tell whether something is due again, also after the clock was set back."""
    return last is None or not timedelta(0) <= now - last < every
