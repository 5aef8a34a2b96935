"""Feature drift: do the windows of these days look like those that the model was trained on?

The population stability index of a feature compares shares of rows in the training's deciles, missing values being a
bin of their own: sum of (now - then) * log(now / then). As is usual, below 0.1 nothing has moved, from 0.25 on the
model works on other patients than it knows. Few rows give a positive index by chance, about (bins - 1) / rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.features import FEATURE_NAMES, MEASURES

BINS: Final = 10
PSEUDO_ROWS: Final = 0.5  # in every bin, so that an empty one is rare and not impossible
MODERATE: Final = 0.1
STRONG: Final = 0.25
TIMES: Final = MEASURES[-1]
LEAST_PATIENTS: Final = 100  # of fewer, whose windows overlap, chance alone may move an index by BINS / 100 = MODERATE


@dataclass(frozen=True, slots=True)
class FeatureBins:
    """Inner ends of a feature's bins, rising, and how many training rows lay in each; the last count is of NaN."""

    ends: tuple[float, ...]
    counts: tuple[int, ...]

    def count(self, values: NDArray[np.float32]) -> NDArray[np.int64]:
        """Count the values in each bin; a value at an end lies above it."""
        missing = np.isnan(values)
        place = np.searchsorted(np.array(self.ends), values[~missing], side="right")
        counts = np.bincount(place, minlength=len(self.ends) + 1)
        return np.append(counts, missing.sum()).astype(np.int64)


Reference = Mapping[str, FeatureBins]


def make_reference(features: NDArray[np.float32]) -> Reference:
    """Return the bins of each feature from training rows of shape (m, 120)."""
    return {name: _make_bins(values) for name, values in zip(FEATURE_NAMES, features.T, strict=True)}


def _make_bins(values: NDArray[np.float32]) -> FeatureBins:
    known = values[~np.isnan(values)].astype(np.float64)
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    ends = np.unique(np.quantile(known, inner)) if len(known) else np.empty(0)
    ends = ends[ends > known.min()] if len(known) else ends
    unfilled = FeatureBins(tuple(ends.tolist()), ())
    return FeatureBins(unfilled.ends, tuple(unfilled.count(values).tolist()))


def psi(reference: Reference, features: NDArray[np.float32]) -> dict[str, float]:
    """Return the population stability index of each feature in rows of shape (n, 120), n > 0."""
    return psi_of_counts(reference, count(reference, features))


def count(reference: Reference, features: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count the rows in each bin of each feature, one feature after the other; counts of parts may be added."""
    columns = zip(FEATURE_NAMES, features.T, strict=True)
    return np.concatenate([reference[name].count(values) for name, values in columns])


def psi_of_counts(reference: Reference, counts: NDArray[np.int64]) -> dict[str, float]:
    """Return the population stability index of each feature from what `count` gave."""
    then = [np.array(reference[name].counts) for name in FEATURE_NAMES]
    now = np.split(counts, np.cumsum([len(bins) for bins in then])[:-1])
    pairs = ((_shares(before), _shares(after)) for before, after in zip(then, now, strict=True))
    indices = (((after - before) * np.log(after / before)).sum() for before, after in pairs)
    return {name: float(index) for name, index in zip(FEATURE_NAMES, indices, strict=True)}


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (counts + PSEUDO_ROWS) / (counts.sum() + PSEUDO_ROWS * len(counts))
    return shares


def reading(index: float) -> str:
    """Name what is usually read from an index: ``stable``, ``moderate`` or ``strong``."""
    if index < MODERATE:
        return "stable"
    return "moderate" if index < STRONG else "strong"


def have_times_alone_moved(indices: Mapping[str, float]) -> bool:
    """Tell whether readings only come in another rhythm than in the training: no other measure has moved."""
    moved = [name for name, index in indices.items() if index >= MODERATE]
    return bool(moved) and all(name.startswith(TIMES) for name in moved)


def to_json(reference: Reference) -> dict[str, Any]:
    """Return plain values for ``drift.json``."""
    return {name: {"ends": list(bins.ends), "counts": list(bins.counts)} for name, bins in reference.items()}


def from_json(value: Mapping[str, Any]) -> Reference:
    """Read what `to_json` wrote; raise KeyError or TypeError otherwise."""
    return {name: FeatureBins(tuple(value[name]["ends"]), tuple(value[name]["counts"])) for name in FEATURE_NAMES}
