"""The circadian picture: percentiles by hour of day as SVG paths. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 720
HEIGHT: Final = 200
LOWEST: Final = 40  # mmHg at the bottom
HIGHEST: Final = 200
HOURS: Final = 24


@dataclass(frozen=True)
class Curve:
    """One pressure: the band from the 10th to the 90th percentile, and the median."""

    band: str
    median: str


def curve(hours: Sequence[dict[str, Any]], name: str) -> Curve:
    """The curve of a pressure; `hours` as `elastic.search.statistics.circadian` gives them. Empty below two hours."""
    known = [hour for hour in hours if all(value is not None for value in hour[name])]
    if len(known) < 2:
        return Curve("", "")
    low, middle, high = ([_point(hour["hour"], hour[name][place]) for hour in known] for place in range(3))
    return Curve(f"M{'L'.join([*high, *reversed(low)])}Z", f"M{'L'.join(middle)}")


def level_y(pressure: float) -> float:
    """The height of a pressure (mmHg) in the picture."""
    share = (min(HIGHEST, max(LOWEST, pressure)) - LOWEST) / (HIGHEST - LOWEST)
    return round(HEIGHT * (1 - share), 1)


def _point(hour: int, pressure: float) -> str:
    return f"{WIDTH * (hour + 0.5) / HOURS:.1f} {level_y(pressure)}"
