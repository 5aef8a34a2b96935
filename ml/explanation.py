"""Why a risk is high: the contributions of the boosters' inputs, folded into a few reasons that a person can read.

A contribution is what an input adds to the *raw log odds* of the alert horizon, before calibration and the repair of
horizons: by the straight part of the model, compared with an average patient, and by the trees, attributed along their
paths (Saabas), which costs a thirtieth of exact TreeSHAP. All contributions and a constant of the model sum up to the
raw log odds. They explain the model, not the patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from conf.clinical import is_crisis
from ml.features import WINDOW_LENGTH, measures_of
from ml.inputs import RECENT_H

MOST_REASONS: Final = 4
LEAST_CONTRIBUTION: Final = 0.05  # log odds: odds raised by 5 %
DECIMALS: Final = 3
RECENT_LAGS: Final = 8  # two hours of readings every 15 minutes: in versions that tell no more than the lag


class ReasonCode(StrEnum):
    """What a reason is about. `value` is a mean in mmHg or per minute unless said otherwise."""

    SYSTOLIC_NEWEST = "SYSTOLIC_NEWEST"
    SYSTOLIC_RECENT = "SYSTOLIC_RECENT"
    SYSTOLIC_EARLIER = "SYSTOLIC_EARLIER"
    DIASTOLIC_NEWEST = "DIASTOLIC_NEWEST"
    DIASTOLIC_RECENT = "DIASTOLIC_RECENT"
    DIASTOLIC_EARLIER = "DIASTOLIC_EARLIER"
    HEART_RATE_NEWEST = "HEART_RATE_NEWEST"
    HEART_RATE_RECENT = "HEART_RATE_RECENT"
    HEART_RATE_EARLIER = "HEART_RATE_EARLIER"
    READING_TIMES = "READING_TIMES"  # when the readings were taken; value: hours from the oldest to the newest
    READINGS_MISSING = "READINGS_MISSING"  # the window is not full; value: readings that lack
    HEART_RATE_MISSING = "HEART_RATE_MISSING"  # readings without heart rate; value: how many
    CRISIS_BEFORE = "CRISIS_BEFORE"  # an earlier reading of the window is a crisis; value: hours since the last one
    TIME_OF_DAY = "TIME_OF_DAY"  # value: the hour, on the clock of the place


CODES: Final = tuple(ReasonCode)
_OF_NAMES: Final = {  # which reason an input belongs to, by how its name begins; the first that fits
    "systolic_mean_1h": ReasonCode.SYSTOLIC_RECENT,
    "systolic_greatest_recent": ReasonCode.SYSTOLIC_RECENT,
    "systolic_previous": ReasonCode.SYSTOLIC_RECENT,
    "systolic_": ReasonCode.SYSTOLIC_EARLIER,
    "systolic": ReasonCode.SYSTOLIC_NEWEST,
    "diastolic_mean_1h": ReasonCode.DIASTOLIC_RECENT,
    "diastolic_greatest_recent": ReasonCode.DIASTOLIC_RECENT,
    "diastolic_previous": ReasonCode.DIASTOLIC_RECENT,
    "diastolic_": ReasonCode.DIASTOLIC_EARLIER,
    "diastolic": ReasonCode.DIASTOLIC_NEWEST,
    "heart_rate_mean_1h": ReasonCode.HEART_RATE_RECENT,
    "heart_rate_": ReasonCode.HEART_RATE_EARLIER,
    "heart_rates": ReasonCode.HEART_RATE_MISSING,
    "heart_rate": ReasonCode.HEART_RATE_NEWEST,
    "hours_since_crisis": ReasonCode.CRISIS_BEFORE,
    "hours_before_": ReasonCode.READING_TIMES,
    "readings_": ReasonCode.TIME_OF_DAY,
    "readings": ReasonCode.READINGS_MISSING,
    **dict.fromkeys(("hour", "sine", "cosine"), ReasonCode.TIME_OF_DAY),
}
# Where a window has nothing of the kind, its contribution belongs to the reason behind, step after step.
_IF_ABSENT: Final = (
    *((ReasonCode(f"{measure}_RECENT"), ReasonCode(f"{measure}_EARLIER")) for measure in ("SYSTOLIC", "DIASTOLIC")),
    *((ReasonCode(f"{measure}_EARLIER"), ReasonCode(f"{measure}_RECENT")) for measure in ("SYSTOLIC", "DIASTOLIC")),
    *((ReasonCode(f"{measure}_RECENT"), ReasonCode.READINGS_MISSING) for measure in ("SYSTOLIC", "DIASTOLIC")),
    *((ReasonCode(f"HEART_RATE_{part}"), ReasonCode.HEART_RATE_MISSING) for part in ("NEWEST", "RECENT", "EARLIER")),
)


class RiskReason(msgspec.Struct, frozen=True, gc=False):
    """A reason of a high risk: its code, how much it raises the booster's log odds, and the number that it is about."""

    code: str
    contribution: float
    value: float


def explain(
    features: NDArray[np.float32], hour: NDArray[np.float32], contributions: NDArray[np.float32], names: Sequence[str]
) -> list[list[RiskReason]]:
    """Return the reasons that raise each row's risk most, greatest first.

    `features` (n, 120) and `hour` (n,) are the windows, `contributions` (n, k) those of inputs with these names.
    """
    values = _values(features, hour)
    sums = _fold(contributions, names, np.isnan(values))
    values = np.nan_to_num(values)
    order = np.argsort(-sums, axis=1, kind="stable")[:, :MOST_REASONS]
    return [
        [
            RiskReason(CODES[code], *(round(float(of[row, code]), DECIMALS) for of in (sums, values)))
            for code in codes
            if sums[row, code] >= LEAST_CONTRIBUTION
        ]
        for row, codes in enumerate(order.tolist())
    ]


def _fold(contributions: NDArray[np.float32], names: Sequence[str], absent: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sum the contributions of each row by reason, shape (n, number of codes); `absent` has that shape, too."""
    sums = np.zeros(absent.shape)
    for name, column in zip(names, contributions.T, strict=True):  # one by one: a row's sums depend on no other row
        sums[:, CODES.index(_reason_of(name))] += column
    for code, behind in ((CODES.index(code), CODES.index(behind)) for code, behind in _IF_ABSENT):
        moved = np.where(absent[:, code], sums[:, code], 0.0)
        sums[:, code] -= moved
        sums[:, behind] += moved
    return sums


def _reason_of(name: str) -> ReasonCode:
    """Return the reason that an input, or a feature as the first versions had them, belongs to."""
    measure, lag, number = name.partition("_lag")
    if not lag:
        return next(code for beginning, code in _OF_NAMES.items() if name.startswith(beginning))
    if measure == "hours_before_newest":
        return ReasonCode.READING_TIMES
    part = "NEWEST" if int(number) == 0 else "RECENT" if int(number) <= RECENT_LAGS else "EARLIER"
    return ReasonCode(f"{measure.upper()}_{part}")


def _values(features: NDArray[np.float32], hour: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the number that each reason would tell, NaN where a window has nothing of the kind."""
    systolic, diastolic, heart_rate, hours = measures_of(features).astype(np.float64)
    earlier, recent = ~np.isnan(hours), hours <= RECENT_H
    earlier[:, -1] = recent[:, -1] = False
    parts = np.stack([np.zeros_like(recent), recent, earlier & ~recent])
    parts[0, :, -1] = True
    values = np.zeros((len(features), len(CODES)))
    for place, measure in enumerate((systolic, diastolic, heart_rate)):
        for part, chosen in enumerate(parts):
            known = chosen & ~np.isnan(measure)
            count = known.sum(axis=1)
            mean = np.where(known, measure, 0).sum(axis=1) / np.maximum(count, 1)
            values[:, place * len(parts) + part] = np.where(count > 0, mean, np.nan)
    filled = ~np.isnan(systolic)
    crisis = is_crisis(systolic, diastolic) & earlier
    since = np.where(crisis, hours, np.inf).min(axis=1)
    told = {
        ReasonCode.READING_TIMES: np.nan_to_num(hours).max(axis=1),
        ReasonCode.READINGS_MISSING: WINDOW_LENGTH - filled.sum(axis=1),
        ReasonCode.HEART_RATE_MISSING: (filled & np.isnan(heart_rate)).sum(axis=1),
        ReasonCode.CRISIS_BEFORE: np.where(np.isfinite(since), since, 0),
        ReasonCode.TIME_OF_DAY: hour,
    }
    for code, value in told.items():
        values[:, CODES.index(code)] = value
    return values
