"""Drift: do the windows of a day, and the risks given for them, look like those of unseen patients at the training?

What is compared are summaries of a window that mean something to a person, and the risks. Windows in service
are compared with those of the training that hold about as many readings and end at about the same time of the day
(`STRATA`): else every running service, whose windows are full, and every morning would look like drift. Each patient
counts once, however often measured.

The population stability index compares shares in the training's tenths, missing values being a bin of their own: sum of
(now - then) * log(now / then). As is usual, below 0.1 nothing has moved, from 0.25 on the model works on other patients
than it knows. Few patients give a high index by chance, so there is none of fewer than `LEAST_PATIENTS`; what chance
adds is taken off (as bootstraps over patients tell it), and nothing has moved while the 95 % interval holds 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import RISK_FIELDS
from ml.features import WINDOW_LENGTH, measures_of

Rows = NDArray[np.float64]  # (m, number of `SUMMARIES`)
Floats = NDArray[np.float64]
Places = NDArray[np.intp]

INTERVAL: Final = "interval_minutes"
OF_WINDOWS: Final = (
    *("mean_systolic", "spread_systolic", "greatest_systolic", "mean_diastolic", "mean_pulse_pressure"),
    *("mean_heart_rate", "without_heart_rate", INTERVAL),
)
SUMMARIES: Final = (*OF_WINDOWS, *RISK_FIELDS)

BINS: Final = 10
MODERATE: Final = 0.1
STRONG: Final = 0.25
LEAST_PATIENTS: Final = 50
REPLICATES: Final = 200
PSEUDO_SHARE: Final = 1e-3  # in every bin, so that an empty one is rare and not impossible
UNKNOWN: Final = "unknown"

FILLS: Final = (20, WINDOW_LENGTH)  # readings from which on a window is of the next stratum
PARTS_OF_DAY: Final = 4
STRATA: Final = (len(FILLS) + 1) * PARTS_OF_DAY


class OtherReferenceError(ValueError):
    """What a version was trained on is not told in this way."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The training: `ends`, the inner ends of each summary's bins, and `shares` of rows (STRATA, all bins) and means.

    The bins of all summaries stand one after the other, the last of each for missing values. `means` are of known
    values, (STRATA, summaries). A stratum without rows is all NaN.
    """

    ends: tuple[tuple[float, ...], ...]
    shares: Floats
    means: Floats

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``drift.json``."""
        told = {"shares": self.shares, "means": self.means}
        return {"summaries": list(SUMMARIES), "ends": [list(ends) for ends in self.ends]} | {
            name: [[_or_none(value) for value in row] for row in values] for name, values in told.items()
        }


def from_json(value: Mapping[str, Any]) -> Reference:
    """Read what `Reference.to_json` wrote; raise `OtherReferenceError` for that of an older version."""
    if value.get("summaries") != list(SUMMARIES):
        raise OtherReferenceError("it was trained before drift was told by summaries of a window. Retrain to see it.")
    shares, means = (np.array(value[name], dtype=np.float64) for name in ("shares", "means"))
    return Reference(tuple(tuple(ends) for ends in value["ends"]), shares, means)


@dataclass(frozen=True, slots=True)
class Drift:
    """One summary: its index with a 95 % interval, what is read from it, and its mean now and at the training."""

    summary: str
    psi: float | None
    low: float | None
    high: float | None
    reading: str
    mean: float | None
    reference_mean: float | None


def summarise(features: NDArray[np.float32], risks: Floats) -> Rows:
    """Return `SUMMARIES` of windows (m, 120) and the risks given for them (m, 3); every window holds a reading."""
    systolic, diastolic, heart_rate, hours = measures_of(features).astype(np.float64)
    filled = ~np.isnan(systolic)
    count = filled.sum(axis=1)
    rates = (~np.isnan(heart_rate)).sum(axis=1)
    mean_systolic = np.nansum(systolic, axis=1) / count
    mean_diastolic = np.nansum(diastolic, axis=1) / count
    spread = np.sqrt(np.nansum((systolic - mean_systolic[:, None]) ** 2, axis=1) / count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_rate = np.nansum(heart_rate, axis=1) / rates
        interval = np.where(count > 1, 60 * np.nan_to_num(hours).max(axis=1) / (count - 1), np.nan)
    of_windows = (
        *(mean_systolic, spread, np.where(filled, systolic, 0).max(axis=1), mean_diastolic),
        *(mean_systolic - mean_diastolic, mean_rate, 1 - rates / count, interval),
    )
    return np.column_stack([*of_windows, risks])


def strata(features: NDArray[np.float32], hour: NDArray[np.float32]) -> Places:
    """Return the stratum of each window (m, 120) that ends at this hour of the day, shape (m,)."""
    filled = (~np.isnan(measures_of(features)[0])).sum(axis=1)
    part = (hour * PARTS_OF_DAY / 24).astype(np.intp).clip(0, PARTS_OF_DAY - 1)
    place: Places = np.searchsorted(FILLS, filled, side="right") * PARTS_OF_DAY + part
    return place


def make_reference(rows: Rows, stratum: Places) -> Reference:
    """Return the reference from rows of patients that the model was not fitted on."""
    ends = tuple(_ends(values) for values in rows.T)
    places, width = _bins(ends, rows), sum(len(of_one) + 2 for of_one in ends)
    shares = np.stack([_shares(places[stratum == number], width) for number in range(STRATA)])
    known = ~np.isnan(rows)
    sums, counts = (
        np.stack([values[stratum == number].sum(axis=0) for number in range(STRATA)])
        for values in (np.where(known, rows, 0), known)
    )
    with np.errstate(invalid="ignore"):
        return Reference(ends, shares, sums / counts)


def _ends(values: Floats) -> tuple[float, ...]:
    known = values[~np.isnan(values)]
    if not len(known):
        return ()
    ends = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    return tuple(float(f"{end:.6g}") for end in ends[ends > known.min()])


def _bins(ends: tuple[tuple[float, ...], ...], rows: Rows) -> Places:
    """Return the place of each value among the bins of all summaries, shape (m, summaries); at an end, above it."""
    columns, first = [], 0
    for of_one, values in zip(ends, rows.T, strict=True):
        place = np.searchsorted(np.array(of_one), values, side="right")
        columns.append(first + np.where(np.isnan(values), len(of_one) + 1, place))
        first += len(of_one) + 2
    return np.column_stack(columns)


def _shares(places: Places, width: int) -> Floats:
    if not len(places):
        return np.full(width, np.nan)
    shares: Floats = np.bincount(places.ravel(), minlength=width) / len(places)
    return shares


def count(reference: Reference, rows: Rows, stratum: Places) -> Floats:
    """Return what `compare` needs of one patient's windows: shares of strata and bins, means; zeros without any.

    Windows of a stratum that the training has no rows of are left out.
    """
    known = ~np.isnan(reference.shares[stratum, 0])
    rows, stratum = rows[known], stratum[known]
    if not len(rows):
        return np.zeros(STRATA + reference.shares.shape[1] + 2 * len(SUMMARIES))
    of_strata = np.bincount(stratum, minlength=STRATA) / len(rows)
    there = ~np.isnan(rows)
    sums = np.where(there, rows, 0).sum(axis=0) / len(rows)
    shares = _shares(_bins(reference.ends, rows), reference.shares.shape[1])
    return np.concatenate([of_strata, shares, sums, there.mean(axis=0)])


def compare(reference: Reference, patients: Floats, seed: int = 0) -> list[Drift]:
    """Return the drift of each summary from what `count` gave for n patients, (n, any); of nobody there is none."""
    patients = patients[patients[:, :STRATA].any(axis=1)]
    number = len(patients)
    if not number:
        return []
    replicates = REPLICATES if number >= LEAST_PATIENTS else 0
    drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), replicates)
    mean = np.concatenate([np.ones((1, number)), drawn]) @ patients / number
    width = reference.shares.shape[1]
    mixture, now, sums, there = np.split(mean, np.cumsum([STRATA, width, len(SUMMARIES)]), axis=1)
    then = mixture @ np.nan_to_num(reference.shares)
    terms = (now - then) * np.log((now + PSEUDO_SHARE) / (then + PSEUDO_SHARE))
    starts = np.cumsum([0, *(len(ends) + 2 for ends in reference.ends)])[:-1]
    indices = np.add.reduceat(terms, starts, axis=1)
    with np.errstate(invalid="ignore"):
        means = sums[0] / there[0]
        before = mixture[0] @ np.nan_to_num(reference.means) / (mixture[0] @ ~np.isnan(reference.means))
    return [
        Drift(name, *_judged(index), _or_none(mean_now), _or_none(mean_then))
        for name, index, mean_now, mean_then in zip(SUMMARIES, indices.T, means, before, strict=True)
    ]


def _judged(index: Floats) -> tuple[float | None, float | None, float | None, str]:
    """Return index, both ends of its interval, and its reading, from the value and its resamples.

    A resample of patients is as far from the patients as these are from all: its index is too high by that, twice.
    """
    value, resamples = index[0], index[1:]
    if not len(resamples):
        return None, None, None, UNKNOWN
    ends = np.percentile(resamples, (2.5, 97.5))
    corrected = max(0.0, float(2 * value - resamples.mean()))
    low, high = (max(0.0, float(2 * value - end)) for end in ends[::-1])
    return corrected, low, high, reading(corrected if low > 0 else 0.0)


def _or_none(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None


def has_rhythm_alone_moved(readings: Mapping[str, str]) -> bool:
    """Tell whether readings only come at another interval than in the training: no other summary has moved."""
    return {name for name, read in readings.items() if read not in ("stable", UNKNOWN)} == {INTERVAL}


def moved_strongly(readings: Mapping[str, str]) -> list[str]:
    """Return the summaries that say: these are other patients than those of the training. Their rhythm does not."""
    return [name for name, read in readings.items() if read == "strong" and name != INTERVAL]


def reading(index: float) -> str:
    """Name what is usually read from an index: ``stable``, ``moderate`` or ``strong``."""
    if index < MODERATE:
        return "stable"
    return "moderate" if index < STRONG else "strong"
