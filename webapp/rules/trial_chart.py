"""The plot of a trial: what predicted alerts cost against what they tell, as numbers for SVGs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from alerts.simulation.table import LEVELS

WIDTH: Final = 300
HEIGHT: Final = 200
KEYS: Final = ("crises_announced", "median_lead_h", "ppv")
TICKS: Final = 4
HIGHEST: Final = {"crises_announced": 1.0, "median_lead_h": 6.0, "ppv": 1.0}


class Point(NamedTuple):
    """What predicted alerts of a level, or a higher one, cost (to the right) and tell (upwards)."""

    x: float
    y: float
    level: str


class Line(NamedTuple):
    """The points of one set of rules, from the highest level on, and the path through them."""

    name: str
    points: list[Point]
    path: str


class Tick(NamedTuple):
    """A place on an axis and the value there."""

    at: float
    value: float


class Panel(NamedTuple):
    """One figure: what is upwards, its lines and the ticks of both axes."""

    key: str
    lines: list[Line]
    across: list[Tick]
    upwards: list[Tick]


def draw(found: Mapping[str, Any]) -> list[Panel]:
    """Lay out the three figures of a simulation."""
    rules = found["rules"]
    costs = [each["predicted"][level]["alerts_per_patient_day"] or 0 for each in rules.values() for level in LEVELS]
    dearest = max([*costs, 0.01])
    return [
        Panel(
            key,
            [_line(name, each["predicted"], key, dearest) for name, each in rules.items()],
            _ticks(dearest, WIDTH),
            [Tick(round(HEIGHT - tick.at, 1), tick.value) for tick in _ticks(HIGHEST[key], HEIGHT)],
        )
        for key in KEYS
    ]


def _line(name: str, predicted: Mapping[str, Any], key: str, dearest: float) -> Line:
    """Return the line of one set of rules; a level of which nothing is known has no point."""
    points = [
        Point(
            round(WIDTH * of["alerts_per_patient_day"] / dearest, 1),
            round(HEIGHT * (1 - of[key] / HIGHEST[key]), 1),
            level,
        )
        for level, of in ((level, predicted[level]) for level in LEVELS)
        if of[key] is not None and of["alerts_per_patient_day"] is not None
    ]
    return Line(name, points, _path(points))


def _path(points: Iterable[Point]) -> str:
    """Write the straight lines from point to point as SVG has them."""
    return "M" + "L".join(f"{point.x} {point.y}" for point in points) if points else ""


def _ticks(highest: float, length: float) -> list[Tick]:
    """Return evenly spaced ticks from zero to the highest value."""
    return [Tick(round(length * place / TICKS, 1), highest * place / TICKS) for place in range(TICKS + 1)]
