"""The feed: readings of everybody together. It is stopped when nothing has come for ten times the ward's usual pause.

The usual pause is the one such that half of the last hour passed in pauses of at most its length. A ward whose cuffs
all measure at the quarter of an hour has short pauses by number, but waits nearly all the time in long ones. A pause
that was told as an alert weighs a quarter of the hour, however long it was: one or two outages change nothing, and a
ward that really has become slower, at night for instance, is learnt from the third.

A busy ward is told after the least time that the rules name. Where pauses are so long that each patient would be silent
first, but several patients send, the limit is three quarters of the silence of a patient: one alert of the feed then
comes before many of patients. With one to four patients it may come later than theirs, which are few.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from alerts.model import CRITICAL_RANK, AlertKind, Episode, Withdrawal
from alerts.rules import FeedRule
from alerts.signs import ended, last_sign, lost
from conf.times import present_until
from elastic.client import Search
from elastic.search import observations

WARD: Final = "ward"  # what the alert is about
MEMORY: Final = timedelta(hours=1)
SEVERAL: Final = 7  # readings in the time after which a patient is silent: of about four patients
TOLD_SHARE: Final = 0.25  # of the memory
BEFORE_SILENCE: Final = 0.75  # of that time


class Pause(NamedTuple):
    """A time between two arrivals, in seconds; what it weighs, in seconds too; the readings that ended it."""

    length: float
    weight: float
    readings: int


class Feed:
    """When something came last, what pauses are usual, and whether it is stopped.

    Arrivals have the times of the stream's clock, which may differ from this one by what clocks may differ.
    """

    def __init__(self, rule: FeedRule, silent_after: timedelta, state: Mapping[str, Any] | None = None) -> None:
        self.returned_at: datetime | None = None  # the end of the last time that it was stopped
        self._usual_pauses, self._least = rule.pauses, timedelta(seconds=rule.least_seconds)
        self._silent_s = silent_after.total_seconds()
        self._memory_s = max(MEMORY, 2 * silent_after).total_seconds()
        self._last_at: datetime | None = None
        self._heard_at: datetime | None = None  # the same by this clock
        usual = Pause(self._silent_s / 2, self._silent_s / 2, 0)  # what a new ward begins with
        self._stopped: Episode | None = None
        if state:
            usual = Pause(*state["usual"])
            self._last_at, self._heard_at, self.returned_at = (
                datetime.fromisoformat(state[name]) if state[name] else None
                for name in ("last_at", "heard_at", "returned_at")
            )
        self._pauses, self._weight = deque([usual]), usual.weight

    def state(self) -> dict[str, Any]:
        """Return what to go on from after a restart, as JSON has it; that it is stopped is in its alert."""
        times = {"last_at": self._last_at, "heard_at": self._heard_at, "returned_at": self.returned_at}
        usual = Pause(self.usual_pause.total_seconds(), self._weight, self._readings)
        return {"usual": usual} | {name: at.isoformat() if at else None for name, at in times.items()}

    def take_over(self, episode: Episode) -> None:
        """Go on with an alert that was open when the service ended, unless something has come since."""
        told_at = last_sign(episode)
        if self._last_at is None or self._last_at <= told_at:
            self._last_at = self._heard_at = told_at
            self._stopped = episode
        else:
            self.returned_at = self._last_at

    def see(self, arrivals: Mapping[datetime, int], now: datetime) -> None:
        """Take in when readings were stored, and how many; what is earlier than the last one is known already."""
        for at in sorted(arrivals):
            if self._last_at is None or at > self._last_at:
                if self._last_at:
                    self._remember((at - self._last_at).total_seconds())
                self._last_at, self._heard_at = at, min(now, present_until(at))
                if self._stopped:
                    self._stopped, self.returned_at = None, at
            if at == self._last_at:
                self._pauses[-1] = self._pauses[-1]._replace(readings=self._pauses[-1].readings + arrivals[at])

    def check(self, now: datetime, *, nobody_left: bool = False) -> Episode | None:
        """Return the alert while the feed is stopped, the same one each time; not where nobody is watched any more.

        Only a service that has read everything up to now may ask.
        """
        if nobody_left or self._last_at is None or self._heard_at is None:
            self._stopped = None
        elif self._stopped is None and now - self._heard_at >= self._least and now - self._heard_at >= self.limit:
            self._stopped = lost(AlertKind.FEED, CRITICAL_RANK, self._last_at, min(self._last_at + self.limit, now))
        return self._stopped

    def ending(self, episode: Episode, now: datetime) -> Episode:
        """Return its alert as it ended: with an arrival, else because nobody is watched any more."""
        if self.returned_at and self.returned_at > last_sign(episode):
            return ended(episode, self.returned_at)
        return ended(episode, now, Withdrawal.ENDED)

    @property
    def is_stopped(self) -> bool:
        """Tell whether its alert is open."""
        return self._stopped is not None

    @property
    def usual_pause(self) -> timedelta:
        """Return the shortest length such that half of the time passed in pauses of at most that length."""
        passed = 0.0
        for pause in sorted(self._pauses):
            passed += pause.weight
            if 2 * passed >= self._weight:
                break
        return timedelta(seconds=pause.length)

    @property
    def limit(self) -> timedelta:
        """Return after which pause it is stopped."""
        limit = self._usual_pauses * self.usual_pause
        if self._readings * self._silent_s >= SEVERAL * self._weight:
            limit = min(limit, timedelta(seconds=BEFORE_SILENCE * self._silent_s))
        return max(limit, self._least)

    @property
    def _readings(self) -> int:
        return sum(pause.readings for pause in self._pauses)

    def _remember(self, length: float) -> None:
        """Add a pause, and forget the oldest ones that the memory does not need any more."""
        was_told = length > self._least.total_seconds() and length > self.limit.total_seconds()
        self._pauses.append(Pause(length, self._memory_s * TOLD_SHARE if was_told else length, 0))
        self._weight += self._pauses[-1].weight
        while self._weight - self._pauses[0].weight >= self._memory_s:
            self._weight -= self._pauses.popleft().weight


def arrivals(documents: Iterable[Mapping[str, Any]]) -> Counter[datetime]:
    """Count observations that were stored or changed by when they came."""
    times = Counter(document["ingested_at"] for document in documents)
    return Counter({datetime.fromisoformat(at): readings for at, readings in times.items()})


def remembered(search: Search, now: datetime) -> Counter[datetime]:
    """Return the arrivals of the last hour before the newest one, for a feed without a state."""
    newest = observations.newest_time(search)
    return observations.arrivals(search, min(datetime.fromisoformat(newest), now) - MEMORY) if newest else Counter()
