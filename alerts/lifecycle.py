"""The life of an alert: a pure fold over what was found about a patient, what people answered, and the time now.

A prediction that a late reading rewrites, or a reading that is retracted, changes the past of an alert too; an answer
then applies to whatever episode covers its time. Missing data never ends a predicted or measured alert: only a finding
can say that all is well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.model import CRITICAL_RANK, ENDED, AlertKind, Answer, Episode, Finding, State

LATCH_EXPIRES: Final = timedelta(hours=72)
ACTION_TIMES: Final[Mapping[int, timedelta]] = {
    CRITICAL_RANK: timedelta(minutes=5),
    CRITICAL_RANK - 1: timedelta(minutes=30),
}


@dataclass(frozen=True)
class Terms:
    """What the rules say of one kind: `quiet` findings end it, it may wait so long for an answer, by rank, or be kept.

    Several quiet ones in a row, because one low value between high ones is noise.
    """

    quiet: int = 2
    answer_within: Mapping[int, timedelta] = field(default_factory=lambda: ACTION_TIMES)
    kept: timedelta = LATCH_EXPIRES

    def action_time(self, episode: Episode) -> timedelta | None:
        """Return how soon somebody is to answer, None where the next round is soon enough."""
        return self.answer_within.get(episode.rank or episode.peak)


USUAL: Final = Terms()
ESCALATED: Final = "escalated"

Step = tuple[Episode | None, Episode]  # before and after; before is None where an episode begins


def fold(
    kind: AlertKind,
    findings: Iterable[Finding],
    answers: Iterable[Answer],
    terms: Terms = USUAL,
    begun: Episode | None = None,
) -> list[Episode]:
    """Return all episodes of one patient and kind as they stood at the last finding or answer, oldest first.

    Only the last one can be open. An episode that has `begun` goes on.
    """
    return episodes_after(steps(kind, findings, answers, terms, begun), begun)


def episodes_after(taken: Iterable[Step], begun: Episode | None = None) -> list[Episode]:
    """Return the episodes that steps have led to, oldest first, the one that had begun before them too."""
    episodes = [begun] if begun else []
    for before, after in taken:
        episodes[-1:] = [after] if before else [*episodes[-1:], after]
    return episodes


def steps(
    kind: AlertKind,
    findings: Iterable[Finding],
    answers: Iterable[Answer],
    terms: Terms = USUAL,
    begun: Episode | None = None,
) -> Iterator[Step]:
    """Yield what each finding and answer makes of the episode that stands before it, None where it begins one.

    Nothing is folded that an episode which has `begun` has seen already.
    """
    episode = begun
    items: list[Finding | Answer] = [*findings, *answers]
    for item in sorted(items, key=_order):
        if begun and begun.seen_at and item.at <= begun.seen_at:
            continue
        if episode and episode.is_open:
            timed = _pass_time(episode, item.at, terms)
            if timed != episode:
                yield episode, timed
            episode = timed
        if episode and episode.is_open:
            step = _acknowledge(episode, item) if isinstance(item, Answer) else _find(episode, item, terms)
            after = replace(step, seen_at=item.at)
            yield episode, after
            episode = after
        elif isinstance(item, Finding) and item.rank:
            episode = _raise(kind, item)
            yield None, episode


def happenings(step: Step, terms: Terms) -> list[tuple[str, datetime]]:
    """Return what the journal notes of a step and when: raised, escalated, reminded, latched, or an end."""
    before, after = step
    happened: list[tuple[str, datetime]] = []
    if before is None or after.raised_at != before.raised_at:
        happened.append((State.RAISED, after.raised_at))
    action_time = terms.action_time(after)
    if after.escalations > (before.escalations if before else 0) and action_time is not None:
        happened.append((ESCALATED, after.raised_at + action_time))
    if after.state in (State.REMINDED, State.LATCHED, *ENDED) and not (before and before.state is after.state):
        happened.append((after.state, after.changed_at))
    return happened


def settle(episodes: Sequence[Episode], now: datetime, terms: Terms = USUAL) -> list[Episode]:
    """Return folded episodes with what time alone has made of them until now."""
    return [_pass_time(episode, now, terms) for episode in episodes]


def due_at(episode: Episode, terms: Terms = USUAL) -> datetime | None:
    """Return when time alone will change an episode next; None: never."""
    action_time = terms.action_time(episode)
    if episode.state in (State.RAISED, State.LATCHED) and not episode.escalated and action_time is not None:
        return episode.raised_at + action_time
    if episode.state is State.ACKNOWLEDGED and episode.answer and not episode.quiet:
        return episode.answer.until
    return episode.changed_at + terms.kept if episode.state is State.LATCHED else None


def _order(item: Finding | Answer) -> tuple[Any, ...]:
    """Order findings before answers of the same moment, and the rest of it in a fixed way."""
    return (item.at, 1, item.until, item.by) if isinstance(item, Answer) else (item.at, 0, item.rank, "")


def _raise(kind: AlertKind, finding: Finding) -> Episode:
    known_at, rank = finding.known_at, finding.rank
    return Episode(
        kind,
        finding.at,
        rank=rank,
        peak=rank,
        mark=rank,
        raised_at=known_at,
        met_at=finding.at,
        changed_at=known_at,
        worst=finding,
        seen_at=finding.at,
    )


def _find(episode: Episode, finding: Finding, terms: Terms) -> Episode:
    """Raise the alert at a level above the mark, whatever its state; note any other level; end it after quiet ones.

    Of findings of one level the alert was raised by the one that was known first, whichever was measured first.
    """
    rank = max(finding.rank, min(episode.rank, finding.holds))
    if not rank:
        return _quieten(episode, finding, terms)
    worst = max(episode.worst or finding, finding, key=lambda found: found.harm)
    met = replace(episode, rank=rank, peak=max(rank, episode.peak), met_at=finding.at, quiet=0, worst=worst)
    known_at = finding.known_at
    if rank == episode.mark and episode.state is State.RAISED and known_at < episode.raised_at:
        return replace(met, raised_at=known_at, changed_at=known_at)
    if rank <= episode.mark:
        return met
    return replace(
        met, mark=rank, state=State.RAISED, escalated=False, raised_at=known_at, changed_at=known_at, answer=None
    )


def _quieten(episode: Episode, finding: Finding, terms: Terms) -> Episode:
    """End the alert after enough findings that do not meet its condition; latch a critical one that nobody saw."""
    if episode.state is State.LATCHED:
        return episode
    quiet = replace(episode, quiet=episode.quiet + 1)
    if quiet.quiet < terms.quiet:
        return quiet
    unseen = episode.state is State.RAISED and episode.peak == CRITICAL_RANK
    state = State.LATCHED if unseen else State.RESOLVED
    return replace(quiet, state=state, rank=0, mark=0, changed_at=finding.at)


def _acknowledge(episode: Episode, answer: Answer) -> Episode:
    """Take the first answer to what was known by then; it stands until it runs out or the level rises."""
    if episode.state is State.ACKNOWLEDGED or answer.at < episode.raised_at:
        return episode
    state = State.RESOLVED if episode.state is State.LATCHED else State.ACKNOWLEDGED
    return replace(episode, state=state, answer=answer, changed_at=answer.at, mark=episode.rank, escalated=False)


def _pass_time(episode: Episode, at: datetime, terms: Terms) -> Episode:
    """Return the episode after the mere passing of time: it escalates, reminds or expires."""
    due = due_at(episode, terms)
    while due is not None and due <= at:
        if episode.state is State.ACKNOWLEDGED:
            step = replace(episode, state=State.REMINDED, changed_at=due, reminders=episode.reminders + 1)
        elif episode.escalated or terms.action_time(episode) is None:
            step = replace(episode, state=State.EXPIRED, changed_at=due)
        else:
            step = replace(episode, escalated=True, escalations=episode.escalations + 1)
        episode = replace(step, seen_at=max(due, episode.seen_at or due))
        due = due_at(episode, terms) if episode.is_open else None
    return episode
