"""How urgent a patient is: by the worst alert that is open, and by nothing else. Pure.

The level of a prediction is another word: what the model says, whether or not anybody is alerted by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Final

from conf.clinical import ALERT_LEVELS

CRISIS_KEPT: Final = timedelta(hours=72)  # how far back a last reading is looked for that nothing else tells of
LEAST_URGENT_RANK: Final = ALERT_LEVELS.index("HIGH")  # of an alert that goes before silence


class Urgency(StrEnum):
    """The sections of the board, in their fixed order."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    SILENT = "SILENT"  # no reading comes any more, and nothing worse is open
    MEDIUM = "MEDIUM"
    NONE = "NONE"  # no open alert
    WAITING = "WAITING"  # no open alert, and too few readings for a prediction


def level_rank(level: str | None) -> int:
    """Return the place of an alert level, from 0 (LOW or none) to 3 (CRITICAL)."""
    return ALERT_LEVELS.index(level) if level in ALERT_LEVELS else 0


def urgency(ranks: Iterable[int], *, is_silent: bool, is_scored: bool) -> Urgency:
    """Return the urgency of a patient whose open alerts, but that of silence, have these ranks."""
    worst = max(ranks, default=0)
    if worst >= LEAST_URGENT_RANK:
        return Urgency(ALERT_LEVELS[worst])
    if is_silent:
        return Urgency.SILENT
    if worst:
        return Urgency.MEDIUM
    return Urgency.NONE if is_scored else Urgency.WAITING
