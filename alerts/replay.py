"""From what stands in the stores to the alerts there should be, and what that changes in those there are. Pure.

An alert is a fold over a patient's findings and answers (`alerts.lifecycle`), and before its first finding the fold is
empty. So a change of the past costs a replay from the start of the first alert that it can touch, and a new reading
costs one step from where the open alert stands. Both end in what a replay of everything would say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from alerts.lifecycle import Step, episodes_after, settle, steps
from alerts.model import AlertKind, Answer, Episode, Finding, State, Withdrawal
from alerts.rules import Rules

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Stored:
    """An alert as it is stored, and the version of its document (number and term)."""

    episode: Episode
    version: tuple[int, int]
    number: int = 0  # of the newest of people's events that it knows
    owner: str | None = None
    ward: str | None = None  # where the patient lay when it was raised


@dataclass(frozen=True)
class Start:
    """From where a kind is folded: all findings from `since` on, or those that an open alert has not seen yet."""

    since: datetime
    begun: Episode | None = None
    touched: tuple[Stored, ...] = ()  # the stored alerts that the fold makes anew, or goes on with


@dataclass(frozen=True)
class Change:
    """What becomes of one alert: before (None: it is new) and after; `joined_to` is the one that has taken it up."""

    before: Stored | None
    after: Episode
    joined_to: Episode | None = None
    steps: tuple[Step, ...] = ()  # on the way from before to after


def start_of(kind: AlertKind, stored: Iterable[Stored], earliest: datetime) -> Start:
    """Return from where to fold a kind of which something has changed at `earliest` or later, never before.

    `stored` are the patient's alerts that are open, or ended at `earliest` or later.
    """
    alerts = [known for known in stored if known.episode.kind is kind]
    standing = [known for known in alerts if known.episode.state is not State.WITHDRAWN]
    if len(standing) == 1 and standing[0].episode.is_open and _has_seen(standing[0].episode) < earliest:
        return Start(_has_seen(standing[0].episode), standing[0].episode, tuple(standing))
    since = min([earliest, *(known.episode.started_at for known in standing)])
    return Start(since, None, tuple(known for known in alerts if known.episode.started_at >= since))


def _has_seen(episode: Episode) -> datetime:
    return episode.seen_at or episode.started_at


def replay(
    kind: AlertKind, start: Start, findings: Iterable[Finding], answers: Iterable[Answer], rules: Rules, now: datetime
) -> list[Change]:
    """Return what the findings and answers from the start on change in the stored alerts of one patient and kind."""
    terms = rules.terms(kind)
    found = [finding for finding in findings if finding.at >= start.since]
    given = [answer for answer in answers if answer.at >= start.since]
    taken = list(steps(kind, found, given, terms, start.begun))
    folded = episodes_after(taken, start.begun)
    episodes = settle(folded, now, terms)
    return compare(start.touched, episodes, now, [*taken, *zip(folded, episodes, strict=True)])


def compare(
    stored: Sequence[Stored], episodes: Sequence[Episode], now: datetime, taken: Iterable[Step] = ()
) -> list[Change]:
    """Return what differs between the stored alerts of a kind and those there should be; the rest is withdrawn.

    `taken` are the steps that led to them.
    """
    known = {alert.episode.started_at: alert for alert in stored}
    steps_of: dict[datetime, list[Step]] = defaultdict(list)
    for step in taken:
        steps_of[step[1].started_at].append(step)
    changes = [
        Change(before, episode, steps=tuple(steps_of[episode.started_at]))
        for episode in episodes
        if (before := known.pop(episode.started_at, None)) is None or before.episode != episode
    ]
    for alert in known.values():
        if alert.episode.state is not State.WITHDRAWN:
            taken_by = next((it for it in episodes if _covers(it, alert.episode)), None)
            after = withdraw(alert.episode, Withdrawal.JOINED if taken_by else Withdrawal.CHANGED, now)
            changes.append(replace(one_step(alert, after), joined_to=taken_by))
    return changes


def one_step(before: Stored, after: Episode) -> Change:
    """Return the change that a single step makes."""
    return Change(before, after, steps=((before.episode, after),))


def _covers(episode: Episode, other: Episode) -> bool:
    """Tell whether an episode has the start of another one within it."""
    return episode.started_at <= other.started_at and (episode.is_open or other.started_at <= episode.changed_at)


def withdraw(episode: Episode, why: Withdrawal, now: datetime) -> Episode:
    """Return an alert that is over because what raised it does not stand; who answered it stays."""
    return replace(episode, state=State.WITHDRAWN, why=why, changed_at=max(now, episode.started_at), escalated=False)
