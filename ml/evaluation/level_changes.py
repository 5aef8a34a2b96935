"""How restless alert levels are: how often a patient's level changes, and how little it takes.

Judged on every window of its patients (part `track`). A level is *raw*, that of the risk alone, or *served*: what the
alert service makes of it, which leaves a level only some way below its threshold and LOW only after two predictions in
a row (`ml.evaluation.episodes.served_levels`). A change is *undone* if the level before it is back within 30 minutes. A
level above LOW of a patient not in crisis is *nudged* if it is another one with both newest pressures 3 mmHg higher, or
3 mmHg lower, which is less than cuffs differ by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import ALERT_HORIZON_H, ALERT_THRESHOLDS, HORIZONS_H
from conf.times import MINUTE_US
from ml.dataset import Dataset
from ml.evaluation.alarms import Track, make_track
from ml.evaluation.bootstrap import REPLICATES, interval, plain, weighted_sums
from ml.evaluation.episodes import served_levels
from ml.evaluation.names import NUDGED, OURS
from ml.features import FEATURE_NAMES, NEWEST_PRESSURES
from ml.labels import Flags
from ml.prediction import Bundle, Predictor

Floats = NDArray[np.float64]
Ranks = NDArray[np.intp]

NUDGE_MMHG: Final = 3
UNDONE_US: Final = 30 * MINUTE_US

_COLUMN: Final = HORIZONS_H.index(ALERT_HORIZON_H)


def nudged_risks(bundle: Bundle, rows: Dataset) -> dict[str, Floats]:
    """Return a bundle's risks (m, 3) with the newest pressures a little higher and lower, by name (`NUDGED`)."""
    predictor = Predictor(bundle)
    places = [FEATURE_NAMES.index(name) for name in NEWEST_PRESSURES]
    risks: dict[str, Floats] = {}
    for name, step_mmhg in zip(NUDGED, (NUDGE_MMHG, -NUDGE_MMHG), strict=True):
        features = rows.features.copy()
        features[:, places] += step_mmhg
        risks[name] = predictor.risks(features, rows.hour).values
    return risks


def level_changes(
    data: Dataset, risks: Mapping[str, Floats], *, replicates: int = REPLICATES, seed: int = 0
) -> dict[str, Any]:
    """Return how often levels change, over all patients and over those who ever reach the lowest level of alert.

    `risks` has shape (m, 3) by model; without those of `nudged_risks` nothing is said of nudges.
    """
    order = data.by_time()
    track = make_track(data.where(order), replicates, seed)
    risk = {name: risks[name][order, _COLUMN] for name in (OURS, *NUDGED) if name in risks}
    raw = {name: np.searchsorted(ALERT_THRESHOLDS, values, side="right") for name, values in risk.items()}
    ever = np.bincount(track.patient, raw[OURS] > 0, len(track.weights)) > 0
    levels = {"raw": raw[OURS], "served": served_levels(track.patient, risk[OURS])}
    nudged = [raw[name] != raw[OURS] for name in NUDGED if name in raw]
    above = track.may_flag & (raw[OURS] > 0)
    columns = np.stack([np.any(nudged, axis=0) & above, above], axis=1).astype(np.float64)
    moved, all_of_them = weighted_sums(track.weights, track.patient, columns).T
    with np.errstate(invalid="ignore", divide="ignore"):
        share = interval(moved / all_of_them)
    return {
        "ever_above_low": plain(ever.mean()),
        "levels": {name: _changes(track, ranks, ever) for name, ranks in levels.items()},
        "nudged": share if nudged else None,
    }


def _changes(track: Track, ranks: Ranks, ever: Flags) -> dict[str, Any]:
    """Return changes per patient-day of all, and of those who `ever` (p,) reach a level; of the latter the undone."""
    same = np.diff(track.patient, prepend=-1) == 0
    changed = same & (np.diff(ranks, prepend=0) != 0)
    columns = np.stack([track.days, changed, changed & _undone(track, ranks, changed)], axis=1).astype(np.float64)
    days, changes, _ = weighted_sums(track.weights, track.patient, columns).T
    of_ever = weighted_sums(track.weights, track.patient, columns * ever[track.patient, None]).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "per_patient_day": interval(changes / days),
            "per_patient_day_ever": interval(of_ever[1] / of_ever[0]),
            "undone_per_patient_day_ever": interval(of_ever[2] / of_ever[0]),
        }


def _undone(track: Track, ranks: Ranks, changed: Flags) -> Flags:
    """Tell of which changed rows the level before is back in time."""
    last = np.searchsorted(track.patient, track.patient, side="right")
    undone = np.zeros(len(ranks), dtype=np.bool_)
    for row in np.flatnonzero(changed):
        soon = np.searchsorted(track.time_us[row : last[row]], track.time_us[row] + UNDONE_US, side="right")
        undone[row] = (ranks[row : row + soon] == ranks[row - 1]).any()
    return undone
