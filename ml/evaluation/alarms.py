"""Alarm burden and lead times: what a threshold on the 6 h risk means for the people who hear the alarms.

Judged on every window of its patients (part `track`). The rules, all of which change the figures:

- An *alarm* is the beginning of an episode, as the alert service counts it (`ml.evaluation.episodes`): from when the
  risk reaches the threshold until the flag falls. One that begins with a crisis reading is none: the measured value is
  then the alarm.
- A patient is *flagged* where the risk reaches the threshold, unless in crisis at t.
- A *crisis* begins with a crisis reading that has no other one in the 6 h before it. Readings are those of the window,
  as the device showed them: an artefact beyond the limits counts as a crisis here, unlike in the targets.
- A crisis is *found* if the patient was flagged at some time in the 6 h before it; the first such flag is its lead
  time. Crises in a patient's first 6 h are left out, as their past is not complete.
- An alarm is *right* if its target is 1; alarms with a censored target do not count for the share of right ones (PPV).
- By *chance* so many crises would be found by as many episodes of the same length at random times.
- Models are *compared* at the same recall: in each resample both thresholds are chosen anew. The bedside rule has no
  threshold to choose; it is met at its own recall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, ALERT_THRESHOLDS, HORIZONS_H, is_crisis
from conf.times import DAY_US, HOUR_US
from ml.dataset import Dataset
from ml.evaluation.bootstrap import REPLICATES, Weights, draw_weights, interval, plain, weighted_sums
from ml.evaluation.episodes import LOOKBACK_US, episodes
from ml.evaluation.names import CHAMPION, LAST_VALUE, LOGISTIC_REGRESSION, OURS, THRESHOLD_RULE
from ml.evaluation.subgroups import in_crisis
from ml.features import measures_of
from ml.labels import Flags

Floats = NDArray[np.float64]

RECALLS: Final = (0.80, 0.90)
RECALL_CURVE: Final = tuple(round(0.50 + 0.05 * step, 2) for step in range(9))
EARLY_H: Final = {"found_over_30_min_ahead": 0.5, "found_over_2_h_ahead": 2.0}
AHEAD_H: Final = tuple(0.25 * step for step in range(1, 25))
JUDGED: Final = (OURS, CHAMPION, LOGISTIC_REGRESSION, LAST_VALUE, THRESHOLD_RULE)

_COLUMN: Final = HORIZONS_H.index(ALERT_HORIZON_H)


@dataclass(frozen=True, slots=True)
class Track:
    """Rows sorted by patient and time, shape (m,), and the e crises among them.

    `patient` are rows of `weights`; `may_flag` is False in crisis. Crisis i begins at row `crisis[i]`, and the rows of
    the same patient in the 6 h before it are `past[i]` up to and not including `crisis[i]`.
    """

    patient: NDArray[np.intp]
    time_us: NDArray[np.int64]
    target: NDArray[np.float32]
    may_flag: Flags
    crisis: NDArray[np.intp]
    past: NDArray[np.intp]
    weights: Weights

    @property
    def days(self) -> Floats:
        """Return the days until the patient's next row (m,), 0 for the last one."""
        same = np.diff(self.patient) == 0
        return np.append(np.where(same, np.diff(self.time_us), 0), 0) / DAY_US


def alarm_burden(
    data: Dataset, risks: Mapping[str, Floats], *, replicates: int = REPLICATES, seed: int = 0
) -> dict[str, Any]:
    """Return recall of crises, alarms per patient-day, PPV and lead times of models (`JUDGED`) in `risks` (m, 3 each).

    At the thresholds that find 80 % and 90 % of the crises, and at the fixed alert levels; with 95 % intervals over
    patients for a given threshold. `comparisons`, {other model: {recall: interval}}, tell how many times as many alarms
    ours needs as another for the same recall. Without any crisis to find, both are empty.
    """
    order = data.by_time()
    track = make_track(data.where(order), replicates, seed)
    judged = {name: risks[name][order, _COLUMN] for name in JUDGED if name in risks}
    return {
        "horizon_h": ALERT_HORIZON_H,
        "patients": len(track.weights),
        "patient_days": plain(track.days.sum()),
        "crises": len(track.crisis),
        "models": {name: _burden(track, risk) for name, risk in judged.items()} if len(track.crisis) else {},
        "comparisons": _comparisons(track, judged) if len(track.crisis) and OURS in judged else {},
    }


def make_track(data: Dataset, replicates: int, seed: int) -> Track:
    """Find the crises in rows that are sorted by patient and time."""
    _, first, patient = np.unique(data.patient_id, return_index=True, return_inverse=True)
    start = first[patient]
    begins = begins_crisis(data.features) & (data.newest_us - data.newest_us[start] >= LOOKBACK_US)
    crisis = np.flatnonzero(begins)
    past = [
        start[row] + np.searchsorted(data.newest_us[start[row] : row], data.newest_us[row] - LOOKBACK_US)
        for row in crisis
    ]
    return Track(
        patient=patient,
        time_us=data.newest_us,
        target=data.targets[:, _COLUMN],
        may_flag=~in_crisis(data.features),
        crisis=crisis,
        past=np.array(past, dtype=np.intp),
        weights=draw_weights(len(first), replicates, seed),
    )


def begins_crisis(features: NDArray[np.float32]) -> Flags:
    """Tell which rows' newest reading is in crisis while none of the window's other readings of the last 6 h is."""
    systolic, diastolic, _, hours = measures_of(features)
    crisis = is_crisis(systolic, diastolic)
    recent = crisis[:, :-1] & (hours[:, :-1] <= ALERT_HORIZON_H)
    begins: Flags = crisis[:, -1] & ~recent.any(axis=1)
    return begins


def highest_before(track: Track, risk: Floats) -> Floats:
    """Return the highest threshold at which each crisis is found, shape (e,); 0 where its patient is in crisis."""
    return np.array(
        [
            np.max(risk[past:row], where=track.may_flag[past:row], initial=0.0)
            for past, row in zip(track.past, track.crisis, strict=True)
        ]
    )


def threshold_for(track: Track, risk: Floats, recall: float) -> float:
    """Return the highest threshold that finds at least this share of the crises; 0, for everybody, if none does."""
    highest = highest_before(track, risk)
    return float(np.sort(highest)[::-1][int(np.ceil(recall * len(highest) - 1e-9)) - 1])


def first_flags(track: Track, flagged: Flags) -> NDArray[np.intp]:
    """Return the row at which the patient of each crisis is first flagged within the 6 h, -1 if at none; shape (e,)."""
    found = (past + np.flatnonzero(flagged[past:row]) for past, row in zip(track.past, track.crisis, strict=True))
    return np.array([rows[0] if len(rows) else -1 for rows in found], dtype=np.intp)


def lead_hours(track: Track, flagged: Flags) -> Floats:
    """Return how long before each crisis its patient was first flagged within the 6 h, 0 if not at all; shape (e,)."""
    first = first_flags(track, flagged)
    return np.where(first < 0, 0.0, (track.time_us[track.crisis] - track.time_us[first]) / HOUR_US)


def _burden(track: Track, risk: Floats) -> dict[str, Any]:
    thresholds = {recall: threshold_for(track, risk, recall) for recall in RECALL_CURVE}
    return {
        "at_recall": {f"{recall:.2f}": _at(track, risk, thresholds[recall]) for recall in RECALLS},
        "at_level": {
            level: _at(track, risk, threshold)
            for level, threshold in zip(ALERT_LEVELS[1:], ALERT_THRESHOLDS, strict=True)
        },
        "curve": [_point(track, risk, threshold) for threshold in sorted(set(thresholds.values()), reverse=True)],
    }


def _at(track: Track, risk: Floats, threshold: float) -> dict[str, Any]:
    """Return all figures of one threshold, with intervals."""
    leads = lead_hours(track, track.may_flag & (risk >= threshold))
    ahead = _shares(track, leads, [0.0, *EARLY_H.values()])
    return {
        "threshold": plain(threshold),
        "recall": interval(ahead[0]),
        **{name: interval(values) for name, values in _alarm_figures(track, risk, threshold).items()},
        "median_lead_h": interval(_median_lead(track, leads)),
        **{name: interval(values) for name, values in zip(EARLY_H, ahead[1:], strict=True)},
        "ahead": {"hours": list(AHEAD_H), "share": [plain((leads >= hours).mean()) for hours in AHEAD_H]},
    }


def _point(track: Track, risk: Floats, threshold: float) -> dict[str, float | None]:
    """Return one threshold of the curve, without intervals."""

    def value(values: Floats) -> float | None:
        return plain(values[0]) if np.isfinite(values[0]) else None

    recall = plain((lead_hours(track, track.may_flag & (risk >= threshold)) > 0).mean())
    figures = _alarm_figures(track, risk, threshold)
    return {"recall": recall, **{name: value(values) for name, values in figures.items()}}


def _shares(track: Track, leads: Floats, hours: Sequence[float]) -> list[Floats]:
    """Return the share of all crises whose lead exceeds each of `hours`, per resample."""
    columns = np.stack([np.ones(len(leads)), *(leads > least for least in hours)], axis=1).astype(np.float64)
    total, *early = weighted_sums(track.weights, track.patient[track.crisis], columns).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return [found / total for found in early]


def _alarm_figures(track: Track, risk: Floats, threshold: float) -> dict[str, Floats]:
    begins, is_open = episodes(track.patient, risk, threshold)
    alarms = np.flatnonzero(begins & track.may_flag)
    target = track.target[alarms]
    columns = np.stack([np.ones(len(alarms)), ~np.isnan(target), target == 1], axis=1).astype(np.float64)
    count, known, right = weighted_sums(track.weights, track.patient[alarms], columns).T
    times = np.stack([track.days, track.days * is_open], axis=1)
    days, flagged_days = weighted_sums(track.weights, track.patient, times).T
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, share = count / days, flagged_days / days
        missed_by_chance = (1 - share) * np.exp(-rate * (ALERT_HORIZON_H / 24) / (1 - share))
        by_chance = np.where(share < 1, 1 - missed_by_chance, 1.0)
        return {
            **{"alarms_per_patient_day": rate, "time_flagged": share, "recall_by_chance": by_chance},
            "ppv": right / known,
        }


def _comparisons(track: Track, judged: Mapping[str, Floats]) -> dict[str, Any]:
    """Return {other model: {recall: how many times as many alarms ours needs}}, paired."""
    found: dict[str, Any] = {}
    for name in (name for name in judged if name != OURS):
        pairs: dict[str, tuple[float | Floats, Floats]] = {
            f"{recall:.2f}": (recall, alarms_at(track, judged[name], recall)) for recall in RECALLS
        }
        if name == THRESHOLD_RULE:
            is_found = highest_before(track, judged[name]) >= judged[name].max()
            own = _shares(track, is_found.astype(np.float64), [0.0])[0]
            begins, _ = episodes(track.patient, judged[name], judged[name].max())
            rung = weighted_sums(track.weights, track.patient, (begins & track.may_flag)[:, None].astype(np.float64))
            pairs = {f"{own[0]:.2f}": (own, rung[:, 0])}
        with np.errstate(invalid="ignore", divide="ignore"):
            found[name] = {
                text: interval(alarms_at(track, judged[OURS], recall) / theirs)
                for text, (recall, theirs) in pairs.items()
            }
    return found


def alarms_at(track: Track, risk: Floats, recall: Floats | float) -> Floats:
    """Count the alarms at the highest threshold that finds this share of the crises, per resample (1 + B,)."""
    highest = highest_before(track, risk)
    order = np.argsort(-highest, kind="stable")
    found = np.cumsum(track.weights[track.patient[track.crisis[order]]], axis=0, dtype=np.float64)
    wanted = recall * found[-1] - 1e-9
    place = np.minimum((found < wanted).sum(axis=0), len(order) - 1)
    thresholds = highest[order][place]
    alarms = np.full(len(thresholds), np.nan)
    for threshold in np.unique(thresholds):
        begins, _ = episodes(track.patient, risk, float(threshold))
        rung = np.bincount(track.patient, begins & track.may_flag, len(track.weights))
        chosen = thresholds == threshold
        alarms[chosen] = rung @ track.weights[:, chosen]
    alarms[found[-1] == 0] = np.nan
    return alarms


def _median_lead(track: Track, leads: Floats) -> Floats:
    """Return the median lead of the crises that were found, per resample."""
    order = np.flatnonzero(leads > 0)[np.argsort(leads[leads > 0])]
    if len(order) == 0:
        return np.full(track.weights.shape[1], np.nan)
    below = np.cumsum(track.weights[track.patient[track.crisis[order]]], axis=0)
    place = (below < below[-1] / 2).sum(axis=0)
    medians: Floats = np.where(below[-1] > 0, leads[order][place.clip(max=len(order) - 1)], np.nan)
    return medians
