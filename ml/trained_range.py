"""What a model was trained on, and which windows lie outside of it: there its risks are a guess.

How many readings a window held, how far apart they were, and how many heart rates it lacked, as the training rows had
them. The figures stand in the version (``features.json``); a version of before has none, and nothing that it scores
counts as out of range. A window is outside only beyond a tolerance: a cuff a minute too early is no other population.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.features import measures_of

RARE: Final = 0.01  # what fewer of the training rows had at one end was too rare to be learnt
TOLERANCE: Final = 1.5  # times the longest interval and gap, or below the shortest interval
SHARE_TOLERANCE: Final = 0.2  # more of the heart rates missing
MINUTES_PER_H: Final = 60

Features = NDArray[np.float32]
Flags = NDArray[np.bool_]


class RangeCode(StrEnum):
    """Why a window is outside of what the model was trained on."""

    FEW_READINGS = "FEW_READINGS"
    INTERVAL_SHORT = "INTERVAL_SHORT"  # measured more often than any patient of the training
    INTERVAL_LONG = "INTERVAL_LONG"
    GAP_LONG = "GAP_LONG"  # two neighbouring readings lie further apart than in any training window
    HEART_RATE_MISSING = "HEART_RATE_MISSING"


CODES: Final = tuple(RangeCode)


@dataclass(frozen=True, slots=True)
class TrainedRange:
    """What windows of the training rows were like.

    The usual interval of a window is the median between neighbouring readings, its gap the longest such interval. The
    rarest rows (`RARE`) at each end do not count, of the share (0 to 1) of readings without heart rate neither.
    """

    least_readings: int
    shortest_interval_minutes: float
    longest_interval_minutes: float
    longest_gap_hours: float
    most_heart_rates_missing: float

    def outside(self, features: Features) -> Flags:
        """Tell of rows (n, 120) what is outside, shape (n, number of `CODES`)."""
        filled, gaps_h, lacking = _measured(features)
        most_gap_h = TOLERANCE * self.longest_gap_hours
        shortest_h = self.shortest_interval_minutes / MINUTES_PER_H / TOLERANCE
        longest_h = self.longest_interval_minutes / MINUTES_PER_H * TOLERANCE
        gaps = filled - 1
        columns = (
            filled < self.least_readings,
            2 * (gaps_h < shortest_h).sum(axis=1) > gaps,  # more than half: the median is
            2 * (gaps_h > longest_h).sum(axis=1) > gaps,
            (gaps_h > most_gap_h).any(axis=1),
            lacking > filled * (self.most_heart_rates_missing + SHARE_TOLERANCE),
        )
        return np.stack(columns, axis=1)

    def codes(self, features: Features) -> list[list[str] | None]:
        """Return the codes of each row (n, 120), None for one that is in range."""
        outside = self.outside(features)
        told: list[list[str] | None] = [None] * len(features)
        for row in np.flatnonzero(outside.any(axis=1)).tolist():
            told[row] = [str(CODES[place]) for place in np.flatnonzero(outside[row])]
        return told

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``features.json`` and the card."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainedRange:
        """Read what `to_json` wrote; raise TypeError or ValueError for anything else."""
        made = cls(**value)
        if not np.isfinite(list(asdict(made).values())).all():
            raise ValueError("not all of its figures are numbers")
        return made


def trained_range(features: Features) -> TrainedRange:
    """Return what the training rows (m, 120) cover; m must not be 0."""
    filled, gaps_h, lacking = _measured(features)
    several = filled > 1
    between_h = gaps_h[several] if several.any() else np.zeros((1, 1), dtype=np.float32)
    usual_h = np.nanmedian(between_h, axis=1)
    return TrainedRange(
        least_readings=int(filled.min()),
        shortest_interval_minutes=round(MINUTES_PER_H * float(np.quantile(usual_h, RARE)), 1),
        longest_interval_minutes=round(MINUTES_PER_H * float(np.quantile(usual_h, 1 - RARE)), 1),
        longest_gap_hours=round(float(np.quantile(np.nanmax(between_h, axis=1), 1 - RARE)), 2),
        most_heart_rates_missing=round(float(np.quantile(lacking / filled, 1 - RARE)), 3),
    )


def _measured(features: Features) -> tuple[NDArray[np.intp], Features, NDArray[np.intp]]:
    """Return readings (n,), hours between neighbours (n, 29; NaN where one lacks), and readings without heart rate."""
    systolic, _, heart_rate, hours = measures_of(features)
    filled = (~np.isnan(systolic)).sum(axis=1)
    return filled, hours[:, :-1] - hours[:, 1:], filled - (~np.isnan(heart_rate)).sum(axis=1)
