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

from alerts.model import CRITICAL_RANK, AlertKind, Answer, Episode, Finding, State

QUIET_FINDINGS: Final = 2  # so many in a row end an episode: one low value between high ones is noise
LATCH_EXPIRES: Final = timedelta(hours=72)
ACTION_TIMES: Final = {CRITICAL_RANK: timedelta(minutes=5), CRITICAL_RANK - 1: timedelta(minutes=30)}


def fold(kind: AlertKind, findings: Iterable[Finding], answers: Iterable[Answer]) -> list[Episode]:
    """Return all episodes of one patient and kind as they stood at the last finding or answer, oldest first.

    Only the last one can be open.
    """
    episodes: list[Episode] = []
    items: list[Finding | Answer] = [*findings, *answers]
    for item in sorted(items, key=_order):
        if episodes and episodes[-1].is_open:
            episodes[-1] = _pass_time(episodes[-1], item.at)
        if episodes and episodes[-1].is_open:
            if isinstance(item, Answer):
                episodes[-1] = _acknowledge(episodes[-1], item)
            else:
                episodes[-1] = (_rise_or_hold if item.rank else _quieten)(episodes[-1], item)
        elif isinstance(item, Finding) and item.rank:
            at, rank = item.at, item.rank
            episodes.append(Episode(kind, at, rank=rank, peak=rank, mark=rank, raised_at=at, met_at=at, changed_at=at))
    return episodes


def settle(episodes: Sequence[Episode], now: datetime) -> list[Episode]:
    """Return folded episodes with what time alone has made of them until now."""
    return [_pass_time(episode, now) for episode in episodes]


def _order(item: Finding | Answer) -> tuple[Any, ...]:
    """Order findings before answers of the same moment, and the rest of it in a fixed way."""
    return (item.at, 1, item.until, item.by) if isinstance(item, Answer) else (item.at, 0, item.rank, "")


def _rise_or_hold(episode: Episode, finding: Finding) -> Episode:
    """Raise the alert at a level above the mark, whatever its state; only note any other level."""
    rank = finding.rank
    seen = replace(episode, rank=rank, peak=max(rank, episode.peak), met_at=finding.at, quiet=0)
    if rank <= episode.mark:
        return seen
    return replace(
        seen, mark=rank, state=State.RAISED, escalated=False, raised_at=finding.at, changed_at=finding.at, answer=None
    )


def _quieten(episode: Episode, finding: Finding) -> Episode:
    """End the alert after enough findings that do not meet its condition; latch a critical one that nobody saw."""
    quiet = replace(episode, quiet=episode.quiet + 1)
    if quiet.quiet < QUIET_FINDINGS or episode.state is State.LATCHED:
        return quiet
    unseen = episode.state is State.RAISED and episode.peak == CRITICAL_RANK
    state = State.LATCHED if unseen else State.RESOLVED
    return replace(quiet, state=state, rank=0, mark=0, changed_at=finding.at)


def _acknowledge(episode: Episode, answer: Answer) -> Episode:
    """Take the first answer, which stands until it runs out or the level rises."""
    if episode.state is State.ACKNOWLEDGED:
        return episode
    state = State.RESOLVED if episode.state is State.LATCHED else State.ACKNOWLEDGED
    return replace(episode, state=state, answer=answer, changed_at=answer.at, mark=episode.rank, escalated=False)


def _pass_time(episode: Episode, at: datetime) -> Episode:
    """Return the episode after the mere passing of time: it escalates, reminds or expires."""
    if episode.state is State.RAISED and not episode.escalated:
        within = action_time(episode)
        if within is not None and at - episode.raised_at >= within:
            return replace(episode, escalated=True, escalations=episode.escalations + 1)
    elif episode.state is State.ACKNOWLEDGED and episode.answer and not episode.quiet and at >= episode.answer.until:
        return replace(episode, state=State.REMINDED, changed_at=episode.answer.until, reminders=episode.reminders + 1)
    elif episode.state is State.LATCHED and at - episode.changed_at >= LATCH_EXPIRES:
        return replace(episode, state=State.EXPIRED, changed_at=episode.changed_at + LATCH_EXPIRES)
    return episode


def action_time(episode: Episode) -> timedelta | None:
    """Return how soon somebody is to answer, None where the next round is soon enough."""
    return None if episode.kind is AlertKind.TECHNICAL else ACTION_TIMES.get(episode.rank)


def silences(findings: Sequence[Finding], stale_after: timedelta, now: datetime) -> list[Finding]:
    """Return findings of lost data: met when nothing follows a high or critical one in time, not met by each finding.

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
    """Return from when on the readings behind a finding are known to follow each other in time."""
    return finding.at - finding.window if finding.largest_gap <= stale_after else finding.at
