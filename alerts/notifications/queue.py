"""Which message is to be tried next: a line for each recipient, with patience where nothing arrives. Pure.

While a recipient cannot be reached, one message at a time is tried, ever more rarely, and each time another one, so
that a single message which cannot be taken does not stop those behind it. Others are not held up by that.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from alerts.channels.message import AT_ONCE, Undelivered
from alerts.notifications.outbox import Post, PostState
from alerts.notifications.plan import Due

OF_RECIPIENT: Final = 4
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(seconds=60)


@dataclass
class _Line:
    """What waits for one recipient, in order, and how it goes."""

    waiting: list[tuple[int, bool, datetime, str]] = field(default_factory=list)  # attempts, urgency, age, key
    in_flight: int = 0
    failures: int = 0  # in a row
    failing_since: datetime | None = None
    retry_at: datetime | None = None
    reason: str = ""

    def is_open(self, now: datetime) -> bool:
        """Tell whether one more may be tried now."""
        if self.failures:
            return not self.in_flight and (self.retry_at is None or self.retry_at <= now)
        return self.in_flight < OF_RECIPIENT

    def fail(self, fault: Undelivered, now: datetime) -> None:
        """Wait before the next attempt, twice as long as before the last one; several in flight fail as one."""
        self.reason = fault.reason
        if self.retry_at is not None and now < self.retry_at:
            return
        wait = min(FIRST_WAIT * 2 ** min(self.failures, 10), LONGEST_WAIT)
        self.failures += 1
        self.failing_since = self.failing_since or now
        self.retry_at = now + wait

    def succeed(self) -> None:
        """Forget what failed."""
        self.failures, self.failing_since, self.retry_at, self.reason = 0, None, None, ""


class Queue:
    """The messages that are still to be sent."""

    def __init__(self, posts: Iterable[Post] = ()) -> None:
        self._posts: dict[str, Post] = {}
        self._lines: defaultdict[str, _Line] = defaultdict(_Line)
        self._flying: defaultdict[str, int] = defaultdict(int)  # by channel
        self._in_flight: set[str] = set()
        self._of_alert: defaultdict[str, set[str]] = defaultdict(set)
        for post in posts:
            self.add(post)

    @property
    def is_flying(self) -> bool:
        """Tell whether anything is in flight."""
        return bool(self._in_flight)

    def add(self, post: Post) -> None:
        """Put a message in its line; one that was failing when it was stored makes its line a failing one."""
        line = self._lines[post.recipient]
        if post.failing_since and not line.failures:
            line.failures, line.failing_since, line.reason = 1, post.failing_since, post.reason
        self._posts[post.key] = post
        for alert_id in post.alert_ids:
            self._of_alert[alert_id].add(post.key)
        heapq.heappush(line.waiting, (post.attempts, not post.is_critical, post.at, post.key))

    def next(self, now: datetime) -> Iterator[Post]:
        """Yield the messages that are to be tried now; each is in flight until it is told what became of it."""
        while (post := self._first(now)) is not None:
            line = self._lines[post.recipient]
            heapq.heappop(line.waiting)
            line.in_flight += 1
            self._in_flight.add(post.key)
            self._flying[post.channel] += 1
            yield post

    def _first(self, now: datetime) -> Post | None:
        """Return the message that goes first: one for whom the fewest are in flight: no line starves another."""
        heads: list[tuple[int, tuple[int, bool, datetime, str]]] = []
        for line in self._lines.values():
            while line.waiting and line.waiting[0][-1] not in self._posts:  # it was stopped
                heapq.heappop(line.waiting)
            if line.waiting and line.is_open(now) and self._flying[self._posts[line.waiting[0][-1]].channel] < AT_ONCE:
                heads.append((line.in_flight, line.waiting[0]))
        return self._posts[min(heads)[1][-1]] if heads else None

    def put_back(self, post: Post) -> None:
        """Take a message back that could not be tried."""
        self._land(post)
        self.add(self._leave(post))

    def sent(self, post: Post, now: datetime) -> Post:
        """Return a message as one that has arrived; it is in no line any more."""
        self._land(post)
        self._lines[post.recipient].succeed()
        return self._leave(replace(post, attempts=post.attempts + 1, state=PostState.SENT, sent_at=now, changed_at=now))

    def failed(self, post: Post, fault: Undelivered, now: datetime) -> Post:
        """Return a message that was not taken: to be tried again, or given up for good or at its deadline."""
        self._land(post)
        line = self._lines[post.recipient]
        if fault.may_pass:
            line.fail(fault, now)
        tried = replace(
            self._leave(post),
            attempts=post.attempts + 1,
            reason=fault.reason,
            failing_since=line.failing_since,
            next_at=line.retry_at,
            changed_at=now,
        )
        if not fault.may_pass or now >= post.until:
            return replace(tried, state=PostState.GIVEN_UP, next_at=None)
        self.add(tried)
        return tried

    def stopped(self, post: Post, now: datetime) -> Post:
        """Return a message in flight that was not sent, because nothing of it stands any more."""
        self._land(post)
        return self._leave(replace(post, state=PostState.STOPPED, next_at=None, changed_at=now))

    def stop(self, alert_ids: Iterable[str], stands: Callable[[Due], bool], now: datetime) -> list[Post]:
        """Return the waiting messages about these alerts of which nothing stands any more, and take them out."""
        keys = {key for id_ in alert_ids for key in self._of_alert.get(id_, ())} - self._in_flight
        over = [post for key in sorted(keys) if not any(map(stands, (post := self._posts[key]).tellings))]
        return [self._leave(replace(it, state=PostState.STOPPED, next_at=None, changed_at=now)) for it in over]

    def stop_all(self, stands: Callable[[Due], bool], now: datetime) -> list[Post]:
        """Do as `stop` does with all alerts."""
        return self.stop(list(self._of_alert), stands, now)

    def expire(self, now: datetime) -> list[Post]:
        """Return the messages that have waited behind failing ones until their deadline, and take them out."""
        late = [
            it
            for it in self._posts.values()
            if it.until <= now and self._lines[it.recipient].failures and it.key not in self._in_flight
        ]
        return [
            self._leave(
                replace(
                    it, state=PostState.GIVEN_UP, reason=self._lines[it.recipient].reason, next_at=None, changed_at=now
                )
            )
            for it in late
        ]

    def _land(self, post: Post) -> None:
        """Note that a message is in flight no longer."""
        self._in_flight.discard(post.key)
        self._lines[post.recipient].in_flight -= 1
        self._flying[post.channel] -= 1

    def _leave(self, post: Post) -> Post:
        """Take a message out; its place in the line is passed over."""
        for alert_id in self._posts.pop(post.key).alert_ids:  # some may have been answered since
            self._of_alert[alert_id].discard(post.key)
            if not self._of_alert[alert_id]:
                del self._of_alert[alert_id]
        return post
