"""What the site concludes from a reading and a prediction side by side: its urgency. Pure.

A measured crisis is a fact and a prediction an opinion: the first is red whatever the second says. Data too old to act
upon have a section of their own, except a measured crisis, which silence never takes off the screen for three days.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

from assessment.freshness import Freshness
from conf.clinical import ALERT_LEVELS

CRISIS_KEPT: Final = timedelta(hours=72)  # how long a last reading in crisis stays among the critical ones


class Urgency(StrEnum):
    """The sections of the board, in their fixed order."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    UNSEEN = "UNSEEN"  # a critical alert that went away before anybody acknowledged it
    STALE = "STALE"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    WAITING = "WAITING"  # too few readings for a prediction


def level_rank(level: str | None) -> int:
    """Return the place of an alert level, from 0 (LOW or none) to 3 (CRITICAL)."""
    return ALERT_LEVELS.index(level) if level in ALERT_LEVELS else 0


def urgency(level: str | None, *, crisis: bool, state: Freshness, age: timedelta) -> Urgency:
    """Return the section of a patient with this predicted level, whose newest reading has this freshness and age."""
    if crisis and age <= CRISIS_KEPT:
        return Urgency.CRITICAL
    if state is not Freshness.FRESH:
        return Urgency.STALE
    return Urgency.WAITING if level is None else Urgency(level)
