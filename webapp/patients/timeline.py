"""The timeline of the predictions of a period: 6 h risk and level over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from assessment.daytime import Interval
from assessment.freshness import stale_after
from conf.clinical import ALERT_LEVELS, ALERT_RISK_FIELD, ALERT_THRESHOLDS
from webapp.patients.chart import gaps, seconds


@dataclass(frozen=True, slots=True)
class Step:
    """One prediction, valid from its newest reading `at` until `until`: the next one, or when data grew stale."""

    at: datetime
    until: datetime
    risk_6h: float
    level: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The predictions of [start, end), oldest first, and the times without a valid one."""

    start: datetime
    end: datetime
    steps: tuple[Step, ...]
    gaps: tuple[Interval, ...]

    @property
    def highest(self) -> Step | None:
        """Return the step with the highest 6 h risk, the latest of equal ones."""
        return max(self.steps, key=lambda step: (step.risk_6h, step.at), default=None)

    def time_at(self, level: str) -> timedelta:
        """Return how long the level was this one."""
        return sum((step.until - step.at for step in self.steps if step.level == level), timedelta(0))


def make_timeline(
    predictions: Iterable[Mapping[str, Any]], *, start: datetime, end: datetime, expected_interval: timedelta
) -> Timeline:
    """Lay out stored predictions of one patient, in any order.

    Unknown is the time before the first one, as far as data were stale by then, and from where one has grown stale.
    """
    dated = [(datetime.fromisoformat(prediction["@timestamp"]), prediction) for prediction in predictions]
    ordered = sorted(((at, prediction) for at, prediction in dated if start <= at < end), key=lambda pair: pair[0])
    longest = stale_after(expected_interval)
    times = [at for at, _ in ordered]
    following = [*times[1:], end]
    steps = [
        Step(at, min(next_at, at + longest), prediction[ALERT_RISK_FIELD], prediction["alert_level"])
        for (at, prediction), next_at in zip(ordered, following, strict=False)  # none follows where there is none
    ]
    before = gaps([], start, times[0] if times else end, longest)
    stale = [(step.until, next_at) for step, next_at in zip(steps, following, strict=False) if step.until < next_at]
    return Timeline(start, end, tuple(steps), (*before, *stale))


def drawing(timeline: Timeline) -> dict[str, Any]:
    """Return the timeline as the browser's script takes it; times in seconds since the epoch, risks 0..1."""
    return {
        "start": timeline.start.timestamp(),
        "end": timeline.end.timestamp(),
        "steps": {
            "t": [step.at.timestamp() for step in timeline.steps],
            "until": [step.until.timestamp() for step in timeline.steps],
            "risk": [step.risk_6h for step in timeline.steps],
            "level": [step.level for step in timeline.steps],
        },
        "gaps": seconds(timeline.gaps),
        "thresholds": list(ALERT_THRESHOLDS),
        "levels": list(ALERT_LEVELS),
    }


def changes(timeline: Timeline) -> list[Step]:
    """Return the steps at which the level became another one, the first step included."""
    pairs = pairwise(timeline.steps)
    return [*timeline.steps[:1], *(later for earlier, later in pairs if earlier.level != later.level)]
