"""The life of an alert: a pure fold over what was found about a patient, what people answered, and the time now.

Nothing of an episode's state is stored but the answers, so a prediction that a late reading rewrites changes the past
of its alerts too; an answer then applies to whatever episode covers its time. Missing data never ends a predicted or
measured alert: only a finding can say that all is well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.model import CRITICAL_RANK, Answer, Episode, Finding, Kind, State

QUIET_FINDINGS: Final = 2  # so many in a row end an episode: one low value between high ones is noise
LATCH_EXPIRES: Final = timedelta(hours=72)
ACTION_TIMES: Final = {CRITICAL_RANK: timedelta(minutes=5), CRITICAL_RANK - 1: timedelta(minutes=30)}

Item = Finding | Answer


def fold(kind: Kind, findings: Iterable[Finding], answers: Iterable[Answer], now: datetime) -> list[Episode]:
    """All episodes of one patient and kind, oldest first, as they stand at `now`; only the last one can be open."""
    return settle(fold_items(kind, findings, (one for one in answers if one.at <= now)), now)


def fold_items(kind: Kind, findings: Iterable[Finding], answers: Iterable[Answer]) -> list[Episode]:
    """The episodes as they stand at the moment of the last finding or answer."""
    items: list[Item] = sorted([*findings, *answers], key=_order)
    ended: list[Episode] = []
    current: Episode | None = None
    for item in items:
        current = _drop_ended(_pass_time(current, item.at), ended)
        current = _drop_ended(_take(kind, current, item), ended)
    return [*ended, current] if current else ended


def settle(episodes: Sequence[Episode], now: datetime) -> list[Episode]:
    """What time alone has made of episodes since they were folded."""
    return [_pass_time(one, now) or one for one in episodes]


def _order(item: Item) -> tuple[Any, ...]:
    """Findings before answers of the same moment, and a fixed order among the rest of it."""
    return (item.at, 1, item.until, item.by) if isinstance(item, Answer) else (item.at, 0, item.rank)


def _drop_ended(episode: Episode | None, ended: list[Episode]) -> Episode | None:
    if episode is None or episode.is_open:
        return episode
    ended.append(episode)
    return None


def _take(kind: Kind, episode: Episode | None, item: Item) -> Episode | None:
    if isinstance(item, Answer):
        return episode and _acknowledge(episode, item)
    if episode is None:
        return _begin(kind, item) if item.rank else None
    return _rise_or_hold(episode, item) if item.rank else _quieten(episode, item)


def _begin(kind: Kind, finding: Finding) -> Episode:
    at, rank = finding.at, finding.rank
    return Episode(kind, started_at=at, rank=rank, peak=rank, mark=rank, raised_at=at, met_at=at, changed_at=at)


def _rise_or_hold(episode: Episode, finding: Finding) -> Episode:
    """A level above the mark raises the alert whatever its state; any other level of it is only noted."""
    rank = finding.rank
    seen = replace(episode, rank=rank, peak=max(rank, episode.peak), met_at=finding.at, quiet=0)
    if rank <= episode.mark:
        return seen
    return replace(
        seen, mark=rank, state=State.RAISED, escalated=False, raised_at=finding.at, changed_at=finding.at, answer=None
    )


def _quieten(episode: Episode, finding: Finding) -> Episode:
    quiet = replace(episode, quiet=episode.quiet + 1)
    if quiet.quiet < QUIET_FINDINGS or episode.state is State.LATCHED:
        return quiet
    unseen = episode.state is State.RAISED and episode.peak == CRITICAL_RANK
    state = State.LATCHED if unseen else State.RESOLVED
    return replace(quiet, state=state, rank=0, mark=0, changed_at=finding.at)


def _acknowledge(episode: Episode, answer: Answer) -> Episode:
    """The first answer stands until it runs out or the level rises."""
    if episode.state is State.ACKNOWLEDGED:
        return episode
    state = State.RESOLVED if episode.state is State.LATCHED else State.ACKNOWLEDGED
    return replace(episode, state=state, answer=answer, changed_at=answer.at, mark=episode.rank, escalated=False)


def _pass_time(episode: Episode | None, at: datetime) -> Episode | None:
    """What the mere passing of time until `at` does."""
    if episode is None or not episode.is_open:
        return episode
    if episode.state is State.RAISED:
        return _escalate(episode, at)
    if episode.state is State.ACKNOWLEDGED:
        return _remind(episode, at)
    if episode.state is State.LATCHED and at - episode.changed_at >= LATCH_EXPIRES:
        return replace(episode, state=State.EXPIRED, changed_at=episode.changed_at + LATCH_EXPIRES)
    return episode


def _escalate(episode: Episode, at: datetime) -> Episode:
    within = action_time(episode)
    if episode.escalated or within is None or at - episode.raised_at < within:
        return episode
    return replace(episode, escalated=True, escalations=episode.escalations + 1)


def _remind(episode: Episode, at: datetime) -> Episode:
    if episode.answer is None or episode.quiet or at < episode.answer.until:
        return episode
    return replace(episode, state=State.REMINDED, changed_at=episode.answer.until, reminders=episode.reminders + 1)


def action_time(episode: Episode) -> timedelta | None:
    """How soon somebody is to answer, None where the next round is soon enough."""
    return None if episode.kind is Kind.TECHNICAL else ACTION_TIMES.get(episode.rank)


def silences(findings: Sequence[Finding], stale_after: timedelta, now: datetime) -> list[Finding]:
    """Findings of lost data: met when nothing follows a high or critical finding in time, not met by each finding.

    What follows are readings, not predictions: many readings that arrive at once are scored only once.
    """
    found: list[Finding] = []
    ends = [*(_watched_since(later, stale_after) for later in findings[1:]), now]
    for finding, next_at in zip(findings, ends, strict=False):  # without findings there is one end too many
        found.append(Finding(finding.at, 0))
        if finding.rank >= CRITICAL_RANK - 1 and next_at - finding.at > stale_after:
            found.append(Finding(finding.at + stale_after, 1))
    return found


def _watched_since(finding: Finding, stale_after: timedelta) -> datetime:
    """From when on the readings behind a finding are known to follow each other in time."""
    return finding.at - finding.window if finding.largest_gap <= stale_after else finding.at
