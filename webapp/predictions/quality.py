"""The live model and its quality: the monitor's documents of several days put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conf.clinical import ALERT_LEVELS, HORIZONS_H
from elastic.client import Search
from elastic.search import latest, monitoring

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
    brier: float | None
    estimated_brier: float | None  # of the same predictions, as their risks said before any outcome was known
    brier_skill: float | None
    ici: float | None  # mean distance between risk and observed rate
    ppv: Mapping[str, float | None]
    level_rows: Mapping[str, int]
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Model:
    """The live model: its version, all versions in use, quality by horizon, and what else the monitor tells of it.

    `estimates` are of the newest day, whose outcomes are mostly unknown, by horizon.
    """

    version: str | None
    versions: tuple[str, ...]
    quality: tuple[Quality, ...]
    parity: Document | None = None
    estimates: tuple[Document, ...] = ()


def live_model(search: Search, stratum: str) -> Model:
    """Return the model behind the newest predictions, judged by the predictions of a subgroup."""
    versions = latest.model_versions(search)
    if not versions:
        return Model(None, (), ())
    documents = monitoring.live_quality(search, versions[0], None, stratum)
    known = [document for document in documents if document["horizon_h"] in HORIZONS_H]
    estimates = tuple(monitoring.estimates(search, versions[0], stratum))
    parity = monitoring.parity(search, versions[0])
    return Model(versions[0], tuple(versions), tuple(by_horizon(known)), parity, estimates)


def summarise(documents: Sequence[Document]) -> Quality | None:
    """Put the documents of one version, horizon and subgroup together, None where there are none."""
    known = sorted((day for day in documents if day["rows"]), key=lambda day: day["@timestamp"])
    if not known:
        return None
    level_rows = {level: sum(day["level_rows"][level] for day in known) for level in ALERT_LEVELS}
    level_events = {level: sum(day["level_events"][level] for day in known) for level in ALERT_LEVELS}
    return Quality(
        horizon_h=known[0]["horizon_h"],
        first_day=known[0]["@timestamp"][:10],
        last_day=known[-1]["@timestamp"][:10],
        is_complete=all(day["complete"] for day in known),
        rows=sum(day["rows"] for day in known),
        events=sum(day["events"] for day in known),
        observed_rate=_mean(known, "observed_rate") or 0.0,
        mean_risk=_mean(known, "mean_risk") or 0.0,
        auroc=_mean(known, "auroc"),
        brier=_mean(known, "brier"),
        estimated_brier=_mean(known, "estimated_brier"),
        brier_skill=_mean(known, "brier_skill"),
        ici=_mean(known, "ici"),
        ppv={level: level_events[level] / rows if rows else None for level, rows in level_rows.items()},
        level_rows=level_rows,
        points=_points(known),
    )


def by_horizon(documents: Sequence[Document]) -> list[Quality]:
    """Return a summary for each horizon that has documents, the shortest first."""
    horizons = sorted({day["horizon_h"] for day in documents})
    found = (summarise([day for day in documents if day["horizon_h"] == horizon_h]) for horizon_h in horizons)
    return [quality for quality in found if quality is not None]


def _mean(documents: Sequence[Document], name: str) -> float | None:
    """Return the mean of a figure, weighted by predictions; None where no document has it."""
    known = [(day[name], day["rows"]) for day in documents if day.get(name) is not None]
    rows = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / rows if rows else None


def _points(documents: Sequence[Document]) -> tuple[Point, ...]:
    """Return the groups of equal rank of all days, put together."""
    most = max(len(day["calibration"]) for day in documents)
    groups = ([day["calibration"][rank] for day in documents if rank < len(day["calibration"])] for rank in range(most))
    return tuple(
        Point(
            _mean(group, "mean_risk") or 0.0,
            _mean(group, "observed_rate") or 0.0,
            sum(point["rows"] for point in group),
        )
        for group in groups
    )
