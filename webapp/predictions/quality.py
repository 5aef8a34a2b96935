"""Live quality of a model version: the monitor's documents of several days put together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conf.clinical import ALERT_LEVELS

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """A group of predictions of similar risk: what was predicted and what came."""

    mean_risk: float
    observed_rate: float
    rows: int


@dataclass(frozen=True)
class Quality:
    """Figures of one horizon; means over days are weighted by predictions, None where a day has none."""

    horizon_h: int
    first_day: str
    last_day: str
    is_complete: bool  # no outcome of these days is still open
    rows: int
    events: int
    observed_rate: float
    mean_risk: float
    auroc: float | None
    brier_skill: float | None
    ici: float | None  # mean distance between risk and observed rate
    ppv: Mapping[str, float | None]
    level_rows: Mapping[str, int]
    points: tuple[Point, ...]


def summarise(documents: Sequence[Document]) -> Quality | None:
    """Put the documents of one version, horizon and stratum together, None where there are none."""
    known = sorted((one for one in documents if one["rows"]), key=lambda one: one["@timestamp"])
    if not known:
        return None
    level_rows = {level: sum(one["level_rows"][level] for one in known) for level in ALERT_LEVELS}
    level_events = {level: sum(one["level_events"][level] for one in known) for level in ALERT_LEVELS}
    return Quality(
        horizon_h=known[0]["horizon_h"],
        first_day=known[0]["@timestamp"][:10],
        last_day=known[-1]["@timestamp"][:10],
        is_complete=all(one["complete"] for one in known),
        rows=sum(one["rows"] for one in known),
        events=sum(one["events"] for one in known),
        observed_rate=_mean(known, "observed_rate") or 0.0,
        mean_risk=_mean(known, "mean_risk") or 0.0,
        auroc=_mean(known, "auroc"),
        brier_skill=_mean(known, "brier_skill"),
        ici=_mean(known, "ici"),
        ppv={level: level_events[level] / rows if rows else None for level, rows in level_rows.items()},
        level_rows=level_rows,
        points=_points(known),
    )


def by_horizon(documents: Sequence[Document]) -> list[Quality]:
    """A summary for each horizon that has documents, the shortest first."""
    horizons = sorted({one["horizon_h"] for one in documents})
    found = (summarise([one for one in documents if one["horizon_h"] == horizon_h]) for horizon_h in horizons)
    return [one for one in found if one is not None]


def _mean(documents: Sequence[Document], name: str) -> float | None:
    known = [(one[name], one["rows"]) for one in documents if one.get(name) is not None]
    rows = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / rows if rows else None


def _points(documents: Sequence[Document]) -> tuple[Point, ...]:
    """The groups of equal rank of all days, put together."""
    most = max(len(one["calibration"]) for one in documents)
    groups = ([one["calibration"][rank] for one in documents if rank < len(one["calibration"])] for rank in range(most))
    return tuple(
        Point(_mean(group, "mean_risk") or 0.0, _mean(group, "observed_rate") or 0.0, sum(one["rows"] for one in group))
        for group in groups
    )
