"""What is due to whom: from the alerts that wait for an answer, the policy, and what has been told. Pure.

A *raise* is a time for which an alert waits: since it was raised, or since the answer to it ran out. Each raise is told
along the chains of its routes: a step so long after the raise, then its reminders, each counted from the telling before
it. What falls outside the hours of a route is due when they begin again, if nobody has answered by then.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from alerts.documents import subject_of
from alerts.model import AlertKind, State
from alerts.notifications.policy import CRITICAL, Policy, Route, Step
from conf.canary import is_canary
from conf.clinical import ALERT_LEVELS

KEY_LENGTH: Final = 32  # hexadecimal digits


class Raise(NamedTuple):
    """One time for which an alert waits for an answer, and how serious it was when that began."""

    at: datetime
    level: str

    @property
    def is_critical(self) -> bool:
        """Tell whether it may wait for nothing."""
        return self.level == CRITICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """That somebody is to be told of a raise at a moment."""

    at: datetime
    recipient: str
    alert_id: str
    subject: str  # the patient, or the part of the system
    raised_at: datetime
    is_critical: bool
    step: int
    repeat: int  # 0, or the number of the reminder
    key: str
    said: int  # the number of the newest thing that people had said of the alert


@dataclass
class _Pair:
    """What one recipient is to be told about one subject, and has been told last."""

    due: dict[str, Due] = field(default_factory=dict)
    told_at: datetime | None = None
    critical_at: datetime | None = None

    def is_spent(self, before: datetime) -> bool:
        """Tell whether it says nothing about what comes."""
        return not self.due and (self.told_at is None or self.told_at <= before)


def raise_of(alert: Mapping[str, Any]) -> Raise | None:
    """Return the raise that waits for an answer; None: nobody need answer."""
    if not alert["is_unanswered"]:
        return None
    at = datetime.fromisoformat(alert["changed_at" if alert["state"] == State.REMINDED else "raised_at"])
    is_stale = alert["kind"] == AlertKind.SILENCE
    return Raise(at, alert["level"] if is_stale else ALERT_LEVELS[alert.get("mark") or alert["peak"]])


def tellings(alert: Mapping[str, Any], policy: Policy, ward: str | None = None) -> list[Due]:
    """Return all that is ever told of an alert as it stands, in the order of time; each key once.

    Where several routes tell the same person the same step, the first one counts. Of a canary those are told once who
    are to be, by no route.
    """
    waits = raise_of(alert)
    if waits is None:
        return []
    if is_canary(alert.get("patient_id")):
        return [_due(alert, waits, name, waits.at) for name in policy.told_of_canary]
    found: dict[str, Due] = {}
    routes = [route for route in policy.routes if route.takes(alert["kind"], waits.level, ward)]
    for route in routes:
        for number, step in enumerate(route.chain):
            for repeat, at in enumerate(_times(policy, route, step, waits)):
                for name in step.tell:
                    due = _due(alert, waits, name, at, number, repeat)
                    found[due.key] = min(due, found.get(due.key, due), key=lambda it: it.at)
    return sorted(found.values(), key=lambda due: (due.at, due.step, due.repeat, due.recipient))


def _due(alert: Mapping[str, Any], waits: Raise, name: str, at: datetime, step: int = 0, repeat: int = 0) -> Due:
    return Due(
        at=at,
        recipient=name,
        alert_id=alert["alert_id"],
        subject=subject_of(alert),
        raised_at=waits.at,
        is_critical=waits.is_critical,
        step=step,
        repeat=repeat,
        key=key_of(alert["alert_id"], waits.at, step, repeat, name),
        said=alert.get("number", 0),
    )


def _times(policy: Policy, route: Route, step: Step, waits: Raise) -> Iterator[datetime]:
    """Yield when a step of a route is told and reminded of."""
    at = policy.opens(route, waits.at + step.after, is_critical=waits.is_critical)
    for _ in range(1 + step.reminders):
        if at is None:
            return
        yield at
        at = policy.opens(route, at + step.remind_every, is_critical=waits.is_critical)


def key_of(alert_id: str, raised_at: datetime, step: int, repeat: int, recipient: str) -> str:
    """Return what tells one telling from all others, whoever finds it and whenever."""
    whole = f"{alert_id}/{round(raised_at.timestamp() * 1000)}/{step}/{repeat}/{recipient}"
    return hashlib.sha256(whole.encode()).hexdigest()[:KEY_LENGTH]


class Plan:
    """What is still to be told of all alerts that wait for an answer, by when it is due."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._raises: dict[str, Raise] = {}
        self._wards: dict[str, str | None] = {}  # by alert
        self._due_of: dict[str, list[Due]] = {}  # by alert, told or not
        self._pairs: defaultdict[tuple[str, str], _Pair] = defaultdict(_Pair)
        self._wakes: list[tuple[datetime, tuple[str, str]]] = []

    def knows(self, alert_id: str) -> bool:
        """Tell whether an alert is among those that wait."""
        return alert_id in self._raises

    def stands(self, due: Due) -> bool:
        """Tell whether the raise that is to be told still waits for an answer."""
        waits = self._raises.get(due.alert_id)
        return waits is not None and waits.at == due.raised_at

    def take(self, alert: Mapping[str, Any], told: Collection[str] = (), ward: str | None = None) -> None:
        """Take an alert as it stands, of a patient of a ward, in place of what was known of it.

        `told` are keys that need not be told again; of an alert that is known, they are known.
        """
        id_, waits = alert["alert_id"], raise_of(alert)
        if self._raises.get(id_) == waits and self._wards.get(id_) == ward:
            return
        known = set(told)
        for due in self._due_of.pop(id_, ()):
            pair = self._pairs.get((due.recipient, due.subject))
            if pair is None or pair.due.pop(due.key, None) is None:
                known.add(due.key)
        self._raises.pop(id_, None)
        self._wards.pop(id_, None)
        if waits is None:
            return
        self._raises[id_], self._wards[id_] = waits, ward
        self._due_of[id_] = tellings(alert, self._policy, ward)
        for due in self._due_of[id_]:
            if due.key not in known:
                self._of(due).due[due.key] = due
                heapq.heappush(self._wakes, (due.at, (due.recipient, due.subject)))

    def note_told(self, tellings: Collection[Due], at: datetime) -> None:
        """Note that a message with these tellings was made at a moment, for what comes soon after it."""
        for due in tellings:
            pair = self._of(due)
            pair.told_at = max(at, pair.told_at or at)
            if due.is_critical:
                pair.critical_at = max(at, pair.critical_at or at)
            heapq.heappush(self._wakes, (at + self._policy.group, (due.recipient, due.subject)))

    def _of(self, due: Due) -> _Pair:
        return self._pairs[due.recipient, due.subject]

    def take_due(self, now: datetime) -> list[tuple[Due, ...]]:
        """Return the messages that are to be made now, each as what it tells to one recipient, and take them as told.

        One about each subject; a single one to somebody who would be told of more than `burst` at once.
        """
        ready: dict[str, list[tuple[Due, ...]]] = defaultdict(list)
        woken: set[tuple[str, str]] = set()
        while self._wakes and self._wakes[0][0] <= now:
            woken.add(heapq.heappop(self._wakes)[1])
        for name, subject in sorted(woken):
            if found := self._release(name, subject, now):
                ready[name].append(found)
        messages: list[tuple[Due, ...]] = []
        for of_recipient in ready.values():
            is_burst = sum(map(len, of_recipient)) > self._policy.burst
            messages += [tuple(due for found in of_recipient for due in found)] if is_burst else of_recipient
        for message in messages:
            self.note_told(message, now)
        return messages

    def _release(self, name: str, subject: str, now: datetime) -> tuple[Due, ...]:
        """Take out what may be told now of a subject, all at once or nothing; else note when to look again."""
        pair = self._pairs[name, subject]
        due = [it for it in pair.due.values() if it.at <= now]
        opens = min((self._opens(pair, it) for it in due), default=now)
        if due and opens <= now:
            for it in due:
                del pair.due[it.key]
            return tuple(sorted(due, key=lambda it: (it.at, it.alert_id, it.step, it.repeat)))
        if due:
            heapq.heappush(self._wakes, (opens, (name, subject)))
        if pair.is_spent(now - self._policy.group):
            del self._pairs[name, subject]
        return ()

    def _opens(self, pair: _Pair, due: Due) -> datetime:
        """Return when a telling need not wait for a message before it; what is critical only for critical ones.

        A canary's waits for none: it is raised again and again so that each time somebody is told.
        """
        if is_canary(due.subject):
            return due.at
        before = pair.critical_at if due.is_critical else pair.told_at
        return due.at if before is None else max(due.at, before + self._policy.group)
