"""The strip of the last 24 h of predictions: 6 h risk and level over time. Pure, without Flask or Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from assessment.daytime import Interval
from assessment.freshness import stale_after
from conf.clinical import ALERT_LEVELS, ALERT_THRESHOLDS
from webapp.patients.chart import gaps, seconds


@dataclass(frozen=True, slots=True)
class Cell:
    """One prediction, valid from its newest reading `at` until `until`: the next one, or when data grew stale."""

    at: datetime
    until: datetime
    risk_6h: float
    level: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The predictions of [start, end), oldest first, and the times without a valid one."""

    start: datetime
    end: datetime
    cells: tuple[Cell, ...]
    gaps: tuple[Interval, ...]

    @property
    def highest(self) -> Cell | None:
        """The cell with the highest 6 h risk, the latest of equal ones."""
        return max(self.cells, key=lambda cell: (cell.risk_6h, cell.at), default=None)

    def time_at(self, level: str) -> timedelta:
        """How long the level was this one."""
        return sum((cell.until - cell.at for cell in self.cells if cell.level == level), timedelta(0))


def make_strip(
    predictions: Iterable[Mapping[str, Any]], *, start: datetime, end: datetime, expected_interval: timedelta
) -> Strip:
    """Lay out stored predictions of one patient, in any order."""
    inside = [(datetime.fromisoformat(one["@timestamp"]), one) for one in predictions]
    ordered = sorted(((at, one) for at, one in inside if start <= at < end), key=lambda pair: pair[0])
    longest = stale_after(expected_interval)
    following = [*(at for at, _ in ordered[1:]), end]
    cells = [
        Cell(at, min(next_at, at + longest), one["critical_risk_6h"], one["alert_level"])
        for (at, one), next_at in zip(ordered, following, strict=False)  # none follows where there is none
    ]
    return Strip(start, end, tuple(cells), tuple(_unknown(cells, start, end, longest)))


def _unknown(cells: Sequence[Cell], start: datetime, end: datetime, longest: timedelta) -> list[Interval]:
    """Before the first prediction, and from where one has grown stale."""
    if not cells:
        return gaps([], start, end, longest)
    before = [(start, cells[0].at)] if cells[0].at - start > longest else []
    ends = [*(cell.at for cell in cells[1:]), end]
    stale = [(cell.until, following) for cell, following in zip(cells, ends, strict=True) if cell.until < following]
    return [*before, *stale]


def drawing(strip: Strip) -> dict[str, Any]:
    """The strip as the browser's script takes it; times in seconds since the epoch, risks 0..1."""
    return {
        "start": strip.start.timestamp(),
        "end": strip.end.timestamp(),
        "cells": {
            "t": [cell.at.timestamp() for cell in strip.cells],
            "until": [cell.until.timestamp() for cell in strip.cells],
            "risk": [cell.risk_6h for cell in strip.cells],
            "level": [cell.level for cell in strip.cells],
        },
        "gaps": seconds(strip.gaps),
        "thresholds": list(ALERT_THRESHOLDS),
        "levels": list(ALERT_LEVELS),
    }


def changes(strip: Strip) -> list[Cell]:
    """The cells at which the level became another one, the first cell included."""
    return [*strip.cells[:1], *(later for earlier, later in pairwise(strip.cells) if earlier.level != later.level)]
