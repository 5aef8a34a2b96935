"""Alerts of what gives no sign any more: a patient, the whole ward, a part of the system. Pure.

Such an alert begins when a limit has passed since the last sign and ends with the next one, answered or not: unlike a
crisis that passed unseen, what works again leaves nothing behind that somebody would have to look after.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from alerts.model import AlertKind, Episode, Finding, State


def lost(kind: AlertKind, rank: int, last_at: datetime, started_at: datetime) -> Episode:
    """Return the alert of something whose last sign was at `last_at`, which its `worst` tells people."""
    return Episode(
        kind,
        started_at,
        rank=rank,
        peak=rank,
        mark=rank,
        raised_at=started_at,
        met_at=started_at,
        changed_at=started_at,
        worst=Finding(last_at, rank),
        seen_at=started_at,
    )


def last_sign(episode: Episode) -> datetime:
    """Return when the last sign was that such an alert tells of."""
    return episode.worst.at if episode.worst else episode.started_at


def ended(episode: Episode, at: datetime, why: str = "") -> Episode:
    """Return an alert after the next sign came, or, with a `Withdrawal`, after it had no reason any more."""
    state = State.WITHDRAWN if why else State.RESOLVED
    return replace(episode, state=state, rank=0, mark=0, changed_at=max(at, episode.started_at), why=why)
