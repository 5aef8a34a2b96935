"""Examples for people to look at: crises that were found, crises that were missed, and false alarms.

Judged on every window of its patients (part `track`) by the rules of `ml.evaluation.alarms`, at the level `LEVEL`, from
which on somebody is to answer in time. Nobody chooses the examples. Each patient stands once in each kind, with what
came first; these are put in order, and the one in the middle of each third is shown:

- *found*, crises flagged in the 6 h before, by how long before; shown from the first flag on;
- *missed*, crises not flagged in the 6 h before, by the highest risk in them; shown from the last reading before on;
- *false*, alarms that no crisis followed within 6 h, by their risk; shown from their beginning on.

Curves hold no time and no id: hours count from the moment shown.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, ALERT_THRESHOLDS, HORIZONS_H
from conf.times import HOUR_US
from ml.dataset import Dataset
from ml.evaluation.alarms import Track, first_flags, highest_before, make_track
from ml.evaluation.bootstrap import plain
from ml.evaluation.episodes import LOOKBACK_US, episodes
from ml.features import measures_of, newest_pressures

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

LEVEL: Final = "HIGH"
THRESHOLD: Final = ALERT_THRESHOLDS[ALERT_LEVELS.index(LEVEL) - 1]
FOUND: Final = "found"
MISSED: Final = "missed"
FALSE: Final = "false"
THIRDS: Final = 3


def alarm_examples(data: Dataset, risks: Floats) -> dict[str, Any]:
    """Return {kind: {"number": how many there are, "shown": curves of some}}; `risks` has shape (m, 3).

    A curve: "pressures" ("hours", "systolic", "diastolic") of the window and of the 6 h after the moment shown, "risks"
    ("hours", "values") of the 6 h before and after it, and "highest_risk", until the crisis if there is one.
    """
    order = data.by_time()
    rows, risk = data.where(order), risks[order, HORIZONS_H.index(ALERT_HORIZON_H)]
    track = make_track(rows, 0, seed=0)
    first = first_flags(track, track.may_flag & (risk >= THRESHOLD))
    highest = highest_before(track, risk)
    is_missed = (first < 0) & (track.past < track.crisis)
    lead_us = track.time_us[track.crisis] - track.time_us[first]
    false = _false_alarms(track, risk)
    return {
        FOUND: _kind(rows, track, risk, first[first >= 0], highest[first >= 0], lead_us[first >= 0]),
        MISSED: _kind(rows, track, risk, track.crisis[is_missed] - 1, highest[is_missed], highest[is_missed]),
        FALSE: _kind(rows, track, risk, false, risk[false], risk[false]),
    }


def _false_alarms(track: Track, risk: Floats) -> Places:
    """Return the rows at which an alarm begins that no crisis follows, as far as the next 6 h are among the rows."""
    begins, _ = episodes(track.patient, risk, THRESHOLD)
    last = np.searchsorted(track.patient, track.patient, side="right") - 1
    is_whole = track.time_us[last] - track.time_us >= LOOKBACK_US
    is_seen = np.diff(track.time_us, append=np.iinfo(np.int64).max) <= LOOKBACK_US
    return np.flatnonzero(begins & track.may_flag & (track.target == 0) & is_whole & is_seen)


def _kind(
    rows: Dataset, track: Track, risk: Floats, moments: Places, highest: Floats, key: NDArray[Any]
) -> dict[str, Any]:
    """Return how many `moments` (k,) there are and the curves of those in the middle of each third, in order of key."""
    _, once = np.unique(track.patient[moments], return_index=True)
    ranked = once[np.argsort(key[once], kind="stable")]
    thirds = 2 * np.arange(THIRDS) + 1
    middles = np.unique(thirds * len(ranked) // (2 * THIRDS))[: len(ranked)]
    shown = [
        {"highest_risk": plain(highest[place]), **_curve(rows, track, risk, moments[place])}
        for place in ranked[middles]
    ]
    return {"number": len(moments), "shown": shown}


def _curve(rows: Dataset, track: Track, risk: Floats, moment: int) -> dict[str, Any]:
    systolic, diastolic, _, ago_h = measures_of(rows.features[moment : moment + 1])
    filled = ~np.isnan(systolic[0])
    hours = (track.time_us - track.time_us[moment]) / HOUR_US
    near = (track.patient == track.patient[moment]) & (np.abs(hours) <= ALERT_HORIZON_H)
    after = near & (hours > 0)
    then = newest_pressures(rows.features[after])
    return {
        "pressures": {
            "hours": _rounded(np.append(-ago_h[0, filled], hours[after])),
            "systolic": _rounded(np.append(systolic[0, filled], then[0])),
            "diastolic": _rounded(np.append(diastolic[0, filled], then[1])),
        },
        "risks": {"hours": _rounded(hours[near]), "values": _rounded(risk[near], 4)},
    }


def _rounded(values: NDArray[Any], digits: int = 2) -> list[float]:
    return [round(float(value), digits) for value in values]
