"""A cumulative sum (CUSUM) of observed against expected crises: do risks that were right still fit what happens?

It is the risk-adjusted CUSUM of Steiner, Cook, Farewell and Treasure (Biostatistics 2000;1:441, doi
10.1093/biostatistics/1.4.441). A window of risk p adds, once its outcome y is known, the log likelihood ratio of odds R
times those of the risk: y log R - log(1 - p + R p), with R = 1.5 towards more crises, with 1 / 1.5 towards fewer. Right
risks let both sums fall, and at the end of a day none stands below 0. Observed by expected crises between about 0.82
and 1.23 raise neither, so that many patients make no alarm of what a promotion allows.

While risks are right, exp(sum) from one beginning is a martingale of mean 1, which ever reaches exp(`LIMIT`) with
probability exp(-`LIMIT`) at most (Ville's inequality). A sum begins at the end of a day or not at all: in 30 days, two
directions and three horizons no more than 180 exp(-16), one of 50,000 wards, has a false alarm, however many patients.
That rests on windows of a patient that do not overlap, since each of those knows the outcome of the ones before. And
risks are right of many patients together: of one they are too high or too low for as long as the patient stays. For
that the limit has room (docs/models.md has figures), but a sum of fewer than `LEAST_PATIENTS` says nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

ODDS_RATIO: Final = 1.5
LIMIT: Final = 16.0
LEAST_PATIENTS: Final = 100
HIGHEST: Final = 2 * LIMIT  # no sum rises further, so that an alarm ends some days after what has raised it
MOST_PATIENTS: Final = 1_000  # count, always the same ones; more would tell apart what is no matter, hours of the day

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Instants = NDArray[np.int64]
Places = NDArray[np.intp]


def likelihood_ratios(target: NDArray[np.float32], risk: Floats) -> Floats:
    """Return what each of m windows adds to the sums towards more and towards fewer crises, shape (m, 2)."""
    ratios = np.array([ODDS_RATIO, 1 / ODDS_RATIO])
    added: Floats = target[:, None] * np.log(ratios) - np.log1p((ratios - 1) * risk[:, None])
    return added


def accumulate(days: Floats, start: Floats) -> Floats:
    """Return the sums at the end of each of d days, from what each day adds; `days` (d, ...), `start` (...)."""
    sums, last = np.empty_like(days), start
    for number, added in enumerate(days):
        last = sums[number] = np.clip(last + added, 0.0, HIGHEST)
    return sums


def who_counts(patients: Sequence[str]) -> Flags:
    """Choose `MOST_PATIENTS` of many different patients, by a hash of the name; all of fewer."""
    ranked = sorted(range(len(patients)), key=lambda place: zlib.crc32(patients[place].encode()))
    counts = np.zeros(len(patients), dtype=np.bool_)
    counts[ranked[:MOST_PATIENTS]] = True
    return counts


def apart(patient: Places, newest_us: Instants, length_us: int) -> Flags:
    """Choose windows whose outcomes do not overlap: of a patient the first in each stretch of this length since 1970.

    They come a whole length apart where a patient is measured regularly.
    """
    stretch = newest_us // length_us
    order = np.lexsort((newest_us, patient))
    ordered = np.stack([patient[order], stretch[order]], axis=1)
    chosen = np.ones(len(order), dtype=np.bool_)
    chosen[order[1:]] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return chosen
